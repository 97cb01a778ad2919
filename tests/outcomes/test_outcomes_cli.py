"""The registry's commands, from making one to restoring it."""

import json

import pytest
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.verification import areas
from insonate.verification.malformed import good_rows, write_rows


def insonate(*words):
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def place(tmp_path):
    write_rows(good_rows(), tmp_path / "in")
    address = tmp_path / "registry.db"
    assert insonate("registry", "init", address).exit_code == 0
    assert insonate("registry", "import", address, tmp_path / "in").exit_code == 0
    return tmp_path


def test_a_registry_goes_all_the_way_round(place):
    address = place / "registry.db"
    added = insonate(
        "registry", "add", address, "missed",
        "patient=SITE1-0001", "visit=month-12", "reason=ill", "--by", "nurse",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert DISCLAIMER in added.stderr
    amended = insonate(
        "registry", "add", address, "missed", "--amend",
        "patient=SITE1-0001", "visit=month-12", "reason=died",
    )  # fmt: skip
    assert amended.exit_code == 0, amended.output
    checked = insonate("registry", "check", address, "--json")
    assert {f["kind"] for f in json.loads(checked.stdout)} == {"missing"}
    assert "findings." in insonate("registry", "check", address).stdout
    assert insonate("registry", "report", address, "--out", place / "r.html").exit_code == 0
    assert DISCLAIMER in (place / "r.html").read_text("utf-8")
    for form in ("csv", "parquet", "fhir"):
        done = insonate("registry", "export", address, "--out", place / form, "--format", form)
        assert done.exit_code == 0, done.output
    secret = ("--passphrase", "correct horse battery")
    assert insonate("registry", "backup", address, place / "b", *secret).exit_code == 0
    assert (
        insonate("registry", "restore", place / "new.db", place / "b", *secret).exit_code == 0
    )
    assert insonate("registry", "check", place / "new.db").exit_code == 0


def test_a_practice_form_is_printed(place):
    done = insonate("registry", "card", place / "registry.db", "SITE1-0001", 1)
    assert done.exit_code == 0
    assert "[TRAINING] Headache" in done.stdout
    listed = insonate("registry", "card", place / "registry.db", "SITE1-0001", 1, "--json")
    assert json.loads(listed.stdout)["marked"] == "TRAINING"
    assert insonate("registry", "card", place / "registry.db", "SITE1-0001", 9).exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "none.db"), "There is no registry none.db"),
        (("import", "registry.db", "in/none.csv"), "nothing to import"),
        (("add", "registry.db", "missed", "reason"), "is not COLUMN=VALUE"),
        (("add", "registry.db", "names", "a=b"), "no table 'names'"),
        (("export", "registry.db", "--format", "xls", "--out", "x"), "no format 'xls'"),
        (
            ("report", "registry.db", "--pain", "bpi/joy", "--out", "x.html"),
            "no score 'bpi/joy'",
        ),
        (("backup", "registry.db", "b", "--passphrase", "short"), "12 or more"),
    ],
)
def test_bad_input_ends_with_2(place, monkeypatch, words, said):
    monkeypatch.chdir(place)
    done = insonate("registry", *words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_changed_trail_ends_with_1(place):
    from insonate.outcomes.registry import open_registry  # noqa: PLC0415

    registry = open_registry(str(place / "registry.db"), who="x")
    with registry.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit SET who='me' WHERE number=1")
    registry.engine.dispose()
    done = insonate("registry", "check", place / "registry.db")
    assert done.exit_code == 1
    assert "not what was written" in done.stderr


def test_without_the_extra_the_registry_says_what_to_install(place, monkeypatch):
    import sys  # noqa: PLC0415

    for name in [n for n in sys.modules if n.startswith("insonate.outcomes.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    done = insonate("registry", "check", place / "registry.db")
    assert done.exit_code == 2
    assert "install insonate[outcomes]" in done.stderr


def test_an_area_without_its_extra_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr(areas, "find_spec", lambda name: None)
    monkeypatch.setattr(areas, "AREAS", {"outcomes": areas.AREAS["outcomes"]})
    assert areas.left_out("outcomes") == (
        "The area 'outcomes' is left out: it needs insonate[outcomes].",
    )
    assert len(areas.left_out()) == 2
    assert list(areas.run_checks()) == []
    with pytest.raises(SettingsError, match="needs insonate"):
        areas.run_checks("outcomes")
    done = insonate("verify")
    assert "The area 'outcomes' is left out" in done.stderr
