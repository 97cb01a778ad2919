"""Random effects: several means that need not be the same, brought together with honest intervals.

y_i ~ N(theta_i, v_i), theta_i ~ N(mu, tau²). The variance between series tau² is estimated by
restricted maximum likelihood, or by the method of DerSimonian and Laird; the interval of mu is that of
Hartung and Knapp, which knows that tau² was estimated from few series; the prediction interval says where
the mean of a *new* series is expected, which is what a reader wants to know when series differ.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from insonate.core import SettingsError

LEVEL = 0.95
"""Confidence of an interval where none is said."""

Array = NDArray[np.float64]


class Between(StrEnum):
    """How the variance between series is estimated."""

    REML = "REML"
    """Restricted maximum likelihood (Raudenbush 2009; Viechtbauer 2005, J. Educ. Behav. Stat. 30:261)."""
    MAXIMUM_LIKELIHOOD = "ML"
    DERSIMONIAN_LAIRD = "DL"
    """By moments, never below zero (DerSimonian & Laird 1986, Control. Clin. Trials 7:177)."""


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error and interval."""

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Pooled:
    """What several series say together.

    Parameters
    ----------
    mean
        mu, with its interval.
    count
        How many series.
    tau2
        Variance between series, unit squared.
    tau2_error
        Its standard error from the expected information; NaN for DerSimonian and Laird.
    q, q_p
        Cochran's Q and its p-value on ``count`` - 1 degrees of freedom.
    i2
        Share of the total variation that is between series, 0 to 1, from tau² and the typical
        variance within (Higgins & Thompson 2002, Stat. Med. 21:1539, eq. 9).
    prediction
        Interval of the mean of a new series; None below three series.
    weights
        Share of each series in the mean; they sum to 1.
    adjusted
        Whether the interval is Hartung and Knapp's.
    """

    mean: Estimate
    count: int
    tau2: float
    tau2_error: float
    q: float
    q_p: float
    i2: float
    prediction: tuple[float, float] | None
    weights: tuple[float, ...]
    adjusted: bool


def pool(
    means: ArrayLike,
    variances: ArrayLike,
    *,
    between: Between = Between.REML,
    level: float = LEVEL,
    adjusted: bool = True,
    never_narrower: bool = True,
) -> Pooled:
    """Return the mean of several series with random effects.

    mu = Σ w_i y_i / Σ w_i, w_i = 1/(v_i + tau²). Adjusted: var(mu) = q / Σ w_i with
    q = Σ w_i (y_i - mu)² / (k - 1), and Student's t on k - 1 (Hartung & Knapp 2001, Stat. Med. 20:3875).

    Parameters
    ----------
    means, variances
        Shape (k,): each series' mean, and the variance of that mean; one unit, and its square.
    between
        How tau² is estimated.
    level
        Confidence of all intervals.
    adjusted
        Hartung and Knapp's interval; otherwise mu ± z se.
    never_narrower
        Whether q is kept at 1 or above, so that the adjustment never makes the interval narrower
        (Röver, Knapp & Friede 2015, BMC Med. Res. Methodol. 15:99).

    Raises
    ------
    SettingsError
        With fewer than two series, or a variance that is not above zero.
    """
    y, v = _checked(means, variances)
    tau2 = between_variance(y, v, between)
    w = 1.0 / (v + tau2)
    mu = float(w @ y / w.sum())
    bare = float(w.sum() ** -0.5)
    q = float((1.0 / v) @ (y - (y @ (1.0 / v)) / (1.0 / v).sum()) ** 2)
    if adjusted:
        mean = _adjusted(mu, y, w, level, never_narrower=never_narrower)
    else:
        mean = interval_round(mu, bare, float(stats.norm.ppf(0.5 + level / 2)))
    return Pooled(
        mean=mean,
        count=len(y),
        tau2=tau2,
        tau2_error=_tau2_error(w, between),
        q=q,
        q_p=float(stats.chi2.sf(q, len(y) - 1)),
        i2=tau2 / (tau2 + typical_variance(v)),
        prediction=_prediction(mu, bare, tau2, len(y), level),
        weights=tuple((w / w.sum()).tolist()),
        adjusted=adjusted,
    )


