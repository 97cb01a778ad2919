"""Each guard: yes where all is well, no for its own reason, no for what is not a number."""

import math
from dataclasses import fields, replace

import pytest

from insonate.control.guards import GUARDS, refusals
from insonate.control.look import Look, cem43_of_ramp
from insonate.control.state import Readings
from insonate.control.table import Cause
from insonate.events import State
from insonate.events.documents import PatientReport
from insonate.events.presence import MotionReading
from insonate.plan import Limits

NAMES = [guard.name for guard in GUARDS]


def seen(state, **changes):
    """Return the state with fields of channels changed: ``cooling__water_degc=30``."""
    readings = state.seen
    for name, value in changes.items():
        channel, _, field = name.partition("__")
        new = getattr(readings, channel).model_copy(update={field: value}) if field else value
        readings = replace(readings, **{channel: new})
    return replace(state, seen=readings)


def exposed(state, **changes):
    return replace(state, exposure=replace(state.exposure, **changes))


def approved(state, **changes):
    return replace(state, approved=state.approved.model_copy(update=changes))


ARMED = {
    "patient": [
        lambda s: seen(s, patient=None),
        lambda s: seen(s, patient=PatientReport(stop_pressed=True)),
        lambda s: seen(s, patient=PatientReport(can_communicate=False)),
        lambda s: seen(s, patient=PatientReport(symptom="dysarthria", severity="moderate")),
    ],
    "neurological finding": [
        lambda s: seen(s, patient=PatientReport(finding="dysarthria", severity="mild")),
        lambda s: seen(s, patient=PatientReport(finding="paraesthesia", where="right hand")),
    ],
    "sedation": [
        lambda s: seen(s, patient=PatientReport(sedation="moderate")),
        lambda s: seen(s, patient=PatientReport(sedation="deep")),
    ],
    "patient asked": [
        lambda s: replace(s, seen=replace(s.seen, patient_s=s.time_s - 900.1)),
        lambda s: replace(s, seen=replace(s.seen, patient_s=None)),
    ],
    "operator": [
        lambda s: replace(s, seen=replace(s.seen, operator_s=s.time_s - 5.1)),
        lambda s: replace(s, seen=replace(s.seen, operator_s=None)),
    ],
    "motion": [lambda s: seen(s, motion=MotionReading(displacement_m=0.6e-3))],
    "coupling": [
        lambda s: seen(s, cooling__dissolved_oxygen_ppm=3.1),
        lambda s: seen(s, cooling=None),
    ],
    "approval": [lambda s: replace(s, approved=None)],
    "stage order": [
        lambda s: replace(approved(s, stage="verify"), confirmed=False),
        lambda s: replace(approved(s, stage="treat"), confirmed=True, verified=False),
        lambda s: replace(approved(s, stage="treat"), confirmed=False, verified=True),
    ],
    "cooling": [
        lambda s: replace(s, wait_until_s=s.time_s + 1.0),
        lambda s: seen(s, model=None),
        lambda s: seen(s, model__focus_degc=38.1),
    ],
    "session time": [
        lambda s: replace(s, positioned_s=None),
        lambda s: replace(s, positioned_s=s.time_s - 4 * 3600.0),
    ],
    "focal temperature": [
        lambda s: approved(s, predicted_peak_degc=60.1),
        lambda s: replace(s, approved=None),
    ],
    "skull temperature": [
        lambda s: seen(s, model=None),
        lambda s: seen(s, model__skull_max_degc=46.0),
        lambda s: seen(s, model__skull_rise_k_per_kj=5.0),
    ],
    "skull dose": [
        lambda s: seen(s, model=None),
        lambda s: seen(s, model__skull_dose_cem43=16.1),
    ],
    "scalp temperature": [
        lambda s: seen(s, model=None),
        lambda s: seen(s, model__scalp_max_degc=42.9),
    ],
    "scalp dose": [
        lambda s: seen(s, model=None),
        lambda s: seen(s, model__scalp_dose_cem43=21.1),
    ],
    "power": [lambda s: approved(s, power_w=1201.0)],
    "energy": [lambda s: approved(s, power_w=1200.0, duration_s=30.1)],
    "session energy": [lambda s: replace(s, session_energy_j=249e3)],
    "readings": [
        lambda s: replace(s, seen=replace(s.seen, cooling_s=None)),
        lambda s: replace(s, seen=replace(s.seen, cavitation_s=s.time_s - 10.1)),
        lambda s: replace(s, seen=replace(s.seen, model_s=math.nan)),
        lambda s: replace(s, seen=replace(s.seen, array_s=None)),
        lambda s: replace(s, seen=replace(s.seen, motion_s=s.time_s - 10.1)),
    ],
    "water temperature": [
        lambda s: seen(s, cooling__water_degc=25.1),
        lambda s: seen(s, cooling=None),
    ],
    "water flow": [
        lambda s: seen(s, cooling__flow_l_per_min=0.9),
        lambda s: seen(s, cooling=None),
    ],
    "cavitation": [
        lambda s: seen(s, cavitation__broadband_db=6.1),
        lambda s: seen(s, cavitation__subharmonic_db=12.1),
        lambda s: seen(s, cavitation__ultraharmonic_db=12.1),
        lambda s: seen(s, cavitation=None),
    ],
    "elements": [lambda s: seen(s, array__faulty_elements=51)],
    "reflected power": [lambda s: seen(s, array__reflected_share=0.31)],
    "drive": [
        lambda s: replace(seen(s, array__power_w=100.0, array_s=s.time_s), off_s=s.time_s - 1.1)
    ],
}

