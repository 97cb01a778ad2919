"""Scenarios, speed and operator on the command line; how an ending is printed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from insonate.cli.asking import AskingOperator
from insonate.cli.main import app
from insonate.core.provenance import DISCLAIMER
from insonate.plant import SCENARIOS
from insonate.report import summarise
from insonate.session import RehearsalResult
from insonate.session.expectation import Verdict
from insonate.session.operators import Unattended
from insonate.session.scoring import Point
from insonate.testing.records import treatment_record


def insonate(*words):
    return CliRunner().invoke(app, list(words))


def test_scenarios_are_listed_with_how_they_must_end():
    done = insonate("scenarios")
    assert done.exit_code == 0
    assert DISCLAIMER in done.stderr
    assert "pump-stops" in done.stdout
    listed = json.loads(insonate("scenarios", "--json").stdout)
    assert {row["name"] for row in listed["scenarios"]} == set(SCENARIOS)
    assert all(row["expectation"] for row in listed["scenarios"])


@pytest.fixture
def asked(monkeypatch):
    """Rehearsals that end at once, and what was asked of them."""
    seen = []

    def rehearse_case(source, plan, settings, out, **_):
        seen.append(settings)
        points = (
            Point("outcome: lesion made", "stopped", False),
            Point("no harm", "none", True),
        )
        wrong = (Verdict("no bleeding", "a vessel bled", False), Verdict("all", "all", True))
        record = treatment_record()
        return RehearsalResult(Path("r"), Path("p"), summarise(record), points, wrong)

    monkeypatch.setattr("insonate.session.rehearse_case", rehearse_case)
    return seen


def test_an_ending_is_printed_with_its_objectives_and_what_is_not_as_expected(asked):
    done = insonate("rehearse", "--phantom", "--quiet", "--speed", "10")
    assert done.exit_code == 0, done.output
    assert "1 of 2 objectives were reached." in done.stdout
    assert "Not as the scenario says: no bleeding; found: a vessel bled." in done.stdout
    assert (asked[0].speed, asked[0].operator) == (10.0, Unattended)


def test_json_holds_score_and_expectation(asked):
    done = insonate("rehearse", "--phantom", "--json", "--quiet", "--operator", "ask")
    found = json.loads(done.stdout)
    assert [point["reached"] for point in found["score"]] == [False, True]
    assert [verdict["met"] for verdict in found["expectation"]] == [False, True]
    assert asked[0].operator is AskingOperator


@pytest.mark.parametrize(("words", "sentence"), [
    (("--speed", "0"), "must be a positive number"), (("--speed", "-2"), "1 for real time"),
    (("--scenario", "none.toml"), "cannot be read"),
])  # fmt: skip
def test_impossible_wishes_are_one_sentence_and_exit_code_2(words, sentence):
    done = insonate("rehearse", "--phantom", *words)
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_an_unknown_operator_is_refused():
    assert insonate("rehearse", "--phantom", "--operator", "robot").exit_code == 2
