"""The state machine of a treatment: one table, illegal by default.

Read a row as: in this state, on this trigger, go there. What has no entry is refused and the
state is unchanged. Power is on in SONICATING alone, and the only way in is from ARMED.
FINISHED absorbs; FAULTED leads back to PLANNED only, where everything is positioned, imaged
and confirmed again. After a pause or a stop new reference images are due (POSITIONED); after a
stop, or once the head moved, the focus must be confirmed and verified again, too.
"""

from enum import StrEnum

from insonate.events.states import State, Verb


class Cause(StrEnum):
    """What the controller itself brings about."""

    ENDED = "sonication ended"
    """The planned duration or the goal was reached."""
    GUARD = "guard said no"
    PATIENT = "patient stop"
    MOVED = "head moved"
    """The geometry changed under the plan: everything confirmed is void."""
    FAULT = "fault"
    COOLED = "cooled"
    """Model and clock agree that the next sonication may follow."""
    HELD = "confirmed while held"
    """The review was confirmed, and the operator had asked to wait after it."""


Trigger = Verb | Cause

_S, _V, _C = State, Verb, Cause
_OVER: dict[Trigger, State] = {_V.FINISH: _S.FINISHED, _V.ABORT: _S.FINISHED}
_HALT: dict[Trigger, State] = {
    _V.PAUSE: _S.PAUSED,
    _V.STOP: _S.STOPPED,
    _V.ABORT: _S.FINISHED,
    _C.PATIENT: _S.STOPPED,
    _C.FAULT: _S.FAULTED,
}

TABLE: dict[State, dict[Trigger, State]] = {
    _S.PLANNED: {_V.POSITION: _S.POSITIONED, _C.FAULT: _S.FAULTED, **_OVER},
    _S.POSITIONED: {
        _V.BASELINE: _S.BASELINE, _V.POSITION: _S.POSITIONED, _V.ACKNOWLEDGE: _S.POSITIONED,
        _C.MOVED: _S.POSITIONED, **_HALT, **_OVER,
    },
    _S.BASELINE: {
        _V.APPROVE: _S.ARMED, _V.BASELINE: _S.BASELINE, _V.POSITION: _S.POSITIONED,
        _V.ACKNOWLEDGE: _S.BASELINE, _C.MOVED: _S.PAUSED, **_HALT, **_OVER,
    },
    _S.ARMED: {
        _V.SONICATE: _S.SONICATING, _V.APPROVE: _S.ARMED, _V.BASELINE: _S.BASELINE,
        _V.POSITION: _S.POSITIONED, _V.ACKNOWLEDGE: _S.ARMED, _C.MOVED: _S.PAUSED,
        **_HALT, **_OVER,
    },
    _S.SONICATING: {
        _C.ENDED: _S.COOLING, _C.GUARD: _S.COOLING, _V.HOLD: _S.SONICATING,
        _C.MOVED: _S.PAUSED, **_HALT,
    },
    _S.COOLING: {
        _C.COOLED: _S.REVIEW, _V.HOLD: _S.COOLING, _C.MOVED: _S.PAUSED, **_HALT, **_OVER,
    },
    _S.REVIEW: {
        _V.CONFIRM: _S.BASELINE, _C.HELD: _S.PAUSED, _V.HOLD: _S.REVIEW,
        _V.POSITION: _S.POSITIONED, _C.MOVED: _S.PAUSED, **_HALT, **_OVER,
    },
    _S.PAUSED: {
        _V.RESUME: _S.POSITIONED, _V.CONFIRM: _S.PAUSED, _V.ACKNOWLEDGE: _S.PAUSED,
        _C.MOVED: _S.PAUSED, **_HALT, **_OVER,
    },
    _S.STOPPED: {
        _V.APPROVE: _S.STOPPED, _V.RESUME: _S.POSITIONED, _V.STOP: _S.STOPPED,
        _V.ACKNOWLEDGE: _S.STOPPED, _C.PATIENT: _S.STOPPED, _C.FAULT: _S.FAULTED, **_OVER,
    },
    _S.FAULTED: {
        _V.RESUME: _S.PLANNED, _V.STOP: _S.FAULTED, _V.ACKNOWLEDGE: _S.FAULTED, **_OVER,
    },
    _S.FINISHED: {},
}  # fmt: skip
"""(state, trigger) → next state; what is not here is refused."""

TRIGGERS: tuple[Trigger, ...] = (*Verb, *Cause)
"""Every trigger: what an operator may ask for, and what the controller brings about."""


def next_state(state: State, trigger: Trigger) -> State | None:
    """Return the state after ``trigger``, or None where the table has no such entry."""
    return TABLE[state].get(trigger)


def legal_verbs(state: State) -> tuple[Verb, ...]:
    """Return what an operator may ask for in ``state``, in the order of ``Verb``."""
    return tuple(verb for verb in Verb if verb in TABLE[state])
