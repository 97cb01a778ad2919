"""Any voxel order to RAS: axes along +x, +y, +z, without changing where a point lies."""

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid, ImageError, Volume
from insonate.core.frames import affine_from
from insonate.images.resampling import onto_axes

_ALIGNED_RAD = 5e-4
"""An axis within 0.03° of a body axis is that axis: 0.05 mm over 100 mm."""


def as_ras(
    array: NDArray[np.float32], affine: NDArray[np.float64], kind: tuple[Frame, str]
) -> Volume:
    """Reorder an array to axis-aligned RAS.

    Axes that are permuted or reversed are put in order without touching a value. A slanted or
    sheared image (an oblique slab, a tilted gantry) is resampled.

    Parameters
    ----------
    array
        Shape (i, j, k).
    affine
        Shape (4, 4): index to metres RAS.
    kind
        The frame and the unit of the volume.

    Returns
    -------
    Volume
        Its grid is axis-aligned with positive spacing.

    Raises
    ------
    ImageError
        When the affine is singular, so that voxels have no place.
    """
    frame, unit = kind
    order = _nearest_axes(affine[:3, :3])
    array = array.transpose(order)
    linear = affine[:3, :3][:, order]
    flips = np.sign(np.diag(linear))
    last = np.where(flips < 0, np.asarray(array.shape) - 1, 0)
    origin = affine[:3, 3] + linear @ last
    array = array[tuple(slice(None, None, int(f)) for f in flips)]
    linear = linear * flips
    length = np.linalg.norm(linear, axis=0)
    aligned = bool(np.abs(linear / length - np.eye(3)).max() < _ALIGNED_RAD)
    grid = Grid(
        (array.shape[0], array.shape[1], array.shape[2]),
        affine_from(np.diag(length) if aligned else linear, origin),
        frame,
    )
    volume = Volume(np.ascontiguousarray(array), grid, unit)
    return volume if aligned else onto_axes(volume)


def _nearest_axes(linear: NDArray[np.float64]) -> list[int]:
    """Say which voxel axis runs along x, y and z: the pairing with the largest total cosine."""
    length = np.linalg.norm(linear, axis=0)
    if not np.isfinite(linear).all() or (length == 0).any():
        raise _no_place()
    cosines = np.abs(linear / length)
    if abs(np.linalg.det(linear / length)) < 1e-3:
        raise _no_place()
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    return max(orders, key=lambda order: float(sum(cosines[k, order[k]] for k in range(3))))


def _no_place() -> ImageError:
    return ImageError(
        "The affine of the image is singular or not finite, so its voxels have no place in the "
        "head; write the file again with a valid orientation."
    )
