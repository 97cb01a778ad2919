"""Both grids of a model in motion, coupled so that no heat is lost or made where they meet.

One step of length τ:

1. The coarse grid, whose cells under the fine one hold the fine cells' mean and begin with the mean
   of their rates, takes a step. A register keeps what it conducts through the faces of the fine region, integrated by the scheme's
   own weights.
2. That heat enters the outermost fine cells while the fine grid takes its own, shorter steps over
   the same τ: constant over each coarse face, linear in time with the register's integral. RKL2
   integrates a source that is linear in time exactly, so what one grid gives the other receives.
3. The fine cells' mean is written into the coarse cells that they replace.

Late in a wait, when the coarse cells would follow the fine ones' mean by themselves, the coarse
grid carries all of it, and the fine cells are read from its (``folding``).

Everything that is read from the pair is read from the fine cells and from the coarse cells round
them; their energy changes by what is absorbed and what leaves, to rounding.
"""

from collections.abc import Callable
from math import ceil, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.absorption import Absorption
from insonate.heat.folding import Folded
from insonate.heat.inflow import Inflow
from insonate.heat.kernels import Rows, flat, restrict
from insonate.heat.lattice import Field, Lattice, with_blood_of, without_blood
from insonate.heat.ledger import Book, Energy, absorbed_w
from insonate.heat.model import HeatSource, ThermalModel
from insonate.heat.options import ThermalOptions
from insonate.heat.scheme import NOTHING, Judgement, Register, Stepper, flow_into, longest_step

HOT_RISE_K = 3.0
"""K over body temperature: above it dose counts (4^-3 of its rate at 43 °C), so that steps follow
the course of temperature; below, only the error of the temperature itself is watched."""

COARSE_STEPS = 8.0
"""While power is on, the coarse grid's step may be this many times the fine one's longest."""

FOLDED_STEPS = 4.0
"""While the coarse grid carries all, its step may be this many times the longest of both."""

SETTLING = 2.5
HEATED_S = 10.0
"""How a small spot's departure fades: what the coarse grid gets wrong of it each second falls as
(t + t_0)^−3.5, so that all that is to come is what it is now, times (t + t_0)/2.5. Here t is the time
since power off, and t_0 that in which a point would have become the spot: about 10 s."""

LONGEST_WAIT_S = 600.0
"""What does not fade is wrong in a layer of cells, between tissues; a layer that is given e too much each
second is e h √(T/πD) too warm after the time T (Carslaw & Jaeger 1959, section 2.9)."""

_AROUND = np.array([-1, 1] * 3)

AfterStep = Callable[[Stepper, Field, float], None]
"""Given a stepper after a step, the padded change of its rise in it, and the step (s)."""


class Pacer:
    """Chooses time steps from the errors of the last one.

    The estimate of the error falls with the third power of the step, the departure of a hot cell
    from a straight line with the second.
    """

    def __init__(
        self,
        options: ThermalOptions,
        longest: float,
        step: float,
        tolerance_k: float | None = None,
    ) -> None:
        self._options = options
        self._tolerance = options.error_tolerance_k if tolerance_k is None else tolerance_k
        self._longest = max(longest, options.first_step_s)
        self.step = min(max(step, options.first_step_s), self._longest)

    def learn(self, judged: Judgement) -> None:
        """Choose the next step, given what is said of the last one."""
        options, error, bend = self._options, judged.error, judged.bend
        by_error = 0.9 * (self._tolerance / max(error, 1e-12)) ** (1 / 3)
        by_bend = 0.9 * sqrt(options.step_tolerance_k / max(bend, 1e-12))
        step = self.step * min(max(min(by_error, by_bend), 0.3), 2.0)
        self.step = min(max(step, options.first_step_s), self._longest)

    def hand_over(self, other: "Pacer", longest: float) -> None:
        """Go on where another pacer's cells are judged too, with steps up to ``longest``."""
        self._longest = max(longest, self._longest)
        self.step = min(self.step, other.step)

    def next(self, remaining: float) -> float:
        """Return the next step, s: what is left in one or two equal steps where that is near."""
        steps = ceil(remaining / self.step - 1e-9)
        return remaining / steps if steps <= 2 else self.step


