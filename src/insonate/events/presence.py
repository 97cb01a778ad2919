"""Who is there and whether the head lies still: two channels that must not fall silent."""

from enum import StrEnum
from typing import Literal

from insonate.events.base import Document, unit


class Finding(StrEnum):
    """What an awake patient may report that says where heat is; in the words of a neurologist."""

    DYSARTHRIA = "dysarthria"
    PARAESTHESIA = "paraesthesia"
    WEAKNESS = "weakness"
    ATAXIA = "ataxia"
    DIPLOPIA = "diplopia"
    HEADACHE = "headache"
    NAUSEA = "nausea"
    DIZZINESS = "dizziness"
    WARMTH = "warmth"
    PAIN_RELIEF = "pain relief"


NEUROLOGICAL = frozenset(
    {
        Finding.DYSARTHRIA,
        Finding.PARAESTHESIA,
        Finding.WEAKNESS,
        Finding.ATAXIA,
        Finding.DIPLOPIA,
    }
)
"""Findings of tissue beside the target: however mild, no power while one lasts."""


class Sedation(StrEnum):
    """Depth of sedation, as anaesthetists grade it (ASA continuum, 2019)."""

    NONE = "none"
    LIGHT = "light"
    """Answers normally when spoken to; the guidance foresees no more than this."""
    MODERATE = "moderate"
    DEEP = "deep"


class OperatorPresent(Document):
    """The operator holds the handle: a sign of presence, again and again."""

    kind: Literal["operator_present"] = "operator_present"
    who: str


class MotionReading(Document):
    """How far the head lies from where it lay when the last reference images were taken."""

    kind: Literal["motion_reading"] = "motion_reading"
    displacement_m: float = unit("m")
