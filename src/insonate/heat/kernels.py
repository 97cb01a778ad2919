"""The loops over cells: one stage of the scheme, the end of a step, rates, means, losses.

Rows along z are done in short loops over few arrays, which compilers vectorise if two things hold:
arrays are flat and contiguous, and indices are unsigned. A signed index may count from the end in
Python, and the test for it, in every cell, kept these loops scalar: five to eight times as slow.

A row is live from ``rows[0]`` to ``rows[3]``; from ``rows[1]`` to ``rows[2]`` all cells are alike, and
their coefficients are read from five numbers instead of five arrays. Fields are padded by one cell
on every side. All arrays are given flat (``flat``); shapes are those of the cells without padding.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from insonate.core.arrays import compiled, compiled_inline, compiled_parallel

Field = NDArray[np.float32]
Rows = NDArray[np.int32]
Shape = tuple[int, int, int]
Box = NDArray[np.int64]
"""(low, high) of cells along each axis, shape (6,)."""

Faces = tuple[Field, Field, Field]
Coefficients = tuple[Faces, tuple[Field, Field], tuple[Rows, Field]]
"""Of a lattice, flat: the conductances; 1/ρC and w ρ_b C_b; ``Lattice.rows`` and ``Lattice.bulk``."""

_Place = Any  # unsigned integers, which numba keeps as such
_ONE = np.uintp(1)


def flat(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array as a line, without copying it.

    Raises
    ------
    ValueError
        When it is not contiguous.
    """
    line: NDArray[Any] = values.view()
    line.shape = (-1,)
    return line


@compiled_inline
def row_of(rows: Rows, i: int, j: int, ny: int) -> _Place:
    """Return first live cell, begin and end of the run of like cells, and end, of a row."""
    r = np.uintp(4 * (i * ny + j))
    begin, end = np.uintp(rows[r + _ONE]), np.uintp(rows[r + np.uintp(2)])
    return np.uintp(rows[r]), begin, end, np.uintp(rows[r + np.uintp(3)])


@compiled_inline
def padded(i: int, j: int, shape: Shape) -> _Place:
    """Return where a row begins in a padded field, and the strides along x and y."""
    sx, sy = np.uintp((shape[1] + 2) * (shape[2] + 2)), np.uintp(shape[2] + 2)
    return np.uintp(i + 1) * sx + np.uintp(j + 1) * sy + _ONE, sx, sy


@compiled_inline
def _any_cells(
    x: Field,
    lattice: tuple[Faces, tuple[Field, Field], Shape],
    place: tuple[int, int, _Place, _Place],
    scale: tuple[np.float32, np.float32],
    flow: Field,
) -> np.float32:
    """Write own x + rate A x of a part of a row into ``flow``; return what the blood takes."""
    (gx, gy, gz), (inverse, blood), shape = lattice
    i, j, begin, end = place
    own, rate = scale
    ny, nz = shape[1], shape[2]
    at, sx, sy = padded(i, j, shape)
    cell = np.uintp((i * ny + j) * nz)
    x1 = np.uintp(((i + 1) * ny + j) * nz)
    y0, y1 = np.uintp((i * (ny + 1) + j) * nz), np.uintp((i * (ny + 1) + j + 1) * nz)
    z0 = np.uintp((i * ny + j) * (nz + 1))
    taken = np.float32(0.0)
    for k in range(begin, end):
        here = x[at + k]
        flow[k] = gx[cell + k] * (x[at + k - sx] - here) + gx[x1 + k] * (x[at + k + sx] - here)
    for k in range(begin, end):
        here = x[at + k]
        flow[k] += gy[y0 + k] * (x[at + k - sy] - here) + gy[y1 + k] * (x[at + k + sy] - here)
        flow[k] += gz[z0 + k] * (x[at + k - _ONE] - here) + gz[z0 + k + _ONE] * (
            x[at + k + _ONE] - here
        )
    for k in range(begin, end):
        here = x[at + k]
        lost = blood[cell + k] * here
        taken += lost
        flow[k] = own * here + rate * inverse[cell + k] * (flow[k] - lost)
    return taken


