"""Between frames: the temperature now instead of a frame ago, and the dose as an interval.

A frame every few seconds shows means over seconds; a hot spot changes faster, and dose doubles with
every kelvin. So the course between the frames is a model's, and the frames decide how much of it
to believe. Heated by the power P(t), a place of the spot follows

    θ(t) = q r(t),   T = T₀ + θ                                                     (1)

with an unknown strength q (K/s per watt) and a response r of the bioheat equation to the power as
it was really set. Which response is not known either, so that a bank of them is followed at once
(``bank``). For each of them q is estimated by a Kalman filter: a frame from a to b with standard
deviation σ measures q times the mean of r over it,

    z = q h + e,  h = ∫ₐᵇ r dt / (b − a),  var e = σ² + (ε q h)²                     (2)

and the bank is weighed by how well each foretold the frames (Magill, IEEE Trans. Autom. Control
10:434, 1965: multiple-model estimation). The dose of every response and a few quantiles of its q
together give the interval.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import roots_hermitenorm

from insonate.core import SettingsError
from insonate.core.arrays import FloatArray, frozen
from insonate.heat.dose import DoseVariant, cem43
from insonate.thermometry.bank import Bank, PowerPiece, responses

_PRIOR_STRENGTH = 1.0  # K/s per W: a hundred times any sonication's
_DOSE_STEP_S = 0.2  # the course is straight between: 0.3 % of the dose at 4 s time constants
_QUANTILES = 7
_UNLIKELY = 1e-3  # so much of the belief does not move a quantile at 5 %


@dataclass(frozen=True, eq=False)
class Course:
    """What is believed of n places after some frames, for each of m responses.

    Parameters
    ----------
    bank
        The responses.
    mean, variance
        Shape (n, m): of the strength q, K/s per W.
    log_weight
        Shape (n, m): of the responses, not normalised.
    model_error
        ε of equation (2): of each frame by itself.
    gain_error
        γ: relative error that all frames of a sonication have in common, as partial volume has. No
        frame can tell it from the strength, so that it only widens what is believed.
    """

    bank: Bank
    mean: FloatArray
    variance: FloatArray
    log_weight: FloatArray
    model_error: float = 0.02
    gain_error: float = 0.0

    @classmethod
    def begin(cls, bank: Bank, places: int) -> "Course":
        """Begin with nothing known but the bank."""
        shape = (places, len(bank.log_prior))
        return cls(
            bank,
            frozen(np.zeros(shape)),
            frozen(np.full(shape, _PRIOR_STRENGTH**2)),
            frozen(np.tile(bank.log_prior, (places, 1))),
        )

    def expecting(
        self, rise_k_per_w: float, duration_s: float, *, log_sigma: float
    ) -> "Course":
        """Return the course with an expectation of its strength, as a plan has one.

        Parameters
        ----------
        rise_k_per_w, duration_s
            How far one watt for so long warms the place, K/W and s.
        log_sigma
            Standard deviation of the natural logarithm of that.

        Raises
        ------
        SettingsError
            When one of them is not positive.
        """
        if not (rise_k_per_w > 0 and duration_s > 0 and log_sigma > 0):
            raise SettingsError(
                f"A rise of {rise_k_per_w:g} K/W in {duration_s:g} s with a spread of {log_sigma:g} "
                "cannot be expected; all three must be positive."
            )
        watt = (PowerPiece(0.0, duration_s, 1.0),)
        _, r, _ = responses(self.bank, watt, (duration_s,))
        strength = np.broadcast_to(rise_k_per_w / r[:, -1], self.mean.shape)
        return replace(
            self, mean=frozen(strength), variance=frozen((log_sigma * strength) ** 2)
        )

    @property
    def spread(self) -> FloatArray:
        """Shape (n, m): variance of the strength with the error that all frames share."""
        wide: FloatArray = self.variance + (self.gain_error * self.mean) ** 2
        return wide

    @property
    def weights(self) -> FloatArray:
        """Shape (n, m): how likely each response is now; each row adds up to 1."""
        weight = np.exp(self.log_weight - self.log_weight.max(axis=1, keepdims=True))
        normalised: FloatArray = weight / weight.sum(axis=1, keepdims=True)
        return normalised


def observe_frame(
    course: Course,
    rise_k: ArrayLike,
    sigma_k: ArrayLike,
    window_s: tuple[float, float],
    power: tuple[PowerPiece, ...],
) -> Course:
    """Learn from one frame: equation (2).

    Parameters
    ----------
    course
        What was believed before.
    rise_k, sigma_k
        Shape (n,): measured ΔT and its standard deviation, K; NaN where a voxel is masked.
    window_s
        When the frame began and ended, s.
    power
        The power so far, as it was really set.

    Raises
    ------
    SettingsError
        When the frame has no length or a standard deviation is not positive.
    """
    z, sigma = (np.atleast_1d(np.asarray(a, np.float64)) for a in (rise_k, sigma_k))
    start, end = window_s
    known = np.isfinite(z) & np.isfinite(sigma)
    if not end > start or z.shape != (len(course.mean),) or (sigma[known] <= 0).any():
        raise SettingsError(
            f"A frame from {start:g} s to {end:g} s with {z.size} temperatures cannot be learned "
            f"from; it must end after it begins and give {len(course.mean)} temperatures with "
            "positive standard deviations."
        )
    times, _, area = responses(course.bank, power, (start, end))
    at = np.searchsorted(times, (start, end))
    h = (area[:, at[1]] - area[:, at[0]]) / (end - start)
    # Before the first heated frame the strength is unknown: the measured rise stands for it.
    likely = np.where(known, np.abs(z), 0.0)[:, None]
    noise = np.where(known, sigma, 1.0)[:, None] ** 2 + (course.model_error * likely) ** 2
    foretold = course.variance * h**2 + noise
    gain = course.variance * h / foretold
    surprise = np.where(known, z, 0.0)[:, None] - course.mean * h
    weight = course.log_weight - 0.5 * (surprise**2 / foretold + np.log(foretold))
    rows = known[:, None]
    return replace(
        course,
        mean=frozen(np.where(rows, course.mean + gain * surprise, course.mean)),
        variance=frozen(np.where(rows, course.variance * (1 - gain * h), course.variance)),
        log_weight=frozen(np.where(rows, weight, course.log_weight)),
    )


def rise_at(
    course: Course, power: tuple[PowerPiece, ...], time_s: float
) -> tuple[FloatArray, FloatArray]:
    """Return the rise at any time, also one to come, and its standard deviation, both (n,), K."""
    times, r, _ = responses(course.bank, power, (time_s,))
    now = r[:, int(np.searchsorted(times, time_s))]
    each, weight = course.mean * now, course.weights
    mean = (weight * each).sum(axis=1)
    spread = (weight * (each**2 + course.spread * now**2)).sum(axis=1) - mean**2
    return mean, np.sqrt(np.maximum(spread, 0.0))


@dataclass(frozen=True, eq=False)
class DoseInterval:
    """The dose of n places as a credible interval.

    Parameters
    ----------
    low, median, high
        Shape (n,), CEM43, minutes.
    credible
        How much of the belief lies between low and high.
    """

    low: FloatArray
    median: FloatArray
    high: FloatArray
    credible: float

    @property
    def middle(self) -> FloatArray:
        """The midpoint of the interval, CEM43, shape (n,): of the logarithms, as dose doubles."""
        middle: FloatArray = np.sqrt(self.low * self.high)
        return middle


def dose_interval(
    course: Course,
    power: tuple[PowerPiece, ...],
    time_s: float,
    *,
    baseline_degc: float,
    variant: DoseVariant | str = DoseVariant.SAPARETO,
    credible: float = 0.9,
) -> DoseInterval:
    """Return the dose from the first power to ``time_s``.

    Parameters
    ----------
    course
        What is believed.
    power
        The power, as it was really set.
    time_s
        Until when, s.
    baseline_degc
        Temperature of the references, °C.
    variant
        Which rule of the dose.
    credible
        How much of the belief the interval holds, 0.5-0.99.

    Raises
    ------
    SettingsError
        When nothing was on before ``time_s``, or ``credible`` is not a share.
    """
    if not 0.5 <= credible <= 0.99 or not power or time_s <= power[0].start_s:
        raise SettingsError(
            f"A dose interval to {time_s:g} s holding {credible:g} of the belief cannot be made; "
            "there must be power before, and the share lie between 0.5 and 0.99."
        )
    count = int(np.ceil((time_s - power[0].start_s) / _DOSE_STEP_S)) + 1
    wanted = np.linspace(power[0].start_s, time_s, count)
    times, r, _ = responses(course.bank, power, tuple(wanted))
    ends = np.searchsorted(times, (wanted[0], time_s))
    within = slice(int(ends[0]), int(ends[1]) + 1)
    nodes, shares = roots_hermitenorm(_QUANTILES)
    bounds = [0.5 - credible / 2, 0.5, 0.5 + credible / 2]
    found = np.empty((3, len(course.mean)))
    for place in range(len(course.mean)):
        kept = _likely(course.weights[place])
        spread = np.sqrt(course.spread[place][kept])[:, None] * nodes
        q = (course.mean[place][kept][:, None] + spread).ravel()
        curves = np.repeat(r[kept, within], nodes.size, axis=0).T * q
        curves += baseline_degc
        np.clip(curves, 0.0, 100.0, out=curves)
        dose = cem43(times[within], curves, variant)
        weight = (course.weights[place][kept][:, None] * (shares / shares.sum())).ravel()
        found[:, place] = _quantiles(dose, weight, bounds)
    low, median, high = (frozen(row) for row in found)
    return DoseInterval(low, median, high, credible)


def _likely(weights: FloatArray) -> NDArray[np.intp]:
    """Return which responses hold all but a thousandth of the belief."""
    order = np.argsort(weights)
    kept: NDArray[np.intp] = order[np.cumsum(weights[order]) > _UNLIKELY]
    return kept


def _quantiles(values: FloatArray, weights: FloatArray, bounds: list[float]) -> FloatArray:
    """Return quantiles of weighted values, on the logarithm between neighbours."""
    order = np.argsort(values)
    below = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    logs = np.log(np.maximum(values[order], 1e-12))
    quantiles: FloatArray = np.exp(np.interp(bounds, below, logs))
    return quantiles
