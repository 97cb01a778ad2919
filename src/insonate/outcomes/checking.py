"""What a registry does not hold although it should, and whether its trail is whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from insonate.outcomes.columns import Row
from insonate.outcomes.follow_up import due
from insonate.outcomes.instruments import INSTRUMENTS
from insonate.outcomes.registry import FIRST_DIGEST, Registry, chained
from insonate.outcomes.visits import VISITS

LATE_EVENT_DAYS = 30


@dataclass(frozen=True)
class Finding:
    """One thing that a person should look at. ``kind``: missing, window, unlikely, trail."""

    kind: str
    patient: str
    sentence: str


def check_registry(registry: Registry) -> tuple[Finding, ...]:
    """Return everything that is missing, outside its window, unlikely, or broken in the trail."""
    patients = registry.patients()
    answers = registry.rows("answers")
    missed = registry.rows("missed")
    return (
        *trail_findings(registry),
        *_missing_visits(patients, answers, missed, registry.today),
        *_missing_items(answers),
        *_outside_windows(patients, answers),
        *_unlikely_events(patients, registry.rows("events")),
    )


def trail_findings(registry: Registry) -> Iterator[Finding]:
    """Yield where the audit trail is not what was written: an entry changed, or one gone."""
    previous, number = FIRST_DIGEST, 0
    for entry in registry.trail():
        number += 1
        if entry["number"] != number:
            yield Finding("trail", "", f"Entry {number} of the audit trail is missing.")
            number = entry["number"]
        if chained(previous, entry) != entry["digest"]:
            yield Finding(
                "trail", "", f"Entry {entry['number']} of the audit trail was changed."
            )
        previous = entry["digest"]


def _missing_visits(
    patients: dict[str, Row], answers: Iterable[Row], missed: Iterable[Row], today: date
) -> Iterator[Finding]:
    seen = {(row["patient"], row["visit"]) for row in answers}
    told = {(row["patient"], row["visit"]) for row in missed}
    for visit, names in due(patients.values(), today).items():
        for name in sorted(names):
            if (name, visit) not in seen | told:
                words = VISITS[visit].words
                yield Finding(
                    "missing", name, f"The visit at {words} is over and nothing says why not."
                )


def _missing_items(answers: Iterable[Row]) -> Iterator[Finding]:
    given: dict[tuple[str, str, str], set[str]] = {}
    for row in answers:
        sheet = (str(row["patient"]), str(row["visit"]), str(row["instrument"]))
        given.setdefault(sheet, set()).add(str(row["item"]))
    every = {code: [i.code for i in inst.items] for code, inst in INSTRUMENTS.items()}
    for (patient, visit, code), items in given.items():
        absent = [item for item in every[code] if item not in items]
        if absent:
            listed = ", ".join(absent)
            yield Finding(
                "missing", patient,
                f"{INSTRUMENTS[code].name} at {VISITS[visit].words}: no answer to {listed}.",
            )  # fmt: skip


def _outside_windows(patients: dict[str, Row], answers: Iterable[Row]) -> Iterator[Finding]:
    days = {(str(r["patient"]), str(r["visit"]), r["taken_on"]) for r in answers}
    for patient, visit, day in sorted(days, key=str):
        treated = patients[patient]["treated_on"]
        if not isinstance(treated, date) or not isinstance(day, date):
            continue
        if not VISITS[visit].holds(treated, day):
            due_on = VISITS[visit].due(treated)
            yield Finding(
                "window",
                patient,
                f"The visit at {VISITS[visit].words} was on {day}; due {due_on}.",
            )


def _unlikely_events(patients: dict[str, Row], events: Iterable[Row]) -> Iterator[Finding]:
    for row in events:
        treated, onset = patients[str(row["patient"])]["treated_on"], row["onset"]
        name, number = str(row["patient"]), row["number"]
        if not isinstance(treated, date) or not isinstance(onset, date):
            continue
        if onset < treated and row["relatedness"] in ("probable", "definite"):
            yield Finding("unlikely", name, f"Event {number} began before the procedure.")
        late = onset > treated + timedelta(days=LATE_EVENT_DAYS)
        if late and row["term"] in ("bleeding", "scalp-burn", "pin-site"):
            yield Finding(
                "unlikely", name, f"Event {number} began {(onset - treated).days} days after."
            )
        if isinstance(row["grade"], int) and row["grade"] >= 4 and row["seriousness"] == "none":
            yield Finding(
                "unlikely", name, f"Event {number} is of grade {row['grade']} and not serious."
            )
