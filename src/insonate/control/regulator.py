"""How much next, and when: efficiency from what was measured, power and wait within limits."""

import math
from dataclasses import dataclass, replace

from insonate.control.settings import ControlSettings, efficiency_shape, heating_shape
from insonate.control.state import ControllerState, Efficiency, Exposure
from insonate.events.documents import SonicationProposed
from insonate.events.sight import FocusEstimate
from insonate.plan import Sonication

BAND = 1.645
"""Standard deviations of the 90 % band that proposals are given with."""

_FALL = math.log(1.2)
"""ln 1.2: energy per °C rises by 20 % from one sonication to the next (Huang et al., 2018)."""

_TREND_SHARE = 0.5
"""Setting: so much of the latest fall counts for the next, the rest is what was seen before."""

_MODEL_SIGMA = 0.1
"""Setting: part-volume and timing error of one measured efficiency, as a natural logarithm."""

_SEEN_SIGMAS = 3.0
"""A rise below three standard deviations says nothing about the efficiency."""

_AGAIN_S = 10.0
"""Setting: what has not cooled by the expected time is looked at again after this, s."""

_DECIMALS = 6
"""What goes through exp or log is decided to so many decimals (W, s, °C, K/kJ): the last bit of
these functions differs from one machine's library to another's, a decision may not."""

_REST_SHARE = 0.9
"""Cooled means that this part of the energy allowed at rest is allowed again."""


@dataclass(frozen=True)
class Ceiling:
    """The largest energy (J) that one limit allows now, and at rest."""

    name: str
    now_j: float
    rest_j: float


def learned(belief: Efficiency, exposure: Exposure, settings: ControlSettings) -> Efficiency:
    """Return the belief about the efficiency after one sonication was seen.

    Scalar Kalman filter on x = ln(K/kJ) at the reference duration: between sonications x may
    wander by ln 1.2, and goes on to fall as it fell, half of it, never faster than by ln 1.2; a
    sonication shows it with (σ_T/rise)² + 0.1². What rose less than 3 σ_T,
    or was shorter than half the frame that shows it, teaches nothing.
    """
    rise_k, k_per_kj = rise(exposure), measured_k_per_kj(exposure)
    length_s = exposure.energy_j / exposure.asked_w
    if k_per_kj is None or length_s < settings.frame_time_s / 2.0:
        return belief
    seen = math.log(k_per_kj / efficiency_shape(length_s, settings))
    noise = (exposure.sigma_k / rise_k) ** 2 + _MODEL_SIGMA**2
    before = belief.log_sigma**2 + (_FALL**2 if belief.measured else 0.0)
    gain = before / (before + noise)
    mean = belief.ahead + gain * (seen - belief.ahead)
    fell = _TREND_SHARE * (mean - belief.log_mean) + (1.0 - _TREND_SHARE) * belief.trend
    return Efficiency(
        log_mean=mean,
        log_sigma=math.sqrt((1.0 - gain) * before),
        measured=(*belief.measured, k_per_kj),
        trend=min(0.0, max(-_FALL, fell)) if belief.measured else 0.0,
    )


def rise(exposure: Exposure) -> float:
    """Return the measured rise of the peak over the baseline, K; 0 where none was seen."""
    if exposure.peak_degc is None or exposure.baseline_degc is None:
        return 0.0
    return exposure.peak_degc - exposure.baseline_degc


def measured_k_per_kj(exposure: Exposure) -> float | None:
    """Return rise per energy, K/kJ, or None where the rise is lost in the noise."""
    rise_k = rise(exposure)
    if exposure.energy_j <= 0.0 or rise_k <= _SEEN_SIGMAS * exposure.sigma_k:
        return None
    return rise_k / (exposure.energy_j * 1e-3) if rise_k > 0.0 else None


def forgotten(belief: Efficiency, settings: ControlSettings) -> Efficiency:
    """Return the belief after the geometry changed: the same mean, as unsure as the plan."""
    return replace(
        belief, trend=0.0, log_sigma=max(belief.log_sigma, settings.predicted_log_sigma)
    )


