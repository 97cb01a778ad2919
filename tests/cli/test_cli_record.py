"""The commands that look at a record."""

import json

import pytest
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.core.provenance import DISCLAIMER
from insonate.verification.record import sample_record


@pytest.fixture
def folder(tmp_path):
    sample_record(tmp_path / "record")
    return tmp_path / "record"


def run(*words, code=0):
    done = CliRunner().invoke(app, ["record", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def test_check_says_that_a_record_is_whole(folder):
    assert "is whole" in run("check", folder).stdout
    assert json.loads(run("check", folder, "--json").stdout) == {
        "disclaimer": DISCLAIMER,
        "findings": [],
    }


def test_check_says_what_was_changed_and_where_with_exit_code_1(folder):
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"power_w":0.0', b'"power_w":9.0', 1))
    done = run("check", folder, code=1)
    assert "event 2: This line does not follow" in done.stdout
    found = json.loads(run("check", folder, "--json", code=1).stdout)["findings"]
    assert found[0]["where"] == "event 2"


def test_what_is_no_record_is_bad_input(tmp_path):
    for words in (
        ("check", tmp_path),
        ("show", tmp_path),
        ("export", tmp_path, "--out", tmp_path / "x"),
    ):
        assert "There is no record" in run(*words, code=2).stderr


def test_show_lists_events_by_kind_and_time(folder):
    done = run("show", folder)
    assert "6 of 6 events" in done.stdout
    assert "power_set" in done.stdout
    assert "2 of 6 events" in run("show", folder, "--kind", "power_set").stdout
    found = json.loads(run("show", folder, "--since", "1", "--json").stdout)
    assert [e["payload"]["kind"] for e in found["events"]] == ["session_closed"]
    assert "5 of 6" in run("show", folder, "--until", "1").stdout


def test_what_is_missing_is_said(folder):
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert "was not closed" in run("show", folder).stderr
    assert "was not closed" in run("export", folder, "--out", folder / "x").stderr


@pytest.mark.parametrize("form", ["jsonl", "csv", "bids"])
def test_export_writes_what_it_names(folder, tmp_path, form):
    done = run("export", folder, "--format", form, "--out", tmp_path / "out")
    written = done.stdout.split("Export: ")[1].strip()
    assert any(str(p) == written for p in (tmp_path / "out").iterdir())
    assert "not an empty folder" in run(
        "export", folder, "--format", form, "--out", tmp_path / "out", code=2
    ).stderr  # fmt: skip