class Simulation:
    """Both grids of a model in motion; the fine one may be left out.

    Parameters
    ----------
    model
        The head.
    coarse_degc, fine_degc
        How warm it is at the start, °C; without ``fine_degc`` the coarse grid runs alone.
    book
        Whether what blood and water carry off is summed at every stage.
    cooling_s
        For how long power has been off, s.
    folded
        Whether the coarse grid carries all, so that the fine cells are read from it.
    """

    def __init__(
        self,
        model: ThermalModel,
        coarse_degc: Field,
        fine_degc: Field | None = None,
        *,
        book: bool = True,
        cooling_s: float = 0.0,
        folded: bool = False,
    ) -> None:
        self.model = model
        self.energy = Energy()
        self.cooling_s = cooling_s
        self._water, self._power, self._absorbed_w = 0.0, 0.0, 0.0
        none = _no_source(model)
        self.coarse = _stepper(model.coarse, coarse_degc, none.coarse)
        self.fine = None if fine_degc is None else _stepper(model.fine, fine_degc, none.fine)
        self.highest_degc: Field | None = None
        self._folded: Folded | None = None
        self._exchange = Register(flow_into(model.coarse, model.region))
        self._inflow = Inflow(model.fine, model.coarse, model.ratio)
        self._book = Book() if book else None
        self._other_blood = False
        self._layer_s = _layer_s(model.coarse)
        self._set_apart()
        self._share_means()
        if folded:
            self._fold()

    @property
    def folded(self) -> bool:
        """Whether the coarse grid carries all."""
        return self._folded is not None

    def set_source(self, source: HeatSource | None) -> None:
        """Say where one watt becomes heat."""
        heat = source or _no_source(self.model)
        levels = [
            (self.coarse, heat.coarse, NOTHING if self.fine is None else self.model.bounds)
        ]
        if self.fine is not None:
            levels.append((self.fine, heat.fine, NOTHING))
        for stepper, values, _ in levels:
            if values.shape != stepper.lattice.grid.shape:
                raise GeometryError(
                    f"Heat of shape {values.shape} does not belong to this thermal model, whose "
                    f"grid is {stepper.lattice.grid.shape}."
                )
            stepper.heat = values
        self._absorbed_w = 0.0
        if source is not None:
            self._absorbed_w = sum(
                absorbed_w(s.lattice, heat, skip) for s, heat, skip in levels
            )

    def set_water(self, degc: float) -> None:
        """Give the circulating water a temperature, °C."""
        self._water = degc - BODY_TEMPERATURE_DEGC
        for stepper in (self.coarse, self.fine):
            if stepper is not None:
                stepper.hold(self._water)

    def stop_blood(self, stepper: Stepper, stopped: NDArray[np.bool_]) -> None:
        """Let perfusion cease in cells of one grid, from the next step on."""
        stepper.use(without_blood(stepper.lattice, stopped))
        if stepper is self.fine and self._folded is None:
            self._other_blood = True
            stepper.evaluate(self._power, self._inflow)
        else:
            self._share_blood(of_fine=stepper is self.fine)
            self.coarse.evaluate(self._power)
        self._begin_book()

    def run(
        self,
        duration: float,
        power: float,
        pacers: tuple[Pacer, Pacer],
        after_step: AfterStep | None = None,
    ) -> None:
        """Advance by ``duration`` (s) at a power (W); ``pacers`` are of coarse and fine grid."""
        remaining, self._power = duration, power
        if power > 0:
            self.cooling_s = 0.0
            self._unfold()
        self._evaluate()
        while remaining > 1e-9 * max(duration, 1.0):
            step = pacers[0].next(remaining)
            if self._apart and self._compare(step) < self.model.options.fold_tolerance_k:
                self._fold(pacers)
                step = pacers[0].next(remaining)
            if self._apart:
                self._step_both(step, pacers, after_step)
            else:
                self._step_alone(step, pacers[0], after_step)
            remaining -= step
            self.cooling_s += step if power == 0 else 0.0
        self.energy = self.energy.plus(duration * power * self._absorbed_w, np.zeros(3))

    @property
    def _apart(self) -> bool:
        return self.fine is not None and self._folded is None

    def _compare(self, step: float) -> float:
        """Give the rates of the fine cells to the coarse ones under them, for a short step.

        Returns
        -------
        float
            What the coarse grid would get wrong from now on if it carried all, K; infinite while
            power is on, or where the fine grid reaches the water.
        """
        if self.fine is None:
            return np.inf
        inflow, rate = self._inflow, self.fine.rate
        self._exchange.start = self._exchange.flow(self.coarse.rise, 0.0)
        inflow.stop(rate)
        inflow.take_steady(self._exchange.start)
        inflow.start(rate)
        off = self._restrict(rate, self.coarse.rate, share=float(inflow.linear(step)))
        inflow.stop(rate)
        inflow.take_nothing()
        if self._power > 0 or self.model.fine.held.any():
            return np.inf
        return off * min((self.cooling_s + HEATED_S) / SETTLING, self._layer_s)

    def _evaluate(self) -> None:
        """Compute every rate and loss from the present temperatures."""
        self._inflow.take_nothing()
        self.coarse.evaluate(self._power)
        if self.fine is not None and self._folded is None:
            self.fine.evaluate(self._power)
        self._begin_book()

    def _share_blood(self, *, of_fine: bool) -> None:
        """Let the coarse cells under the fine ones have their mean perfusion."""
        if of_fine and self.fine is not None:
            region, ratio = self.model.region, self.model.ratio
            self.coarse.use(
                with_blood_of(self.coarse.lattice, self.fine.lattice, region, ratio)
            )
        self._other_blood = False

    def _begin_book(self) -> None:
        if self._book is not None:
            self._book.begin(0, self.coarse, self._water)
            if self.fine is not None and self._folded is None:
                self._book.begin(1, self.fine, self._water)

    def _step(
        self,
        stepper: Stepper,
        step: float,
        pacer: Pacer,
        feed: Inflow | None = None,
        registers: tuple[Register, ...] = (),
    ) -> Field:
        """Step one grid, enter what it lost into the book, and learn from the errors."""
        level = int(stepper is self.fine)
        lost = () if self._book is None else self._book.registers(level)
        change = stepper.step(step, feed, registers + lost)
        if self._book is not None:
            self.energy = self.energy.plus(0.0, self._book.enter(level))
        if step > 0.5 * pacer.step:  # a remainder says nothing of the step that was wanted
            pacer.step = step
            pacer.learn(stepper.judgement)
        return change

    def _step_alone(self, step: float, pacer: Pacer, after_step: AfterStep | None) -> None:
        """Let the coarse grid carry everything through a step."""
        change = self._step(self.coarse, step, pacer)
        if after_step is not None:
            after_step(self.coarse, change, step)
        if self._folded is not None and self.fine is not None:
            change = self._folded.follow()
            if after_step is not None:
                after_step(self.fine, change, step)

    def _step_both(
        self, step: float, pacers: tuple[Pacer, Pacer], after_step: AfterStep | None
    ) -> None:
        """Carry both grids through a step of the coarse one."""
        change = self._step(self.coarse, step, pacers[0], registers=(self._exchange,))
        if after_step is not None:
            after_step(self.coarse, change, step)
        self._run_fine(step, pacers[1], after_step)
        self._share_means()
        self.coarse.evaluate(self._power, box=self.model.bounds + _AROUND)

    def _run_fine(self, duration: float, pacer: Pacer, after_step: AfterStep | None) -> None:
        """Let the fine grid catch up with a step of the coarse one."""
        if self.fine is None:
            return
        inflow, fine, done = self._inflow, self.fine, 0.0
        inflow.take(self._exchange, duration)
        inflow.start(fine.rate)
        while done < duration * (1 - 1e-9):
            step = pacer.next(duration - done)
            inflow.during(done / duration, step / duration)
            self._absorb_more(fine, step)
            change = self._step(fine, step, pacer, inflow)
            done += step
            inflow.during(done / duration, 0.0)
            if after_step is not None:
                after_step(fine, change, step)

    def _absorb_more(self, fine: Stepper, step: float) -> None:
        """Add what tissue absorbs more once it was hot, as it will be in the middle of a step."""
        rule = self.model.options.absorption
        if self._power <= 0 or rule is Absorption.CONSTANT:
            return
        inner = (slice(1, -1),) * 3
        degc = fine.rise[inner] + np.float32(step / 2) * fine.rate[inner]
        degc += np.float32(BODY_TEMPERATURE_DEGC)
        if self.highest_degc is not None:
            degc = np.maximum(degc, self.highest_degc)
        cells = np.flatnonzero(degc > rule.begins_degc)
        heat = self._power * fine.heat.ravel()[cells] * rule.more_at(degc.ravel()[cells])
        heat *= fine.lattice.inverse_capacity.ravel()[cells] > 0
        fine.add_heat(cells, heat.astype(np.float32))
        absorbed = float(heat.sum()) * fine.lattice.grid.voxel_volume_m3 * step
        self.energy = self.energy.plus(absorbed, np.zeros(3))

    def _share_means(self) -> None:
        """Give the fine cells' mean to the coarse ones."""
        if self.fine is not None:
            self._restrict(self.fine.rise, self.coarse.rise, share=1.0)

    def _restrict(self, fine: Field, coarse: Field, *, share: float) -> float:
        model = self.model
        lattice = model.fine
        cells = (flat(lattice.capacity), flat(lattice.inverse_capacity))
        place = (*model.corner, model.ratio)
        return restrict(flat(fine), cells, lattice.grid.shape, coarse, place, share)

    def _set_apart(self) -> None:
        """Let both grids carry what is theirs."""
        if self.fine is not None:
            self.coarse.skip = self.model.bounds
            self.coarse.judged = (self.model.coarse.rows, self.model.bounds + _AROUND)
            self.fine.judged = (_inner_rows(self.model.fine.rows, self.model.ratio), NOTHING)

    def _unfold(self) -> None:
        if self._folded is not None:
            self._folded = None
            self._set_apart()

    def _fold(self, pacers: tuple[Pacer, Pacer] | None = None) -> None:
        """Let the coarse grid carry all from now on."""
        if self.fine is None:
            return
        self._share_blood(of_fine=self._other_blood)
        self._folded = Folded(self.model, self.coarse, self.fine)
        self.coarse.skip = NOTHING
        self.coarse.judged = (self.model.coarse.rows, NOTHING)
        self._evaluate()
        if pacers is not None:
            longest = FOLDED_STEPS * self.model.options.cooling_step_s
            pacers[0].hand_over(pacers[1], min(longest, longest_step(self.coarse.lattice)))


