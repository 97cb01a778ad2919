"""The chain: how one event becomes one line, and how a line proves its place.

A line is ``{"digest":…,"event":…,"previous":…}`` in canonical JSON (keys sorted, no spaces, floats
by ``repr``, no NaN); ``digest`` is the SHA-256 of ``previous`` and the event's canonical JSON. The
first line is a header; its own SHA-256 is what the first event follows. A line that is not
byte for byte the canonical form of what it says has been changed.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from insonate.events import Event

FORMAT = "insonate-record"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Line:
    """One event as it stands in the file, and the digest that the next one follows."""

    text: bytes
    digest: str


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``; floats survive exactly, NaN is refused."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def header() -> Line:
    """Return the first line of every record."""
    text = canonical({"format": FORMAT, "version": FORMAT_VERSION}).encode()
    return Line(text + b"\n", hashlib.sha256(text).hexdigest())


def link(event: Event, previous: str) -> Line:
    """Return the line of ``event`` after the one whose digest is ``previous``."""
    return _link(event.model_dump(mode="json"), previous)


def _link(content: Any, previous: str) -> Line:
    digest = hashlib.sha256((previous + canonical(content)).encode()).hexdigest()
    text = canonical({"event": content, "previous": previous, "digest": digest})
    return Line(text.encode() + b"\n", digest)


def proven(text: bytes, previous: str) -> tuple[Any, str] | None:
    """Return the event (as JSON data) and digest of a line, or None where it proves nothing.

    Parameters
    ----------
    text
        The line, with its newline.
    previous
        The digest that it must follow.
    """
    try:
        content = json.loads(text)["event"]
        line = _link(content, previous)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (content, line.digest) if line.text == text else None
