"""The evidence as a folder: statement, tables, plots and one JSON document."""

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from math import isfinite
from pathlib import Path
from shutil import rmtree
from typing import Any

from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.evidence.plots import forest, funnel, png
from insonate.evidence.statement import state
from insonate.evidence.study import Study
from insonate.evidence.synthesis import Answer, Kind, answers, series_interval
from insonate.evidence.tables import (
    ANSWER_HEAD,
    BIAS_HEAD,
    STUDY_HEAD,
    answer_rows,
    bias_rows,
    document,
    study_rows,
)


def write_evidence(studies: tuple[Study, ...], out: Path, *, replace: bool = False) -> Path:
    """Write statement.md, evidence.json, three CSV tables and the plots, and return the folder.

    Parameters
    ----------
    studies
        As ``reading.load_studies`` gives them.
    out
        The folder.
    replace
        Whether an earlier result there is deleted first.

    Raises
    ------
    SettingsError
        When the folder holds something already and ``replace`` is off.
    """
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        if not replace or not (out / "evidence.json").is_file():
            raise SettingsError(
                f"{out} is there already; give another folder, or --replace for an earlier result of "
                "this command."
            )
        rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "statement.md").write_text(state(studies).text, "utf-8")
    text = json.dumps(finite(document(studies)), indent=2, allow_nan=False) + "\n"
    (out / "evidence.json").write_text(text, "utf-8")
    tables = (
        ("studies", STUDY_HEAD, study_rows(studies)),
        ("risk-of-bias", BIAS_HEAD, bias_rows(studies)),
        ("outcomes", ANSWER_HEAD, answer_rows(studies)),
    )
    for name, head, rows in tables:
        (out / f"{name}.csv").write_text(csv_text(head, rows), "utf-8")
    for name, picture in pictures(answers(studies)).items():
        (out / name).write_bytes(picture)
    return out


def finite(value: Any) -> Any:
    """Return a document with null for every number that is not finite: JSON has none."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def csv_text(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as CSV, with the disclaimer as its last line."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    writer.writerow([DISCLAIMER])
    return text.getvalue()


def pictures(found: Iterable[Answer]) -> dict[str, bytes]:
    """Return every plot that has something to show, as PNG by file name."""
    drawn: dict[str, bytes] = {}
    for answer in found:
        if sum(series_interval(one) is not None for one in answer.series) < 2:
            continue
        name = file_name(answer)
        drawn[f"forest-{name}.png"] = png(forest(answer))
        picture = funnel(answer)
        if picture is not None:
            drawn[f"funnel-{name}.png"] = png(picture)
    return drawn


def file_name(answer: Answer) -> str:
    """Return what the files of an answer are called."""
    visit = "" if answer.question.months is None else f"-{answer.question.months:g}m"
    return answer.question.name + (visit if answer.question.kind is not Kind.HARM else "")
