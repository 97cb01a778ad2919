"""Change the grid of a volume without aliasing: band-limited interpolation, and cutting out a box."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from scipy.signal.windows import kaiser

from insonate.core import GeometryError, Grid, SettingsError, Transform, Volume
from insonate.core.frames import affine_from, require_frame

AIR_FLOOR_HU = -1024.0
"""The lowest value a CT is stored with (12 bits with offset 1024); ringing may not go below it."""

OUTSIDE = {"HU": -1000.0}
"""What lies where an image did not reach, by unit: air for a CT, no signal for all else."""

_LOBES = 8
_KAISER_SHAPE = 7.0


def _kernel(t: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Kaiser-windowed sinc at ``t`` input samples; ``cutoff`` is 1 at the input's Nyquist."""
    reach = _LOBES / cutoff
    table = kaiser(2049, _KAISER_SHAPE)
    window = np.interp(np.abs(t), np.linspace(0, reach, 1025), table[1024:], right=0.0)
    kernel: NDArray[np.float64] = cutoff * np.sinc(cutoff * t) * window
    return kernel


def _interpolation_matrix(
    n_in: int, n_out: int, step: float, start: float
) -> NDArray[np.float64]:
    """Weights (n_out, n_in) that read ``n_in`` samples at ``start + step·k``; each row sums to 1.

    Beyond the ends the first and last samples are repeated, so that a constant stays one.
    """
    cutoff = min(1.0, 1.0 / step)
    reach = int(np.ceil(_LOBES / cutoff))
    position = start + step * np.arange(n_out)
    taps = np.floor(position).astype(int)[:, None] + np.arange(1 - reach, reach + 1)
    weights = _kernel(position[:, None] - taps, cutoff)
    matrix = np.zeros((n_out, n_in))
    rows = np.broadcast_to(np.arange(n_out)[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, n_in - 1)), weights)
    normalised: NDArray[np.float64] = matrix / matrix.sum(axis=1, keepdims=True)
    return normalised


def resample_band_limited(volume: Volume, spacing_m: float) -> Volume:
    """Resample to isotropic voxels with a windowed sinc, low-passed at the coarser Nyquist.

    Each axis is read with a Kaiser-windowed sinc of 8 lobes (Harris, Proc. IEEE 66:51, 1978)
    whose cut-off is the Nyquist frequency of the coarser of the two grids, so that nothing
    folds back: waves below 0.6 of that frequency along each axis are kept to 1e-3. The box stays
    centred on the same point; it shrinks by less than one new voxel.

    Parameters
    ----------
    volume
        An axis-aligned volume.
    spacing_m
        The new distance between voxels, m.

    Returns
    -------
    Volume
        The same type of values in the same frame, float64 sums rounded to the array's own type
        when that is an integer, to float32 otherwise. HU below -1024 are set to -1024.

    Raises
    ------
    SettingsError
        When the spacing is not positive, or leaves less than two voxels on an axis.
    GeometryError
        When the volume is oblique.
    """
    old = volume.grid
    if not old.is_axis_aligned:
        raise GeometryError("Only an axis-aligned volume can be resampled axis by axis.")
    extent = (np.asarray(old.shape) - 1) * old.spacing_m
    if not (np.isfinite(spacing_m) and 0 < spacing_m <= extent.min()):
        raise SettingsError(
            f"A spacing of {spacing_m} m cannot be used: it must be above 0 and at most the "
            f"volume's smallest side, {extent.min():.4f} m."
        )
    # a hair more than 1, so that a box of exactly n voxels does not lose one to rounding
    shape = np.floor(extent / spacing_m * (1 + 1e-9)).astype(int) + 1
    start_m = (extent - (shape - 1) * spacing_m) / 2
    values = np.asarray(volume.array, dtype=np.float64)
    for axis in range(3):
        matrix = _interpolation_matrix(
            old.shape[axis],
            int(shape[axis]),
            spacing_m / old.spacing_m[axis],
            start_m[axis] / old.spacing_m[axis],
        )
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    affine = affine_from(np.eye(3) * spacing_m, old.origin_m + start_m)
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, volume.frame)
    return Volume(_as_stored(values, volume), grid, volume.unit)


