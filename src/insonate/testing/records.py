"""Synthetic treatment records in memory, for tests of whatever reads a record."""

from insonate.verification.synthetic import (
    Exposure,
    MemoryRecord,
    TreatmentOptions,
    empty_record,
    stopped_record,
    treatment_record,
)

__all__ = [
    "Exposure",
    "MemoryRecord",
    "TreatmentOptions",
    "empty_record",
    "stopped_record",
    "treatment_record",
]