def _layer_s(lattice: Lattice) -> float:
    """Return h √(T/πD): how long a layer of cells takes up what it is given, s."""
    h = float(lattice.grid.spacing_m[0])
    diffusivity = float(lattice.bulk[0] * lattice.bulk[3]) * h**2
    return h * sqrt(LONGEST_WAIT_S / (pi * diffusivity)) if diffusivity > 0 else np.inf


def _inner_rows(rows: Rows, layers: int) -> Rows:
    """Leave out the outermost fine cells, where what enters is constant over a coarse face."""
    inner = rows.copy()
    edge = np.ones(rows.shape[:2], np.bool_)
    edge[layers:-layers, layers:-layers] = False
    inner[edge] = 0
    inner[..., 0] += layers
    inner[..., 3] -= layers
    return inner


def _stepper(lattice: Lattice, degc: Field, heat: Field) -> Stepper:
    if degc.shape != lattice.grid.shape:
        raise GeometryError(
            f"Temperatures of shape {degc.shape} do not belong to this thermal model, whose grid "
            f"is {lattice.grid.shape}."
        )
    return Stepper(lattice, degc - np.float32(BODY_TEMPERATURE_DEGC), heat, HOT_RISE_K)


def _no_source(model: ThermalModel) -> HeatSource:
    shapes = (model.fine_grid.shape, model.coarse_grid.shape)
    return HeatSource(*(np.zeros(shape, np.float32) for shape in shapes))