@compiled_inline
def _like_cells(
    x: Field,
    bulk: Field,
    shape: Shape,
    place: tuple[int, int, _Place, _Place],
    scale: tuple[np.float32, np.float32],
    flow: Field,
) -> np.float32:
    """Do what ``_any_cells`` does where all cells are alike; return what the blood takes."""
    i, j, begin, end = place
    per = scale[1] * bulk[3]
    cx, cy, cz = per * bulk[0], per * bulk[1], per * bulk[2]
    own = scale[0] - np.float32(2.0) * (cx + cy + cz) - scale[1] * bulk[4]
    at, sx, sy = padded(i, j, shape)
    total = np.float32(0.0)
    for k in range(begin, end):
        here = x[at + k]
        total += here
        flow[k] = (
            own * here
            + cx * (x[at + k - sx] + x[at + k + sx])
            + cy * (x[at + k - sy] + x[at + k + sy])
            + cz * (x[at + k - _ONE] + x[at + k + _ONE])
        )
    return total * bulk[4] / bulk[3] if bulk[3] > 0 else np.float32(0.0)


@compiled_inline
def _row(
    x: Field,
    lattice: Coefficients,
    shape: Shape,
    place: tuple[int, int],
    scale: tuple[np.float32, np.float32],
    flow: Field,
) -> np.float32:
    """Write own x + rate A x of the live cells of a row into ``flow``."""
    faces, cells, (rows, bulk) = lattice
    i, j = place
    first, begin, end, last = row_of(rows, i, j, shape[1])
    some = (faces, cells, shape)
    taken = _any_cells(x, some, (i, j, first, begin), scale, flow)
    taken += _like_cells(x, bulk, shape, (i, j, begin, end), scale, flow)
    taken += _any_cells(x, some, (i, j, end, last), scale, flow)
    return taken


@compiled_inline
def _skipped(
    x: Field, blood: Field, skip: Box, place: tuple[int, int], shape: Shape
) -> np.float32:
    """Return what the blood takes from the cells of a row within a box."""
    i, j = place
    taken = np.float32(0.0)
    if skip[0] <= i < skip[1] and skip[2] <= j < skip[3]:
        at, _, _ = padded(i, j, shape)
        cell = np.uintp((i * shape[1] + j) * shape[2])
        for k in range(np.uintp(skip[4]), np.uintp(skip[5])):
            taken += blood[cell + k] * x[at + k]
    return taken


@compiled_parallel
def apply_stage(
    out: Field,
    levels: tuple[Field, Field],
    lattice: Coefficients,
    shape: Shape,
    weights: tuple[np.float32, np.float32, np.float32, np.float32],
    skip: Box,
) -> float:
    """Compute one stage in one sweep: the change X_j since the beginning of the step.

    Parameters
    ----------
    out
        X_{j−2} before, X_j after.
    levels
        X_{j−1} and L(Y_0).
    lattice, shape
        The coefficients, and how many cells there are.
    weights
        Of X_{j−1}, A X_{j−1}, X_{j−2} and L(Y_0).
    skip
        Cells that the sum leaves out.

    Returns
    -------
    float
        Σ w ρ_b C_b X_{j−1}, W/m³.
    """
    x, rate = levels
    faces, cells, (rows, bulk) = lattice
    own, per, before, start = weights
    nx, ny, nz = shape
    sums = np.zeros(nx)
    for i in prange(nx):
        flow = np.empty(nz, np.float32)
        total = np.float64(0.0)
        for j in range(ny):
            taken = _row(
                x, (faces, cells, (rows, bulk)), (nx, ny, nz), (i, j), (own, per), flow
            )
            total += taken - _skipped(x, cells[1], skip, (i, j), (nx, ny, nz))
            first, _, _, last = row_of(rows, i, j, ny)
            at, _, _ = padded(i, j, (nx, ny, nz))
            for k in range(first, last):
                out[at + k] = flow[k] + before * out[at + k] + start * rate[at + k]
        sums[i] = total
    return float(sums.sum())


