"""Old versions and exports: read as they were meant, and given away without names."""

import csv
import json
from datetime import UTC, datetime

import nibabel as nib
import numpy as np
import pytest

from insonate.core import RecordError
from insonate.core.provenance import DISCLAIMER
from insonate.events import SCHEMA_VERSION, Sedation, Source, Verb
from insonate.events.documents import GuardRefused, OperatorCommand, PatientReport
from insonate.record import Recorder, check_record, open_record
from insonate.record.export import COLUMNS, as_table, deidentified, export_record
from insonate.record.lines import _link, header
from insonate.record.migrations import MIGRATIONS, migrated
from insonate.verification.bench import Bench
from insonate.verification.record import sample_record

WALL = datetime(2025, 11, 3, 14, 7, tzinfo=UTC)


@pytest.fixture
def told(tmp_path):
    """A record with a name, a date, free text and one frame."""
    folder = tmp_path / "record"
    sample = Bench()
    sample.advance(3.4)
    rise = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    with Recorder(folder, wall=lambda: WALL) as recorder:
        for payload, arrays in (
            (OperatorCommand(verb=Verb.PAUSE, who="Dr Jane Doe", why="Mr Smith coughs"), {}),
            (PatientReport(symptom="my daughter Ann is outside", severity="mild"), {}),
            (sample.show(), {"delta_t": (rise, "K")}),
        ):
            recorder.append(
                payload, time_s=3.4, source=Source.SESSION, reason="as Ann said", arrays=arrays
            )
    return open_record(folder)


# --- versions ---


def as_version_1(events):
    """Return the events as version 1 wrote them."""
    for event in events:
        content = event.model_dump(mode="json")
        content["version"] = 1
        for name in ("finding", "where", "sedation", "priority", "latching"):
            content["payload"].pop(name, None)
        yield content


def rewritten(folder, contents):
    first = header()
    text, previous = first.text, first.digest
    for content in contents:
        line = _link(content, previous)
        text, previous = text + line.text, line.digest
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(text)


def test_a_record_of_version_1_is_read_and_its_chain_is_proven_as_it_was_written(tmp_path):
    with Recorder(tmp_path / "new") as recorder:
        for payload in (
            PatientReport(symptom="warm"),
            GuardRefused(guard="g", why="w", clears="c"),
        ):
            recorder.append(payload, time_s=0.0, source=Source.SESSION)
    events = open_record(tmp_path / "new").events
    rewritten(tmp_path / "old", as_version_1(events))
    old = open_record(tmp_path / "old")
    assert old.events == events
    assert old.events[0].payload.sedation is Sedation.NONE
    assert [f.where for f in check_record(tmp_path / "old")] == ["end"]
    path = tmp_path / "old" / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"warm", b"cold"))
    assert check_record(tmp_path / "old")[0].where == "event 0"


def test_there_is_a_step_from_every_older_version_and_none_from_this_one():
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))
    for odd in ("text", [], {"version": 1}, {"version": 99, "payload": {}}):
        assert migrated(odd) == odd
    for version in range(1, SCHEMA_VERSION + 1):
        same = {"version": version, "sequence": 3, "payload": {"kind": "clock_tick"}}
        assert migrated(same) == {**same, "version": SCHEMA_VERSION}


@pytest.mark.parametrize("version", MIGRATIONS)
def test_each_step_leads_to_the_next_version(version):
    content = {"version": version, "payload": {"kind": "clock_tick"}}
    assert MIGRATIONS[version](content) == {**content, "version": version + 1}


@pytest.mark.parametrize(("payload", "meant"), [
    ({"kind": "patient_report"}, {"finding": None, "where": "", "sedation": "none"}),
    ({"kind": "guard_refused"}, {"priority": "medium", "latching": False}),
    ({"kind": "clock_tick"}, {}),
])  # fmt: skip
def test_what_version_1_did_not_say_is_said_as_it_was_meant(payload, meant):
    found = migrated({"version": 1, "payload": payload})
    assert found == {"version": SCHEMA_VERSION, "payload": {**payload, **meant}}


def test_a_record_of_version_2_is_read_as_it_stands(tmp_path):
    alarm = GuardRefused(guard="g", why="w", clears="c", priority="high", latching=True)
    with Recorder(tmp_path / "new") as recorder:
        recorder.append(alarm, time_s=0.0, source=Source.SESSION)
    (event,) = open_record(tmp_path / "new").events
    content = {**event.model_dump(mode="json"), "version": 2}
    rewritten(tmp_path / "old", [content])
    assert open_record(tmp_path / "old").events == (event,)


# --- exports ---


def test_an_export_holds_no_name_no_date_and_no_free_text(told, tmp_path):
    for form in ("jsonl", "csv", "bids"):
        out = tmp_path / form
        export_record(told, out, form)
        text = "".join(
            p.read_text()
            for p in out.rglob("*")
            if p.suffix in {".jsonl", ".csv", ".tsv", ".json"}
        )
        for word in ("Jane", "Smith", "Ann", "2025-11", "14:07"):
            assert word not in text
        assert "operator" in text
    identified = export_record(told, tmp_path / "names", "jsonl", identified=True)
    assert "Jane" in identified.read_text()
    assert "2025-11-03" in identified.read_text()


def test_lines_are_events_again_and_times_between_them_are_kept(told, tmp_path):
    path = export_record(told, tmp_path / "out", "jsonl")
    head, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert head == {"disclaimer": DISCLAIMER, "events": 3}
    assert [line["sequence"] for line in lines] == [0, 1, 2]
    (first, *_) = deidentified(told.events)
    assert first.wall == datetime(1970, 1, 1, tzinfo=UTC)
    assert list(deidentified(())) == []


def test_the_table_has_every_value_with_its_unit(told):
    rows = list(csv.DictReader(as_table(told.events).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    peak = next(r for r in rows if r["field"] == "peak_degc")
    assert float(peak["value"]) == told.events[2].payload.peak_degc
    assert peak["unit"] == "degC"
    affine = next(r for r in rows if r["field"] == "slice_affine")
    assert len(json.loads(affine["value"])) == 16


def test_the_folders_hold_each_frame_as_nifti_in_its_place(told, tmp_path):
    export_record(told, tmp_path / "bids", "bids")
    (picture,) = (tmp_path / "bids").rglob("*_temperature.nii.gz")
    image = nib.load(picture)
    np.testing.assert_allclose(np.asarray(image.dataobj)[..., 0], np.arange(12.0).reshape(3, 4))
    assert image.affine[0, 0] == pytest.approx(1.0)
    described = json.loads((tmp_path / "bids" / "dataset_description.json").read_text())
    assert DISCLAIMER in described["Acknowledgements"]


def test_a_case_is_the_participant(tmp_path):
    sample_record(tmp_path / "record")
    export_record(open_record(tmp_path / "record"), tmp_path / "out", "bids")
    assert (tmp_path / "out" / "sub-bench" / "ses-01").is_dir()


def test_wrong_formats_and_places_are_told_in_a_sentence(told, tmp_path):
    with pytest.raises(RecordError, match="jsonl, csv, bids"):
        export_record(told, tmp_path / "out", "xml")
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="not an empty folder"):
        export_record(told, tmp_path / "file", "csv")
    with pytest.raises(RecordError, match="not an empty folder"):
        export_record(told, told.folder, "csv")
    with pytest.raises(RecordError, match="cannot be written"):
        export_record(told, tmp_path / "file" / "below", "csv")
