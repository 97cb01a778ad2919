"""What the next sonication will do, and how long to wait before it.

While the properties are fixed the bioheat equation is linear in the absorbed power, so one run
with no heat but the source's gives the rise of every sonication of the same duration.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from insonate.core import SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.advance import Course, advance, pacers_for
from insonate.heat.dose import cem43
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.readout import Extremes, focus_peak, hottest_near, scalp_max, skull_max
from insonate.heat.simulation import Simulation
from insonate.plan.model import Limits, Sonication

FOCUS_RADIUS_M = 3e-3
"""m: how far from the planned focus its hottest point is looked for."""

LONGEST_SONICATION_S = 60.0
"""s: clinical sonications last 10-40 s; a prescription allows 1-60 s."""

_PROBE_W = 300.0  # W: a clinical power; steps are then chosen as in a real sonication
_PARTS = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # of the duration
_TAIL_S = (1.0, 3.0, 6.0, 10.0, 20.0, 30.0)  # s after power off: the scalp warms from the bone


@dataclass(frozen=True, eq=False)
class UnitResponse:
    """The rise (K) for each watt of a sonication of one duration, and a while after it.

    Parameters
    ----------
    duration_s
        How long power is on, s.
    time_s
        Shape (n,), s since power on, beginning with 0.
    focus
        Shape (n,), K/W: the hottest point within 3 mm of the planned focus.
    skull, scalp
        Shape (n, cells), K/W: the cells of ``skull_cells`` and ``scalp_cells``.
    skull_cells, scalp_cells
        Flat indices into the coarse grid.
    """

    duration_s: float
    time_s: NDArray[np.float64]
    focus: NDArray[np.float64]
    skull: NDArray[np.float32]
    scalp: NDArray[np.float32]
    skull_cells: NDArray[np.int64]
    scalp_cells: NDArray[np.int64]

    @property
    def focus_k_per_kj(self) -> float:
        """Peak rise at the focus, K/kJ."""
        return self._per_kj(self.focus)

    @property
    def skull_k_per_kj(self) -> float:
        """Largest rise in the bone, K/kJ."""
        return self._per_kj(self.skull)

    @property
    def scalp_k_per_kj(self) -> float:
        """Largest rise in the scalp, K/kJ."""
        return self._per_kj(self.scalp)

    def step_response(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rise of the focus under one watt that stays on: times, s, and K/W.

        After power off the rise is S(t) − S(t − d) by superposition, from which S goes on beyond
        the duration d.
        """
        on = self.time_s <= self.duration_s * (1 + 1e-9)
        early, heated = self.time_s[on], self.focus[on]
        late = self.time_s[~on & (self.time_s <= 2 * self.duration_s)]
        cooled = self.focus[~on][: late.size]
        since = PchipInterpolator(early, heated)(late - self.duration_s)
        return np.concatenate([early, late]), np.concatenate([heated, cooled + since])

    def _per_kj(self, rise: NDArray[np.floating]) -> float:
        return float(rise.max(initial=0.0)) / (self.duration_s * 1e-3)


def unit_response(model: ThermalModel, source: HeatSource, duration_s: float) -> UnitResponse:
    """Compute what one watt does: for planning a power, and for ``cooling_wait``.

    Parameters
    ----------
    model, source
        The head and its heat for each watt.
    duration_s
        How long power is on, s, positive.

    Returns
    -------
    UnitResponse

    Raises
    ------
    SettingsError
        When the duration is not positive.
    """
    _require_duration(duration_s)
    course = Course(model, _at_body_temperature(model))
    times = [0.0, *(duration_s * part for part in _PARTS)]
    times += [duration_s + tail for tail in _TAIL_S]
    cells = [_coarse_cells(model, tissue) for tissue in (Tissue.SKULL, Tissue.SCALP)]
    focus = [0.0]
    rises = [[np.zeros(c.size, np.float32)] for c in cells]
    for begin, end in pairwise(times):
        course.run(
            source,
            power_w=_PROBE_W if end <= duration_s else 0.0,
            duration_s=end - begin,
            water_degc=BODY_TEMPERATURE_DEGC,
        )
        fine, coarse = course.degc()
        hottest, _ = hottest_near(model, fine, FOCUS_RADIUS_M)
        focus.append((hottest - BODY_TEMPERATURE_DEGC) / _PROBE_W)
        for rise, c in zip(rises, cells, strict=True):
            rise.append((coarse.ravel()[c] - BODY_TEMPERATURE_DEGC) / _PROBE_W)
    skull, scalp = (frozen(np.stack(rise), np.float32) for rise in rises)
    return UnitResponse(
        duration_s, frozen(times, np.float64), frozen(focus, np.float64), skull, scalp, *cells
    )