@compiled_inline
def _row_errors(
    levels: tuple[Field, Field, Field],
    place: tuple[_Place, _Place, _Place],
    times: tuple[np.float32, np.float32],
    flow: Field,
) -> tuple[np.float32, np.float32]:
    """Return the largest error and bend of a part of a row."""
    rise, x, rate = levels
    at, begin, end = place
    step, hot = times
    error = bend = np.float32(0.0)
    half = np.float32(0.4) * step
    for k in range(begin, end):
        off = half * (np.float32(2.0) * rate[at + k] + flow[k]) - np.float32(0.8) * x[at + k]
        size = abs(off)
        error = max(error, size)
    warmest = np.float32(-1e9)
    for k in range(begin, end):
        warm = rise[at + k] + abs(x[at + k])
        warmest = max(warmest, warm)
    if warmest > hot:
        for k in range(begin, end):
            if rise[at + k] + max(x[at + k], np.float32(0.0)) > hot:
                bend = max(bend, np.float32(0.125) * step * abs(flow[k]))
    return error, bend


@compiled_parallel
def finish_step(
    levels: tuple[Field, Field, Field],
    lattice: Coefficients,
    shape: Shape,
    judged: tuple[Rows, Box],
    times: tuple[np.float32, np.float32],
    skip: Box,
) -> tuple[float, float, float]:
    """Add the change of a step to the rise, and to the rate what that makes; judge the step.

    The first judgement is the estimate of Sommeijer, Shampine & Verwer (J. Comput. Appl. Math.
    88:315, 1998, eq. 2.6), (12 (U_0 − U_1) + 6 τ (U'_0 + U'_1))/15; the second |U'_1 − U'_0| τ/8,
    the distance of a parabola from its chord, in cells above a temperature.

    Parameters
    ----------
    levels
        Rise Y_0, change X_s, and rate L(Y_0); the first and the last become Y_s and L(Y_s).
    lattice, shape
        The coefficients, and how many cells there are.
    judged
        First (0) and end (3) of what is judged in each row, and a box of cells that is not.
    times
        The step, s, and the rise from which the bend counts, K.
    skip
        Cells that the sum leaves out.

    Returns
    -------
    float, float, float
        Largest error and bend, K, and Σ w ρ_b C_b X_s, W/m³.
    """
    rise, x, rate = levels
    faces, cells, (rows, bulk) = lattice
    marks, apart = judged
    step, hot = times
    nx, ny, nz = shape
    scale = (np.float32(0.0), np.float32(1.0))
    found = np.zeros((nx, 3))
    for i in prange(nx):
        flow = np.empty(nz, np.float32)
        error = bend = np.float32(0.0)
        total = np.float64(0.0)
        for j in range(ny):
            taken = _row(x, (faces, cells, (rows, bulk)), (nx, ny, nz), (i, j), scale, flow)
            total += taken - _skipped(x, cells[1], skip, (i, j), (nx, ny, nz))
            at, _, _ = padded(i, j, (nx, ny, nz))
            first, _, _, last = row_of(marks, i, j, ny)
            if apart[0] <= i < apart[1] and apart[2] <= j < apart[3]:
                low, high = np.uintp(apart[4]), np.uintp(apart[5])
                e, b = _row_errors(
                    (rise, x, rate), (at, first, min(last, low)), (step, hot), flow
                )
                error, bend = max(error, e), max(bend, b)
                first = max(first, high)
            e, b = _row_errors((rise, x, rate), (at, first, last), (step, hot), flow)
            error, bend = max(error, e), max(bend, b)
            first, _, _, last = row_of(rows, i, j, ny)
            for k in range(first, last):
                rate[at + k] += flow[k]
                rise[at + k] += x[at + k]
        found[i, 0], found[i, 1], found[i, 2] = error, bend, total
    return float(found[:, 0].max()), float(found[:, 1].max()), float(found[:, 2].sum())


