"""Where the fluid model of bone ends: the angles at which shear waves matter.

All engines take bone for a fluid. At oblique incidence part of the sound crosses bone as a shear
wave, and a solid plate passes something else than a fluid one. How much is measured against the
exact solid plate (``insonate.verification.solid_slab``; the page *Shear waves* has the figures).
"""

import numpy as np
from numpy.typing import ArrayLike

from insonate.core import SettingsError
from insonate.core.units import TWO_PI

AMPLITUDE_MISSED = 0.10
"""Mean transmitted amplitude that the fluid may be wrong by below its limit, relative."""
PHASE_MISSED_RAD = TWO_PI / 24
"""Root mean square of the phase that it may be wrong by below its limit: 15°."""
FLUID_LIMIT_DEG: tuple[tuple[float, float], ...] = (
    (220e3, 6.0),
    (300e3, 13.0),
    (400e3, 25.0),
    (500e3, 25.0),
    (600e3, 17.0),
    (650e3, 15.0),
    (700e3, 14.0),
    (750e3, 14.0),
)
"""Frequency (Hz) and the incidence (degrees, in water) up to which a fluid plate of cortical bone,
5.5-7.5 mm thick, passes what the solid one does within ``AMPLITUDE_MISSED`` and ``PHASE_MISSED_RAD``.
Computed; ``insonate verify field`` holds every row to the exact plate."""


def fluid_limit_rad(frequency_hz: float) -> float:
    """Return the incidence angle up to which bone may be taken for a fluid, radians.

    Between two tabulated frequencies the smaller of their limits holds.

    Parameters
    ----------
    frequency_hz
        Of the wave, 220-750 kHz.

    Raises
    ------
    SettingsError
        When the frequency lies outside the table.
    """
    known = np.array(FLUID_LIMIT_DEG)
    if not known[0, 0] <= frequency_hz <= known[-1, 0]:
        raise SettingsError(
            f"How far a fluid model of bone holds is not known at {frequency_hz / 1e3:g} kHz; the "
            f"table covers {known[0, 0] / 1e3:g} to {known[-1, 0] / 1e3:g} kHz."
        )
    above = int(np.searchsorted(known[:, 0], frequency_hz))
    below = above if known[above, 0] == frequency_hz else above - 1
    return float(np.radians(known[below : above + 1, 1].min()))


def share_beyond_fluid_limit(
    incidence_rad: ArrayLike, active: ArrayLike, frequency_hz: float
) -> float:
    """Return the share of the active elements whose sound meets the skull beyond the limit.

    Parameters
    ----------
    incidence_rad
        Shape (N,): angle between each element's ray and the normal of the skull; NaN where it
        meets no skull, which counts as within the limit.
    active
        Shape (N,): whether each is driven.
    frequency_hz
        Of the wave.

    Returns
    -------
    float
        0 to 1; 0 where no element is active.

    Raises
    ------
    SettingsError
        When the shapes differ, or the frequency lies outside the table.
    """
    angles, driven = np.asarray(incidence_rad, np.float64), np.asarray(active, bool)
    if angles.shape != driven.shape:
        raise SettingsError(
            f"Incidence angles of shape {angles.shape} and active elements of shape "
            f"{driven.shape} do not belong together; give one of each for every element."
        )
    beyond = np.nan_to_num(angles[driven], nan=0.0) > fluid_limit_rad(frequency_hz)
    return float(beyond.mean()) if beyond.size else 0.0


def shear_sentence(share: float, frequency_hz: float) -> str:
    """Return what a result has to say about shear waves, in one sentence."""
    limit = np.degrees(fluid_limit_rad(frequency_hz))
    return (
        f"Bone is taken for a fluid; {100 * share:.0f} % of the active elements meet the skull at "
        f"more than {limit:.0f}°, where at {frequency_hz / 1e3:g} kHz shear waves change the "
        f"transmitted pressure by more than {100 * AMPLITUDE_MISSED:.0f} % or its phase by more "
        f"than {np.degrees(PHASE_MISSED_RAD):.0f}°."
    )
