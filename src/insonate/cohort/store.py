"""Results as they come: one small Parquet file a task, and one table of them all."""

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from insonate.cohort.design import Row, Task
from insonate.core import RecordError
from insonate.core.provenance import DISCLAIMER

RESULTS = "results.parquet"
"""The table of a cohort."""
LEFT_OUT = "guards.parquet"
"""The table of its patients without the guards that spoke, one at a time."""

_ROWS = "rows"
_TEXT = {
    "digest",
    "head",
    "target",
    "scenario",
    "practice",
    "mapping",
    "guards_off",
    "guards_spoke",
    "outcome",
    "limits_broken",
    "refused",
}
_WHOLE = {"patient", "seed", "elements_on", "sonications"}
_FLAGS = {"reached", "within_limits", "bled"}
COLUMNS = (
    "patient", "digest", "head", "thickness", "marrow", "size", "target", "scenario", "practice", "seed",
    "guards_off", "guards_spoke", "registration_mm", "refused", "sdr", "thickness_mm", "elements_on", "predicted_k_per_kj", "outcome",
    "sonications", "energy_kj", "largest_energy_kj", "measured_peak_degc", "true_peak_degc", "reached",
    "within_limits", "limits_broken", "true_skull_degc", "true_scalp_degc", "true_off_target_degc",
    "targeting_error_mm", "true_lesion_mm3", "true_volume_100_mm3", "true_volume_200_mm3",
    "energy_per_k_growth", "bled", "minutes", "capsule_genu_degc", "capsule_genu_cem43",
    "capsule_posterior_degc", "capsule_posterior_cem43", "sensory_hand_degc", "sensory_hand_cem43",
    "sensory_foot_degc", "sensory_foot_cem43",
)  # fmt: skip
"""Columns of every result; each drawn quantity is one more, ``drawn_...``."""


def _type(name: str) -> pa.DataType:
    if name in _TEXT:
        return pa.string()
    if name in _WHOLE:
        return pa.int64()
    return pa.bool_() if name in _FLAGS else pa.float64()


def _table(rows: list[Row]) -> pa.Table:
    extra = sorted({name for row in rows for name in row} - set(COLUMNS))
    fields = [pa.field(name, _type(name)) for name in (*COLUMNS, *extra)]
    schema = pa.schema(fields, metadata={"disclaimer": DISCLAIMER})
    return pa.Table.from_pylist(
        [{f.name: row.get(f.name) for f in fields} for row in rows], schema
    )


def row_path(out: Path, digest: str) -> Path:
    """Return where the result of a task lies."""
    return out / _ROWS / digest[:2] / f"{digest}.parquet"


def write_row(out: Path, row: Row) -> None:
    """Write one result; it is there whole or not at all.

    Raises
    ------
    RecordError
        When the disk is full or the folder cannot be written; earlier results are as they were.
    """
    path = row_path(out, row["digest"])
    beside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            parquet.write_table(_table([row]), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RecordError(
            f"A result cannot be written to {path.parent}: {error.strerror}. Make room and run the cohort "
            "again; what was written is kept."
        ) from error


def read_row(out: Path, task: Task) -> Row | None:
    """Return the result of a task, or None where there is none or it is damaged."""
    path = row_path(out, task.digest)
    try:
        found: list[Row] = parquet.read_table(path, partitioning=None).to_pylist()
    except (OSError, pa.ArrowInvalid):
        return None
    if len(found) != 1 or found[0].get("digest") != task.digest:
        return None
    return found[0] | {"patient": task.patient}


def write_results(out: Path, rows: Iterable[Row], name: str = RESULTS) -> Path:
    """Write all results as one table, by patient, and return it."""
    path = out / name
    ordered = sorted(rows, key=lambda row: int(row["patient"]))
    beside = path.with_suffix(".part")
    parquet.write_table(_table(ordered), beside)
    beside.replace(path)
    return path


def read_results(path: Path) -> list[Row]:
    """Return the rows of a table of results, by patient.

    Raises
    ------
    RecordError
        When there is none, or it is no such table.
    """
    try:
        rows: list[Row] = parquet.read_table(path, partitioning=None).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise RecordError(f"{path} is no table of results; run the cohort first.") from error
    if not rows or not set(COLUMNS) <= rows[0].keys():
        raise RecordError(f"{path} is no table of results of a cohort.")
    return rows
