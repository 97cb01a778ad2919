"""The controller: one pure function from (state, time, observation) to (state, decisions)."""

import math
from dataclasses import replace

from insonate.control.commands import obey
from insonate.control.guards import GUARDS, Guard, Refusal, refusals
from insonate.control.look import Look, estimated
from insonate.control.moves import Ending, go, nothing_to_void
from insonate.control.observing import loudest_db, observe
from insonate.control.pid import pid_power
from insonate.control.regulator import goal_reached, lowered_power
from insonate.control.review import Answer, to_cool
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, Exposure
from insonate.control.table import Cause, next_state
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    ClockTick,
    CommandRefused,
    Decision,
    GuardRefused,
    Observation,
    OperatorCommand,
    PatientReport,
    PowerSet,
    TemperatureFrame,
    WaitSet,
)
from insonate.events.presence import MotionReading
from insonate.events.states import EndReason, Priority, State

_SEVERITY = (Cause.FAULT, Cause.PATIENT, Cause.MOVED, Cause.GUARD)
_REASONS = {
    Cause.FAULT: EndReason.FAULT,
    Cause.PATIENT: EndReason.PATIENT,
    Cause.MOVED: EndReason.GUARD,
    Cause.GUARD: EndReason.GUARD,
}
_BY_NAME = {guard.name: guard for guard in GUARDS}
_EDGE_S = 1e-6
"""A duration is over when less than this is left: sums of ticks are not exact in floats."""


def step(
    state: ControllerState, time_s: float, observation: Observation, settings: ControlSettings
) -> Answer:
    """Return the controller's next state and its decisions, in their order.

    Pure: no clock, no I/O, no randomness; the same inputs give the same answer on any machine.

    Parameters
    ----------
    state
        What it remembers.
    time_s
        Time of the observation on the session's monotonic clock, s.
    observation
        What is seen: a frame, a reading, a report, a command, or that time passed.
    settings
        What it was told once.
    """
    if not (math.isfinite(time_s) and time_s >= state.time_s):
        return _clock_lost(state, time_s, observation, settings)
    state = observe(state, time_s, observation, settings)
    state, first = _laws(state, observation, settings)
    state = _latched(state, first)
    if not isinstance(observation, OperatorCommand):
        return state, first
    state, second = obey(state, observation, settings)
    return state, (*first, *second)


def _clock_lost(
    state: ControllerState, time_s: float, observation: Observation, settings: ControlSettings
) -> Answer:
    """Refuse what a clock that went backwards brings; under power it is a fault."""
    why = f"The clock shows {time_s} s after {state.time_s} s; it may not go backwards."
    on = state.state is State.SONICATING
    refused = GuardRefused(
        guard="clock",
        why=why,
        clears="a clock that goes forwards",
        priority=Priority.HIGH,
        latching=on,
    )
    if on:
        state, decisions = go(state, Cause.FAULT, settings, Ending(EndReason.FAULT, "clock"))
        return _latched(state, (refused,)), (refused, *decisions)
    if isinstance(observation, OperatorCommand):
        return state, (refused, CommandRefused(verb=observation.verb, why=why))
    return state, (refused,)


def _latched(state: ControllerState, told: tuple[Decision, ...]) -> ControllerState:
    """Return the state that remembers the latching alarms among what was told."""
    raised = (d.guard for d in told if isinstance(d, GuardRefused) and d.latching)
    alarms = tuple(dict.fromkeys((*state.alarms, *raised)))
    return state if alarms == state.alarms else replace(state, alarms=alarms)


def _laws(
    state: ControllerState, observation: Observation, settings: ControlSettings
) -> Answer:
    """Return what follows from the observation before any command is looked at."""
    if state.state is State.SONICATING and state.exposure is not None:
        return _under_power(state, state.exposure, observation, settings)
    state, alarms = _alarms(state, observation, settings)
    if state.state is State.COOLING:
        state, more = _cooling(state, settings)
        return state, (*alarms, *more)
    if state.state is State.ARMED and isinstance(observation, ClockTick):
        return _armed(state, settings)
    return state, alarms


# --- while power is on -------------------------------------------------------------------------


