"""The words that controller, record, report and console share."""

from enum import StrEnum


class State(StrEnum):
    """The states of a treatment; FINISHED, and FAULTED until cleared, absorb."""

    PLANNED = "planned"
    POSITIONED = "positioned"
    BASELINE = "baseline"
    ARMED = "armed"
    SONICATING = "sonicating"
    COOLING = "cooling"
    REVIEW = "review"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAULTED = "faulted"
    FINISHED = "finished"


class Verb(StrEnum):
    """What an operator may ask for."""

    POSITION = "position"
    """The head is in the frame, the array on its target: planned → positioned."""
    BASELINE = "take baseline"
    """Reference images were taken: positioned → baseline."""
    APPROVE = "approve"
    """Approve the proposed sonication: → armed."""
    SONICATE = "sonicate"
    """Power on, if every guard says yes: armed → sonicating."""
    CONFIRM = "confirm"
    """The reviewed focus is accepted (with its re-steering): review → baseline."""
    PAUSE = "pause"
    """Power off now, keep everything; resume needs a reason."""
    HOLD = "hold"
    """Let this sonication end, then wait."""
    STOP = "stop"
    """Power off now; resume needs a reason and an approval."""
    ABORT = "abort"
    """Power off now, and the treatment is over."""
    FINISH = "finish"
    """The treatment is over, in order."""
    RESUME = "resume"
    """Go on after a pause or a stop, with a reason."""
    ACKNOWLEDGE = "acknowledge"
    """Every latching alarm was heard; nothing else changes."""


class Priority(StrEnum):
    """How urgent an alarm is, in the words of IEC 60601-1-8; no claim of conformity."""

    HIGH = "high"
    """Answer at once."""
    MEDIUM = "medium"
    """Answer promptly."""
    LOW = "low"
    """Be aware."""


class EndReason(StrEnum):
    """Why a sonication ended."""

    COMPLETED = "planned duration reached"
    GOAL = "temperature or dose goal reached"
    GUARD = "a guard said no"
    OPERATOR = "the operator stopped it"
    PATIENT = "the patient stopped it"
    FAULT = "a fault"
