"""Thermal dose: cumulative equivalent minutes at 43 °C, exact on linear pieces.

CEM43 = ∫ R^(43 − T) dt in minutes, R = 1/2 from 43 °C on and 1/4 below (Sapareto & Dewey, Int.
J. Radiat. Oncol. Biol. Phys. 10:787, 1984). On a piece where T runs linearly from a to b in the
time τ and R does not change, with λ = −ln R,

    ∫ = τ (e^{λ(b−43)} − e^{λ(a−43)}) / (λ(b − a)) = τ e^{λ((a+b)/2−43)} sinh(x)/x,
    x = λ(b − a)/2,

and the right form has no cancellation when a ≈ b. Pieces are split where the rule changes.
"""

from enum import StrEnum
from math import exp, inf, log, sinh
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from insonate.core import SettingsError
from insonate.core.arrays import compiled, compiled_inline, compiled_parallel
from insonate.heat.kernels import Field, Rows, Shape, flat, padded, row_of

BREAK_DEGC = 43.0  # °C, where R changes: Sapareto & Dewey 1984
_ABOVE = log(2.0)  # −ln R for T >= 43 °C
_BELOW = log(4.0)  # −ln R for T < 43 °C


class DoseVariant(StrEnum):
    """Three rules in use for what is outside 43-57 °C; they disagree, so each has a name."""

    SAPARETO = "sapareto"
    """No floor: every temperature counts (Sapareto & Dewey 1984)."""
    FLOOR37 = "floor37"
    """Nothing counts below body temperature."""
    ISO39 = "iso39"
    """Nothing counts below 39 °C, the dose is infinite from 57 °C on, and R stays 1/2 once 43 °C
    was passed (the form of the IEC and ISO documents on therapeutic ultrasound)."""

    @property
    def floor_degc(self) -> float:
        """The temperature below which nothing counts, °C."""
        return {"sapareto": -inf, "floor37": 37.0, "iso39": 39.0}[self.value]

    @property
    def ceiling_degc(self) -> float:
        """The temperature from which the dose is infinite, °C."""
        return 57.0 if self is DoseVariant.ISO39 else inf

    @property
    def rule(self) -> tuple[float, float, bool]:
        """(floor, ceiling, whether R stays 1/2 once 43 °C was passed), for the kernels."""
        return self.floor_degc, self.ceiling_degc, self is DoseVariant.ISO39


@compiled
def _band(cool: float, warm: float, slope: float) -> float:
    """Mean of e^{slope (T − 43)} over the temperatures from ``cool`` to ``warm``."""
    x = 0.5 * slope * (warm - cool)
    middle = exp(slope * (0.5 * (cool + warm) - 43.0))
    if x < 0.3:
        x2 = x * x
        return middle * (1 + x2 / 6 * (1 + x2 / 20 * (1 + x2 / 42 * (1 + x2 / 72))))
    return middle * sinh(x) / x


@compiled
def _piece(
    start: float, end: float, duration: float, rule: tuple[float, float, bool], highest: float
) -> float:
    """CEM43 (minutes) of one linear piece; ``highest`` was reached before."""
    floor, ceiling, remembers = rule
    cool, warm = min(start, end), max(start, end)
    if warm >= ceiling:
        return inf
    if warm < floor:
        return 0.0
    low_slope = _ABOVE if remembers and max(highest, start) >= 43.0 else _BELOW
    if warm - cool <= 0.0:
        return duration / 60.0 * exp((_ABOVE if warm >= 43.0 else low_slope) * (warm - 43.0))
    rate = duration / 60.0 / (warm - cool)
    total = 0.0
    bottom, split = max(cool, floor), min(warm, 43.0)
    if split > bottom:
        total += rate * (split - bottom) * _band(bottom, split, low_slope)
    bottom = max(cool, 43.0)
    if warm > bottom:
        total += rate * (warm - bottom) * _band(bottom, warm, _ABOVE)
    return total


@compiled
def _curves(
    time: NDArray[np.float64],
    temperature: NDArray[np.float64],
    rule: tuple[float, float, bool],
    dose: NDArray[np.float64],
) -> None:
    for column in range(temperature.shape[1]):
        highest = temperature[0, column]
        for i in range(time.size - 1):
            start, end = temperature[i, column], temperature[i + 1, column]
            piece = _piece(start, end, time[i + 1] - time[i], rule, highest)
            dose[i + 1, column] = dose[i, column] + piece
            highest = max(highest, end)


