"""What each element must do so that all waves meet at the focus."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.array import Array, Drive, ElementState
from insonate.array.model import WATER_DENSITY, WATER_SOUND_SPEED
from insonate.core import PlanError, SettingsError
from insonate.core.units import TWO_PI
from insonate.field import Rays

STEERING_LIMIT_M = 10e-3
"""Setting: how far the focus may be moved electronically.

Elements of 10 mm lose about a tenth of their amplitude 10 mm off the axis at 650 kHz, and each
ray's transmission was found for the focus alone.
"""

Correction = Literal["none", "ray"]


def corrected_drive(
    array: Array,
    rays: Rays,
    states: tuple[ElementState, ...],
    *,
    power_w: float = 1.0,
    correction: Correction = "ray",
) -> Drive:
    """Return a drive of equal amplitudes whose phases undo what the skull does.

    pₙ = P exp(-i (ω tₙ + arg Tₙ)) for elements that are on, with P from the acoustic power
    Σ|p|²A/(2ρc).

    Parameters
    ----------
    array
        N elements.
    rays
        Their travel times.
    states
        On, or off with a reason.
    power_w
        Acoustic power that the whole array radiates, W.
    correction
        "ray" for the phases of the rays; "none" as if everything were water.

    Raises
    ------
    PlanError
        When no element is on.
    SettingsError
        When the power is negative or the correction unknown.
    """
    if correction not in ("none", "ray") or not 0 <= power_w < float("inf"):
        raise SettingsError(
            f"A drive with correction '{correction}' and {power_w} W cannot be built; allowed "
            "are 'ray' or 'none' and a finite power of 0 W or more."
        )
    on = np.array([s is ElementState.ON for s in states])
    if len(states) != array.count or not on.any():
        raise PlanError(
            [
                (
                    f"None of the {len(states)} elements can be driven; every one is off with its "
                    "reason. Choose another target, placement or angle limit."
                )
            ]
        )
    if correction == "ray":
        phase = rays.arrival_phase()
    else:
        phase = TWO_PI * rays.frequency_hz / WATER_SOUND_SPEED * rays.distances_m
    pressure = np.sqrt(power_w * 2 * WATER_DENSITY * WATER_SOUND_SPEED / array.areas[on].sum())
    return Drive(rays.frequency_hz, np.where(on, pressure * np.exp(-1j * phase), 0.0), states)


def steer(drive: Drive, rays: Rays, shift_m: ArrayLike) -> Drive:
    """Move the focus electronically.

    Each element's phase is advanced by the difference in path to the new point in the tissue at
    the focus.

    Parameters
    ----------
    drive
        Focused on the rays' focus.
    rays
        Their focus and the sound speed there.
    shift_m
        Shape (3,), CT frame, m: new focus less the rays' focus.

    Raises
    ------
    PlanError
        When the shift is more than ``STEERING_LIMIT_M``.
    """
    shift = np.asarray(shift_m, dtype=np.float64)
    length = float(np.linalg.norm(shift))
    if shift.shape != (3,) or not length <= STEERING_LIMIT_M:
        raise PlanError(
            [
                (
                    f"The focus cannot be moved by {1e3 * length:.1f} mm electronically; at most "
                    f"{1e3 * STEERING_LIMIT_M:.0f} mm is allowed: place the array anew."
                )
            ]
        )
    wavenumber = TWO_PI * rays.frequency_hz / rays.focus_sound_speed
    farther = np.linalg.norm(rays.focus + shift - rays.centres, axis=1) - rays.distances_m
    turned: NDArray[np.complex128] = drive.pressure * np.exp(-1j * wavenumber * farther)
    return Drive(drive.frequency_hz, turned, drive.states)