@dataclass(frozen=True, eq=False)
class HeatingRun:
    """One sonication as the model expects it.

    Parameters
    ----------
    sonication
        What was done.
    time_s
        Shape (n,), s since power on.
    focus, skull, scalp
        The extremes at each time: temperature, its place, peak and dose so far.
    state
        At the end; holds the maps of peak temperature and dose.
    """

    sonication: Sonication
    time_s: NDArray[np.float64]
    focus: tuple[Extremes, ...]
    skull: tuple[Extremes, ...]
    scalp: tuple[Extremes, ...]
    state: ThermalState

    @property
    def focus_peak_degc(self) -> float:
        """The highest temperature at the focus during the run, °C."""
        return max(e.temperature_degc for e in self.focus)


def predict(
    model: ThermalModel,
    state: ThermalState,
    source: HeatSource,
    sonication: Sonication,
    *,
    every_s: float = 1.0,
) -> HeatingRun:
    """Run one sonication from a state, with the state's water, and read it as it goes.

    Parameters
    ----------
    model, state, source
        The head, how warm it is, its heat for each watt.
    sonication
        Power and duration.
    every_s
        Time between readings, s, positive; the last one is at power off.

    Returns
    -------
    HeatingRun

    Raises
    ------
    SettingsError
        When the times are not positive or the power is negative.
    """
    _require_duration(sonication.duration_s)
    if not every_s > 0:
        raise SettingsError(
            f"A sonication cannot be read every {every_s} s; the time must be positive."
        )
    count = max(1, round(sonication.duration_s / every_s))
    times = np.linspace(0.0, sonication.duration_s, count + 1)
    states = [state]
    readings = [_readings(model, state)]
    for step in np.diff(times):
        states[0] = advance(
            model,
            states[0],
            source,
            power_w=sonication.power_w,
            duration_s=float(step),
            water_degc=state.water_degc,
        )
        readings.append(_readings(model, states[0]))
    focus, skull, scalp = zip(*readings, strict=True)
    return HeatingRun(sonication, frozen(times), focus, skull, scalp, states[0])


@dataclass(frozen=True)
class WaitOptions:
    """How a cooling wait is looked for: resolution and end, both in s."""

    step_s: float = 15.0
    longest_s: float = 3600.0

    def __post_init__(self) -> None:
        if not 0 < self.step_s <= self.longest_s:
            raise SettingsError(
                f"A wait is looked for in steps of {self.step_s} s up to {self.longest_s} s; the "
                "step must be positive and not exceed the end."
            )


@dataclass(frozen=True)
class CoolingWait:
    """The shortest wait after which the next sonication keeps the limits of bone and scalp.

    ``enough`` says whether there is one; otherwise the figures are those of the longest wait
    looked at. Temperatures (°C) and doses (CEM43, what was there before included) are the
    highest that the next sonication is expected to reach.
    """

    wait_s: float
    enough: bool
    skull_degc: float
    scalp_degc: float
    skull_dose_cem43: float
    scalp_dose_cem43: float
    sentence: str


