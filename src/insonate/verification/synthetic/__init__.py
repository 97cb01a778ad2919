"""A treatment record without its physics: the subject of the report's checks."""

from insonate.verification.synthetic.records import (
    empty_record,
    stopped_record,
    treatment_record,
)
from insonate.verification.synthetic.scribe import Exposure, MemoryRecord, TreatmentOptions

__all__ = [
    "Exposure",
    "MemoryRecord",
    "TreatmentOptions",
    "empty_record",
    "stopped_record",
    "treatment_record",
]