def _as_stored(values: NDArray[np.float64], like: Volume) -> NDArray[np.generic]:
    """Clamp HU at the floor of air, and return to the type that ``like`` is stored in."""
    if like.unit == "HU":
        values = np.maximum(values, AIR_FLOOR_HU)
    if np.issubdtype(like.array.dtype, np.integer):
        limits = np.iinfo(like.array.dtype)
        stored: NDArray[np.generic] = np.clip(np.rint(values), limits.min, limits.max)
        return stored.astype(like.array.dtype)
    return values.astype(np.float32)


def resample_to(volume: Volume, grid: Grid, transform: Transform) -> Volume:
    """Bring a volume onto another grid through a transform, by cubic splines.

    A volume finer than the grid is low-passed first. Values stay within the volume's own
    range; where the volume does not reach, HU are -1000 and anything else is 0.

    Parameters
    ----------
    volume
        What is brought over.
    grid
        Where to; its frame is the transform's target.
    transform
        From the volume's frame to the grid's.

    Returns
    -------
    Volume
        float32 on ``grid``, in the volume's unit.

    Raises
    ------
    GeometryError
        When the frames do not meet.
    """
    require_frame(transform.source, volume.frame, "The start of the transform")
    require_frame(transform.target, grid.frame, "The end of the transform")
    linear = transform.matrix[:3, :3]
    spacing = float(grid.spacing_m.min() / np.cbrt(abs(np.linalg.det(linear))))
    if volume.grid.is_axis_aligned and spacing > 1.2 * volume.grid.spacing_m.max():
        volume = resample_band_limited(volume, spacing)
    index = np.linalg.inv(transform.matrix @ volume.grid.affine) @ grid.affine
    return _sampled(volume, grid, index)


def _sampled(volume: Volume, grid: Grid, index: NDArray[np.float64]) -> Volume:
    """Read ``volume`` on ``grid`` where ``index`` (4, 4) maps new voxel indices to old ones."""
    source = np.asarray(volume.array, dtype=np.float32)
    values = affine_transform(
        source,
        index[:3, :3],
        index[:3, 3],
        output_shape=grid.shape,
        output=np.float32,
        order=3,
        mode="constant",
        cval=OUTSIDE.get(volume.unit, 0.0),
    )
    low = min(float(source.min()), OUTSIDE.get(volume.unit, 0.0))
    return Volume(np.clip(values, low, float(source.max())), grid, volume.unit)


def onto_axes(volume: Volume) -> Volume:
    """Resample an oblique or sheared volume onto axis-aligned voxels that cover all of it.

    A tilted gantry gives a sheared grid; a slanted slab a rotated one. Both are plain affine
    maps, and one spline interpolation undoes them. The new spacing of each axis is the old
    spacing of the axis nearest to it.
    """
    grid = volume.grid
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape], indexing="ij"))
    points = grid.points_of(corners.reshape(3, -1).T)
    low, high = points.min(axis=0), points.max(axis=0)
    spacing = np.abs(grid.affine[:3, :3]).max(axis=1)
    shape = np.floor((high - low) / spacing + 1e-6).astype(int) + 1
    aligned = Grid(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        affine_from(np.diag(spacing), low),
        grid.frame,
    )
    return _sampled(volume, aligned, np.linalg.inv(grid.affine) @ aligned.affine)


def cut_box(volume: Volume, low: NDArray[np.int_], high: NDArray[np.int_]) -> Volume:
    """Cut out the voxels ``low`` to ``high`` (both included, index along each axis)."""
    first = np.maximum(low, 0)
    last = np.minimum(high, np.asarray(volume.grid.shape) - 1)
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
    affine = np.array(volume.grid.affine)
    affine[:3, 3] = volume.grid.points_of(first)
    array = volume.array[box]
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]), affine, volume.frame)
    return Volume(array, grid, volume.unit)
