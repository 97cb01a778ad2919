"""Who may forbid power: one predicate per guard. All must say yes, before power and during it.

A predicate returns why it says no, or nothing where it says yes. It asks for permission, never
for danger: what is not known, or not a number, says no. To add a guard, write one predicate, one
row of ``GUARDS`` and one test.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from insonate.control.look import (
    Look,
    above,
    cem43_of_ramp,
    scalp_ahead,
    shown_under_power,
    skull_ahead,
)
from insonate.control.observing import loudest_db
from insonate.control.regulator import next_frame_degc
from insonate.control.state import ControllerState, ControlSettings
from insonate.control.table import Cause
from insonate.plan import Stage

Predicate = Callable[[Look], str]


@dataclass(frozen=True)
class Guard:
    """One reason why power may be forbidden.

    Parameters
    ----------
    name
        A short name, in the words of ``Limits`` where it has a limit.
    says_no
        The predicate: why not, or nothing.
    clears
        What has to happen for it to say yes again.
    hazard
        The harm that it is there to prevent.
    source
        Where guard or threshold come from.
    cause
        What it brings about when it says no under power.
    waiting_helps
        Whether time alone may clear it.
    """

    name: str
    says_no: Predicate
    clears: str
    hazard: str
    source: str
    cause: Cause = Cause.GUARD
    waiting_helps: bool = True


# --- order and orders --------------------------------------------------------------------------


def approval(look: Look) -> str:
    """Say no to a sonication that nobody approved."""
    return "" if look.state.approved is not None else "No sonication was approved."


def stage_order(look: Look) -> str:
    """Say no to verify before the focus was confirmed, and to treat before it was verified."""
    asked = look.state.exposure if look.exposure is not None else look.state.approved
    stage = Stage(asked.stage) if asked is not None else look.state.stage
    if stage is not Stage.ALIGN and not look.state.confirmed:
        return f"The focus was not confirmed at low power; {stage} may not start before."
    if stage is Stage.TREAT and not look.state.verified:
        return "The focus was not verified; treat may not start before."
    return ""


def cooling(look: Look) -> str:
    """Say no to a start before the wait is over and the focus has cooled."""
    if look.exposure is not None:
        return ""
    state, settings = look.state, look.settings
    if not state.time_s >= state.wait_until_s:
        return (
            f"The wait lasts until {state.wait_until_s:.0f} s; now it is {state.time_s:.0f} s."
        )
    if state.seen.model is None:
        return "The model has not said whether the focus has cooled."
    allowed = settings.body_temperature_degc + settings.cooled_within_k
    if not state.seen.model.focus_degc <= allowed:
        return (
            f"The focus is at {state.seen.model.focus_degc:.1f} °C; {allowed:g} °C is allowed."
        )
    return ""


def session_time(look: Look) -> str:
    """Say no to what would end after the longest session."""
    since = look.state.positioned_s
    if since is None:
        return "The patient is not positioned."
    ends = look.state.time_s - since + look.ahead_s
    return above("The time since positioning", ends, look.settings.limits.session_time)


# --- people ------------------------------------------------------------------------------------


def patient(look: Look) -> str:
    """Say no unless the patient can speak, does not press stop and reports nothing grave."""
    report = look.state.seen.patient
    if report is None:
        return "The patient was not asked."
    if report.stop_pressed:
        return "The patient presses stop."
    if not report.can_communicate:
        return "The patient cannot communicate."
    if report.severity in {"moderate", "severe"}:
        return f"The patient reports {report.symptom or 'a symptom'} ({report.severity})."
    return ""


# --- tissue ------------------------------------------------------------------------------------


def focal_temperature(look: Look) -> str:
    """Say no where the focus is, or would be within one frame, above its cap."""
    limit, exposure = look.settings.limits.focal_temperature, look.exposure
    shown = shown_under_power(look)
    if shown is not None and not shown.peak_degc <= limit.value:
        return above("The latest frame's peak", shown.peak_degc, limit)
    if exposure is None:
        planned = look.state.approved
        value = planned.predicted_peak_degc if planned is not None else math.nan
        return above("The predicted peak", value, limit)
    hottest = exposure.peak_degc
    ahead = next_frame_degc(exposure, look.settings)
    if hottest is None or ahead is None:
        return ""  # before its first frame the thermometry guard alone counts the time
    if ahead <= limit.value or look.state.time_s >= exposure.off_at_s:
        return above("The measured peak", hottest, limit)
    return above("The measured peak, one frame on,", ahead, limit)


def off_target_dose(look: Look) -> str:
    """Say no where tissue beside the target has, or would have within one frame, its dose."""
    frame = shown_under_power(look)
    if frame is None:
        return ""
    hot = frame.off_target_degc
    more = cem43_of_ramp(hot, hot, look.ahead_s)
    return above(
        "The dose beside the target",
        frame.off_target_dose_cem43 + more,
        look.settings.limits.off_target_dose,
    )


_NO_MODEL = "The thermal model of skull and scalp has not spoken."


def skull_temperature(look: Look) -> str:
    """Say no where the skull would pass its cap."""
    bone, limit = skull_ahead(look), look.settings.limits.skull_temperature
    return _NO_MODEL if bone is None else above("The skull's maximum", bone.ahead_degc, limit)


def skull_dose(look: Look) -> str:
    """Say no where the skull's dose would pass its cap."""
    bone, limit = skull_ahead(look), look.settings.limits.skull_dose
    return _NO_MODEL if bone is None else above("The skull's dose", bone.dose_cem43, limit)