POWERED = {
    "focal temperature": [
        lambda s: exposed(s, frames=2, peak_degc=59.0, last_degc=59.0, slope_k_per_s=0.5),
        lambda s: exposed(s, frames=1, peak_degc=50.0, last_degc=50.0),
        lambda s: exposed(s, frames=2, peak_degc=60.1, last_degc=40.0, slope_k_per_s=0.0,
                          duration_s=s.time_s - s.exposure.started_s),
        lambda s: exposed(s, frames=2, peak_degc=50.0, last_degc=math.nan, slope_k_per_s=0.0),
    ],
    "off-target dose": [
        lambda s: seen(s, frame__off_target_dose_cem43=17.1),
        lambda s: seen(s, frame__off_target_degc=55.0),
    ],
    "thermometry age": [
        lambda s: exposed(replace(s, time_s=s.exposure.frame_end_s + 5.2), duration_s=30.0),
    ],
    "thermometry quality": [
        lambda s: seen(s, frame__usable_share=0.49),
        lambda s: seen(s, frame__sigma_k=2.1),
    ],
    "thermometry consistency": [
        lambda s: exposed(s, frames=3, peak_degc=50.0, last_degc=45.0, sigma_k=0.3),
        lambda s: exposed(s, frames=3, peak_degc=50.0, last_degc=math.nan, sigma_k=0.3),
    ],
    "cavitation": [lambda s: seen(s, cavitation__broadband_db=12.1)],
    "operator": [lambda s: replace(s, seen=replace(s.seen, operator_s=s.time_s - 5.1))],
    "motion": [lambda s: seen(s, motion=MotionReading(displacement_m=0.51e-3))],
    "sedation": [lambda s: seen(s, patient=PatientReport(sedation="moderate"))],
    "skull temperature": [lambda s: seen(s, model__skull_max_degc=47.0)],
    "energy": [lambda s: exposed(s, energy_j=36.1e3)],
    "drive": [
        lambda s: exposed(seen(s, array__power_w=300.0, array_s=s.time_s), power_set_s=s.time_s - 1.1)
    ],
    "stage order": [lambda s: exposed(s, stage="treat")],
    "patient": [lambda s: seen(s, patient=PatientReport(stop_pressed=True))],
}  # fmt: skip


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
