"""What the focus becomes with each way of setting the phases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from insonate.core import Grid, Tissue
from insonate.core.arrays import frozen
from insonate.field import PressureField
from insonate.field.born.kernels import windowed_sinc
from insonate.field.born.sources import HALF_WIDTH, WINDOW_SHAPE
from insonate.field.exposure import power_by_tissue, share_in
from insonate.head import HeadModel

BY_ARRIVALS = "one wave for each element"
BY_FIELD = "the solved field"
BY_SAME_ARRIVALS = "one wave for each element of the solved field"
"""Elements that stand beside the box of the solved field left out: to compare with it."""


@dataclass(frozen=True, eq=False)
class Focus:
    """A focal spot in numbers, at 1 W of acoustic power.

    Parameters
    ----------
    target_pa, peak_pa
        |p| at the target and its largest value, Pa.
    offset_m
        Where that is, less the target, shape (3,), m.
    side_lobe
        The largest local maximum outside the spot's -6 dB region, over the peak, 1.
    """

    target_pa: float
    peak_pa: float
    offset_m: NDArray[np.float64]
    side_lobe: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "offset_m", frozen(self.offset_m, np.float64))


@dataclass(frozen=True, eq=False)
class Corrected:
    """One correction, judged.

    Parameters
    ----------
    correction
        "none", "ray", "has" or "born": what set the phases.
    judged_by
        How its field was had.
    focus
        The spot.
    skull_share
        Part of all absorbed power that the skull takes, 1; None where no field of the head is known.
    """

    correction: str
    judged_by: str
    focus: Focus
    skull_share: float | None = None


def focus_of(field: PressureField, target_m: NDArray[np.float64]) -> Focus:
    """Find the spot of a field round a target.

    Parameters
    ----------
    field
        Round the target, a few wavelengths each way.
    target_m
        Shape (3,), m, in the field's frame, inside its grid.
    """
    size = np.abs(field.pressure)
    top = np.unravel_index(int(size.argmax()), size.shape)
    at_target = abs(pressure_between(field, target_m))
    peak = max(float(size.max()), at_target)
    return Focus(at_target, peak, _vertex(field, top) - target_m, _side_lobe(size, top))


def pressure_between(field: PressureField, point_m: NDArray[np.float64]) -> complex:
    """Return the complex pressure between grid points, Pa: a Kaiser-windowed sinc along each axis.

    |p| itself has no band limit, and a spline through it cuts a focus of four cells by a quarter.

    Parameters
    ----------
    field
        Sampled finely enough for its wavenumbers.
    point_m
        Shape (3,), m, in the field's frame, inside its grid.
    """
    index = field.grid.indices_of(point_m)
    first = np.clip(np.round(index).astype(int) - HALF_WIDTH, 0, None)
    last = np.round(index).astype(int) + HALF_WIDTH + 1
    part = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    block = field.pressure[part].astype(np.complex128)
    for at, start, n in zip(index, first, block.shape, strict=True):
        taps = [windowed_sinc(start + i - at, HALF_WIDTH, WINDOW_SHAPE) for i in range(n)]
        block = np.tensordot(taps, block, axes=(0, 0))
    return complex(block)


def _vertex(field: PressureField, top: tuple[np.intp, ...]) -> NDArray[np.float64]:
    """Return where the parabolas through the largest value and its neighbours have their tops."""
    size = np.abs(field.pressure)
    index = np.array(top, np.float64)
    for axis, at in enumerate(top):
        if 0 < at < size.shape[axis] - 1:
            line = size[tuple(slice(None) if a == axis else t for a, t in enumerate(top))]
            low, mid, high = (float(v) for v in line[at - 1 : at + 2])
            index[axis] += 0.5 * (low - high) / (low - 2 * mid + high)
    return field.grid.points_of(index)


def _side_lobe(size: NDArray[np.float32], top: tuple[np.intp, ...]) -> float:
    spots, _ = ndimage.label(size >= 0.5 * size.max())
    elsewhere = spots != spots[top]
    lobes = (ndimage.maximum_filter(size, size=3) == size) & elsewhere
    return float(size[lobes].max(initial=0.0) / size.max())


def judged_by_field(
    name: str, field: PressureField, head: HeadModel, target_m: NDArray[np.float64]
) -> Corrected:
    """Judge a correction by its solved field: the spot, and what the skull takes of the power."""
    share = share_in(power_by_tissue(field, head), Tissue.SKULL)
    return Corrected(name, BY_FIELD, focus_of(cropped(field, target_m), target_m), share)


def cropped(
    field: PressureField, centre_m: NDArray[np.float64], half_width_m: float = 12e-3
) -> PressureField:
    """Return the part of a field within a cube round a point."""
    index = np.round(field.grid.indices_of(centre_m)).astype(int)
    half = np.round(half_width_m / field.grid.spacing_m).astype(int)
    first, last = index - half, index + half + 1
    first, last = np.maximum(first, 0), np.minimum(last, field.grid.shape)
    part = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    affine = field.grid.affine.copy()
    affine[:3, 3] = field.grid.points_of(first)
    pressure = field.pressure[part].copy()
    x, y, z = pressure.shape
    return PressureField(
        pressure,
        Grid((x, y, z), affine, field.grid.frame),
        field.frequency_hz,
        field.engine,
        field.convergence,
        field.error_estimate,
        field.provenance,
    )