def scalp_temperature(look: Look) -> str:
    """Say no where the scalp would pass its cap."""
    bone, limit = scalp_ahead(look), look.settings.limits.scalp_temperature
    return _NO_MODEL if bone is None else above("The scalp's maximum", bone.ahead_degc, limit)


def scalp_dose(look: Look) -> str:
    """Say no where the scalp's dose would pass its cap."""
    bone, limit = scalp_ahead(look), look.settings.limits.scalp_dose
    return _NO_MODEL if bone is None else above("The scalp's dose", bone.dose_cem43, limit)


# --- power and energy --------------------------------------------------------------------------


def power(look: Look) -> str:
    """Say no above the power cap."""
    return above("The power", look.power_w, look.settings.limits.power)


def energy(look: Look) -> str:
    """Say no where one sonication would pass its energy cap."""
    so_far = look.exposure.energy_j if look.exposure is not None else 0.0
    return above("The energy", so_far + look.ahead_j, look.settings.limits.energy)


def session_energy(look: Look) -> str:
    """Say no where all sonications together would pass their energy cap."""
    total = look.state.session_energy_j + look.ahead_j
    return above("The energy of the session", total, look.settings.limits.session_energy)


# --- what the plant reports --------------------------------------------------------------------


def readings(look: Look) -> str:
    """Say no where water, cavitation, model or array have been silent for too long."""
    seen, age = look.state.seen, look.settings.reading_age_s
    heard = {
        "water": seen.cooling_s,
        "cavitation detector": seen.cavitation_s,
        "thermal model": seen.model_s,
        "array": seen.array_s,
    }
    silent = [
        name for name, at in heard.items() if at is None or not look.state.time_s - at <= age
    ]
    if not silent:
        return ""
    return f"No reading in the last {age:g} s from: {', '.join(silent)}."


def water_temperature(look: Look) -> str:
    """Say no where the water is too warm to cool the scalp."""
    water, limit = look.state.seen.cooling, look.settings.limits.water_temperature
    return above("The water", water.water_degc if water is not None else math.nan, limit)


def water_flow(look: Look) -> str:
    """Say no where the water does not flow."""
    water, floor = look.state.seen.cooling, look.settings.limits.water_flow
    flow = water.flow_l_per_min if water is not None else math.nan
    if flow >= floor.value:
        return ""
    return f"The water flows at {flow:.4g} {floor.unit}; at least {floor.value:g} is needed."


def cavitation(look: Look) -> str:
    """Say no where the detector hears cavitation."""
    heard, limit = look.state.seen.cavitation, look.settings.limits.cavitation_stop
    return above("The cavitation level", loudest_db(heard) if heard else math.nan, limit)


def thermometry_age(look: Look) -> str:
    """Say no where the latest frame of this sonication is stale."""
    exposure, settings = look.exposure, look.settings
    if exposure is None:
        return ""
    last_s = max(exposure.started_s, exposure.frame_end_s or exposure.started_s)
    frames = (look.state.time_s - last_s) / settings.frame_time_s
    return above("The latest thermometry", frames, settings.limits.frame_age)


def thermometry_quality(look: Look) -> str:
    """Say no where thermometry is too noisy or covers too little of the brain."""
    frame, settings = shown_under_power(look), look.settings
    if frame is None:
        return ""
    if not frame.usable_share >= settings.minimum_usable_share:
        return (
            f"Only {frame.usable_share:.0%} of the brain's voxels are usable; "
            f"{settings.minimum_usable_share:.0%} are needed."
        )
    if not frame.sigma_k <= settings.maximum_sigma_k:
        return (
            f"The noise at the peak is {frame.sigma_k:.2g} K; "
            f"no more than {settings.maximum_sigma_k:g} K is allowed."
        )
    return ""


def elements(look: Look) -> str:
    """Say no where too many elements are faulty, or too much power is reflected."""
    array, settings = look.state.seen.array, look.settings
    if array is None:
        return ""  # the guard of readings says no until it reports
    if not array.faulty_elements <= settings.maximum_faulty_elements:
        return (
            f"{array.faulty_elements} elements are faulty; "
            f"no more than {settings.maximum_faulty_elements} are allowed."
        )
    if not array.reflected_share <= settings.maximum_reflected_share:
        return (
            f"{array.reflected_share:.0%} of the power is reflected; "
            f"no more than {settings.maximum_reflected_share:.0%} is allowed."
        )
    return ""


