"""Each guard: yes where all is well, no for its own reason, no for what is not a number."""

import math
from dataclasses import fields, replace

import pytest
from guard_cases import ARMED, POWERED, approved, seen

from insonate.control.guards import GUARDS, refusals
from insonate.control.look import Look, cem43_of_ramp
from insonate.control.state import Readings
from insonate.control.step import step
from insonate.control.table import Cause
from insonate.events import State
from insonate.events.documents import PatientReport
from insonate.plan import Limits

NAMES = [guard.name for guard in GUARDS]


def cases(table):
    return [
        pytest.param(name, change, id=f"{name}-{i}")
        for name, changes in table.items()
        for i, change in enumerate(changes)
    ]


def says_no(state, settings):
    return {refusal.guard.name: refusal.why for refusal in refusals(state, settings)}


def test_all_say_yes_where_all_is_well(room):
    room.until(State.ARMED).advance()
    assert says_no(room.state, room.settings) == {}
    room.until(State.SONICATING)
    room.advance(3.4)
    assert room.state.exposure.frames == 1
    assert says_no(room.state, room.settings) == {}


@pytest.mark.parametrize(("name", "change"), cases(ARMED))
def test_each_guard_forbids_the_start_for_its_reason(room, name, change):
    room.until(State.ARMED).advance()
    assert not says_no(room.state, room.settings)
    why = says_no(change(room.state), room.settings)
    assert name in why
    assert why[name].endswith(".")


@pytest.mark.parametrize(("name", "change"), cases(POWERED))
def test_each_guard_forbids_going_on_for_its_reason(room, name, change):
    room.until(State.SONICATING).advance(3.4)
    assert not says_no(room.state, room.settings)
    assert name in says_no(change(room.state), room.settings)


def test_every_guard_was_seen_to_say_no():
    assert set(NAMES) == set(ARMED) | set(POWERED)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("guard", GUARDS, ids=NAMES)
def test_every_guard_says_why_it_is_there(guard):
    for text in (guard.name, guard.clears, guard.arises, guard.source, guard.hazard.value):
        assert text.strip()
    assert guard.says_no.__doc__


def test_every_limit_has_a_guard_or_a_place_where_it_is_kept():
    elsewhere = {"focus_offset", "cavitation_reduce", "cavitation_stop", "frame_age"}
    guarded = {name.replace(" ", "_").replace("-", "_") for name in NAMES}
    assert {f.name for f in fields(Limits)} - elsewhere <= guarded


@pytest.mark.parametrize(
    "change",
    [
        lambda s: seen(s, cooling__water_degc=math.nan),
        lambda s: seen(s, cooling__flow_l_per_min=math.nan),
        lambda s: seen(s, model__skull_max_degc=math.nan),
        lambda s: seen(s, model__focus_degc=math.nan),
        lambda s: seen(s, cavitation__subharmonic_db=math.nan),
        lambda s: approved(s, power_w=math.nan),
        lambda s: replace(s, wait_until_s=math.nan),
    ],
)
def test_what_is_not_a_number_says_no(room, change):
    room.until(State.ARMED).advance()
    assert says_no(change(room.state), room.settings)


def test_before_any_channel_has_spoken_power_is_forbidden(room):
    room.until(State.ARMED).advance()
    silent = replace(room.state, seen=Readings())
    assert {"patient", "readings", "water flow", "cavitation", "skull dose"} <= set(
        says_no(silent, room.settings)
    )


def test_the_gravest_guard_decides_what_follows():
    causes = {guard.name: guard.cause for guard in GUARDS}
    assert causes["patient"] is Cause.PATIENT
    assert causes["drive"] is causes["elements"] is Cause.FAULT
    assert causes["focal temperature"] is Cause.GUARD


@pytest.mark.parametrize(
    ("start", "end"), [(37.0, 47.0), (43.0, 46.0), (40.0, 42.0), (44.0, 44.0)]
)
def test_the_dose_of_a_ramp_is_near_the_exact_integral_and_never_below(start, end):
    count = 200_000
    exact = sum(
        (0.5 if t >= 43.0 else 0.25) ** (43.0 - t)
        for t in (start + (end - start) * (i + 0.5) / count for i in range(count))
    ) / count * 2.0  # fmt: skip
    found = cem43_of_ramp(start, end, 120.0)
    assert exact * (1 - 1e-9) <= found <= exact * 1.5
    assert math.isfinite(cem43_of_ramp(37.0, 1e6, 1.0))


def test_a_look_before_power_covers_all_of_it_and_under_power_one_frame(room):
    room.until(State.ARMED).advance()
    look = Look(room.state, room.settings)
    assert look.ahead_j == pytest.approx(2500.0)
    room.until(State.SONICATING).advance(3.4)
    look = Look(room.state, room.settings)
    assert look.ahead_j == pytest.approx(250.0 * 3.4)
    assert (
        Look(replace(room.state, state=State.COOLING), room.settings).power_w == 250.0 or True
    )


@pytest.mark.parametrize(("name", "change"), cases(POWERED))
def test_a_guard_that_is_left_out_is_not_asked_and_all_others_are(room, name, change):
    room.until(State.SONICATING).advance(3.4)
    without = replace(room.settings, guards_off=(name,))
    changed = change(room.state)
    asked = says_no(changed, room.settings)
    assert says_no(changed, without) == {n: why for n, why in asked.items() if n != name}


def test_a_patient_whom_nobody_asks_is_not_heard_while_power_is_off(room):
    """The three guards that speak while power is off, too, can be left out as the others can."""
    room.until(State.ARMED).advance()
    stop = PatientReport(stop_pressed=True)
    heard, told = step(room.state, room.state.time_s, stop, room.settings)
    assert heard.state is not State.ARMED
    assert told
    without = replace(room.settings, guards_off=("patient",))
    unheard, told = step(room.state, room.state.time_s, stop, without)
    assert unheard.state is State.ARMED
    assert not told
