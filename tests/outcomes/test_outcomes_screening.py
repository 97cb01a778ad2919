"""A screening from the command line and from a plan."""

import json

import pytest
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.core import DataError, SettingsError
from insonate.outcomes import Screening, Verdict, judge
from insonate.outcomes.screening import SUMMARY, screening_of, with_plan
from insonate.verification.malformed import good_rows, write_rows

PLAN = {
    "skull_density_ratio": 0.45,
    "predicted_k_per_kj": 2.0,
    "skull_k_per_kj": 0.4,
    "sonications": [
        {"stage": "align", "power_w": 100.0, "duration_s": 10.0},
        {"stage": "treat", "power_w": 900.0, "duration_s": 10.0},
    ],
    "plan": {"limits": [{"name": "skull_temperature", "value": 44.0}]},
}


def plan(tmp_path, **changed):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN | changed), "utf-8")
    return tmp_path / "plan.json"


def test_fields_are_read_and_the_rest_is_unknown():
    found = screening_of(
        {"diagnosis": "phantom-limb", "drugs_failed": "4", "opioid_failed": "yes"}
    )
    assert found == Screening(diagnosis="phantom-limb", drugs_failed=4, opioid_failed=True)


def test_every_fault_is_told():
    with pytest.raises(DataError) as error:
        screening_of({"hope": "1", "age_years": "old", "can_report": "maybe", "diagnosis": "x", "pain_months": "-1"})  # fmt: skip
    assert len(error.value.faults) == 5


@pytest.mark.parametrize(
    ("changed", "in_reach"),
    [
        ({}, True),  # 37 + 2.0 · 9 = 55; skull 37 + 0.4 · 9 = 40.6
        ({"predicted_k_per_kj": 1.8}, False),
        ({"skull_k_per_kj": 0.8}, False),
        ({"predicted_k_per_kj": 17.0 / 9.0}, True),
    ],
)
def test_the_target_is_in_reach_when_focus_and_skull_allow_it(tmp_path, changed, in_reach):
    found = with_plan(Screening(age_years=50), plan(tmp_path, **changed))
    assert found == Screening(age_years=50, skull_density_ratio=0.45, target_in_reach=in_reach)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sonications": []}'])
def test_what_is_no_plan_is_refused(tmp_path, text):
    (tmp_path / "plan.json").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="is no plan"):
        with_plan(Screening(), tmp_path / "plan.json")


def insonate(*words):
    return CliRunner().invoke(app, ["registry", *map(str, words)])


def test_the_command_judges_and_keeps(tmp_path):
    rows = good_rows()
    rows["criteria"] = []
    write_rows(rows, tmp_path / "in")
    address = tmp_path / "r.db"
    assert insonate("init", address).exit_code == 0
    assert insonate("import", address, tmp_path / "in").exit_code == 0
    words = (
        "screen",
        "age_years=50",
        "bleeding_risk=yes",
        "--plan",
        plan(tmp_path),
        "--into",
        address,
    )
    done = insonate(*words, "--patient", "SITE1-0001", "--basis", "clinic letter", "--json")
    assert done.exit_code == 0, done.output
    told = {c["criterion"]: c["verdict"] for c in json.loads(done.stdout)["criteria"]}
    assert (told["age"], told["no-bleeding-risk"], told["refractory"], told["skull"]) == (
        "met", "not-met", "unknown", "met",
    )  # fmt: skip
    from insonate.outcomes.registry import open_registry  # noqa: PLC0415

    registry = open_registry(str(address), who="x")
    kept = {r["criterion"]: (r["verdict"], r["basis"]) for r in registry.rows("criteria")}
    registry.engine.dispose()
    assert kept["age"] == ("met", "clinic letter")
    assert kept["refractory"] == ("unknown", "not known")
    assert len(kept) == len(judge(Screening()))


def test_the_command_never_calls_anybody_suitable():
    done = insonate("screen")
    assert done.exit_code == 0
    assert SUMMARY in done.stdout
    assert done.stdout.count(Verdict.UNKNOWN.value) == len(judge(Screening()))
    assert insonate("screen", "age_years=old").exit_code == 2
