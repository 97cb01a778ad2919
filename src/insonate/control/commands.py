"""What an operator asks for: done, or refused with a sentence and the state unchanged."""

from collections.abc import Callable
from dataclasses import replace

from insonate.control.guards import refusals
from insonate.control.moves import go
from insonate.control.regulator import expect, power_cap
from insonate.control.review import Answer, accept, too_far
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, Exposure
from insonate.control.table import Cause, legal_verbs, next_state
from insonate.events.documents import (
    AlarmAcknowledged,
    CommandRefused,
    OperatorCommand,
    PowerSet,
    SonicationProposed,
)
from insonate.events.states import State, Verb
from insonate.plan import Sonication, Stage

Handler = Callable[[ControllerState, OperatorCommand, ControlSettings], Answer]


def obey(state: ControllerState, command: OperatorCommand, settings: ControlSettings) -> Answer:
    """Return what ``command`` brings about; what does not fit the state is refused."""
    if next_state(state.state, command.verb) is None:
        allowed = ", ".join(legal_verbs(state.state)) or "nothing; the treatment is over"
        why = (
            f"The state is {state.state}; '{command.verb}' does not fit it. Allowed: {allowed}."
        )
        return refuse(state, command, why)
    return _HANDLERS.get(command.verb, _move)(state, command, settings)


def refuse(state: ControllerState, command: OperatorCommand, why: str) -> Answer:
    """Return the state unchanged and the refusal."""
    return state, (CommandRefused(verb=command.verb, why=why),)


