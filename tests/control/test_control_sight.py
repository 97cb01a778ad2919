"""The focus between the frames: what the controller does with an estimate of it, and without."""

from dataclasses import replace

import pytest

from insonate.control.guards import refusals
from insonate.control.look import estimated
from insonate.control.regulator import goal_reached
from insonate.control.review import review, stage_done
from insonate.events import EndReason, State
from insonate.events.documents import PowerSet, SonicationReviewed
from insonate.events.sight import FocusEstimate
from insonate.plan import Stage


def estimate(room, **changes):
    usual = {
        "sonication": room.state.exposure.sonication if room.state.exposure else 1,
        "frames": 3,
        "focus_degc": 42.0,
        "sigma_k": 0.4,
        "ahead_degc": 42.5,
        "dose_low_cem43": 0.1,
        "dose_middle_cem43": 0.2,
        "dose_high_cem43": 0.4,
    }
    return FocusEstimate(**(usual | changes))


def names(room):
    return [r.guard.name for r in refusals(room.state, room.settings)]


@pytest.fixture
def powered(room):
    room.until(State.SONICATING).advance(3.4)
    assert room.state.state is State.SONICATING
    assert names(room) == []
    return room


def test_a_focus_that_is_too_hot_now_ends_power_before_a_frame_shows_it(powered):
    powered.see(estimate(powered, focus_degc=60.1))
    off = [d for d in powered.last if isinstance(d, PowerSet)]
    assert [d.power_w for d in off] == [0.0]
    assert powered.state.exposure.end_reason is EndReason.GUARD
    assert powered.state.exposure.guard == "focal temperature"
    assert "estimated now" in powered.last[0].why


def test_the_plans_expectation_alone_stops_nothing(powered):
    powered.see(estimate(powered, focus_degc=70.0, frames=0))
    assert powered.state.state is State.SONICATING


def test_at_the_cap_it_goes_on_and_a_treat_ends_at_its_goal(powered):
    hot = replace(powered.state.exposure, stage=Stage.TREAT)
    assert not goal_reached(hot, powered.settings, estimate(powered, focus_degc=58.9))
    assert goal_reached(hot, powered.settings, estimate(powered, focus_degc=59.0))
    assert not goal_reached(hot, powered.settings, estimate(powered, focus_degc=59.5, frames=1))


def test_a_goal_that_is_reached_now_ends_the_sonication_in_order(powered):
    top = powered.settings.goals[Stage.ALIGN][1] - powered.settings.goal_margin_k
    powered.see(estimate(powered, focus_degc=top + 0.1))
    assert powered.state.exposure.end_reason is EndReason.GOAL


@pytest.mark.parametrize(
    ("field", "sentence", "guard"),
    [
        ("stale", "No frame has come for 5.1 s; the temperature is stale.", "thermometry age"),
        ("refused", "The head moved by 7.0 mm.", "thermometry quality"),
    ],
)
def test_old_frames_and_refused_ones_end_power_at_once_with_their_sentence(
    powered, field, sentence, guard
):
    powered.see(estimate(powered, **{field: sentence}))
    assert powered.state.exposure.guard == guard
    assert sentence in powered.last[0].why


def test_an_estimate_of_another_sonication_is_not_listened_to(powered):
    for number in (powered.state.sonication - 1, powered.state.sonication + 1):
        powered.see(estimate(powered, sonication=number, focus_degc=90.0, stale="old"))
    assert powered.state.state is State.SONICATING
    assert estimated(powered.state) is None


def test_before_the_first_sonication_there_is_no_estimate(room):
    room.see(estimate(room))
    assert estimated(room.state) is None
    assert refusals(room.state, room.settings) is not None


def test_a_stale_estimate_forbids_nothing_while_power_is_off(powered):
    powered.until(State.COOLING)
    powered.see(estimate(powered, stale="old", refused="moved", focus_degc=80.0))
    assert not {"thermometry age", "thermometry quality"} & set(names(powered))
    assert "80" not in " ".join(r.why for r in refusals(powered.state, powered.settings))


def test_a_dose_counts_when_the_low_end_of_its_interval_reaches_the_goal(powered):
    goal = powered.settings.dose_goal_cem43
    treat = replace(
        powered.state.exposure, stage=Stage.TREAT, peak_degc=55.0, dose_cem43=10 * goal
    )
    assert stage_done(treat, powered.settings)
    unsure = estimate(powered, dose_low_cem43=0.9 * goal, dose_high_cem43=5 * goal)
    assert not stage_done(treat, powered.settings, unsure)
    sure = estimate(powered, dose_low_cem43=goal, dose_high_cem43=5 * goal)
    assert stage_done(replace(treat, dose_cem43=0.0), powered.settings, sure)
    hot = replace(treat, peak_degc=57.0)
    assert stage_done(hot, powered.settings, unsure)


@pytest.mark.parametrize(
    ("lows", "offset_m", "lesion"),
    [
        ((0.7, 0.7, 0.7), (0.0, 0.0, 0.0), True),
        ((0.7, 0.7, 0.5), (0.0, 0.0, 0.0), False),
        ((0.7, 0.7, 0.7), None, True),
        ((0.7, 0.7, 0.7), (2e-3, 0.0, 0.0), False),
        ((5.0,), (0.0, 0.0, 0.0), False),
        ((5.0, 5.0), (0.0, 0.0, 0.0), True),
        ((1.0, 0.9, 0.1), (0.0, 0.0, 0.0), True),
    ],
)
def test_doses_that_fall_short_add_up_to_a_lesion_and_one_counts_no_more_than_its_goal(
    powered, lows, offset_m, lesion
):
    state, settings = powered.state, powered.settings
    for number, low in enumerate(lows, start=1):
        exposure = replace(
            state.exposure, sonication=number, stage=Stage.TREAT, peak_degc=55.0,
            offset_m=offset_m, ended_s=10.0,
        )  # fmt: skip
        goal = settings.dose_goal_cem43
        told = estimate(
            powered, sonication=number, dose_low_cem43=low * goal, dose_high_cem43=9 * goal
        )
        seen = replace(state.seen, focus=told)
        state = replace(state, sonication=number, exposure=exposure, seen=seen)
        state, _ = review(state, settings)
    assert state.lesion is lesion


def test_the_review_carries_the_interval_and_none_where_nobody_estimates(powered):
    powered.see(estimate(powered, dose_low_cem43=1.5, dose_high_cem43=4.5))
    powered.until(State.REVIEW)
    (told,) = powered.of(SonicationReviewed)
    assert (told.dose_low_cem43, told.dose_high_cem43) == (1.5, 4.5)


def test_a_review_without_estimates_has_no_interval(room):
    room.until(State.REVIEW)
    (told,) = room.of(SonicationReviewed)
    assert (told.dose_low_cem43, told.dose_high_cem43) == (None, None)
