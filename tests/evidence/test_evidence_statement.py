"""The statement: true to the studies, changed by a new one, without a word of promotion."""

import json
import re

import pytest
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.evidence import answers, document, shipped_studies, state, write_evidence
from insonate.evidence.plots import forest, funnel
from insonate.evidence.synthesis import Kind, visit_words
from insonate.evidence.tables import bias_rows

PROMOTION = re.compile(
    r"\b(safe|safely|effective|efficacious|promising|proven|breakthrough|successful|excellent|well[- ]tolerated|"
    r"non-?invasive|incisionless|revolution\w*|hope|encouraging|superior|benefits?|recommended|good outcomes?|cure\w*)\b",
    re.IGNORECASE,
)  # fmt: skip


def promotion(text):
    return [found.group() for found in PROMOTION.finditer(text)]


def answer(studies, name, months=None):
    return next(a for a in answers(studies) if (a.question.name, a.question.months) == (name, months))  # fmt: skip


@pytest.fixture(scope="module")
def studies():
    return shipped_studies()


def test_the_statement_promotes_nothing(studies):
    assert promotion(state(studies).text) == []
    for study in studies:
        ours = study.model_dump_json(exclude={"reference", "responders"})
        assert promotion(ours) == [], study.name


def test_promotion_is_seen():
    text = "A safe and promising, non-invasive procedure with excellent benefit."
    assert promotion(text) == ["safe", "promising", "non-invasive", "excellent", "benefit"]


def test_it_begins_with_the_guidance_and_says_the_disclaimer(studies):
    text = state(studies).text
    assert text.startswith(f"**{DISCLAIMER}**")
    assert "should not be used" in state(studies).paragraphs[0].sentences[0]
    assert "No significant improvement in pain intensity" in text
    assert text.rstrip().endswith("what would happen to one person.")


def test_the_bleed_is_told_although_its_series_is_in_no_pool(studies):
    found = answer(studies, "bleeding")
    assert (found.events, found.of, found.upper) == (0, 78, None)
    assert found.worst is not None
    assert found.worst.proportion.value > 0.05
    sentence = next(
        s for p in state(studies).paragraphs for s in p.sentences if "Bleeding" in s
    )
    assert "**but it has happened**: Jeanmonod 2012: 1 of 11" in sentence
    assert "rule of three" not in sentence


def test_harm_that_nobody_saw_gets_the_rule_of_three(studies):
    clean = tuple(s for s in studies if s.name != "jeanmonod-2012")
    found = answer(clean, "bleeding")
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / 78))
    assert "rule of three 3.8 %" in state(clean).text


def test_the_half_is_said_aloud(studies):
    text = state(studies).text
    assert "2 series have no event (or only events): half an event was added" in text
    assert "the counts as they are give" in text


def test_nobody_is_pooled_twice(studies):
    for found in answers(studies):
        teams = [one.study.team for one in found.selection.pooled]
        assert len(teams) == len(set(teams))
        assert not any(one.study.mixed for one in found.selection.pooled)


def test_silence_about_harm_is_not_its_absence(studies):
    text = state(studies).text
    assert "says anything about: motor deficit, speech disorder" in text
    assert "Says nothing about it: Martin 2009, Gallay 2020." in text


def test_a_new_study_changes_the_statement_by_being_added(studies, new_study):
    change = {
        "name": "pain-relief-rated", "months": 12, "mean": 5.0, "sd": 20.0, "of": 40,
        "unit": "%", "where": "made up",
    }  # fmt: skip
    bleed = {
        "term": "motor-deficit",
        "serious": True,
        "events": 2,
        "of": 40,
        "where": "made up",
    }
    sample = {"treated": 40, "controls": 40, "where": "made up"}
    fresh = new_study(changes=[change], adverse_events=[bleed], sample=sample)
    before, after = state(studies).text, state((*studies, fresh)).text
    assert "8 reports from 4 teams" in after
    assert "7 reports from 3 teams" in before
    assert answer((*studies, fresh), "pain-relief-rated", 12).prediction is not None
    assert answer(studies, "pain-relief-rated", 12).prediction is None
    assert "says anything about: speech disorder" in after
    assert answer((*studies, fresh), "pain-relief-rated", 12).estimate.value < 43


