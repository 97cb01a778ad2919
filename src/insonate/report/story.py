"""Read a record once, and hold what the figures and tables need: the story of a treatment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from insonate.core.errors import RecordError
from insonate.events import ArrayRef, Event
from insonate.events import documents as doc

PayloadType = TypeVar("PayloadType")


class RecordLike(Protocol):
    """What a report needs of a record, and nothing else."""

    @property
    def events(self) -> Sequence[Event]:
        """All events in their order."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the record was closed."""
        ...

    @property
    def missing(self) -> Sequence[str]:
        """One sentence for each thing that is not there."""
        ...

    def array(self, ref: ArrayRef) -> NDArray[Any]:
        """Return the array that ``ref`` points to; ``RecordError`` when it is missing."""
        ...


@dataclass(frozen=True, eq=False)
class Exposure:
    """Everything that one sonication left in the record; None where nothing was written."""

    number: int
    stage: str
    proposed: doc.SonicationProposed | None
    ended: doc.SonicationEnded | None
    reviewed: doc.SonicationReviewed | None
    truth: doc.TruthObserved | None
    start_s: float | None
    """Session time at which power went on, s."""
    frames: tuple[Event, ...]

    @property
    def hottest(self) -> Event | None:
        """The frame whose credible peak is highest."""
        return max(self.frames, key=lambda e: frame_of(e).peak_degc, default=None)

    @property
    def peak_degc(self) -> float | None:
        """Highest measured peak, °C: the review's, else the hottest frame's."""
        if self.reviewed:
            return self.reviewed.peak_degc
        return frame_of(self.hottest).peak_degc if self.hottest else None

    @property
    def sigma_k(self) -> float | None:
        """Standard deviation of the hottest frame's peak, K."""
        return frame_of(self.hottest).sigma_k if self.hottest else None

    @property
    def power_w(self) -> float | None:
        """Acoustic power, W: as it was driven, else as it was proposed."""
        best = self.ended or self.proposed
        return best.power_w if best else None


def frame_of(event: Event) -> doc.TemperatureFrame:
    """Return the thermometry frame of an event.

    Raises
    ------
    RecordError
        When the event holds something else.
    """
    if not isinstance(event.payload, doc.TemperatureFrame):
        raise RecordError(
            f"Event {event.sequence} is a '{event.payload.kind}', not a thermometry frame."
        )
    return event.payload


class Story:
    """A record, read once; arrays are fetched when asked for.

    Parameters
    ----------
    record
        Events and arrays, from any source.
    """

    def __init__(self, record: RecordLike) -> None:
        self.events: tuple[Event, ...] = tuple(record.events)
        self.complete = bool(record.complete)
        self.missing = tuple(record.missing)
        self._record = record
        self._lost: set[str] = set()
        self.opened = self.last(doc.SessionOpened)
        self.head = self.last(doc.HeadDescribed)
        self.plan = self.last(doc.PlanDescribed)
        self.closed = self.last(doc.SessionClosed)
        self.event_of_head = self._event_of(doc.HeadDescribed)
        self.event_of_plan = self._event_of(doc.PlanDescribed)
        self.exposures = tuple(self._exposure(n) for n in self._numbers())

    def having(self, kind: type[PayloadType]) -> Iterator[tuple[Event, PayloadType]]:
        """Yield each event of one kind of payload, with that payload."""
        for event in self.events:
            if isinstance(event.payload, kind):
                yield event, event.payload

    def last(self, kind: type[PayloadType]) -> PayloadType | None:
        """Return the last payload of a kind, or None."""
        return next((p for _, p in reversed(list(self.having(kind)))), None)

    def _event_of(self, kind: type[PayloadType]) -> Event | None:
        return next((e for e, _ in reversed(list(self.having(kind)))), None)

    def array(self, event: Event | None, name: str) -> NDArray[Any] | None:
        """Return an event's array by name; None where it was never written or is lost."""
        ref = event.arrays.get(name) if event else None
        if ref is None:
            return None
        try:
            return np.asarray(self._record.array(ref))
        except RecordError:
            self._lost.add(ref.digest)
            return None

    @property
    def lost_arrays(self) -> int:
        """How many arrays were asked for but are missing from the record."""
        return len(self._lost)

    @property
    def end_s(self) -> float:
        """Session time of the last event, s."""
        return self.events[-1].time_s if self.events else 0.0

    @property
    def target_m(self) -> NDArray[np.float64]:
        """The target in the CT frame, shape (3,), m; the origin where there is no plan."""
        return np.asarray(self.plan.target_m if self.plan else (0.0, 0.0, 0.0))

    def limit(self, name: str) -> doc.LimitRow | None:
        """Return a limit of the plan by name, or None."""
        return (
            next((r for r in self.plan.limits if r.name == name), None) if self.plan else None
        )

    def lesion(self, basis: str) -> tuple[Event, doc.LesionDescribed] | None:
        """Return the last lesion by ``basis`` ("measured" or "truth"), with its event."""
        found = [pair for pair in self.having(doc.LesionDescribed) if pair[1].basis == basis]
        return found[-1] if found else None

    def _numbers(self) -> list[int]:
        kinds = (doc.SonicationProposed, doc.SonicationEnded, doc.TemperatureFrame)
        payloads = (e.payload for e in self.events)
        return sorted({p.sonication for p in payloads if isinstance(p, kinds)})

    def _exposure(self, number: int) -> Exposure:
        proposed = self._of(doc.SonicationProposed, number)
        ended = self._of(doc.SonicationEnded, number)
        reviewed = self._of(doc.SonicationReviewed, number)
        truth = self._of(doc.TruthObserved, number)
        named = next((p for _, p in (ended, proposed, reviewed) if p), None)
        return Exposure(
            number,
            named.stage if named else "",
            proposed[1],
            ended[1],
            reviewed[1],
            truth[1],
            self._power_on_s(number),
            tuple(e for e, p in self.having(doc.TemperatureFrame) if p.sonication == number),
        )

    def _power_on_s(self, number: int) -> float | None:
        driven = (
            e.time_s
            for e, p in self.having(doc.PowerSet)
            if p.sonication == number and p.power_w > 0
        )
        return next(driven, None)

    def _of(
        self, kind: type[PayloadType], number: int
    ) -> tuple[Event, PayloadType] | tuple[None, None]:
        found = [
            (e, p) for e, p in self.having(kind) if getattr(p, "sonication", None) == number
        ]
        return found[-1] if found else (None, None)
