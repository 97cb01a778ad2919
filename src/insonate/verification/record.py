"""Checks of the record: cut at any byte nothing acknowledged is lost, changed in any bit it is found."""

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from insonate.core import RecordError
from insonate.events import Event, Source
from insonate.events.documents import ClockTick, PowerSet, SessionClosed, SessionOpened
from insonate.record import Finding, Recorder, check_record, open_record
from insonate.verification import endurance
from insonate.verification.check import Check, at_least, at_most

EVENTS_FILE = "events.jsonl"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

Reader = Callable[[Path], tuple[Event, ...]]


def sample_record(folder: Path, count: int = 2) -> tuple[Event, ...]:
    """Write a small finished record with one array, and return its events."""
    opened = SessionOpened(
        case="bench", simulated=True, disclaimer="bench", scenario="none", seed=0,
        versions={}, settings={"one third": repr(1.0 / 3.0)},
    )  # fmt: skip
    closed = SessionClosed(
        outcome="no lesion",
        sentence="Bench °C.",
        limits_kept={},
        limits_worst={"power": 0.1 + 0.2},
    )
    values = np.linspace(0.0, 1.0, 7, dtype=np.float32)
    with Recorder(folder, wall=lambda: _EPOCH) as recorder:
        told = [recorder.append(opened, time_s=0.0, source=Source.SESSION)]
        for number in range(count):
            tick = recorder.append(ClockTick(), time_s=number / 3.0, source=Source.SESSION)
            power = PowerSet(sonication=1, power_w=number / 7.0)
            told += [tick, recorder.append(
                power, time_s=number / 3.0, source=Source.CONTROLLER, cause=tick.sequence,
                arrays={"values": (values, "K")},
            )]  # fmt: skip
        told.append(recorder.append(closed, time_s=9.0, source=Source.SESSION))
    return tuple(told)


def read_events(folder: Path) -> tuple[Event, ...]:
    """Return the events that a record proves."""
    return open_record(folder).events


def lost_by_cutting(folder: Path, told: tuple[Event, ...], reader: Reader = read_events) -> int:
    """Return how many events are lost, over all cuts of the file at every byte.

    Each event whose line is whole before the cut must be read again, none more, none changed.
    """
    path = folder / EVENTS_FILE
    whole = path.read_bytes()
    lost = 0
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = max(0, whole[:cut].count(b"\n") - 1)
        lost += len(told[:kept]) if reader(folder) != told[:kept] else 0
    path.write_bytes(whole)
    return lost


def unfound_changes(folder: Path, count: int, rng: np.random.Generator) -> int:
    """Return how many of ``count`` random flips of one bit, in events or arrays, are not found."""
    files = [folder / EVENTS_FILE, *sorted((folder / "arrays").iterdir())]
    sizes = np.array([path.stat().st_size for path in files])
    unfound = 0
    for at in rng.integers(0, sizes.sum() * 8, count):
        which = int(np.searchsorted(np.cumsum(sizes) * 8, at, side="right"))
        bit = int(at) - 8 * int(sizes[:which].sum())
        unfound += not is_found(folder, files[which], bit)
    return unfound


def is_found(folder: Path, path: Path, bit: int) -> bool:
    """Return whether the flip of one bit of a file is found, and its place; the file is restored.

    The place of a bit in the events is its line; that of a bit in an array its digest.
    """
    whole = path.read_bytes()
    line = whole[: bit // 8].count(b"\n")
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(changed)
    try:
        found = check_record(folder)
    except RecordError as error:
        return line == 0 and "first line" in str(error)
    else:
        return any(_located(finding, path, line) for finding in found)
    finally:
        path.write_bytes(whole)


def _located(finding: Finding, path: Path, line: int) -> bool:
    """Return whether a finding names the line or the array that was changed."""
    if path.name != EVENTS_FILE:
        return path.stem in finding.sentence
    torn = finding.where == "end" and f"after event {line - 2}" in finding.sentence
    return finding.where == f"event {line - 1}" or torn


def checks() -> Iterator[Check]:
    """Yield every number of the record's area."""
    own = "SHA-256 chain over canonical JSON"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = sample_record(folder)
        same = read_events(folder) == told
        yield at_least(
            "record", "written and read are equal, floats bit for bit", same, 1, "1", own
        )
        yield at_most(
            "record", "findings in an unchanged record", len(check_record(folder)), 0, "1", own
        )
        lost = lost_by_cutting(folder, told)
        yield at_most(
            "record", "acknowledged events lost, cut at every byte", lost, 0, "1", own
        )
        unfound = unfound_changes(folder, 2000, np.random.default_rng(2))
        yield at_most(
            "record", "single-bit changes not found and located, of 2,000", unfound, 0, "1", own
        )
        yield at_most(
            "record", "second writers let in", _second_writers(folder / "new"), 0, "1", own
        )


def _second_writers(folder: Path) -> int:
    """Return how many of three writers are let in beside the first."""
    let_in = 0
    with Recorder(folder):
        for _ in range(3):
            try:
                Recorder(folder).close()
            except RecordError:
                continue
            let_in += 1
    return let_in


def slow_checks() -> Iterator[Check]:
    """Yield the record's figures that take a while."""
    rng = np.random.default_rng(9)
    with tempfile.TemporaryDirectory() as name:
        lost = endurance.killed(Path(name), 500, rng)
        yield at_most(
            "record", "kill -9 at 500 random moments: records that lost something", lost, 0, "1",
            "what the writer was told is kept is read again, and the record verifies",
        )  # fmt: skip
        lost = endurance.filled(Path(name), 500, rng)
        yield at_most(
            "record", "disk full at 500 random bytes: records that lost something", lost, 0, "1",
            "the system's own limit of a file's size, RLIMIT_FSIZE",
        )  # fmt: skip
