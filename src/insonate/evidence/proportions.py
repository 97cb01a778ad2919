"""Proportions: exact intervals, what a zero allows, and random effects between series.

Two models, one beside the other, because a zero is where they part:

- *normal-normal*: the logit of each series, with a half added to events and non-events of a series
  that has none or only events, pooled as any mean (``pooling``);
- *binomial-normal*: the counts as they are, with a normal spread of the logits (Stijnen, Hamza &
  Özdemir 2010, Stat. Med. 29:3046, eq. 6), by maximum likelihood; it needs no half.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.polynomial.hermite import hermgauss
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from insonate.core import SettingsError
from insonate.evidence.pooling import LEVEL, Estimate, Pooled, interval_round, pool

HALF = 0.5
"""Added to both cells of a series with a zero, and only there (Haldane 1956; Anscombe 1956)."""

NODES = 20
"""Of the quadrature. Seven, a usual choice, shift tau² by 1e-3 of itself; twenty are exact to 1e-8."""

_NEWTON_STEPS = 25
_LEAST_TAU = 1e-4


def exact_interval(events: int, of: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact interval of a proportion (Clopper & Pearson 1934, Biometrika 26:404).

    Parameters
    ----------
    events, of
        How many of how many.
    level
        Confidence, 0 to 1.

    Raises
    ------
    SettingsError
        When the count is impossible.
    """
    require_count(events, of)
    found = stats.binomtest(events, of).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def never_seen(of: int, *, level: float = LEVEL) -> float:
    """Return the largest risk that still fits with no event in ``of``, one-sided and exact.

    (1 - p)^n = 1 - level; for 95 % about 3/n, the rule of three (Hanley & Lippman-Hand 1983,
    JAMA 249:1743).
    """
    require_count(0, of)
    return float(1.0 - (1.0 - level) ** (1.0 / of))


def rule_of_three(of: int) -> float:
    """Return 3/n, the rule itself: close to ``never_seen`` from about 30 on."""
    require_count(0, of)
    return min(1.0, 3.0 / of)


def require_count(events: int, of: int) -> None:
    """Raise a ``SettingsError`` for a count that cannot be."""
    if not 0 <= events <= of or of < 1:
        raise SettingsError(
            f"{events} of {of} is no count; give 0 or more events of at least one, and not more "
            "events than there are."
        )


@dataclass(frozen=True)
class PooledProportion:
    """A proportion pooled over series, by both models.

    Parameters
    ----------
    normal
        Normal-normal on the logit scale, and its intervals there.
    binomial
        Binomial-normal on the logit scale, with a Wald interval.
    corrected
        How many series needed the half.
    """

    normal: Pooled
    binomial: Estimate
    corrected: int

    @property
    def proportion(self) -> Estimate:
        """The normal-normal estimate as a proportion."""
        return as_proportion(self.normal.mean)

    @property
    def prediction(self) -> tuple[float, float] | None:
        """The range in which the proportion of a new series is expected, or None below 3 series."""
        low_high = self.normal.prediction
        return None if low_high is None else _both(special.expit, low_high)


def as_proportion(logit: Estimate) -> Estimate:
    """Return an estimate on the logit scale as a proportion; its standard error stays logit."""
    value, low, high = special.expit([logit.value, logit.low, logit.high])
    return Estimate(float(value), logit.standard_error, float(low), float(high))


