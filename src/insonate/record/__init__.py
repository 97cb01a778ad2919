"""The record: append-only, hash-chained, crash-safe; the only place that touches its files."""

from insonate.record.deidentify import pseudonym
from insonate.record.reading import Finding, Record, check_record, open_record
from insonate.record.replay import decisions_after, observations
from insonate.record.writing import Recorder

__all__ = [
    "Finding",
    "Record",
    "Recorder",
    "check_record",
    "decisions_after",
    "observations",
    "open_record",
    "pseudonym",
]