def test_without_a_sham_it_says_so(studies):
    alone = tuple(s for s in studies if s.sample.controls == 0)
    assert "No study here compares with a sham" in state(alone).text


def test_the_document_is_json_and_every_number_has_its_source(studies):
    text = json.dumps(document(studies))
    assert DISCLAIMER in text
    for study in json.loads(text)["studies"]:
        assert study["sample"]["where"]


def test_the_folder_holds_everything_and_is_not_overwritten(studies, tmp_path):
    out = write_evidence(studies, tmp_path / "out")
    names = {path.name for path in out.iterdir()}
    assert {"statement.md", "evidence.json", "studies.csv", "outcomes.csv", "risk-of-bias.csv",
            "forest-bleeding.png", "funnel-any-serious.png"} <= names  # fmt: skip
    assert DISCLAIMER in (out / "studies.csv").read_text("utf-8")
    with pytest.raises(SettingsError, match="is there already"):
        write_evidence(studies, out)
    (out / "left.txt").write_text("old", "utf-8")
    write_evidence(studies, out, replace=True)
    assert not (out / "left.txt").exists()


def test_a_foreign_folder_is_never_deleted(studies, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(SettingsError, match="is there already"):
        write_evidence(studies, tmp_path, replace=True)
    assert (tmp_path / "mine.txt").read_text("utf-8") == "mine"


def drawn_text(figure):
    axes = figure.axes[0]
    return [t.get_text() for t in [*axes.texts, *axes.get_yticklabels(), axes.title, axes.get_xaxis().label]] + [axes.get_title(loc="left"), figure.get_supxlabel()]  # fmt: skip


def test_a_forest_marks_what_is_in_no_pool_and_carries_the_disclaimer(studies):
    text = drawn_text(forest(answer(studies, "bleeding")))
    assert "Jeanmonod 2012 *  1/11" in text
    assert "Gallay 2023  0/63" in text
    assert DISCLAIMER in text
    assert any("not pooled" in t for t in text)


def test_a_funnel_of_few_series_says_that_they_are_too_few(studies):
    assert any("too few" in t for t in drawn_text(funnel(answer(studies, "any-serious"))))
    assert funnel(answer(studies, "bleeding")) is None


def test_every_domain_has_its_reason(studies):
    assert len(bias_rows(studies)) == sum(len(s.bias) for s in studies)
    assert all(len(row[3]) > 10 for row in bias_rows(studies))


@pytest.mark.parametrize(
    ("months", "words"),
    [(0.07, "2 days"), (1, "1 month"), (3, "3 months"), (12, "1 year"), (24, "2 years")],
)
def test_visits_have_words(months, words):
    assert visit_words(months) == words


def insonate(*words):
    return CliRunner().invoke(app, ["evidence", *map(str, words)])


def test_the_command_says_the_statement(tmp_path):
    done = insonate("--out", tmp_path / "out")
    assert done.exit_code == 0
    assert DISCLAIMER in done.stderr
    assert "- NICE (HTG491" in done.stdout
    assert "but it has happened" in done.stdout
    assert (tmp_path / "out" / "evidence.json").is_file()


def test_the_command_prints_json_and_the_schema():
    assert len(json.loads(insonate("--json").stdout)["studies"]) == 7
    assert "$defs" in json.loads(insonate("--schema").stdout)


def test_a_file_without_a_source_ends_with_2(tmp_path):
    (tmp_path / "bad.toml").write_text('name = "bad"\n[sample]\ntreated = 3\n', "utf-8")
    done = insonate("--add", tmp_path / "bad.toml")
    assert done.exit_code == 2
    assert "'sample.where' is missing or empty" in done.stderr


def test_changes_are_told_with_what_was_counted(studies):
    kinds = {a.question.kind for a in answers(studies)}
    assert kinds == set(Kind)
    assert "Gallay 2023: 34 of 63 interventions, 54 %" in state(studies).text
