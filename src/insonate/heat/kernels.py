"""The loops over cells: one stage of the scheme, errors of a step, means, losses.

Rows along z are done in short loops over few arrays, which compilers vectorise. A row is live
from ``rows[0]`` to ``rows[3]``; from ``rows[1]`` to ``rows[2]`` all cells are alike, and their
coefficients are read from five numbers instead of eight arrays: memory is what limits the speed.
Temperatures are padded by one cell on every side.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from insonate.core.arrays import compiled_inline, compiled_parallel

Field = NDArray[np.float32]
Rows = NDArray[np.int32]


@compiled_inline
def _any_cells(
    levels: tuple[Field, Field, Field, Field, Field],
    conductance: tuple[Field, Field, Field],
    cells: tuple[Field, Field, Field],
    place: tuple[int, int, int, int],
    weights: Field,
    flow: Field,
) -> None:
    out, u, before, start, start_rate = levels
    gx, gy, gz = conductance
    inverse, sink, heat = cells
    i, j, begin, end = place
    w0, w1, w2, w3, w4 = weights[0], weights[1], weights[2], weights[3], weights[4]
    power = weights[5]
    for k in range(begin, end):
        here = u[i + 1, j + 1, k + 1]
        flow[k] = gx[i, j, k] * (u[i, j + 1, k + 1] - here) + gx[i + 1, j, k] * (
            u[i + 2, j + 1, k + 1] - here
        )
    for k in range(begin, end):
        here = u[i + 1, j + 1, k + 1]
        flow[k] += gy[i, j, k] * (u[i + 1, j, k + 1] - here) + gy[i, j + 1, k] * (
            u[i + 1, j + 2, k + 1] - here
        )
        flow[k] += gz[i, j, k] * (u[i + 1, j + 1, k] - here) + gz[i, j, k + 1] * (
            u[i + 1, j + 1, k + 2] - here
        )
    for k in range(begin, end):
        here = u[i + 1, j + 1, k + 1]
        rate = inverse[i, j, k] * (flow[k] + power * heat[i, j, k])
        flow[k] = w0 * here + w3 * (rate - sink[i, j, k] * here)
    for k in range(begin, end):
        out[i + 1, j + 1, k + 1] = (
            flow[k]
            + w1 * before[i + 1, j + 1, k + 1]
            + w2 * start[i + 1, j + 1, k + 1]
            + w4 * start_rate[i + 1, j + 1, k + 1]
        )


@compiled_inline
def _like_cells(
    levels: tuple[Field, Field, Field, Field, Field],
    heat: Field,
    bulk: Field,
    place: tuple[int, int, int, int],
    weights: Field,
    flow: Field,
) -> None:
    out, u, before, start, start_rate = levels
    i, j, begin, end = place
    w1, w2, w4 = weights[1], weights[2], weights[4]
    scale = weights[3] * bulk[3]
    cx, cy, cz, heating = scale * bulk[0], scale * bulk[1], scale * bulk[2], scale * weights[5]
    own = weights[0] - np.float32(2.0) * (cx + cy + cz) - weights[3] * bulk[4]
    for k in range(begin, end):
        flow[k] = cx * (u[i, j + 1, k + 1] + u[i + 2, j + 1, k + 1]) + cy * (
            u[i + 1, j, k + 1] + u[i + 1, j + 2, k + 1]
        )
    for k in range(begin, end):
        flow[k] += own * u[i + 1, j + 1, k + 1] + cz * (
            u[i + 1, j + 1, k] + u[i + 1, j + 1, k + 2]
        )
    if heating != 0.0:
        for k in range(begin, end):
            flow[k] += heating * heat[i, j, k]
    for k in range(begin, end):
        out[i + 1, j + 1, k + 1] = (
            flow[k]
            + w1 * before[i + 1, j + 1, k + 1]
            + w2 * start[i + 1, j + 1, k + 1]
            + w4 * start_rate[i + 1, j + 1, k + 1]
        )


@compiled_parallel
def apply_stage(
    out: Field,
    levels: tuple[Field, Field, Field, Field],
    conductance: tuple[Field, Field, Field],
    cells: tuple[Field, Field, Field],
    rows: tuple[Rows, Field],
    weights: Field,
) -> None:
    """Compute one stage in one sweep.

    Parameters
    ----------
    out
        Y_j; must be none of the others.
    levels
        Y_{j−1}, Y_{j−2}, Y_0, L(Y_0).
    conductance, cells
        Of the lattice; cells are 1/ρC, the sink, and the heat for each watt.
    rows
        ``Lattice.rows`` and ``Lattice.bulk``.
    weights
        Those of the stage times the step, and the power (W).
    """
    marks, bulk = rows
    nx, ny, nz = cells[0].shape
    fields = (out, levels[0], levels[1], levels[2], levels[3])
    for i in prange(nx):
        flow = np.empty(nz, np.float32)
        for j in range(ny):
            # max() tells the compiler that no index is counted from the end
            first, begin = max(marks[i, j, 0], 0), max(marks[i, j, 1], 0)
            end, last = max(marks[i, j, 2], 0), max(marks[i, j, 3], 0)
            _any_cells(fields, conductance, cells, (i, j, first, begin), weights, flow)
            _like_cells(fields, cells[2], bulk, (i, j, begin, end), weights, flow)
            _any_cells(fields, conductance, cells, (i, j, end, last), weights, flow)


@compiled_parallel
def first_stage(rows: Rows, start: Field, rate: Field, weight: float, out: Field) -> None:
    """Write Y_1 = Y_0 + ``weight`` L(Y_0) into the live cells of ``out``."""
    w = np.float32(weight)
    for i in prange(rows.shape[0]):
        for j in range(rows.shape[1]):
            for k in range(max(rows[i, j, 0], 0), max(rows[i, j, 3], 0)):
                at = start[i + 1, j + 1, k + 1]
                out[i + 1, j + 1, k + 1] = at + w * rate[i + 1, j + 1, k + 1]


@compiled_inline
def _row_errors(
    ends: tuple[Field, Field],
    rates: tuple[Field, Field],
    place: tuple[int, int, int, int],
    step: float,
    hot: float,
) -> tuple[float, float]:
    """Return the largest error and bend of one row."""
    before, after = ends
    old, new = rates
    i, j, begin, end = place
    error = bend = np.float32(0.0)
    a, b, c = np.float32(0.8), np.float32(0.4 * step), np.float32(step / 8.0)
    for k in range(begin, end):
        r0, r1 = old[i + 1, j + 1, k + 1], new[i + 1, j + 1, k + 1]
        u0, u1 = before[i + 1, j + 1, k + 1], after[i + 1, j + 1, k + 1]
        error = max(error, abs(a * (u0 - u1) + b * (r0 + r1)))
        warm = max(u0, u1) > np.float32(hot)
        bend = max(bend, c * abs(r1 - r0) if warm else np.float32(0.0))
    return float(error), float(bend)


@compiled_parallel
def step_errors(
    rows: Rows,
    skip: NDArray[np.int64],
    ends: tuple[Field, Field],
    rates: tuple[Field, Field],
    step: float,
    hot: float,
) -> tuple[float, float]:
    """Return how wrong a step was at worst, K, and how bent the course of a hot cell, K.

    The first is the estimate of Sommeijer, Shampine & Verwer (J. Comput. Appl. Math. 88:315,
    1998, eq. 2.6), (12 (U_0 − U_1) + 6 τ (U'_0 + U'_1))/15; the second |U'_1 − U'_0| τ/8, the
    distance of a parabola from its chord, in cells above ``hot`` (rise, K). Cells in the box
    ``skip`` (low, high along each axis) are left out: they are computed more finely elsewhere.
    """
    nx, ny = rows.shape[0], rows.shape[1]
    worst = np.zeros((nx, 2), np.float32)
    for i in prange(nx):
        error, bend = 0.0, 0.0
        for j in range(ny):
            first, last = max(rows[i, j, 0], 0), max(rows[i, j, 3], 0)
            if skip[0] <= i < skip[1] and skip[2] <= j < skip[3]:
                e, b = _row_errors(ends, rates, (i, j, first, min(last, skip[4])), step, hot)
                error, bend = max(error, e), max(bend, b)
                first = max(first, skip[5])
            e, b = _row_errors(ends, rates, (i, j, first, last), step, hot)
            error, bend = max(error, e), max(bend, b)
        worst[i, 0], worst[i, 1] = error, bend
    return float(worst[:, 0].max()), float(worst[:, 1].max())


@compiled_inline
def _mean_of(
    fine: Field, capacity: Field, inverse: Field, first: tuple[int, int, int], ratio: int
) -> tuple[float, float]:
    """Return Σ ρC U and Σ ρC over the live cells of one block."""
    heat, total = 0.0, 0.0
    for a in range(first[0], first[0] + ratio):
        for b in range(first[1], first[1] + ratio):
            for c in range(first[2], first[2] + ratio):
                if inverse[a, b, c] > 0:
                    heat += capacity[a, b, c] * fine[a + 1, b + 1, c + 1]
                    total += capacity[a, b, c]
    return heat, total


@compiled_parallel
def restrict(
    fine: Field,
    lattice: tuple[Field, Field],
    coarse: Field,
    corner: tuple[int, int, int],
    ratio: int,
) -> None:
    """Write the fine cells' mean, weighted with ρC, into the coarse cells that they replace.

    ``lattice`` holds ρC and 1/ρC (0 in water) of the fine cells.
    """
    capacity, inverse = lattice
    x, y, z = corner
    nx, ny, nz = capacity.shape
    for i in prange(nx // ratio):
        for j in range(ny // ratio):
            for k in range(nz // ratio):
                first = (i * ratio, j * ratio, k * ratio)
                heat, total = _mean_of(fine, capacity, inverse, first, ratio)
                if total > 0:
                    coarse[x + i + 1, y + j + 1, z + k + 1] = heat / total


@compiled_parallel
def blood_loss(
    rows: tuple[Rows, Field],
    skip: NDArray[np.int64],
    sink: Field,
    capacity: Field,
    field: Field,
) -> float:
    """Return Σ w ρ_b C_b U over the live cells outside the box ``skip``, W/m³."""
    marks, bulk = rows
    nx, ny, _ = sink.shape
    like = bulk[4] / bulk[3] if bulk[3] > 0 else 0.0
    sums = np.zeros(nx)
    for i in prange(nx):
        total = 0.0
        for j in range(ny):
            first, begin = max(marks[i, j, 0], 0), max(marks[i, j, 1], 0)
            end, last = max(marks[i, j, 2], 0), max(marks[i, j, 3], 0)
            row = 0.0
            for k in range(first, begin):
                row += sink[i, j, k] * capacity[i, j, k] * field[i + 1, j + 1, k + 1]
            for k in range(end, last):
                row += sink[i, j, k] * capacity[i, j, k] * field[i + 1, j + 1, k + 1]
            alike = 0.0
            for k in range(begin, end):
                alike += field[i + 1, j + 1, k + 1]
            total += row + like * alike
            if skip[0] <= i < skip[1] and skip[2] <= j < skip[3]:
                for k in range(skip[4], skip[5]):
                    total -= sink[i, j, k] * capacity[i, j, k] * field[i + 1, j + 1, k + 1]
        sums[i] = total
    return float(sums.sum())
