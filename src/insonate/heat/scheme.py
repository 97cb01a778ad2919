"""Time stepping: RKL2, the stabilised explicit scheme of second order.

Meyer, Balsara & Aslam, J. Comput. Phys. 257:594 (2014), equations 16-18. One step of s stages
for dU/dt = L(U), with b_0 = b_1 = b_2 = 1/3, b_j = (j² + j − 2)/(2j(j + 1)), a_j = 1 − b_j and
w = 4/(s² + s − 2):

    Y_0 = U(t),  Y_1 = Y_0 + b_1 w τ L(Y_0),
    Y_j = μ_j Y_{j−1} + ν_j Y_{j−2} + (1 − μ_j − ν_j) Y_0 + μ̃_j τ L(Y_{j−1}) + γ̃_j τ L(Y_0),
    μ_j = (2j − 1)/j · b_j/b_{j−1},  ν_j = −(j − 1)/j · b_j/b_{j−2},
    μ̃_j = μ_j w,  γ̃_j = −a_{j−1} μ̃_j,

and U(t + τ) = Y_s. It is stable for τ λ ≤ (s² + s − 2)/2 with λ the spectral radius, so the work
for a time span falls as the steps get longer: s grows only as √τ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, sqrt

import numpy as np
from numba import prange
from numpy.typing import NDArray

from insonate.core.arrays import compiled_parallel
from insonate.heat.lattice import Field, Lattice

Ghosts = Callable[[Field, float], None]
"""Writes the ghost layer of a padded field at a part (0-1) of the step."""


@dataclass(frozen=True)
class Stage:
    """Weights of one stage and the time it stands for, as a part of the step."""

    previous: float
    before: float
    start: float
    rate: float
    start_rate: float
    time: float


def stage_count(step: float) -> int:
    """Return the least odd s >= 3 that is stable for ``step`` = τ λ: (s² + s − 2)/2 >= τ λ."""
    s = max(3, ceil((sqrt(9.0 + 8.0 * step) - 1.0) / 2.0))
    return s + 1 - s % 2


@lru_cache(maxsize=256)
def stages(count: int) -> tuple[Stage, ...]:
    """Return the weights of the stages 1 to ``count`` (rates in units of 1/τ)."""
    w = 4.0 / (count * count + count - 2.0)
    b = [1 / 3, 1 / 3] + [(j * j + j - 2) / (2 * j * (j + 1)) for j in range(2, count + 1)]
    made = [Stage(0.0, 0.0, 1.0, 0.0, b[1] * w, b[1] * w)]
    times = [0.0, b[1] * w]
    for j in range(2, count + 1):
        mu = (2 * j - 1) / j * b[j] / b[j - 1]
        nu = -(j - 1) / j * b[j] / b[j - 2]
        rate = mu * w
        start_rate = -(1 - b[j - 1]) * rate
        times.append(mu * times[-1] + nu * times[-2] + rate + start_rate)
        made.append(Stage(mu, nu, 1 - mu - nu, rate, start_rate, times[-1]))
    return tuple(made)


@compiled_parallel
def _apply(
    out: Field,
    levels: tuple[Field, Field, Field, Field],
    conductance: tuple[Field, Field, Field],
    cells: tuple[Field, Field, Field],
    live: NDArray[np.bool_],
    weights: NDArray[np.float32],
) -> None:
    """One stage in one sweep; levels: Y_{j−1}, Y_{j−2}, Y_0, L(Y_0), padded by one cell.

    Each row along z is done in short loops over few arrays, which compilers vectorise; rows
    without a live cell are left out.
    """
    u, before, start, start_rate = levels
    gx, gy, gz = conductance
    inverse, sink, heat = cells
    w0, w1, w2, w3, w4 = weights[0], weights[1], weights[2], weights[3], weights[4]
    power = weights[5]
    nx, ny, nz = inverse.shape
    for i in prange(nx):
        flow = np.empty(nz, np.float32)
        for j in range(ny):
            if not live[i, j]:
                continue
            for k in range(nz):
                here = u[i + 1, j + 1, k + 1]
                flow[k] = gx[i, j, k] * (u[i, j + 1, k + 1] - here) + gx[i + 1, j, k] * (
                    u[i + 2, j + 1, k + 1] - here
                )
            for k in range(nz):
                here = u[i + 1, j + 1, k + 1]
                flow[k] += gy[i, j, k] * (u[i + 1, j, k + 1] - here) + gy[i, j + 1, k] * (
                    u[i + 1, j + 2, k + 1] - here
                )
                flow[k] += gz[i, j, k] * (u[i + 1, j + 1, k] - here) + gz[i, j, k + 1] * (
                    u[i + 1, j + 1, k + 2] - here
                )
            for k in range(nz):
                here = u[i + 1, j + 1, k + 1]
                rate = inverse[i, j, k] * (flow[k] + power * heat[i, j, k])
                flow[k] = w0 * here + w3 * (rate - sink[i, j, k] * here)
            for k in range(nz):
                out[i + 1, j + 1, k + 1] = (
                    flow[k]
                    + w1 * before[i + 1, j + 1, k + 1]
                    + w2 * start[i + 1, j + 1, k + 1]
                    + w4 * start_rate[i + 1, j + 1, k + 1]
                )


class Stepper:
    """One lattice in time: the scratch arrays of RKL2, and the present temperature.

    Parameters
    ----------
    lattice
        The coefficients.
    rise
        Shape ``grid.shape``, K over arterial blood at the start.
    heat
        Shape ``grid.shape``, W/m³ for each watt of power; read-only.
    """

    def __init__(self, lattice: Lattice, rise: Field, heat: Field) -> None:
        self.lattice = lattice
        self.rise: Field = np.pad(rise.astype(np.float32), 1)
        self.rate: Field = np.zeros_like(self.rise)
        self._cells = (lattice.inverse_capacity, lattice.sink, heat)
        self._spare = [self.rise.copy() for _ in range(3)]
        self._old_rate: Field = np.zeros_like(self.rise)

    def evaluate(self, power_w: float, ghosts: Ghosts) -> float:
        """Compute L(U) now; return by how much it has changed since the last call, K/s."""
        self.rate, self._old_rate = self._old_rate, self.rate
        ghosts(self.rise, 0.0)
        self._sweep(self.rate, (self.rise, self.rise), Stage(0, 0, 0, 1, 0, 0), 1.0, power_w)
        change = np.subtract(self.rate, self._old_rate, out=self._old_rate)
        return float(max(change.max(), -change.min()))

    def step(self, duration: float, power_w: float, ghosts: Ghosts) -> Field:
        """Advance by one step after ``evaluate``; return the padded field of its beginning."""
        start, (now, last, out) = self.rise, self._spare
        weights = stages(stage_count(duration * self.lattice.spectral_radius))
        np.multiply(self.rate, np.float32(weights[0].start_rate * duration), out=now)
        now += start
        last = start
        for done, stage in pairwise(weights):
            ghosts(now, done.time)
            self._sweep(out, (now, last), stage, duration, power_w)
            now, last, out = out, now, (self._spare[1] if last is start else last)
        self.rise = now
        self._spare = [a for a in (*self._spare, start) if a is not now]
        return start

    def _sweep(
        self,
        out: Field,
        recent: tuple[Field, Field],
        stage: Stage,
        duration: float,
        power_w: float,
    ) -> None:
        weights = np.array(
            (
                stage.previous,
                stage.before,
                stage.start,
                stage.rate * duration,
                stage.start_rate * duration,
                power_w,
            ),
            dtype=np.float32,
        )
        levels = (*recent, self.rise, self.rate)
        lattice = self.lattice
        _apply(out, levels, lattice.conductance, self._cells, lattice.live_rows, weights)
