"""A treatment that was, for a time slider: read from its record, which is proven first."""

import asyncio
from functools import lru_cache
from pathlib import Path

from insonate.console.curves import Curves, points_of
from insonate.console.frames import pack_frame
from insonate.console.models import Model, Note
from insonate.console.words import QUIET, alarm, said
from insonate.events import Event
from insonate.events.documents import PlanDescribed, TemperatureFrame
from insonate.record import Record, open_record


class FrameTime(Model):
    """When a frame was taken, and of which sonication."""

    time_s: float
    sonication: int


class Replay(Model):
    """A treatment that was."""

    end_s: float
    frames: tuple[FrameTime, ...]
    curves: dict[str, list[tuple[float, float]]]
    log: tuple[Note, ...]


class Told:
    """A record that was opened for replay."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._frames = [e for e in record.events if isinstance(e.payload, TemperatureFrame)]
        plans = (e.payload for e in record.events if isinstance(e.payload, PlanDescribed))
        self._target = next((plan.target_m for plan in plans), (0.0, 0.0, 0.0))
        self.shown = _shown(record, self._frames)

    def frame(self, number: int) -> bytes:
        """Return one frame, as a live window gets it."""
        event = self._frames[number]
        document = event.payload
        if not isinstance(document, TemperatureFrame):
            return b""
        arrays = {
            name: (self._record.array(ref), ref.unit) for name, ref in event.arrays.items()
        }
        return pack_frame(document, arrays, self._target, event.wall.timestamp())


def _shown(record: Record, frames: list[Event]) -> Replay:
    curves = Curves()
    log = []
    for event in record.events:
        curves.add(points_of(event))
        if event.payload.kind not in QUIET:
            log.append(_note(event))
    times = [
        FrameTime(time_s=event.time_s, sonication=event.payload.sonication)
        for event in frames
        if isinstance(event.payload, TemperatureFrame)
    ]
    end = record.events[-1].time_s if record.events else 0.0
    return Replay(end_s=end, frames=tuple(times), curves=curves.all(), log=tuple(log))


def _note(event: Event) -> Note:
    return Note.model_validate(
        {
            "number": event.sequence,
            "time_s": event.time_s,
            "wall": event.wall.timestamp(),
            "source": str(event.source),
            "kind": event.payload.kind,
            "words": said(event),
            "alarm": alarm(event),
        }
    )


@lru_cache(maxsize=1)
def _told(folder: Path) -> Told:
    return Told(open_record(folder))


async def replay_of(folder: Path) -> Told:
    """Return a record opened for replay; the last one is kept."""
    return await asyncio.to_thread(_told, folder)
