"""Guards at their edges: what each says, word for word, and where it has nothing to say."""

from dataclasses import replace

import pytest
from guard_cases import approved, exposed, seen

from insonate.control.guards import GUARDS, refusals
from insonate.control.look import (
    ROUNDING,
    Look,
    above,
    cem43_of_ramp,
    scalp_ahead,
    shown_under_power,
    skull_ahead,
)
from insonate.control.table import Cause
from insonate.core import Quantity
from insonate.events import Priority, State
from insonate.events.documents import PatientReport
from insonate.events.presence import MotionReading
from insonate.events.sight import FocusEstimate


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


def test_a_frame_that_is_too_hot_forbids_power_whatever_sonication_it_says_it_is_of(room):
    why = "The latest frame's peak is 60.5 degC; no more than 60 degC is allowed."
    room.until(State.ARMED).advance()
    now = room.state.seen.frame.model_copy(
        update={"peak_degc": 60.5, "end_s": room.state.time_s, "sonication": 7}
    )
    armed = replace(room.state, seen=replace(room.state.seen, frame=now))
    assert said(armed, room.settings) == {"focal temperature": why}
    before = now.model_copy(update={"end_s": room.state.time_s - 0.1})
    old = replace(room.state, seen=replace(room.state.seen, frame=before))
    assert said(old, room.settings) == {}
    room.until(State.SONICATING).advance(3.4)
    hot = seen(room.state, frame__peak_degc=60.5, frame__sonication=7)
    assert said(hot, room.settings) == {"focal temperature": why}
    at_cap = seen(room.state, frame__peak_degc=60.0)
    assert said(at_cap, room.settings) == {}


def test_a_moved_head_is_told_in_millimetres(room):
    room.until(State.ARMED).advance()
    moved = seen(room.state, motion=MotionReading(displacement_m=0.6248e-3))
    assert said(moved, room.settings)["motion"] == (
        "The head moved by 0.62 mm since its reference images; no more than 0.5 mm is allowed."
    )


def test_thermometry_is_stale_from_its_limit_on_rounding_included(room):
    room.until(State.SONICATING).advance(3.4)
    limit = Quantity(1.25 * ROUNDING, "frames", "a test")
    told = replace(
        room.settings, frame_time_s=4.0, limits=replace(room.settings.limits, frame_age=limit)
    )

    def age(frames):
        ends = room.state.time_s - 4.0 * frames
        return said(exposed(room.state, frame_end_s=ends, started_s=ends), told).get(
            "thermometry age", ""
        )

    state = replace(room.state, time_s=16.0)
    room.state = state
    assert age(1.25).startswith("The latest thermometry is 1.25 frames old; it must be younger")
    assert age(1.2) == ""


def test_before_a_peak_was_measured_the_focus_has_nothing_to_say(room):
    room.until(State.SONICATING).advance(3.4)
    for unseen in ({"frames": 0}, {"peak_degc": None}):
        assert "focal temperature" not in said(exposed(room.state, **unseen), room.settings)


@pytest.mark.parametrize(("seen_so", "at_end", "why"), [
    ({"peak_degc": 60.5, "last_degc": 40.0, "slope_k_per_s": 0.0}, False,
     "The measured peak is 60.5 degC; no more than 60 degC is allowed."),
    ({"peak_degc": 60.5, "last_degc": 60.0, "slope_k_per_s": 0.0}, False,
     "The measured peak is 60.5 degC; no more than 60 degC is allowed."),
    ({"peak_degc": 60.0, "last_degc": 60.0, "slope_k_per_s": 0.0}, False, ""),
    ({"peak_degc": 59.0, "last_degc": 59.0, "slope_k_per_s": 0.5}, False,
     "The measured peak, one frame on, is 60.7 degC; no more than 60 degC is allowed."),
    ({"peak_degc": 59.0, "last_degc": 59.0, "slope_k_per_s": 0.5}, True, ""),
    ({"peak_degc": 60.0, "last_degc": 60.0, "slope_k_per_s": 0.5}, False,
     "The measured peak, one frame on, is 61.7 degC; no more than 60 degC is allowed."),
])  # fmt: skip
def test_the_focus_is_judged_by_its_peak_and_one_frame_on_but_not_beyond_the_end(
    room, seen_so, at_end, why
):
    room.until(State.SONICATING).advance(3.4)
    state = seen(room.state, frame__peak_degc=seen_so["last_degc"])
    ends = {"duration_s": state.time_s - state.exposure.started_s} if at_end else {}
    state = exposed(state, frames=2, **seen_so, **ends)
    assert state.time_s == state.exposure.off_at_s or not at_end
    assert said(state, room.settings).get("focal temperature", "") == why


# --- what the guards look at ---


def test_a_look_sees_the_power_that_is_on_and_the_time_that_is_left(room):
    room.until(State.SONICATING).advance(3.4)
    lowered = exposed(room.state, power_w=100.0)
    look = Look(lowered, room.settings)
    assert (look.power_w, look.ahead_s) == (100.0, room.settings.frame_time_s)
    run = room.state.exposure
    late = replace(lowered, time_s=run.started_s + run.duration_s - 1.0)
    assert Look(late, room.settings).ahead_s == pytest.approx(1.0)
    over = replace(lowered, time_s=run.started_s + run.duration_s + 1.0)
    assert Look(over, room.settings).ahead_s == 0.0


