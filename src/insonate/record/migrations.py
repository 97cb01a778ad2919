"""Events of older versions, brought up to this one: each step says what it adds, none guesses.

The chain is proven over the bytes as they were written; only then is an event read by the schema
of today. A field that did not exist is given the value that meant the same then.
"""

from collections.abc import Callable
from typing import Any

from insonate.events import SCHEMA_VERSION

Content = dict[str, Any]


def _from_1(content: Content) -> Content:
    """Sedation, named findings and alarms: version 1 knew none of them.

    Its patients were awake, and its refusals had no priority.
    """
    payload = dict(content["payload"])
    if payload.get("kind") == "patient_report":
        payload |= {"finding": None, "where": "", "sedation": "none"}
    if payload.get("kind") == "guard_refused":
        payload |= {"priority": "medium", "latching": False}
    return {**content, "version": 2, "payload": payload}


def _from_2(content: Content) -> Content:
    """Nothing to add: version 2 knew no estimate between the frames and no acknowledged alarms.

    Its latching alarms ended with a resume.
    """
    return {**content, "version": 3}


MIGRATIONS: dict[int, Callable[[Content], Content]] = {1: _from_1, 2: _from_2}
"""From each older version to the next."""


def migrated(content: Content) -> Content:
    """Return an event's content in the schema of today.

    What is of a version that is not known, or is no event at all, is returned as it is; the
    reader says so.
    """
    while isinstance(content, dict) and isinstance(content.get("payload"), dict):
        step = MIGRATIONS.get(content.get("version", SCHEMA_VERSION))
        if step is None:
            break
        content = step(content)
    return content
