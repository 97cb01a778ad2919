"""The time loop: observations to the controller, its decisions to the world, all to the record."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from numpy.typing import NDArray

from insonate.control import ControllerState, ControlSettings, step
from insonate.control.ports import SightPort
from insonate.core import RecordError
from insonate.events import Decision, Observation, Source, State, Verb
from insonate.events.documents import (
    ClockTick,
    OperatorCommand,
    PowerSet,
    Resteered,
    SonicationEnded,
    StateChanged,
    TemperatureFrame,
)
from insonate.events.presence import OperatorPresent
from insonate.plant import World
from insonate.record import Recorder
from insonate.session.live import Live
from insonate.session.operators import ErringOperator, OperatorFor, Unattended
from insonate.session.pace import Pace
from insonate.session.progress import Progress, silent
from insonate.session.truths import observe_truth

FRAMES_AFTER = 3
"""Frames that are still taken when the power is off: the dose goes on while it cools."""

LEAST_STEP_S = 1.0
"""While the focus cools the world moves by at least this much."""

PATIENCE_STEP_S = 15.0
"""While a guard says no that time can clear, the world moves by this much."""

SETTLED_S = 1e-9
"""The world has come to a moment when it is nearer to it than this: sums of steps are not exact."""

Answer = TypeVar("Answer")

Arrays = Mapping[str, tuple[NDArray[Any], str]]

FRAME_UNITS = {"delta_t": "K", "sigma": "K", "mask": "1", "magnitude": "1", "dose": "CEM43"}


@dataclass(frozen=True)
class Ended:
    """How the loop ended: the controller's last state, every thermometry frame, and why."""

    state: ControllerState
    frames: tuple[TemperatureFrame, ...]
    why: str
    """The operator's reason for the last command."""


@dataclass(frozen=True)
class Manner:
    """How a treatment is run: who operates, how fast, and who is told how far it is.

    With ``live`` people look on: its clock takes the place of ``pace``, and they take what time they
    need. Without it at least ``between_s`` pass from power off until anything is asked for.
    """

    operator: OperatorFor = Unattended
    pace: Pace = field(default_factory=Pace)
    progress: Progress = silent
    live: Live | None = None
    between_s: float = 0.0


