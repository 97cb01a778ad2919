"""The registry's report in a window: the same as the command line's, and never during a treatment."""

import pytest
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.console.models import RunView
from insonate.console.registry import registry_report
from insonate.core import SettingsError
from insonate.outcomes.registry import open_registry
from insonate.outcomes.reporting import write_report
from insonate.verification.malformed import good_rows, write_rows


@pytest.fixture
def address(tmp_path):
    made = open_registry(str(tmp_path / "site.db"), who="tester", create=True)
    write_rows(good_rows(), tmp_path / "in")
    made.import_csv(tmp_path / "in")
    made.engine.dispose()
    return str(tmp_path / "site.db")


@pytest.fixture
def read(running, address):
    """A server that has the registry, for as long as a test."""
    running.desk.registry = address
    yield running
    running.desk.registry = ""


def test_the_report_is_the_command_lines(read, address, tmp_path):
    with read.client() as client:
        answer = client.get("api/registry")
    assert answer.status_code == 200
    assert "sandbox" in answer.headers["content-security-policy"]
    registry = open_registry(address, who="tester")
    assert answer.text == write_report(registry, tmp_path / "r.html").read_text("utf-8")
    registry.engine.dispose()
    assert "NICE HTG491" in answer.text
    assert read.desk.view("observe").registry


def test_who_was_started_without_one_has_none(running):
    with running.client() as client:
        answer = client.get("api/registry")
    assert answer.status_code == 404
    assert "--registry" in answer.json()["detail"]
    assert not running.desk.view("operate").registry


def test_nothing_is_read_while_a_treatment_runs(read, monkeypatch):
    run = RunView(scenario="cooperative", description="", seed=1, speed=1.0)
    monkeypatch.setattr(type(read.desk), "treating", property(lambda _: run is not None))
    with read.client() as client:
        answer = client.get("api/registry")
    assert answer.status_code == 409
    assert "A treatment runs" in answer.json()["detail"]


def test_a_registry_that_cannot_be_read_is_one_sentence(read, tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    read.desk.registry = str(broken)
    with read.client() as client:
        answer = client.get("api/registry")
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith(".")
    with pytest.raises(SettingsError, match="There is no registry"):
        registry_report(str(tmp_path / "none.db"))


def test_the_command_says_it_before_it_serves(tmp_path):
    done = CliRunner().invoke(app, ["serve", "--registry", str(tmp_path / "none.db")])
    assert done.exit_code == 2
    assert "There is no registry" in done.output.replace("\n", " ")