def expect(
    state: ControllerState, asked: Sonication, settings: ControlSettings, limited_by: str = ""
) -> SonicationProposed:
    """Return ``asked`` as a proposal: with the peak it is expected to reach, and its 90 % band.

    The band is not symmetric: from one sonication to the next the efficiency falls, so the low
    end also holds a fall by ln 1.2.
    """
    belief, body = state.efficiency, settings.body_temperature_degc
    k_per_kj = _efficiency(state, asked.duration_s, settings)
    rise_k = k_per_kj * asked.energy_j * 1e-3
    low_k = rise_k * math.exp(-BAND * math.hypot(belief.log_sigma, _FALL))
    high_k = rise_k * math.exp(BAND * belief.log_sigma)
    return SonicationProposed(
        sonication=state.sonication + 1,
        stage=asked.stage.value,
        power_w=asked.power_w,
        duration_s=asked.duration_s,
        predicted_peak_degc=body + rise_k,
        predicted_low_degc=round(body + low_k, _DECIMALS),
        predicted_high_degc=round(body + high_k, _DECIMALS),
        k_per_kj=k_per_kj,
        limited_by=limited_by,
    )


def _efficiency(state: ControllerState, duration_s: float, settings: ControlSettings) -> float:
    """Return what is expected of the next sonication of a duration, K/kJ."""
    shape = efficiency_shape(duration_s, settings)
    return round(math.exp(state.efficiency.ahead) * shape, _DECIMALS)


def aim(state: ControllerState, settings: ControlSettings) -> float:
    """Return the peak to aim at, °C: the goal's middle, lower where the band would pass the cap.

    Never below the low end of the goal: the regulator watches the sonication itself.
    """
    low, high = settings.goals[state.stage]
    body = settings.body_temperature_degc
    room_k = settings.limits.focal_temperature.value - body
    careful = body + room_k * math.exp(-BAND * state.efficiency.log_sigma)
    return max(low, min((low + high) / 2.0, careful))


def wanted(state: ControllerState, settings: ControlSettings) -> Sonication:
    """Return the sonication that the goal asks for, within the power cap, other limits aside.

    The very first is the prescription's own. Later ones follow the measured efficiency; where
    the power would pass its cap the duration is stretched: P ∝ 1/ln(1 + d/τ).
    """
    prescribed = next((s for s in state.prescribed if s.stage is state.stage), None)
    if state.sonication == 0 and prescribed is not None:
        return _capped(prescribed, state, settings)
    duration = prescribed.duration_s if prescribed else settings.durations_s[state.stage]
    duration = min(duration, settings.maximum_duration_s)
    shape = efficiency_shape(duration, settings)
    rise_k = aim(state, settings) - settings.body_temperature_degc
    power = rise_k / (math.exp(state.efficiency.ahead) * shape) * 1e3 / duration
    asked = Sonication(state.stage, round(power, _DECIMALS), duration)
    return _capped(asked, state, settings)


def power_cap(state: ControllerState, settings: ControlSettings) -> tuple[str, float]:
    """Return what caps the power of the next sonication, and at how much, W.

    What cavitated once is not tried again: the cap is then the factor of cavitation times it.
    """
    cap = settings.limits.power.value
    if state.loud_w is None or settings.cavitation_factor * state.loud_w >= cap:
        return "power", cap
    return "cavitation", settings.cavitation_factor * state.loud_w


def _capped(asked: Sonication, state: ControllerState, settings: ControlSettings) -> Sonication:
    """Return the sonication within the power cap, stretched for the same rise if it can be."""
    _, cap = power_cap(state, settings)
    if asked.power_w <= cap:
        return asked
    needed = heating_shape(asked.duration_s, settings) * asked.power_w / cap
    longest = heating_shape(settings.maximum_duration_s, settings)
    duration = settings.heating_time_s * math.expm1(min(needed, longest))
    return Sonication(asked.stage, cap, round(duration, _DECIMALS))


