"""Whether a record endures: its writer is killed at random moments, its disk is full at random bytes.

Each writer is a process of its own, forked, that tells through a pipe what it was told is kept.
POSIX only: Windows has neither ``fork`` nor this limit of a file's size.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from insonate.core import RecordError
from insonate.events import Source
from insonate.events.documents import ClockTick, PowerSet
from insonate.record import Record, Recorder, check_record, open_record

if sys.platform != "win32":
    import resource

LONGEST_S = 0.08
"""A writer is killed before so long: it then has written some dozens of events."""
LARGEST = 12_000
"""The disk is full after at most so many bytes of one file."""

Writer = Callable[[Path, int], None]


def write_on(folder: Path, told: int) -> None:
    """Write events with an array each until something ends it; tell each number once it is kept."""
    with Recorder(folder) as recorder:
        for number in range(10**6):
            values = np.full(100, number, dtype=np.float32)
            tick = recorder.append(ClockTick(), time_s=float(number), source=Source.SESSION)
            event = recorder.append(
                PowerSet(sonication=1, power_w=float(number)), time_s=float(number),
                source=Source.CONTROLLER, cause=tick.sequence, arrays={"values": (values, "K")},
            )  # fmt: skip
            os.write(told, f"{event.sequence}\n".encode())


def _forked(folder: Path, writer: Writer, most_bytes: int | None) -> tuple[int, int]:
    """Start a writer; return its process and the end of the pipe that it tells through."""
    ear, mouth = os.pipe()
    process = os.fork()
    if process:
        os.close(mouth)
        return process, ear
    try:
        os.close(ear)
        if most_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        writer(folder, mouth)
    except RecordError:
        os._exit(3)  # as it must: the disk is full, and it says so
    finally:
        os._exit(4)


def _heard(ear: int) -> int:
    """Return the last number that was told, −1 for none; waits until the writer is gone."""
    text = b""
    while part := os.read(ear, 1 << 16):
        text += part
    os.close(ear)
    whole = text.rpartition(b"\n")[0].split()
    return int(whole[-1]) if whole else -1


def kept(folder: Path, last: int) -> bool:
    """Return whether the record verifies and holds everything up to event ``last``."""
    try:
        record = open_record(folder)
        findings = [f for f in check_record(folder) if f.where != "end"]
    except RecordError:
        return last < 0 and not (folder / "events.jsonl").exists()
    return len(record.events) > last and not findings and _right(record)


def _right(record: Record) -> bool:
    """Return whether every event and array is the one that was written in its place."""
    for event in record.events:
        number = event.sequence // 2
        told = event.payload
        if event.time_s != number or (isinstance(told, PowerSet) and told.power_w != number):
            return False
        if any((record.array(ref) != number).any() for ref in event.arrays.values()):
            return False
    return True


def killed(
    folder: Path, count: int, rng: np.random.Generator, writer: Writer = write_on
) -> int:
    """Return how many of ``count`` records lost something when their writer was killed."""
    lost = 0
    for number in range(count):
        place = folder / f"killed-{number}"
        process, ear = _forked(place, writer, None)
        time.sleep(float(rng.uniform(0.0, LONGEST_S)))
        os.kill(process, signal.SIGKILL)
        last = _heard(ear)
        os.waitpid(process, 0)
        lost += not kept(place, last)
    return lost


def filled(
    folder: Path, count: int, rng: np.random.Generator, writer: Writer = write_on
) -> int:
    """Return how many of ``count`` records lost something, or said nothing, on a full disk."""
    lost = 0
    for number in range(count):
        place = folder / f"filled-{number}"
        process, ear = _forked(place, writer, int(rng.integers(1, LARGEST)))
        last = _heard(ear)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        lost += status != 3 or not kept(place, last)
    return lost
