"""What of a frame's phase is not heat, by the method that was asked for.

Every method ends in a ``Residual``: the phase that heat made, what was taken away, how sure that
is. With references the phase is that of S S₀*; without them it is that of S alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import BoolArray
from insonate.thermometry import kernels
from insonate.thermometry.baseline import Baseline, nearest, phase_modes
from insonate.thermometry.drift import DriftFit, basis, fit_drift
from insonate.thermometry.regions import Regions


class Method(StrEnum):
    """How the phase without heat is known."""

    MEAN = "mean"
    """The mean of the references; the drift is a polynomial fitted on cold tissue."""
    NEAREST = "nearest"
    """The reference most like the frame; the drift as for ``mean``."""
    MODES = "modes"
    """The mean, and the modes in which the references vary, fitted together with the drift."""
    HARMONIC = "harmonic"
    """The mean; the drift is continued from all cold tissue, near-harmonic."""
    REFERENCELESS = "referenceless"
    """No references: a polynomial fitted to the frame itself, on a ring of cold tissue."""
    REFERENCELESS_HARMONIC = "referenceless-harmonic"
    """As before, and what the polynomial leaves on the ring is continued near-harmonic."""
    HYBRID = "hybrid"
    """A mixture of the references, a polynomial and sparse heat, all fitted at once."""


@dataclass(frozen=True, eq=False)
class Residual:
    """The phase that heat made, at the n voxels of the tissue.

    Parameters
    ----------
    phase
        Shape (n,), rad.
    background
        Shape (nx, ny), rad: what was taken away as drift; 0 where the method has none.
    variance
        Shape (n,), rad²: of the background; infinite where it is not known.
    spread
        Shape (n,): standard deviation of the phase for each unit of noise.
    noise
        Standard deviation of one channel of the image.
    coefficients
        Of the polynomial, rad, the constant first.
    """

    phase: NDArray[np.float32]
    background: NDArray[np.float32]
    variance: NDArray[np.float32]
    spread: NDArray[np.float32]
    noise: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Views:
    """One frame and its references at the tissue's voxels, and their magnitudes there."""

    frame: NDArray[np.complex64]
    reference: NDArray[np.complex64]
    seen: NDArray[np.float32]
    known: NDArray[np.float32]
    where: Regions


def look(
    frame: NDArray[np.complex64], reference: NDArray[np.complex64], where: Regions
) -> Views:
    """Gather the magnitudes of a frame and a reference, both (nx, ny), in the tissue."""
    seen, known = (np.empty(where.voxels.size, np.float32) for _ in range(2))
    kernels.magnitudes(frame.ravel(), where.voxels, seen)
    kernels.magnitudes(reference.ravel(), where.voxels, known)
    return Views(frame, reference, seen, known, where)


def turned_phase(views: Views) -> tuple[NDArray[np.float32], float]:
    """Return arg(S S₀*) in the tissue less its turn in cold tissue, and that turn, rad."""
    at, cold = views.where.voxels, views.where.cold_voxels
    product = np.empty(at.size, np.complex64)
    kernels.compare(views.frame.ravel(), views.reference.ravel(), at, product)
    total = kernels.total_of(product, cold)
    turn = total / abs(total) if abs(total) > 0 else 1.0 + 0.0j
    phase = np.empty(at.size, np.float32)
    kernels.angles(product, turn, phase)
    return phase, float(np.angle(turn))


def spread_of(views: Views, share: float) -> NDArray[np.float32]:
    """Return √(1/|S|² + share/|S₀|²) in the tissue: share is 1/N for N averaged references."""
    spread = np.empty_like(views.seen)
    tiny = 1e-6 * float(views.known.max())
    kernels.spreads((views.seen, views.known), share, max(tiny, 1e-30), spread)
    return spread


def from_references(
    base: Baseline, frame: NDArray[np.complex64], where: Regions, how: tuple[Method, int, int]
) -> Residual:
    """Compare a frame with the mean, the nearest or the modes of its references.

    Parameters
    ----------
    base
        The references.
    frame
        Shape (nx, ny), of the virtual coil.
    where
        Tissue and cold tissue.
    how
        Method, order of the drift, most modes.
    """
    method, order, most = how
    one = method is Method.NEAREST
    reference = nearest(base, frame, where.voxels[where.cold_voxels]) if one else base.signal
    views = look(frame, reference, where)
    phase, turn = turned_phase(views)
    spread = spread_of(views, 1.0 if one else 1.0 / base.count)
    shape = (frame.shape[0], frame.shape[1])
    terms = _terms(where, shape, order)
    if method is Method.MODES:
        terms = np.concatenate([terms, _modes(base, where, most)])
    cold = where.cold_voxels
    fit = fit_drift(phase[cold], spread[cold], terms[:, cold])
    values, variance = np.empty_like(phase), np.empty_like(phase)
    kernels.polynomial(fit.coefficients, terms, values)
    kernels.quadratic(fit.covariance, terms, variance)
    background = _everywhere(fit, shape, order, turn)
    if method is Method.MODES:
        background.ravel()[where.voxels] = values + np.float32(turn)
    coefficients = (turn + float(fit.coefficients[0]), *map(float, fit.coefficients[1:]))
    return Residual(phase - values, background, variance, spread, fit.noise, coefficients)


def _everywhere(
    fit: DriftFit, shape: tuple[int, int], order: int, turn: float
) -> NDArray[np.float32]:
    """Return the polynomial of a drift over the whole image, rad."""
    terms = basis(shape, order)
    values = np.empty(shape, np.float32)
    flat = terms.reshape(len(terms), -1)
    kernels.polynomial(fit.coefficients[: len(terms)], flat, values.ravel())
    values += np.float32(turn)
    return values


@lru_cache(maxsize=8)
def _terms(where: Regions, shape: tuple[int, int], order: int) -> NDArray[np.float32]:
    """Return the polynomials in the tissue, (m, n); kept, as regions stay for a series."""
    terms = basis(shape, order)
    return np.ascontiguousarray(terms.reshape(len(terms), -1)[:, where.voxels])


@lru_cache(maxsize=8)
def _modes(base: Baseline, where: Regions, most: int) -> NDArray[np.float32]:
    """Return the modes of a library in the tissue, kept from frame to frame."""
    return phase_modes(base, where.voxels, most)


def covered(where: Regions, part: NDArray[np.intp]) -> BoolArray:
    """Return which of the tissue's voxels are heated or among ``part``, shape (n,)."""
    reached = where.hot.ravel()[where.voxels].copy()
    reached[part] = True
    return reached
