"""Commands, alarms and thrown-back stages, one situation at a time."""

from dataclasses import replace
from itertools import pairwise

import pytest

from insonate.control.guards import GUARDS
from insonate.control.settings import ControlSettings
from insonate.control.step import step
from insonate.control.summary import limits_kept, limits_worst, outcome
from insonate.events import EndReason, State, Verb
from insonate.events.documents import (
    AlarmAcknowledged,
    ArrayReading,
    CavitationReading,
    ClockTick,
    CommandRefused,
    CoolingReading,
    GuardRefused,
    OperatorCommand,
    PatientReport,
    PowerSet,
    Resteered,
    SonicationEnded,
    SonicationProposed,
    SonicationReviewed,
    StateChanged,
    WaitSet,
)
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.plan import Stage


def ask(verb, why="a reason", **numbers):
    return OperatorCommand(verb=verb, who="test", why=why, **numbers)


def off_first(decisions):
    """Power off comes before everything else but refusals."""
    kinds = [d for d in decisions if not isinstance(d, GuardRefused)]
    return isinstance(kinds[0], PowerSet) and kinds[0].power_w == 0.0


def refused(decisions):
    return [d.why for d in decisions if isinstance(d, CommandRefused)]


# --- ways out of power ---


@pytest.mark.parametrize(("seen", "after", "reason"), [
    (ask(Verb.STOP), State.STOPPED, EndReason.OPERATOR),
    (ask(Verb.PAUSE), State.PAUSED, EndReason.OPERATOR),
    (ask(Verb.ABORT), State.FINISHED, EndReason.OPERATOR),
    (PatientReport(stop_pressed=True), State.STOPPED, EndReason.PATIENT),
    (PatientReport(can_communicate=False), State.STOPPED, EndReason.PATIENT),
    (PatientReport(symptom="weak hand", severity="severe"), State.STOPPED, EndReason.PATIENT),
    (CoolingReading(water_degc=16.0, flow_l_per_min=0.0, dissolved_oxygen_ppm=1.0),
     State.COOLING, EndReason.GUARD),
    (CavitationReading(subharmonic_db=0.0, ultraharmonic_db=0.0, broadband_db=13.0),
     State.COOLING, EndReason.GUARD),
    (ArrayReading(power_w=250.0, faulty_elements=60, reflected_share=0.0),
     State.FAULTED, EndReason.FAULT),
])  # fmt: skip
def test_every_way_out_of_power_ends_in_power_off(room, seen, after, reason):
    room.until(State.SONICATING).advance(3.4)
    decisions = room.see(seen)
    assert room.state.state is after
    assert off_first(decisions)
    (ended,) = [d for d in decisions if isinstance(d, SonicationEnded)]
    assert ended.end_reason is reason
    assert ended.energy_j == pytest.approx(250.0 * 3.4)
    assert any(isinstance(d, WaitSet) for d in decisions)
    if after is not State.COOLING:
        assert [d.sonication for d in decisions if isinstance(d, SonicationReviewed)] == [1]
    assert room.state.approved is None


@pytest.mark.parametrize("wrong_time", [0.0, float("nan"), float("inf")])
def test_a_lost_clock_under_power_is_a_fault_and_otherwise_refused(room, wrong_time):
    room.advance()
    before = room.state
    (told,) = room.see(ClockTick(), time_s=wrong_time)
    assert (told.guard, told.priority, told.latching) == ("clock", "high", False)
    assert room.state == before
    assert refused(room.see(ask(Verb.POSITION), time_s=wrong_time))
    room.last = ()
    room.until(State.SONICATING)
    decisions = room.see(ClockTick(), time_s=wrong_time)
    assert off_first(decisions)
    assert room.state.state is State.FAULTED
    assert room.state.alarms == ("clock",)
    assert [d.latching for d in decisions if isinstance(d, GuardRefused)] == [True]
    (heard,) = room.see(ask(Verb.ACKNOWLEDGE))
    assert (heard.guard, heard.standing) == ("clock", False)
    room.see(ask(Verb.RESUME))
    assert room.state.state is State.PLANNED


