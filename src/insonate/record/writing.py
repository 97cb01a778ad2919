"""Writing a record: append-only, hash-chained, each event on the disk before it is acknowledged.

Why not HDF5: a file that is open for writing when the process dies may be lost as a whole, for
its index lies anywhere in it. Here every line stands for itself: what was acknowledged before the
crash is proven by its digest after it, with a text editor if need be, and a torn last line is
seen as torn. Arrays, too large for lines, lie beside it under the digest of their content and are
whole before the event that names them is written.
"""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray
from pydantic import ValidationError

from insonate.core import RecordError
from insonate.events import Event, Payload, Source
from insonate.record.arrays import portable, reference, store, sync_folder, write_all
from insonate.record.deidentify import check_pseudonym
from insonate.record.lines import header, link
from insonate.record.lock import lock
from insonate.record.reading import EVENTS_FILE, read_chain

RELAXED = frozenset(
    {
        "clock_tick",
        "cooling_reading",
        "cavitation_reading",
        "model_estimate",
        "array_reading",
        "motion_reading",
        "operator_present",
        "focus_estimate",
    }
)
"""Kinds that are written at once but only forced to the disk with the next that matters."""

Arrays = Mapping[str, tuple[NDArray[Any], str]]
"""Arrays of one event, by name, each with its unit."""

Told = Callable[[Event, Arrays], None]
"""Told of every event once it is kept, with its arrays; must return at once."""


def nobody(event: Event, arrays: Arrays) -> None:
    """Tell nobody."""
    del event, arrays


def wall_clock() -> datetime:
    """Return the computer's clock, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Stamp:
    """When and from whom an event comes, what it follows from, and why."""

    time_s: float
    source: Source
    cause: int | None
    reason: str


class Recorder:
    """The one writer of a record; a context manager, and safe to use from several threads.

    A folder with a finished record, or with one that was changed, is refused. A record that broke
    off is set aside under another name, never deleted (``set_aside``).

    Parameters
    ----------
    folder
        Where the record is to lie; made where it is not there.
    wall
        The wall clock.
    relaxed
        Kinds of events that are not forced to the disk one by one.
    told
        Told of every event once it is kept.

    Raises
    ------
    RecordError
        When the folder is in use, holds a finished or changed record, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wall: Callable[[], datetime] = wall_clock,
        relaxed: frozenset[str] = RELAXED,
        told: Told = nobody,
    ) -> None:
        self.folder = folder
        self.set_aside: Path | None = None
        self._wall, self._relaxed, self._told = wall, relaxed, told
        self._count, self._broken = 0, ""
        self._one_writer = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = lock(folder)
        except OSError as error:
            raise _cannot(folder, error) from error
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self) -> None:
        """Begin the file with its header, an earlier unfinished one set aside."""
        path, first = self.folder / EVENTS_FILE, header()
        try:
            if path.exists():
                self.set_aside = _set_aside(self.folder)
            self._file = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644
            )
        except OSError as error:
            raise _cannot(self.folder, error) from error
        try:
            write_all(self._file, first.text)
            os.fsync(self._file)
            sync_folder(self.folder)
        except OSError as error:
            os.close(self._file)
            raise _cannot(self.folder, error) from error
        self._digest, self._length = first.digest, len(first.text)

    def append(
        self,
        payload: Payload,
        *,
        time_s: float,
        source: Source,
        cause: int | None = None,
        reason: str = "",
        arrays: Arrays | None = None,
    ) -> Event:
        """Write one event with its arrays, and return it once it is kept.

        Parameters
        ----------
        payload
            What happened.
        time_s
            The session's monotonic clock, s.
        source
            From whom.
        cause
            Number of the event that this one answers.
        reason
            Why, where there is something to say.
        arrays
            By name (array, unit); they are whole on the disk before the event is written.

        Raises
        ------
        RecordError
            When it does not fit the schema, or cannot be written; then it is not in the record,
            all before it is, and nothing more is taken.
        """
        check_pseudonym(payload)
        kept = {name: (portable(a, name), unit) for name, (a, unit) in (arrays or {}).items()}
        stamp = _Stamp(time_s, source, cause, reason)
        with self._one_writer:
            return self._append(payload, stamp, kept)

    def _append(self, payload: Payload, stamp: _Stamp, kept: Arrays) -> Event:
        if self._broken:
            raise RecordError(f"The record takes no more events: {self._broken}")
        event = self._event(payload, stamp, kept)
        durable = payload.kind not in self._relaxed
        try:
            for name, (array, _) in kept.items():
                store(self.folder, array, event.arrays[name], durable=durable)
            self._write(event, durable=durable)
        except OSError as error:
            self._undo(error)
            raise _cannot(self.folder, error) from error
        self._told(event, kept)
        return event

    def _event(self, payload: Payload, stamp: _Stamp, kept: Arrays) -> Event:
        """Return the event as it is to stand in the record."""
        if stamp.cause is not None and not 0 <= stamp.cause < self._count:
            raise RecordError(
                f"Event {self._count} names {stamp.cause} as its cause; only an earlier event can be."
            )
        try:
            return Event(
                sequence=self._count,
                time_s=stamp.time_s,
                wall=self._wall(),
                source=stamp.source,
                cause=stamp.cause,
                reason=stamp.reason,
                payload=payload,
                arrays={name: reference(array, unit) for name, (array, unit) in kept.items()},
            )
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RecordError(
                f"Event {self._count} ({payload.kind}) does not fit the schema: "
                f"{place}: {first['msg']}."
            ) from error

    def _write(self, event: Event, *, durable: bool) -> None:
        """Write the event's line; it counts from here on."""
        line = link(event, self._digest)
        write_all(self._file, line.text)
        if durable:
            os.fsync(self._file)
        self._digest, self._length = line.digest, self._length + len(line.text)
        self._count += 1

    def _undo(self, error: OSError) -> None:
        """Cut off what was half written, and take nothing more."""
        self._broken = f"writing failed ({error.strerror or error}); what came before is kept."
        with suppress(OSError):  # the reader tells a torn line by itself
            os.ftruncate(self._file, self._length)

    def close(self) -> None:
        """Force everything to the disk and let go of the folder; a second time does nothing.

        Raises
        ------
        RecordError
            When the disk does not take it.
        """
        if self._file < 0:
            return
        handle, self._file = self._file, -1
        self._broken = self._broken or "it was closed."
        try:
            os.fsync(handle)
        except OSError as error:
            raise _cannot(self.folder, error) from error
        finally:
            os.close(handle)
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _set_aside(folder: Path) -> Path:
    """Rename a record that broke off; refuse one that is finished or was changed."""
    chain = read_chain(folder)
    if chain.finished and chain.fault is None:
        raise RecordError(
            f"{folder} holds a finished record of {len(chain.events)} events; a record is never "
            "written over. Choose another folder."
        )
    if chain.fault is not None:
        raise RecordError(
            f"{folder} holds a damaged record ({chain.fault.where}); it is left as it is. "
            "Choose another folder."
        )
    number = 1
    while (aside := folder / f"events.unfinished-{number}.jsonl").exists():
        number += 1
    (folder / EVENTS_FILE).rename(aside)
    return aside


def _cannot(folder: Path, error: OSError) -> RecordError:
    return RecordError(
        f"The record in {folder} cannot be written: {error.strerror or error}. All events before "
        "are kept; make room or choose another folder."
    )