def ceilings(state: ControllerState, settings: ControlSettings) -> tuple[Ceiling, ...]:
    """Return the energy that each limit allows; skull and scalp only once the model has spoken."""
    limits, model, seen = settings.limits, state.seen.model, state.seen
    left_j = limits.session_energy.value - state.session_energy_j
    found = [
        Ceiling("energy", limits.energy.value, limits.energy.value),
        Ceiling("session energy", left_j, left_j),
    ]
    if model is None or seen.skull_rest_degc is None or seen.scalp_rest_degc is None:
        return tuple(found)
    margin = settings.skull_margin_k
    for name, limit, now, rest, k_per_kj in (
        ("skull temperature", limits.skull_temperature.value, model.skull_max_degc,
         seen.skull_rest_degc, model.skull_rise_k_per_kj),
        ("scalp temperature", limits.scalp_temperature.value, model.scalp_max_degc,
         seen.scalp_rest_degc, model.scalp_rise_k_per_kj),
    ):  # fmt: skip
        if k_per_kj > 0.0:
            per_kelvin_j = 1e3 / k_per_kj
            room_now, room_rest = limit - margin - now, limit - margin - rest
            found.append(Ceiling(name, room_now * per_kelvin_j, room_rest * per_kelvin_j))
    return tuple(found)


def propose(
    state: ControllerState, settings: ControlSettings
) -> tuple[SonicationProposed | None, str]:
    """Return the next sonication within all limits, or None and the sentence that says why not."""
    why = _exhausted(state, settings)
    if why:
        return None, why
    asked = wanted(state, settings)
    lowest = min(ceilings(state, settings), key=lambda ceiling: ceiling.now_j)
    limited = power_cap(state, settings)[0] if _short_of_goal(state, asked, settings) else ""
    if asked.energy_j > lowest.now_j:
        limited = lowest.name
        power = max(0.0, lowest.now_j) / asked.duration_s
        asked = replace(asked, power_w=power)
    proposal = expect(state, asked, settings, limited)
    low, high = settings.goals[state.stage]
    if limited and proposal.predicted_high_degc < low:
        return None, (
            f"The {state.stage} goal of {low:g}-{high:g} °C cannot be reached within the limit of "
            f"{limited}: it allows {asked.energy_j / 1e3:.2f} kJ, which is expected to reach "
            f"{proposal.predicted_peak_degc:.1f} °C and at best {proposal.predicted_high_degc:.1f} °C."
        )
    return proposal, ""


def _exhausted(state: ControllerState, settings: ControlSettings) -> str:
    """Return why no further sonication is foreseen, or nothing."""
    most = settings.sonications[state.stage]
    if state.stage_count >= most:
        return f"The stage {state.stage} was not done after its {most} sonications."
    if state.sonication >= settings.maximum_sonications:
        return f"All {settings.maximum_sonications} sonications of a treatment were used."
    return ""


def _short_of_goal(
    state: ControllerState, asked: Sonication, settings: ControlSettings
) -> bool:
    """Return whether the power cap keeps ``asked`` below the low end of the goal."""
    at_cap = asked.power_w >= power_cap(state, settings)[1]
    peak = expect(state, asked, settings).predicted_peak_degc
    return at_cap and peak < settings.goals[asked.stage][0]


# --- within a sonication -----------------------------------------------------------------------


def next_frame_degc(exposure: Exposure, settings: ControlSettings) -> float | None:
    """Return the measured peak extrapolated by one frame, never down, °C.

    From two frames on a straight line, which overestimates what flattens; from the first frame
    alone, whose beginning is not known, the shape of ``heating_shape``.
    """
    if exposure.frames == 0:
        return None
    if exposure.frames == 1:
        return _grown(exposure, settings, _elapsed(exposure, settings) + settings.frame_time_s)
    return exposure.last_degc + max(0.0, exposure.slope_k_per_s) * settings.frame_time_s


def end_degc(exposure: Exposure, settings: ControlSettings) -> float | None:
    """Return the peak projected to the planned end at the present power, °C; None before a frame."""
    if exposure.frames == 0:
        return None
    return _grown(exposure, settings, exposure.duration_s)