def test_where_nothing_is_approved_nothing_is_ahead(room):
    room.until(State.POSITIONED)
    look = Look(room.state, room.settings)
    assert (look.power_w, look.ahead_s, look.ahead_j) == (0.0, 0.0, 0.0)


def test_a_frame_counts_from_the_moment_on_in_which_power_went_on(room):
    room.until(State.SONICATING).advance(3.4)
    started = room.state.exposure.started_s
    for ends, shown in ((started, True), (started + 1.0, True), (started - 0.1, False)):
        state = seen(room.state, frame__end_s=ends)
        assert (shown_under_power(Look(state, room.settings)) is not None) is shown


def test_a_value_at_its_limit_keeps_it_rounding_included():
    limit = Quantity(60.0, "degC", "a test")
    assert above("x", 60.0 * ROUNDING, limit) == ""
    assert above("The x", 60.001, limit) == (
        "The x is 60 degC; no more than 60 degC is allowed."
    )
    assert above("x", float("nan"), limit).startswith("x is not known; no more than ")
    assert above("x", float("inf"), limit).startswith("x is inf ")


@pytest.mark.parametrize(
    ("tissue", "ahead_of"), [("skull", skull_ahead), ("scalp", scalp_ahead)]
)
def test_bone_and_skin_are_looked_at_one_permission_ahead(room, tissue, ahead_of):
    room.until(State.ARMED).advance()
    state = seen(room.state, **{f"model__{tissue}_max_degc": 41.0,
                                f"model__{tissue}_dose_cem43": 2.0,
                                f"model__{tissue}_rise_k_per_kj": 0.8})  # fmt: skip
    look = Look(state, room.settings)
    found = ahead_of(look)
    assert (found.now_degc, found.ahead_degc) == (41.0, pytest.approx(41.0 + 0.8 * 2.5))
    more = cem43_of_ramp(41.0, 43.0, 10.0)
    assert found.dose_cem43 == pytest.approx(2.0 + more)
    assert more > 0.005
    cooled = ahead_of(
        Look(seen(state, **{f"model__{tissue}_rise_k_per_kj": -1.0}), room.settings)
    )
    assert cooled.ahead_degc == 41.0


@pytest.mark.parametrize(("degc", "per_minute"), [
    (42.0, 0.25), (43.0, 1.0), (43.5, 2.0**0.5), (46.0, 8.0), (100.0, 2.0**57), (150.0, 2.0**57),
])  # fmt: skip
def test_the_dose_of_a_steady_temperature_is_exact_and_boiling_is_boiling(degc, per_minute):
    assert cem43_of_ramp(degc, degc, 120.0) == pytest.approx(2.0 * per_minute, rel=1e-12)


# --- what each guard is, beside what it says ---

NAMED = {guard.name: guard for guard in GUARDS}
PASSES = {
    "patient", "neurological finding", "sedation", "operator", "cooling", "off-target dose",
    "skull temperature", "scalp temperature", "readings", "water temperature", "water flow",
    "coupling", "cavitation", "thermometry age", "thermometry quality", "thermometry consistency",
}  # fmt: skip
"""What time, or somebody in the room, may clear; for the others the treatment has to change."""
URGENT = {
    Priority.HIGH: {
        "drive", "elements", "reflected power", "patient", "neurological finding", "sedation",
        "operator", "motion", "focal temperature", "off-target dose", "readings", "water flow",
        "cavitation", "thermometry age", "thermometry quality", "thermometry consistency",
    },
    Priority.LOW: {"patient asked", "approval", "alarm", "stage order", "cooling"},
}  # fmt: skip
"""Harm may come within seconds; or nothing was started at all. Medium is what is left."""
BRINGS = {
    Cause.FAULT: {"drive", "elements", "reflected power"},
    Cause.PATIENT: {"patient", "neurological finding", "sedation"},
    Cause.MOVED: {"motion"},
}


def test_every_guard_is_there_once():
    assert list(NAMED) == [guard.name for guard in GUARDS]
    assert len(GUARDS) == 31


@pytest.mark.parametrize("name", NAMED)
def test_each_guard_waits_is_urgent_and_brings_about_what_it_is_meant_to(name):
    guard = NAMED[name]
    assert guard.waiting_helps is (name in PASSES)
    wanted = next((p for p, names in URGENT.items() if name in names), Priority.MEDIUM)
    assert guard.priority is wanted
    assert guard.cause is next((c for c, names in BRINGS.items() if name in names), Cause.GUARD)


def test_one_frame_makes_the_estimate_of_the_focus_count_even_where_that_frame_keeps_the_cap(
    room,
):
    room.until(State.SONICATING).advance(3.4)
    state = seen(room.state, frame__peak_degc=60.0)

    def estimate(frames):
        found = FocusEstimate(
            sonication=room.state.exposure.sonication, frames=frames, focus_degc=60.5, sigma_k=0.3,
            ahead_degc=60.5, dose_low_cem43=0.0, dose_middle_cem43=0.0, dose_high_cem43=0.0,
        )  # fmt: skip
        told = replace(state, seen=replace(state.seen, focus=found))
        return said(told, room.settings).get("focal temperature", "")

    assert estimate(0) == ""
    assert estimate(1) == (
        "The focus, as it is estimated now, is 60.5 degC; no more than 60 degC is allowed."
    )
