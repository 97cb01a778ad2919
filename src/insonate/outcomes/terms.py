"""The words of the registry: diagnoses, adverse events, and how an event is judged.

Grades are those of CTCAE v5.0 (NCI 2017): 1 mild, 2 moderate, 3 severe, 4 life-threatening, 5 death. A
grade is how bad an event is; serious is what it led to (ICH E2A, 1994). The two are not the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Term:
    """An adverse event: its name in CTCAE v5.0, its class there, and whether the guidance names it."""

    code: str
    ctcae: str
    system: str
    key: bool


_NERVOUS = "Nervous system disorders"
_KEY = (
    ("bleeding", "Intracranial hemorrhage", _NERVOUS),
    ("stroke", "Stroke", _NERVOUS),
    ("ischaemia", "Ischemia cerebrovascular", _NERVOUS),
    ("motor", "Muscle weakness", "Musculoskeletal and connective tissue disorders"),
    ("sensory", "Paresthesia", _NERVOUS),
    ("speech", "Dysarthria", _NERVOUS),
    ("gait", "Gait disturbance", "General disorders and administration site conditions"),
    ("cognition", "Cognitive disturbance", _NERVOUS),
)
_OTHER = (
    ("headache", "Headache", _NERVOUS),
    ("dizziness", "Dizziness", _NERVOUS),
    ("vertigo", "Vertigo", "Ear and labyrinth disorders"),
    ("nausea", "Nausea", "Gastrointestinal disorders"),
    ("vomiting", "Vomiting", "Gastrointestinal disorders"),
    ("seizure", "Seizure", _NERVOUS),
    ("scalp-burn", "Burn", "Injury, poisoning and procedural complications"),
    ("pin-site", "Wound complication", "Injury, poisoning and procedural complications"),
    ("dysaesthesia", "Dysesthesia", _NERVOUS),
    ("oedema", "Edema cerebral", _NERVOUS),
    ("depression", "Depression", "Psychiatric disorders"),
    ("other", "Other, specify", "Any"),
)

TERMS: Mapping[str, Term] = MappingProxyType(
    {row[0]: Term(*row, key=True) for row in _KEY}
    | {row[0]: Term(*row, key=False) for row in _OTHER}
)
"""Every adverse event that can be recorded; the first eight are the key outcomes of NICE HTG491, 3.3."""

SERIOUSNESS = (
    "none", "death", "life-threatening", "hospitalisation", "disability", "congenital", "important",
)  # fmt: skip
"""ICH E2A (1994), II.B: what makes an event serious; "none": it is not."""

RELATEDNESS = ("unrelated", "unlikely", "possible", "probable", "definite", "unknown")
EVENT_OUTCOMES = ("recovered", "recovering", "not-recovered", "sequelae", "fatal", "unknown")

DIAGNOSES: Mapping[str, str] = MappingProxyType({
    "diabetic-neuropathy": "painful diabetic neuropathy",
    "post-herpetic-neuralgia": "post-herpetic neuralgia",
    "trigeminal-neuralgia": "trigeminal neuralgia",
    "trigeminal-neuropathy": "trigeminal neuropathic pain",
    "spinal-cord-injury": "pain after spinal cord injury",
    "radiculopathy": "radiculopathy or root injury",
    "phantom-limb": "phantom limb pain",
    "central-post-stroke": "central pain after stroke",
    "other-peripheral": "another peripheral neuropathic pain",
    "other-central": "another central neuropathic pain",
})  # fmt: skip
"""The groups of NICE HTG491 (2.1) and of the trials and series in ``insonate.evidence``."""

SEXES = ("female", "male", "other", "unknown")
MISSED = ("not-reached", "declined", "withdrew", "ill", "died", "too-late", "unknown")
"""Why a visit was not made."""
