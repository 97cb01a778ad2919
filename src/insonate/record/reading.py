"""Reading a record: the chain is proven from its first byte; nothing missing is guessed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import ValidationError

from insonate.core import RecordError
from insonate.events import SCHEMA_VERSION, ArrayRef, Event
from insonate.record.arrays import array_path, load
from insonate.record.lines import FORMAT, FORMAT_VERSION, canonical, header, proven
from insonate.record.migrations import migrated

EVENTS_FILE = "events.jsonl"


@dataclass(frozen=True)
class Finding:
    """Something wrong with a record: where, and a sentence."""

    where: str
    sentence: str


@dataclass(frozen=True)
class Chain:
    """What a file of events proves: the events and the last digest.

    ``torn`` is the number of bytes after the last whole line; ``fault`` the first thing that was
    changed, after which nothing is believed.
    """

    events: tuple[Event, ...]
    digest: str
    torn: int
    fault: Finding | None

    @property
    def finished(self) -> bool:
        """Whether the last event closes the session."""
        return bool(self.events) and self.events[-1].payload.kind == "session_closed"


@dataclass(frozen=True)
class Record:
    """A treatment as it was recorded: proven events, arrays on demand.

    Parameters
    ----------
    folder
        Where it lies.
    events
        In their order.
    complete
        Whether the session was closed, and nothing is missing.
    missing
        One sentence for each thing that is not there.
    """

    folder: Path
    events: tuple[Event, ...]
    complete: bool
    missing: tuple[str, ...]

    def array(self, ref: ArrayRef) -> NDArray[Any]:
        """Return the array that ``ref`` names, read-only, proven against its digest.

        Raises
        ------
        RecordError
            When it is missing or was changed.
        """
        return load(self.folder, ref)


def open_record(path: Path) -> Record:
    """Return the record in the folder ``path``; what a crash took is told, never guessed.

    Raises
    ------
    RecordError
        When there is no record, it is of another version, or an event was changed.
    """
    chain = read_chain(path)
    if chain.fault is not None:
        raise RecordError(f"{chain.fault.where}: {chain.fault.sentence}")
    missing = (*_missing_end(chain), *(f.sentence for f in _missing_arrays(path, chain)))
    return Record(path, chain.events, not missing, missing)


def check_record(path: Path) -> list[Finding]:
    """Return everything that is wrong with a record, every array read; empty where nothing is.

    Raises
    ------
    RecordError
        When there is no record, or it is of another version.
    """
    chain = read_chain(path)
    findings = [] if chain.fault is None else [chain.fault]
    if chain.fault is None:
        findings += [Finding("end", sentence) for sentence in _missing_end(chain)]
    return findings + list(_bad_arrays(path, chain))


def read_chain(folder: Path) -> Chain:
    """Return what the file of events in ``folder`` proves.

    Raises
    ------
    RecordError
        When there is none, it is not a record, or it is of another version.
    """
    path = folder / EVENTS_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(
            f"There is no record in {folder} ({error.strerror}); a record is a folder with "
            f"the file {EVENTS_FILE}."
        ) from error
    first = header()
    if not content.startswith(first.text):
        return _without_header(content, folder)
    return _proven_events(content, len(first.text), first.digest)


def _without_header(content: bytes, folder: Path) -> Chain:
    """Return the empty chain of a record that died in its first line; refuse what is foreign."""
    first = header()
    if first.text.startswith(content):
        return Chain((), first.digest, len(content), None)
    version = _version_said(content.partition(b"\n")[0])
    if version is not None:
        raise RecordError(
            f"The first line of the record in {folder} says version {version}; this software reads "
            f"version {FORMAT_VERSION}. Use the insonate that wrote it, or restore it from a copy."
        )
    raise RecordError(
        f"The first line of the record in {folder} is not a header of version {FORMAT_VERSION}; "
        "it was changed, or it is no record of insonate."
    )


def _version_said(line: bytes) -> int | None:
    """Return the version that a header says, or None where it is none."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    version = said.get("version") if isinstance(said, dict) else None
    whole = canonical({"format": FORMAT, "version": version}).encode()
    return version if isinstance(version, int) and line == whole else None


def _proven_events(content: bytes, start: int, digest: str) -> Chain:
    """Return the events from ``start`` on, up to the first line that proves nothing."""
    events: list[Event] = []
    at, fault = start, None
    while end := content.find(b"\n", at) + 1:
        found = proven(content[at:end], digest)
        event = None if found is None else _event(found[0], len(events))
        if found is None or isinstance(event, Finding) or event is None:
            fault = event if isinstance(event, Finding) else _changed(len(events))
            break
        events.append(event)
        at, digest = end, found[1]
    return Chain(tuple(events), digest, len(content) - at if fault is None else 0, fault)


def _changed(number: int) -> Finding:
    return Finding(
        f"event {number}",
        "This line does not follow from the one before; it, or the order of lines, was changed "
        "after it was recorded. Restore the record from a copy.",
    )


def _event(content: Any, number: int) -> Event | Finding:
    """Return the event of a proven line, or why it is none."""
    where = f"event {number}"
    content = migrated(content)
    version = content.get("version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        return Finding(
            where,
            f"Its schema is version {version}; this software reads versions 1-{SCHEMA_VERSION}. "
            "Use the insonate that wrote it.",
        )
    try:
        event = Event.model_validate(content)
    except ValidationError as error:
        return Finding(where, f"It does not fit the schema: {error.errors()[0]['msg']}.")
    if event.sequence != number:
        return Finding(where, f"It carries the number {event.sequence}; {number} is its place.")
    return event


def _missing_end(chain: Chain) -> tuple[str, ...]:
    """Return what a crash took from the end, one sentence each."""
    last = f"after event {len(chain.events) - 1}" if chain.events else "before its first event"
    torn = (
        (f"The last line, {chain.torn} bytes {last}, was not written to its end.",)
        if chain.torn
        else ()
    )
    ends = (
        ()
        if chain.finished
        else (f"The record breaks off {last}: the session was not closed.",)
    )
    return (*torn, *ends)


def _named(chain: Chain) -> Iterator[tuple[str, ArrayRef]]:
    """Yield every array that an event names, and where."""
    for event in chain.events:
        for name, ref in event.arrays.items():
            yield f"event {event.sequence}, array {name}", ref


def _missing_arrays(folder: Path, chain: Chain) -> Iterator[Finding]:
    """Yield the arrays that are named but not there."""
    for where, ref in _named(chain):
        if not array_path(folder, ref.digest).is_file():
            yield Finding(where, f"The array {ref.digest} ({where}) is missing.")


def _bad_arrays(folder: Path, chain: Chain) -> Iterator[Finding]:
    """Yield the arrays that are missing or were changed."""
    for where, ref in _named(chain):
        try:
            load(folder, ref)
        except RecordError as error:
            yield Finding(where, str(error))
