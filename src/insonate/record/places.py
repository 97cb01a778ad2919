"""Where a rehearsal leaves its records, and where one of the same patient lies beside another."""

from pathlib import Path

from insonate.record.reading import EVENTS_FILE

RECORD = "record"
BESIDE = "beside"
"""The same patient's other treatment lies here, within the folder of the first."""


def record_beside(record: Path) -> Path | None:
    """Return the record of the same patient that a rehearsal left beside one, if it did."""
    found = record.parent / BESIDE / RECORD
    return found if (found / EVENTS_FILE).is_file() else None
