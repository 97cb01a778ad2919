"""One sonication followed between its frames: power and frames in, temperature and dose now out."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import SettingsError
from insonate.thermometry.bank import PowerPiece
from insonate.thermometry.between import (
    Course,
    DoseInterval,
    dose_interval,
    observe_frame,
    rise_at,
)

_WHOLE_SPOT = 0.5
"""A half-maximum contour is where a Gaussian has fallen to this share."""


@dataclass(frozen=True, eq=False)
class Track:
    """What is known of the focus in one sonication.

    Parameters
    ----------
    course
        What is believed of it, one place.
    baseline_degc
        Its temperature when power went on, °C.
    power
        The power so far, as it was really set.
    frames
        How many frames it has learnt from.
    """

    course: Course
    baseline_degc: float
    power: tuple[PowerPiece, ...] = ()
    frames: int = 0


@dataclass(frozen=True, eq=False)
class Now:
    """The focus at one time.

    Parameters
    ----------
    degc, sigma_k
        Its temperature, °C, and the standard deviation, K.
    ahead_degc
        Its temperature later, if the power stays as it is, °C.
    dose
        Its dose so far.
    """

    degc: float
    sigma_k: float
    ahead_degc: float
    dose: DoseInterval


def driven(track: Track, start_s: float, end_s: float, power_w: float) -> Track:
    """Return the track after a power, W, that was on from ``start_s`` to ``end_s``.

    Raises
    ------
    SettingsError
        When it begins before the last one ended.
    """
    if not end_s > start_s:
        return track
    last = track.power[-1] if track.power else None
    if last is not None and start_s < last.end_s - 1e-6:
        raise SettingsError(
            f"A power from {start_s:g} s on cannot follow one to {last.end_s:g} s; powers come in "
            "order."
        )
    if last is not None and last.power_w == power_w:
        longer = PowerPiece(last.start_s, end_s, power_w)
        return replace(track, power=(*track.power[:-1], longer))
    begin = start_s if last is None else last.end_s
    return replace(track, power=(*track.power, PowerPiece(begin, end_s, power_w)))


def shown(
    track: Track, peak_degc: float, sigma_k: float, window_s: tuple[float, float]
) -> Track:
    """Return the track after a frame, whose peak is a mean over its window; errors as ``observe_frame``."""
    rise = [peak_degc - track.baseline_degc]
    course = observe_frame(track.course, rise, [sigma_k], window_s, track.power)
    return replace(track, course=course, frames=track.frames + 1)


def now(track: Track, time_s: float, ahead_s: float) -> Now:
    """Return the focus at ``time_s`` (not before the last power), and ``ahead_s`` later.

    Raises
    ------
    SettingsError
        When no power was on before ``time_s``.
    """
    dose = dose_interval(track.course, track.power, time_s, baseline_degc=track.baseline_degc)
    degc, sigma = rise_at(track.course, track.power, time_s)
    longer = track.power
    if ahead_s > 0:
        longer = driven(track, time_s, time_s + ahead_s, track.power[-1].power_w).power
    ahead, _ = rise_at(track.course, longer, time_s + ahead_s)
    base = track.baseline_degc
    return Now(base + float(degc[0]), float(sigma[0]), base + float(ahead[0]), dose)


def spot_width_m(heat: NDArray[np.floating], spacing_m: ArrayLike) -> float:
    """Return the standard deviation across the beam of a heated spot that is twice as long, m.

    From the volume within half of the highest heat, which for a Gaussian of standard deviations
    w, w, 2w is 4/3 π (2 ln 2)^(3/2) 2 w³.

    Parameters
    ----------
    heat
        Shape (nx, ny, nz): power density, any unit.
    spacing_m
        Shape (3,): of its cells, m.

    Raises
    ------
    SettingsError
        When nothing is heated.
    """
    highest = float(heat.max(initial=0.0))
    if not highest > 0:
        raise SettingsError("A spot without heat has no width.")
    volume = int((heat >= _WHOLE_SPOT * highest).sum()) * float(np.prod(np.asarray(spacing_m)))
    whole = 8.0 / 3.0 * np.pi * (2.0 * np.log(2.0)) ** 1.5
    return float((volume / whole) ** (1.0 / 3.0))
