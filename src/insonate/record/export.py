"""A record for others: JSON Lines, a table, or folders in the manner of BIDS; de-identified.

By default nothing leaves that could tell who or when: wall-clock times are counted from the
record's first event on 1 January 1970, whoever asked or operated is "operator", what people wrote
or said in their own words is left out. The chain cannot be carried over, for the text is another.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from insonate.core import Frame, Grid, RecordError, Volume
from insonate.core.provenance import DISCLAIMER
from insonate.events import Event, Payload
from insonate.events.documents import SessionOpened, TemperatureFrame
from insonate.images import write_volume
from insonate.record.reading import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FREE_TEXT = {
    "operator_command": {"who": "operator", "why": ""},
    "operator_present": {"who": "operator"},
    "patient_report": {"symptom": ""},
}
"""What people wrote or said, by kind of event, and what stands in its place."""

COLUMNS = ("sequence", "time_s", "source", "cause", "kind", "field", "value", "unit", "reason")
"""Of the table: one row for each value."""


def deidentified(events: tuple[Event, ...]) -> Iterator[Event]:
    """Yield the events without dates, names and free text; numbers, findings, decisions stay."""
    start = events[0].wall if events else _EPOCH
    for event in events:
        instead = _FREE_TEXT.get(event.payload.kind, {})
        payload = event.payload.model_copy(update=instead)
        wall = _EPOCH + (event.wall - start)
        yield event.model_copy(update={"payload": payload, "wall": wall, "reason": ""})


def values(payload: Payload) -> Iterator[tuple[str, Any, str]]:
    """Yield (field, value, unit) of every field of a payload but its kind."""
    content = payload.model_dump(mode="json")
    for name, field in type(payload).model_fields.items():
        if name == "kind":
            continue
        extra = field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        found = content[name]
        text = json.dumps(found) if isinstance(found, list | dict) else found
        yield name, text, unit


def as_lines(events: tuple[Event, ...]) -> str:
    """Return JSON Lines: a header with the disclaimer, then one event each."""
    head = json.dumps({"disclaimer": DISCLAIMER, "events": len(events)})
    return "\n".join([head, *(event.model_dump_json() for event in events)]) + "\n"


def as_table(events: tuple[Event, ...], delimiter: str = ",") -> str:
    """Return a table with one row for each value; see ``COLUMNS``."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    for event in events:
        for name, value, unit in values(event.payload):
            writer.writerow(
                (event.sequence, repr(event.time_s), event.source, event.cause,
                 event.payload.kind, name, value, unit, event.reason)
            )  # fmt: skip
    return text.getvalue()


FORMATS: dict[str, str] = {"jsonl": "events.jsonl", "csv": "events.csv", "bids": ""}
"""Formats of an export, and the file that each writes; "bids" writes folders."""


def export_record(record: Record, out: Path, form: str, *, identified: bool = False) -> Path:
    """Write a record into the folder ``out`` for others, and return what was written.

    Parameters
    ----------
    record
        Proven by ``open_record``.
    out
        A new or empty folder.
    form
        One of ``FORMATS``.
    identified
        Whether dates, names and free text stay.

    Raises
    ------
    RecordError
        When there is no such format, the folder is not empty, or it cannot be written.
    """
    if form not in FORMATS:
        raise RecordError(
            f"There is no export format '{form}'; choose one of {', '.join(FORMATS)}."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecordError(
            f"{out} is not an empty folder; an export is never mixed with other files. "
            "Choose another --out folder."
        )
    events = record.events if identified else tuple(deidentified(record.events))
    try:
        return _write(record, events, out, form)
    except OSError as error:
        raise RecordError(
            f"The export cannot be written to {out}: {error.strerror or error}. Choose another "
            "--out folder."
        ) from error


def _write(record: Record, events: tuple[Event, ...], out: Path, form: str) -> Path:
    if form == "bids":
        return _write_bids(record, events, out)
    texts: dict[str, Callable[[tuple[Event, ...]], str]] = {"jsonl": as_lines, "csv": as_table}
    return _whole(out / FORMATS[form], texts[form](events))


def _whole(path: Path, text: str) -> Path:
    """Write a text so that its file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    return part.replace(path)


# --- in the manner of BIDS ---------------------------------------------------------------------


def _write_bids(record: Record, events: tuple[Event, ...], out: Path) -> Path:
    """Write folders: data set, participant, session; events as a table, frames as NIfTI."""
    opened = next((e.payload for e in events if isinstance(e.payload, SessionOpened)), None)
    case = "unknown" if opened is None else opened.case.replace("-", "")
    subject = out / f"sub-{case}" / "ses-01"
    for event in events:
        if isinstance(event.payload, TemperatureFrame) and "delta_t" in event.arrays:
            _write_frame(record, event, event.payload, subject / f"sub-{case}_ses-01")
    stem = subject / f"sub-{case}_ses-01_task-treatment_events"
    _whole(stem.with_suffix(".tsv"), as_table(events, "\t"))
    columns = {name: {"Description": _DESCRIPTIONS[name]} for name in COLUMNS}
    _whole(stem.with_suffix(".json"), json.dumps(columns, indent=2) + "\n")
    _whole(out / "participants.tsv", f"participant_id\nsub-{case}\n")
    _whole(out / "README", f"{DISCLAIMER}\n")
    # Last, so that a folder that has it is whole.
    return _whole(out / "dataset_description.json", json.dumps(_DATASET, indent=2) + "\n")


_DATASET = {
    "Name": "insonate treatment record",
    "BIDSVersion": "1.9.0",
    "DatasetType": "raw",
    "GeneratedBy": [{"Name": "insonate", "Description": "record export"}],
    "Acknowledgements": f"In the manner of BIDS, not validated against it. {DISCLAIMER}",
}
_DESCRIPTIONS = {
    "sequence": "Number of the event in the record.",
    "time_s": "Monotonic clock of the session, s.",
    "source": "From whom the event comes.",
    "cause": "Number of the event that this one answers.",
    "kind": "Kind of the event.",
    "field": "Name of the value.",
    "value": "The value; lists and objects as JSON.",
    "unit": "Its unit; empty where it has none.",
    "reason": "Why, where there is something to say.",
}


def _write_frame(record: Record, event: Event, frame: TemperatureFrame, stem: Path) -> None:
    """Write one thermometry frame: its rise in K, in the frame of the CT."""
    rise = record.array(event.arrays["delta_t"])[..., None].astype(np.float32)
    affine = np.array(frame.slice_affine, np.float64).reshape(4, 4)
    volume = Volume(rise, Grid(rise.shape, affine, Frame.CT), "K")
    name = f"{stem.name}_run-{frame.sonication:02d}_frame-{frame.frame:03d}_temperature.nii.gz"
    notes = {"baseline": f"{frame.baseline_degc:g} °C", "time": f"{event.time_s:g} s"}
    write_volume(volume, stem.parent / "thermometry" / name, notes)
