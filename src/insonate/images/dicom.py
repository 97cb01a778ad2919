"""A folder of DICOM slices in: metres, RAS, float32, or one sentence why not.

The patient axes of DICOM are left, posterior, superior (PS3.3 C.7.6.2.1.1); x and y change
their sign on the way in. Values are ``slope · stored + intercept`` of each slice.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import BytesLengthException, InvalidDicomError

from insonate.core import Frame, ImageError, Volume
from insonate.core.units import MM
from insonate.images.bounds import require_finite, require_spacing, require_three_axes
from insonate.images.orientation import as_ras
from insonate.images.untyped import sitk

_NEEDED = (
    "SeriesInstanceUID",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
)

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    NotImplementedError,
    OverflowError,
    InvalidDicomError,
    BytesLengthException,
)
"""What pydicom raises on damaged files, from the header to the pixels."""

_GAP_TOLERANCE = 0.02
"""Largest departure of a slice distance from the median, as a share of it."""


def read_dicom(folder: Path, frame: Frame, unit: str) -> Volume:
    """Read the one DICOM series in a folder, in RAS.

    A series from a tilted gantry is sheared back onto straight axes.

    Parameters
    ----------
    folder
        Holds the slices; files that are not DICOM are passed over.
    frame, unit
        What the volume is.

    Returns
    -------
    Volume
        float32, axis-aligned RAS, m.

    Raises
    ------
    ImageError
        When the folder does not hold exactly one whole, evenly spaced series of grey slices.
    """
    what = f"The DICOM series in {folder.name}"
    slices = _slices(folder)
    _require_one_series(slices, what)
    _require_modality(slices, frame, what)
    _require_one_block(slices, what)
    slices, step = _in_order(slices, what)
    first = slices[0]
    require_three_axes((first.columns, first.rows, len(slices)), what)
    affine = _affine_m(first, step)
    require_spacing(np.linalg.norm(affine[:3, :3], axis=0), what, "mm")
    array = np.stack([_values(one) for one in slices], axis=-1)
    require_finite(array, what)
    return as_ras(array, affine, (frame, unit))


@dataclass(frozen=True, eq=False)
class _Slice:
    """What one slice's header says of its place; numbers as float64, mm, LPS."""

    path: Path
    series: str
    modality: str
    rows: int
    columns: int
    spacing: NDArray[np.float64]
    orientation: NDArray[np.float64]
    position: NDArray[np.float64]


def _slices(folder: Path) -> list[_Slice]:
    """Read the header of each DICOM image in a folder, in the order of the names."""
    found = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            if any(tag in header for tag in ("Rows", "PixelSpacing", "SeriesInstanceUID")):
                found.append(_slice(path, header))
        except InvalidDicomError:
            continue
        except _UNREADABLE as error:
            raise _damaged(path) from error
    if not found:
        raise ImageError(
            f"The folder {folder} holds no DICOM images; give a folder with the slices of one "
            "CT or MR series, or a NIfTI file."
        )
    return found


def _slice(path: Path, header: Any) -> _Slice:
    _require_complete(path, header)
    _require_grey(path, header)
    orientation, position, spacing = (
        np.asarray(header.get(tag), dtype=np.float64)
        for tag in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
    )
    sizes = orientation.shape, position.shape, spacing.shape
    numbers = np.concatenate([np.ravel(orientation), np.ravel(position), np.ravel(spacing)])
    if sizes != ((6,), (3,), (2,)) or not np.isfinite(numbers).all():
        raise _damaged(path)
    return _Slice(
        path=path,
        series=str(header.SeriesInstanceUID),
        modality=str(header.get("Modality", "")),
        rows=int(header.Rows),
        columns=int(header.Columns),
        spacing=spacing,
        orientation=orientation,
        position=position,
    )


def _require_complete(path: Path, header: Any) -> None:
    if int(header.get("NumberOfFrames", 1) or 1) > 1:
        raise ImageError(
            f"The file {path} is a multi-frame DICOM image, which is not read; convert the series "
            "to NIfTI."
        )
    missing = [tag for tag in _NEEDED if header.get(tag) in (None, "")]
    if missing:
        raise ImageError(
            f"The DICOM file {path} lacks {', '.join(missing)}, so its slice has no place; give "
            "original slices (no reports, localisers or screen captures)."
        )


def _require_grey(path: Path, header: Any) -> None:
    samples = int(header.get("SamplesPerPixel", 1))
    photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
    if samples != 1 or photometric != "MONOCHROME2":
        raise ImageError(
            f"The DICOM file {path} is {photometric} with {samples} samples a pixel; MONOCHROME2 "
            "with one is needed. Give original slices, not colour pictures."
        )


def _require_one_series(slices: list[_Slice], what: str) -> None:
    series = Counter(one.series for one in slices)
    if len(series) > 1:
        counts = ", ".join(str(n) for n in sorted(series.values(), reverse=True))
        raise ImageError(
            f"{what} is mixed: {len(series)} series with {counts} slices lie in one folder. "
            "Put the series that you want into a folder of its own."
        )


