"""Value sets of EQ-5D-5L, from a file that the site owns: they are licensed and none is shipped."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from insonate.core import DataError, SettingsError

PROFILES = 5**5


def load_value_set(path: Path) -> Mapping[str, float]:
    """Return the value of every profile from a CSV with the columns ``profile`` and ``value``.

    Parameters
    ----------
    path
        3,125 rows: each of the profiles 11111 to 55555 once, values at most 1.

    Raises
    ------
    SettingsError
        When the file cannot be read.
    DataError
        With every fault of it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(
            f"The value set {path} cannot be read; give a CSV in UTF-8 with the columns profile and value."
        ) from error
    values: dict[str, float] = {}
    faults: list[str] = []
    for number, row in enumerate(rows, start=2):
        fault = _take(row, values)
        if fault:
            faults.append(f"Row {number} of {path.name}: {fault}")
    if len(values) != PROFILES:
        faults.append(
            f"{path.name} has {len(values)} profiles; a value set has all {PROFILES}, each once."
        )
    if values.get("11111", 1.0) != 1.0:
        faults.append(f"{path.name} gives full health {values['11111']:g}; it must be 1.")
    if faults:
        raise DataError(faults[:20])
    return values


def _take(row: Mapping[str, str | None], values: dict[str, float]) -> str:
    """Put a row into the values, or return why not."""
    profile, text = row.get("profile") or "", row.get("value") or ""
    if not re.fullmatch("[1-5]{5}", profile) or profile in values:
        return f"the profile '{profile}' is not five levels of 1 to 5, or is there twice."
    if not re.fullmatch(r"-?\d(\.\d+)?", text) or float(text) > 1.0:
        return f"the value '{text}' is not a number of at most 1."
    values[profile] = float(text)
    return ""
