"""How vendors store a phase, by name: what the numbers in a file are in radians.

The *scale* can be read off the file's range and is checked against it. The *sign* cannot: it depends
on vendor, software and export, so that no preset carries one; the header of a series must say it.
"""

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError, SettingsError


@dataclass(frozen=True)
class PhaseConvention:
    """One way of storing a phase.

    Parameters
    ----------
    name, source
        What it is called, and where it is described.
    radians_per_unit, offset_rad
        Phase = stored · radians_per_unit + offset_rad.
    low, high
        The range that stored values may have.
    """

    name: str
    source: str
    radians_per_unit: float
    offset_rad: float
    low: float
    high: float


PHASE_CONVENTIONS: dict[str, PhaseConvention] = {
    c.name: c
    for c in (
        PhaseConvention("radians", "BIDS 1.8 for phase images in rad", 1.0, 0.0, -pi, pi),
        PhaseConvention(
            "siemens-raw",
            "12 bits without their rescale: 0 to 4095 for -π to π (dcm2niix, notes on Siemens phase)",
            2 * pi / 4096,
            -pi,
            0.0,
            4095.0,
        ),
        PhaseConvention(
            "siemens",
            "Rescale slope 2, intercept -4096: -4096 to 4094 for -π to π (dcm2niix, notes on "
            "Siemens phase)",
            pi / 4096,
            0.0,
            -4096.0,
            4096.0,
        ),
        PhaseConvention(
            "milliradians",
            "Integers of 0.001 rad (GE phase images; Philips with its display rescale)",
            1e-3,
            0.0,
            -1e3 * pi,
            1e3 * pi,
        ),
        PhaseConvention(
            "degrees", "-180 to 180; some research exports", pi / 180, 0.0, -180.0, 180.0
        ),
    )
}
"""Named conventions."""

_ROUNDING = 1.002
"""Stored ends are rounded: 3142 mrad, 4096 of 4095."""


def phase_in_radians(stored: ArrayLike, convention: str) -> NDArray[np.float64]:
    """Return a stored phase in radians.

    Parameters
    ----------
    stored
        Any shape: values as the file has them, its own rescale applied.
    convention
        A name of ``PHASE_CONVENTIONS``, or ``full-range``: the largest magnitude stands for π.

    Raises
    ------
    SettingsError
        When there is no such convention.
    ImageError
        When the values do not fit it: they were rescaled, unwrapped, or are no phase.
    """
    values = np.asarray(stored, np.float64)
    if not np.isfinite(values).all():
        raise ImageError("The stored phase holds NaN or infinity; drop the frame.")
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if convention == "full-range":
        return _full_range(values, max(-low, high))
    if convention not in PHASE_CONVENTIONS:
        raise SettingsError(
            f"There is no phase convention '{convention}'; choose one of "
            f"{', '.join([*PHASE_CONVENTIONS, 'full-range'])}."
        )
    c = PHASE_CONVENTIONS[convention]
    reach = _ROUNDING * max(abs(c.low), abs(c.high))
    used = (high - low) * c.radians_per_unit
    if low < min(c.low, -reach * (c.low < 0)) * _ROUNDING or high > c.high * _ROUNDING:
        raise ImageError(
            f"The phase spans {low:g} to {high:g}; stored as '{c.name}' it lies between {c.low:g} "
            f"and {c.high:g}. It was rescaled or unwrapped, or is of another convention."
        )
    if 0 < used < 0.02:
        raise ImageError(
            f"The phase spans {low:g} to {high:g}, which as '{c.name}' is only {used:.2g} rad; it "
            "is of another convention."
        )
    return values * c.radians_per_unit + c.offset_rad


def _full_range(values: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    if reach <= 0 or float(values.min()) >= 0:
        raise ImageError(
            "A phase over its full range has values on both sides of zero; this one has not."
        )
    return values * (pi / reach)
