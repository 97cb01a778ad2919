"""Responders, missing visits, loss of relief, and the practice form."""

import inspect
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.evidence import exact_interval
from insonate.outcomes import (
    YellowCard,
    kaplan_meier,
    loss_of_relief,
    responders,
    scores,
    yellow_card,
)
from insonate.outcomes.follow_up import due, falls, score_of
from insonate.outcomes.plots import course, survival, unbroken, waterfall
from insonate.verification.outcomes import PRINTED, REMISSION

PATIENTS = [{"patient": f"S1-{n}", "treated_on": date(2024, 1, 10)} for n in range(1, 5)]
TODAY = date(2025, 6, 1)


def pain(*rows):
    """Return scores from (patient number, visit, value)."""
    return {(f"S1-{number}", visit): float(value) for number, visit, value in rows}


FOUND = pain(
    (1, "baseline", 8), (1, "month-3", 2), (1, "month-12", 8),
    (2, "baseline", 8), (2, "month-3", 5), (2, "month-12", 4),
    (3, "baseline", 6), (3, "month-3", 6),
    (4, "month-3", 1),
)  # fmt: skip


def response(visit, fall):
    found = responders(FOUND, due(PATIENTS, TODAY), fall)
    return next(r for r in found if r.visit == visit)


def test_responders_are_told_among_the_seen_and_among_all():
    at = response("month-3", 30)
    assert (at.seen.events, at.seen.of) == (2, 3)
    assert (at.all_due.events, at.all_due.of, at.missing) == (2, 4, 1)
    assert at.seen.interval == exact_interval(2, 3)
    assert response("month-3", 50).seen.events == 1
    assert (response("month-12", 30).seen.of, response("month-12", 30).missing) == (2, 2)


def test_a_visit_that_nobody_made_is_missing_for_all():
    at = response("month-6", 30)
    assert (at.seen.of, at.missing) == (0, 4)
    assert at.seen.interval is None


@pytest.mark.parametrize("fall", [30, 50])
def test_exactly_the_wanted_fall_is_a_response(fall):
    for tenths in range(1, 1001):
        before = tenths / 10
        found = pain((1, "baseline", before), (1, "month-3", before * (100 - fall) / 100))
        at = next(r for r in responders(found, due(PATIENTS[:1], TODAY), fall) if r.seen.of)
        assert (at.visit, at.seen.events) == ("month-3", 1), before


def test_no_baseline_no_fall():
    assert ("S1-4", "month-3") not in falls(FOUND)
    assert falls(pain((1, "baseline", 0), (1, "month-3", 3))) == {}


def test_scores_come_from_items_and_missing_ones_are_not_there():
    def row(item, value):
        return {"patient": "S1-1", "visit": "month-3", "instrument": "bpi", "item": item, "value": value}  # fmt: skip

    three = [row(item, 5.0) for item in ("worst", "least", "average")]
    assert scores(three, "bpi", "severity") == {}
    assert scores([*three, row("now", 1.0)], "bpi", "severity") == {("S1-1", "month-3"): 4.0}
    with pytest.raises(SettingsError, match="no score 'bpi/joy'"):
        score_of("bpi", "joy")


def test_relief_is_lost_at_the_first_visit_without_it():
    patients = {p["patient"]: p for p in PATIENTS}
    assert sorted(loss_of_relief(FOUND, patients)) == [(274.0, False), (274.0, True)]


def test_relief_seen_once_and_never_again_has_no_time():
    patients = {p["patient"]: p for p in PATIENTS}
    found = pain((1, "baseline", 8), (1, "month-12", 2))
    assert loss_of_relief(found, patients) == []


def test_the_printed_curve_comes_out_with_its_numbers_at_risk():
    curve = kaplan_meier((float(w), lost) for w, lost in REMISSION)
    assert curve.days.tolist() == [float(week) for week in PRINTED]
    assert np.round(curve.share, 3) == pytest.approx(list(PRINTED.values()), abs=5.01e-4)
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert (curve.count, curve.events) == (21, 9)
    assert (curve.low < curve.share).all()
    assert (curve.share < curve.high).all()


def test_the_interval_is_that_of_log_log():
    """At 10 weeks S = 0.7529 and se = 0.0963 (Kleinbaum & Klein): exp(±1.96 · 0.4507) on ln S."""
    curve = kaplan_meier((float(w), lost) for w, lost in REMISSION)
    at = curve.days.tolist().index(10.0)
    width = np.exp(1.96 * 0.0963 / abs(0.7529 * np.log(0.7529)))
    assert curve.low[at] == pytest.approx(0.7529**width, abs=1e-3)
    assert curve.high[at] == pytest.approx(0.7529 ** (1 / width), abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_without_censoring_it_is_the_empirical_share(days):
    curve = kaplan_meier((float(day), True) for day in days)
    for day, share in zip(curve.days, curve.share, strict=True):
        assert share == pytest.approx(sum(d > day for d in days) / len(days), abs=1e-9)


def test_nobody_has_no_curve():
    with pytest.raises(SettingsError, match="nobody"):
        kaplan_meier([])


def test_a_line_is_broken_where_a_visit_is_missing():
    assert unbroken([(0, 8.0), (1, 5.0), (3, 4.0)]) == [[(0, 8.0), (1, 5.0)], [(3, 4.0)]]


def words(figure):
    axes = figure.axes[0]
    return [
        axes.get_title(loc="left"),
        figure.get_supxlabel(),
        *[t.get_text() for t in axes.texts],
    ]


def test_pictures_say_what_is_missing_and_what_this_is():
    assert words(course(FOUND))[:2] == ["4 patients; a gap is a missing visit", DISCLAIMER]
    drawn = waterfall(FOUND, "month-3", missing=1)
    assert words(drawn) == ["3 months: 3 patients", DISCLAIMER, "1 missing"]
    heights = [bar.get_height() for bar in drawn.axes[0].patches[:3]]
    assert heights == pytest.approx([0.0, -37.5, -75.0])
    curve = kaplan_meier((float(w), lost) for w, lost in REMISSION)
    assert "21 who once had relief, 9 lost it" in words(survival(curve))[0]


PATIENT = {
    "patient": "SITE1-0001", "birth_year": 1960, "sex": "female", "diagnosis": "phantom-limb",
    "treated_on": date(2024, 1, 10), "simulated": True, "record": None, "pain_since": None,
}  # fmt: skip
EVENT = {
    "patient": "SITE1-0001", "number": 1, "term": "bleeding", "described": None,
    "onset": date(2024, 1, 10), "grade": 4, "seriousness": "life-threatening", "relatedness": "definite",
    "expected": False, "outcome": "sequelae", "sonication": 7,
}  # fmt: skip


def test_a_practice_form_is_marked_in_every_line_and_cannot_be_sent():
    form = yellow_card(PATIENT, EVENT)
    values = [value for fields in form.sections.values() for value in fields.values()]
    assert len(values) > 15
    assert all(value.startswith("[TRAINING]") for value in values)
    assert form.text.startswith("# TRAINING")
    assert "cannot be sent" in form.text
    assert DISCLAIMER in form.text
    assert form.document["marked"] == "TRAINING"
    assert "Intracranial hemorrhage" in form.text


def test_nothing_in_the_form_can_reach_a_network():
    source = Path(inspect.getfile(YellowCard)).read_text("utf-8")
    for word in ("socket", "http", "smtp", "requests", "urllib", "subprocess", "import os"):
        assert word not in source


def test_a_real_patient_gets_no_form():
    with pytest.raises(SettingsError, match="authority's own form"):
        yellow_card(PATIENT | {"simulated": False}, EVENT)
