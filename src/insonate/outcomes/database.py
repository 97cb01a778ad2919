"""The database: tables made from ``columns``, SQLite by default, PostgreSQL by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from insonate.core import SettingsError
from insonate.outcomes.columns import TABLES, Column, Kind, Table

METADATA = sa.MetaData()

_TYPES: dict[Kind, Any] = {
    Kind.TEXT: sa.String(500),
    Kind.CODE: sa.String(60),
    Kind.INTEGER: sa.Integer(),
    Kind.NUMBER: sa.Float(53),
    Kind.DATE: sa.Date(),
    Kind.FLAG: sa.Boolean(),
}


def _column(table: Table, column: Column) -> sa.Column[Any]:
    is_key = column.name in table.key
    points = column.name == "patient" and table.name != "patients"
    foreign = [sa.ForeignKey("patients.patient")] if points else []
    return sa.Column(
        column.name,
        _TYPES[column.kind],
        *foreign,
        primary_key=is_key,
        nullable=not (column.required or is_key),
        autoincrement=False,
    )


SQL: dict[str, sa.Table] = {
    name: sa.Table(name, METADATA, *(_column(table, c) for c in table.columns))
    for name, table in TABLES.items()
}
"""The tables of the registry by name."""

AUDIT = sa.Table(
    "audit", METADATA,
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("who", sa.String(100), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("table_name", sa.String(60), nullable=False),
    sa.Column("key", sa.Text(), nullable=False),
    sa.Column("before", sa.Text(), nullable=True),
    sa.Column("after", sa.Text(), nullable=True),
    sa.Column("digest", sa.String(64), nullable=False),
)  # fmt: skip
"""Every change: who, when, what it was and what it became, chained by digests."""


def engine_for(address: str) -> Engine:
    """Return an engine for a SQLite file's path, or the URL of a PostgreSQL database.

    Raises
    ------
    SettingsError
        When the address is neither.
    """
    if "://" not in address:
        path = Path(address)
        if not path.parent.is_dir():
            raise SettingsError(f"There is no folder {path.parent} for the registry {path}.")
        engine = sa.create_engine(f"sqlite:///{path}")
        sa.event.listen(engine, "connect", _prepare_sqlite)
        return engine
    if address.startswith("postgresql://"):
        return sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://", 1))
    raise SettingsError(
        f"The address of the registry begins with {address.partition('://')[0]}://; give the path of a "
        "SQLite file, or postgresql://USER@HOST/DATABASE."
    )


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Switch on what SQLite leaves off: foreign keys, and a log that survives a crash."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that no other writer shares; an error undoes all of it."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def alembic_config() -> Config:
    """Return the configuration of the migrations that come with insonate."""
    config = Config()
    folder = resources.files("insonate.outcomes") / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine) -> None:
    """Bring a database to the newest schema; one that is there already is left as it is."""
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schema_version(engine: Engine) -> str | None:
    """Return the version of the schema of a database, or None where there is none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str | None:
    """Return the newest version there is."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()