def test_a_silent_scanner_ends_the_sonication(room):
    room.until(State.SONICATING)
    started = room.bench.time_s
    assert not room.see(OperatorPresent(who="test"), time_s=started + 5.0)
    decisions = room.see(ClockTick(), time_s=started + 5.1)  # 1.5 frames: at the limit
    assert [d.guard for d in decisions if isinstance(d, GuardRefused)] == ["thermometry age"]
    assert room.state.exposure.guard == "thermometry age"


def test_a_repeated_or_future_frame_does_not_refresh_thermometry(room):
    room.until(State.SONICATING)
    room.advance(3.4)
    frame = room.state.seen.frame
    late = frame.end_s + 5.1
    here = OperatorPresent(who="test")
    state, _ = step(room.state, late - 0.3, here, room.settings)
    state, _ = step(state, late - 0.2, frame, room.settings)
    future = frame.model_copy(update={"start_s": late, "end_s": late + 10.0})
    state, _ = step(state, late - 0.1, future, room.settings)
    assert state.exposure.frames == 1
    state, _ = step(state, late, ClockTick(), room.settings)
    assert state.exposure.guard == "thermometry age"


def test_a_frame_of_another_sonication_says_nothing_of_this_one(room):
    room.until(State.SONICATING)
    room.bench.advance(2.0)
    room.see(room.bench.show().model_copy(update={"sonication": 7}))
    room.see(room.bench.show().model_copy(update={"end_s": room.state.exposure.started_s,
                                                  "start_s": 0.0}))  # fmt: skip
    assert room.state.exposure.frames == 0


def test_the_drive_ends_by_itself_and_no_later_energy_is_counted(room):
    room.until(State.SONICATING)
    (on,) = [d for d in room.last if isinstance(d, PowerSet)]
    assert on.off_at_s == room.state.exposure.started_s + 10.0
    room.see(ClockTick(), time_s=on.off_at_s + 1000.0)
    assert room.state.exposure.energy_j == pytest.approx(2500.0)
    assert room.state.session_energy_j == pytest.approx(2500.0)


def test_cavitation_between_its_thresholds_lowers_the_power(room):
    room.until(State.SONICATING)
    loud = CavitationReading(subharmonic_db=0.0, ultraharmonic_db=7.0, broadband_db=0.0)
    (lowered,) = room.see(loud)
    assert lowered.power_w == pytest.approx(250.0 * 0.7)
    assert lowered.off_at_s == room.state.exposure.off_at_s
    room.bench.time_s += 1.0
    room.see(ClockTick())
    assert room.state.exposure.energy_j == pytest.approx(175.0)


def test_the_goal_ends_a_sonication_early(make_room):
    room = make_room()
    room.bench.k_per_w *= 1.6
    room.until(State.COOLING)
    assert room.state.exposure.end_reason is EndReason.GOAL
    assert room.state.exposure.peak_degc < 46.0


def test_hotter_than_expected_is_lowered_before_it_is_stopped(make_room):
    room = make_room()
    room.until(State.SONICATING, Stage.TREAT)
    room.bench.k_per_w *= 1.15
    room.until(State.COOLING)
    powers = [d.power_w for d in room.of(PowerSet) if d.sonication == room.state.sonication]
    assert powers == sorted(powers, reverse=True)
    assert len(powers) > 2
    assert room.state.worst.focal_temperature < 60.0


def test_an_array_that_delivers_unasked_is_a_fault_in_any_state(room):
    on = ArrayReading(power_w=50.0, faulty_elements=0, reflected_share=0.0)
    room.until(State.COOLING)
    assert not room.see(on)  # it may lag behind by a second
    decisions = room.see(on, time_s=room.bench.time_s + 1.5)
    assert room.state.state is State.FAULTED
    assert off_first(decisions)
    assert not room.see(on, time_s=room.bench.time_s + 2.0)
    assert outcome(room.state) == "faulted"


# --- five verbs ---


