"""The documents of the record: typed, with unit and shape for each value."""

from insonate.events.base import ArrayRef, Document, Source
from insonate.events.documents import Decision, Observation, Payload
from insonate.events.event import SCHEMA_VERSION, Event
from insonate.events.states import EndReason, State, Verb

__all__ = [
    "SCHEMA_VERSION",
    "ArrayRef",
    "Decision",
    "Document",
    "EndReason",
    "Event",
    "Observation",
    "Payload",
    "Source",
    "State",
    "Verb",
]
