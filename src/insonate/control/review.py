"""What a sonication showed, and what follows when the operator confirms it."""

import math
from dataclasses import replace

from insonate.control.look import estimated
from insonate.control.regulator import (
    forgotten,
    learned,
    measured_k_per_kj,
    propose,
    rise,
    still_warm,
    wanted,
)
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, Exposure, Worst
from insonate.events.documents import Decision, Point, Resteered, SonicationReviewed, WaitSet
from insonate.events.sight import FocusEstimate
from insonate.events.states import EndReason
from insonate.plan import Stage

Answer = tuple[ControllerState, tuple[Decision, ...]]
"""The next state, and the decisions that led there."""

_IN_ORDER = (EndReason.COMPLETED, EndReason.GOAL)
_NOWHERE: Point = (0.0, 0.0, 0.0)


def review(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return the review of the last sonication; nothing where it was reviewed before."""
    exposure = state.exposure
    if exposure is None or exposure.ended_s is None or state.reviewed == exposure.sonication:
        return state, ()
    focus = estimated(state)
    done = stage_done(exposure, settings, focus) and not to_be_refined(
        state, exposure, settings
    )
    treated = state.treated + int(done and exposure.stage is Stage.TREAT)
    sure = state.sure_cem43 + _credit_cem43(exposure, settings, focus, done=done)
    enough = sure >= settings.lesion_sonications * settings.dose_goal_cem43
    found = SonicationReviewed(
        sonication=exposure.sonication,
        stage=exposure.stage.value,
        peak_degc=_peak(exposure, settings),
        rise_k=rise(exposure),
        k_per_kj=measured_k_per_kj(exposure),
        dose_cem43=exposure.dose_cem43,
        dose_low_cem43=None if focus is None else focus.dose_low_cem43,
        dose_high_cem43=None if focus is None else focus.dose_high_cem43,
        focus_offset_m=exposure.offset_m,
        stage_done=done,
        sentence=_sentence(exposure, settings, done=done),
    )
    state = replace(
        state,
        review=found,
        reviewed=exposure.sonication,
        efficiency=learned(state.efficiency, exposure, settings),
        worst=_accepted(state.worst, exposure) if done else state.worst,
        treated=treated,
        sure_cem43=sure,
        lesion=enough,
    )
    return _with_outlook(state, found, settings)


def _with_outlook(
    state: ControllerState, found: SonicationReviewed, settings: ControlSettings
) -> Answer:
    """Return the state and the review, with the sentence that says why nothing can follow."""
    why = "" if state.lesion else propose(cold(accept(state, settings)[0]), settings)[1]
    if why:
        found = found.model_copy(update={"sentence": f"{found.sentence} {why}"})
    return replace(state, review=found, unreachable=why), (found,)


def _peak(exposure: Exposure, settings: ControlSettings) -> float:
    """Return the measured peak, °C; the body's temperature where no frame came."""
    return settings.body_temperature_degc if exposure.peak_degc is None else exposure.peak_degc


def stage_done(
    exposure: Exposure, settings: ControlSettings, focus: FocusEstimate | None = None
) -> bool:
    """Return whether the sonication reached what its stage is for.

    Align and verify: it ended in order, the peak reached the goal, and the focus was seen within
    the tolerance. Treat: the dose goal was reached by the low end of the estimate's interval (by
    the frames alone where nobody estimates), or the middle of the goal's temperatures,
    which makes that dose faster than frames can show (240 CEM43 in 0.88 s at 57 °C).
    """
    if exposure.peak_degc is None:
        return False
    low, high = settings.goals[exposure.stage]
    if exposure.stage is Stage.TREAT:
        enough = _sure_cem43(exposure, focus) >= settings.dose_goal_cem43
        return enough or exposure.peak_degc >= (low + high) / 2.0
    in_order = exposure.end_reason in _IN_ORDER
    return (
        in_order and exposure.peak_degc >= low and not off_target(exposure.offset_m, settings)
    )


def _sure_cem43(exposure: Exposure, focus: FocusEstimate | None) -> float:
    """Return the dose that a sonication gave its focus at least."""
    return exposure.dose_cem43 if focus is None else focus.dose_low_cem43


def _credit_cem43(
    exposure: Exposure, settings: ControlSettings, focus: FocusEstimate | None, *, done: bool
) -> float:
    """Return what a treat sonication adds to the lesion: its goal at most, its sure dose else.

    Nothing is added by a focus that was seen beside the target.
    """
    beside = exposure.offset_m is not None and off_target(exposure.offset_m, settings)
    if exposure.stage is not Stage.TREAT or (beside and not done):
        return 0.0
    goal = settings.dose_goal_cem43
    return goal if done else min(_sure_cem43(exposure, focus), goal)


def _accepted(worst: Worst, exposure: Exposure) -> Worst:
    """Return the worst values with the offset of a focus that was accepted."""
    if exposure.offset_m is None:
        return worst
    offset = math.hypot(*exposure.offset_m)
    return replace(worst, focus_offset=max(offset, worst.focus_offset or 0.0))


def to_be_refined(
    state: ControllerState, exposure: Exposure, settings: ControlSettings
) -> bool:
    """Return whether the focus is to be moved and aligned once more, though within tolerance.

    Not after the last align sonication but one: then the tolerance alone decides.
    """
    if exposure.stage is not Stage.ALIGN or exposure.offset_m is None:
        return False
    again = state.stage_count < settings.sonications[Stage.ALIGN] - 1
    return again and math.hypot(*exposure.offset_m) > settings.refine_m


def off_target(offset_m: Point | None, settings: ControlSettings) -> bool:
    """Return whether the focus was not seen, or seen outside the tolerance."""
    return offset_m is None or not math.hypot(*offset_m) <= settings.tolerance_m


def _sentence(exposure: Exposure, settings: ControlSettings, *, done: bool) -> str:
    """Return in one sentence what the sonication did."""
    low, high = settings.goals[exposure.stage]
    start = (
        f"Sonication {exposure.sonication} ({exposure.stage}, {exposure.energy_j / 1e3:.2f} kJ)"
    )
    if exposure.peak_degc is None:
        return f"{start} was not seen by any frame; it is repeated."
    found = f"{start} reached {exposure.peak_degc:.1f} °C of {low:g}-{high:g} °C"
    if exposure.offset_m is None:
        place = "the focus was not found"
    else:
        place = f"the focus lies {math.hypot(*exposure.offset_m) * 1e3:.1f} mm from the target"
    verdict = "the stage is done" if done else "the stage is not done"
    return f"{found}; {place}; {verdict}."


# --- confirming --------------------------------------------------------------------------------


def accept(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return the state after the review was confirmed: re-steered, or one stage further.

    A focus outside the tolerance, or one that is to be refined, is moved, and everything known
    about it is void: back to align.
    """
    found, exposure = state.review, state.exposure
    if found is None or exposure is None:
        return state, ()
    state = replace(state, review=None)
    seen = exposure.offset_m
    moves = off_target(seen, settings) or to_be_refined(state, exposure, settings)
    if seen is not None and moves:
        return resteer(state, (-seen[0], -seen[1], -seen[2]))
    if not found.stage_done:
        return state, ()
    return _advanced(state, exposure.stage), ()


def _advanced(state: ControllerState, done: Stage) -> ControllerState:
    """Return the state with ``done`` behind it; after treat more of treat may follow."""
    if done is Stage.ALIGN:
        return replace(state, confirmed=True, stage=Stage.VERIFY, stage_count=0)
    if done is Stage.VERIFY:
        return replace(state, verified=True, stage=Stage.TREAT, stage_count=0)
    return state


def resteer(state: ControllerState, shift_m: Point) -> Answer:
    """Return the state with the focus moved by ``shift_m``: not confirmed, not verified."""
    before = state.resteer_m
    total = (before[0] + shift_m[0], before[1] + shift_m[1], before[2] + shift_m[2])
    moved = replace(unconfirmed(state), resteer_m=total)
    return moved, (Resteered(shift_m=shift_m, total_m=total),)


def unconfirmed(state: ControllerState) -> ControllerState:
    """Return the state thrown back to align."""
    count = state.stage_count if state.stage is Stage.ALIGN else 0
    return replace(state, confirmed=False, verified=False, stage=Stage.ALIGN, stage_count=count)


def thrown_back(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return the state after the geometry changed: align, steering undone, efficiency unsure."""
    state = replace(
        unconfirmed(state),
        stage_count=0,
        review=None,
        efficiency=forgotten(state.efficiency, settings),
    )
    if state.resteer_m == _NOWHERE:
        return state, ()
    x, y, z = state.resteer_m
    state = replace(state, resteer_m=_NOWHERE)
    return state, (Resteered(shift_m=(-x, -y, -z), total_m=_NOWHERE),)


def too_far(state: ControllerState, settings: ControlSettings) -> str:
    """Return why the focus cannot be moved to the target electronically, or nothing."""
    moved, decisions = accept(state, settings)
    steered = math.hypot(*moved.resteer_m)
    if not decisions or steered <= settings.steering_range_m:
        return ""
    return (
        f"The focus would have to be moved by {steered * 1e3:.1f} mm in all; electronic steering "
        f"reaches {settings.steering_range_m * 1e3:g} mm. Position the head again."
    )


# --- waiting -----------------------------------------------------------------------------------


def to_cool(state: ControllerState, settings: ControlSettings) -> tuple[str, float]:
    """Return what must still cool before the next sonication, and for about how long, s.

    The next is the one that would follow if the last were reviewed and confirmed as it stands.
    """
    ahead = accept(review(state, settings)[0], settings)[0]
    over = ahead.lesion or bool(propose(cold(ahead), settings)[1])
    wanted_j = 0.0 if over else wanted(ahead, settings).energy_j
    why, wait_s = still_warm(state, wanted_j, settings)
    if state.time_s - state.off_s >= settings.maximum_wait_s:
        return "", 0.0
    return why, wait_s


def cold(state: ControllerState) -> ControllerState:
    """Return the state as if skull and scalp had cooled to their rest."""
    model, seen = state.seen.model, state.seen
    if model is None or seen.skull_rest_degc is None or seen.scalp_rest_degc is None:
        return state
    rest = {"skull_max_degc": seen.skull_rest_degc, "scalp_max_degc": seen.scalp_rest_degc}
    return replace(state, seen=replace(seen, model=model.model_copy(update=rest)))


def wait(state: ControllerState, settings: ControlSettings) -> Answer:
    """Return the state with the wait that starts now, and its decision."""
    why, wait_s = to_cool(state, settings)
    until = state.time_s + max(settings.minimum_wait_s, wait_s)
    because = why or "the shortest wait between sonications"
    return replace(state, wait_until_s=until), (WaitSet(until_s=until, because=because),)