def _under_power(
    state: ControllerState,
    exposure: Exposure,
    observation: Observation,
    settings: ControlSettings,
) -> Answer:
    """Stop, end, lower or go on: guards first, then the duration, the goal, the power."""
    no = refusals(state, settings)
    if no:
        told = tuple(refusal.told(stops=True) for refusal in no)
        worst = min(no, key=lambda r: _SEVERITY.index(r.guard.cause))
        ending = Ending(_REASONS[worst.guard.cause], worst.guard.name)
        if any(refusal.guard.name == "cavitation" for refusal in no):
            quietest = min(state.loud_w or math.inf, exposure.power_w)
            state = replace(state, loud_w=quietest)
        state, decisions = go(state, worst.guard.cause, settings, ending)
        return state, (*told, *decisions)
    if state.time_s >= exposure.off_at_s - _EDGE_S:
        return go(state, Cause.ENDED, settings, Ending(EndReason.COMPLETED))
    if goal_reached(exposure, settings, estimated(state)):
        return go(state, Cause.ENDED, settings, Ending(EndReason.GOAL))
    return _lowered(state, exposure, observation, settings)


def _lowered(
    state: ControllerState,
    exposure: Exposure,
    observation: Observation,
    settings: ControlSettings,
) -> Answer:
    """Lower the power where the projected peak or the cavitation asks for it; never raise it.

    A frame speaks once: its projection is of the power that was on when it was taken.
    """
    power_w = exposure.power_w
    if isinstance(observation, TemperatureFrame):
        lowers = pid_power if settings.regulator == "pid" else lowered_power
        power_w = lowers(exposure, settings)
    if isinstance(observation, CavitationReading) and _loud(observation, settings):
        power_w *= settings.cavitation_factor
    if power_w >= exposure.power_w:
        return state, ()
    exposure = replace(exposure, power_w=power_w, power_set_s=state.time_s)
    decision = PowerSet(
        sonication=exposure.sonication, power_w=power_w, off_at_s=exposure.off_at_s
    )
    return replace(state, exposure=exposure), (decision,)


def _loud(reading: CavitationReading, settings: ControlSettings) -> bool:
    """Return whether the detector asks to reduce the power."""
    return loudest_db(reading) > settings.limits.cavitation_reduce.value


# --- while power is off ------------------------------------------------------------------------


def _alarms(
    state: ControllerState, observation: Observation, settings: ControlSettings
) -> Answer:
    """Return what a patient's stop, an array on unasked or a moved head bring about."""
    guard = _always(observation)
    if guard is None or guard.name in settings.guards_off:
        return state, ()
    if next_state(state.state, guard.cause) is None:
        return state, ()
    why = guard.says_no(Look(state, settings))
    if not why or (guard.cause is Cause.MOVED and nothing_to_void(state)):
        return state, ()
    off = PowerSet(sonication=state.sonication, power_w=0.0)
    moved, decisions = go(state, guard.cause, settings)
    moved = replace(moved, resume_approved=False)
    return moved, (Refusal(guard, why).told(stops=True), off, *decisions)


def _always(observation: Observation) -> Guard | None:
    """Return the guard whose word counts while power is off, too, for what it listens to."""
    match observation:
        case PatientReport(stop_pressed=True):
            return _BY_NAME["patient"]
        case ArrayReading():
            return _BY_NAME["drive"]
        case MotionReading():
            return _BY_NAME["motion"]
    return None


def _armed(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return what each guard says that says no since this tick: a start would be refused."""
    no = refusals(state, settings)
    told = tuple(r.told(stops=False) for r in no if r.guard.name not in state.said_no)
    return replace(state, said_no=tuple(r.guard.name for r in no)), told


def _cooling(state: ControllerState, settings: ControlSettings) -> Answer:
    """Go to the review once the wait is over and the model agrees; wait longer where it does not."""
    if state.time_s < state.wait_until_s:
        return state, ()
    heard_s = state.seen.model_s
    if heard_s is None or heard_s <= state.off_s:
        return state, ()  # the model has not spoken since power went off
    why, wait_s = to_cool(state, settings)
    if not why:
        return go(state, Cause.COOLED, settings)
    until = state.time_s + wait_s
    return replace(state, wait_until_s=until), (WaitSet(until_s=until, because=why),)
