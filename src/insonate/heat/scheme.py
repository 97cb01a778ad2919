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

Each stage is kept as its change since the beginning, X_j = Y_j − Y_0. L is A U and what does not
depend on U, so that L(Y_j) = L(Y_0) + A X_j and

    X_0 = 0,  X_1 = b_1 w τ L(Y_0),
    X_j = μ_j X_{j−1} + ν_j X_{j−2} + μ̃_j τ A X_{j−1} + (μ̃_j + γ̃_j) τ L(Y_0):

four numbers a cell are read and one is written, instead of five and one with coefficients; the
heat and the temperature of the water are not needed; and rounding is relative to the change. X_1
is not stored: the second stage begins from L(Y_0) itself. At the end L(Y_s) = L(Y_0) + A X_s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.heat.kernels import (
    Box,
    Coefficients,
    Rows,
    apply_stage,
    find_rates,
    finish_step,
    flat,
)
from insonate.heat.lattice import Field, Lattice

Region = tuple[slice, slice, slice]

NOTHING = np.zeros(6, np.int64)
"""A box without a cell: (low, high) along each axis."""


class Feed(Protocol):
    """Heat that enters through the outer faces, linear in time over a step."""

    def start(self, rate: Field) -> None:
        """Add to a padded field what enters at the beginning of the step, K/s."""
        ...

    def rise(self, field: Field, weight: float) -> None:
        """Add what enters more at the end of the step than at its beginning, times a weight."""
        ...


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
        longest = longest_step(lattice)
        raise SettingsError(
            f"A time step of {step_s:g} s is beyond what is stable on cells of "
            f"{1e3 * float(lattice.grid.spacing_m.min()):g} mm: allowed are {longest:.0f} s. Choose a "
            "shorter cooling_step_s or larger cells."
        )


def longest_step(lattice: Lattice) -> float:
    """Return the longest step that ``MOST_STAGES`` stages take, s."""
    return (MOST_STAGES**2 + MOST_STAGES - 2) / 2 / lattice.spectral_radius


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


Flow = Callable[[Field, float], NDArray[np.floating]]
"""A linear function of a padded field, and of what the blood takes from it (W/m³)."""


