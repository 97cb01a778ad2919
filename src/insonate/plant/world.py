"""Everything that goes on while time passes: the true head, its water, the scanner, the model.

The world is the one object of insonate that changes: it is driven by the session, tick by tick.
What the controller may see leaves it as documents; the truth leaves it only for the record.
"""

import weakref
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError, Tissue
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    ModelEstimate,
    PatientReport,
    Point,
)
from insonate.events.presence import MotionReading
from insonate.events.sight import FocusEstimate
from insonate.heat.prediction import UnitResponse
from insonate.heat.readout import temperature_at
from insonate.plant.incidents import Behaviour, Incident, Room, Severity, arrive, befall
from insonate.plant.periphery import (
    Exposure,
    ask,
    cavitation_level_db,
    due,
    incident_due,
    listen,
    read_array,
    read_cooling,
    read_motion,
    voice,
    water_temperature,
)
from insonate.plant.scanner import VirtualScanner
from insonate.plant.scenario import Scenario
from insonate.plant.sight import Expected, Sight
from insonate.plant.symptoms import felt
from insonate.plant.twin import Twin, forecast_k_per_kj
from insonate.plant.vessel import strained_s
from insonate.thermometry.port import Direct, FramePort, Receiver, Scan

CALIBRATION_RANGE = (0.3, 3.0)
"""Sources of brain absorption differ five-fold; beyond this factor something else is wrong."""

SAME_WATER_K = 0.05
"""Water that differs by less is the same, for joining steps."""

TICKS_PER_FRAME = 4
"""The world moves at most a quarter of a frame at a time while power is on."""

WAIT_STEP_S = 60.0
"""And at most a minute at a time while nothing happens."""

CLOCK_TOLERANCE_S = 1e-9
"""Times that were added up in different orders are the same within this."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What the model can say of a sonication before it: one watt's response, tissues' limits."""

    response: UnitResponse
    limit_degc: dict[Tissue, float]


@dataclass(frozen=True)
class Step:
    """A piece of the session with constant power and water."""

    duration_s: float
    power_w: float
    water_degc: float
    sonication: int
    flow_l_per_min: float


