"""One entry of the record."""

from pydantic import AwareDatetime, Field

from insonate.events.base import ArrayRef, Document, Source
from insonate.events.documents import Payload

SCHEMA_VERSION = 3


class Event(Document):
    """What happened, when, from whom, why, and what it follows from.

    ``time_s`` is the session's monotonic clock (simulated in a rehearsal), ``wall`` the
    computer's clock; ``cause`` is the sequence number of the event that this one answers.
    """

    version: int = SCHEMA_VERSION
    sequence: int = Field(ge=0)
    time_s: float = Field(ge=0.0, json_schema_extra={"unit": "s"})
    wall: AwareDatetime
    source: Source
    cause: int | None = None
    reason: str = ""
    payload: Payload
    arrays: dict[str, ArrayRef] = Field(default_factory=dict)


__all__ = ["SCHEMA_VERSION", "Event"]
