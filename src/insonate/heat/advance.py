"""Heat in time: from one thermal state to the next."""

from collections.abc import Callable
from math import ceil, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from insonate.core import GeometryError, SettingsError
from insonate.core.arrays import frozen
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.dose import accumulate
from insonate.heat.lattice import Field
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.options import ThermalOptions, require_water
from insonate.heat.scheme import Stepper

PRECOOL_TOLERANCE_K = 0.5
"""Departure from a straight line allowed within a step of pre-cooling, where no dose depends on
the course of time."""


class Pacer:
    """Chooses time steps: as long as the temperature stays near a straight line within each.

    A curve with second derivative U'' leaves its chord by U'' τ²/8 at most; U'' τ is what the
    rate changed over the last step.
    """

    def __init__(self, options: ThermalOptions, longest: float, step: float) -> None:
        self._options = options
        self._longest = longest
        self._fresh = True
        self.step = min(max(step, options.first_step_s), longest)

    def choose(self, rate_change: float, remaining: float) -> float:
        """Return the next step (s), given by how much the rate changed over the last (K/s)."""
        if not self._fresh:
            departure = max(rate_change * self.step / 8.0, 1e-12)
            factor = 0.9 * sqrt(self._options.step_tolerance_k / departure)
            step = self.step * min(max(factor, 0.3), 2.0)
            self.step = min(max(step, self._options.first_step_s), self._longest)
        self._fresh = False
        steps = ceil(remaining / self.step - 1e-9)
        return remaining / steps if steps <= 2 else self.step


class Simulation:
    """Both grids of a model in motion; the fine one may be left out."""

    def __init__(
        self,
        model: ThermalModel,
        fields: tuple[Field, Field | None],
        source: HeatSource | None,
        water_degc: float,
    ) -> None:
        self.model = model
        self.water = np.float32(water_degc - BODY_TEMPERATURE_DEGC)
        coarse, fine = fields
        heat = source or _no_source(model)
        self.coarse = self._stepper(model, coarse, heat.coarse, coarse=True)
        self.fine = (
            None if fine is None else self._stepper(model, fine, heat.fine, coarse=False)
        )

    def _stepper(
        self, model: ThermalModel, degc: Field, heat: Field, *, coarse: bool
    ) -> Stepper:
        lattice = model.coarse if coarse else model.fine
        if degc.shape != lattice.grid.shape or heat.shape != lattice.grid.shape:
            raise GeometryError(
                f"Temperatures of shape {degc.shape} and heat of shape {heat.shape} do not belong "
                f"to this thermal model, whose grid is {lattice.grid.shape}."
            )
        rise = degc - np.float32(BODY_TEMPERATURE_DEGC)
        rise[lattice.held] = self.water
        return Stepper(lattice, rise, heat)

    def run(
        self,
        duration: float,
        power: float,
        pacer: Pacer,
        after_step: Callable[[float, Field, Field | None], None] | None = None,
    ) -> None:
        """Advance by ``duration`` (s); ``after_step`` is given the step and what was before."""
        remaining = duration
        while remaining > 1e-9 * max(duration, 1.0):
            step = pacer.choose(self._evaluate(power), remaining)
            edge, slope = self._edge(), self._edge(rate=True) * np.float32(step)
            old_coarse = self.coarse.step(step, power, _free)
            old_fine = self._step_fine(step, power, (edge, slope))
            if after_step is not None:
                after_step(step, old_coarse, old_fine)
            remaining -= step

    def _evaluate(self, power: float) -> float:
        change = self.coarse.evaluate(power, _free)
        if self.fine is None:
            return change
        edge = self._edge()
        return max(change, self.fine.evaluate(power, lambda u, _: _write_ghosts(u, edge)))

    def _step_fine(
        self, step: float, power: float, start: tuple[NDArray[np.float32], NDArray[np.float32]]
    ) -> Field | None:
        """Step the fine grid; its edge follows the parabola through the coarse grid's step."""
        if self.fine is None:
            return None
        before, slope = start
        bend = self._edge() - before - slope

        def ghosts(field: Field, part: float) -> None:
            t = np.float32(part)
            edge = before + t * (slope + t * bend)
            _write_ghosts(field, edge.astype(np.float32, copy=False))

        return self.fine.step(step, power, ghosts)

    def _edge(self, *, rate: bool = False) -> NDArray[np.float32]:
        """Interpolate the coarse rise, or its rate, to the ghost layer of the fine grid."""
        if self.fine is None:
            return np.empty(0, np.float32)
        field = self.coarse.rate if rate else self.coarse.rise
        edge: NDArray[np.float32] = self.model.ghost_matrix @ field.ravel()
        return edge


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
    _require_exposure(source, power_w, duration_s)
    require_water(water_degc)
    if duration_s == 0:
        return state
    simulation = Simulation(model, (state.coarse_degc, state.fine_degc), source, water_degc)
    pacer = _pacer(model.options, state, power_w, water_degc)
    totals = _Totals(model, state)
    simulation.run(
        duration_s, power_w, pacer, lambda dt, c, f: totals.add(simulation, dt, (f, c))
    )
    return totals.state(simulation, state.time_s + duration_s, power_w, pacer.step)