def _move(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Do what the table says, nothing else."""
    return go(state, command.verb, settings)


def _halt(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Power off, again where it is off already, and move."""
    moved, decisions = go(state, command.verb, settings)
    aborted = state.aborted or command.verb is Verb.ABORT
    moved = replace(moved, aborted=aborted, resume_approved=False)
    if state.state is State.SONICATING:
        return moved, decisions
    return moved, (PowerSet(sonication=state.sonication, power_w=0.0), *decisions)


def _hold(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Remember to wait after this sonication."""
    return go(replace(state, hold=True), command.verb, settings)


def _approve(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Approve the proposal, or the operator's own numbers; after a stop approve to go on."""
    if state.state is State.STOPPED:
        return go(replace(state, resume_approved=True), command.verb, settings)
    if state.proposed is None:
        why = state.unreachable or "No sonication is proposed."
        return refuse(state, command, f"There is nothing to approve. {why}")
    approved, fault = _asked(state, state.proposed, command, settings)
    if fault:
        return refuse(state, command, fault)
    state = replace(state, approved=approved)
    return go(state, command.verb, settings)


def _asked(
    state: ControllerState,
    proposed: SonicationProposed,
    command: OperatorCommand,
    settings: ControlSettings,
) -> tuple[SonicationProposed, str]:
    """Return what is to be approved, and why it may not be, or nothing."""
    if command.power_w is None and command.duration_s is None:
        return proposed, ""
    power = proposed.power_w if command.power_w is None else command.power_w
    duration = proposed.duration_s if command.duration_s is None else command.duration_s
    if not (power > 0.0 and 0.0 < duration <= settings.maximum_duration_s):
        return proposed, (
            f"{power:g} W for {duration:g} s was asked for; the power must be above 0 W and the "
            f"duration above 0 s and at most {settings.maximum_duration_s:g} s."
        )
    asked = expect(state, Sonication(Stage(proposed.stage), power, duration), settings)
    return asked, _beyond(state, asked, settings)


def _beyond(
    state: ControllerState, asked: SonicationProposed, settings: ControlSettings
) -> str:
    """Return which cap the operator's own numbers would pass, or nothing."""
    name, cap = power_cap(state, settings)
    if name == "cavitation" and asked.power_w > cap:
        return (
            f"{asked.power_w:g} W was asked for; after cavitation at {state.loud_w:g} W no more "
            f"than {cap:g} W is allowed."
        )
    limits, top = settings.limits, settings.goals[Stage(asked.stage)][1]
    energy_j = asked.power_w * asked.duration_s
    if asked.power_w > limits.power.value or energy_j > limits.energy.value:
        return (
            f"{asked.power_w:g} W for {asked.duration_s:g} s ({energy_j / 1e3:g} kJ) was asked for; "
            f"at most {limits.power.value:g} W and {limits.energy.value / 1e3:g} kJ are allowed."
        )
    if asked.predicted_peak_degc > top:
        return (
            f"{asked.power_w:g} W for {asked.duration_s:g} s is expected to reach "
            f"{asked.predicted_peak_degc:.1f} °C; the stage {asked.stage} allows {top:g} °C."
        )
    return ""


def _sonicate(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Power on, if every guard says yes; otherwise one refusal for each that says no."""
    approved = state.approved
    no = refusals(state, settings)
    if no or approved is None:
        return state, tuple(refusal.told(stops=False) for refusal in no)
    number, now = state.sonication + 1, state.time_s
    exposure = Exposure(
        sonication=number,
        stage=Stage(approved.stage),
        asked_w=approved.power_w,
        power_w=approved.power_w,
        duration_s=approved.duration_s,
        started_s=now,
        accounted_s=now,
        power_set_s=now,
    )
    state = replace(
        state,
        sonication=number,
        stage_count=state.stage_count + 1,
        exposure=exposure,
        proposed=None,
        review=None,
    )
    state, decisions = go(state, command.verb, settings)
    on = PowerSet(sonication=number, power_w=exposure.power_w, off_at_s=exposure.off_at_s)
    return state, (*decisions, on)


def _confirm(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Accept the reviewed focus, re-steered if need be; then on, or wait where held."""
    if state.review is None:
        return refuse(state, command, "There is no review to confirm.")
    fault = too_far(state, settings)
    if fault:
        return refuse(state, command, fault)
    state, steered = accept(state, settings)
    held = state.hold and state.state is State.REVIEW
    moved, decisions = go(state, Cause.HELD if held else command.verb, settings)
    return moved, (*steered, *decisions)


def _resume(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """Go on after a pause, a stop or a fault: with a reason, and what else each needs."""
    if not command.why.strip():
        return refuse(state, command, "Resuming needs a reason.")
    if state.alarms:
        why = f"The alarm of {', '.join(state.alarms)} was not acknowledged; acknowledge it first."
        return refuse(state, command, why)
    if state.state is State.STOPPED and not state.resume_approved:
        return refuse(state, command, "Resuming after a stop needs an approval first.")
    standing = [r for r in refusals(state, settings) if r.guard.cause is Cause.FAULT]
    if state.state is State.FAULTED and standing:
        return refuse(state, command, f"The fault stands: {' '.join(r.why for r in standing)}")
    state = replace(state, resume_approved=False, hold=False)
    return go(state, command.verb, settings)


def _acknowledge(
    state: ControllerState, command: OperatorCommand, settings: ControlSettings
) -> Answer:
    """End every latching alarm; where its cause is still there, its guard goes on saying no."""
    if not state.alarms:
        return refuse(state, command, "There is no alarm to acknowledge.")
    standing = {refusal.guard.name for refusal in refusals(state, settings)}
    heard = tuple(AlarmAcknowledged(guard=n, standing=n in standing) for n in state.alarms)
    return replace(state, alarms=()), heard


_HANDLERS: dict[Verb, Handler] = {
    Verb.APPROVE: _approve,
    Verb.SONICATE: _sonicate,
    Verb.CONFIRM: _confirm,
    Verb.RESUME: _resume,
    Verb.HOLD: _hold,
    Verb.PAUSE: _halt,
    Verb.STOP: _halt,
    Verb.ABORT: _halt,
    Verb.ACKNOWLEDGE: _acknowledge,
}
