"""What the controller answers: everything that it brings about."""

from typing import Literal

from insonate.events.base import Document, Point, StageName, optional, unit
from insonate.events.states import EndReason, Priority, State, Verb


class StateChanged(Document):
    """The controller went from one state to another."""

    kind: Literal["state_changed"] = "state_changed"
    before: State
    after: State
    trigger: str


class SonicationProposed(Document):
    """The next sonication, with what it is expected to do."""

    kind: Literal["sonication_proposed"] = "sonication_proposed"
    sonication: int
    stage: StageName
    power_w: float = unit("W")
    duration_s: float = unit("s")
    predicted_peak_degc: float = unit("degC")
    predicted_low_degc: float = unit("degC")
    predicted_high_degc: float = unit("degC")
    k_per_kj: float = unit("K/kJ")
    limited_by: str = ""
    """The limit that made it smaller than the goal asks for; empty where none did."""


class PowerSet(Document):
    """The drive is set; 0 is off."""

    kind: Literal["power_set"] = "power_set"
    sonication: int
    power_w: float = unit("W")
    off_at_s: float | None = optional("s")
    """The drive goes off by itself at this time, whatever becomes of the controller; with power 0
    there is none."""


class SonicationEnded(Document):
    """Power went off."""

    kind: Literal["sonication_ended"] = "sonication_ended"
    sonication: int
    stage: StageName
    power_w: float = unit("W")
    duration_s: float = unit("s")
    energy_j: float = unit("J")
    end_reason: EndReason
    guard: str = ""


class SonicationReviewed(Document):
    """What the sonication did, by what was seen."""

    kind: Literal["sonication_reviewed"] = "sonication_reviewed"
    sonication: int
    stage: StageName
    peak_degc: float = unit("degC")
    rise_k: float = unit("K")
    k_per_kj: float | None = optional("K/kJ")
    dose_cem43: float = unit("CEM43")
    """Along straight lines from frame to frame."""
    dose_low_cem43: float | None = optional("CEM43")
    dose_high_cem43: float | None = optional("CEM43")
    """The 90 % interval of the last ``FocusEstimate``; None where there was none."""
    focus_offset_m: Point | None = optional("m")
    stage_done: bool
    sentence: str


class Resteered(Document):
    """The focus was moved electronically by ``shift_m`` (CT frame)."""

    kind: Literal["resteered"] = "resteered"
    shift_m: Point = unit("m")
    total_m: Point = unit("m")


class GuardRefused(Document):
    """A guard says no: which, why, and what clears it."""

    kind: Literal["guard_refused"] = "guard_refused"
    guard: str
    why: str
    clears: str
    priority: Priority = Priority.MEDIUM
    """Of the alarm, in the words of IEC 60601-1-8; no claim of conformity."""
    latching: bool = False
    """Whether it stays until the operator has acknowledged it, though its cause is gone."""


class CommandRefused(Document):
    """A command did not fit the state; the state is unchanged."""

    kind: Literal["command_refused"] = "command_refused"
    verb: Verb
    why: str


class AlarmAcknowledged(Document):
    """The operator has heard a latching alarm: it stands no longer than its cause."""

    kind: Literal["alarm_acknowledged"] = "alarm_acknowledged"
    guard: str
    """Whose alarm it was."""
    standing: bool
    """Whether its cause is still there: then its guard goes on saying no."""


class WaitSet(Document):
    """No power before this time: everything must cool first."""

    kind: Literal["wait_set"] = "wait_set"
    until_s: float = unit("s")
    because: str


Decision = (
    StateChanged
    | SonicationProposed
    | PowerSet
    | SonicationEnded
    | SonicationReviewed
    | Resteered
    | GuardRefused
    | AlarmAcknowledged
    | CommandRefused
    | WaitSet
)
