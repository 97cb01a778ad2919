"""The registry: rows in, rows out, and an audit trail of every change."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from insonate.core import DataError, SettingsError
from insonate.outcomes.columns import TABLES, Row, Table, Value
from insonate.outcomes.database import (
    AUDIT,
    SQL,
    engine_for,
    migrate,
    newest_version,
    schema_version,
    writing,
)
from insonate.outcomes.reading import Batch, check_row, read_batch
from insonate.outcomes.rules import Context

_CHUNK = 5000
FIRST_DIGEST = "0" * 64


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Registry:
    """An open registry.

    Parameters
    ----------
    engine
        Its database, at the newest schema.
    who
        Whose changes the audit trail names: a role or a login, no patient.
    clock
        What time it is, UTC; the trail's times and "today" come from it.
    """

    engine: Engine
    who: str
    clock: Callable[[], datetime] = _now

    @property
    def today(self) -> date:
        """The day of the clock."""
        return self.clock().date()

    def rows(self, table: str) -> list[Row]:
        """Return all rows of a table, ordered by their key."""
        spec, sql = TABLES[table], SQL[table]
        query = sa.select(sql).order_by(*(sql.c[name] for name in spec.key))
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def patients(self) -> dict[str, Row]:
        """Return the patients by pseudonym."""
        return {str(row["patient"]): row for row in self.rows("patients")}

    def add(self, table: str, cells: Mapping[str, str]) -> Row:
        """Add one row, given as the cells of a CSV, and return it.

        Raises
        ------
        DataError
            With every fault of it.
        """
        spec = _table(table)
        row, wrong = check_row(spec, cells, Context(self.patients(), self.today))
        unknown = [name for name in cells if name not in {c.name for c in spec.columns}]
        sentences = [f"'{column}': {reason}" for column, reason in wrong]
        sentences += [f"There is no column '{name}' in {table}." for name in unknown]
        if row is not None and self._exists()(table, spec.key_of(row)):
            sentences.append("The registry has this row already; change it with 'amend'.")
        if row is None or sentences:
            raise DataError([*sentences, "Nothing was added."])
        self.write(Batch({table: (row,)}))
        return row

    def amend(self, table: str, cells: Mapping[str, str]) -> Row:
        """Change a row that is there; cells that are not given keep their value.

        Raises
        ------
        DataError
            When there is no such row, or the changed row has faults.
        """
        spec = _table(table)
        key = tuple(spec.column(name).parse(cells.get(name, "")) for name in spec.key)
        old = next((r for r in self.rows(table) if spec.key_of(r) == key), None)
        if old is None:
            raise DataError([f"There is no row {key} in {table}; add it first."])
        kept = {c.name: c.write(old[c.name]) for c in spec.columns}
        row, wrong = check_row(spec, kept | dict(cells), Context(self.patients(), self.today))
        if row is None or wrong:
            raise DataError(
                [f"'{c}': {reason}" for c, reason in wrong] + ["Nothing was changed."]
            )
        with writing(self.engine) as connection:
            connection.execute(sa.update(SQL[table]).where(*_same(spec, row)).values(**row))
            self._log(connection, [("amend", table, row, old)])
        return row

    def import_csv(self, path: Path) -> int:
        """Import a CSV file or a folder of them, all or nothing, and return how many rows came.

        Raises
        ------
        DataError, SettingsError
            As ``reading.read_batch``; the registry is then as it was.
        """
        batch = read_batch(path, self.patients(), self._exists(), self.today)
        self.write(batch)
        return batch.count

    def write(self, batch: Batch) -> None:
        """Write checked rows and their audit trail in one transaction."""
        with writing(self.engine) as connection:
            for table in TABLES:
                for rows in _chunks(batch.rows.get(table, ())):
                    connection.execute(sa.insert(SQL[table]), rows)
                    self._log(connection, [("add", table, row, None) for row in rows])

    def _exists(self) -> Callable[[str, tuple[Value, ...]], bool]:
        """Return a function that knows all keys; each table is asked once."""
        keys: dict[str, set[tuple[Value, ...]]] = {}

        def exists(table: str, key: tuple[Value, ...]) -> bool:
            if table not in keys:
                columns = [SQL[table].c[name] for name in TABLES[table].key]
                with self.engine.connect() as connection:
                    keys[table] = {tuple(r) for r in connection.execute(sa.select(*columns))}
            return key in keys[table]

        return exists

    def _log(
        self, connection: Connection, changes: Iterable[tuple[str, str, Row, Row | None]]
    ) -> None:
        """Append changes (action, table, row, what it was) to the audit trail."""
        last = connection.execute(
            sa.select(AUDIT.c.number, AUDIT.c.digest).order_by(AUDIT.c.number.desc()).limit(1)
        ).first()
        number, digest = (0, FIRST_DIGEST) if last is None else (last[0], last[1])
        at = self.clock().isoformat(timespec="seconds")
        entries = []
        for action, table, row, before in changes:
            number += 1
            entry = {
                "number": number, "at": at, "who": self.who, "action": action, "table_name": table,
                "key": canonical(TABLES[table].key_of(row)),
                "before": None if before is None else canonical(before),
                "after": canonical(row),
            }  # fmt: skip
            digest = chained(digest, entry)
            entries.append(entry | {"digest": digest})
        if entries:
            connection.execute(sa.insert(AUDIT), entries)

    def trail(self) -> Iterator[dict[str, Any]]:
        """Yield the audit trail, oldest first."""
        with self.engine.connect() as connection:
            query = sa.select(AUDIT).order_by(AUDIT.c.number)
            for row in connection.execution_options(yield_per=_CHUNK).execute(query).mappings():
                yield dict(row)


def open_registry(
    address: str, *, who: str, create: bool = False, clock: Callable[[], datetime] = _now
) -> Registry:
    """Open a registry, or make a new one.

    Parameters
    ----------
    address
        The path of a SQLite file, or postgresql://USER@HOST/DATABASE.
    who
        Whose changes the audit trail names.
    create
        Whether a registry that is not there is made, and an older schema brought up to date.
    clock
        What time it is, UTC.

    Raises
    ------
    SettingsError
        When there is none and none is to be made, it cannot be reached, or its schema is another.
    """
    if not create and "://" not in address and not Path(address).is_file():
        raise SettingsError(f"There is no registry {address}; make one with 'registry init'.")
    engine = engine_for(address)
    try:
        if create:
            migrate(engine)
        found = schema_version(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise SettingsError(f"The registry cannot be reached: {reason}.") from error
    if found != newest_version():
        engine.dispose()
        raise SettingsError(
            f"The registry has the schema {found or 'of something else'}, this insonate needs "
            f"{newest_version()}; run 'registry init' on it."
        )
    return Registry(engine, who, clock)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


def canonical(value: Any) -> str:
    """Return JSON with one way to write it: sorted keys, no spaces, dates as text."""
    return _ENCODER.encode(value)


_TOLD = ("number", "at", "who", "action", "table_name", "key", "before", "after")


def chained(previous: str, entry: Mapping[str, Any]) -> str:
    """Return the digest of an entry of the trail, which holds the digest before it."""
    parts = [previous, *("-" if entry[name] is None else str(entry[name]) for name in _TOLD)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _table(name: str) -> Table:
    if name not in TABLES:
        raise SettingsError(f"There is no table '{name}'; there are {', '.join(TABLES)}.")
    return TABLES[name]


def _same(table: Table, row: Row) -> list[Any]:
    return [SQL[table.name].c[name] == row[name] for name in table.key]


def _chunks(rows: tuple[Row, ...]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), _CHUNK):
        yield list(rows[start : start + _CHUNK])
