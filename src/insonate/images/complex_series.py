"""Complex image series from files: NIfTI pairs and DICOM folders, in the order they were taken.

Axes are those of the file: thermometry needs to know which of them is the readout, so nothing is
turned to RAS; the affine says where they point.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

from insonate.core import ImageError
from insonate.core.arrays import frozen
from insonate.core.units import MM
from insonate.images.bounds import require_finite
from insonate.images.nifti import nifti_affine_m, open_nifti
from insonate.images.phase import phase_in_radians


@dataclass(frozen=True, eq=False)
class ComplexSeries:
    """Frames of one or more slices.

    Parameters
    ----------
    images
        Shape (frames, slices, nx, ny), complex64.
    affine_m
        Shape (4, 4): index (i, j, slice) to patient RAS metres.
    facts
        What the files say of the scan, SI, by the names of a protocol: ``echo_time_s`` and so on.
    sources
        The DICOM headers of the first frame, for what is derived from it; empty for NIfTI.
    """

    images: NDArray[np.complex64]
    affine_m: NDArray[np.float64]
    facts: dict[str, float]
    sources: tuple[Any, ...] = ()


def read_complex_nifti(magnitude: Path, phase: Path, convention: str) -> ComplexSeries:
    """Read a series from two NIfTI files of shape (nx, ny, slices, frames).

    Parameters
    ----------
    magnitude, phase
        Files of one shape; a missing third or fourth axis is one slice or one frame.
    convention
        How the phase is stored (``phase.PHASE_CONVENTIONS``).

    Raises
    ------
    ImageError
        When they do not belong together, or are not magnitude and phase.
    """
    opened = [open_nifti(path) for path in (magnitude, phase)]
    values = [np.asarray(image.dataobj, np.float64) for image in opened]
    affines = [nifti_affine_m(image, f"The image {p.name}") for image, p in zip(opened, (magnitude, phase), strict=True)]  # fmt: skip
    if values[0].shape != values[1].shape or not np.allclose(affines[0], affines[1], atol=1e-5):
        raise ImageError(
            f"The magnitude {magnitude.name} has shape {values[0].shape}, the phase {phase.name} "
            f"{values[1].shape}; they must be one series in one place."
        )
    if values[0].ndim not in (2, 3, 4):
        raise ImageError(
            f"A series has two to four axes; {magnitude.name} has {values[0].ndim}."
        )
    frames = [v.reshape(v.shape + (1,) * (4 - v.ndim)).transpose(3, 2, 0, 1) for v in values]
    images = _complex(frames[0], phase_in_radians(frames[1], convention), magnitude.name)
    return ComplexSeries(frozen(images), affines[0], {})


def _complex(
    magnitude: NDArray[np.float64], phase: NDArray[np.float64], name: str
) -> NDArray[np.complex64]:
    require_finite(magnitude.astype(np.float32), f"The magnitude {name}")
    if (magnitude < 0).any():
        raise ImageError(
            f"The magnitude {name} reaches down to {magnitude.min():g}; a magnitude is never "
            "negative. Was the phase given in its place?"
        )
    image: NDArray[np.complex64] = (magnitude * np.exp(1j * phase)).astype(np.complex64)
    return image


_PARTS = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}
_FACTS = {
    "field_strength_t": ("MagneticFieldStrength", 1.0),
    "echo_time_s": ("EchoTime", 1e-3),
    "repetition_time_s": ("RepetitionTime", 1e-3),
    "flip_rad": ("FlipAngle", np.pi / 180),
    "slice_thickness_m": ("SliceThickness", MM),
    "bandwidth_hz_per_pixel": ("PixelBandwidth", 1.0),
}
"""Attribute of DICOM and factor to SI, by the name in a protocol."""


def read_complex_dicom(folder: Path, convention: str) -> ComplexSeries:
    """Read a folder of magnitude and phase, or real and imaginary, images of one thermometry scan.

    Parameters
    ----------
    folder
        DICOM files; others are passed over. ``ImageType`` says which part each is; the modality
        rescale is applied.
    convention
        How the phase is stored after it; unused for real and imaginary images.

    Raises
    ------
    ImageError
        When parts are missing, differ in geometry, or are not images of a scan.
    """
    parts = _parts(folder)
    if {"real", "imaginary"} <= parts.keys():
        first, second = parts["real"], parts["imaginary"]
    elif {"magnitude", "phase"} <= parts.keys():
        first, second = parts["magnitude"], parts["phase"]
    else:
        raise ImageError(
            f"The folder {folder.name} holds {', '.join(sorted(parts)) or 'no images'}; a complex "
            "series needs magnitude and phase, or real and imaginary, images."
        )
    if first.keys() != second.keys():
        raise ImageError(
            f"The folder {folder.name} has {len(first)} images of one part and {len(second)} of "
            "the other, or of other frames and slices; each needs its partner."
        )
    frames = sorted({frame for frame, _ in first})
    slices = sorted({place for _, place in first})
    if len(frames) * len(slices) != len(first):
        raise ImageError(
            f"The folder {folder.name} has {len(first)} images for {len(frames)} frames of "
            f"{len(slices)} slices; some are missing."
        )
    stacks = [_stack(part, frames, slices, folder) for part in (first, second)]
    if "real" in parts and first is parts["real"]:
        images = (stacks[0] + 1j * stacks[1]).astype(np.complex64)
    else:
        images = _complex(stacks[0], phase_in_radians(stacks[1], convention), folder.name)
    sources = tuple(first[frames[0], place] for place in slices)
    return ComplexSeries(frozen(images), _affine(sources), _facts(sources[0]), sources)


def _parts(folder: Path) -> dict[str, dict[tuple[float, float], Any]]:
    """Return the images of each part by (frame, place along the normal)."""
    parts: dict[str, dict[tuple[float, float], Any]] = defaultdict(dict)
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            header = pydicom.dcmread(path)
        except (InvalidDicomError, OSError, EOFError):
            continue
        kind = next((_PARTS[t] for t in header.get("ImageType", [])[2:] if t in _PARTS), None)
        if kind is None or "PixelData" not in header:
            continue
        key = (_frame_of(header), _height(header))
        if key in parts[kind]:
            raise ImageError(
                f"Two {kind} images of {folder.name} are of the same frame and slice "
                f"({path.name}); give the folder of one series."
            )
        parts[kind][key] = header
    return parts


def _frame_of(header: Any) -> float:
    """Return what orders the frames: temporal position, acquisition number, or time."""
    for name in ("TemporalPositionIdentifier", "AcquisitionNumber"):
        if header.get(name) is not None:
            return float(header.get(name))
    text = str(header.get("AcquisitionTime") or header.get("ContentTime") or "0")
    return int(text[:2] or 0) * 3600 + int(text[2:4] or 0) * 60 + float(text[4:] or 0)


def _height(header: Any) -> float:
    try:
        across, down = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
        place = np.array(header.ImagePositionPatient, float)
    except (AttributeError, ValueError, TypeError) as error:
        raise ImageError(
            "An image of the series does not say where it lies (orientation and position of the "
            "patient); export the original images."
        ) from error
    return round(float(np.cross(across, down) @ place), 3)


def _stack(
    part: dict[tuple[float, float], Any], frames: list[float], slices: list[float], folder: Path
) -> NDArray[np.float64]:
    shapes = {(h.Rows, h.Columns) for h in part.values()}
    if len(shapes) != 1:
        raise ImageError(f"The images of {folder.name} differ in size: {sorted(shapes)}.")
    return np.stack([np.stack([_values(part[f, s]) for s in slices]) for f in frames])


def _values(header: Any) -> NDArray[np.float64]:
    """Return the pixels as [column, row], rescaled: i runs along the first image axis of DICOM."""
    slope, shift = (
        float(header.get("RescaleSlope", 1)),
        float(header.get("RescaleIntercept", 0)),
    )
    values: NDArray[np.float64] = header.pixel_array.astype(np.float64).T * slope + shift
    return values


def _affine(sources: tuple[Any, ...]) -> NDArray[np.float64]:
    first, last = sources[0], sources[-1]
    across, down = np.array(first.ImageOrientationPatient, float).reshape(2, 3)
    rows, columns = (float(x) for x in first.PixelSpacing)
    start, end = (np.array(h.ImagePositionPatient, float) for h in (first, last))
    step = (end - start) / (len(sources) - 1) if len(sources) > 1 else (
        np.cross(across, down) * float(first.get("SliceThickness", 1.0))
    )  # fmt: skip
    affine = np.eye(4)
    affine[:3] = np.column_stack([across * columns, down * rows, step, start]) * MM
    affine[:2] *= -1.0  # DICOM's x and y point to the left and the back
    return affine


def _facts(header: Any) -> dict[str, float]:
    facts = {
        name: float(header.get(attribute)) * scale
        for name, (attribute, scale) in _FACTS.items()
        if header.get(attribute) is not None
    }
    spacing = [float(x) * MM for x in header.PixelSpacing]
    return {
        **facts,
        "pixel_m": spacing[0],
        "matrix_x": float(header.Columns),
        "matrix_y": float(header.Rows),
    }
