"""What a cohort answers, from rows whose answers are known."""

import json
from html import escape

import numpy as np
import pytest
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.cohort.answers import (
    compare,
    groups,
    influences,
    share_of,
    spread,
    treated,
    without_guards,
)
from insonate.cohort.reporting import CANNOT_KNOW, scatter, write_report
from insonate.cohort.store import LEFT_OUT, write_results
from insonate.core.provenance import DISCLAIMER


def row(patient, **fields):
    plain = {
        "patient": patient, "digest": f"{patient:064d}", "head": "phantom", "thickness": 1.0, "marrow": 1.0,
        "size": 1.0, "target": "cl-left", "scenario": "cooperative", "practice": "designed", "seed": patient,
        "registration_mm": 0.5, "sdr": 0.3 + 0.01 * patient, "thickness_mm": 6.0, "elements_on": 900,
        "outcome": "lesion made", "sonications": 6, "energy_kj": 30.0, "largest_energy_kj": 10.0 + patient,
        "true_peak_degc": 50.0 + patient, "reached": patient >= 4, "within_limits": patient != 9,
        "limits_broken": "", "true_skull_degc": 40.0, "bled": False, "drawn_bone_share": float(patient),
    }  # fmt: skip
    return plain | fields


ROWS = [row(number) for number in range(1, 13)]


def test_the_share_counts_everyone():
    assert (share_of(ROWS).events, share_of(ROWS).of) == (8, 12)
    refused = {"patient": 13, "refused": "no head", "digest": "x"}
    assert (share_of([*ROWS, refused]).events, share_of([*ROWS, refused]).of) == (8, 13)
    assert len(treated([*ROWS, refused])) == 12


def test_groups_are_of_one_size_and_in_order():
    found = groups(ROWS, "sdr")
    assert [(g.share.events, g.share.of) for g in found] == [(1, 4), (4, 4), (3, 4)]
    assert found[0].words == "0.31 to 0.34"
    assert groups(ROWS, "thickness_mm") == ()
    assert groups(ROWS[:3], "sdr") == ()


def test_influences_are_rank_correlations():
    found = influences(ROWS, "true_peak_degc")
    assert found == {"drawn_bone_share": pytest.approx(1.0)}
    turned = [r | {"true_peak_degc": -r["true_peak_degc"]} for r in ROWS]
    assert influences(turned, "true_peak_degc")["drawn_bone_share"] == pytest.approx(-1.0)
    assert influences(ROWS, "true_skull_degc") == {}


def test_spreads():
    assert spread(ROWS, "true_peak_degc")[1] == 56.5
    assert spread(ROWS, "true_peak_degc")[3] == 62.0
    assert np.isnan(spread(ROWS, "minutes")).all()


def test_two_practices_are_compared_pair_by_pair():
    other = [r | {"practice": "2012", "bled": r["patient"] in (2, 3)} for r in ROWS[1:]]
    found = {p.words: p for p in compare(ROWS, other)}
    bled = found["bled"]
    assert (bled.count, bled.first, bled.second, bled.only_first, bled.only_second) == (
        11,
        0,
        2,
        0,
        2,
    )
    changed = [r | {"seed": 99} for r in other]
    assert compare(ROWS, changed)[0].count == 0


def test_the_report_answers_and_says_what_it_cannot_know(tmp_path):
    other = [r | {"practice": "2012", "bled": True} for r in ROWS]
    rows = [*ROWS, {"patient": 13, "refused": "The target lies outside.", "digest": "x"}]
    page = write_report(rows, tmp_path / "r.html", other=other).read_text("utf-8")
    assert DISCLAIMER in page
    assert escape(CANNOT_KNOW) in page
    assert "8 of 13, 62 %" in page
    assert "The target lies outside." in page
    assert "+1.00" in page
    assert "only 2012" in page


def test_the_picture_tells_the_broken_apart():
    legend = scatter(ROWS).axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == [
        "within every limit (11)",
        "a limit was broken (1)",
    ]


def insonate(*words):
    return CliRunner().invoke(app, ["cohort", *map(str, words)])


def test_the_command_reports_results_that_are_there(tmp_path):
    write_results(tmp_path, ROWS)
    done = insonate("report", tmp_path, "--against", tmp_path)
    assert done.exit_code == 0, done.output
    assert DISCLAIMER in done.stderr
    assert (tmp_path / "report.html").is_file()
    assert insonate("report", tmp_path / "none").exit_code == 2
    assert "$defs" in json.loads(insonate("schema").stdout)


