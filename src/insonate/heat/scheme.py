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
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.heat.kernels import Rows, apply_stage, first_stage, step_errors
from insonate.heat.lattice import Field, Lattice

Feed = Callable[[Field, float, float], None]
"""Adds to a padded field what enters through the outer faces at a part (0-1) of the step, K/s,
times a weight (s)."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Stage:
    """Weights of one stage and the time it stands for, as a part of the step."""

    previous: float
    before: float
    start: float
    rate: float
    start_rate: float
    time: float


MOST_STAGES = 201
"""More would lose more than a thousandth of a kelvin to rounding in single precision."""


def require_stable(step_s: float, lattice: Lattice) -> None:
    """Raise unless a step can be taken stably.

    Raises
    ------
    SettingsError
        When it would need more than ``MOST_STAGES`` stages.
    """
    if stage_count(step_s * lattice.spectral_radius) > MOST_STAGES:
        longest = (MOST_STAGES**2 + MOST_STAGES - 2) / 2 / lattice.spectral_radius
        raise SettingsError(
            f"A time step of {step_s:g} s is beyond what is stable on cells of "
            f"{1e3 * float(lattice.grid.spacing_m.min()):g} mm: allowed are {longest:.0f} s. Choose a "
            "shorter cooling_step_s or larger cells."
        )


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


Flow = Callable[[Field], NDArray[np.floating]]
"""A linear function of a padded field: what flows somewhere, by the temperatures."""


class Register:
    """A flow, integrated over one step by the weights of the scheme itself.

    It follows the recursion of the stages with the flow in place of L(U): so it holds exactly
    what the cells on both sides have exchanged.

    Parameters
    ----------
    flow
        What is integrated.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        nothing: NDArray[np.floating] = np.empty(0, np.float32)
        self.start = self.end = self.total = self._last = nothing

    def begin(self, field: Field, weight: float) -> None:
        """Take the first stage; ``weight`` is b_1 w τ."""
        self.start = self._flow(field)
        self._last = np.zeros_like(self.start)
        self.total = self.start * self.start.dtype.type(weight)

    def add(self, field: Field, stage: Stage, duration: float) -> None:
        """Take the next stage, from Y_{j−1}."""
        kind = self.start.dtype.type
        new = kind(stage.previous) * self.total + kind(stage.before) * self._last
        new += kind(stage.rate * duration) * self._flow(field)
        new += kind(stage.start_rate * duration) * self.start
        self._last, self.total = self.total, new

    def finish(self, field: Field) -> None:
        """Take what flows at the end of the step."""
        self.end = self._flow(field)


def flow_into(lattice: Lattice, box: Box) -> Flow:
    """Return the flow through the six sides of a box of cells, W/m³ of a cell, flat.

    Parameters
    ----------
    lattice
        The cells.
    box
        Which of them, in indices of the lattice; at least one cell must lie round it.
    """
    sides = [_side(lattice, box, axis, at_end=at_end) for axis in range(3) for at_end in (0, 1)]

    def flow(field: Field) -> NDArray[np.floating]:
        parts = [(g * (field[out] - field[inside])).ravel() for g, inside, out in sides]
        return np.concatenate(parts)

    return flow


def _side(lattice: Lattice, box: Box, axis: int, *, at_end: int) -> tuple[Field, Box, Box]:
    """Return conductance, inner and outer cells (padded) of one side of a box."""
    face, inside, outside = list(box), [], []
    index = box[axis].stop if at_end else box[axis].start
    face[axis] = slice(index, index + 1)
    for a, part in enumerate(box):
        padded = slice(part.start + 1, part.stop + 1)
        within = index - 1 if at_end else index
        without = index if at_end else index - 1
        inside.append(slice(within + 1, within + 2) if a == axis else padded)
        outside.append(slice(without + 1, without + 2) if a == axis else padded)
    g = lattice.conductance[axis][face[0], face[1], face[2]]
    return g, (inside[0], inside[1], inside[2]), (outside[0], outside[1], outside[2])


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
        self.heat = heat
        self.old_rate: Field = np.zeros_like(self.rise)
        self._spare = [self.rise.copy() for _ in range(3)]

    def evaluate(self, power_w: float, feed: Feed | None = None) -> None:
        """Compute L(U) now, and keep that of the last call."""
        self.rate, self.old_rate = self.old_rate, self.rate
        self._sweep(self.rate, (self.rise, self.rise), Stage(0, 0, 0, 1, 0, 0), 1.0, power_w)
        if feed is not None:
            feed(self.rate, 1.0, 0.0)

    def hold(self, rise: float) -> None:
        """Give the cells of water a temperature, K over arterial blood."""
        for field in (self.rise, *self._spare):
            field[1:-1, 1:-1, 1:-1][self.lattice.held] = np.float32(rise)

    def errors(
        self, before: Field, step: float, hot: float, cells: tuple[Rows, NDArray[np.int64]]
    ) -> tuple[float, float]:
        """Return what ``kernels.step_errors`` says of the last step, after ``evaluate``."""
        ends, rates = (before, self.rise), (self.old_rate, self.rate)
        return step_errors(*cells, ends, rates, step, hot)

    def step(
        self,
        duration: float,
        power_w: float,
        feed: Feed | None = None,
        registers: tuple[Register, ...] = (),
    ) -> Field:
        """Advance by one step after ``evaluate``; return the padded field of its beginning."""
        start, (now, last, out) = self.rise, self._spare
        weights = stages(stage_count(duration * self.lattice.spectral_radius))
        first_stage(self.lattice.rows, start, self.rate, weights[0].start_rate * duration, now)
        for register in registers:
            register.begin(start, weights[0].start_rate * duration)
        last = start
        for done, stage in pairwise(weights):
            for register in registers:
                register.add(now, stage, duration)
            self._sweep(out, (now, last), stage, duration, power_w)
            if feed is not None:
                feed(out, stage.rate * duration, done.time)
            now, last, out = out, now, (self._spare[1] if last is start else last)
        self.rise = now
        self._spare = [a for a in (*self._spare, start) if a is not now]
        for register in registers:
            register.finish(now)
        return start

    def _sweep(
        self,
        out: Field,
        recent: tuple[Field, Field],
        stage: Stage,
        duration: float,
        power_w: float,
    ) -> None:
        numbers = (stage.previous, stage.before, stage.start, stage.rate * duration, stage.start_rate * duration, power_w)  # fmt: skip
        lattice = self.lattice
        apply_stage(
            out,
            (*recent, self.rise, self.rate),
            lattice.conductance,
            (lattice.inverse_capacity, lattice.sink, self.heat),
            (lattice.rows, lattice.bulk),
            np.array(numbers, dtype=np.float32),
        )
