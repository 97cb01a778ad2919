"""Checks of the evidence's arithmetic: worked examples, to the digits that are printed.

Each row is the largest difference between what is printed and what comes out, over the printed
numbers of one example; its limit is half a unit of the last printed digit, so that all digits agree.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from insonate.evidence.pooling import Between, Pooled, pool, prediction_interval
from insonate.evidence.proportions import (
    NODES,
    as_proportion,
    binomial_normal,
    exact_interval,
    log_likelihood,
    never_seen,
    pool_proportions,
)
from insonate.verification.check import Check, at_most

Array = NDArray[np.float64]

# Colditz and others 1994, JAMA 271:698: thirteen trials of BCG against tuberculosis. Vaccinated with
# and without the disease, controls with and without.
BCG = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619],
        [33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892],
        [29, 7470, 45, 7232], [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    float,
)  # fmt: skip

# Raudenbush & Bryk 1985, J. Educ. Stat. 10:75: nineteen mean differences and their variances.
TEACHERS = (
    np.array([0.03, 0.12, -0.14, 1.18, 0.26, -0.06, -0.02, -0.32, 0.27, 0.80, 0.54, 0.18, -0.02,
              0.23, -0.18, -0.06, 0.30, 0.07, -0.07]),
    np.array([0.0156, 0.0216, 0.0279, 0.1391, 0.1362, 0.0106, 0.0106, 0.0484, 0.0269, 0.0630, 0.0912,
              0.0497, 0.0835, 0.0841, 0.0253, 0.0279, 0.0193, 0.0088, 0.0303]),
)  # fmt: skip

# Niel-Weise, Stijnen & van den Broek 2007, Intensive Care Med. 33:2058: infections of catheters, plain
# (events, of) and with an anti-infective coating (events, of).
CATHETERS = np.array(
    [
        [3, 117, 0, 116], [3, 35, 1, 44], [9, 195, 2, 208], [7, 136, 0, 130], [6, 157, 5, 151],
        [4, 139, 1, 98], [3, 177, 1, 174], [2, 39, 1, 74], [19, 103, 1, 97], [2, 122, 1, 113],
        [7, 64, 0, 66], [1, 58, 0, 70], [5, 175, 3, 188], [11, 180, 6, 187], [0, 105, 0, 118],
        [1, 262, 0, 252], [3, 362, 1, 345], [1, 69, 4, 64],
    ]
)  # fmt: skip

NEWCOMBE = {
    (81, 263): (0.2527, 0.3676),
    (15, 148): (0.0578, 0.1617),
    (0, 20): (0.0, 0.1684),
    (1, 29): (0.0009, 0.1776),
}

_METAFOR = "R package metafor, reference page of rma.uni, BCG example"
_STIJNEN = "Stijnen, Hamza & Özdemir 2010, Stat. Med. 29:3046, Table II, to four digits in metafor's tests"

Pooling = Callable[..., Pooled]


def off(reached: Sequence[float], printed: Sequence[float]) -> float:
    """Return the largest difference between numbers and what is printed; NaN counts as infinite."""
    differences = np.abs(np.asarray(reached, float) - np.asarray(printed, float))
    return float(np.where(np.isnan(differences), np.inf, differences).max())


def log_risk_ratios() -> tuple[Array, Array]:
    """Return the thirteen log risk ratios of BCG and their variances."""
    a, b, c, d = BCG.T
    return np.log(a / (a + b) * (c + d) / c), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def _digits(check: str, reached: Sequence[float], printed: Sequence[float], digits: int,
            reference: str) -> Check:  # fmt: skip
    """Return a row that passes when every printed digit agrees."""
    limit = 0.5 * 10.0**-digits * (1 + 1e-9)
    return at_most("evidence", check, off(reached, printed), limit, "1", reference)


def means(pooling: Pooling = pool) -> Iterator[Check]:
    """Yield the checks of pooled means; ``pooling`` may be another subject."""
    y, v = log_risk_ratios()
    reml = pooling(y, v, adjusted=False)
    m = reml.mean
    yield _digits(
        "REML, BCG: mean, se, interval, tau² and its se, Q",
        (m.value, m.standard_error, m.low, m.high, reml.tau2, reml.tau2_error, reml.q),
        (-0.7145, 0.1798, -1.0669, -0.3622, 0.3132, 0.1664, 152.2330), 4, _METAFOR,
    )  # fmt: skip
    yield _digits(
        "REML, BCG: I² (%), H²", (100 * reml.i2, 1 / (1 - reml.i2)), (92.22, 12.86), 2, _METAFOR
    )
    normal = float(stats.norm.ppf(0.975))
    expected = prediction_interval(m.value, m.standard_error, reml.tau2, normal)
    yield _digits(
        "prediction interval, BCG, log and risk ratio", (*expected, *np.exp(expected)),
        (-1.87, 0.44, 0.15, 1.55), 2, "R package metafor, reference page of predict.rma",
    )  # fmt: skip
    moments = pooling(y, v, adjusted=False, between=Between.DERSIMONIAN_LAIRD)
    yield _digits(
        "DerSimonian-Laird, BCG: mean, interval, tau², I² (%)",
        (moments.mean.value, moments.mean.low, moments.mean.high, moments.tau2, 100 * moments.i2),
        (-0.7141, -1.0644, -0.3638, 0.3088, 92.1173), 4,
        "Stata's metan, as in metafor's tests of metan against rma.uni",
    )  # fmt: skip
    yield from _adjusted_means(pooling)


def _adjusted_means(pooling: Pooling) -> Iterator[Check]:
    a, b, c, d = BCG.T
    odds, variance = np.log(a * d / (b * c)), (1 / BCG).sum(axis=1)
    adjusted = pooling(odds, variance, between=Between.MAXIMUM_LIKELIHOOD, never_narrower=False)
    m = adjusted.mean
    yield _digits(
        "Hartung-Knapp, BCG odds ratio: value, interval, tau²",
        (*np.exp([m.value, m.low, m.high]), adjusted.tau2), (0.4762, 0.3175, 0.7141, 0.3025), 4,
        "van Houwelingen, Arends & Stijnen 2002, Stat. Med. 21:589, p. 597; interval in metafor's tests",
    )  # fmt: skip
    # metafor's tests also print a prediction interval, to 0.3711; it comes from a tau² that stopped
    # 1e-5 short of the top of the likelihood. Ours is to 0.37099, and is in no row.
    teachers = pooling(*TEACHERS, adjusted=False)
    m = teachers.mean
    yield _digits(
        "mean differences, 19 studies: mean, z, tau², Q",
        (m.value, m.value / m.standard_error, teachers.tau2, teachers.q),
        (0.0837, 1.6208, 0.0188, 35.8295), 4,
        "Raudenbush 2009, Handbook of Research Synthesis, Table 16.2, to four digits in metafor's tests",
    )  # fmt: skip


def shares() -> Iterator[Check]:
    """Yield the checks of proportions."""
    reached = [edge for count in NEWCOMBE for edge in exact_interval(*count)]
    printed = [edge for edges in NEWCOMBE.values() for edge in edges]
    yield _digits(
        "exact (Clopper-Pearson) intervals of four counts", reached, printed, 4,
        "Newcombe 1998, Stat. Med. 17:857, Table I, method 5",
    )  # fmt: skip
    zero = max(
        abs(never_seen(n) - exact_interval(0, n, level=0.9)[1]) for n in (5, 14, 78, 500)
    )
    yield at_most(
        "evidence", "risk that fits with none seen, against the exact interval", zero, 1e-12, "1",
        "one-sided 95 % is the upper end of a two-sided 90 % (Clopper & Pearson 1934)",
    )  # fmt: skip
    printed_normal = (
        (-3.3018, 0.2378, 0.6629, 0.0355, 0.0226, 0.0554),
        (-4.2604, 0.2589, 0.3928, 0.0139, 0.0084, 0.0229),
    )
    printed_binomial = (
        (-3.4964, 0.2570, 0.8124, 0.0294, 0.0180, 0.0478),
        (-4.8121, 0.3555, 0.8265, 0.0081, 0.0040, 0.0161),
    )
    for arm, name in enumerate(("plain", "coated")):
        x, n = CATHETERS[:, 2 * arm], CATHETERS[:, 2 * arm + 1]
        pooled = pool_proportions(x, n, adjusted=False)
        m, share = pooled.normal.mean, pooled.proportion
        yield _digits(
            f"normal-normal share, {name} catheters, {pooled.corrected} of 18 with half an event added",
            (m.value, m.standard_error, pooled.normal.tau2, share.value, share.low, share.high),
            printed_normal[arm], 4, _STIJNEN,
        )  # fmt: skip
        logit, tau2 = binomial_normal(x, n, nodes=7)
        share = as_proportion(logit)
        yield _digits(
            f"binomial-normal share, {name} catheters, 7 nodes",
            (logit.value, logit.standard_error, tau2, share.value, share.low, share.high),
            printed_binomial[arm], 4, _STIJNEN + ", with 7 nodes",
        )  # fmt: skip
    yield _quadrature()


def _quadrature() -> Check:
    """Return the error of the quadrature against one integral by a fine trapezium rule."""
    x, n = CATHETERS[:, 2].astype(float), CATHETERS[:, 3].astype(float)
    z = np.linspace(-9.0, 9.0, 20001)
    logit, tau2 = binomial_normal(x, n)
    theta = logit.value + tau2**0.5 * z
    weight = stats.norm.pdf(z) * (z[1] - z[0])
    terms = x[:, None] * theta - n[:, None] * np.logaddexp(0.0, theta)
    fine = float(special.logsumexp(terms, axis=1, b=weight).sum())
    error = abs(log_likelihood(logit.value, tau2**0.5, x, n, NODES) - fine)
    return at_most(
        "evidence", "log likelihood of 18 binomial counts, 20 nodes", error, 1e-6, "1",
        "trapezium rule, 20,001 points over 18 standard deviations",
    )  # fmt: skip


def checks() -> Iterator[Check]:
    """Yield every number of the evidence's area."""
    yield from means()
    yield from shares()
