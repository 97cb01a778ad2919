"""What the registry holds, said once: columns with kind, range, meaning and source.

The tables of the database, the checks of an import, the data dictionary and the Parquet schema are all made
from here. There is no column for a name, an address, a date of birth or a hospital number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from insonate.outcomes.eligibility import CRITERIA, VERDICTS
from insonate.outcomes.instruments import INSTRUMENTS
from insonate.outcomes.terms import (
    DIAGNOSES,
    EVENT_OUTCOMES,
    MISSED,
    RELATEDNESS,
    SERIOUSNESS,
    SEXES,
    TERMS,
)
from insonate.outcomes.visits import VISITS

Value = str | int | float | bool | date | None
Row = dict[str, Value]


class Kind(StrEnum):
    """What a cell holds, and how it is written in CSV."""

    TEXT = "text"
    CODE = "code"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    """YYYY-MM-DD."""
    FLAG = "flag"
    """yes or no."""


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name, kind, meaning
        What it is.
    required
        Whether a cell may not be empty.
    low, high
        Range of a number.
    choices
        What a code may be.
    pattern
        What a text must look like.
    unit
        Of a number, else empty.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    unit: str = ""

    def parse(self, cell: str) -> Value:
        """Return the value of a cell.

        Raises
        ------
        ValueError
            With the reason, as a sentence.
        """
        if cell == "":
            if self.required:
                raise ValueError("It is empty; this column must be filled.")
            return None
        value = _PARSERS[self.kind](self, cell)
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._require_range(value)
        return value

    def write(self, value: Value) -> str:
        """Return a value as it is written in CSV."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:.12g}"
        return str(value)

    def _require_range(self, value: float) -> None:
        low, high = self.low, self.high
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"It is {value:g}; it must lie between {low:g} and {high:g}.")


def _text(column: Column, cell: str) -> Value:
    if cell[0] in "=+-@\t\r\n" or cell != cell.strip():
        raise ValueError(
            "It begins with =, +, -, @ or a space, or ends with a space; a spreadsheet could run it as a "
            "formula. Write it without."
        )
    if len(cell) > 500 or not cell.isprintable():
        raise ValueError("It is longer than 500 characters, or holds control characters.")
    if column.pattern and not re.fullmatch(column.pattern, cell):
        raise ValueError(f"'{cell[:40]}' does not look like {column.meaning}.")
    return cell


def _code(column: Column, cell: str) -> Value:
    if cell not in column.choices:
        near = ", ".join(column.choices[:12])
        raise ValueError(f"'{cell[:40]}' is not known; choose one of {near}.")
    return cell


def _integer(_: Column, cell: str) -> Value:
    if not re.fullmatch(r"-?[0-9]{1,9}", cell):
        raise ValueError(f"'{cell[:40]}' is not a whole number.")
    return int(cell)


def _number(_: Column, cell: str) -> Value:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", cell):
        raise ValueError(f"'{cell[:40]}' is not a number; write it like 12 or 12.5.")
    return float(cell)


def _date(_: Column, cell: str) -> Value:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell):
        raise ValueError(f"'{cell[:40]}' is not a date; write it as YYYY-MM-DD.")
    try:
        return date.fromisoformat(cell)
    except ValueError as error:
        raise ValueError(f"'{cell}' is no day of the calendar.") from error


def _flag(_: Column, cell: str) -> Value:
    if cell not in ("yes", "no"):
        raise ValueError(f"'{cell[:40]}' is neither yes nor no.")
    return cell == "yes"


_PARSERS = {
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.DATE: _date,
    Kind.FLAG: _flag,
}


@dataclass(frozen=True)
class Table:
    """One table: its columns, and those that name a row."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)

    def key_of(self, row: Mapping[str, Value]) -> tuple[Value, ...]:
        """Return what names a row."""
        return tuple(row[name] for name in self.key)


PSEUDONYM = r"(?=.*[A-Z])[A-Z0-9]+(-[A-Z0-9]+)+"
"""Capitals and digits in groups, such as SITE1-0042: a hospital number has no letter, a name no digit group."""

_PATIENT = Column("patient", Kind.TEXT, "a pseudonym such as SITE1-0042", pattern=PSEUDONYM)
_VISIT = Column("visit", Kind.CODE, "planned visit", choices=tuple(VISITS))
_TAKEN = Column("taken_on", Kind.DATE, "day of the visit")

_TABLES = (
    Table(
        "patients", "who was treated, under a pseudonym",
        (
            _PATIENT,
            Column("birth_year", Kind.INTEGER, "year of birth", low=1900, high=2100, unit="year"),
            Column("sex", Kind.CODE, "sex", choices=SEXES),
            Column("diagnosis", Kind.CODE, "diagnosis", choices=tuple(DIAGNOSES)),
            Column("pain_since", Kind.DATE, "begin of the pain", required=False),
            Column("treated_on", Kind.DATE, "day of the procedure"),
            Column("simulated", Kind.FLAG, "whether this is a simulated patient"),
            Column("record", Kind.TEXT, "digest of the treatment record", required=False, pattern="[0-9a-f]{64}"),
        ),
        ("patient",),
    ),
    Table(
        "criteria", "eligibility, criterion by criterion",
        (
            _PATIENT,
            Column("criterion", Kind.CODE, "criterion", choices=tuple(CRITERIA)),
            Column("verdict", Kind.CODE, "met, not-met or unknown", choices=VERDICTS),
            Column("basis", Kind.TEXT, "what the verdict comes from"),
        ),
        ("patient", "criterion"),
    ),
    Table(
        "answers", "what patients answered, item by item",
        (
            _PATIENT, _VISIT, _TAKEN,
            Column("instrument", Kind.CODE, "instrument", choices=tuple(INSTRUMENTS)),
            Column("item", Kind.TEXT, "item of the instrument", pattern="[a-z0-9-]{1,40}"),
            Column("value", Kind.NUMBER, "answer", low=0, high=100),
        ),
        ("patient", "visit", "instrument", "item"),
    ),
    Table(
        "missed", "visits that were not made, with the reason",
        (
            _PATIENT, _VISIT,
            Column("reason", Kind.CODE, "why", choices=MISSED),
        ),
        ("patient", "visit"),
    ),
    Table(
        "medication", "drugs against pain at each visit",
        (
            _PATIENT, _VISIT, _TAKEN,
            Column("drug", Kind.TEXT, "generic name", pattern="[a-z][a-z -]{2,60}"),
            Column("dose_mg", Kind.NUMBER, "dose a day", low=0, high=10000, unit="mg/day"),
        ),
        ("patient", "visit", "drug"),
    ),
    Table(
        "events", "adverse events",
        (
            _PATIENT,
            Column("number", Kind.INTEGER, "number of the event of this patient", low=1, high=999),
            Column("term", Kind.CODE, "what happened", choices=tuple(TERMS)),
            Column("described", Kind.TEXT, "in words, without anything that names a person", required=False),
            Column("onset", Kind.DATE, "first day"),
            Column("grade", Kind.INTEGER, "CTCAE v5.0", low=1, high=5),
            Column("seriousness", Kind.CODE, "why it is serious, or none", choices=SERIOUSNESS),
            Column("relatedness", Kind.CODE, "relation to the procedure", choices=RELATEDNESS),
            Column("expected", Kind.FLAG, "whether it was to be expected"),
            Column("outcome", Kind.CODE, "how it ended", choices=EVENT_OUTCOMES),
            Column("sonication", Kind.INTEGER, "sonication during which it began", required=False, low=1, high=200),
        ),
        ("patient", "number"),
    ),
)  # fmt: skip

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
"""Every table of the registry, patients first."""
