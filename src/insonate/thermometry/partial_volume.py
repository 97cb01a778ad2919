"""How much of a focal spot's peak a voxel shows: partial volume, by the model's own shape.

A voxel averages the temperature over itself (1.1 × 1.1 × 3 mm for a clinical slice) while the
spot is 2-3 mm wide: a 2.5 mm spot of 20 K reads 7-15 K on 2.2-1.1 mm pixels. The thermal model
knows the spot's shape though not its height. So the same average is taken of the model's
temperature, where the focus was measured to be, and

    factor = (model's peak − its reference) / (model's hottest voxel − its reference).

The measured rise times this factor estimates the true peak. The scale stays measured; only the
shape is believed.

What a voxel shows is not quite the mean of its temperatures: it is the phase of the sum of its
signals, and where a line is hotter in its middle than at its ends, heat displaces the middle along
the readout and thins it out. Both take off 3-5 % of a spot of 15 K at 3 T, more the hotter it is. So
where the protocol and the rise that was read are given, the model is scaled until its image,
made as the scanner makes one, reads that rise, and the factor is taken there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from insonate.heat.model import ThermalModel, ThermalState
from insonate.heat.readout import hottest_near
from insonate.thermometry.cells import spot_change
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.protocol import Protocol

WINDOW_M = 6e-3  # half the side of the square of voxels that is looked at
CUBE_M = (
    13e-3  # half the side of the cube that is interpolated: the square's corners and offsets
)
SUBSAMPLES = 4  # points per voxel along each axis: 0.3 mm, finer than the thermal grid
THROUGH = 6
LEAST_RISE_K = 0.3  # below it the model's own voxel says nothing about shape
LARGEST_FACTOR = 3.0  # a spot that a voxel dilutes more than this is not measured by it
LARGEST_OF_MEAN = (
    6.0  # nine voxels dilute it twice as much: a factor of 3 would read 35 % too little
)
UNSEEN_SIGMA_M = (
    0.7e-3  # how far a spot that was not seen lies from its target, along each axis
)
SCALINGS = 5  # of the model's rise until its image reads what was read: to 1e-3 for 25 K

Weighted = Sequence[tuple[ThermalState, float]]
"""States of the model within one frame, each with the time (s) that it stands for."""


@dataclass(frozen=True)
class Reading:
    """How a rise was read.

    Parameters
    ----------
    protocol
        The header of the images.
    rise_k
        What was read, K.
    """

    protocol: Protocol
    rise_k: float


@dataclass(frozen=True)
class Dilution:
    """What a voxel makes of a spot's peak.

    Parameters
    ----------
    factor
        From the rise that was read to the peak's: at least 1 and at most ``LARGEST_FACTOR``, or
        ``LARGEST_OF_MEAN`` where no spot was seen; 1 where the model shows no rise.
    log_sigma
        Standard deviation of its natural logarithm, for not knowing the place any better.
    """

    factor: float
    log_sigma: float


def dilution(  # noqa: PLR0913 - a model, what it says, and how it was looked at
    model: ThermalModel,
    frame: Weighted,
    reference: ThermalState,
    geometry: SliceGeometry,
    *,
    offset_m: ArrayLike = (0.0, 0.0, 0.0),
    seen: bool = True,
    place_sigma_m: float = 0.0,
    reading: Reading | None = None,
) -> Dilution:
    """Return the factor from the rise that was read to the peak's, and how sure it is.

    Parameters
    ----------
    model
        The controller's thermal model, never the truth.
    frame
        The model's states while the frame was taken.
    reference
        Its state when the references were taken.
    geometry
        The slice.
    offset_m
        Where the voxels saw the focus, relative to the model's (CT frame, m): with what the static
        field displaces and, without a ``reading``, with what its own heat does.
    seen
        Whether a spot was seen: its hottest voxel was read then, and otherwise the mean of the 3×3
        voxels at the target (``focus.measure_focus``).
    place_sigma_m
        Standard deviation of the focus's measured place along each axis of the slice, m; where no
        spot was seen it is ``UNSEEN_SIGMA_M``.
    reading
        How the rise was read; left out, a voxel shows the mean of its temperatures.
    """
    points = _window(geometry, model.focus_m, np.asarray(offset_m, dtype=np.float64))
    total = sum(weight for _, weight in frame)
    mean = sum(state.fine_degc * np.float32(weight / total) for state, weight in frame)
    rise = mean - reference.fine_degc
    near = _near(model, rise, points)
    voxel = _read(near.mean(axis=(1, 3, 4)), seen=seen)
    if voxel < LEAST_RISE_K:
        return Dilution(1.0, 0.0)
    peak, _ = hottest_near(model, rise, WINDOW_M)
    if reading is not None:
        voxel = _imaged(near, voxel, reading, seen=seen)
    sigma = place_sigma_m if seen else UNSEEN_SIGMA_M
    subsample = float(geometry.grid.spacing_m[0]) / SUBSAMPLES
    return Dilution(
        factor=float(np.clip(peak / voxel, 1.0, LARGEST_FACTOR if seen else LARGEST_OF_MEAN)),
        log_sigma=_log_sigma(near, sigma / subsample, seen=seen),
    )


def _read(voxels: NDArray[np.floating], *, seen: bool) -> float:
    middle = slice(len(voxels) // 2 - 1, len(voxels) // 2 + 2)
    return float(voxels.max() if seen else voxels[middle, middle].mean())


def _log_sigma(near: NDArray[np.float64], sigma: float, *, seen: bool) -> float:
    """Return the spread of what is read, logarithm, when its place is unsure by ``sigma`` subsamples.

    To the second order in the shift x, ln v = a x + b x²/2 along each axis, so that its variance is
    a² σ² + b² σ⁴ / 2.
    """
    count, n = near.shape[:2]
    fine = near.mean(axis=4).reshape(count * n, count * n)
    if seen:
        means = near.mean(axis=(1, 3, 4))
        at, side = np.unravel_index(int(means.argmax()), means.shape), n
    else:
        at, side = (count // 2 - 1, count // 2 - 1), 3 * n
    low = [int(np.clip(i * n, 1, count * n - side - 1)) for i in at]
    variance = 0.0
    for axis in (0, 1):
        below, here, above = (
            max(float(_box(fine, low, axis, shift, side)), 1e-9) for shift in (-1, 0, 1)
        )
        slope, bend = 0.5 * np.log(above / below), np.log(above * below / here**2)
        variance += slope**2 * sigma**2 + 0.5 * bend**2 * sigma**4
    return float(np.sqrt(variance))


def _box(fine: NDArray[np.float64], low: list[int], axis: int, shift: int, side: int) -> float:
    first = list(low)
    first[axis] += shift
    i, j = first
    return float(fine[i : i + side, j : j + side].mean())


def _imaged(near: NDArray[np.float64], mean_k: float, reading: Reading, *, seen: bool) -> float:
    """Return what the model's image reads over its scale, once it reads what was read, K."""
    count, n = near.shape[:2]
    kelvin = near.reshape(count * n, count * n, -1).astype(np.float32)
    wanted = max(reading.rise_k, LEAST_RISE_K)
    scale, means, turn = wanted / mean_k, near.mean(axis=(1, 3, 4)), reading.protocol.wrap_k
    for _ in range(SCALINGS):
        shown = spot_change(np.float32(scale) * kelvin, reading.protocol, n)
        shown += turn * np.rint((scale * means - shown) / turn)
        voxel = max(_read(shown, seen=seen), LEAST_RISE_K)
        scale *= wanted / voxel
    return wanted / scale


