"""Scoring by the published rules, eligibility, visits: what is not known stays unknown."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import DataError, SettingsError
from insonate.outcomes import CRITERIA, INSTRUMENTS, TERMS, VISITS, Screening, Verdict, judge
from insonate.outcomes import instrument as named
from insonate.outcomes.eligibility import LEAST_SDR
from insonate.outcomes.instruments import euroqol_profile
from insonate.outcomes.value_sets import load_value_set
from insonate.outcomes.visits import expected_by
from insonate.verification.outcomes import RULES, wrong_scores

GOOD = Screening(
    diagnosis="phantom-limb", age_years=50, pain_months=24, average_nrs=7, drugs_failed=3,
    opioid_failed=True, intervention_failed=True, can_lie_in_mr=True, bleeding_risk=False,
    bleed_or_tumour_seen=False, can_report=True, skull_density_ratio=0.5, target_in_reach=True,
)  # fmt: skip
BPI = ("worst", "least", "average", "now")


def test_every_score_follows_its_published_rule():
    assert wrong_scores(RULES, 60) == 0
    assert set(RULES) == {(i.code, s.name) for i in INSTRUMENTS.values() for s in i.scores}


@pytest.mark.parametrize("key", sorted(RULES))
def test_another_rule_is_found(key):
    wrong = dict(RULES) | {key: lambda sheet: 1.5}
    assert wrong_scores(wrong, 20) > 0


@pytest.mark.parametrize(
    ("code", "answers", "score", "value"),
    [
        ("bpi", dict(zip(BPI, (9, 4, 6, 5), strict=True)), "severity", 6.0),
        ("bpi", dict(zip(BPI, (9, 4, 6), strict=False)), "severity", None),
        ("bpi", {"activity": 8, "mood": 6, "walking": 4, "work": 2}, "interference", 5.0),
        ("bpi", {"activity": 8, "mood": 6, "walking": 4}, "interference", None),
        ("moca", {"points": 25, "education-years": 12}, "total", 26.0),
        ("moca", {"points": 25, "education-years": 13}, "total", 25.0),
        ("moca", {"points": 30, "education-years": 8}, "total", 30.0),
        ("moca", {"points": 25}, "total", None),
        ("pdi", {"home": 7}, "total", None),
        ("nrs", {}, "current", None),
    ],
)
def test_worked_examples(code, answers, score, value):
    assert named(code).score(answers)[score] == value


@pytest.mark.parametrize("code", sorted(INSTRUMENTS))
def test_extremes_give_the_range_of_every_score(code):
    instrument = INSTRUMENTS[code]
    for end in ("low", "high"):
        scores = instrument.score({i.code: getattr(i, end) for i in instrument.items})
        for score in instrument.scores:
            assert score.low <= scores[score.name] <= score.high
            if code != "moca":
                assert scores[score.name] == getattr(score, end)


@pytest.mark.parametrize("code", sorted(INSTRUMENTS))
def test_every_instrument_and_important_change_has_a_source(code):
    instrument = INSTRUMENTS[code]
    assert len(instrument.source) > 20
    for score in instrument.scores:
        assert score.better in ("lower", "higher")
        assert score.important is None or len(score.important.source) > 20


@pytest.mark.parametrize(
    ("code", "answers", "said"),
    [
        ("nrs", {"current": 11}, "must lie between 0 and 10"),
        ("nrs", {"current": 7.5}, "only whole numbers"),
        ("nrs", {"joy": 1}, "There is no item 'joy'"),
        ("eq5d5l", {"mobility": 0}, "must lie between 1 and 5"),
    ],
)
def test_an_impossible_answer_is_refused(code, answers, said):
    with pytest.raises(SettingsError, match=said):
        named(code).score(answers)


def test_an_unknown_instrument_is_refused():
    with pytest.raises(SettingsError, match="no instrument 'sf36'"):
        named("sf36")


def test_the_profile_is_whole_or_none():
    sheet = {i.code: 2 for i in INSTRUMENTS["eq5d5l"].items}
    assert euroqol_profile(sheet) == "22222"
    del sheet["mobility"]
    assert euroqol_profile(sheet) is None


def profiles():
    levels = "12345"
    return [a + b + c + d + e for a in levels for b in levels for c in levels for d in levels for e in levels]  # fmt: skip


def value_set(path, rows):
    path.write_text("profile,value\n" + "".join(f"{p},{v}\n" for p, v in rows), "utf-8")
    return path


def test_a_value_set_of_the_site_is_read(tmp_path):
    rows = [(p, f"{1 - 0.07 * (sum(map(int, p)) - 5):.3f}") for p in profiles()]
    values = load_value_set(value_set(tmp_path / "v.csv", rows))
    assert values["11111"] == 1.0
    assert values["55555"] == pytest.approx(-0.4)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows[:-1], "has 3124 profiles"),
        (lambda rows: [*rows, rows[0]], "is there twice"),
        (lambda rows: [("16111", "0.5"), *rows[1:]], "five levels"),
        (lambda rows: [("11111", "0.9"), *rows[1:]], "full health 0.9"),
        (lambda rows: [*rows[:-1], ("55555", "=1")], "not a number of at most 1"),
        (lambda rows: [*rows[:-1], ("55555", "1.2")], "not a number of at most 1"),
    ],
)
def test_a_wrong_value_set_is_refused(tmp_path, spoil, said):
    rows = [(p, "1" if p == "11111" else "0.5") for p in profiles()]
    with pytest.raises(DataError, match=said):
        load_value_set(value_set(tmp_path / "v.csv", spoil(rows)))


def test_a_value_set_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_value_set(tmp_path / "none.csv")


def verdicts(screening):
    return {j.criterion.code: j.verdict for j in judge(screening)}


def test_all_criteria_can_be_met():
    assert set(verdicts(GOOD).values()) == {Verdict.MET}


def test_what_is_not_known_is_never_met():
    assert set(verdicts(Screening()).values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("field", "value", "criterion"),
    [
        ("diagnosis", "headache", "diagnosis"), ("age_years", 20, "age"), ("age_years", 75, "age"),
        ("pain_months", 6, "duration"), ("average_nrs", 5, "severity"), ("drugs_failed", 2, "refractory"),
        ("opioid_failed", False, "refractory"), ("intervention_failed", False, "refractory"),
        ("can_lie_in_mr", False, "mr-possible"), ("bleeding_risk", True, "no-bleeding-risk"),
        ("bleed_or_tumour_seen", True, "clean-mr"), ("can_report", False, "can-report"),
        ("skull_density_ratio", LEAST_SDR.value - 0.01, "skull"), ("target_in_reach", False, "in-reach"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [True, False])
def test_one_fact_turns_one_criterion(field, value, criterion, known):
    changed = Screening(**(GOOD.__dict__ | {field: value if known else None}))
    found = verdicts(changed)
    assert found.pop(criterion) is (Verdict.NOT_MET if known else Verdict.UNKNOWN)
    assert set(found.values()) == {Verdict.MET}


def test_a_known_failure_outweighs_what_is_unknown():
    mixed = Screening(drugs_failed=1)
    assert verdicts(mixed)["refractory"] is Verdict.NOT_MET


def test_every_criterion_has_a_source():
    assert all(len(c.source) > 10 and c.words for c in CRITERIA.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(-100, 4000), st.dates(date(2000, 1, 1), date(2030, 1, 1)))
def test_no_day_belongs_to_two_visits(away, treated):
    day = treated + timedelta(days=away)
    held = [code for code, visit in VISITS.items() if visit.holds(treated, day)]
    assert len(held) <= 1
    for code, visit in VISITS.items():
        assert visit.holds(treated, visit.due(treated)), code


def test_a_visit_is_expected_once_its_window_has_closed():
    treated = date(2024, 1, 10)
    assert expected_by(treated, treated) == ()
    assert expected_by(treated, date(2024, 1, 20)) == ("baseline", "day-1")
    assert "month-12" in expected_by(treated, date(2025, 6, 1))
    assert "month-12" not in expected_by(treated, date(2025, 2, 1))


def test_the_key_outcomes_of_the_guidance_are_terms():
    key = {code for code, term in TERMS.items() if term.key}
    assert key == {"bleeding", "stroke", "ischaemia", "motor", "sensory", "speech", "gait", "cognition"}  # fmt: skip
