"""How a place of a heated spot may respond to power: a bank of responses.

What is not known of a response is its speed, so many are followed at once (``between``):

    dr/dt = P − k r,  k = k₁ under power and k₂ without                              (1)
    r(t) = ∫ P(s) g(t−s) ds,  g(τ) = e^{−ωτ} / [(1 + 2Dτ/w²) √(1 + 2Dτ/l²)]          (2)

where (2) is the centre of a Gaussian source of widths w, w, l in a conducting, perfused medium
(Pennes' equation solved with its Green's function; Carslaw & Jaeger, Conduction of Heat in Solids,
2nd ed., §10.3). A focus of waves is no Gaussian: it has a core and a pedestal, and its centre warms
on where (2) no longer does. So where a model knows the rise S under one watt that stays on,

    r(t) = Σ ΔPᵢ S(c (t − tᵢ)) / c                                                   (3)

over all changes ΔPᵢ of the power, with its time stretched by a few factors c.
"""

from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from insonate.core import SettingsError
from insonate.core.arrays import FloatArray, compiled, frozen

DIFFUSIVITY_M2_PER_S = 1.36e-7
"""κ/(ρC) of brain: 0.51 / (1046 · 3630) (IT'IS tissue database)."""
PERFUSION_PER_S = 9.3e-3
"""w ρ_b C_b / (ρ C) of brain: 559 mL/min/kg (IT'IS tissue database), the mean of grey and white."""

CURVE_STEP_S = 0.05
"""Curves are straight between points that lie so far apart."""
LONGEST_CURVE_S = 150.0
"""A sonication of 60 s, its frames afterwards, twice as fast as thought."""


@dataclass(frozen=True)
class PowerPiece:
    """Constant power from ``start_s`` to ``end_s``: ``power_w``."""

    start_s: float
    end_s: float
    power_w: float

    def __post_init__(self) -> None:
        if not (self.end_s > self.start_s and 0 <= self.power_w < np.inf):
            raise SettingsError(
                f"Power of {self.power_w} W from {self.start_s} s to {self.end_s} s cannot be; a "
                "piece ends after it begins and its power is not negative."
            )


@dataclass(frozen=True, eq=False)
class Bank:
    """The responses that are thought possible, and how likely each is beforehand.

    Parameters
    ----------
    rates
        Shape (m, 2), 1/s: k₁ and k₂ of equation (1).
    widths
        Shape (n, 2), m: w and l of equation (2).
    log_prior
        Shape (m + n + p,).
    curves
        Shape (p, k): S of equation (3), stretched, every ``CURVE_STEP_S`` from 0 on, W-normalised;
        constant after the last.
    """

    rates: NDArray[np.float64]
    widths: NDArray[np.float64]
    log_prior: FloatArray
    curves: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def spot_bank(
    width_m: float = 1.2e-3,
    *,
    spread: float = 0.3,
    step: tuple[ArrayLike, ArrayLike] | None = None,
) -> Bank:
    """Return the responses of a focal spot.

    Parameters
    ----------
    width_m
        Standard deviation of the spot across the beam, m (its half-maximum width over 2.355); the
        default is that of a hemispherical array at 650 kHz. Along the beam it is twice as long.
    spread
        Standard deviation of the logarithm of the rates about the width's own.
    step
        Times, s, from 0 on, and the rise that a model knows under one watt that stays on; any unit.
        Then its curves are as likely as all others together.

    Raises
    ------
    SettingsError
        When the width is not one of a focal spot.
    """
    if not (0.3e-3 <= width_m <= 10e-3 and 0.05 <= spread <= 1.5):
        raise SettingsError(
            f"A spot of standard deviation {width_m:g} m with a spread of {spread:g} is none; the "
            "width lies between 0.3 and 10 mm, the spread between 0.05 and 1.5."
        )
    middle = DIFFUSIVITY_M2_PER_S * 2.25 / width_m**2 + PERFUSION_PER_S
    steps, ratios = np.linspace(-2.4, 2.4, 11), np.linspace(-1.8, 1.8, 7)
    pairs = list(product(steps, ratios))
    rates = [
        (middle * np.exp(spread * s), middle * np.exp(spread * s - 0.25 * r)) for s, r in pairs
    ]
    wide = np.exp(-0.5 * spread * steps)
    prior = np.array([*(-0.5 * (s * s + r * r) for s, r in pairs), *(-0.5 * steps**2)])
    # Each family is as likely as the other.
    prior[: len(pairs)] -= np.log(np.exp(prior[: len(pairs)]).sum())
    prior[len(pairs) :] -= np.log(np.exp(prior[len(pairs) :]).sum())
    widths = np.stack([width_m * wide, 2 * width_m * wide], axis=1)
    if step is None:
        return Bank(frozen(rates, np.float64), frozen(widths), frozen(prior))
    stretches = np.exp(spread * steps)
    own = -0.5 * steps**2
    prior = np.concatenate([prior - np.log(2.0), own - np.log(np.exp(own).sum())])
    curves = _stretched(
        np.asarray(step[0], np.float64), np.asarray(step[1], np.float64), stretches
    )
    return Bank(frozen(rates, np.float64), frozen(widths), frozen(prior), frozen(curves))


