"""Corners that a treatment seldom meets: each named, each with what must follow."""

from dataclasses import replace

import pytest

from insonate.control.guards import GUARDS, refusals
from insonate.control.hazards import Hazard
from insonate.control.observing import observe
from insonate.control.regulator import lowered_power
from insonate.control.review import stage_done
from insonate.control.settings import ControlSettings
from insonate.control.state import Exposure, Worst
from insonate.control.table import Cause
from insonate.events import EndReason, Priority, State
from insonate.events.documents import ClockTick
from insonate.plan import Stage

TOLD = ControlSettings()
NOW = Exposure(sonication=1, stage=Stage.TREAT, asked_w=800.0, power_w=800.0, duration_s=10.2,
               started_s=0.0, accounted_s=0.0, power_set_s=0.0)  # fmt: skip


def test_a_hazard_has_a_title_in_words():
    assert Hazard.UNASKED_POWER.title == "unasked power"


def test_at_its_very_end_a_sonication_is_not_lowered_any_more():
    seen = replace(NOW, frames=3, frame_end_s=10.2, mid_s=8.5, last_degc=58.5, baseline_degc=37.0,
                   slope_k_per_s=3.0, peak_degc=58.5)  # fmt: skip
    assert lowered_power(seen, TOLD) == 800.0


def test_a_channel_that_is_not_there_has_no_worst_value(room):
    room.until(State.SONICATING)
    bare = replace(room.state, worst=Worst())
    bare = replace(bare, seen=replace(bare.seen, cooling=None, cavitation=None))
    worst = observe(bare, room.bench.time_s, ClockTick(), room.settings).worst
    assert (worst.water_flow, worst.cavitation_stop) == (None, 0.0)


def test_a_treat_sonication_counts_though_its_focus_was_not_found(room):
    room.until(State.SONICATING, Stage.TREAT)
    show = room.bench.show
    room.bench.show = lambda: show().model_copy(update={"focus_offset_m": None})
    room.until(State.REVIEW)
    assert room.state.exposure.offset_m is None
    assert stage_done(room.state.exposure, room.settings)
    assert room.state.treated == 1


@pytest.mark.parametrize("guard", GUARDS, ids=[g.name for g in GUARDS])
def test_what_ends_more_than_a_sonication_latches_and_is_urgent(guard):
    assert guard.latching == (guard.cause is not Cause.GUARD)
    if guard.latching:
        assert guard.priority is Priority.HIGH


def test_an_alarm_carries_its_priority_into_the_record(room):
    room.until(State.SONICATING).advance(3.4)
    decisions = room.see(room.bench.readings()[1].model_copy(update={"flow_l_per_min": 0.0}))
    (told,) = [d for d in decisions if d.kind == "guard_refused"]
    assert (told.guard, told.priority, told.latching) == ("water flow", Priority.HIGH, False)
    assert room.state.exposure.end_reason is EndReason.GUARD


@pytest.mark.parametrize(("name", "at_limit"), [
    ("motion", {"motion": {"displacement_m": 0.5e-3}}),
    ("coupling", {"cooling": {"dissolved_oxygen_ppm": 3.0}}),
    ("water flow", {"cooling": {"flow_l_per_min": 1.0}}),
    ("water temperature", {"cooling": {"water_degc": 25.0}}),
    ("elements", {"array": {"faulty_elements": 50}}),
    ("reflected power", {"array": {"reflected_share": 0.3}}),
    ("cavitation", {"cavitation": {"broadband_db": 6.0}}),
])  # fmt: skip
def test_at_its_limit_a_guard_says_yes_just_beyond_it_says_no(room, name, at_limit):
    room.until(State.ARMED).advance()
    ((channel, values),) = at_limit.items()
    ((field, value),) = values.items()

    def said(changed):
        reading = getattr(room.state.seen, channel).model_copy(update={field: changed})
        state = replace(room.state, seen=replace(room.state.seen, **{channel: reading}))
        return {r.guard.name for r in refusals(state, room.settings)}

    step = 1 if isinstance(value, int) else 1e-3 * value
    beyond = value - step if name == "water flow" else value + step
    assert name not in said(value)
    assert name in said(beyond)


def at(state, **times):
    """Return the state with times of channels set back from now by so many seconds."""
    readings = {name: state.time_s - ago for name, ago in times.items()}
    return replace(state, seen=replace(state.seen, **readings))


@pytest.mark.parametrize(("name", "edge", "beyond"), [
    ("cooling", lambda s: replace(s, wait_until_s=s.time_s),
     lambda s: replace(s, wait_until_s=s.time_s + 1e-6)),
    ("patient asked", lambda s: at(s, patient_s=900.0), lambda s: at(s, patient_s=900.1)),
    ("operator", lambda s: at(s, operator_s=5.0), lambda s: at(s, operator_s=5.1)),
    ("readings", lambda s: at(s, cooling_s=10.0), lambda s: at(s, cooling_s=10.1)),
    ("cooling",
     lambda s: replace(s, seen=replace(s.seen, model=s.seen.model.model_copy(update={"focus_degc": 38.0}))),
     lambda s: replace(s, seen=replace(s.seen, model=s.seen.model.model_copy(update={"focus_degc": 38.1})))),
])  # fmt: skip
def test_at_the_very_edge_a_start_is_allowed_and_beyond_it_refused(room, name, edge, beyond):
    room.until(State.ARMED).advance()
    later = replace(room.state, time_s=1024.0)  # times that are exact in floats
    later = at(later, cooling_s=0, cavitation_s=0, model_s=0, array_s=0, motion_s=0,
               operator_s=0, patient_s=0)  # fmt: skip

    def said(state):
        return {r.guard.name for r in refusals(state, room.settings)}

    assert name not in said(edge(later))
    assert name in said(beyond(later))


@pytest.mark.parametrize(("field", "edge", "beyond"), [
    ("usable_share", 0.5, 0.499), ("sigma_k", 2.0, 2.01),
])  # fmt: skip
def test_at_the_very_edge_thermometry_is_trusted_and_beyond_it_not(room, field, edge, beyond):
    room.until(State.SONICATING).advance(3.4)

    def said(value):
        frame = room.state.seen.frame.model_copy(update={field: value})
        state = replace(room.state, seen=replace(room.state.seen, frame=frame))
        return {r.guard.name for r in refusals(state, room.settings)}

    assert "thermometry quality" not in said(edge)
    assert "thermometry quality" in said(beyond)


def test_a_fall_of_just_what_is_allowed_is_believed_and_a_lowered_power_explains_more(room):
    room.until(State.SONICATING).advance(3.4)

    def said(**changes):
        run = replace(room.state.exposure, frames=3, sigma_k=0.5, peak_degc=50.0, **changes)
        return {
            r.guard.name for r in refusals(replace(room.state, exposure=run), room.settings)
        }

    assert "thermometry consistency" not in said(last_degc=44.5)
    assert "thermometry consistency" in said(last_degc=44.4)
    assert "thermometry consistency" not in said(last_degc=40.0, power_w=100.0)