def test_the_command_runs_a_cohort_of_one(tmp_path, monkeypatch):
    (tmp_path / "c.yaml").write_text(
        "{name: x, seed: 1, patients: 1, heads: [{name: phantom}]}", "utf-8"
    )
    asked = []

    def run_cohort(cohort, out, **options):
        asked.append((cohort.practice, options["workers"]))
        from insonate.cohort.running import Finished  # noqa: PLC0415

        return Finished(write_results(out, ROWS[:1]), 1, 0, "")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr("insonate.cohort.running.run_cohort", run_cohort)
    words = ("run", tmp_path / "c.yaml", "--out", tmp_path / "out", "--quiet")
    done = insonate(*words, "--practice", "2012", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["done"] == 1
    assert asked == [("2012", 2)]
    assert insonate(*words, "--practice", "none").exit_code == 2


def left_out(patient, guard, **fields):
    return row(patient, guards_off=guard) | fields


def test_what_a_guard_prevents_is_counted_patient_by_patient():
    again = [
        left_out(2, "cavitation", bled=True, within_limits=False, limits_broken="true power"),
        left_out(5, "cavitation", true_skull_degc=44.5, within_limits=False,
                 limits_broken="true power, true skull dose"),
        left_out(1, "motion", true_peak_degc=55.0, reached=True),
        left_out(99, "motion"),
        left_out(3, "motion", seed=4),  # of another cohort
    ]  # fmt: skip
    cavitation, motion = without_guards(ROWS, again)
    assert (cavitation.guard, cavitation.spoke) == ("cavitation", 2)
    assert (cavitation.bled, cavitation.broke, cavitation.reached) == ((0, 1), (0, 2), (1, 1))
    assert cavitation.limits == (("true power", 2), ("true skull dose", 1))
    assert cavitation.skull_k == pytest.approx(4.5)
    assert (motion.spoke, motion.reached, motion.hotter_k) == (1, (0, 1), pytest.approx(4.0))
    assert without_guards(ROWS, []) == ()


def test_the_report_says_what_each_guard_prevents_and_which_never_spoke(tmp_path):
    again = [left_out(2, "cavitation", bled=True)]
    rows = [r | {"guards_spoke": "cavitation, cooling"} for r in ROWS]
    page = write_report(rows, tmp_path / "r.html", left_out=again).read_text("utf-8")
    assert "What each guard prevents" in page
    assert "0, 1" in page
    silent = page.split("Never spoke")[1]
    assert "water flow" in silent
    assert "cavitation" not in silent.split("</p>")[0]
    assert "No guard spoke." in write_report(ROWS, tmp_path / "s.html", left_out=[]).read_text(
        "utf-8"
    )


def test_the_command_treats_again_without_each_guard(tmp_path, monkeypatch):
    (tmp_path / "c.yaml").write_text(
        "{name: x, seed: 1, patients: 1, heads: [{name: phantom}]}", "utf-8"
    )

    def run_cohort(cohort, out, **_):
        from insonate.cohort.running import Finished  # noqa: PLC0415

        return Finished(write_results(out, ROWS[:1]), 1, 0, "")

    def run_without_guards(cohort, out, **_):
        from insonate.cohort.running import Finished  # noqa: PLC0415

        return Finished(write_results(out, [left_out(1, "motion")], LEFT_OUT), 1, 0, "")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr("insonate.cohort.running.run_cohort", run_cohort)
    monkeypatch.setattr("insonate.cohort.running.run_without_guards", run_without_guards)
    done = insonate(
        "run", tmp_path / "c.yaml", "--out", tmp_path / "out", "--quiet", "--guards"
    )
    assert done.exit_code == 0, done.output
    assert "1 treatments were repeated without one guard." in done.output
    first = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "What each guard prevents" in first
    assert insonate("report", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "report.html").read_text("utf-8") == first


def test_the_report_sets_mappings_beside_each_other(tmp_path):
    one = write_report([r | {"mapping": "kplan"} for r in ROWS], tmp_path / "a.html").read_text(
        "utf-8"
    )
    assert "By the mapping" not in one
    rows = [r | {"mapping": "kplan" if r["patient"] > 6 else "webb2018"} for r in ROWS]
    two = write_report(rows, tmp_path / "b.html").read_text("utf-8")
    assert "By the mapping" in two
    assert "<td>webb2018</td><td>6</td>" in two
