"""A report of an incident with a device, shaped like the MHRA's Yellow Card, for practice.

It can be filled in, read and kept. It cannot be sent: there is no address and no connection here, and
there never will be. A simulated case is marked TRAINING in every line that a person could copy. What is real is
reported by the people who saw it, at the authority's own place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.outcomes.columns import Row
from insonate.outcomes.terms import DIAGNOSES, TERMS

TRAINING = "TRAINING"
NOT_SENT = (
    "This is a practice form. It was not sent and cannot be sent from here; a real incident is reported by "
    "those who saw it, to the authority itself."
)
DEVICE = {
    "type": "transcranial MR-guided focused ultrasound system",
    "maker": "none: a simulated device",
    "model": "insonate digital twin",
    "serial_number": "none",
    "location": "nowhere: simulated",
}


@dataclass(frozen=True)
class YellowCard:
    """A filled form: sections of named fields, each value marked when the case is simulated."""

    sections: Mapping[str, Mapping[str, str]]

    @property
    def text(self) -> str:
        """The form as Markdown."""
        parts = [f"# {TRAINING}: incident with a medical device", DISCLAIMER, NOT_SENT]
        for title, fields in self.sections.items():
            rows = "\n".join(
                f"- {name.replace('_', ' ')}: {value}" for name, value in fields.items()
            )
            parts.append(f"## {title}\n\n{rows}")
        return "\n\n".join(parts) + "\n"

    @property
    def document(self) -> dict[str, Any]:
        """The form as one document."""
        told = {"marked": TRAINING, "disclaimer": DISCLAIMER, "sending": NOT_SENT}
        return {**told, "sections": {t: dict(f) for t, f in self.sections.items()}}


def yellow_card(patient: Row, event: Row) -> YellowCard:
    """Return the practice form of an adverse event of a simulated patient.

    Parameters
    ----------
    patient, event
        Rows of the registry.

    Raises
    ------
    SettingsError
        When the patient is real: such a report is made with the authority's own form.
    """
    if not patient["simulated"]:
        raise SettingsError(
            "The patient is not simulated. Report a real incident with the authority's own form (in the "
            "United Kingdom yellowcard.mhra.gov.uk); insonate makes practice forms alone."
        )
    term = TERMS[str(event["term"])]
    filled = {
        "Device": DEVICE,
        "Incident": {
            "what_happened": str(event["described"] or term.ctcae),
            "event_term": f"{term.ctcae} (CTCAE v5.0: {term.system})",
            "grade": str(event["grade"]),
            "date": str(event["onset"]),
            "began_during_sonication": _or_dash(event["sonication"]),
        },
        "Person": {
            "pseudonym": str(patient["patient"]),
            "year_of_birth": str(patient["birth_year"]),
            "sex": str(patient["sex"]),
            "treated_for": DIAGNOSES[str(patient["diagnosis"])],
        },
        "Assessment": {
            "serious_because": str(event["seriousness"]),
            "related_to_procedure": str(event["relatedness"]),
            "expected": "yes" if event["expected"] else "no",
            "outcome": str(event["outcome"]),
            "treatment_record": _or_dash(patient["record"]),
        },
    }
    return YellowCard(
        {
            title: {name: f"[{TRAINING}] {value}" for name, value in fields.items()}
            for title, fields in filled.items()
        }
    )


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
