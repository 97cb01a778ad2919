"""A folder of DICOM slices in: metres, RAS, float32, or one sentence why not.

The patient axes of DICOM are left, posterior, superior (PS3.3 C.7.6.2.1.1); x and y change
their sign on the way in. Values are ``slope · stored + intercept`` of each slice.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

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
    slices = _headers(folder)
    _require_one_series(slices, what)
    _require_modality(slices, frame, what)
    for header in slices:
        _require_grey_slice(header)
    for tag in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient"):
        _require_same(slices, tag, what)
    slices, step = _in_order(slices, what)
    first = slices[0]
    require_three_axes((int(first.Columns), int(first.Rows), len(slices)), what)
    affine = _affine_m(first, step)
    require_spacing(np.linalg.norm(affine[:3, :3], axis=0), what, "mm")
    array = np.stack([_values(header) for header in slices], axis=-1)
    require_finite(array, what)
    return as_ras(array, affine, (frame, unit))


def _headers(folder: Path) -> list[Any]:
    """Read the header of each DICOM image in a folder; the path is kept as ``filename``."""
    found = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            continue
        except (OSError, EOFError, ValueError, KeyError, AttributeError) as error:
            raise _damaged(path) from error
        if "Rows" in header or "PixelSpacing" in header or "SeriesInstanceUID" in header:
            found.append(header)
    if not found:
        raise ImageError(
            f"The folder {folder} holds no DICOM images; give a folder with the slices of one "
            "CT or MR series, or a NIfTI file."
        )
    for header in found:
        _require_complete(header)
    return found


def _require_complete(header: Any) -> None:
    if int(header.get("NumberOfFrames", 1) or 1) > 1:
        raise ImageError(
            f"The file {header.filename} is a multi-frame DICOM image, which is not read; "
            "convert the series to NIfTI."
        )
    missing = [tag for tag in _NEEDED if header.get(tag) in (None, "")]
    if missing:
        raise ImageError(
            f"The DICOM file {header.filename} lacks {', '.join(missing)}, so its slice has no "
            "place; give original slices (no reports, localisers or screen captures)."
        )


def _require_one_series(slices: list[Any], what: str) -> None:
    series = Counter(str(header.SeriesInstanceUID) for header in slices)
    if len(series) > 1:
        counts = ", ".join(str(n) for n in sorted(series.values(), reverse=True))
        raise ImageError(
            f"{what} is mixed: {len(series)} series with {counts} slices lie in one folder. "
            "Put the series that you want into a folder of its own."
        )


def _require_modality(slices: list[Any], frame: Frame, what: str) -> None:
    wanted = {Frame.CT: "CT", Frame.MR: "MR"}.get(frame)
    found = str(slices[0].get("Modality", ""))
    if wanted and found and found != wanted:
        raise ImageError(
            f"{what} has the modality {found}, but {wanted} is needed here; give a series of "
            "that modality."
        )


def _require_grey_slice(header: Any) -> None:
    samples = int(header.get("SamplesPerPixel", 1))
    photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
    if samples != 1 or not photometric.startswith("MONOCHROME2"):
        raise ImageError(
            f"The DICOM file {header.filename} is {photometric} with {samples} samples a pixel; "
            "MONOCHROME2 with one is needed. Give original slices, not colour pictures."
        )


def _require_same(slices: list[Any], tag: str, what: str) -> None:
    """All slices must share one in-plane geometry."""
    first = np.asarray(slices[0].get(tag), dtype=np.float64)
    for header in slices[1:]:
        other = np.asarray(header.get(tag), dtype=np.float64)
        if other.shape != first.shape or not np.allclose(other, first, atol=1e-4):
            raise ImageError(
                f"{what} is not one block: {tag} differs between its slices "
                f"({slices[0].get(tag)} and {header.get(tag)}). Give one series with one "
                "geometry."
            )


def _directions(header: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit vectors of growing column and growing row index, LPS."""
    both = np.asarray(header.ImageOrientationPatient, dtype=np.float64)
    if both.shape != (6,) or not np.allclose(
        both.reshape(2, 3) @ both.reshape(2, 3).T, np.eye(2), atol=1e-3
    ):
        raise ImageError(
            f"The DICOM file {header.filename} has an ImageOrientationPatient of {both.tolist()}; "
            "two perpendicular unit vectors are needed. Export the series again."
        )
    return both[:3], both[3:]


def _in_order(slices: list[Any], what: str) -> tuple[list[Any], NDArray[np.float64]]:
    """Sort along the slice normal; return the slices and the step between them, LPS mm."""
    normal = np.cross(*_directions(slices[0]))
    places = np.array([header.ImagePositionPatient for header in slices], dtype=np.float64)
    order = np.argsort(places @ normal, kind="stable")
    places = places[order]
    if len(slices) < 2:
        raise ImageError(
            f"{what} has only one slice; a whole head is needed. Give the folder with all slices."
        )
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


def _affine_m(first: Any, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Index (column, row, slice) to metres RAS (PS3.3 equation C.7.6.2.1-1, x and y negated)."""
    along_row, along_column = _directions(first)
    between_rows, between_columns = (float(s) for s in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = along_row * between_columns
    affine[:3, 1] = along_column * between_rows
    affine[:3, 2] = step
    affine[:3, 3] = first.ImagePositionPatient
    affine[:2] *= -1
    affine[:3] *= MM
    return affine


def _values(header: Any) -> NDArray[np.float32]:
    """Return the rescaled values of one slice, shape (columns, rows)."""
    path = Path(header.filename)
    try:
        full = pydicom.dcmread(path)
        stored = np.asarray(full.pixel_array, dtype=np.float32)
        slope = float(full.get("RescaleSlope", 1.0))
        values = slope * stored + float(full.get("RescaleIntercept", 0.0))
    except (NotImplementedError, RuntimeError):
        values = _decoded_elsewhere(path)
    except (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(path) from error
    rows_and_columns = (int(header.Rows), int(header.Columns))
    if values.shape != rows_and_columns:
        raise _damaged(path)
    return np.asarray(values.T, dtype=np.float32)


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
