"""Which frame may come after which, and what is said of the others."""

from dataclasses import dataclass
from enum import StrEnum


class NoteKind(StrEnum):
    """What there is to say of a stream of images."""

    JOINED = "joined"
    STALE = "stale"
    """Nothing has come for one and a half frame times: what is known is old."""
    RESUMED = "resumed"
    RESTARTED = "restarted"
    """Another measurement has begun: its first images are new references."""
    REPEATED = "repeated"
    REORDERED = "reordered"
    GAP = "gap"
    REFUSED = "refused"
    """A frame cannot be used; the series stays as it was."""
    BROKEN = "broken"
    """What came is no MRD; the client is let go."""
    LEFT = "left"


@dataclass(frozen=True)
class Note:
    """One sentence about a stream, for the operator and the controller."""

    kind: NoteKind
    sentence: str


@dataclass(frozen=True)
class Stamp:
    """Where a frame stands in its stream: measurement, number, slice."""

    measurement: int
    repetition: int
    slice: int


def judge(last: Stamp | None, now: Stamp) -> tuple[bool, Note | None]:
    """Say whether a frame is taken after ``last`` of its slice, and what there is to say.

    Returns
    -------
    bool, Note or None
        False for a repeated or late frame; a restart and a gap are taken, and noted.
    """
    if last is None:
        return True, None
    if now.measurement != last.measurement:
        return True, Note(
            NoteKind.RESTARTED,
            f"Measurement {now.measurement} follows {last.measurement}; new references are taken.",
        )
    if now.repetition <= last.repetition:
        return False, _old(last, now)
    missing = now.repetition - last.repetition - 1
    if not missing:
        return True, None
    return True, Note(
        NoteKind.GAP, f"{missing} frames are missing before frame {now.repetition}."
    )


def _old(last: Stamp, now: Stamp) -> Note:
    if now.repetition == last.repetition:
        return Note(
            NoteKind.REPEATED, f"Frame {now.repetition} came twice; the second is dropped."
        )
    return Note(
        NoteKind.REORDERED,
        f"Frame {now.repetition} came after frame {last.repetition}; it is dropped.",
    )
