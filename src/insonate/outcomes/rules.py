"""What no column can say alone: rules between the cells of a row, and between a row and its patient."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from insonate.outcomes.columns import Row, Table
from insonate.outcomes.instruments import INSTRUMENTS

Fault = tuple[str, str]
"""Column, and a sentence."""


@dataclass(frozen=True)
class Context:
    """What a row is checked against: the patients there are, and the day."""

    patients: Mapping[str, Row]
    today: date


def row_faults(table: Table, row: Row, context: Context) -> Iterator[Fault]:
    """Yield every fault of a row whose cells are all right by themselves."""
    patient = row if table.name == "patients" else context.patients.get(str(row["patient"]))
    if patient is None:
        yield "patient", f"There is no patient '{row['patient']}'; add the patient first."
        return
    yield from _date_faults(table, row, patient, context.today)
    yield from _RULES.get(table.name, _nothing)(row, patient)


def _nothing(_: Row, __: Row) -> Iterator[Fault]:
    yield from ()


def _date_faults(table: Table, row: Row, patient: Row, today: date) -> Iterator[Fault]:
    """Yield dates before birth and dates to come."""
    born = patient["birth_year"]
    for column in table.columns:
        day = row.get(column.name)
        if not isinstance(day, date):
            continue
        if isinstance(born, int) and day.year < born:
            yield column.name, f"{day} is before birth, in {born}."
        if day > today:
            yield column.name, f"{day} has not come yet; today is {today}."


def _patient(row: Row, _: Row) -> Iterator[Fault]:
    since, treated = row["pain_since"], row["treated_on"]
    if isinstance(since, date) and isinstance(treated, date) and since > treated:
        yield "pain_since", f"The pain begins on {since}, after the procedure on {treated}."
    if isinstance(treated, date) and isinstance(row["birth_year"], int):
        age = treated.year - row["birth_year"]
        if age < 18:
            yield (
                "birth_year",
                f"Born in {row['birth_year']}, {age} at the procedure; adults only.",
            )


def _visit(row: Row, patient: Row) -> Iterator[Fault]:
    """Yield a day on the wrong side of the procedure."""
    day, treated = row.get("taken_on"), patient["treated_on"]
    if not isinstance(day, date) or not isinstance(treated, date):
        return
    if row["visit"] == "baseline" and day > treated:
        yield "taken_on", f"The baseline of {day} is after the procedure on {treated}."
    if row["visit"] != "baseline" and day <= treated:
        yield "taken_on", f"A follow-up of {day} is not after the procedure on {treated}."


def _answer(row: Row, patient: Row) -> Iterator[Fault]:
    yield from _visit(row, patient)
    instrument = INSTRUMENTS[str(row["instrument"])]
    code, value = str(row["item"]), row["value"]
    fault = instrument.fault(code, float(value) if isinstance(value, int | float) else -1.0)
    if fault:
        known = instrument.item(code) is not None
        yield ("value" if known else "item"), fault
    if instrument.code == "pgic" and row["visit"] == "baseline":
        yield "visit", "A change is asked after the procedure, not at the baseline."


def _event(row: Row, patient: Row) -> Iterator[Fault]:
    fatal = {row["grade"] == 5, row["outcome"] == "fatal", row["seriousness"] == "death"}
    if len(fatal) == 2:
        yield (
            "grade",
            "Grade 5, the outcome fatal and the seriousness death go together or not at all.",
        )
    if row["term"] == "other" and not row["described"]:
        yield "described", "The term 'other' needs words."
    onset, treated = row["onset"], patient["treated_on"]
    if row["sonication"] is not None and onset != treated:
        yield "sonication", f"It began on {onset}, but the sonications were on {treated}."


_RULES: Mapping[str, Callable[[Row, Row], Iterator[Fault]]] = {
    "patients": _patient,
    "answers": _answer,
    "medication": _visit,
    "events": _event,
}