@dataclass
class Curve:
    """The session's temperatures, one entry for each step of the world."""

    time: list[float] = field(default_factory=list)
    focus: list[float] = field(default_factory=list)
    skull: list[float] = field(default_factory=list)
    scalp: list[float] = field(default_factory=list)
    water: list[float] = field(default_factory=list)
    power: list[float] = field(default_factory=list)
    model_focus: list[float] = field(default_factory=list)
    model_skull: list[float] = field(default_factory=list)
    model_scalp: list[float] = field(default_factory=list)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return every curve as an array."""
        return {name: np.asarray(values) for name, values in vars(self).items()}


class World:
    """A simulated patient in a simulated room.

    Parameters
    ----------
    truth, belief
        The true head, and the controller's model of it; both follow the power that is set.
    scanner
        What MR shows of the true one.
    forecast
        What the model knows of a sonication before it.
    scenario
        What happens.
    rng
        Noise of the readings.

    Its scanner's images go to ``receiver``, by itself straight to ``port``; ``sight`` is what the
    controller has of them.
    """

    def __init__(
        self,
        truth: Twin,
        belief: Twin,
        scanner: VirtualScanner,
        forecast: Forecast,
        scenario: Scenario,
        rng: np.random.Generator,
    ) -> None:
        self.truth, self.belief, self.scanner = truth, belief, scanner
        self.forecast, self.scenario, self._rng = forecast, scenario, rng
        self.time_s = 0.0
        self.curve = Curve()
        self.sonication = 0
        self.power_w = 0.0
        self._off_at_s: float | None = None
        self._started_s = 0.0
        self._frame_start_s = 0.0
        self._done: frozenset[Behaviour | Incident] = frozenset()
        self.room = Room()
        self._told: dict[str, Severity] = {}
        self._steered: Point = (0.0, 0.0, 0.0)
        self.strained_s = 0.0
        self.bled_s: float | None = None
        me = weakref.proxy(self)  # the port must not keep the world: a treatment is 240 MB
        self.port = FramePort(self.frame_s, lambda: float(me.time_s))
        self.receiver: Receiver = Direct(scanner.series, self.port)
        response = forecast.response
        rise_k_per_w = response.focus_k_per_kj * response.duration_s * 1e-3
        step = response.step_response()
        expected = Expected(rise_k_per_w, response.duration_s, step)
        self.sight = Sight(self.port, belief, scanner.target_m, expected)
        self._calibration = 1.0
        self._factors: dict[int, float] = {}
        self._history: list[Step] = []
        self._note()

    # --- what the controller sets ---

    def set_power(self, sonication: int, power_w: float, off_at_s: float | None) -> None:
        """Set the power; it goes off by itself at ``off_at_s``, whatever becomes of the rest.

        Raises
        ------
        SettingsError
            When power is to go on without an end.
        """
        if power_w > 0 and off_at_s is None:
            raise SettingsError(
                f"A power of {power_w:g} W was set without an end; the drive needs the time at "
                "which it goes off by itself."
            )
        if sonication != self.sonication and power_w > 0:
            self.calibrate()
            self.sonication, self._started_s = sonication, self.time_s
            self._frame_start_s, self._told = self.time_s, {}
            self._begin_series()
        self.power_w, self._off_at_s = power_w, off_at_s if power_w > 0 else None
        self._note()

    def _begin_series(self) -> None:
        """Take the references of a sonication, and begin to look at its focus."""
        base = self.belief.warmth().focus_degc
        scanned = self.scanner.begin(
            self.sonication, self.truth.model, self.truth.state, base, self.receiver.take
        )
        calibrated = self._calibration if self._factors else None
        self.sight.begin(scanned, self.time_s, base, calibrated)

    def end_power(self, at_s: float) -> None:
        """Let the drive go off at ``at_s``, if that is earlier than it would by itself."""
        if self._off_at_s is not None:
            self._off_at_s = min(self._off_at_s, max(at_s, self.time_s))

    def steer(self, total_m: Point) -> None:
        """Move the true focus electronically; the model believes in the plan's focus as ever."""
        self._steered = total_m
        self._aim()

    def _aim(self) -> None:
        """Put the true focus where steering and a head that moved under the array put it."""
        x, y, z = (a - b for a, b in zip(self._steered, self.room.moved_m, strict=True))
        self.truth.steer((x, y, z))

    def calibrate(self) -> None:
        """Scale the model's heat at the focus to what thermometry measured last.

        Called when the next sonication begins, or the session ends: all frames are in then, the
        hottest and those after it.
        """
        if self.sight.seen is not None:
            measured, believed = self.sight.seen
            low, high = CALIBRATION_RANGE
            wanted = min(max(self._calibration * measured / believed, low), high)
            self.belief.calibrate(wanted / self._calibration)
            self._calibration = self._factors[self.sonication] = wanted
        self.sight.seen = None

    def learnt(self) -> dict[int, float]:
        """Return for each sonication that was measured its rise over the plan's expectation."""
        self.calibrate()
        return dict(self._factors)

    def driven(self) -> dict[int, tuple[float, float]]:
        """Return mean power (W) and duration (s) of each sonication."""
        found: dict[int, tuple[float, float]] = {}
        for step in self._history:
            if step.power_w > 0:
                energy, time = found.get(step.sonication, (0.0, 0.0))
                energy += step.power_w * step.duration_s
                found[step.sonication] = (energy, time + step.duration_s)
        return {number: (energy / time, time) for number, (energy, time) in found.items()}

    def believed_in_hindsight(self) -> Twin:
        """Return the model run again over the session, each sonication with its own calibration.

        While the session runs, a sonication heats the model with the calibration of the one
        before; afterwards its own is known.
        """
        self.calibrate()
        twin = self.belief.anew()
        scale = 1.0
        for step in self._history:
            wanted = self._factors.get(step.sonication, scale) if step.power_w > 0 else scale
            twin.calibrate(wanted / scale)
            scale = wanted
            twin.run(step.duration_s, step.power_w, step.water_degc, step.flow_l_per_min)
        return twin

    # --- time ---

    @property
    def frame_s(self) -> float:
        """Time from one thermometry frame to the next, s."""
        return self.scanner.protocol.frame_time_s

    def next_end_s(self) -> float:
        """Return the time to which the next ``tick`` would move, s."""
        frame_end = self._frame_start_s + self.frame_s
        ends = [self.time_s + self.frame_s / TICKS_PER_FRAME, frame_end]
        if self._off_at_s is not None:
            ends.append(self._off_at_s)
        return min(ends)

    def tick(self) -> bool:
        """Move on by a quarter frame, less where power or frame end; return whether one ended.

        What the frame shows waits at the port, unless it was lost.
        """
        frame_end = self._frame_start_s + self.frame_s
        step = max(self.next_end_s() - self.time_s, 0.0)
        self._look(self.time_s + step / 4, step / 2)
        self._pass(step)
        self._look(self.time_s - step / 4, step / 2)
        if self.time_s < frame_end - CLOCK_TOLERANCE_S:
            return False
        scan = self.scanner.image(self._frame_start_s, self.time_s)
        self._frame_start_s = self.time_s
        if scan is not None:
            self._deliver(scan)
        return True

    def _deliver(self, scan: Scan) -> None:
        """Give an image to whoever receives it, unless something befalls it on its way."""
        self.room, arrived = arrive(self.room, scan, self.scanner.spoilt)
        if arrived is not None:
            self.receiver.take(arrived)

    def _look(self, at_s: float, weight_s: float) -> None:
        """Let scanner and model see the head as it is, for so much of the frame round ``at_s``."""
        self.scanner.watch(self.truth.model, self.truth.state, weight_s)
        self.sight.believe(at_s, self.belief.state, weight_s)

    def read_estimate(self) -> FocusEstimate | None:
        """Return the focus as it is estimated now; None before the first power."""
        return self.sight.estimate(self.time_s)

    def wait(self, until_s: float) -> None:
        """Let time pass without power, at most a minute at a time."""
        self._pass(min(max(until_s - self.time_s, 0.0), WAIT_STEP_S))
        self._frame_start_s = self.time_s

    def _pass(self, step_s: float) -> None:
        if self._off_at_s is not None and self.time_s + step_s > self._off_at_s:
            rest_s = self.time_s + step_s - self._off_at_s
            self._pass(step_s - rest_s)
            step_s = rest_s
        water, flow = water_temperature(self.scenario, self.time_s), self.flow_l_per_min()
        self.truth.run(step_s, self.power_w, water, flow)
        self._strain(step_s)
        self.belief.run(step_s, self.power_w, water, flow)
        self.sight.power(self.time_s, self.time_s + step_s, self.power_w)
        self._remember(Step(step_s, self.power_w, water, self.sonication, flow))
        self.time_s += step_s
        if self._off_at_s is not None and self.time_s >= self._off_at_s - CLOCK_TOLERANCE_S:
            self.time_s, self.power_w, self._off_at_s = self._off_at_s, 0.0, None
        self._note()

    def _strain(self, step_s: float) -> None:
        """Let a vessel bear the last step, and bleed where it was too much."""
        vessel = self.scenario.vessel
        if vessel is None or self.power_w <= 0.0 or self.bled_s is not None:
            return
        (degc,) = self._true_degc((vessel.offset_m,))
        level = cavitation_level_db(self.scenario, self.exposure())
        self.strained_s += strained_s(vessel, degc, level, step_s)
        if self.strained_s >= vessel.bleeds_after_s:
            self.bled_s = self.time_s + step_s

    def _true_degc(self, offsets_m: tuple[Point, ...]) -> tuple[float, ...]:
        """Return the true temperature at points relative to the target, °C."""
        points = self.truth.model.focus_m + np.asarray(offsets_m, np.float64)
        found = temperature_at(self.truth.model, self.truth.state, points)
        return tuple(float(value) for value in found)

    def befall(self) -> None:
        """Let happen what is due by now."""
        while (due_now := incident_due(self.scenario, self.exposure(), self._done)) is not None:
            self._done |= {due_now}
            moved = self.room.moved_m
            self.room = befall(self.room, due_now)
            if self.room.moved_m != moved:
                self._aim()

    def operator_holds(self) -> bool:
        """Return whether the operator has the handle in hand."""
        return self.power_w <= 0.0 or self.room.left_in != self.sonication

    def _remember(self, step: "Step") -> None:
        """Keep the step for hindsight, joined to the one before where nothing changed."""
        if self._history:
            last = self._history[-1]
            same = (last.power_w, last.sonication, last.flow_l_per_min) == (
                step.power_w,
                step.sonication,
                step.flow_l_per_min,
            )
            if same and abs(last.water_degc - step.water_degc) < SAME_WATER_K:
                joined = last.duration_s + step.duration_s
                self._history[-1] = replace(last, duration_s=joined)
                return
        self._history.append(step)

    def _note(self) -> None:
        true, believed = self.truth.warmth(), self.belief.warmth()
        row = {
            "time": self.time_s,
            "focus": true.focus_degc,
            "skull": true.skull_degc,
            "scalp": true.scalp_degc,
            "water": self.water_degc(),
            "power": self.power_w,
            "model_focus": believed.focus_degc,
            "model_skull": believed.skull_degc,
            "model_scalp": believed.scalp_degc,
        }
        for name, value in row.items():
            getattr(self.curve, name).append(value)

    # --- what can be read ---

    def water_degc(self) -> float:
        """Return the true temperature of the water round the head now, °C."""
        warmed = self.truth.water_degc
        return water_temperature(self.scenario, self.time_s) if warmed is None else warmed

    def flow_l_per_min(self) -> float:
        """Return the true flow of the water now, L/min."""
        return self.scenario.water_flow_l_per_min if self.room.flows else 0.0

    def exposure(self) -> Exposure:
        """Return the sonication as the periphery feels it."""
        return Exposure(
            self.sonication,
            self.power_w,
            self.time_s - self._started_s if self.power_w > 0 else 0.0,
            self.truth.heating.peak_pressure_pa * sqrt(self.power_w),
        )

    def read_water(self) -> CoolingReading:
        """Return what the cooling unit reports."""
        return read_cooling(self.scenario, self.time_s, self._rng, self.room)

    def read_cavitation(self) -> CavitationReading:
        """Return what the cavitation detector hears."""
        return listen(self.scenario, self.exposure(), self._rng)

    def read_array(self) -> ArrayReading:
        """Return what the amplifiers report."""
        return read_array(self.exposure(), self._rng, self.room)

    def take_references(self) -> None:
        """Take the images that the head's motion is told from."""
        self.room = replace(self.room, reference_m=self.room.moved_m)

    def read_motion(self) -> MotionReading:
        """Return how far the head lies from where the references saw it."""
        return read_motion(self.room.displacement_m, self._rng)

    def read_model(self) -> ModelEstimate:
        """Return what the controller's model believes of skull, scalp and focus."""
        now = self.belief.warmth()
        return ModelEstimate(
            skull_max_degc=now.skull_degc,
            scalp_max_degc=now.scalp_degc,
            skull_dose_cem43=now.skull_dose,
            scalp_dose_cem43=now.scalp_dose,
            skull_rise_k_per_kj=self._rise(Tissue.SKULL),
            scalp_rise_k_per_kj=self._rise(Tissue.SCALP),
            focus_degc=now.focus_degc,
            calibration=self._calibration,
        )

    def _rise(self, tissue: Tissue) -> float:
        return forecast_k_per_kj(
            self.belief, self.forecast.response, tissue, self.forecast.limit_degc[tissue]
        )

    def ask_patient(self) -> PatientReport:
        """Return the patient's answers between sonications."""
        return ask(self.scenario)

    def hear_patient(self) -> PatientReport | None:
        """Return what the patient says of their own accord now, or None."""
        behaviour = due(self.scenario, self.exposure(), self._done)
        if behaviour is None:
            return self._felt()
        self._done |= {behaviour}
        return voice(behaviour)

    def _felt(self) -> PatientReport | None:
        """Return what the patient feels of the heat, if it is more than was said before."""
        neighbours = self.scenario.neighbours
        places = tuple(n.offset_m for n in neighbours)
        if self.power_w <= 0.0 or not places:
            return None
        report, self._told = felt(neighbours, self._true_degc(places), self._told)
        return report