def _grown(exposure: Exposure, settings: ControlSettings, at_s: float) -> float:
    """Return rise(at) = rise(t)·ln(1 + at/τ)/ln(1 + t/τ) over the baseline, never down, °C.

    t is the middle of the latest frame.
    """
    elapsed = _elapsed(exposure, settings)
    growth = heating_shape(at_s, settings) / heating_shape(elapsed, settings)
    baseline = exposure.last_degc if exposure.baseline_degc is None else exposure.baseline_degc
    return exposure.last_degc + max(0.0, exposure.last_degc - baseline) * max(0.0, growth - 1.0)


def _elapsed(exposure: Exposure, settings: ControlSettings) -> float:
    """Return the heating time that the latest frame shows, at least a quarter of a frame, s."""
    return max(exposure.mid_s - exposure.started_s, settings.frame_time_s / 4.0)


def lowered_power(exposure: Exposure, settings: ControlSettings) -> float:
    """Return the power that keeps the projected end below the focal cap; never more than now, W.

    By superposition the rise at the end is f·R(d) + (1 − f)·(R(d) − R(d − t)), with R the shape of
    the rise, d the duration, t the time of the change and f the factor on the power. With the
    share s = 1 − R(d − t)/R(d) that stays of what was heated before, and x the share of the
    projected rise that is allowed, f = (x − s)/(1 − s). One frame is not enough for a projection
    that far: it says little about when within it the heat was seen.
    """
    end = end_degc(exposure, settings)
    cap = settings.limits.focal_temperature.value
    if end is None or end <= cap or exposure.frames < 2:
        return exposure.power_w
    baseline = exposure.last_degc if exposure.baseline_degc is None else exposure.baseline_degc
    if exposure.last_degc >= cap - settings.goal_margin_k:
        return 0.0
    allowed = (cap - settings.goal_margin_k - baseline) / (end - baseline)
    seen_s = (exposure.frame_end_s or exposure.started_s) - exposure.started_s
    left_s = max(exposure.duration_s - seen_s, 0.0)
    shape = heating_shape(exposure.duration_s, settings)
    stays = 1.0 - heating_shape(left_s, settings) / shape
    if stays >= 1.0:
        return exposure.power_w
    factor = min(1.0, max(0.0, (allowed - stays) / (1.0 - stays)))
    return min(exposure.power_w, round(exposure.power_w * factor, _DECIMALS))


def goal_reached(
    exposure: Exposure, settings: ControlSettings, focus: FocusEstimate | None = None
) -> bool:
    """Return whether the peak is at the top of the stage's goal, less the margin.

    As a frame has measured it, or as it is estimated to be now from two frames or more: a frame
    shows how hot the focus was half its length ago.
    """
    top = settings.goals[exposure.stage][1] - settings.goal_margin_k
    if focus is not None and focus.frames > 1 and focus.focus_degc >= top:
        return True
    return exposure.peak_degc is not None and exposure.peak_degc >= top


# --- between sonications -----------------------------------------------------------------------


def still_warm(
    state: ControllerState, wanted_j: float, settings: ControlSettings
) -> tuple[str, float]:
    """Return what must still cool, in words, and the time that this is expected to take, s.

    Cooled means: the focus is at the body's temperature, and skull and scalp allow the energy
    that the next sonication wants, or 0.9 of what they allow at rest where that is less.
    """
    model = state.seen.model
    if model is None:
        return "no estimate of skull and scalp has come", _AGAIN_S
    excess = model.focus_degc - settings.body_temperature_degc
    if excess > settings.cooled_within_k:
        return f"the focus is still at {model.focus_degc:.1f} °C", _AGAIN_S
    for ceiling in ceilings(state, settings):
        if ceiling.rest_j <= 0.0:
            continue  # no wait helps; the proposal says so
        needed_j = min(wanted_j, _REST_SHARE * ceiling.rest_j)
        if ceiling.now_j < needed_j:
            heat, allowed = ceiling.rest_j - ceiling.now_j, ceiling.rest_j - needed_j
            wait = settings.cooling_time_s * math.log(heat / allowed)
            return (
                f"the limit of {ceiling.name} allows {ceiling.now_j / 1e3:.2f} kJ now and "
                f"{needed_j / 1e3:.2f} kJ once it has cooled"
            ), max(round(wait, _DECIMALS), _AGAIN_S)
    return "", 0.0
