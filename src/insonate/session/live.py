"""A treatment that people follow while it runs: at the wall's pace, and interrupted at any moment.

The world of a live treatment never runs ahead of the session's clock: a piece of it is computed
once it has passed on the wall. So a stop that comes while a piece is computed falls at its end or
later, and the drive of the simulated patient goes off at just the time that the record says.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from insonate.control import ControllerState, ControlSettings
from insonate.core import SettingsError
from insonate.events import Decision, Observation, Source, Verb
from insonate.events.documents import OperatorCommand, PatientReport
from insonate.record.writing import Told, nobody

HEARTBEAT_S = 2.0
"""The operator counts as there for so long after a sign of presence, wall s; a console gives two
a second."""

LARGEST_LAG_S = 1.0
"""A world that cannot keep up slows the session's clock; it never has to catch up more, wall s."""

SPEEDS = (0.1, 200.0)
"""Session seconds for each second of the wall."""

AT_ONCE = frozenset({Verb.STOP, Verb.PAUSE, Verb.ABORT, Verb.HOLD})
"""What takes power off, or will: never queued."""

Watch = Callable[[ControllerState, ControlSettings], None]
"""Told of the controller's state after each observation; must return at once."""


class Interrupted(Protocol):
    """A treatment that takes an observation from outside its loop."""

    def interrupt(self, payload: Observation, source: Source) -> None:
        """Show ``payload`` to the controller now, and record what it decides."""


def _unwatched(state: ControllerState, settings: ControlSettings) -> None:
    del state, settings


class Live:
    """Between the people at a console and the loop of a treatment. Safe to call from any thread.

    Parameters
    ----------
    speed
        Session seconds for each second of the wall, 0.1 to 200.
    who
        The operator's pseudonym.
    told, watch
        Told of every event that is kept, and of the controller's state.
    clock
        A monotonic clock, s.

    Raises
    ------
    SettingsError
        When the speed is out of its range.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        who: str = "operator",
        told: Told = nobody,
        watch: Watch = _unwatched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.who, self.told, self.watch, self._clock = who, told, watch, clock
        self._speed = _within(speed)
        self._changed = threading.Condition()
        self._from = (clock(), 0.0)
        self._beat_s = float("-inf")
        self._asked: queue.SimpleQueue[OperatorCommand] = queue.SimpleQueue()
        self._treatment: Interrupted | None = None
        self._woken = False

    # --- what a console says ---

    def ask(self, command: OperatorCommand) -> None:
        """Pass a command on: what halts at once, everything else in its turn."""
        if command.verb in AT_ONCE and self._treatment is not None:
            self._treatment.interrupt(command, Source.OPERATOR)
        else:
            self._asked.put(command)
        self._wake()

    def report(self, report: PatientReport) -> None:
        """Pass on what the patient says or does, at once."""
        if self._treatment is not None:
            self._treatment.interrupt(report, Source.PATIENT)
        self._wake()

    def present(self) -> None:
        """Take a sign of presence of the operator."""
        self._beat_s = self._clock()

    def set_speed(self, speed: float) -> None:
        """Go on at another speed.

        Raises
        ------
        SettingsError
            When it is out of range.
        """
        wanted = _within(speed)
        with self._changed:
            self._from = (self._clock(), self.now_s())
            self._speed = wanted
        self._wake()

    # --- what the loop asks ---

    def begin(self, treatment: Interrupted, session_s: float) -> None:
        """Let the clock begin at ``session_s``; from now on ``treatment`` can be interrupted."""
        self._treatment = treatment
        with self._changed:
            self._from = (self._clock(), session_s)

    def over(self) -> None:
        """Say that nothing can be interrupted any more."""
        self._treatment = None

    @property
    def speed(self) -> float:
        """Session seconds for each second of the wall."""
        return self._speed

    @property
    def idle_step_s(self) -> float:
        """Session time in which nothing happens that may pass in one piece, s."""
        return max(2.0, 0.5 * self._speed)

    def now_s(self) -> float:
        """Return what the session's clock shows now, s."""
        wall, session = self._from
        return session + self._speed * (self._clock() - wall)

    def holds(self) -> bool:
        """Return whether the operator gave a sign of presence lately."""
        return self._clock() - self._beat_s <= HEARTBEAT_S

    def command(self) -> OperatorCommand | None:
        """Return the next command that was asked for, or None."""
        try:
            return self._asked.get_nowait()
        except queue.Empty:
            return None

    def wait_until(self, session_s: float) -> None:
        """Return when the session's clock shows ``session_s``, or when somebody said something."""
        with self._changed:
            while not self._woken:
                left = (session_s - self.now_s()) / self._speed
                if left <= 0.0:
                    break
                self._changed.wait(left)
            self._woken = False
            late_s = self.now_s() - session_s
            if late_s > LARGEST_LAG_S * self._speed:
                self._from = (self._clock(), session_s)

    def _wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()


def _within(speed: float) -> float:
    low, high = SPEEDS
    if not low <= speed <= high:
        raise SettingsError(
            f"The speed is {speed:g}; it must lie between {low:g} and {high:g}, 1 for real time."
        )
    return speed


class ConsoleOperator:
    """The person at the console: asks for what was asked for there, and answers by interrupting."""

    def __init__(self, live: Live) -> None:
        self._live, self.who = live, live.who

    def __call__(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> OperatorCommand | None:
        """Return what was asked for next, or None."""
        del state, decisions, time_s
        return self._live.command()

    def hear(self, report: PatientReport, state: ControllerState) -> OperatorCommand | None:
        """Go on: the person sees it and says what is to be done at any moment."""
        del report, state
        return None