def test_hold_lets_the_sonication_end_and_pauses_after_the_review(room):
    room.until(State.SONICATING)
    room.see(ask(Verb.HOLD))
    assert room.state.state is State.SONICATING
    room.until(State.REVIEW)
    room.see(ask(Verb.CONFIRM))
    assert room.state.state is State.PAUSED
    assert room.of(Resteered)
    room.see(ask(Verb.RESUME))
    assert room.state.state is State.POSITIONED
    assert not room.state.hold


def test_a_pause_keeps_everything_and_resumes_with_a_reason_alone(room):
    room.until(State.REVIEW, Stage.VERIFY)
    room.see(ask(Verb.PAUSE))
    assert refused(room.see(ask(Verb.RESUME, why=" "))) == ["Resuming needs a reason."]
    room.see(ask(Verb.CONFIRM))
    room.see(ask(Verb.RESUME))
    assert (room.state.state, room.state.confirmed, room.state.verified) == (
        State.POSITIONED, True, True)  # fmt: skip
    assert refused(room.see(ask(Verb.CONFIRM)))
    room.until(State.BASELINE)
    assert room.state.proposed.stage == "treat"


def test_a_stop_resumes_with_a_reason_and_an_approval(room):
    room.until(State.ARMED).see(ask(Verb.STOP))
    assert room.kinds()[0] == "power_set"
    assert "approval" in refused(room.see(ask(Verb.RESUME)))[0]
    room.see(ask(Verb.APPROVE))
    room.see(ask(Verb.STOP))  # idempotent; an earlier approval is void
    assert "approval" in refused(room.see(ask(Verb.RESUME)))[0]
    room.see(ask(Verb.APPROVE))
    told = room.see(PatientReport(stop_pressed=True))
    assert [d.guard for d in told if isinstance(d, GuardRefused)] == ["patient"]
    room.see(ask(Verb.ACKNOWLEDGE))
    assert "approval" in refused(room.see(ask(Verb.RESUME)))[0]
    room.see(ask(Verb.APPROVE))
    assert outcome(room.state) == "stopped"
    room.see(ask(Verb.RESUME))
    assert room.state.state is State.POSITIONED
    assert outcome(room.state) == "no lesion"
    room.until(State.ARMED)
    room.see(ask(Verb.SONICATE))
    assert {d.guard for d in room.last} >= {"patient"}


def test_abort_and_finish_end_it_and_nothing_follows(room):
    room.until(State.SONICATING)
    assert refused(room.see(ask(Verb.FINISH)))
    room.see(ask(Verb.ABORT))
    assert outcome(room.state) == "aborted"
    before = room.state
    for verb in Verb:
        assert refused(room.see(ask(verb)))
    assert room.state == before
    room.advance()
    assert room.state.state is State.FINISHED
    assert room.operator(room.state, (), 0.0) is None


def test_a_fault_stands_until_it_is_gone_and_throws_everything_back(room):
    room.until(State.SONICATING, Stage.VERIFY)
    steered = room.state.resteer_m
    assert steered != (0.0, 0.0, 0.0)
    broken = ArrayReading(power_w=0.0, faulty_elements=60, reflected_share=0.0)
    room.see(broken)
    (heard,) = room.see(ask(Verb.ACKNOWLEDGE))
    assert (heard.guard, heard.standing) == ("elements", True)
    assert "60 elements" in refused(room.see(ask(Verb.RESUME)))[0]
    assert refused(room.see(ask(Verb.RESUME, why="")))
    room.see(broken.model_copy(update={"faulty_elements": 3}))
    room.see(ask(Verb.RESUME))
    assert (room.state.state, room.state.confirmed, room.state.stage) == (
        State.PLANNED, False, Stage.ALIGN)  # fmt: skip
    assert room.of(Resteered)[-1].total_m == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("where", [State.BASELINE, State.ARMED, State.REVIEW])
def test_positioning_again_needs_confirmation_and_verification_again(room, where):
    room.until(where, Stage.TREAT)
    assert room.state.verified
    room.see(ask(Verb.POSITION))
    assert not room.state.confirmed
    assert not room.state.verified
    assert (room.state.stage, room.state.resteer_m) == (Stage.ALIGN, (0.0, 0.0, 0.0))
    assert room.state.efficiency.log_sigma == room.settings.predicted_log_sigma
    room.until(State.BASELINE)
    assert room.state.proposed.stage == "align"


