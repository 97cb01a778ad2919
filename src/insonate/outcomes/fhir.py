"""The registry as HL7 FHIR R5: one bundle a patient, of resources that validate.

Patient (pseudonym, year of birth), Device, Procedure, QuestionnaireResponse (the answers), Observation (the
scores), AdverseEvent. Simulated patients carry the security label HTEST: test health data. Codes are of
``urn:insonate:...`` where no public code is certain.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.outcomes.columns import Row
from insonate.outcomes.follow_up import scores
from insonate.outcomes.instruments import INSTRUMENTS, Instrument
from insonate.outcomes.registry import Registry
from insonate.outcomes.terms import DIAGNOSES, TERMS

_LOCAL = "urn:insonate"
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_DEVICE = "device-insonate"

Resource = dict[str, Any]


def bundles(registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield (pseudonym, FHIR R5 bundle as JSON) for every patient; each was validated.

    Raises
    ------
    SettingsError
        When fhir.resources is missing.
    """
    try:
        from fhir.resources.bundle import Bundle  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "FHIR needs the package fhir.resources; install insonate[outcomes]."
        ) from error
    by_patient = _grouped(registry.rows("answers"))
    events = _grouped(registry.rows("events"))
    for name, patient in registry.patients().items():
        made = resources(patient, by_patient.get(name, []), events.get(name, []))
        bundle = {
            "resourceType": "Bundle",
            "type": "collection",
            "meta": _meta(simulated=bool(patient["simulated"])),
            "entry": [
                {"fullUrl": f"{_LOCAL}:{r['resourceType']}:{r['id']}", "resource": r}
                for r in made
            ],
        }
        yield name, Bundle.model_validate(bundle).model_dump_json(indent=2)


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["patient"]), []).append(row)
    return groups


def resources(patient: Row, answers: list[Row], events: list[Row]) -> list[Resource]:
    """Return every resource of one patient as dictionaries."""
    made = [_patient(patient), _device(), _procedure(patient)]
    made += [_response(patient, sheet) for sheet in _sheets(answers)]
    made += list(_observations(patient, answers))
    made += [_event(patient, event) for event in events]
    for resource in made:
        resource["meta"] = _meta(simulated=bool(patient["simulated"]))
    return made


def _meta(*, simulated: bool) -> Resource:
    labels = [{"system": _ACT_REASON, "code": "HTEST", "display": "test health data"}]
    tag = {"system": f"{_LOCAL}:disclaimer", "code": "research-only", "display": DISCLAIMER}
    return {"tag": [tag]} | ({"security": labels} if simulated else {})


