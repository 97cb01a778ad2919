"""For each guard the situations in which it must say no: armed, and under power.

A new guard needs an entry here; the page of hazards names it, and CI fails without it.
"""

import math
from dataclasses import replace

from insonate.events.documents import PatientReport
from insonate.events.presence import MotionReading


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
    "alarm": [lambda s: replace(s, alarms=("motion",))],
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
        lambda s: exposed(replace(s, time_s=s.exposure.frame_end_s + 5.1), duration_s=30.0),
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