def test_after_a_stop_the_focus_is_confirmed_and_verified_again(room):
    room.until(State.SONICATING, Stage.TREAT)
    room.see(PatientReport(stop_pressed=True))
    assert room.state.verified
    room.see(ask(Verb.APPROVE))
    room.see(ask(Verb.ACKNOWLEDGE))
    room.see(ask(Verb.RESUME))
    assert (room.state.state, room.state.confirmed, room.state.verified, room.state.stage) == (
        State.POSITIONED, False, False, Stage.ALIGN)  # fmt: skip
    assert room.of(Resteered)[-1].total_m == (0.0, 0.0, 0.0)


MOVED = MotionReading(displacement_m=2e-3)


@pytest.mark.parametrize("where", [State.SONICATING, State.COOLING, State.REVIEW,
                                   State.BASELINE, State.ARMED])  # fmt: skip
def test_a_head_that_moves_voids_everything_and_power_is_off(room, where):
    room.until(where, Stage.VERIFY)
    decisions = room.see(MOVED)
    assert room.state.state is State.PAUSED
    assert off_first(decisions)
    assert (room.state.confirmed, room.state.stage) == (False, Stage.ALIGN)
    assert room.state.review is None
    assert room.of(Resteered)[-1].total_m == (0.0, 0.0, 0.0)
    assert not room.see(MOVED)  # said once
    assert "alarm of motion" in refused(room.see(ask(Verb.RESUME)))[0]
    room.see(ask(Verb.ACKNOWLEDGE))
    room.see(ask(Verb.RESUME))
    room.see(ask(Verb.BASELINE))
    assert room.state.seen.motion is None  # it was about other references
    assert room.state.proposed.stage == "align"


def test_a_head_that_moves_in_a_pause_is_not_forgotten(room):
    room.until(State.REVIEW, Stage.VERIFY)
    room.see(ask(Verb.CONFIRM))
    room.see(ask(Verb.PAUSE))
    assert room.state.verified
    room.see(MOVED)
    assert (room.state.state, room.state.confirmed) == (State.PAUSED, False)


def test_an_operator_who_is_gone_ends_the_sonication(room):
    room.until(State.SONICATING)
    room.advance(3.4)
    room.see(ClockTick(), time_s=room.bench.time_s + 4.9)
    assert room.state.state is State.SONICATING
    decisions = room.see(ClockTick(), time_s=room.bench.time_s + 5.1)
    told = {d.guard: d for d in decisions if isinstance(d, GuardRefused)}
    assert told["operator"].priority == "high"
    assert not told["operator"].latching
    assert room.state.state is State.COOLING


# --- alarms ---


def test_a_latching_alarm_stays_until_it_is_acknowledged_and_nothing_starts_before(room):
    room.until(State.SONICATING).advance(3.4)
    room.see(PatientReport(finding="dysarthria"))
    assert room.state.alarms == ("neurological finding",)
    room.advance()  # all is well again, and the alarm stays
    assert room.state.alarms == ("neurological finding",)
    room.see(ask(Verb.APPROVE))
    (why,) = refused(room.see(ask(Verb.RESUME)))
    assert why == (
        "The alarm of neurological finding was not acknowledged; acknowledge it first."
    )
    before = room.state
    (heard,) = room.see(ask(Verb.ACKNOWLEDGE))
    assert heard == AlarmAcknowledged(guard="neurological finding", standing=False)
    assert room.state == replace(before, alarms=())
    assert refused(room.see(ask(Verb.ACKNOWLEDGE))) == ["There is no alarm to acknowledge."]
    room.see(ask(Verb.RESUME))
    assert room.state.state is State.POSITIONED


def test_an_alarm_whose_cause_is_still_there_is_heard_and_its_guard_goes_on_saying_no(room):
    room.until(State.SONICATING).advance(3.4)
    room.see(PatientReport(stop_pressed=True))
    (heard,) = room.see(ask(Verb.ACKNOWLEDGE))
    assert heard == AlarmAcknowledged(guard="patient", standing=True)


