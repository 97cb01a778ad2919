"""Benchmarks 7 and 8 of the ITRUSST intercomparison: published masks of a real skull.

A piece of a skull in front of the bowl (7) and a whole skull (8), homogeneous cortical bone and
brain in water, voxels of 0.5 mm. There is no exact field; focal pressure and position are given, and
how much they change with the grid. ``scripts/fetch_itrusst_masks.py`` gets the masks.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid, InputError
from insonate.core.frames import affine_from
from insonate.field import PressureField
from insonate.field.born import Medium, solve_born
from insonate.field.born.voxels import label_maps, voxel_medium
from insonate.verification import itrusst
from insonate.verification.check import Check, at_most

AREA = "field"
FLUIDS = {0: itrusst.WATER, 1: itrusst.CORTICAL, 2: itrusst.BRAIN}
REFINED_M = {7: 0.375e-3, 8: 0.4e-3}
"""The finer grid of each; 0.25 mm of benchmark 8 would need 470 million cells."""
MARGIN = 12
"""Voxels by which the masks are continued as they are at their edges."""
REFERENCE = "own solve on a finer grid; limits: medians of 11 codes, Aubry et al. (2022)"
FROM_BONE_M = 5e-3
"""The focus is looked for in the brain, this far behind bone."""


@dataclass(frozen=True)
class Focus:
    """The largest |p| in the brain: Pa, and where (m)."""

    pressure_pa: float
    position_m: NDArray[np.float64]


def folder() -> Path:
    """Return where the masks are: ``INSONATE_ITRUSST_MASKS``, or build/itrusst."""
    return Path(os.environ.get("INSONATE_ITRUSST_MASKS", "build/itrusst"))


def labels(benchmark: int) -> tuple[NDArray[np.int8], Grid]:
    """Return the mask (0 water, 1 bone, 2 brain) and its voxels.

    Raises
    ------
    InputError
        When the mask is not there.
    """
    path = folder() / f"itrusst_skull_bm{benchmark}.npz"
    if not path.is_file():
        raise InputError(
            f"The skull mask of ITRUSST {benchmark} is not in {folder()}; run "
            "'python scripts/fetch_itrusst_masks.py' to get it."
        )
    with np.load(path) as file:
        shape = tuple(int(n) for n in file["shape"])
        skull, brain = (
            np.unpackbits(file[name], count=int(np.prod(shape))).reshape(shape)
            for name in ("skull", "brain")
        )
        axes = [np.asarray(file[f"{a}_mm"], np.float64) * 1e-3 for a in "xyz"]
    mask = np.where(skull == 1, np.int8(1), (2 * brain).astype(np.int8))
    spacing = float(axes[0][1] - axes[0][0])
    origin = tuple(float(axis[0]) - MARGIN * spacing for axis in axes)
    continued = np.pad(mask, MARGIN, mode="edge")
    affine = affine_from(np.eye(3) * spacing, origin)
    return continued, Grid(continued.shape, affine, Frame.TRANSDUCER)


def medium(benchmark: int, spacing_m: float) -> tuple[Medium, NDArray[np.bool_]]:
    """Return the medium, and where the focus may be: in the brain, away from bone."""
    mask, voxels = labels(benchmark)
    first, last = voxels.origin_m, voxels.points_of(np.array(voxels.shape) - 1)
    shape = tuple(int(n) for n in np.floor((last - first) / spacing_m + 1e-6) + 1)
    grid = Grid(
        (shape[0], shape[1], shape[2]),
        affine_from(np.eye(3) * spacing_m, tuple(first)),
        Frame.TRANSDUCER,
    )
    made = voxel_medium(label_maps(mask, voxels, FLUIDS), grid, itrusst.FREQUENCY_HZ)
    return made, _focal_region(mask, voxels, grid)


def _focal_region(mask: NDArray[np.int8], voxels: Grid, grid: Grid) -> NDArray[np.bool_]:
    """Return which points of a grid lie in brain with none but brain 5 mm nearer to the source."""
    nearest = [
        np.clip(np.round((g - v[0]) / (v[1] - v[0])).astype(int), 0, len(v) - 1)
        for g, v in zip(grid.axes(), voxels.axes(), strict=True)
    ]
    brain = mask == 2
    deep = brain.copy()
    back = round(FROM_BONE_M / float(voxels.spacing_m[0]))
    deep[back:] &= brain[:-back]
    deep[:back] = False
    return np.asarray(deep[np.ix_(*nearest)])


def focus_of(field: PressureField, region: NDArray[np.bool_]) -> Focus:
    """Return the largest |p| of a region, between grid points by a parabola along each axis."""
    amplitude = np.where(region, np.abs(field.pressure), 0)
    top = np.array(np.unravel_index(int(amplitude.argmax()), amplitude.shape))
    index, value = top.astype(np.float64), float(amplitude[tuple(top)])
    peak = value
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        if not 0 < top[axis] < amplitude.shape[axis] - 1:
            continue
        before = float(np.abs(field.pressure[tuple(top - step)]))
        after = float(np.abs(field.pressure[tuple(top + step)]))
        bend = before - 2 * value + after
        if bend < 0:
            index[axis] += 0.5 * (before - after) / bend
            peak -= 0.125 * (before - after) ** 2 / bend
    return Focus(peak, np.asarray(field.grid.points_of(index), np.float64))


def solved(benchmark: int, spacing_m: float, number: int = 1) -> Focus:
    """Return the focus of one benchmark on a grid; source 1 is the bowl."""
    made, region = medium(benchmark, spacing_m)
    return focus_of(solve_born(made, itrusst.source(number)), region)


def checks(benchmarks: tuple[int, ...] = (7, 8)) -> Iterator[Check]:
    """Yield the change under refinement of focal pressure and position; minutes."""
    for benchmark in benchmarks:
        fine_m = REFINED_M[benchmark]
        name = f"born: ITRUSST {benchmark}, bowl"
        try:
            coarse, fine = solved(benchmark, 0.5e-3), solved(benchmark, fine_m)
        except InputError as error:
            yield Check(AREA, f"{name}: {error}", np.nan, 0.1, "1", False, REFERENCE)  # noqa: FBT003
            continue
        x, y, z = coarse.position_m * 1e3
        found = f"{coarse.pressure_pa / 1e3:.1f} kPa at ({x:.2f}, {y:.2f}, {z:.2f}) mm"
        grids = f"0.5 against {fine_m * 1e3:g} mm"
        change = abs(coarse.pressure_pa / fine.pressure_pa - 1)
        moved = float(np.linalg.norm(coarse.position_m - fine.position_m)) * 1e3
        yield at_most(
            AREA, f"{name}, {found}; focal pressure, {grids}", change, 0.1, "1", REFERENCE
        )
        yield at_most(
            AREA, f"{name}, position of the focus, {grids}", moved, 1.0, "mm", REFERENCE
        )
