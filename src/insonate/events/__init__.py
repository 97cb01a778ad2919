"""The documents of the record: typed, with unit and shape for each value."""

from insonate.events.base import ArrayRef, Document, Source
from insonate.events.documents import Decision, Observation, Payload
from insonate.events.event import SCHEMA_VERSION, Event
from insonate.events.presence import NEUROLOGICAL, Finding, Sedation
from insonate.events.states import EndReason, Priority, State, Verb

__all__ = [
    "NEUROLOGICAL",
    "SCHEMA_VERSION",
    "ArrayRef",
    "Decision",
    "Document",
    "EndReason",
    "Event",
    "Finding",
    "Observation",
    "Payload",
    "Priority",
    "Sedation",
    "Source",
    "State",
    "Verb",
]
