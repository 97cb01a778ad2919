"""What a replay needs: what was seen, and what was decided upon it."""

from collections.abc import Iterator
from typing import cast, get_args

from insonate.events import Decision, Event, Observation
from insonate.record.reading import Record

_OBSERVATIONS: tuple[type, ...] = get_args(Observation)
_DECISIONS: tuple[type, ...] = get_args(Decision)


def observations(record: Record) -> Iterator[Event]:
    """Yield the events whose payload is an observation, in their order."""
    return (event for event in record.events if isinstance(event.payload, _OBSERVATIONS))


def decisions_after(record: Record) -> Iterator[tuple[Event, tuple[Decision, ...]]]:
    """Yield each observation with the decisions that name it as their cause, in their order."""
    answers: dict[int, list[Decision]] = {}
    for event in record.events:
        if isinstance(event.payload, _DECISIONS) and event.cause is not None:
            answers.setdefault(event.cause, []).append(cast("Decision", event.payload))
    for event in observations(record):
        yield event, tuple(answers.get(event.sequence, ()))