@compiled_parallel
def find_rates(
    rate: Field,
    levels: tuple[Field, Field],
    lattice: Coefficients,
    shape: Shape,
    power: float,
    box: Box,
) -> None:
    """Write L(U) into the live cells of a box.

    ``levels`` are the rise and the heat for each watt; ``power`` is in W.
    """
    rise, heat = levels
    faces, cells, (rows, _) = lattice
    nx, ny, nz = shape
    scale = (np.float32(0.0), np.float32(1.0))
    watt = np.float32(power)
    inverse = cells[0]
    for i in prange(box[0], box[1]):
        flow = np.empty(nz, np.float32)
        for j in range(box[2], box[3]):
            start, _, _, stop = row_of(rows, i, j, ny)
            first, last = max(start, np.uintp(box[4])), min(stop, np.uintp(box[5]))
            _any_cells(rise, (faces, cells, (nx, ny, nz)), (i, j, first, last), scale, flow)
            at, _, _ = padded(i, j, (nx, ny, nz))
            cell = np.uintp((i * ny + j) * nz)
            for k in range(first, last):
                rate[at + k] = flow[k] + watt * heat[cell + k] * inverse[cell + k]


@compiled_inline
def _add_row(
    sums: tuple[Field, Field],
    fine: Field,
    lattice: tuple[Field, Field],
    shape: Shape,
    place: tuple[int, int],
) -> None:
    """Add Σ ρC U and Σ ρC of the live cells of one fine row to sums along z."""
    heat, total = sums
    capacity, inverse = lattice
    i, j = place
    at, _, _ = padded(i, j, shape)
    cell = np.uintp((i * shape[1] + j) * shape[2])
    for k in range(np.uintp(shape[2])):
        live = capacity[cell + k] if inverse[cell + k] > 0 else np.float32(0.0)
        heat[k] += live * fine[at + k]
        total[k] += live


@compiled_parallel
def restrict(
    fine: Field,
    lattice: tuple[Field, Field],
    shape: Shape,
    coarse: NDArray[np.float32],
    place: tuple[int, int, int, int],
    share: float,
) -> float:
    """Give the fine cells' mean, weighted with ρC, to the coarse cells that they replace.

    ``lattice`` holds ρC and 1/ρC (0 in water) of the fine cells; ``coarse`` is padded and not flat;
    ``place`` is the first coarse cell and the ratio. With a ``share`` of 1 the coarse cells take the
    mean, with 0 they are only compared. Returns by how much they are off at most.
    """
    x, y, z, ratio = place
    capacity, inverse = lattice
    nx, ny, nz = shape
    worst = np.zeros(nx // ratio)
    for i in prange(nx // ratio):
        heat, total = np.empty(nz, np.float32), np.empty(nz, np.float32)
        for j in range(ny // ratio):
            heat[:] = 0.0
            total[:] = 0.0
            for a in range(ratio):
                for b in range(ratio):
                    row = (i * ratio + a, j * ratio + b)
                    _add_row((heat, total), fine, (capacity, inverse), (nx, ny, nz), row)
            for k in range(nz // ratio):
                one = all_of = 0.0
                for c in range(k * ratio, (k + 1) * ratio):
                    one += heat[c]
                    all_of += total[c]
                if all_of > 0:
                    off = one / all_of - coarse[x + i + 1, y + j + 1, z + k + 1]
                    worst[i] = max(worst[i], abs(off))
                    coarse[x + i + 1, y + j + 1, z + k + 1] += share * off
    return float(worst.max())


@compiled_parallel
def blood_loss(rows: Rows, skip: Box, blood: Field, field: Field, shape: Shape) -> float:
    """Return Σ w ρ_b C_b U over the live cells outside the box ``skip``, W/m³."""
    nx, ny, nz = shape
    sums = np.zeros(nx)
    for i in prange(nx):
        for j in range(ny):
            taken = np.float32(0.0)
            at, _, _ = padded(i, j, (nx, ny, nz))
            cell = np.uintp((i * ny + j) * nz)
            first, _, _, last = row_of(rows, i, j, ny)
            for k in range(first, last):
                taken += blood[cell + k] * field[at + k]
            sums[i] += taken - _skipped(field, blood, skip, (i, j), (nx, ny, nz))
    return float(sums.sum())


@compiled
def weighted_sum(field: Field, cells: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    """Return Σ weight · value over cells of a flat field."""
    total = 0.0
    for n in range(cells.size):
        total += weights[n] * field[cells[n]]
    return total