@compiled_inline
def _cool(start: np.float32, end: np.float32, scale: np.float32) -> np.float32:
    """CEM43 of a piece below 43 °C whose ends differ by at most 1 K; ``scale`` is τ/60.

    4^{(a+b)/2−43} by a polynomial for e^{x/64}, squared six times: without a branch, so that
    compilers vectorise it; wrong by 1e-5 of itself at most.
    """
    half = np.float32(0.5) * (end - start) * np.float32(1.3862944)
    y = np.float32(0.5) * (start + end) - np.float32(43.0)
    y = max(y, np.float32(-30.0)) * np.float32(1.3862944 / 64.0)
    power = np.float32(1.0) + y * (
        np.float32(1.0)
        + y * (np.float32(0.5) + y * (np.float32(1 / 6) + y * (np.float32(1 / 24) + y * np.float32(1 / 120))))
    )  # fmt: skip
    power *= power
    power *= power
    power *= power
    power *= power
    power *= power
    power *= power
    square = half * half
    bend = np.float32(1.0) + square * np.float32(1 / 6) * (
        np.float32(1.0) + square * np.float32(1 / 20)
    )
    return scale * power * bend


@compiled_inline
def _span(
    change: Field, after: Field, place: tuple[Any, Any, Any], base: np.float32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return lowest and highest temperature of one row, and the largest fall and rise."""
    at, first, last = place
    low, high = np.float32(1e9), np.float32(-1e9)
    fall = rise = np.float32(0.0)
    for k in range(first, last):
        end = after[at + k] + base
        start = end - change[at + k]
        cool, warm = (start, end) if start < end else (end, start)
        low = min(low, cool)
        high = max(high, warm)
        fall = min(fall, change[at + k])
        rise = max(rise, change[at + k])
    return low, high, -fall, rise


@compiled_parallel
def _accumulate(
    totals: tuple[Field, Field],
    ends: tuple[Field, Field],
    step: tuple[float, float],
    rule: tuple[float, float, bool],
    rows: Rows,
    shape: Shape,
) -> None:
    """Do what ``accumulate`` does, on flat arrays."""
    dose, peak = totals
    change, after = ends
    duration, offset = step
    floor, ceiling, remembers = rule
    nx, ny, nz = shape
    base, scale = np.float32(offset), np.float32(duration / 60.0)
    for i in prange(nx):
        for j in range(ny):
            first, _, _, last = row_of(rows, i, j, ny)
            at, _, _ = padded(i, j, (nx, ny, nz))
            cell = np.uintp((i * ny + j) * nz)
            low, high, fall, rise = _span(change, after, (at, first, last), base)
            cool = high < 43.0 and low >= floor and max(fall, rise) < 1.0 and not remembers
            # below 31 °C no variant counts more than 4^-12 = 6e-8 CEM43 a minute
            for k in range(first, last if cool and high > 31.0 else first):
                end = after[at + k] + base
                dose[cell + k] += _cool(end - change[at + k], end, scale)
            for k in range(first, first if cool or high < floor else last):
                end = after[at + k] + base
                start = end - change[at + k]
                if max(start, end) > 31.0:
                    rates = (floor, ceiling, remembers)
                    dose[cell + k] += _piece(start, end, duration, rates, peak[cell + k])
            for k in range(first, last if rise > 0.0 else first):
                peak[cell + k] = max(peak[cell + k], after[at + k] + base)


def accumulate(
    dose: Field,
    peak: Field,
    ends: tuple[Field, Field],
    step: tuple[float, float],
    rule: tuple[float, float, bool],
    rows: Rows,
) -> None:
    """Add one time step to a dose field and a peak field, in place.

    Parameters
    ----------
    dose, peak
        Shape (nx, ny, nz): CEM43 and °C; contiguous.
    ends
        The change of temperature in the step, and the temperature after it minus an offset, shape
        (nx+2, ny+2, nz+2) with one layer of ghost cells that is left alone.
    step
        Its duration, s, and the offset of ``ends``, °C.
    rule
        ``DoseVariant.rule``.
    rows
        Shape (nx, ny, 4): of each row along z the first cell (0) and the end (3) that count.
    """
    nx, ny, nz = dose.shape
    lines = (flat(ends[0]), flat(ends[1]))
    _accumulate((flat(dose), flat(peak)), lines, step, rule, flat(rows), (nx, ny, nz))


def cem43_history(
    time_s: ArrayLike, temperature_degc: ArrayLike, variant: DoseVariant | str
) -> NDArray[np.float64]:
    """Accumulate CEM43 along temperature curves, exactly for piecewise linear ones.

    Parameters
    ----------
    time_s
        Shape (n,), s, not decreasing.
    temperature_degc
        Shape (n, ...), °C.
    variant
        Which rule.

    Returns
    -------
    NDArray
        Shape (n, ...), CEM43 in minutes since the first sample.

    Raises
    ------
    SettingsError
        When the shapes do not fit, time runs backwards, or something is NaN.
    """
    time = np.ascontiguousarray(time_s, dtype=np.float64)
    curves = np.asarray(temperature_degc, dtype=np.float64)
    if time.ndim != 1 or curves.ndim < 1 or curves.shape[0] != time.size or time.size < 1:
        raise SettingsError(
            f"A dose needs one temperature for each time: times have shape {time.shape}, "
            f"temperatures {curves.shape}."
        )
    if not (np.isfinite(time).all() and np.isfinite(curves).all()) or (np.diff(time) < 0).any():
        raise SettingsError(
            "A dose needs finite temperatures at finite times that do not run backwards."
        )
    columns = np.ascontiguousarray(curves.reshape(time.size, -1))
    dose = np.zeros_like(columns)
    _curves(time, columns, DoseVariant(variant).rule, dose)
    # A single sample at the ceiling has no duration, yet the rule calls it infinite at once.
    dose[np.maximum.accumulate(columns, axis=0) >= DoseVariant(variant).ceiling_degc] = inf
    return dose.reshape(curves.shape)


def cem43(
    time_s: ArrayLike, temperature_degc: ArrayLike, variant: DoseVariant | str
) -> NDArray[np.float64]:
    """Return the CEM43 (minutes) of whole curves: the last row of ``cem43_history``.

    Parameters and errors are those of ``cem43_history``; the result has shape (...).
    """
    total: NDArray[np.float64] = cem43_history(time_s, temperature_degc, variant)[-1]
    return total


def cem43_step(
    before_degc: NDArray[np.float32],
    after_degc: NDArray[np.float32],
    duration_s: float,
    variant: DoseVariant | str,
    *,
    peak_degc: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the CEM43 of one time step of a temperature field, linear in time between its ends.

    Parameters
    ----------
    before_degc, after_degc
        Temperatures before and after, shape (nx, ny, nz), °C.
    duration_s
        Of the step, s, not negative.
    variant
        Which rule.
    peak_degc
        Shape (nx, ny, nz), °C: the highest temperature before the step (``iso39`` remembers
        whether 43 °C was passed); by default nothing but ``before_degc`` is known.

    Returns
    -------
    NDArray
        Shape (nx, ny, nz), CEM43 in minutes.

    Raises
    ------
    SettingsError
        When the fields do not fit together or the duration is negative.
    """
    before, after = (
        np.pad(np.asarray(t, dtype=np.float32), 1) for t in (before_degc, after_degc)
    )
    if before.ndim != 3 or before.shape != after.shape or not duration_s >= 0:
        raise SettingsError(
            f"A dose step needs two fields of one three-dimensional shape and a duration of at "
            f"least 0 s; found {np.shape(before_degc)}, {np.shape(after_degc)} and {duration_s} s."
        )
    peak = np.array(before_degc if peak_degc is None else peak_degc, dtype=np.float32)
    dose = np.zeros(peak.shape, np.float32)
    rows = np.zeros((*peak.shape[:2], 4), np.int32)
    rows[..., 3] = peak.shape[2]
    rule = DoseVariant(variant).rule
    ends = (after - before, after)
    accumulate(dose, peak, ends, (float(duration_s), 0.0), rule, rows)
    return dose