class Register:
    """A flow, integrated over one step by the weights of the scheme itself.

    It follows the recursion of the stages with the flow in place of L(U): so it holds exactly
    what the cells on both sides have exchanged.

    Parameters
    ----------
    flow
        What is integrated: its part that depends on the field.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        nothing: NDArray[np.floating] = np.empty(0, np.float32)
        self.start = self.end = self.total = self._last = nothing

    def begin(self, weight: float) -> None:
        """Take the first stage from what flows at the ``start``; ``weight`` is b_1 w τ."""
        self._last = np.zeros_like(self.start)
        self.total = self.start * self.start.dtype.type(weight)

    def add(self, change: Field, blood: float, scale: float, numbers: "Numbers") -> None:
        """Take the next stage, from ``scale`` times a change X_{j−1} and what blood takes of it."""
        kind = self.start.dtype.type
        new = kind(numbers.previous) * self.total + kind(numbers.before) * self._last
        new += kind(numbers.rate * scale) * self.flow(change, blood)
        new += kind(numbers.start) * self.start
        self._last, self.total = self.total, new

    def finish(self, change: Field, blood: float) -> None:
        """Take what flows at the end of the step, after the change X_s."""
        self.end = self.start + self.flow(change, blood)


def flow_into(lattice: Lattice, box: Region) -> Flow:
    """Return the flow through the six sides of a box of cells, W/m³ of a cell, flat.

    Parameters
    ----------
    lattice
        The cells.
    box
        Which of them, in indices of the lattice; at least one cell must lie round it.
    """
    sides = [_side(lattice, box, axis, at_end=at_end) for axis in range(3) for at_end in (0, 1)]

    def flow(field: Field, _: float = 0.0) -> NDArray[np.floating]:
        parts = [(g * (field[out] - field[inside])).ravel() for g, inside, out in sides]
        return np.concatenate(parts)

    return flow


def _side(
    lattice: Lattice, box: Region, axis: int, *, at_end: int
) -> tuple[Field, Region, Region]:
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


@dataclass(frozen=True)
class Numbers:
    """Weights of a stage in terms of changes, times the step."""

    previous: float
    before: float
    rate: float
    start: float
    time: float
    """The part of the step that X_{j−1} stands for."""


def numbers_of(weights: tuple[Stage, ...], duration: float) -> tuple[Numbers, ...]:
    """Return the weights of the stages 2 to s."""
    pairs = pairwise(weights)
    return tuple(
        Numbers(
            s.previous,
            s.before,
            s.rate * duration,
            (s.rate + s.start_rate) * duration,
            done.time,
        )
        for done, s in pairs
    )


SweepWeights = tuple[np.float32, np.float32, np.float32, np.float32]


@dataclass(frozen=True)
class Judgement:
    """How wrong a step was at worst, K, and how bent the course of a hot cell, K."""

    error: float
    bend: float


CARRIED_STEPS = 8
"""After so many steps the rate is evaluated anew: carried on, it keeps the rounding errors of the
largest rate that it ever had."""


class Stepper:
    """One lattice in time: the present temperature, its rate, and two arrays to step with.

    Parameters
    ----------
    lattice
        The coefficients.
    rise
        Shape ``grid.shape``, K over arterial blood at the start.
    heat
        Shape ``grid.shape``, W/m³ for each watt of power; read-only.
    hot
        Rise from which the bend of the course is judged, K.
    """

    def __init__(self, lattice: Lattice, rise: Field, heat: Field, hot: float = 0.0) -> None:
        self.rise: Field = np.pad(rise.astype(np.float32), 1)
        self.rate: Field = np.zeros_like(self.rise)
        self.heat = np.ascontiguousarray(heat)
        self.skip: Box = NOTHING
        self.judgement = Judgement(0.0, 0.0)
        self._hot = np.float32(hot)
        self._power_w, self._carried = 0.0, 0
        self._added: tuple[tuple[NDArray[np.intp], ...], Field] | None = None
        self._spare = (np.zeros_like(self.rise), np.zeros_like(self.rise))
        self.use(lattice)
        self.judged: tuple[Rows, Box] = (lattice.rows, NOTHING)

    def use(self, lattice: Lattice) -> None:
        """Go on with other coefficients of the same cells; the rate must be evaluated anew."""
        self.lattice = lattice
        x, y, z = lattice.conductance
        cells = (flat(lattice.inverse_capacity), flat(lattice.sink * lattice.capacity))
        self._coefficients: Coefficients = (
            (flat(x), flat(y), flat(z)),
            cells,
            (flat(lattice.rows), lattice.bulk),
        )

    def evaluate(
        self, power_w: float, feed: Feed | None = None, box: Box | None = None
    ) -> None:
        """Compute L(U) now, everywhere or in a box of cells."""
        ends = [end for n in self.heat.shape for end in (0, n)]
        within = np.array(ends, np.int64) if box is None else box
        self._power_w = power_w
        if box is None:
            self._added, self._carried = None, 0
        find_rates(
            flat(self.rate),
            (flat(self.rise), flat(self.heat)),
            self._coefficients,
            self.lattice.grid.shape,
            power_w,
            within,
        )
        if feed is not None:
            feed.start(self.rate)

    def add_heat(self, cells: NDArray[np.int64], heat: Field) -> None:
        """Let cells (flat indices) be given heat besides the source's, W/m³, from now on.

        It takes the place of what was added before, and is gone after the next ``evaluate``.
        """
        x, y, z = np.unravel_index(cells, self.heat.shape)
        at = (x + 1, y + 1, z + 1)
        if self._added is not None:
            before, rate = self._added
            self.rate[before] -= rate
        rate = heat * self.lattice.inverse_capacity.ravel()[cells]
        self.rate[at] += rate
        self._added = (at, rate)

    def hold(self, rise: float) -> None:
        """Give the cells of water a temperature, K over arterial blood."""
        self.rise[1:-1, 1:-1, 1:-1][self.lattice.held] = np.float32(rise)

    def step(
        self, duration: float, feed: Feed | None = None, registers: tuple[Register, ...] = ()
    ) -> Field:
        """Advance by one step after ``evaluate``; return the padded change.

        The rate is that of the end of the step afterwards, so the next one can follow.
        """
        weights = stages(stage_count(duration * self.lattice.spectral_radius))
        first = weights[0].start_rate * duration
        for register in registers:
            register.begin(first)
        now, out, scale = self.rate, self._spare[0], first
        for index, numbers in enumerate(numbers_of(weights, duration)):
            blood = self._sweep(out, now, _sweep_weights(index, numbers, first))
            for register in registers:
                register.add(now, blood, scale, numbers)
            if feed is not None:
                feed.rise(out, numbers.rate * numbers.time)
            now, scale = out, 1.0
            out = self._spare[1] if out is self._spare[0] else self._spare[0]
        blood = self._finish(now, duration)
        self._carried += 1
        if self._carried == CARRIED_STEPS:
            self.evaluate(self._power_w, feed)
        for register in registers:
            register.finish(now, blood)
        if feed is not None:
            feed.rise(self.rate, 1.0)
        return now

    def _sweep(self, out: Field, now: Field, weights: SweepWeights) -> float:
        return apply_stage(
            flat(out),
            (flat(now), flat(self.rate)),
            self._coefficients,
            self.lattice.grid.shape,
            weights,
            self.skip,
        )

    def _finish(self, change: Field, duration: float) -> float:
        error, bend, blood = finish_step(
            (flat(self.rise), flat(change), flat(self.rate)),
            self._coefficients,
            self.lattice.grid.shape,
            (flat(self.judged[0]), self.judged[1]),
            (np.float32(duration), self._hot),
            self.skip,
        )
        self.judgement = Judgement(error, bend)
        return blood


def _sweep_weights(index: int, numbers: Numbers, first: float) -> SweepWeights:
    """Return the weights of X_{j−1}, A X_{j−1}, X_{j−2}, L(Y_0); the stages are counted from j = 2.

    X_1 is ``first`` times L(Y_0), and not stored.
    """
    own, rate, before, start = numbers.previous, numbers.rate, numbers.before, numbers.start
    if index == 0:
        own, rate, before, start = own * first + start, rate * first, 0.0, 0.0
    elif index == 1:
        before, start = 0.0, start + before * first
    return np.float32(own), np.float32(rate), np.float32(before), np.float32(start)