def logits(
    events: ArrayLike, of: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return log odds, their variances, and how many series needed the half.

    y = ln(x / (n - x)), v = 1/x + 1/(n - x).
    """
    x, n = np.asarray(events, float), np.asarray(of, float)
    bare = (x == 0) | (x == n)
    x, rest = x + HALF * bare, n - x + HALF * bare
    return np.log(x / rest), 1.0 / x + 1.0 / rest, int(bare.sum())


def pool_proportions(
    events: ArrayLike, of: ArrayLike, *, level: float = LEVEL, adjusted: bool = True
) -> PooledProportion:
    """Return a proportion pooled over at least two series.

    Parameters
    ----------
    events, of
        Shape (k,): how many of how many in each.
    level
        Confidence of the intervals.
    adjusted
        Whether the normal-normal interval is Hartung and Knapp's, as ``pooling.pool``.

    Raises
    ------
    SettingsError
        With fewer than two series, an impossible count, or no event at all: what a zero allows is
        said by ``never_seen``, not by a pooled estimate.
    """
    x, n = np.atleast_1d(np.asarray(events, int)), np.atleast_1d(np.asarray(of, int))
    for count, size in zip(x.tolist(), n.tolist(), strict=True):
        require_count(count, size)
    if x.sum() == 0 or x.sum() == n.sum():
        raise SettingsError(
            f"There are {x.sum()} events of {n.sum()} in all series; a share cannot be pooled from "
            "that. Use never_seen for what it allows."
        )
    y, v, corrected = logits(x, n)
    normal = pool(y, v, level=level, adjusted=adjusted)
    return PooledProportion(normal, binomial_normal(x, n, level=level)[0], corrected)


def binomial_normal(
    events: ArrayLike, of: ArrayLike, *, level: float = LEVEL, nodes: int = NODES
) -> tuple[Estimate, float]:
    """Return the mean logit and the variance between series, by maximum likelihood.

    x_i ~ Binomial(n_i, expit(theta_i)), theta_i ~ N(mu, tau²) (Stijnen et al. 2010, eq. 6). Each
    series' integral over theta is taken by adaptive Gauss-Hermite quadrature; the standard error
    comes from the observed information.

    Parameters
    ----------
    events, of
        Shape (k,): how many of how many in each.
    level
        Confidence of the interval.
    nodes
        Of the quadrature.

    Returns
    -------
    Estimate
        mu with a Wald interval.
    float
        tau².
    """
    x, n = np.asarray(events, float), np.asarray(of, float)

    def cost(at: NDArray[np.float64]) -> float:
        return -log_likelihood(float(at[0]), float(np.exp(at[1])), x, n, nodes)

    start = np.array([special.logit((x.sum() + HALF) / (n.sum() + 2 * HALF)), log(0.5)])
    found = optimize.minimize(
        cost,
        start,
        method="Nelder-Mead",
        bounds=[(-15.0, 15.0), (log(_LEAST_TAU), 3.0)],
        options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 2000},
    )
    mu, tau = float(found.x[0]), float(np.exp(found.x[1]))
    error = _standard_error(mu, tau, x, n, nodes)
    return interval_round(mu, error, float(stats.norm.ppf(0.5 + level / 2))), tau**2


def log_likelihood(
    mu: float, tau: float, x: NDArray[np.float64], n: NDArray[np.float64], nodes: int
) -> float:
    """Return the log likelihood of all counts, binomial coefficients left out.

    With theta = mu + tau z, the integrand of z is exp(x theta - n ln(1 + e^theta) - z²/2); the
    nodes lie round its mode, as wide as its curvature there.
    """
    at, weights = hermgauss(nodes)
    z, width = _modes(mu, tau, x, n)
    nodes_z = z[:, None] + np.sqrt(2.0) * width[:, None] * at
    theta = mu + tau * nodes_z
    exponent = (
        x[:, None] * theta - n[:, None] * np.logaddexp(0.0, theta) - nodes_z**2 / 2 + at**2
    )
    each = special.logsumexp(exponent, axis=1, b=weights / np.sqrt(np.pi)) + np.log(width)
    return float(each.sum())


def _modes(
    mu: float, tau: float, x: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mode of each series' integrand, and 1/√(-curvature) there, by Newton's method."""
    z = np.zeros(len(x))
    for _ in range(_NEWTON_STEPS):
        share = special.expit(mu + tau * z)
        curvature = -(tau**2) * n * share * (1.0 - share) - 1.0
        z = z - np.clip((tau * (x - n * share) - z) / curvature, -1.0, 1.0)
    return z, (-curvature) ** -0.5


def _standard_error(
    mu: float, tau: float, x: NDArray[np.float64], n: NDArray[np.float64], nodes: int
) -> float:
    """Return the standard error of mu from the curvature of the likelihood in mu and tau."""
    step = 1e-3

    def value(a: int, b: int) -> float:
        return log_likelihood(mu + a * step, tau + b * step, x, n, nodes)

    top = value(0, 0)
    mm = (value(1, 0) - 2 * top + value(-1, 0)) / step**2
    if tau < 10 * step:
        return float((-1.0 / mm) ** 0.5)
    tt = (value(0, 1) - 2 * top + value(0, -1)) / step**2
    mt = (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / (4 * step**2)
    return float((-tt / (mm * tt - mt**2)) ** 0.5)


def _both(function: np.ufunc, low_high: tuple[float, float]) -> tuple[float, float]:
    low, high = function(low_high)
    return float(low), float(high)