def _require_modality(slices: list[_Slice], frame: Frame, what: str) -> None:
    wanted = {Frame.CT: "CT", Frame.MR: "MR"}.get(frame)
    found = slices[0].modality
    if wanted and found and found != wanted:
        raise ImageError(
            f"{what} has the modality {found}, but {wanted} is needed here; give a series of "
            "that modality."
        )


def _require_one_block(slices: list[_Slice], what: str) -> None:
    """All slices must share one in-plane geometry."""
    for name in ("rows", "columns", "spacing", "orientation"):
        first = getattr(slices[0], name)
        for one in slices[1:]:
            other = getattr(one, name)
            if not np.allclose(other, first, atol=1e-4):
                raise ImageError(
                    f"{what} is not one block: the {name} of its slices differ ({first} and "
                    f"{other}). Give one series with one geometry."
                )


def _directions(one: _Slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit vectors of growing column and growing row index, LPS."""
    both = one.orientation.reshape(2, 3)
    if not np.allclose(both @ both.T, np.eye(2), atol=1e-3):
        raise ImageError(
            f"The DICOM file {one.path} has an ImageOrientationPatient of "
            f"{one.orientation.tolist()}; two perpendicular unit vectors are needed. Export the "
            "series again."
        )
    return both[0], both[1]


def _in_order(slices: list[_Slice], what: str) -> tuple[list[_Slice], NDArray[np.float64]]:
    """Sort along the slice normal; return the slices and the step between them, LPS mm."""
    if len(slices) < 2:
        raise ImageError(
            f"{what} has only one slice; a whole head is needed. Give the folder with all slices."
        )
    normal = np.cross(*_directions(slices[0]))
    places = np.array([one.position for one in slices])
    order = np.argsort(places @ normal, kind="stable")
    places = places[order]
    _require_even(places @ normal, what)
    steps = np.diff(places, axis=0)
    step: NDArray[np.float64] = steps.mean(axis=0)
    if np.abs(steps - step).max() > max(0.05, _GAP_TOLERANCE * float(np.linalg.norm(step))):
        raise ImageError(
            f"{what} does not move along one line from slice to slice; a straight stack is "
            "needed. Export the series again."
        )
    return [slices[i] for i in order], step


def _require_even(heights: NDArray[np.float64], what: str) -> None:
    """Refuse doubled, missing and unevenly spaced slices; ``heights`` are sorted, mm."""
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    worst = int(np.abs(gaps - usual).argmax())
    place = f"between {heights[worst]:.2f} and {heights[worst + 1]:.2f} mm"
    if gaps.min() < 0.01:
        twice = heights[int(gaps.argmin())]
        raise ImageError(
            f"{what} has two slices at {twice:.2f} mm; each place may have one. Give a single "
            "series without copies."
        )
    if abs(gaps[worst] - usual) <= _GAP_TOLERANCE * usual:
        return
    if gaps[worst] > 1.5 * usual:
        missing = max(1, round(gaps[worst] / usual) - 1)
        raise ImageError(
            f"{what} lacks {missing} slice(s) {place}, where the usual distance is "
            f"{usual:.2f} mm; give all slices of the series."
        )
    raise ImageError(
        f"{what} is unevenly spaced: {gaps[worst]:.2f} mm {place}, but {usual:.2f} mm elsewhere; "
        "a departure of 2 % is allowed. Give a series with even spacing."
    )


def _affine_m(first: _Slice, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Index (column, row, slice) to metres RAS (PS3.3 equation C.7.6.2.1-1, x and y negated)."""
    along_row, along_column = _directions(first)
    between_rows, between_columns = first.spacing
    affine = np.eye(4)
    affine[:3, 0] = along_row * between_columns
    affine[:3, 1] = along_column * between_rows
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    affine[:2] *= -1
    affine[:3] *= MM
    return affine


def _values(one: _Slice) -> NDArray[np.float32]:
    """Return the rescaled values of one slice, shape (columns, rows)."""
    try:
        values = _decoded(one.path)
    except (NotImplementedError, RuntimeError):
        values = _decoded_elsewhere(one.path)
    except _UNREADABLE as error:
        raise _damaged(one.path) from error
    if values.shape != (one.rows, one.columns):
        raise _damaged(one.path)
    return values.T


def _decoded(path: Path) -> NDArray[np.float32]:
    """Decode a slice with pydicom; slope times stored value plus intercept."""
    full = pydicom.dcmread(path)
    stored = np.asarray(full.pixel_array, dtype=np.float32)
    slope, intercept = (
        float(full.get(tag, usual))
        for tag, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    return np.asarray(slope * stored + intercept, dtype=np.float32)


def _decoded_elsewhere(path: Path) -> NDArray[np.float32]:
    """Decode a compressed slice with ITK's codecs, which pydicom alone lacks; rescaled."""
    try:
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    except RuntimeError as error:
        raise ImageError(
            f"The DICOM file {path} is compressed in a way that cannot be decoded here, or is "
            "damaged; convert the series to NIfTI."
        ) from error
    values: NDArray[np.float32] = sitk.GetArrayFromImage(image)
    return values.reshape(values.shape[-2:])


def _damaged(path: Path) -> ImageError:
    return ImageError(
        f"The DICOM file {path} is damaged or cut short; copy the series again from where it "
        "came."
    )