def _id(*parts: object) -> str:
    """Return an identifier as FHIR allows it: letters, digits, dash and point, at most 64."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(map(str, parts)))[:64]


def _subject(patient: Row) -> Resource:
    return {"reference": f"Patient/{_id(patient['patient'])}"}


def _concept(system: str, code: str, text: str) -> Resource:
    return {
        "coding": [{"system": f"{_LOCAL}:{system}", "code": code, "display": text}],
        "text": text,
    }


def _patient(patient: Row) -> Resource:
    sex = str(patient["sex"])
    return {
        "resourceType": "Patient",
        "id": _id(patient["patient"]),
        "identifier": [{"system": f"{_LOCAL}:pseudonym", "value": str(patient["patient"])}],
        "birthDate": str(patient["birth_year"]),
        "gender": sex,
    }


def _device() -> Resource:
    return {
        "resourceType": "Device",
        "id": _DEVICE,
        "status": "active",
        "name": [{"value": "insonate digital twin (simulated)", "type": "user-friendly-name"}],
    }


def _procedure(patient: Row) -> Resource:
    diagnosis = str(patient["diagnosis"])
    return {
        "resourceType": "Procedure",
        "id": _id("procedure", patient["patient"]),
        "status": "completed",
        "code": _concept(
            "procedure",
            "tcmrgfus-thalamotomy",
            "transcranial MR-guided focused ultrasound thalamotomy",
        ),
        "subject": _subject(patient),
        "occurrenceDateTime": str(patient["treated_on"]),
        "reason": [{"concept": _concept("diagnosis", diagnosis, DIAGNOSES[diagnosis])}],
        "used": [{"reference": {"reference": f"Device/{_DEVICE}"}}],
    }


def _sheets(answers: list[Row]) -> list[list[Row]]:
    """Return the answers of each visit and instrument."""
    sheets: dict[tuple[str, str], list[Row]] = {}
    for row in answers:
        sheets.setdefault((str(row["visit"]), str(row["instrument"])), []).append(row)
    return list(sheets.values())


def _response(patient: Row, sheet: list[Row]) -> Resource:
    first = sheet[0]
    code = str(first["instrument"])
    complete = len(sheet) == len(INSTRUMENTS[code].items)
    return {
        "resourceType": "QuestionnaireResponse",
        "id": _id("answers", patient["patient"], first["visit"], code),
        "questionnaire": f"{_LOCAL}:questionnaire:{code}",
        "status": "completed" if complete else "in-progress",
        "subject": _subject(patient),
        "authored": str(first["taken_on"]),
        "item": [
            {"linkId": str(row["item"]), "answer": [{"valueDecimal": row["value"]}]}
            for row in sheet
        ],
    }


def _observations(patient: Row, answers: list[Row]) -> Iterator[Resource]:
    """Yield every score that its rule gives; one that is missing is no observation."""
    days = {(str(r["visit"]), str(r["instrument"])): str(r["taken_on"]) for r in answers}
    for instrument in INSTRUMENTS.values():
        for score in instrument.scores:
            for (_, visit), value in scores(answers, instrument.code, score.name).items():
                yield {
                    "resourceType": "Observation",
                    "id": _id("score", patient["patient"], visit, instrument.code, score.name),
                    "status": "final",
                    "code": _score_code(instrument, score.name),
                    "subject": _subject(patient),
                    "effectiveDateTime": days[visit, instrument.code],
                    "valueQuantity": {"value": round(value, 6), "unit": "{score}"},
                    "referenceRange": [
                        {
                            "low": {"value": score.low},
                            "high": {"value": score.high},
                            "text": "range",
                        }
                    ],
                }


def _score_code(instrument: Instrument, name: str) -> Resource:
    code = _concept("score", f"{instrument.code}-{name}", f"{instrument.name}: {name}")
    if instrument.loinc and name == "current":
        code["coding"].append({"system": "http://loinc.org", "code": instrument.loinc})
    return code


def _event(patient: Row, event: Row) -> Resource:
    term = TERMS[str(event["term"])]
    serious = event["seriousness"] != "none"
    return {
        "resourceType": "AdverseEvent",
        "id": _id("event", patient["patient"], event["number"]),
        "status": "completed",
        "actuality": "actual",
        "code": _concept("ctcae-v5", term.code, term.ctcae),
        "subject": _subject(patient),
        "occurrenceDateTime": str(event["onset"]),
        "seriousness": _concept("seriousness", str(event["seriousness"]), "serious" if serious else "not serious"),
        "outcome": [_concept("event-outcome", str(event["outcome"]), str(event["outcome"]))],
        "suspectEntity": [
            {
                "instanceReference": {"reference": f"Procedure/{_id('procedure', patient['patient'])}"},
                "causality": {
                    "entityRelatedness": _concept(
                        "relatedness", str(event["relatedness"]), str(event["relatedness"])
                    )
                },
            }
        ],
        "note": [{"text": _note(event)}],
    }  # fmt: skip


def _note(event: Row) -> str:
    parts = [
        f"CTCAE v5.0 grade {event['grade']}",
        "expected" if event["expected"] else "unexpected",
    ]
    if event["sonication"] is not None:
        parts.append(f"began during sonication {event['sonication']}")
    return "; ".join(parts)