def _stretched(
    time_s: FloatArray, rise: FloatArray, stretches: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return S(c t)/c for each stretch c, so that each begins to rise with 1 a second."""
    if time_s.ndim != 1 or time_s.shape != rise.shape or time_s.size < 3 or time_s[0] != 0:
        raise SettingsError(
            "A step response needs three rises or more, one for each time, the first at 0 s."
        )
    if not (np.isfinite(rise).all() and np.isfinite(time_s).all() and rise[1] > rise[0]):
        raise SettingsError("A step response must rise from the beginning, and be finite.")
    curve = PchipInterpolator(time_s, rise)
    first = max(float(curve.derivative()(0.0)), float((rise[1] - rise[0]) / time_s[1]))
    wanted = np.arange(0.0, LONGEST_CURVE_S + CURVE_STEP_S, CURVE_STEP_S)
    each = [
        curve(np.minimum(c * wanted, time_s[-1])) / (c * first) for c in map(float, stretches)
    ]
    return np.stack(each)


def responses(
    bank: Bank, power: tuple[PowerPiece, ...], times_s: tuple[float, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return r of every response, and its integral, at some times and where the power changes.

    Parameters
    ----------
    bank
        The m responses.
    power
        Pieces in order that do not overlap.
    times_s
        Times that are wanted.

    Returns
    -------
    times, r, area
        Shape (k,), (m, k) and (m, k): s, W s and W s².

    Raises
    ------
    SettingsError
        When the pieces overlap or run backwards.
    """
    if any(a.end_s > b.start_s + 1e-9 for a, b in pairwise(power)):
        raise SettingsError("The pieces of a power overlap, or do not come in order.")
    edges = [e for piece in power for e in (piece.start_s, piece.end_s)]
    times = np.unique(np.array([*edges, *times_s], np.float64))
    middles = 0.5 * (times[1:] + times[:-1])
    watts = np.zeros(middles.size)
    for piece in power:
        watts[(middles > piece.start_s) & (middles < piece.end_s)] = piece.power_w
    shape = (len(bank.log_prior), times.size)
    r, area = np.zeros(shape), np.zeros(shape)
    _rated(times, watts, bank.rates, r, area)
    row = len(bank.rates)
    for w, length in bank.widths:
        _superposed(times, watts, _conducted(times, (w, length)), r[row], area[row])
        row += 1
    for curve in bank.curves:
        _superposed(times, watts, curve, r[row], area[row])
        row += 1
    return times, r, area


@compiled
def _rated(
    times: NDArray[np.float64],
    watts: NDArray[np.float64],
    rates: NDArray[np.float64],
    r: NDArray[np.float64],
    area: NDArray[np.float64],
) -> None:
    """Solve equation (1) exactly on each piece."""
    for m in range(rates.shape[0]):
        for n in range(watts.size):
            k = rates[m, 0] if watts[n] > 0 else rates[m, 1]
            step = times[n + 1] - times[n]
            end = watts[n] / k + (r[m, n] - watts[n] / k) * np.exp(-k * step)
            r[m, n + 1] = end
            area[m, n + 1] = area[m, n] + (watts[n] * step - (end - r[m, n])) / k


def _conducted(times: FloatArray, widths_m: tuple[float, float]) -> FloatArray:
    """Return the step response of equation (2), every ``CURVE_STEP_S`` from 0 on."""
    longest = float(times[-1] - times[0]) + CURVE_STEP_S
    tau = np.arange(0.0, longest + CURVE_STEP_S, CURVE_STEP_S)
    w, length = widths_m
    g = np.exp(-PERFUSION_PER_S * tau) / (
        (1 + 2 * DIFFUSIVITY_M2_PER_S * tau / w**2)
        * np.sqrt(1 + 2 * DIFFUSIVITY_M2_PER_S * tau / length**2)
    )
    return np.concatenate([[0.0], np.cumsum(0.5 * (g[1:] + g[:-1])) * CURVE_STEP_S])


def _superposed(
    times: FloatArray,
    watts: FloatArray,
    step: FloatArray,
    r: FloatArray,
    area: FloatArray,
) -> None:
    """Superpose step responses at every change of the power."""
    tau = np.arange(step.size) * CURVE_STEP_S
    over = np.concatenate([[0.0], np.cumsum(0.5 * (step[1:] + step[:-1])) * CURVE_STEP_S])
    changes = np.diff(np.concatenate([[0.0], watts]))
    for start, change in zip(times[:-1], changes, strict=True):
        if change:
            since = np.maximum(times - start, 0.0)
            r += change * np.interp(since, tau, step)
            beyond = np.maximum(since - tau[-1], 0.0) * step[-1]
            area += change * (np.interp(since, tau, over) + beyond)
