"""From an observation to what is remembered: pure bookkeeping, no decision is taken here."""

from dataclasses import replace

from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, Exposure, Readings
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    ModelEstimate,
    Observation,
    PatientReport,
    TemperatureFrame,
)
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.events.sight import FocusEstimate
from insonate.events.states import State

_EDGE_S = 1e-6
"""Two times closer than this are one: frames are stamped by another clock than ticks."""


def observe(
    state: ControllerState, time_s: float, observation: Observation, settings: ControlSettings
) -> ControllerState:
    """Return the state that remembers ``observation`` at ``time_s``, energy accounted for."""
    seen = _with_reading(state.seen, time_s, observation)
    state = account(replace(state, time_s=time_s, seen=seen))
    if isinstance(observation, TemperatureFrame):
        state = _with_frame(state, observation, settings)
    return _with_worst(state, settings)


def account(state: ControllerState) -> ControllerState:
    """Return the state with the energy delivered until now; none after the drive's own end."""
    exposure = state.exposure
    if state.state is not State.SONICATING or exposure is None:
        return state
    until = min(state.time_s, exposure.off_at_s)
    energy_j = exposure.power_w * max(0.0, until - exposure.accounted_s)
    exposure = replace(
        exposure,
        accounted_s=max(until, exposure.accounted_s),
        energy_j=exposure.energy_j + energy_j,
    )
    session_j = state.session_energy_j + energy_j
    return replace(state, exposure=exposure, session_energy_j=session_j)


def _with_reading(seen: Readings, time_s: float, observation: Observation) -> Readings:
    """Return the readings with the channel that ``observation`` belongs to brought up to date."""
    match observation:
        case CoolingReading():
            seen = replace(seen, cooling=observation, cooling_s=time_s)
        case CavitationReading():
            seen = replace(seen, cavitation=observation, cavitation_s=time_s)
        case ArrayReading():
            seen = replace(seen, array=observation, array_s=time_s)
        case PatientReport():
            seen = replace(seen, patient=observation, patient_s=time_s)
        case MotionReading():
            seen = replace(seen, motion=observation, motion_s=time_s)
        case OperatorPresent():
            seen = replace(seen, operator_s=time_s)
        case ModelEstimate() | FocusEstimate():
            seen = _with_belief(seen, time_s, observation)
    return seen


def _with_belief(
    seen: Readings, time_s: float, belief: ModelEstimate | FocusEstimate
) -> Readings:
    """Return the readings with what a model believes: of skull and scalp, or of the focus."""
    if isinstance(belief, FocusEstimate):
        return replace(seen, focus=belief)
    return _with_model(seen, time_s, belief)


def _with_model(seen: Readings, time_s: float, model: ModelEstimate) -> Readings:
    """Return the readings with the model's belief and the coolest rest that it has shown."""
    skull, scalp = seen.skull_rest_degc, seen.scalp_rest_degc
    return replace(
        seen,
        model=model,
        model_s=time_s,
        skull_rest_degc=model.skull_max_degc
        if skull is None
        else min(skull, model.skull_max_degc),
        scalp_rest_degc=model.scalp_max_degc
        if scalp is None
        else min(scalp, model.scalp_max_degc),
    )


def _with_frame(
    state: ControllerState, frame: TemperatureFrame, settings: ControlSettings
) -> ControllerState:
    """Return the state with one more frame.

    Every frame is looked at for danger; only one that is newer than the last, over before now and
    of this sonication counts as fresh and teaches about it.
    """
    state = replace(state, seen=replace(state.seen, frame=frame))
    exposure = state.exposure
    if exposure is None or frame.sonication != exposure.sonication:
        return state
    last_s = exposure.started_s if exposure.frame_end_s is None else exposure.frame_end_s
    new = last_s < frame.end_s <= state.time_s + _EDGE_S
    if not new or not frame.start_s < frame.end_s:
        return state
    return replace(state, exposure=_exposed(exposure, frame, settings))


