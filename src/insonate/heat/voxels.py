"""Moving values between grids whose cells share their corners."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import Grid


def block_mean(values: NDArray[Any], block: int) -> NDArray[Any]:
    """Average over blocks of ``block``³ voxels; the shape must be a multiple of ``block``."""
    mean = values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float32)
    for axis in range(3):
        shape = (*mean.shape[:axis], -1, block, *mean.shape[axis + 1 :])
        mean = mean.reshape(shape).mean(axis=axis + 1)
    return mean


def split_voxels(values: NDArray[Any], split: int) -> NDArray[Any]:
    """Give each of the ``split``³ parts of a voxel the value of the voxel."""
    for axis in range(3):
        values = np.repeat(values, split, axis=axis)
    return values


def voxels_in(grid: Grid, values: NDArray[Any], cells: Grid) -> NDArray[Any]:
    """Cut out the voxels that lie within ``cells``.

    Parameters
    ----------
    grid
        The voxels; axis-aligned.
    values
        Shape ``grid.shape``.
    cells
        A grid whose outer faces are faces of voxels, or lie past the end of ``grid``.

    Returns
    -------
    NDArray
        The voxels; past the end of ``grid`` the last ones are repeated.
    """
    corners = cells.points_of(np.stack((np.full(3, -0.5), np.array(cells.shape) - 0.5)))
    edges = np.rint(grid.indices_of(corners) + 0.5).astype(int)
    first, last = edges
    cut = values[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    past = [(0, int(b - a - n)) for a, b, n in zip(first, last, cut.shape, strict=True)]
    return np.pad(cut, past, mode="edge")
