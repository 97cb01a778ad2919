"""What the guards look at: the state now, and what the permission they give would cover."""

import math
from dataclasses import dataclass

from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, Exposure
from insonate.core import Quantity
from insonate.events.documents import TemperatureFrame
from insonate.events.sight import FocusEstimate
from insonate.events.states import State

ROUNDING = 1.0 + 1e-9
"""Power times duration is not exact in floats; what is planned at a limit keeps it."""


@dataclass(frozen=True)
class Look:
    """What the guards look at: the state now, and the power that is on or asked for."""

    state: ControllerState
    settings: ControlSettings

    @property
    def exposure(self) -> Exposure | None:
        """The sonication that runs, or None while power is off."""
        return self.state.exposure if self.state.state is State.SONICATING else None

    @property
    def power_w(self) -> float:
        """Power that is on, or that was approved, W."""
        if self.exposure is not None:
            return self.exposure.power_w
        return self.state.approved.power_w if self.state.approved is not None else 0.0

    @property
    def ahead_s(self) -> float:
        """Time that this permission covers: one frame under power, before it all of it, s."""
        if self.exposure is not None:
            left = self.exposure.off_at_s - self.state.time_s
            return max(0.0, min(left, self.settings.frame_time_s))
        return self.state.approved.duration_s if self.state.approved is not None else 0.0

    @property
    def ahead_j(self) -> float:
        """Energy that this permission covers, J."""
        return self.power_w * self.ahead_s


def shown_under_power(look: Look) -> TemperatureFrame | None:
    """Return the latest frame under power, whatever its number; None for one from before.

    A frame that ends in the moment when power would go on counts: it is as fresh as can be.
    """
    frame, exposure = look.state.seen.frame, look.exposure
    since_s = look.state.time_s if exposure is None else exposure.started_s
    return None if frame is None or frame.end_s < since_s else frame


def estimated(state: ControllerState) -> FocusEstimate | None:
    """Return the focus as it is estimated now; None without an estimate of the last sonication."""
    focus, exposure = state.seen.focus, state.exposure
    if focus is None or exposure is None or focus.sonication != exposure.sonication:
        return None
    return focus


def above(what: str, value: float, limit: Quantity) -> str:
    """Return nothing where ``value`` keeps ``limit``; a value that is not a number does not."""
    if value <= limit.value * ROUNDING:
        return ""
    found = "not known" if math.isnan(value) else f"{value:.4g} {limit.unit}"
    return f"{what} is {found}; no more than {limit.value:g} {limit.unit} is allowed."


def cem43_of_ramp(start_degc: float, end_degc: float, duration_s: float) -> float:
    """Return the CEM43 (minutes) of a straight rise from ``start_degc`` to ``end_degc``.

    ∫ R^(43−T) dt with R = 0.5 from 43 °C on and 0.25 below (Sapareto & Dewey, 1984), by Simpson's
    rule: its error −h⁵f⁗/2880 is on the safe side, for every derivative of the rate is positive.
    """
    middle = (start_degc + end_degc) / 2.0
    first, mid, last = map(_cem43_rate, (start_degc, middle, end_degc))
    return duration_s / 60.0 * (first + 4.0 * mid + last) / 6.0


def _cem43_rate(degc: float) -> float:
    """Return R^(43−T): CEM43 minutes per minute at ``degc``; boiling counts as boiling."""
    return math.pow(0.5 if degc >= 43.0 else 0.25, 43.0 - min(degc, 100.0))


@dataclass(frozen=True)
class Ahead:
    """Skull or scalp by the model: now, after what this permission covers, and their doses."""

    now_degc: float
    ahead_degc: float
    dose_cem43: float


def skull_ahead(look: Look) -> Ahead | None:
    """Return what the model says of the skull, or None where it has not spoken."""
    model = look.state.seen.model
    if model is None:
        return None
    ahead = model.skull_max_degc + max(0.0, model.skull_rise_k_per_kj) * look.ahead_j * 1e-3
    more = cem43_of_ramp(model.skull_max_degc, ahead, look.ahead_s)
    return Ahead(model.skull_max_degc, ahead, model.skull_dose_cem43 + more)


def scalp_ahead(look: Look) -> Ahead | None:
    """Return what the model says of the scalp, or None where it has not spoken."""
    model = look.state.seen.model
    if model is None:
        return None
    ahead = model.scalp_max_degc + max(0.0, model.scalp_rise_k_per_kj) * look.ahead_j * 1e-3
    more = cem43_of_ramp(model.scalp_max_degc, ahead, look.ahead_s)
    return Ahead(model.scalp_max_degc, ahead, model.scalp_dose_cem43 + more)