def initial_state(
    model: ThermalModel, *, water_degc: float, precool_s: float = 900.0
) -> ThermalState:
    """Return the head before the first sonication: at body temperature, its scalp cooled.

    The coarse grid runs from 37 °C with the water on; the fine grid is interpolated from it.

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
    _require_exposure(None, 0.0, precool_s)
    body = np.full(model.coarse_grid.shape, BODY_TEMPERATURE_DEGC, np.float32)
    simulation = Simulation(model, (body, None), None, water_degc)
    options = ThermalOptions(
        step_tolerance_k=PRECOOL_TOLERANCE_K, cooling_step_s=model.options.cooling_step_s
    )
    simulation.run(precool_s, 0.0, Pacer(options, options.cooling_step_s, options.first_step_s))
    coarse = _unpad(simulation.coarse)
    fine = _interpolated(model, coarse, water_degc)
    doses = (np.zeros_like(fine), np.zeros_like(coarse))
    return ThermalState(0.0, fine, coarse, doses[0], doses[1], fine, coarse, water_degc)


class _Totals:
    """Dose and peak of both grids while a simulation runs."""

    def __init__(self, model: ThermalModel, state: ThermalState) -> None:
        self._rule = model.options.dose_variant.rule
        self._fine = (state.fine_dose.copy(), state.fine_peak_degc.copy())
        self._coarse = (state.coarse_dose.copy(), state.coarse_peak_degc.copy())
        self._water = state.water_degc

    def add(
        self, simulation: Simulation, step: float, before: tuple[Field | None, Field]
    ) -> None:
        fine, coarse = before
        levels = (
            (self._coarse, coarse, simulation.coarse),
            (self._fine, fine, simulation.fine),
        )
        for (dose, peak), old, stepper in levels:
            if old is not None and stepper is not None:
                ends = (old, stepper.rise)
                accumulate(dose, peak, ends, step, self._rule, BODY_TEMPERATURE_DEGC)

    def state(
        self, simulation: Simulation, time_s: float, power_w: float, step_s: float
    ) -> ThermalState:
        if simulation.fine is None:
            raise SettingsError("A thermal state needs both grids; simulate the fine one too.")
        return ThermalState(
            time_s,
            _unpad(simulation.fine),
            _unpad(simulation.coarse),
            self._fine[0],
            self._coarse[0],
            self._fine[1],
            self._coarse[1],
            float(simulation.water) + BODY_TEMPERATURE_DEGC,
            power_w,
            step_s,
        )


def _pacer(
    options: ThermalOptions, state: ThermalState, power_w: float, water_degc: float
) -> Pacer:
    """Go on with the last step where nothing has changed, else begin with the first one."""
    same = power_w == state.power_w and abs(water_degc - state.water_degc) < 1e-3
    longest = options.power_step_s if power_w > 0 else options.cooling_step_s
    return Pacer(options, longest, state.step_s if same else options.first_step_s)


def _require_exposure(source: HeatSource | None, power_w: float, duration_s: float) -> None:
    for name, value in (("power", power_w), ("duration", duration_s)):
        if not (isfinite(value) and value >= 0):
            raise SettingsError(f"The {name} is {value}; it must be a number of at least 0.")
    if power_w > 0 and source is None:
        raise SettingsError(f"A power of {power_w} W needs a heat source; none was given.")


def _no_source(model: ThermalModel) -> HeatSource:
    shapes = (model.fine_grid.shape, model.coarse_grid.shape)
    return HeatSource(*(np.zeros(shape, np.float32) for shape in shapes))


def _free(_field: Field, _part: float) -> None:
    """Leave the coarse grid's ghost layer at body temperature."""


def _write_ghosts(field: Field, values: NDArray[np.float32]) -> None:
    """Write the six faces of the ghost layer, in the order of ``ThermalModel.ghost_matrix``."""
    begin = 0
    for axis in range(3):
        for side in (0, -1):
            face = np.moveaxis(field, axis, 0)[side][1:-1, 1:-1]
            face[...] = values[begin : begin + face.size].reshape(face.shape)
            begin += face.size


def _unpad(stepper: Stepper) -> Field:
    inner = stepper.rise[1:-1, 1:-1, 1:-1] + np.float32(BODY_TEMPERATURE_DEGC)
    return frozen(np.ascontiguousarray(inner), np.float32)


def _interpolated(model: ThermalModel, coarse: Field, water_degc: float) -> Field:
    """Linear interpolation of the coarse temperature to the fine cells."""
    axes = [
        model.corner[a] + (np.arange(n) + 0.5) / model.ratio - 0.5
        for a, n in enumerate(model.fine_grid.shape)
    ]
    index = np.stack(np.meshgrid(*axes, indexing="ij"))
    fine: Field = map_coordinates(coarse, index, output=np.float32, order=1)
    fine[model.fine.held] = water_degc
    return frozen(fine)
