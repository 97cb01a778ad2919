"""Imports that are wrong in one place: each must be refused with its row, and leave nothing behind."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from insonate.core import InputError
from insonate.outcomes.columns import TABLES, Column, Kind, Table

Rows = dict[str, list[dict[str, str]]]
Importer = Callable[[Path], object]
Content = Callable[[], object]

BORN, TREATED = 1960, "2024-01-10"


def good_rows(patients: int = 3, site: str = "SITE1") -> Rows:
    """Return a small registry's rows, as cells: every table has some."""
    rows: Rows = {name: [] for name in TABLES}
    for number in range(1, patients + 1):
        name = f"{site}-{number:04d}"
        rows["patients"].append({
            "patient": name, "birth_year": str(BORN), "sex": "female", "diagnosis": "phantom-limb",
            "pain_since": "2015-03-01", "treated_on": TREATED, "simulated": "yes", "record": "",
        })  # fmt: skip
        rows["criteria"].append(
            {"patient": name, "criterion": "age", "verdict": "met", "basis": "clinic letter"}
        )
        rows["answers"] += list(_answers(name, number))
        rows["missed"].append({"patient": name, "visit": "month-6", "reason": "declined"})
        rows["medication"].append({
            "patient": name, "visit": "month-3", "taken_on": "2024-04-10", "drug": "pregabalin",
            "dose_mg": "300",
        })  # fmt: skip
        rows["events"].append({
            "patient": name, "number": "1", "term": "headache", "described": "", "onset": TREATED,
            "grade": "1", "seriousness": "none", "relatedness": "possible", "expected": "yes",
            "outcome": "recovered", "sonication": "3",
        })  # fmt: skip
    return rows


def _answers(name: str, number: int) -> Iterator[dict[str, str]]:
    """Yield a baseline and a follow-up of numeric rating and EQ-5D-5L."""
    for visit, day, pain in (
        ("baseline", "2024-01-08", 8),
        ("month-3", "2024-04-10", number % 9),
    ):
        for instrument, item, value in (
            ("nrs", "current", pain),
            ("eq5d5l", "mobility", 1 + number % 5),
        ):
            yield {
                "patient": name, "visit": visit, "taken_on": day, "instrument": instrument,
                "item": item, "value": str(value),
            }  # fmt: skip


