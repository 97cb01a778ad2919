"""A record in memory, and what writes it: for tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from numpy.typing import NDArray

from insonate.core.errors import RecordError
from insonate.core.provenance import digest
from insonate.events import ArrayRef, Event, Payload, Source
from insonate.events import documents as doc
from insonate.events.states import EndReason


@dataclass(frozen=True, eq=False)
class MemoryRecord:
    """A record that lives in memory: events in order, arrays by digest."""

    events: tuple[Event, ...]
    arrays: dict[str, NDArray[Any]]
    complete: bool = True
    missing: tuple[str, ...] = ()

    def array(self, ref: ArrayRef) -> NDArray[Any]:
        """Return the array that ``ref`` points to; a ``RecordError`` when it is not there."""
        if ref.digest not in self.arrays:
            raise RecordError(
                f"The array {ref.digest[:12]}… is not in this record; restore it."
            )
        return self.arrays[ref.digest]


@dataclass(frozen=True)
class Exposure:
    """One synthetic sonication: what is asked for, and the rise that is seen (K)."""

    stage: doc.StageName
    power_w: float
    duration_s: float
    rise_k: float
    orientation: str = "axial"
    end_reason: EndReason = EndReason.COMPLETED


USUAL = (
    Exposure("align", 180.0, 10.0, 5.9),
    Exposure("align", 200.0, 10.0, 6.6, "coronal"),
    Exposure("verify", 380.0, 12.0, 11.4, "sagittal"),
    Exposure("treat", 640.0, 14.0, 17.9),
    Exposure("treat", 780.0, 17.0, 20.6, "axial", EndReason.GOAL),
)


@dataclass(frozen=True)
class TreatmentOptions:
    """What a synthetic treatment is like."""

    case: str = "synthetic-ellipsoid"
    exposures: tuple[Exposure, ...] = USUAL
    target_m: tuple[float, float, float] = (-0.0095, -0.0145, 0.0005)
    with_mr: bool = True
    outcome: str = "lesion made"
    closed: bool = True


@dataclass
class Scribe:
    """Writes events with running numbers and keeps their arrays."""

    events: list[Event] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    clock_s: float = 0.0

    def ref(self, values: NDArray[Any], unit: str) -> ArrayRef:
        """Keep an array and return what points to it."""
        key = digest(values)
        self.arrays[key] = values
        return ArrayRef(digest=key, dtype=values.dtype.str, shape=values.shape, unit=unit)

    def add(
        self,
        payload: Payload,
        source: Source,
        arrays: dict[str, tuple[NDArray[Any], str]] | None = None,
    ) -> None:
        """Write the next event, at the scribe's own clock."""
        refs = {k: self.ref(v, u) for k, (v, u) in (arrays or {}).items()}
        wall = datetime(2026, 1, 5, 9, 0, tzinfo=UTC) + timedelta(seconds=self.clock_s)
        number = len(self.events)
        self.events.append(
            Event(
                sequence=number,
                time_s=self.clock_s,
                wall=wall,
                source=source,
                cause=number - 1 if number else None,
                payload=payload,
                arrays=refs,
            )
        )
