"""Names stay outside: a record holds a pseudonym, never a person's name or a path."""

import hashlib
import re

from insonate.core import RecordError
from insonate.events import Payload
from insonate.events.documents import SessionOpened

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST = 64


def pseudonym(text: str) -> str:
    """Return a name for a case that does not show ``text``: "case-" and 8 hex digits.

    The same text gives the same pseudonym. It is a label, not a secret: who guesses the text can
    compute it.
    """
    return f"case-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def check_pseudonym(payload: Payload) -> None:
    """Refuse a session whose case is not a slug.

    Raises
    ------
    RecordError
        When it holds capitals, spaces, dots or slashes, as names and paths do.
    """
    if isinstance(payload, SessionOpened):
        require_pseudonym(payload.case)


def require_pseudonym(case: str) -> None:
    """Refuse a case that is not called by a slug.

    Raises
    ------
    RecordError
        When it holds capitals, spaces, dots or slashes, as names and paths do.
    """
    if len(case) > _LONGEST or not _SLUG.fullmatch(case):
        raise RecordError(
            f"The case is called '{case}'; a record takes a pseudonym of small letters, "
            f"digits and hyphens, at most {_LONGEST}, never a name or a path."
        )
