"""Both grids of a model in motion, coupled so that no heat is lost or made where they meet.

One step of length τ:

1. The coarse grid, whose cells under the fine one hold the fine cells' mean, takes a step. A
   register keeps what it conducts through the faces of the fine region, integrated by the scheme's
   own weights.
2. That heat enters the outermost fine cells while the fine grid takes its own, shorter steps over
   the same τ: constant over each coarse face, linear in time with the register's integral. RKL2
   integrates a source that is linear in time exactly, so what one grid gives the other receives.
3. The fine cells' mean is written into the coarse cells that they replace.

Everything that is read from the pair is read from the fine cells and from the coarse cells round
them; their energy changes by what is absorbed and what leaves, to rounding.
"""

from collections.abc import Callable
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.kernels import Rows, restrict
from insonate.heat.lattice import Field, Lattice, without_blood
from insonate.heat.ledger import NOTHING, Energy, Losses
from insonate.heat.model import HeatSource, ThermalModel
from insonate.heat.options import ThermalOptions
from insonate.heat.scheme import Register, Stepper, flow_into

HOT_RISE_K = 3.0
"""K over body temperature: above it dose counts (4^-3 of its rate at 43 °C), so that steps follow
the course of temperature; below, only the error of the temperature itself is watched."""

LINEAR_STEP = 20.0
"""The inflow is linear in time for steps up to this many 1/λ of the coarse grid (1.7 h²/D), and
constant over longer ones: the slope of a long step is made of modes that have decayed within it,
and from about 50/λ on the pair amplifies them. The constant is stable for every step."""

COARSE_STEPS = 8.0
"""While power is on, the coarse grid's step may be this many times the fine one's longest."""

AfterStep = Callable[[Stepper, Field, float], None]
"""Given a stepper, its padded rise before the step, and the step (s)."""


class Pacer:
    """Chooses time steps from the errors of the last one.

    The estimate of the error falls with the third power of the step, the departure of a hot cell
    from a straight line with the second.
    """

    def __init__(self, options: ThermalOptions, longest: float, step: float) -> None:
        self._options = options
        self._longest = max(longest, options.first_step_s)
        self.step = min(max(step, options.first_step_s), self._longest)

    def learn(self, error: float, bend: float) -> None:
        """Choose the next step, given the error and the bend (K) of the last one."""
        options = self._options
        by_error = 0.9 * (options.error_tolerance_k / max(error, 1e-12)) ** (1 / 3)
        by_bend = 0.9 * sqrt(options.step_tolerance_k / max(bend, 1e-12))
        step = self.step * min(max(min(by_error, by_bend), 0.3), 2.0)
        self.step = min(max(step, options.first_step_s), self._longest)

    def next(self, remaining: float) -> float:
        """Return the next step, s: what is left in one or two equal steps where that is near."""
        steps = ceil(remaining / self.step - 1e-9)
        return remaining / steps if steps <= 2 else self.step