def test_two_alarms_are_kept_in_their_order_and_acknowledged_together(room):
    room.until(State.ARMED).advance()
    room.see(MOVED)
    room.see(PatientReport(stop_pressed=True))
    room.see(PatientReport(stop_pressed=True))
    assert room.state.alarms == ("motion", "patient")
    heard = room.see(ask(Verb.ACKNOWLEDGE))
    assert [d.guard for d in heard] == ["motion", "patient"]


def test_an_alarm_of_a_moved_head_that_was_never_armed_still_forbids_power(room):
    room.until(State.POSITIONED)
    room.see(ask(Verb.BASELINE))
    room.see(ask(Verb.POSITION))
    room.state = replace(room.state, confirmed=True)
    room.see(MOVED)
    assert (room.state.state, room.state.alarms) == (State.POSITIONED, ("motion",))
    room.see(ask(Verb.BASELINE))
    room.see(ask(Verb.APPROVE))
    room.advance()
    before = room.state
    said = [d for d in room.see(ask(Verb.SONICATE)) if isinstance(d, GuardRefused)]
    assert [d.why for d in said] == ["Not acknowledged: the alarm of motion."]
    assert not any(d.latching for d in said)
    assert room.state == before
    room.see(ask(Verb.ACKNOWLEDGE))
    assert room.state.state is State.ARMED
    assert room.state.approved == before.approved  # nothing else changed
    room.see(ask(Verb.SONICATE))
    assert room.state.state is State.SONICATING


def test_a_refused_start_and_a_guard_without_a_fault_latch_nothing(room):
    room.until(State.ARMED).advance()
    room.see(PatientReport(finding="dysarthria"))
    assert [d.latching for d in room.see(ask(Verb.SONICATE))] == [False]
    assert room.state.alarms == ()
    room.see(PatientReport())
    room.until(State.SONICATING).advance(3.4)
    room.see(CoolingReading(water_degc=16.0, flow_l_per_min=0.0, dissolved_oxygen_ppm=1.0))
    assert (room.state.state, room.state.alarms) == (State.COOLING, ())


def test_while_armed_a_guard_that_begins_to_say_no_is_told_once_at_the_next_tick(room):
    warm = CoolingReading(water_degc=30.0, flow_l_per_min=3.0, dissolved_oxygen_ppm=1.0)
    well = warm.model_copy(update={"water_degc": 16.0})
    room.until(State.ARMED).advance()
    assert not room.see(ClockTick())
    assert not room.see(warm)
    (told,) = room.see(ClockTick())
    assert (told.guard, told.priority, told.latching) == ("water temperature", "medium", False)
    assert not room.see(ClockTick())
    room.see(well)
    assert not room.see(ClockTick())
    room.see(warm)
    assert [d.guard for d in room.see(ClockTick())] == ["water temperature"]
    room.see(ask(Verb.BASELINE))
    room.advance()
    room.see(ask(Verb.APPROVE))
    room.see(warm)
    assert [d.guard for d in room.see(ClockTick())] == ["water temperature"]  # armed anew


def test_the_automatic_operator_acknowledges_before_anything_else(room):
    room.until(State.ARMED).advance()
    room.see(MOVED)
    command = room.operator(room.state, room.last, room.bench.time_s)
    assert (command.verb, command.why) == (Verb.ACKNOWLEDGE, "heard: motion")
    room.see(command)
    assert room.operator(room.state, room.last, room.bench.time_s).verb is Verb.RESUME


# --- approving ---


def test_the_operator_may_ask_for_less_and_within_caps_for_other_numbers(room):
    room.until(State.BASELINE)
    room.see(ask(Verb.APPROVE, power_w=200.0))
    assert (room.state.approved.power_w, room.state.approved.duration_s) == (200.0, 10.0)
    room.see(ask(Verb.APPROVE, duration_s=8.0))
    assert (room.state.approved.power_w, room.state.approved.duration_s) == (250.0, 8.0)


