"""Temperature and dose as DICOM Parametric Maps, for any viewer that knows them.

Built by ``highdicom`` (an extra) from the images they were derived from, so that patient, study and
frame of reference are theirs. Says of itself that it is research.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError, SettingsError
from insonate.core.provenance import versions

_DESCRIPTION = "Research and training software. Not a medical device."  # 64 characters at most
QUANTITIES = {
    "delta_t": ("K", "kelvin", "Temperature difference"),
    "dose": ("min", "minute", "Cumulative equivalent minutes at 43 degC"),
}
"""Unit (UCUM), its name, and what it is: DICOM has no code for either, so that ours are private."""


def write_parametric_map(
    values: NDArray[np.float32], quantity: str, sources: tuple[Any, ...], path: Path
) -> None:
    """Write the map of all slices of one frame.

    Parameters
    ----------
    values
        Shape (slices, nx, ny): ΔT (K) or CEM43 (minutes); NaN where masked.
    quantity
        ``delta_t`` or ``dose``.
    sources
        The DICOM images of the slices, in the same order (``ComplexSeries.sources``).
    path
        The file.

    Raises
    ------
    SettingsError
        When highdicom is missing.
    ImageError
        When there are no DICOM images to derive from, or not one for each slice.
    """
    try:
        import highdicom as hd  # noqa: PLC0415 - an extra, imported only when it is used
        from highdicom.pm import ParametricMap, RealWorldValueMapping  # noqa: PLC0415
        from pydicom.sr.coding import Code  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "A DICOM parametric map needs the package highdicom; install insonate[dicom]."
        ) from error
    if len(sources) != len(values) or not sources:
        raise ImageError(
            f"A parametric map is derived from one DICOM image for each of its {len(values)} "
            f"slices; there are {len(sources)}."
        )
    unit, unit_name, meaning = QUANTITIES[quantity]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    mapping = RealWorldValueMapping(
        lut_label=quantity,
        lut_explanation=meaning,
        unit=Code(unit, "UCUM", unit_name),
        value_range=(low, max(high, low + 1e-6)),
        slope=1.0,
        intercept=0.0,
        quantity_definition=Code(quantity, "99INSONATE", meaning),
    )
    document = ParametricMap(
        source_images=list(sources),
        # Rows first, as DICOM has it.
        pixel_array=np.ascontiguousarray(values.transpose(0, 2, 1)),
        series_instance_uid=hd.UID(),
        series_number=9000,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="insonate",
        manufacturer_model_name="insonate",
        software_versions=str(versions()["insonate"]),
        device_serial_number="0",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[
            hd.VOILUTTransformation(0.5 * (low + high), max(high - low, 1e-3))
        ],
        content_description=_DESCRIPTION,
        content_label=quantity.upper(),
    )
    document.save_as(path)
