"""What can go wrong in a treatment, as data: what, when, how much.

Each incident says when it happens: after so many seconds of power in a sonication counted from 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

from insonate.events.documents import Point
from insonate.events.presence import Finding, Sedation
from insonate.events.states import State, Verb
from insonate.thermometry.port import Scan

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""No field that is not known, no number that is none."""

Severity = Literal["none", "mild", "moderate", "severe"]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0.0)]

ELEMENTS = 1024
"""Of the arrays of clinical series; what part of the power dead elements take away."""


@validated(frozen=True, config=STRICT)
class Behaviour:
    """What the patient does in one sonication.

    Parameters
    ----------
    sonication, after_s
        When.
    symptom
        In the patient's words; empty for none.
    severity
        "none", "mild", "moderate" or "severe".
    presses_stop
        Whether the stop button is pressed.
    finding, where
        What the symptom is in a neurologist's words, and where it is felt.
    sedation
        How deep.
    """

    sonication: Count
    after_s: Seconds
    symptom: str = ""
    severity: Severity = "mild"
    presses_stop: bool = False
    finding: Finding | None = None
    where: str = ""
    sedation: Sedation = Sedation.NONE


@validated(frozen=True, config=STRICT)
class PumpStops:
    """The water stands still from now on."""

    what: Literal["pump stops"]
    sonication: Count
    after_s: Seconds


@validated(frozen=True, config=STRICT)
class ElementsDie:
    """So many elements give no more sound."""

    what: Literal["elements die"]
    sonication: Count
    after_s: Seconds
    count: Annotated[int, Field(ge=1, le=ELEMENTS)]


@validated(frozen=True, config=STRICT)
class HeadMoves:
    """The head slips in its frame by a vector (CT frame, m)."""

    what: Literal["head moves"]
    sonication: Count
    after_s: Seconds
    by_m: Point


@validated(frozen=True, config=STRICT)
class FramesFail:
    """Thermometry frames are lost, late by one frame, repeated, or corrupt."""

    what: Literal["frames fail"]
    sonication: Count
    after_s: Seconds
    how: Literal["lost", "late", "repeated", "corrupt"]
    count: Count = 1


@validated(frozen=True, config=STRICT)
class OperatorLeaves:
    """The operator lets go of the handle, for the rest of this sonication."""

    what: Literal["operator leaves"]
    sonication: Count
    after_s: Seconds


Incident = Annotated[
    PumpStops | ElementsDie | HeadMoves | FramesFail | OperatorLeaves,
    Field(discriminator="what"),
]


@validated(frozen=True, config=STRICT)
class Mistake:
    """What the operator asks for, once, where it does not fit or is too much."""

    state: State
    verb: Verb
    power_w: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Room:
    """What incidents have done so far: frozen, a new one after each.

    Parameters
    ----------
    flows
        Whether the pump runs.
    faulty
        Dead elements.
    moved_m, reference_m
        Where the head lies, and lay for the last reference images, relative to the plan (m).
    failing
        How the next frames fail, in order.
    left_in
        Number of the sonication in which the operator let go of the handle; 0: none.
    shown, waiting
        The last image that arrived, and one that is late.
    """

    flows: bool = True
    faulty: int = 0
    moved_m: Point = (0.0, 0.0, 0.0)
    reference_m: Point = (0.0, 0.0, 0.0)
    failing: tuple[str, ...] = ()
    left_in: int = 0
    shown: Scan | None = None
    waiting: Scan | None = None

    @property
    def displacement_m(self) -> float:
        """How far the head lies from where the references saw it, m."""
        pairs = zip(self.moved_m, self.reference_m, strict=True)
        return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


def befall(room: Room, incident: Incident) -> Room:
    """Return the room after an incident."""
    match incident:
        case PumpStops():
            return replace(room, flows=False)
        case ElementsDie():
            return replace(room, faulty=room.faulty + incident.count)
        case HeadMoves():
            x, y, z = (a + b for a, b in zip(room.moved_m, incident.by_m, strict=True))
            return replace(room, moved_m=(x, y, z))
        case FramesFail():
            return replace(room, failing=(incident.how,) * incident.count)
        case OperatorLeaves():
            return replace(room, left_in=incident.sonication)


def arrive(room: Room, image: Scan, spoil: Callable[[Scan], Scan]) -> tuple[Room, Scan | None]:
    """Return what of a finished image arrives, and the room after it; ``spoil`` makes it corrupt."""
    how, rest = (room.failing[0], room.failing[1:]) if room.failing else ("", ())
    arrived: Scan | None = image
    match how:
        case "lost":
            arrived = None
        case "repeated":
            arrived = room.shown
        case "late":
            arrived = room.waiting
        case "corrupt":
            arrived = spoil(image)
    waiting = image if how == "late" else None
    shown = room.shown if arrived is None else arrived
    return replace(room, failing=rest, shown=shown, waiting=waiting), arrived