@pytest.mark.parametrize(("numbers", "word"), [
    ({"power_w": 1300.0}, "1200 W"), ({"power_w": 1200.0, "duration_s": 31.0}, "30 s"),
    ({"power_w": 0.0}, "above 0 W"), ({"duration_s": -1.0}, "above 0 s"),
    ({"power_w": 700.0}, "align allows 45"), ({"power_w": 1199.0, "duration_s": 30.0}, "allows 45"),
])  # fmt: skip
def test_numbers_beyond_a_cap_or_the_stage_are_refused(room, numbers, word):
    room.until(State.BASELINE)
    before = room.state
    (why,) = refused(room.see(ask(Verb.APPROVE, **numbers)))
    assert word in why
    assert replace(room.state, time_s=before.time_s) == before


def test_energy_beyond_its_cap_is_refused(make_room):
    settings = ControlSettings(maximum_duration_s=60.0)
    room = make_room(settings=settings)
    room.until(State.BASELINE)
    (why,) = refused(room.see(ask(Verb.APPROVE, power_w=1200.0, duration_s=40.0)))
    assert "36.1 kJ" in why


def test_there_is_nothing_to_approve_when_all_sonications_are_used(room):
    room.until(State.POSITIONED)
    room.state = replace(room.state, sonication=14)
    room.see(ask(Verb.BASELINE))
    assert "All 14" in refused(room.see(ask(Verb.APPROVE)))[0]
    assert room.operator(room.state, (), 0.0).verb is Verb.FINISH


# --- the focus ---


def test_the_focus_is_resteered_and_treat_comes_only_after_confirm_and_verify(room):
    room.until(State.FINISHED)
    stages = [d.stage for d in room.of(SonicationEnded)]
    assert stages == ["align", "align", "verify", "treat", "treat"]
    (moved,) = room.of(Resteered)
    assert moved.shift_m == pytest.approx((-1.6e-3, 0.4e-3, -0.3e-3))
    done = [d.stage_done for d in room.of(SonicationReviewed)]
    assert done == [False, True, True, True, True]
    assert outcome(room.state) == "lesion made"


def test_in_align_a_focus_within_tolerance_is_refined_and_aligned_once_more(make_room):
    room = make_room()
    room.bench.offset_m = (0.5e-3, 0.0, 0.0)
    room.until(State.SONICATING, Stage.VERIFY)
    assert [d.stage for d in room.of(SonicationEnded)] == ["align", "align"]
    (moved,) = room.of(Resteered)
    assert moved.shift_m == pytest.approx((-0.5e-3, 0.0, 0.0))
    assert [d.stage_done for d in room.of(SonicationReviewed)] == [False, True]


def test_a_focus_that_moves_later_throws_back_to_align(room):
    room.until(State.SONICATING, Stage.VERIFY)
    room.bench.offset_m = (-3e-3, 0.0, 0.0)
    room.until(State.REVIEW).see(ask(Verb.CONFIRM))
    assert (room.state.stage, room.state.confirmed) == (Stage.ALIGN, False)
    assert room.state.proposed.stage == "align"


def test_a_focus_beyond_steering_is_refused_and_the_operator_finishes(make_room):
    room = make_room()
    room.bench.offset_m = (11e-3, 0.0, 0.0)
    room.until(State.REVIEW)
    assert "Position the head again" in refused(room.see(ask(Verb.CONFIRM)))[0]
    room.until(State.FINISHED)
    assert outcome(room.state) == "no lesion"


def test_an_unseen_focus_is_not_confirmed_and_align_is_given_up_after_four(make_room):
    room = make_room()
    room.bench.offset_m = (0.0, 0.0, 0.0)
    show = room.bench.show
    room.bench.show = lambda: show().model_copy(update={"focus_offset_m": None})
    room.until(State.FINISHED)
    assert [d.stage for d in room.of(SonicationEnded)] == ["align"] * 4
    assert "after its 4" in room.of(SonicationReviewed)[-1].sentence
    assert "not found" in room.of(SonicationReviewed)[0].sentence