def _near(
    model: ThermalModel, rise: NDArray[np.float32], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate a rise on the fine grid near the focus by cubic splines, K.

    Linear interpolation flattens a spot of σ 1.2 mm on cells of 0.5 mm by 3 % within a voxel.
    """
    grid = model.fine_grid
    centre = np.rint(grid.indices_of(model.focus_m)).astype(int)
    reach = int(np.ceil(CUBE_M / float(grid.spacing_m.min())))
    low = np.maximum(centre - reach, 0)
    high = np.minimum(centre + reach + 1, grid.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    values = rise[box].astype(np.float64)
    index = grid.indices_of(points) - low
    flat = map_coordinates(values, index.reshape(-1, 3).T, order=3, mode="nearest")
    near: NDArray[np.float64] = flat.reshape(points.shape[:-1])
    return near


def _window(
    geometry: SliceGeometry, focus_m: NDArray[np.float64], offset_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sampling points of the voxels near the focus, shape (vx, n, vy, n, through, 3).

    They are in the model's own place: a focus that was measured ``offset_m`` away is looked at as
    if the voxels were shifted the other way.
    """
    centre = geometry.index_of(focus_m + offset_m)
    half = int(np.ceil(WINDOW_M / float(geometry.grid.spacing_m[0])))
    low = [round(float(c)) - half for c in centre]
    count, n = 2 * half + 1, SUBSAMPLES
    i, j = (
        (low[axis] + (np.arange(count * n) + 0.5) / n - 0.5).reshape(count, n)
        for axis in (0, 1)
    )
    k = (np.arange(THROUGH) + 0.5) / THROUGH - 0.5
    columns = geometry.grid.affine[:3, :3].T
    points: NDArray[np.float64] = (
        i[:, :, None, None, None, None] * columns[0]
        + j[None, None, :, :, None, None] * columns[1]
        + k[:, None] * columns[2]
        + geometry.grid.origin_m
        - offset_m
    )
    return points