def write_rows(rows: Rows, folder: Path) -> None:
    """Write rows as one CSV a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in TABLES.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [c.name for c in table.columns], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[name])


@dataclass(frozen=True)
class Spoiled:
    """One wrong import: what was done, and in which row of which file."""

    what: str
    file: str
    row: int


Spoiler = Callable[[Rows, np.random.Generator], Spoiled]


def _cell(kinds: tuple[Kind, ...], values: tuple[str, ...], what: str) -> Spoiler:
    """Return a spoiler that puts a wrong value into a random cell of some kinds."""

    def spoil(rows: Rows, rng: np.random.Generator) -> Spoiled:
        places = [(t, c) for t in TABLES.values() for c in t.columns if c.kind in kinds]
        table, column = places[rng.integers(len(places))]
        return _put(rows, rng, table, column, values[rng.integers(len(values))], what)

    return spoil


def _put(
    rows: Rows, rng: np.random.Generator, table: Table, column: Column, value: str, what: str
) -> Spoiled:
    row = int(rng.integers(len(rows[table.name])))
    rows[table.name][row][column.name] = value
    return Spoiled(f"{what}: {column.name}={value!r}", f"{table.name}.csv", row + 2)


def _out_of_range(rows: Rows, rng: np.random.Generator) -> Spoiled:
    places = [(t, c) for t in TABLES.values() for c in t.columns if c.high is not None]
    table, column = places[rng.integers(len(places))]
    values = (
        str((column.high or 0) + 1).split(".")[0],
        str((column.low or 0) - 1).split(".")[0],
    )
    return _put(rows, rng, table, column, values[rng.integers(2)], "out of range")


def _empty(rows: Rows, rng: np.random.Generator) -> Spoiled:
    places = [(t, c) for t in TABLES.values() for c in t.columns if c.required]
    table, column = places[rng.integers(len(places))]
    return _put(rows, rng, table, column, "", "empty")


def _twice(rows: Rows, rng: np.random.Generator) -> Spoiled:
    names = list(TABLES)
    name = names[rng.integers(len(names))]
    rows[name].append(dict(rows[name][rng.integers(len(rows[name]))]))
    return Spoiled("the same row twice", f"{name}.csv", len(rows[name]) + 1)


def _one(table: str, what: str, **cells: str) -> Spoiler:
    """Return a spoiler that puts given cells into a random row of a table."""

    def spoil(rows: Rows, rng: np.random.Generator) -> Spoiled:
        row = int(rng.integers(len(rows[table])))
        rows[table][row] |= cells
        return Spoiled(what, f"{table}.csv", row + 2)

    return spoil


_FORMULAS = ("=1+1", "=HYPERLINK(0)", "+cmd", "-2+3", "@SUM(A1)", "\t=1", " =1")
_NUMBERS = (Kind.INTEGER, Kind.NUMBER)

SPOILERS: tuple[Spoiler, ...] = (
    _cell(_NUMBERS, ("abc", "1,5", "1e3", "nan", "inf", "0x10", "١", " 5", "5 "), "no number"),
    _cell((Kind.DATE,), ("10.01.2024", "2024-02-30", "2024-13-01", "20240110", "soon"), "no date"),
    _cell((Kind.DATE,), ("1950-01-01", "1901-12-31"), "before birth"),
    _cell((Kind.DATE,), ("2990-01-01",), "to come"),
    _cell((Kind.CODE,), ("something-else", "Other ", "=1", "0"), "unknown term"),
    _cell((Kind.FLAG,), ("true", "1", "YES", "maybe"), "no flag"),
    _cell((Kind.TEXT,), _FORMULAS, "formula"),
    _cell((Kind.TEXT,), ("a\x00b", "a\x1bb", "x" * 501), "control characters or too long"),
    _out_of_range,
    _empty,
    _twice,
    _one("patients", "a name", patient="Jane Doe"),
    _one("patients", "a hospital number", patient="9434765919"),
    _one("patients", "a child", birth_year="2010"),
    _one("patients", "pain after the procedure", pain_since="2024-02-01"),
    _one("answers", "nobody", patient="SITE9-0001"),
    _one("events", "nobody", patient="SITE9-0001"),
    _one("answers", "no such item", item="happiness"),
    _one("answers", "above the instrument", instrument="nrs", item="current", value="11"),
    _one("answers", "half a point", instrument="nrs", item="current", value="7.5"),
    _one("answers", "baseline after", visit="baseline", taken_on="2024-02-01"),
    _one("answers", "follow-up before", visit="month-3", taken_on="2024-01-09"),
    _one("answers", "change before", visit="baseline", taken_on="2024-01-08", instrument="pgic",
         item="change", value="4"),
    _one("events", "dead and recovered", grade="5"),
    _one("events", "other without words", term="other", described=""),
    _one("events", "sonication on another day", onset="2024-02-01"),
)  # fmt: skip
"""Ways to be wrong; each changes one row."""


def let_in(
    importer: Importer, content: Content, folder: Path, count: int, rng: np.random.Generator
) -> list[str]:
    """Return what was wrong with the handling of ``count`` wrong imports, one sentence each.

    Parameters
    ----------
    importer
        Imports a folder and raises an ``InputError`` that names file and row.
    content
        Returns everything in the registry; it must not change.
    folder
        Where the wrong files are written.
    count
        How many; the ways to be wrong take turns.
    rng
        Draws tables, rows and values.
    """
    wrong: list[str] = []
    before = content()
    for number in range(count):
        rows = good_rows()
        spoiled = SPOILERS[number % len(SPOILERS)](rows, rng)
        write_rows(rows, folder)
        try:
            importer(folder)
        except InputError as error:
            if f"{spoiled.file}, row {spoiled.row}," not in str(error):
                wrong.append(
                    f"{spoiled.what}: refused without {spoiled.file}, row {spoiled.row}"
                )
        else:
            wrong.append(f"{spoiled.what}: let in")
        if content() != before:
            wrong.append(f"{spoiled.what}: left something behind")
            break
    return wrong