def _exposed(
    exposure: Exposure, frame: TemperatureFrame, settings: ControlSettings
) -> Exposure:
    """Return the exposure with what one of its frames shows: slope, peak, dose, focus."""
    mid_s = (frame.start_s + frame.end_s) / 2.0
    first = exposure.frames == 0
    before_s = exposure.started_s if first else exposure.mid_s
    before_degc = frame.baseline_degc if first else exposure.last_degc
    # The first frame may begin before the power does: its middle then says little about time.
    apart_s = max(mid_s - before_s, settings.frame_time_s / 2.0)
    aim = settings.limits.focal_temperature.value - settings.goal_margin_k
    hotter = exposure.peak_degc is None or frame.peak_degc > exposure.peak_degc
    return replace(
        exposure if frame.focus_offset_m is None else _located(exposure, frame),
        frames=exposure.frames + 1,
        frame_end_s=frame.end_s,
        mid_s=mid_s,
        last_degc=frame.peak_degc,
        slope_k_per_s=(frame.peak_degc - before_degc) / apart_s,
        error_ks=exposure.error_ks + (aim - frame.peak_degc) * apart_s,
        baseline_degc=frame.baseline_degc,
        peak_degc=frame.peak_degc if hotter else exposure.peak_degc,
        sigma_k=frame.sigma_k if hotter else exposure.sigma_k,
        dose_cem43=max(exposure.dose_cem43, frame.peak_dose_cem43),
    )


def _located(exposure: Exposure, frame: TemperatureFrame) -> Exposure:
    """Return the exposure with the focus's place, as the hottest frame that shows it has it."""
    if frame.peak_degc <= exposure.offset_at_degc:
        return exposure
    return replace(exposure, offset_m=frame.focus_offset_m, offset_at_degc=frame.peak_degc)


def _with_worst(state: ControllerState, settings: ControlSettings) -> ControllerState:
    """Return the state with the worst values brought up to date."""
    before, found = state.worst, _worst_now(state, settings)
    worse = {
        name: value
        for name, value in found.items()
        if name != "water_flow" and value > getattr(before, name)
    }
    flow = found.get("water_flow")
    if flow is not None and (before.water_flow is None or flow < before.water_flow):
        worse["water_flow"] = flow
    return replace(state, worst=replace(before, **worse)) if worse else state


def _worst_now(state: ControllerState, settings: ControlSettings) -> dict[str, float]:
    """Return what the channels show now, by the limit's name."""
    seen, exposure = state.seen, state.exposure
    now: dict[str, float] = {}
    if exposure is not None:
        now |= {"power": exposure.power_w, "energy": exposure.energy_j}
        if exposure.peak_degc is not None:
            now["focal_temperature"] = exposure.peak_degc
        if exposure.frames > 0 and seen.frame is not None:
            now["off_target_dose"] = seen.frame.off_target_dose_cem43
    if seen.model is not None:
        now |= {
            "skull_temperature": seen.model.skull_max_degc,
            "scalp_temperature": seen.model.scalp_max_degc,
            "skull_dose": seen.model.skull_dose_cem43,
            "scalp_dose": seen.model.scalp_dose_cem43,
        }
    if state.state is State.SONICATING and exposure is not None:
        last_s = max(exposure.started_s, exposure.frame_end_s or exposure.started_s)
        age = {"frame_age": (state.time_s - last_s) / settings.frame_time_s}
        return now | age | _around(seen)
    return now


def _around(seen: Readings) -> dict[str, float]:
    """Return what water and detector show; it counts while power is on."""
    now: dict[str, float] = {}
    if seen.cooling is not None:
        now["water_temperature"] = seen.cooling.water_degc
        now["water_flow"] = seen.cooling.flow_l_per_min
    if seen.cavitation is not None:
        now["cavitation_stop"] = now["cavitation_reduce"] = loudest_db(seen.cavitation)
    return now


def loudest_db(reading: CavitationReading) -> float:
    """Return the highest of the three levels, dB over the channel's own baseline."""
    return max(reading.subharmonic_db, reading.ultraharmonic_db, reading.broadband_db)
