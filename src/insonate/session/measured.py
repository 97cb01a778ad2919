"""The lesion by what thermometry measured: the model, calibrated by it, where it saw the focus.

One slice of voxels wider than the spot cannot show a lesion of a few cubic millimetres. What it
does show is how hot the spot became and where. So the model is run again over the session, the
source of each sonication scaled to the rise that was measured in it
(``World.believed_in_hindsight``), and its dose, in three dimensions, is taken as measured, with the
target where thermometry found it relative to the focus.
"""

from collections.abc import Sequence

import numpy as np

from insonate.events.documents import (
    LesionDescribed,
    NeighbourHeated,
    Point,
    TemperatureFrame,
)
from insonate.heat.lesion import Contour, predict_lesion
from insonate.heat.readout import dose_at, peak_at
from insonate.plant import Twin
from insonate.plant.symptoms import Neighbour


def measured_lesion(
    belief: Twin, frames: Sequence[TemperatureFrame], neighbours: Sequence[Neighbour] = ()
) -> LesionDescribed | None:
    """Describe the lesion as measured.

    Parameters
    ----------
    belief
        The calibrated model.
    frames
        All frames of the session; the hottest says where the focus was.
    neighbours
        The structures beside the target.

    Returns
    -------
    LesionDescribed or None
        None where nothing was measured.
    """
    if not frames:
        return None
    hottest = max(frames, key=lambda frame: frame.peak_degc)
    offset = np.array(hottest.focus_offset_m or (0.0, 0.0, 0.0))
    spacing = float(belief.model.fine_grid.spacing_m[0])
    return describe_lesion(belief, "measured", offset, spacing, neighbours)


def describe_lesion(
    twin: Twin,
    basis: str,
    focus_offset_m: np.ndarray,
    plane_spacing_m: float,
    neighbours: Sequence[Neighbour],
) -> LesionDescribed:
    """Describe the lesion of a twin whose focus lies ``focus_offset_m`` from the target."""
    target = twin.model.focus_m - focus_offset_m
    found = predict_lesion(twin.model, twin.state, target_m=target)
    main = found.at(240.0)
    made = main.volume_m3 > 0
    return LesionDescribed.model_validate(
        {
            "basis": basis,
            "peak_degc": float(twin.state.fine_peak_degc.max()),
            "peak_dose_cem43": float(twin.state.fine_dose.max()),
            "volume_17_mm3": _mm3(found.at(17.0)),
            "volume_100_mm3": _mm3(found.at(100.0)),
            "volume_200_mm3": _mm3(found.at(200.0)),
            "volume_240_mm3": _mm3(main),
            "volume_51_mm3": _mm3(found.at(51.0, "degC")),
            "diameters_m": _point(main.extent_m),
            "principal_diameters_m": _point(main.diameters_m) if made else None,
            "long_axis": _point(main.axis) if made else None,
            "neighbours": tuple(_heated(twin, target, n) for n in neighbours),
            "centre_offset_m": _point(main.offset_m) if made else None,
            "plane_spacing_m": plane_spacing_m,
            "target_inside": main.target_inside,
            "dose_variant": str(twin.model.options.dose_variant),
        }
    )


def _heated(twin: Twin, target: np.ndarray, neighbour: Neighbour) -> NeighbourHeated:
    """Return what a neighbour was given, read at its place."""
    offset = np.array(neighbour.offset_m)
    at = target + offset
    return NeighbourHeated(
        name=neighbour.name,
        distance_m=float(np.linalg.norm(offset)),
        peak_degc=float(peak_at(twin.model, twin.state, at)),
        dose_cem43=float(dose_at(twin.model, twin.state, at)),
    )


def _mm3(contour: Contour) -> float:
    return contour.volume_m3 * 1e9


def _point(vector: np.ndarray) -> Point:
    x, y, z = (float(v) for v in vector)
    return x, y, z
