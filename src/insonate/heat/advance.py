"""Heat in time: from one thermal state to the next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np

from insonate.core import SettingsError
from insonate.core.arrays import frozen
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.dose import accumulate
from insonate.heat.lattice import Field
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.options import ThermalOptions, require_water
from insonate.heat.scheme import Stepper
from insonate.heat.simulation import COARSE_STEPS, Pacer, Simulation

SAME_WATER_K = 0.05
"""Water that changes by less does not make time steps begin anew with the first one: what it moves in
the scalp is below the error that a step of the coarse grid may make."""


def advance(
    model: ThermalModel,
    state: ThermalState,
    source: HeatSource | None,
    *,
    power_w: float,
    duration_s: float,
    water_degc: float,
) -> ThermalState:
    """Carry a thermal state on, with constant power and water.

    Parameters
    ----------
    model, state
        The head, and how warm it is; neither is changed.
    source
        Heat for each watt; needed when ``power_w`` is not 0.
    power_w
        Acoustic power, W, at least 0.
    duration_s
        How long, s, at least 0.
    water_degc
        Temperature of the circulating water, °C.

    Returns
    -------
    ThermalState

    Raises
    ------
    SettingsError
        When power or duration are negative, power is on without a source, or the water is above
        body temperature.
    GeometryError
        When state or source belong to another model.
    """
    require_exposure(source, power_w, duration_s)
    require_water(water_degc)
    if duration_s == 0:
        return state
    course = Course(model, state)
    course.run(source, power_w=power_w, duration_s=duration_s, water_degc=water_degc)
    return course.state()


@dataclass(frozen=True)
class Span:
    """A piece of a session with constant power (W) and water (°C), and its duration (s)."""

    power_w: float
    duration_s: float
    water_degc: float


def carry_on(
    model: ThermalModel, state: ThermalState, source: HeatSource, spans: Iterable[Span]
) -> ThermalState:
    """Carry a state through what happened: a session that broke off goes on from its events.

    Parameters
    ----------
    model, state, source
        The head, how warm it was, its heat for each watt.
    spans
        What happened since, in order.

    Returns
    -------
    ThermalState
    """
    course = Course(model, state)
    for span in spans:
        course.run(
            source,
            power_w=span.power_w,
            duration_s=span.duration_s,
            water_degc=span.water_degc,
        )
    return course.state()


def initial_state(
    model: ThermalModel, *, water_degc: float, precool_s: float = 900.0
) -> ThermalState:
    """Return the head before the first sonication: at body temperature, its scalp cooled.

    Both grids run from 37 °C with the water on.

    Parameters
    ----------
    model
        The head.
    water_degc
        Temperature of the circulating water, °C.
    precool_s
        How long the water has been running, s, at least 0; heat crosses scalp and bone in about
        a quarter of an hour.

    Returns
    -------
    ThermalState
        At time 0, without dose.

    Raises
    ------
    SettingsError
        When the water is above body temperature or the duration negative.
    """
    require_water(water_degc)
    require_exposure(None, 0.0, precool_s)
    body = (
        np.full(grid.shape, BODY_TEMPERATURE_DEGC, np.float32)
        for grid in (model.coarse_grid, model.fine_grid)
    )
    simulation = Simulation(model, *body)
    simulation.set_water(water_degc)
    simulation.run(precool_s, 0.0, pacers_for(model.options, 0.0))
    fine, coarse = _degc(simulation.fine), _degc(simulation.coarse)
    doses = (np.zeros_like(fine), np.zeros_like(coarse))
    return ThermalState(0.0, fine, coarse, *doses, fine, coarse, water_degc)


class Course:
    """A thermal state in motion: without copying everything at each change of power.

    It is an object because time passes in it. ``advance`` is one run of it.

    Parameters
    ----------
    model, state
        The head, and how warm it is at the start; neither is changed.
    book
        Whether it is written down where the heat goes (``ThermalState.energy``).
    """

    def __init__(self, model: ThermalModel, state: ThermalState, *, book: bool = True) -> None:
        self.model = model
        self.time_s = state.time_s
        self._simulation = Simulation(
            model,
            state.coarse_degc,
            state.fine_degc,
            book=book,
            cooling_s=state.cooling_s,
            folded=state.folded,
        )
        self._simulation.energy = state.energy
        self._rule = model.options.dose_variant.rule
        self._coarse = (state.coarse_dose.copy(), state.coarse_peak_degc.copy())
        self._fine = (state.fine_dose.copy(), state.fine_peak_degc.copy())
        self._simulation.highest_degc = self._fine[1]
        self._conditions = (state.power_w, state.water_degc)
        self._steps = state.step_s
        self._source: HeatSource | None = None
        for stepper, (dose, _) in self._levels():
            self._stop_blood(stepper, dose)

    def run(
        self,
        source: HeatSource | None,
        *,
        power_w: float,
        duration_s: float,
        water_degc: float,
    ) -> None:
        """Let time pass; parameters and errors as in ``advance``."""
        require_exposure(source, power_w, duration_s)
        require_water(water_degc)
        simulation, (power, water) = self._simulation, self._conditions
        if source is not self._source:
            simulation.set_source(source)
            self._source = source
        simulation.set_water(water_degc)
        same = power_w == power and abs(water_degc - water) < SAME_WATER_K
        pacers = pacers_for(self.model.options, power_w, self._steps if same else None)
        simulation.run(duration_s, power_w, pacers, self._add)
        self._conditions = (power_w, water_degc)
        self._steps = (pacers[0].step, pacers[1].step)
        self.time_s += duration_s

    def degc(self) -> tuple[Field, Field]:
        """Return the temperatures of the fine and of the coarse cells now, °C."""
        return _degc(self._simulation.fine), _degc(self._simulation.coarse)

    def state(self) -> ThermalState:
        """Return everything as it is now."""
        fine, coarse = self.degc()
        power, water = self._conditions
        return ThermalState(
            self.time_s,
            fine,
            coarse,
            self._fine[0].copy(),
            self._coarse[0].copy(),
            self._fine[1].copy(),
            self._coarse[1].copy(),
            water,
            power,
            self._steps,
            self._simulation.energy,
            self._simulation.cooling_s,
            self._simulation.folded,
        )

    def _add(self, stepper: Stepper, change: Field, step: float) -> None:
        """Add dose and peak of one step of one grid."""
        lattice = stepper.lattice
        dose, peak = self._coarse if stepper is self._simulation.coarse else self._fine
        ends = (change, stepper.rise)
        accumulate(dose, peak, ends, (step, BODY_TEMPERATURE_DEGC), self._rule, lattice.rows)
        self._stop_blood(stepper, dose)

    def _levels(self) -> Iterator[tuple[Stepper, tuple[Field, Field]]]:
        """Yield both grids in motion, each with its dose and peak."""
        yield self._simulation.coarse, self._coarse
        if self._simulation.fine is not None:
            yield self._simulation.fine, self._fine

    def _stop_blood(self, stepper: Stepper, dose: Field) -> None:
        """Let perfusion cease where the dose has reached the threshold, if there is one."""
        threshold = self.model.options.perfusion_stops_cem43
        if not isfinite(threshold):
            return
        stopped = (dose >= threshold) & (stepper.lattice.sink > 0)
        if stopped.any():
            self._simulation.stop_blood(stepper, stopped)


def pacers_for(
    options: ThermalOptions, power_w: float, steps: tuple[float, float] | None = None
) -> tuple[Pacer, Pacer]:
    """Go on with the last steps where nothing has changed, else begin with the first one."""
    coarse, fine = steps or (options.first_step_s, options.first_step_s)
    longest = options.power_step_s if power_w > 0 else options.cooling_step_s
    together = COARSE_STEPS * longest if power_w > 0 else longest
    whole = Pacer(options, together, coarse, options.coarse_tolerance_k)
    return whole, Pacer(options, longest, fine)


def require_exposure(source: HeatSource | None, power_w: float, duration_s: float) -> None:
    """Raise a ``SettingsError`` for a power or a duration that cannot be.

    Raises
    ------
    SettingsError
        When one is negative or not finite, or power is on without a source.
    """
    for name, value in (("power", power_w), ("duration", duration_s)):
        if not (isfinite(value) and value >= 0):
            raise SettingsError(f"The {name} is {value}; it must be a number of at least 0.")
    if power_w > 0 and source is None:
        raise SettingsError(f"A power of {power_w} W needs a heat source; none was given.")


def _degc(stepper: Stepper | None) -> Field:
    if stepper is None:
        raise SettingsError("A thermal state needs both grids; simulate the fine one too.")
    inner = stepper.rise[1:-1, 1:-1, 1:-1] + np.float32(BODY_TEMPERATURE_DEGC)
    return frozen(np.ascontiguousarray(inner), np.float32)
