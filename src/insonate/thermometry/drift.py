"""The field drifts while the patient lies in it: fit that on cold tissue, and take it away.

A drift of the field turns the phase everywhere, by a polynomial of low order over the image. It is
fitted on tissue that is known to be cold by iterated weighted least squares with Tukey's bisquare
(Holland & Welsch, Commun. Stat. A6:813, 1977; tuning constant 4.685), so that a part of that tissue
that is heated after all, or flows, has no say.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import FloatArray, frozen

_TUKEY = 4.685  # 95 % efficiency on normal noise
_ITERATIONS = 6
_ENOUGH = 6000  # voxels: the noise is then known to 1.5 %, the drift to 1.3 % of the noise
_SETTLED = 3e-5  # rad, 0.0003 K in use
_MAD_TO_SIGMA = 1.482602218505602  # of a normal distribution


@dataclass(frozen=True, eq=False)
class DriftFit:
    """A fitted drift.

    Parameters
    ----------
    coefficients
        Shape (m,), rad, of 1, u, v, u², uv, v² (the first 1, 3 or 6), u and v from -1 to 1
        along axes 0 and 1.
    covariance
        Shape (m, m), of the coefficients, rad².
    noise
        Standard deviation of one channel of the image, from the residuals.
    """

    coefficients: NDArray[np.float32]
    covariance: NDArray[np.float32]
    noise: float

    def variance(self, terms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the variance of the drift where the polynomials are ``terms`` (m, n), rad²."""
        variance: NDArray[np.float32] = ((self.covariance @ terms) * terms).sum(axis=0)
        return variance


@lru_cache(maxsize=8)
def basis(shape: tuple[int, int], order: int) -> NDArray[np.float32]:
    """Return the polynomials, shape (m, nx, ny): 1, u, v, u², uv, v² up to the order."""
    u, v = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij")
    terms = [np.ones(shape, np.float32), u, v, u * u, u * v, v * v]
    return frozen(np.stack(terms[: {0: 1, 1: 3, 2: 6}[order]]), np.float32)


def fit_drift(
    phase: NDArray[np.float32], spread: NDArray[np.float32], terms: NDArray[np.float32]
) -> DriftFit:
    """Fit a polynomial to the phase of cold tissue.

    Parameters
    ----------
    phase
        Shape (n,), rad, of cold voxels, not wrapped.
    spread
        Shape (n,): standard deviation of the phase per unit of noise, √(1/|S|² + 1/(N|S₀|²)).
    terms
        Shape (m, n): the polynomials there, from ``basis``.
    """
    few = slice(None, None, 1 + phase.size // _ENOUGH)
    weight = 1.0 / spread[few].astype(np.float64)
    scaled, target = terms[:, few] * weight, phase[few] * weight
    trust: NDArray[np.float64] = np.ones(target.size)
    beta: FloatArray = np.zeros(len(terms))
    for _ in range(_ITERATIONS):
        trusted = scaled * trust
        normal = trusted @ scaled.T
        beta, before = np.linalg.solve(normal, trusted @ target), beta
        residual = target - beta @ scaled
        noise = _MAD_TO_SIGMA * float(np.median(np.abs(residual)))
        trust = _bisquare(residual, noise)
        if np.abs(beta - before).max() < _SETTLED:
            break
    covariance = np.linalg.inv(normal) * noise**2
    return DriftFit(frozen(beta, np.float32), frozen(covariance, np.float32), noise)


def _bisquare(residual: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    if noise <= 0.0:  # images without noise fit exactly
        return np.ones(residual.size)
    inside = np.clip(1.0 - (residual / (_TUKEY * noise)) ** 2, 0.0, None)
    trust: NDArray[np.float64] = inside * inside
    return trust