def drive(look: Look) -> str:
    """Say no where the array delivers more than it was told."""
    seen, settings, exposure = look.state.seen, look.settings, look.exposure
    if seen.array is None or seen.array_s is None:
        return ""  # the guard of readings says no until it reports
    told_w = exposure.power_w if exposure is not None else 0.0
    told_s = exposure.power_set_s if exposure is not None else look.state.off_s
    if seen.array_s <= told_s + settings.drive_lag_s:
        return ""
    # Half a watt more is the electronics' own noise while power is off.
    if seen.array.power_w <= told_w * (1.0 + settings.drive_tolerance) + 0.5:
        return ""
    return f"The array delivers {seen.array.power_w:.4g} W; it was told {told_w:.4g} W."


_FRAME = "a fresh frame of good quality"
_COOL = "cooling, or a smaller sonication"
_BLEED = "haemorrhage or a lesion larger than meant, as in the series of 2012"
_BURN = "burn of skull, marrow or scalp"
_SETTING = "setting of this software"
_JEANMONOD = "Jeanmonod et al., Neurosurg. Focus 32:E1 (2012)"
_ITRUSST = "ITRUSST consensus (Aubry et al. 2023)"
_HTG491 = "NICE HTG491, clause 2.4"

GUARDS: tuple[Guard, ...] = (
    Guard("drive", drive, "array off, then resume with a reason",
          "energy that nobody asked for", _SETTING, Cause.FAULT, waiting_helps=False),
    Guard("elements", elements, "service of the array", "distorted focus, heat elsewhere",
          _SETTING, Cause.FAULT, waiting_helps=False),
    Guard("patient", patient, "the patient says that all is well",
          "harm that only the awake patient notices", _HTG491, Cause.PATIENT),
    Guard("approval", approval, "approve the proposed sonication",
          "a sonication that nobody meant", _SETTING, waiting_helps=False),
    Guard("stage order", stage_order, "align confirmed within its tolerance, then verify",
          "lesion beside the target", f"{_HTG491}: low power confirms the location",
          waiting_helps=False),
    Guard("cooling", cooling, "the end of the wait", _BURN, _HTG491),
    Guard("session time", session_time, "nothing; finish", "a tired patient who moves",
          _HTG491, waiting_helps=False),
    Guard("focal temperature", focal_temperature, "a smaller sonication", _BLEED, _JEANMONOD,
          waiting_helps=False),
    Guard("off-target dose", off_target_dose, "a smaller or better aimed sonication",
          "damage to tissue beside the target", "McDannold et al. (2004), Yarmolenko (2011)"),
    Guard("skull temperature", skull_temperature, _COOL, _BURN, _ITRUSST),
    Guard("skull dose", skull_dose, "a smaller sonication; dose does not go down", _BURN,
          _ITRUSST, waiting_helps=False),
    Guard("scalp temperature", scalp_temperature, _COOL, _BURN, _ITRUSST),
    Guard("scalp dose", scalp_dose, "a smaller sonication; dose does not go down", _BURN,
          _ITRUSST, waiting_helps=False),
    Guard("power", power, "a lower power", "cavitation", _SETTING, waiting_helps=False),
    Guard("energy", energy, "a smaller sonication", _BURN,
          "Clinical series: ablation energies 3.3-36.1 kJ", waiting_helps=False),
    Guard("session energy", session_energy, "nothing; finish", _BURN, _SETTING,
          waiting_helps=False),
    Guard("readings", readings, "a reading from each channel", "a danger that nobody sees",
          _SETTING),
    Guard("water temperature", water_temperature, "colder water", _BURN, _HTG491),
    Guard("water flow", water_flow, "the pump running", _BURN, _HTG491),
    Guard("cavitation", cavitation, "quiet, at a lower power", _BLEED, _JEANMONOD),
    Guard("thermometry age", thermometry_age, _FRAME, "overheating unseen", _HTG491),
    Guard("thermometry quality", thermometry_quality, _FRAME, "overheating unseen", _HTG491),
)  # fmt: skip
"""Every guard; their order is that of refusals in the record."""


@dataclass(frozen=True)
class Refusal:
    """A guard that says no, and why."""

    guard: Guard
    why: str


def refusals(state: ControllerState, settings: ControlSettings) -> tuple[Refusal, ...]:
    """Return the guards that say no now; power may be on only where there is none."""
    look = Look(state, settings)
    asked = ((guard, guard.says_no(look)) for guard in GUARDS)
    return tuple(Refusal(guard, why) for guard, why in asked if why)
