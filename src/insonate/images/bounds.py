"""What every image must keep before its voxels are loaded."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError

LARGEST_VOXEL_COUNT = 1_000_000_000
"""1e9 voxels are 4 GB as float32: a whole head at 0.25 mm; no scanner gives more."""

SMALLEST_AXIS = 16
"""Fewer slices than this are a picture or a localiser, not a head."""

SPACING_LOW_M, SPACING_HIGH_M = 0.05e-3, 10e-3
"""Finer than micro-CT of a head, and coarser than the thickest clinical slice: a wrong unit."""


def require_three_axes(shape: tuple[int, ...], what: str) -> None:
    """Refuse 2-D, 4-D and absurdly large images from their header alone.

    Raises
    ------
    ImageError
        With the shape that was found.
    """
    axes = len(shape)
    if axes != 3:
        raise ImageError(
            f"{what} has {axes} axes (shape {_text(shape)}); a head image has three. "
            "Give one volume, not a picture or a time series."
        )
    if min(shape) < SMALLEST_AXIS:
        raise ImageError(
            f"{what} has only {min(shape)} voxels along one axis (shape {_text(shape)}); at "
            f"least {SMALLEST_AXIS} are needed. Give a whole volume, not a slice or a localiser."
        )
    count = int(np.prod([int(n) for n in shape], dtype=object))
    if count > LARGEST_VOXEL_COUNT:
        raise ImageError(
            f"{what} claims {count:.3g} voxels (shape {_text(shape)}); at most "
            f"{LARGEST_VOXEL_COUNT:.0e} can be read. The header is wrong, or the image must be "
            "cropped to the head."
        )


def require_spacing(spacing_m: ArrayLike, what: str, unit: str) -> None:
    """Refuse a voxel spacing that no head image has; ``unit`` is what the file says it is in.

    Raises
    ------
    ImageError
        With the spacing that was found, in mm.
    """
    spacing = np.asarray(spacing_m, dtype=np.float64)
    inside = (spacing >= SPACING_LOW_M) & (spacing <= SPACING_HIGH_M)
    if not inside.all():
        found = " × ".join(f"{s * 1e3:.4g}" for s in spacing)
        raise ImageError(
            f"{what} has a voxel spacing of {found} mm (its unit is given as {unit}); "
            f"{SPACING_LOW_M * 1e3} to {SPACING_HIGH_M * 1e3:.0f} mm is allowed. Correct the "
            "unit or the spacing in the header."
        )


def require_finite(array: NDArray[np.float32], what: str) -> None:
    """Refuse an image with NaN or infinite voxels.

    Raises
    ------
    ImageError
        With their number.
    """
    # one pass: a sum is finite only when every term is (float64 cannot overflow from float32)
    if np.isfinite(array.sum(dtype=np.float64)):
        return
    count = int(array.size - np.isfinite(array).sum())
    raise ImageError(
        f"{what} holds {count} voxels that are NaN or infinite; every voxel must be a number. "
        "Fill them (air is -1000 HU) and write the file again."
    )


def _text(shape: tuple[int, ...]) -> str:
    return " × ".join(str(int(n)) for n in shape)
