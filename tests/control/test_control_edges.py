"""Guards at their edges: what each says, word for word, and where it has nothing to say."""

from dataclasses import replace

import pytest
from guard_cases import approved, seen

from insonate.control.guards import refusals
from insonate.events import State
from insonate.events.documents import PatientReport


def said(state, settings):
    """Return what each guard says that says no."""
    return {r.guard.name: r.why for r in refusals(state, settings)}


@pytest.mark.parametrize(("name", "report", "why"), [
    ("neurological finding", {"finding": "weakness", "where": "right arm"},
     "The patient reports weakness (right arm): heat is where it should not be."),
    ("neurological finding", {"finding": "ataxia"},
     "The patient reports ataxia: heat is where it should not be."),
    ("patient", {"severity": "severe", "symptom": "my head bursts"},
     "The patient reports my head bursts (severe)."),
    ("patient", {"severity": "moderate"}, "The patient reports a symptom (moderate)."),
    ("sedation", {"sedation": "deep"}, "The sedation is deep; at most light is allowed."),
])  # fmt: skip
def test_what_a_patient_reports_is_said_in_their_words(room, name, report, why):
    room.until(State.ARMED).advance()
    assert said(seen(room.state, patient=PatientReport(**report)), room.settings)[name] == why


@pytest.mark.parametrize("channel", ["array", "motion"])
def test_a_channel_that_never_spoke_is_answered_for_by_the_guard_of_readings_alone(
    room, channel
):
    room.until(State.ARMED).advance()
    silent = replace(room.state.seen, **{channel: None, f"{channel}_s": None})
    assert set(said(replace(room.state, seen=silent), room.settings)) == {"readings"}


def test_a_patient_who_was_never_asked_is_missed_by_their_own_guards_alone(room):
    room.until(State.ARMED).advance()
    silent = replace(room.state.seen, patient=None, patient_s=None)
    found = said(replace(room.state, seen=silent), room.settings)
    assert set(found) == {"patient", "patient asked"}


def test_under_power_nobody_has_to_be_asked_anew_and_no_wait_counts(room):
    room.until(State.SONICATING).advance(3.4)
    long_ago = replace(room.state.seen, patient_s=room.state.time_s - 2000.0)
    state = replace(room.state, seen=long_ago, wait_until_s=room.state.time_s + 100.0)
    assert said(state, room.settings) == {}


def test_mild_words_and_light_sedation_forbid_nothing(room):
    room.until(State.ARMED).advance()
    for report in ({"severity": "mild", "symptom": "warm"}, {"sedation": "light"},
                   {"finding": "nausea", "severity": "mild"}):  # fmt: skip
        assert said(seen(room.state, patient=PatientReport(**report)), room.settings) == {}


@pytest.mark.parametrize("name", ["power", "energy"])
def test_what_is_planned_at_a_cap_keeps_it(room, name):
    room.until(State.ARMED).advance()
    caps = {"power": {"power_w": 1200.0}, "energy": {"power_w": 1000.0, "duration_s": 36.1}}
    assert name not in said(approved(room.state, **caps[name]), room.settings)


def test_an_array_may_lag_by_just_its_lag_and_hum_by_half_a_watt(room):
    room.until(State.ARMED).advance()
    off = replace(room.state, time_s=1024.0, off_s=1000.0)

    def drive(at_s, power_w):
        state = replace(seen(off, array__power_w=power_w), time_s=1024.0)
        state = replace(state, seen=replace(state.seen, array_s=at_s))
        return said(state, room.settings).get("drive", "")

    assert drive(1001.0, 100.0) == ""  # what it says is not later than its lag allows
    assert drive(1001.5, 0.5) == ""
    assert drive(1001.5, 0.75) == "The array delivers 0.75 W; it was told 0 W."
