"""Room for a result: nothing finished is written over, nothing foreign is deleted."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from insonate.core import RecordError
from insonate.record.lock import lock
from insonate.record.places import RECORD
from insonate.record.reading import EVENTS_FILE, Chain, read_chain

REPORT = "report.html"
PLAN_FILES = ("plan.json", "phases.csv", "elements.txt")


def require_room(out: Path, *, replace: bool) -> None:
    """Refuse a folder whose finished or damaged record would be in the way; change nothing.

    Parameters
    ----------
    out
        Where record and report are to lie.
    replace
        Whether an earlier result may be deleted, later, by ``make_room``.

    Raises
    ------
    RecordError
        When ``out`` is a file, or holds a record that may not be touched.
    """
    _require_folder(out)
    folder = out / RECORD
    chain = _chain(folder)
    if chain is None or replace:
        return
    if chain.fault is not None:
        raise RecordError(
            f"{folder} holds a damaged record ({chain.fault.where}). Choose another --out folder, "
            "or say --replace to delete it."
        )
    if chain.finished:
        raise RecordError(
            f"{folder} holds a finished record; a record is never written over. Choose another "
            "--out folder, or say --replace to delete it."
        )


def make_room(out: Path, *, replace: bool) -> None:
    """Delete an earlier record with its report where that was asked for; nothing else.

    Raises
    ------
    RecordError
        As ``require_room``, or when the record is being written or cannot be deleted.
    """
    require_room(out, replace=replace)
    folder = out / RECORD
    if not replace or _chain(folder) is None:
        return
    try:
        handle = lock(folder)
        try:
            for path in _written(folder):
                path.unlink(missing_ok=True)
        finally:
            os.close(handle)
        (out / REPORT).unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(
            f"The record in {folder} cannot be deleted: {error.strerror}. Choose another --out "
            "folder."
        ) from error
    with suppress(OSError):  # what is not ours stays where it is
        (folder / "arrays").rmdir()


def set_report_aside(out: Path, events: Path) -> None:
    """Rename the report of a record that was set aside as ``events.unfinished-N.jsonl``."""
    report = out / REPORT
    if report.is_file():
        report.rename(out / (events.stem.replace("events", "report", 1) + report.suffix))


def require_plan_room(out: Path, *, replace: bool) -> None:
    """Refuse a folder that holds a plan already.

    Raises
    ------
    RecordError
        When there is a plan and ``replace`` is not set, or ``out`` is a file.
    """
    _require_folder(out)
    if (out / PLAN_FILES[0]).exists() and not replace:
        raise RecordError(
            f"{out} holds a plan already; choose another --out folder, or say --replace."
        )


def _require_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RecordError(f"{out} is a file; give a folder for --out.")


def _chain(folder: Path) -> Chain | None:
    """Return what the record in a folder proves; None where there is none."""
    return read_chain(folder) if (folder / EVENTS_FILE).is_file() else None


def _written(folder: Path) -> Iterator[Path]:
    """Yield the files of a record, its events last."""
    arrays = folder / "arrays"
    yield from [*arrays.glob("*.npy"), *arrays.glob("*.unfinished")]
    yield from folder.glob("events.unfinished-*.jsonl")
    yield folder / EVENTS_FILE
