"""Tissue, and what is put into it: temperatures, doses, power, energy."""

import math

from insonate.control.look import (
    Look,
    above,
    cem43_of_ramp,
    estimated,
    scalp_ahead,
    shown_under_power,
    skull_ahead,
)
from insonate.control.regulator import next_frame_degc
from insonate.core import Quantity


def focal_temperature(look: Look) -> str:
    """Say no where the focus is, or would be within one frame, above its cap."""
    limit, exposure = look.settings.limits.focal_temperature, look.exposure
    why = _focus_now(look, limit)
    if why:
        return why
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


def _focus_now(look: Look, limit: Quantity) -> str:
    """Say no where the latest frame, or the estimate since, shows the focus above its cap."""
    shown = shown_under_power(look)
    if shown is not None and not shown.peak_degc <= limit.value:
        return above("The latest frame's peak", shown.peak_degc, limit)
    focus = estimated(look.state) if look.exposure is not None else None
    if focus is not None and focus.frames > 0:
        return above("The focus, as it is estimated now,", focus.focus_degc, limit)
    return ""


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