class Inflow:
    """Heat that enters the fine grid through its outer faces, linear in time over a step."""

    def __init__(self, fine: Lattice, coarse: Lattice, ratio: int) -> None:
        self._ratio, self._fastest = ratio, coarse.spectral_radius
        self._sides = [_edge_cells(fine, axis, end) for axis in range(3) for end in (0, -1)]
        self._mean: list[Field] = []
        self._slope: list[Field] = []
        self._window = (0.0, 1.0)

    def take(self, register: Register, step: float) -> None:
        """Take what a register has counted over a step."""
        self._mean = self._spread(register.total / np.float32(step))
        linear = np.float32(step * self._fastest <= LINEAR_STEP)
        self._slope = self._spread(linear * (register.end - register.start))

    def during(self, begin: float, share: float) -> None:
        """Place the fine grid's step within the coarse one's, both as parts of it."""
        self._window = (begin, share)

    def __call__(self, field: Field, weight: float, part: float) -> None:
        """Add the inflow at a part of the fine step, K/s, times ``weight`` (s)."""
        begin, share = self._window
        shift = np.float32(begin + share * part - 0.5)
        for (index, _), mean, slope in zip(self._sides, self._mean, self._slope, strict=True):
            field[index] += np.float32(weight) * (mean + shift * slope)

    def _spread(self, flows: NDArray[np.float32]) -> list[Field]:
        """Share coarse faces among fine ones: W/m³ of a coarse cell to K/s of the fine cells."""
        spread, first, r = [], 0, self._ratio
        for _, inverse in self._sides:
            shape = tuple(max(n // r, 1) for n in inverse.shape)
            face = flows[first : first + np.prod(shape)].reshape(shape)
            first += face.size
            for axis, n in enumerate(inverse.shape):
                face = face if n == 1 else np.repeat(face, r, axis=axis)
            spread.append(face * inverse * np.float32(r))
        return spread


class Simulation:
    """Both grids of a model in motion; the fine one may be left out.

    Parameters
    ----------
    model
        The head.
    coarse_degc, fine_degc
        How warm it is at the start, °C; without ``fine_degc`` the coarse grid runs alone.
    book
        Whether what blood and water carry off is summed at every stage (a fifth of the time).
    """

    def __init__(
        self,
        model: ThermalModel,
        coarse_degc: Field,
        fine_degc: Field | None = None,
        *,
        book: bool = True,
    ) -> None:
        self.model = model
        self.energy = Energy()
        self._water = 0.0
        none = _no_source(model)
        self.coarse = _stepper(model.coarse, coarse_degc, none.coarse)
        self.fine = None if fine_degc is None else _stepper(model.fine, fine_degc, none.fine)
        self._skip = NOTHING if self.fine is None else model.bounds
        inner = _inner_rows(model.fine.rows, model.ratio)
        around = self._skip + np.array([-1, 1] * 3) * int(self.fine is not None)
        self._judged = ((model.coarse.rows, around), (inner, NOTHING))
        self._losses = [Losses(model.coarse, self._skip), Losses(model.fine)]
        self._exchanged: tuple[Register, ...] = ()
        if self.fine is not None:
            self._exchanged = (Register(flow_into(model.coarse, model.region)),)
        self._lost: tuple[tuple[Register, ...], tuple[Register, ...]] = ((), ())
        if book:
            self._lost = (
                (Register(lambda field: self._losses[0].flows(field, self._water)),),
                (Register(lambda field: self._losses[1].flows(field, self._water)),),
            )
        self._inflow = Inflow(model.fine, model.coarse, model.ratio)
        self._absorbed_w = 0.0
        self._restrict()

    def set_source(self, source: HeatSource | None) -> None:
        """Say where one watt becomes heat."""
        heat = source or _no_source(self.model)
        pairs = [(self.coarse, heat.coarse, self._losses[0])]
        if self.fine is not None:
            pairs.append((self.fine, heat.fine, self._losses[1]))
        for stepper, values, _ in pairs:
            if values.shape != stepper.lattice.grid.shape:
                raise GeometryError(
                    f"Heat of shape {values.shape} does not belong to this thermal model, whose "
                    f"grid is {stepper.lattice.grid.shape}."
                )
            stepper.heat = values
        self._absorbed_w = 0.0
        if source is not None:
            self._absorbed_w = sum(losses.absorbed_w(values) for _, values, losses in pairs)

    def set_water(self, degc: float) -> None:
        """Give the circulating water a temperature, °C."""
        self._water = degc - BODY_TEMPERATURE_DEGC
        for stepper in (self.coarse, self.fine):
            if stepper is not None:
                stepper.hold(self._water)

    def stop_blood(self, stepper: Stepper, stopped: NDArray[np.bool_]) -> None:
        """Let perfusion cease in cells of one grid, from the next step on."""
        stepper.lattice = without_blood(stepper.lattice, stopped)
        level = int(stepper is self.fine)
        skip = NOTHING if level else self._skip
        self._losses[level] = Losses(stepper.lattice, skip)

    def run(
        self,
        duration: float,
        power: float,
        pacers: tuple[Pacer, Pacer],
        after_step: AfterStep | None = None,
    ) -> None:
        """Advance by ``duration`` (s) at a power (W); ``pacers`` are of coarse and fine grid."""
        remaining = duration
        self.coarse.evaluate(power)
        while remaining > 1e-9 * max(duration, 1.0):
            step = pacers[0].next(remaining)
            old = self.coarse.step(step, power, registers=self._exchanged + self._lost[0])
            if after_step is not None:
                after_step(self.coarse, old, step)
            self._run_fine(step, power, pacers[1], after_step)
            self._enter(self._lost[0])
            self.coarse.evaluate(power)
            self._learn(pacers[0], self.coarse, old, step, self._judged[0])
            remaining -= step
        self.energy = self.energy.plus(duration * power * self._absorbed_w, np.zeros(3))

    def _run_fine(
        self, duration: float, power: float, pacer: Pacer, after_step: AfterStep | None
    ) -> None:
        """Let the fine grid catch up with a step of the coarse one, and give back its mean."""
        if self.fine is None or not self._exchanged:
            return
        inflow, fine, done = self._inflow, self.fine, 0.0
        inflow.take(self._exchanged[0], duration)
        inflow.during(0.0, 0.0)
        fine.evaluate(power, inflow)
        while done < duration * (1 - 1e-9):
            step = pacer.next(duration - done)
            inflow.during(done / duration, step / duration)
            old = fine.step(step, power, inflow, self._lost[1])
            self._enter(self._lost[1])
            done += step
            inflow.during(done / duration, 0.0)
            fine.evaluate(power, inflow)
            self._learn(pacer, fine, old, step, self._judged[1])
            if after_step is not None:
                after_step(fine, old, step)
        self._restrict()

    def _enter(self, lost: tuple[Register, ...]) -> None:
        """Enter into the book what one grid has lost in its last step."""
        for register in lost:
            self.energy = self.energy.plus(0.0, register.total)

    @staticmethod
    def _learn(
        pacer: Pacer,
        stepper: Stepper,
        old: Field,
        step: float,
        cells: tuple[Rows, NDArray[np.int64]],
    ) -> None:
        if step > 0.5 * pacer.step:  # a remainder says nothing of the step that was wanted
            pacer.step = step
            pacer.learn(*stepper.errors(old, step, HOT_RISE_K, cells))

    def _restrict(self) -> None:
        if self.fine is not None:
            fine, model = self.fine.lattice, self.model
            cells = (fine.capacity, fine.inverse_capacity)
            restrict(self.fine.rise, cells, self.coarse.rise, model.corner, model.ratio)


def _inner_rows(rows: Rows, layers: int) -> Rows:
    """Leave out the outermost fine cells, where what enters is constant over a coarse face."""
    inner = rows.copy()
    edge = np.ones(rows.shape[:2], np.bool_)
    edge[layers:-layers, layers:-layers] = False
    inner[edge] = 0
    inner[..., 0] += layers
    inner[..., 3] -= layers
    return inner


def _edge_cells(lattice: Lattice, axis: int, end: int) -> tuple[tuple[slice, ...], Field]:
    """Return the index (padded) of the outermost cells on one side, and their 1/ρC."""
    n = lattice.grid.shape[axis]
    index = [slice(1, -1)] * 3
    index[axis] = slice(1, 2) if end == 0 else slice(n, n + 1)
    inverse = np.take(lattice.inverse_capacity, [end], axis=axis)
    return tuple(index), inverse


def _stepper(lattice: Lattice, degc: Field, heat: Field) -> Stepper:
    if degc.shape != lattice.grid.shape:
        raise GeometryError(
            f"Temperatures of shape {degc.shape} do not belong to this thermal model, whose grid "
            f"is {lattice.grid.shape}."
        )
    return Stepper(lattice, degc - np.float32(BODY_TEMPERATURE_DEGC), heat)


def _no_source(model: ThermalModel) -> HeatSource:
    shapes = (model.fine_grid.shape, model.coarse_grid.shape)
    return HeatSource(*(np.zeros(shape, np.float32) for shape in shapes))