def test_a_sonication_that_no_frame_saw_says_so(room):
    room.until(State.SONICATING).see(ask(Verb.PAUSE))
    (review,) = room.of(SonicationReviewed)
    assert "not seen by any frame" in review.sentence
    assert (review.peak_degc, review.k_per_kj, review.stage_done) == (37.0, None, False)


# --- cooling ---


def test_the_next_sonication_waits_until_skull_and_focus_allow_it(make_room):
    room = make_room()
    room.bench.skull_k_per_kj = 1.0
    room.until(State.FINISHED)
    waits = [d.because for d in room.of(WaitSet)]
    assert any("focus" in because for because in waits)
    assert any("skull temperature" in because for because in waits)
    assert room.state.worst.skull_temperature <= 47.0


def test_without_a_word_of_the_model_cooling_does_not_end(room):
    room.until(State.COOLING)
    room.see(ClockTick(), time_s=room.bench.time_s + 3000.0)
    assert room.state.state is State.COOLING


def test_after_the_longest_wait_the_review_comes_all_the_same(make_room):
    room = make_room()
    room.until(State.COOLING)
    room.bench.time_s += 1801.0
    room.see(room.bench.estimate().model_copy(update={"focus_degc": 40.0}))
    assert room.state.state is State.REVIEW


# --- the automatic operator, and the end ---


def test_it_waits_for_what_time_clears_and_gives_up_in_the_end(room):
    room.until(State.ARMED).advance()
    room.see(CoolingReading(water_degc=30.0, flow_l_per_min=3.0, dissolved_oxygen_ppm=1.0))
    now = room.bench.time_s
    assert room.operator(room.state, (), now) is None
    command = room.operator(room.state, (), now + 1801.0)
    assert command.verb is Verb.FINISH
    assert "The water is 30 degC" in command.why


def test_it_finishes_at_once_where_waiting_does_not_help(room):
    room.until(State.ARMED).advance()
    room.see(room.bench.estimate().model_copy(update={"skull_dose_cem43": 17.0}))
    assert room.operator(room.state, (), room.bench.time_s).verb is Verb.FINISH


@pytest.mark.parametrize(("verb", "answer"), [
    (Verb.PAUSE, Verb.RESUME), (Verb.STOP, Verb.FINISH),
])  # fmt: skip
def test_it_goes_on_after_a_pause_and_finishes_after_a_stop(room, verb, answer):
    room.until(State.BASELINE).see(ask(verb))
    assert room.operator(room.state, room.last, 0.0).verb is answer


def test_it_aborts_after_a_fault_and_never_asks_twice_for_what_was_refused(room):
    assert room.operator(replace(room.state, state=State.FAULTED), (), 0.0).verb is Verb.ABORT
    no = (CommandRefused(verb=Verb.POSITION, why="no"),)
    assert room.operator(room.state, no, 0.0).verb is Verb.FINISH
    both = (*no, CommandRefused(verb=Verb.FINISH, why="no"))
    assert room.operator(room.state, both, 0.0) is None


def test_limits_are_summed_up_with_what_was_really_seen(room):
    assert limits_worst(room.state)["power"] == 0.0
    assert "water_flow" not in limits_worst(room.state)
    room.until(State.FINISHED)
    worst, kept = limits_worst(room.state), limits_kept(room.state, room.settings)
    assert all(kept.values())
    assert worst["water_flow"] == 3.0
    assert worst["session_energy"] == pytest.approx(
        sum(d.energy_j for d in room.of(SonicationEnded))
    )
    hot = replace(
        room.state, worst=replace(room.state.worst, focal_temperature=61.0, water_flow=0.5)
    )
    broken = limits_kept(hot, room.settings)
    assert {name for name, fine in broken.items() if not fine} == {
        "focal_temperature",
        "water_flow",
    }


def test_changes_of_state_chain_and_proposals_precede_approvals(room):
    room.until(State.FINISHED)
    changes = room.of(StateChanged)
    assert all(a.after is b.before for a, b in pairwise(changes))
    assert len(room.of(SonicationProposed)) == len(room.of(SonicationEnded))
    assert len(GUARDS) > 20