class Treatment:
    """One rehearsal in motion. It is an object because time passes in it."""

    def __init__(
        self,
        world: World,
        recorder: Recorder,
        state: ControllerState,
        settings: ControlSettings,
        how: "Manner",
    ) -> None:
        self._world, self._recorder, self._progress = world, recorder, how.progress
        self._settings, self._pace, self._live = settings, how.pace, how.live
        self._lock = threading.RLock()
        self._moving_to: float | None = None
        self._due: list[Decision] = []
        self._failed: RecordError | None = None
        self._operator = ErringOperator(how.operator(settings), world.scenario.mistakes)
        self._sight: SightPort = world.sight
        self.state = state
        self._last: tuple[Decision, ...] = ()
        self._frames: list[TemperatureFrame] = []
        self._cooling_frames = 0
        self._between_s = how.between_s if how.live is None else 0.0
        self._busy_until_s = 0.0
        self._why = ""

    def run(self) -> Ended:
        """Run until the controller has finished.

        Raises
        ------
        RecordError
            When the record cannot be written.
        """
        if self._live is not None:
            self._live.begin(self, self._world.time_s)
        while self.state.state is not State.FINISHED:
            self._settle()
            if self.state.state is State.SONICATING or self._due:
                self._sonicate()
            elif self._cooling_frames > 0:
                self._watch_cooling()
            else:
                self._go_on()
            self._pace.keep(self._world.time_s)
        if self._live is not None:
            self._live.over()
        self._settle()
        return Ended(self.state, tuple(self._frames), self._why)

    def _go_on(self) -> None:
        """Do what the operator asks for, or let it cool, or linger."""
        if self._world.time_s < self._busy_until_s - SETTLED_S:
            self._cool()
            return
        command = self._operator(self.state, self._last, self._world.time_s)
        if command is not None:
            self._command(command)
        elif self.state.state is State.COOLING:
            self._cool()
        else:
            self._linger()

    # --- what the operator does ---

    def _command(self, command: OperatorCommand) -> None:
        self._why = command.why
        if command.verb in {Verb.APPROVE, Verb.SONICATE}:
            self._observe(self._world.ask_patient(), Source.PATIENT)
        if command.verb in {Verb.APPROVE, Verb.SONICATE}:
            self._read_room()
        self._observe(command, Source.OPERATOR)

    def _linger(self) -> None:
        self._wait(self._world.time_s + PATIENCE_STEP_S)
        if self._live is None:
            self._observe(self._world.ask_patient(), Source.PATIENT)
        self._read_room()
        self._observe(ClockTick(), Source.SESSION)

    # --- while power is on, and just after ---

    def _sonicate(self) -> None:
        self._tick()
        self._world.befall()
        self._patient()
        self._read_room()
        self._look()
        self._observe(ClockTick(), Source.SESSION)
        part = self.state.sonication / self._settings.maximum_sonications
        self._progress("Rehearsing the treatment", part, self._now())

    def _watch_cooling(self) -> None:
        if self._tick():
            self._cooling_frames -= 1
            self._observe(self._world.read_model(), Source.MODEL)
        self._look()
        if self._cooling_frames == 0:
            self._world.port.rest()

    def _look(self) -> None:
        """Show the frames that have come, and the focus as it is estimated now."""
        for frame, arrays in self._sight.frames():
            self._frame(frame, arrays)
        with self._lock:
            for note in self._sight.take_notes():
                self._recorder.append(note, time_s=self._now_s(), source=Source.SCANNER)
        estimate = self._sight.estimate(self._world.time_s)
        if estimate is not None:
            self._observe(estimate, Source.MODEL)

    def _frame(self, frame: TemperatureFrame, arrays: Mapping[str, NDArray[Any]]) -> None:
        units = {name: (array, FRAME_UNITS[name]) for name, array in arrays.items()}
        self._frames.append(frame)
        self._observe(frame, Source.SCANNER, units)

    def _patient(self) -> None:
        report = self._world.hear_patient()
        if report is None:
            return
        self._observe(report, Source.PATIENT)
        asked = self._operator.hear(report, self.state)
        if asked is not None:
            self._command(asked)

    # --- while it cools ---

    def _cool(self) -> None:
        world = self._world
        least_s = max(self._busy_until_s, world.time_s + LEAST_STEP_S)
        self._wait(max(self.state.wait_until_s, least_s))
        self._observe(world.read_water(), Source.COOLING)
        self._observe(world.read_model(), Source.MODEL)
        self._observe(ClockTick(), Source.SESSION)
        part = self.state.sonication / self._settings.maximum_sonications
        self._progress("Rehearsing the treatment", part, self._now())

    def _read_room(self) -> None:
        world = self._world
        self._observe(world.read_water(), Source.COOLING)
        self._observe(world.read_cavitation(), Source.COOLING)
        self._observe(world.read_array(), Source.ARRAY)
        self._observe(world.read_model(), Source.MODEL)
        self._observe(world.read_motion(), Source.SCANNER)
        if world.operator_holds() and (self._live is None or self._live.holds()):
            self._observe(OperatorPresent(who=self._operator.who), Source.OPERATOR)

    # --- time passes, and may be interrupted ---

    def _tick(self) -> bool:
        """Move the world by one tick, once it has passed on the wall; say whether a frame ended."""
        return self._moved(self._world.next_end_s(), self._world.tick)

    def _wait(self, until_s: float) -> None:
        """Let the world wait; while people look on in small pieces, and no longer than they did."""
        live, world = self._live, self._world
        if live is None:
            world.wait(until_s)
            return
        to_s = min(until_s, world.time_s + live.idle_step_s)
        self._moved(to_s, lambda: world.wait(min(to_s, max(live.now_s(), world.time_s))))

    def _moved(self, to_s: float, move: Callable[[], Answer]) -> Answer:
        """Move the world once the wall's clock allows it; who interrupts needs not wait for it."""
        if self._live is not None:
            self._live.wait_until(to_s)
        self._settle()
        with self._lock:
            self._moving_to = self._world.next_end_s()
        try:
            return move()
        finally:
            with self._lock:
                self._moving_to = None
            self._settle()

    def interrupt(self, payload: Observation, source: Source) -> None:
        """Show the controller what comes from outside the loop, now; the world follows.

        Safe to call from any thread: it waits for no solver. While power is on, the moment is that
        of the session's clock, to which the world has still to move; the drive goes off then.

        Parameters
        ----------
        payload, source
            A command that halts, or a word of the patient.
        """
        with self._lock:
            if self.state.state is State.FINISHED or self._failed is not None:
                return
            powered = self.state.state is State.SONICATING
            now = self._moment_s() if powered else self._now_s()
            self.state, decisions = step(self.state, now, payload, self._settings)
            off = any(isinstance(d, PowerSet) and d.power_w == 0.0 for d in decisions)
            if self._moving_to is None and powered and off:
                self._world.end_power(now)
            try:
                self._record(now, (payload, source, {}), decisions)
            except RecordError as error:
                self._failed = error
            self._due += decisions
            if isinstance(payload, OperatorCommand):
                self._why = payload.why
            self._last = decisions
            self._watch()

    def _moment_s(self) -> float:
        """Return the time under power now: never before what was seen, nor past what is computed."""
        latest = self._world.next_end_s() if self._moving_to is None else self._moving_to
        wanted = (
            latest if self._moving_to is not None or self._live is None else self._live.now_s()
        )
        return max(self._now_s(), min(wanted, latest))

    def _now_s(self) -> float:
        return max(self._world.time_s, self.state.time_s)

    def _settle(self) -> None:
        """Do what an interruption left to be done, once the world has come to its moment."""
        with self._lock:
            if self._failed is not None:
                self._world.set_power(self._world.sonication, 0.0, None)
                raise self._failed
            if not self._due or self._world.time_s < self.state.time_s - SETTLED_S:
                return
            due, self._due = self._due, []
            self._switch_off(tuple(due))
            self._moving_to = self._now_s()
        self._act_on(due)

    def _watch(self) -> None:
        if self._live is not None:
            self._live.watch(self.state, self._settings)

    # --- observation in, decisions out ---

    def _observe(
        self, payload: Observation, source: Source, arrays: Arrays | None = None
    ) -> None:
        """Show one observation to the controller and do as it decides.

        Power goes off before anything is written; everything else is done once it is recorded.
        """
        self._settle()
        with self._lock:
            now = self._now_s()
            self.state, decisions = step(self.state, now, payload, self._settings)
            self._switch_off(decisions)
            try:
                self._record(now, (payload, source, arrays or {}), decisions)
            except RecordError:
                self._world.set_power(self._world.sonication, 0.0, None)
                raise
            if decisions or isinstance(payload, OperatorCommand):
                self._last = decisions
            self._watch()
            self._moving_to = now
        self._act_on(decisions)

    def _act_on(self, decisions: Sequence[Decision]) -> None:
        """Do what was decided; it may take a while, and who interrupts does not wait for it."""
        try:
            for decision in decisions:
                self._act(decision)
        finally:
            with self._lock:
                self._moving_to = None

    def _switch_off(self, decisions: tuple[Decision, ...]) -> None:
        for decision in decisions:
            if isinstance(decision, PowerSet) and decision.power_w == 0.0:
                self._world.set_power(decision.sonication, 0.0, None)

    def _record(
        self,
        now: float,
        seen: tuple[Observation, Source, Arrays],
        decisions: tuple[Decision, ...],
    ) -> None:
        """Write what was seen and what was decided."""
        payload, source, arrays = seen
        event = self._recorder.append(payload, time_s=now, source=source, arrays=arrays)
        for decision in decisions:
            self._recorder.append(
                decision, time_s=now, source=Source.CONTROLLER, cause=event.sequence
            )

    def _act(self, decision: Decision) -> None:
        match decision:
            case PowerSet(power_w=power) if power > 0.0:
                self._world.set_power(decision.sonication, decision.power_w, decision.off_at_s)
            case Resteered():
                self._world.steer(decision.total_m)
            case SonicationEnded():
                self._cooling_frames = FRAMES_AFTER
                self._busy_until_s = self._world.time_s + self._between_s
                observe_truth(self._world, self._recorder, decision.sonication)
            case StateChanged(after=State.BASELINE):
                self._world.take_references()
            case _:
                pass

    def _now(self) -> str:
        minutes = self._world.time_s / 60
        return f"{self.state.state}, sonication {self.state.sonication}, {minutes:.0f} min"
