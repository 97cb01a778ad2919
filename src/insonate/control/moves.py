"""Going from one state to another, with all that this brings about.

Every move passes through ``go``: whatever leaves SONICATING switches the power off, in one place.
"""

from dataclasses import dataclass, replace

from insonate.control.regulator import propose
from insonate.control.review import Answer, review, thrown_back, wait
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, Exposure
from insonate.control.table import Cause, Trigger, next_state
from insonate.core import RefusedError
from insonate.events.documents import Decision, PowerSet, SonicationEnded, StateChanged
from insonate.events.states import EndReason, State


@dataclass(frozen=True)
class Ending:
    """Why power goes off, and the guard that said no, if one did."""

    reason: EndReason
    guard: str = ""


BY_OPERATOR = Ending(EndReason.OPERATOR)


def go(
    state: ControllerState,
    trigger: Trigger,
    settings: ControlSettings,
    ending: Ending = BY_OPERATOR,
) -> Answer:
    """Return the state after ``trigger``, and every decision on the way.

    Raises
    ------
    RefusedError
        Where the table has no such entry.
    """
    after = next_state(state.state, trigger)
    if after is None:
        raise RefusedError(
            f"The controller may not take '{trigger}' in the state {state.state}."
        )
    before = state.state
    off: tuple[Decision, ...] = ()
    if before is State.SONICATING and after is not State.SONICATING:
        state, off = _switched_off(state, ending, settings)
    changed = StateChanged(before=before, after=after, trigger=str(trigger))
    state, more = _entered(replace(state, state=after), before, settings)
    if trigger is Cause.MOVED:
        state, steered = thrown_back(state, settings)
        more = (*more, *steered)
    return state, (*off, changed, *more)


def _switched_off(state: ControllerState, ending: Ending, settings: ControlSettings) -> Answer:
    """Return the state with power off: the decisions say so, what was delivered, how long to wait."""
    exposure = state.exposure
    off = PowerSet(sonication=state.sonication, power_w=0.0)
    if exposure is None:  # cannot be; power is off all the same
        return state, (off,)
    exposure = replace(
        exposure,
        power_w=0.0,
        ended_s=exposure.accounted_s,
        end_reason=ending.reason,
        guard=ending.guard,
    )
    state = replace(state, exposure=exposure, approved=None, off_s=state.time_s)
    state, waiting = wait(state, settings)
    return state, (off, _ended(exposure, ending), *waiting)


def _ended(exposure: Exposure, ending: Ending) -> SonicationEnded:
    """Return what was delivered; the power is the mean one where it was lowered."""
    duration = exposure.accounted_s - exposure.started_s
    mean_w = exposure.energy_j / duration if duration > 0.0 else exposure.asked_w
    return SonicationEnded(
        sonication=exposure.sonication,
        stage=exposure.stage.value,
        power_w=mean_w,
        duration_s=duration,
        energy_j=exposure.energy_j,
        end_reason=ending.reason,
        guard=ending.guard,
    )


def _entered(state: ControllerState, before: State, settings: ControlSettings) -> Answer:
    """Return the state with what belongs to being in it, and the decisions that say so."""
    now = state.state
    if now is not before:
        state = replace(state, entered_s=state.time_s, stopped=_stopped(state), said_no=())
    if now in {State.REVIEW, State.PAUSED, State.STOPPED, State.FAULTED, State.FINISHED}:
        return review(replace(state, approved=None), settings)
    if now is State.PLANNED or (now is State.POSITIONED and before is not State.PAUSED):
        return _placed_anew(state, settings)
    if now is State.POSITIONED:
        return replace(state, hold=False, proposed=None, approved=None, review=None), ()
    if now is State.BASELINE:
        # What was said of the head's motion was about other reference images.
        seen = replace(state.seen, motion=None, motion_s=None)
        return _proposed(replace(state, seen=seen), settings)
    return state, ()


def _stopped(state: ControllerState) -> bool:
    """Return whether the treatment is stopped, or was stopped when it was finished."""
    return state.state is State.STOPPED or (state.state is State.FINISHED and state.stopped)


def nothing_to_void(state: ControllerState) -> bool:
    """Return whether a moved head changes nothing more: no references hold, nothing is confirmed."""
    waiting = state.state in {State.POSITIONED, State.PAUSED}
    return waiting and not (state.confirmed or state.review or any(state.resteer_m))


def _placed_anew(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return the state after the geometry changed; in PLANNED nobody is positioned any more."""
    state, steered = thrown_back(state, settings)
    state = replace(state, hold=False, proposed=None, approved=None, resume_approved=False)
    if state.state is State.POSITIONED and state.positioned_s is None:
        state = replace(state, positioned_s=state.time_s)
    return state, steered


def _proposed(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return the state with the next sonication proposed, or with the sentence why there is none."""
    proposal, why = propose(state, settings)
    state = replace(state, proposed=proposal, approved=None, unreachable=why)
    decisions: tuple[Decision, ...] = () if proposal is None else (proposal,)
    return state, decisions