def cooling_wait(
    model: ThermalModel,
    state: ThermalState,
    response: UnitResponse,
    power_w: float,
    limits: Limits,
    options: WaitOptions | None = None,
) -> CoolingWait:
    """Find the shortest wait before the next sonication, by superposition on the cooling head.

    The head cools on the coarse grid with the state's water; at each candidate the rise of the
    sonication is added to the temperature that its beginning would find.

    Parameters
    ----------
    model, state
        The head, and how warm it is now.
    response
        ``unit_response`` of the next sonication's duration.
    power_w
        Its power, W, at least 0.
    limits
        Those of skull and scalp are kept.
    options
        Resolution and end of the search.

    Returns
    -------
    CoolingWait

    Raises
    ------
    SettingsError
        When the power is negative or NaN.
    """
    if not power_w >= 0:
        raise SettingsError(f"The power is {power_w} W; it must be at least 0 W.")
    search = options or WaitOptions()
    simulation = Simulation(model, state.coarse_degc)
    simulation.set_water(state.water_degc)
    pacers = pacers_for(model.options, 0.0)
    wait = 0.0
    found = _after_wait(model, simulation, state, (response, power_w), limits)
    while not found.enough and wait + search.step_s <= search.longest_s:
        simulation.run(search.step_s, 0.0, pacers)
        wait += search.step_s
        found = _after_wait(model, simulation, state, (response, power_w), limits, wait)
    return found


def _after_wait(
    model: ThermalModel,
    simulation: Simulation,
    state: ThermalState,
    planned: tuple[UnitResponse, float],
    limits: Limits,
    wait: float = 0.0,
) -> CoolingWait:
    response, power = planned
    now = simulation.coarse.rise[1:-1, 1:-1, 1:-1].ravel() + BODY_TEMPERATURE_DEGC
    figures = []
    for cells, rise in (
        (response.skull_cells, response.skull),
        (response.scalp_cells, response.scalp),
    ):
        curves = now[cells] + power * rise
        gained = cem43(response.time_s, curves, model.options.dose_variant)
        dose = state.coarse_dose.ravel()[cells] + gained
        figures += [float(curves.max(initial=-np.inf)), float(dose.max(initial=0.0))]
    skull, skull_dose, scalp, scalp_dose = figures
    faults = [
        f"the {name} would reach {value:.1f} {limit.unit} (limit {limit.value:g})"
        for name, value, limit in (
            ("skull", skull, limits.skull_temperature),
            ("scalp", scalp, limits.scalp_temperature),
            ("skull", skull_dose, limits.skull_dose),
            ("scalp", scalp_dose, limits.scalp_dose),
        )
        if not value <= limit.value
    ]
    verdict = " and ".join(faults) if faults else "skull and scalp stay within their limits"
    sentence = f"After a wait of {wait:.0f} s {verdict}."
    return CoolingWait(wait, not faults, skull, scalp, skull_dose, scalp_dose, sentence)


def _require_duration(duration_s: float) -> None:
    if not 0 < duration_s <= LONGEST_SONICATION_S:
        raise SettingsError(
            f"The duration is {duration_s} s; a sonication needs more than 0 s and lasts "
            f"{LONGEST_SONICATION_S:g} s at most."
        )


def _readings(model: ThermalModel, state: ThermalState) -> tuple[Extremes, Extremes, Extremes]:
    focus = focus_peak(model, state, FOCUS_RADIUS_M)
    return focus, skull_max(model, state), scalp_max(model, state)


def _coarse_cells(model: ThermalModel, tissue: Tissue) -> NDArray[np.int64]:
    return model.cells[tissue].coarse


def _at_body_temperature(model: ThermalModel) -> ThermalState:
    fine = np.full(model.fine_grid.shape, BODY_TEMPERATURE_DEGC, np.float32)
    coarse = np.full(model.coarse_grid.shape, BODY_TEMPERATURE_DEGC, np.float32)
    zero = (np.zeros_like(fine), np.zeros_like(coarse))
    return ThermalState(0.0, fine, coarse, *zero, fine, coarse, BODY_TEMPERATURE_DEGC)
