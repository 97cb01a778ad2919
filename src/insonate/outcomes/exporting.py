"""The registry for others: CSV with a data dictionary, Parquet, and FHIR."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER, versions
from insonate.outcomes.columns import TABLES, Column, Kind, Row, Table
from insonate.outcomes.instruments import INSTRUMENTS, Score
from insonate.outcomes.registry import Registry

FORMATS = ("csv", "parquet", "fhir")


def export(registry: Registry, out: Path, form: str) -> tuple[Path, ...]:
    """Write the whole registry in one format, and return the files.

    Parameters
    ----------
    registry
        An open registry.
    out
        A folder that is empty or not there.
    form
        One of ``FORMATS``.

    Raises
    ------
    SettingsError
        When the format is unknown, the folder is not empty, or a package is missing.
    """
    if form not in FORMATS:
        raise SettingsError(f"There is no format '{form}'; choose one of {', '.join(FORMATS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(
            f"{out} is not an empty folder; give one that is empty or not there."
        )
    out.mkdir(parents=True, exist_ok=True)
    written = {"csv": _csv, "parquet": _parquet, "fhir": _fhir}[form](registry, out)
    return (*written, *_dictionary(out))


def _csv(registry: Registry, out: Path) -> Iterator[Path]:
    """Write one CSV a table; it can be imported again as it is."""
    for name, table in TABLES.items():
        path = out / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.name for column in table.columns])
            writer.writerows(_cells(table, registry.rows(name)))
            writer.writerow([f"# {DISCLAIMER}"])
        yield path


def _cells(table: Table, rows: Iterable[Row]) -> Iterator[list[str]]:
    for row in rows:
        yield [column.write(row[column.name]) for column in table.columns]


def _parquet(registry: Registry, out: Path) -> Iterator[Path]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "Parquet needs the package pyarrow; install insonate[outcomes]."
        ) from error
    types = {
        Kind.TEXT: pa.string(), Kind.CODE: pa.string(), Kind.INTEGER: pa.int64(),
        Kind.NUMBER: pa.float64(), Kind.DATE: pa.date32(), Kind.FLAG: pa.bool_(),
    }  # fmt: skip
    for name, table in TABLES.items():
        fields = [
            pa.field(
                c.name, types[c.kind], nullable=not c.required, metadata={"meaning": c.meaning}
            )
            for c in table.columns
        ]
        schema = pa.schema(fields, metadata={"disclaimer": DISCLAIMER, "table": table.meaning})
        path = out / f"{name}.parquet"
        parquet.write_table(pa.Table.from_pylist(registry.rows(name), schema=schema), path)
        yield path


def _fhir(registry: Registry, out: Path) -> Iterator[Path]:
    from insonate.outcomes.fhir import bundles  # noqa: PLC0415 - an extra

    for name, text in bundles(registry):
        path = out / f"{name}.json"
        path.write_text(text, "utf-8")
        yield path


def _dictionary(out: Path) -> Iterator[Path]:
    path = out / "dictionary.json"
    path.write_text(json.dumps(data_dictionary(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    yield path


def data_dictionary() -> dict[str, Any]:
    """Return what every column and every instrument means, with ranges, units and sources."""
    return {
        "disclaimer": DISCLAIMER,
        "versions": versions(),
        "tables": {
            name: {
                "meaning": table.meaning,
                "key": list(table.key),
                "columns": {c.name: _column_entry(c) for c in table.columns},
            }
            for name, table in TABLES.items()
        },
        "instruments": {
            code: {
                "name": instrument.name,
                "source": instrument.source,
                "items": {
                    i.code: {"text": i.text, "low": i.low, "high": i.high}
                    for i in instrument.items
                },
                "scores": {s.name: _score_entry(s) for s in instrument.scores},
            }
            for code, instrument in INSTRUMENTS.items()
        },
    }


def _column_entry(column: Column) -> dict[str, Any]:
    return {
        "meaning": column.meaning,
        "kind": column.kind.value,
        "required": column.required,
        "low": column.low,
        "high": column.high,
        "choices": list(column.choices),
        "unit": column.unit,
    }


def _score_entry(score: Score) -> dict[str, Any]:
    important = score.important
    told = None
    if important is not None:
        told = {"value": important.value, "unit": important.unit, "source": important.source}
    return {
        "low": score.low,
        "high": score.high,
        "better": score.better,
        "important_change": told,
    }