def _checked(means: ArrayLike, variances: ArrayLike) -> tuple[Array, Array]:
    y, v = (np.atleast_1d(np.asarray(a, float)) for a in (means, variances))
    if y.shape != v.shape or y.ndim != 1 or len(y) < 2:
        raise SettingsError(
            f"There are {y.size} means and {v.size} variances; pooling needs two series or more, and "
            "one variance for each."
        )
    if not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        raise SettingsError(
            "A mean is not finite or a variance is not above zero; a series without a spread "
            "cannot be weighed. Leave it out and say so."
        )
    return y, v


def interval_round(value: float, error: float, quantile: float) -> Estimate:
    """Return value ± quantile × error."""
    return Estimate(value, error, value - quantile * error, value + quantile * error)


def _adjusted(mu: float, y: Array, w: Array, level: float, *, never_narrower: bool) -> Estimate:
    """Return mu with the interval of Hartung and Knapp."""
    q = float(w @ (y - mu) ** 2) / (len(y) - 1)
    error = float(((max(q, 1.0) if never_narrower else q) / w.sum()) ** 0.5)
    return interval_round(mu, error, float(stats.t.ppf(0.5 + level / 2, len(y) - 1)))


def _prediction(
    mu: float, bare: float, tau2: float, count: int, level: float
) -> tuple[float, float] | None:
    """Return mu ± t_{k-2} √(tau² + se²) (Higgins, Thompson & Spiegelhalter 2009, eq. 12)."""
    if count < 3:
        return None
    return prediction_interval(mu, bare, tau2, float(stats.t.ppf(0.5 + level / 2, count - 2)))


def prediction_interval(
    mu: float, error: float, tau2: float, quantile: float
) -> tuple[float, float]:
    """Return the interval of the mean of a new series for a given quantile."""
    half = quantile * (tau2 + error**2) ** 0.5
    return mu - half, mu + half


def typical_variance(v: Array) -> float:
    """Return the typical variance within series (Higgins & Thompson 2002, eq. 9)."""
    w = 1.0 / v
    return float((len(v) - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()))


def between_variance(y: Array, v: Array, between: Between) -> float:
    """Return tau², never below zero.

    Parameters
    ----------
    y, v
        Shape (k,): means, and their variances.
    between
        The method.
    """
    if between is Between.DERSIMONIAN_LAIRD:
        return _by_moments(y, v)
    restricted = between is Between.REML
    top = max(_by_moments(y, v), float(np.var(y)), 1e-12) * 20.0

    def cost(tau2: float) -> float:
        return -log_likelihood(tau2, y, v, restricted=restricted)

    found = optimize.minimize_scalar(
        cost, bounds=(0.0, top), method="bounded", options={"xatol": 1e-12 * top}
    )
    return 0.0 if cost(0.0) <= found.fun else float(found.x)


def _by_moments(y: Array, v: Array) -> float:
    """Return max(0, (Q - (k - 1)) / (Σw - Σw²/Σw)), w = 1/v."""
    w = 1.0 / v
    q = float(w @ (y - (w @ y) / w.sum()) ** 2)
    return max(0.0, (q - (len(y) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))


def log_likelihood(tau2: float, y: Array, v: Array, *, restricted: bool) -> float:
    """Return the log likelihood of tau² with mu at its best, constants left out.

    -½ (Σ ln(v + tau²) + Σ w (y - mu)² [+ ln Σ w]), the last term when restricted.
    """
    w = 1.0 / (v + tau2)
    mu = w @ y / w.sum()
    doubled = -np.log(w).sum() + w @ (y - mu) ** 2
    return float(-0.5 * (doubled + np.log(w.sum()) * restricted))


def _tau2_error(w: Array, between: Between) -> float:
    """Return the standard error of tau² from the expected information."""
    if between is Between.DERSIMONIAN_LAIRD:
        return float("nan")
    total, squared, cubed = w.sum(), (w**2).sum(), (w**3).sum()
    if between is Between.MAXIMUM_LIKELIHOOD:
        return float((2.0 / squared) ** 0.5)
    information = squared - 2.0 * cubed / total + (squared / total) ** 2
    return float((2.0 / information) ** 0.5)
