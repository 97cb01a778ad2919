"""Rows from CSV: every cell and every row checked before anything is written anywhere."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from insonate.core import DataError, SettingsError
from insonate.outcomes.columns import TABLES, Row, Table, Value
from insonate.outcomes.rules import Context, row_faults

TOLD = 20
"""So many faults are told in words; the rest are counted."""

_DISCLAIMED = "#"
"""A row of one cell that begins so is a remark, such as the disclaimer of an export."""

Exists = Callable[[str, tuple[Value, ...]], bool]


@dataclass(frozen=True)
class Fault:
    """One reason why a row is refused."""

    file: str
    row: int
    column: str
    reason: str

    @property
    def sentence(self) -> str:
        """File, row, column and reason."""
        return f"{self.file}, row {self.row}, '{self.column}': {self.reason}"


@dataclass(frozen=True)
class Batch:
    """Rows of all tables that may be written together."""

    rows: Mapping[str, tuple[Row, ...]]

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(map(len, self.rows.values()))


def read_batch(path: Path, patients: Mapping[str, Row], exists: Exists, today: date) -> Batch:
    """Return the rows of a CSV file, or of a folder of them, when every one is right.

    Parameters
    ----------
    path
        A file called after its table (``answers.csv``), or a folder with such files.
    patients
        Those already in the registry, by pseudonym.
    exists
        Whether a row with a key is in the registry already.
    today
        No date may lie after it.

    Raises
    ------
    SettingsError
        When there is nothing to read, or a file cannot be read.
    DataError
        With row and reason of every fault; then nothing is to be written.
    """
    faults: list[Fault] = []
    rows: dict[str, tuple[Row, ...]] = {}
    known = dict(patients)
    for table, file in _files(path):
        found = tuple(_table_rows(table, file, Context(known, today), exists, faults))
        rows[table.name] = found
        if table.name == "patients":
            known |= {str(row["patient"]): row for row in found}
    if faults:
        raise DataError(told(faults))
    return Batch(rows)


def told(faults: Iterable[Fault]) -> list[str]:
    """Return sentences for faults: all while they are few, then how many more there are."""
    sentences = [fault.sentence for fault in faults]
    more = len(sentences) - TOLD
    if more > 0:
        sentences = [*sentences[:TOLD], f"And {more} more faults."]
    return [*sentences, "Nothing was imported."]


def _files(path: Path) -> list[tuple[Table, Path]]:
    """Return the tables that are there, patients first."""
    if path.is_dir():
        found = [(t, path / f"{name}.csv") for name, t in TABLES.items()]
        there = [(table, file) for table, file in found if file.is_file()]
    else:
        there = [(TABLES[path.stem], path)] if path.stem in TABLES and path.is_file() else []
    if not there:
        raise SettingsError(
            f"There is nothing to import at {path}; give a CSV called after its table, or a folder of "
            f"them: {', '.join(f'{name}.csv' for name in TABLES)}."
        )
    return there


def _table_rows(
    table: Table, file: Path, context: Context, exists: Exists, faults: list[Fault]
) -> Iterator[Row]:
    """Yield the right rows of a file; the faults of the others are put into ``faults``."""
    seen: dict[tuple[Value, ...], int] = {}
    for number, cells in _raw_rows(table, file):
        row, wrong = check_row(table, cells, context)
        if row is not None and not wrong:
            key = table.key_of(row)
            if key in seen:
                wrong = [(table.key[0], f"The same row is there already, as row {seen[key]}.")]
            elif exists(table.name, key):
                wrong = [(table.key[0], "The registry has this row already; change it there.")]
            seen.setdefault(key, number)
        faults += [Fault(file.name, number, column, reason) for column, reason in wrong]
        if row is not None and not wrong:
            yield row


def check_row(
    table: Table, cells: Mapping[str, str | None], context: Context
) -> tuple[Row | None, list[tuple[str, str]]]:
    """Return a row, or None where a cell cannot be read, and its faults as (column, sentence)."""
    row: Row = {}
    faults: list[tuple[str, str]] = []
    for column in table.columns:
        try:
            row[column.name] = column.parse(cells.get(column.name) or "")
        except ValueError as error:
            faults.append((column.name, str(error)))
    if faults:
        return None, faults
    return row, list(row_faults(table, row, context))


def _raw_rows(table: Table, file: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield row number (the head is row 1) and cells by column.

    Raises
    ------
    SettingsError
        When the file is no UTF-8 CSV with just the columns of the table.
    """
    names = [column.name for column in table.columns]
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            head = next(reader, [])
            if sorted(head) != sorted(names):
                raise SettingsError(
                    f"{file.name} has the columns {', '.join(head) or 'none'}; it must have "
                    f"{', '.join(names)}. Nothing was imported."
                )
            yield from _cells(reader, head)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(
            f"{file.name} cannot be read as CSV in UTF-8: {error}. Nothing was imported."
        ) from error


def _cells(
    reader: Iterable[list[str]], head: list[str]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield number and cells of each row that is no remark and not blank; one of another length has no
    patient, and is refused for that.
    """  # noqa: D205
    for number, cells in enumerate(reader, start=2):
        if not cells or (len(cells) == 1 and cells[0].startswith(_DISCLAIMED)):
            continue
        if len(cells) != len(head):
            yield number, {"patient": f"{len(cells)} cells instead of {len(head)}"}
        else:
            yield number, dict(zip(head, cells, strict=True))
