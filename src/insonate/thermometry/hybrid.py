"""Hybrid: a mixture of references, a smooth drift and sparse heat, fitted to a frame at once.

A frame of a head that breathes and drifts is modelled as (Grissom et al., Med. Phys. 37:5014,
2010, eq. 2)

    y = (Σ_b w_b x_b) e^{i(A c + θ)},   w_b ≥ 0,  Σ w_b = 1                            (1)

with the library x_b, polynomials A and a heat phase θ that is zero nearly everywhere and has the
sign of heat. In turns: the weights w by least squares on the simplex; θ by soft thresholding of the
angle that is left, at a few standard deviations; c by weighted least squares of the angle where
there is no heat. At the end the heat and its neighbours are left out, w and c fitted once more, and
θ is read without threshold. No cold mask is needed: the sparsity finds the heat.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.optimize import nnls

from insonate.core.arrays import compiled
from insonate.thermometry import kernels
from insonate.thermometry.background import Residual, look, spread_of
from insonate.thermometry.baseline import Baseline
from insonate.thermometry.drift import basis
from insonate.thermometry.harmonic import noise_of
from insonate.thermometry.regions import Regions

ITERATIONS = 12
SETTLED_RAD = 2e-4
THRESHOLD = 3.0
"""Standard deviations of the phase below which an angle is no heat."""
GUARD_VOXELS = 3
"""Round the heat that was found, left out of the last fit."""
_SUM_TO_ONE = 1e3  # weight of the constraint in the small least-squares problem


@compiled
def _mixed(
    library: NDArray[np.complex64], weights: NDArray[np.float64], mixture: NDArray[np.complex64]
) -> None:
    """Fill Σ_b w_b x_b for a library (b, n)."""
    for n in range(mixture.size):
        total = 0.0 + 0.0j
        for b in range(weights.size):
            if weights[b] > 0.0:
                total += weights[b] * library[b, n]
        mixture[n] = total


@compiled
def _against(
    library: NDArray[np.complex64],
    frame: NDArray[np.complex64],
    phase: NDArray[np.float32],
    free: NDArray[np.bool_],
    result: NDArray[np.float64],
) -> None:
    """Fill Re Σ x_b* y e^{−i phase} over the voxels that are free of heat."""
    result[:] = 0.0
    for n in range(frame.size):
        if free[n]:
            c, s = np.cos(phase[n]), -np.sin(phase[n])
            real = frame[n].real * c - frame[n].imag * s
            imaginary = frame[n].real * s + frame[n].imag * c
            for b in range(result.size):
                x = library[b, n]
                result[b] += x.real * real + x.imag * imaginary


@compiled
def _left(
    frame: NDArray[np.complex64],
    mixture: NDArray[np.complex64],
    phase: NDArray[np.float32],
    left: NDArray[np.float32],
) -> None:
    """Fill the angle of y (Σ w x)* e^{−i phase}."""
    for n in range(left.size):
        value = frame[n] * np.conj(mixture[n])
        angle = np.arctan2(value.imag, value.real) - phase[n]
        left[n] = angle - 2.0 * np.pi * np.rint(angle / (2.0 * np.pi))


@compiled
def _normal(
    terms: NDArray[np.float32],
    left: NDArray[np.float32],
    power: NDArray[np.float32],
    free: NDArray[np.bool_],
    matrix: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Fill the normal equations of the weighted fit of ``left`` where there is no heat."""
    count = right.size
    matrix[:], right[:] = 0.0, 0.0
    for n in range(left.size):
        if free[n]:
            for i in range(count):
                weighted = power[n] * terms[i, n]
                right[i] += weighted * left[n]
                for j in range(i + 1):
                    matrix[i, j] += weighted * terms[j, n]
    for i in range(count):
        for j in range(i):
            matrix[j, i] = matrix[i, j]


@dataclass(eq=False)
class _Fit:
    """The unknowns of (1) on their way: w, c and A c, θ and where it is zero."""

    weights: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    smooth: NDArray[np.float32]
    heat: NDArray[np.float32]
    free: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Known:
    """What stays for a series: library (b, n), its products Re x_a* x_b, polynomials (m, n)."""

    library: NDArray[np.complex64]
    gram: NDArray[np.float64]
    terms: NDArray[np.float32]


@lru_cache(maxsize=4)
def _known(base: Baseline, where: Regions, order: int) -> _Known:
    library = np.stack([image.ravel()[where.voxels] for image in base.library])
    terms = basis((where.tissue.shape[0], where.tissue.shape[1]), order)
    flat = np.ascontiguousarray(terms.reshape(len(terms), -1)[:, where.voxels])
    gram = (library.conj() @ library.T).real.astype(np.float64)
    return _Known(library, gram, flat)


def hybrid(
    base: Baseline, frame: NDArray[np.complex64], where: Regions, how: tuple[int, float]
) -> Residual:
    """Fit (1) to a frame.

    Parameters
    ----------
    base
        Its library.
    frame
        Shape (nx, ny), of the virtual coil.
    where
        Its tissue; the cold mask is not used.
    how
        Order of the polynomial, and the sign that heat gives to the phase.

    Returns
    -------
    Residual
    """
    order, sign = how
    known = _known(base, where, order)
    library, terms = known.library, known.terms
    y = frame.ravel()[where.voxels]
    fit = _start(library, y, terms)
    left, mixture = np.empty(y.size, np.float32), np.empty_like(y)
    power = np.abs(y) ** 2
    for _ in range(ITERATIONS):
        before = fit.coefficients.copy()
        _weigh(fit, known, y)
        _mixed(library, fit.weights, mixture)
        _left(y, mixture, fit.smooth, left)
        _threshold(fit, left, np.abs(y), sign)
        _smooth(fit, terms, left - fit.heat, power)
        if np.abs(fit.coefficients - before).max() < SETTLED_RAD:
            break
    _debias(fit, where, known, y)
    _mixed(library, fit.weights, mixture)
    _left(y, mixture, fit.smooth, left)
    return _residual(fit, base, frame, where, (left, terms, order))


def _start(
    library: NDArray[np.complex64], y: NDArray[np.complex64], terms: NDArray[np.float32]
) -> _Fit:
    """Begin with the likeliest reference, its turn, no slope and no heat."""
    likeness = np.array([np.vdot(x, y) for x in library])
    sizes = np.linalg.norm(library, axis=1)
    best = int(np.argmax(np.abs(likeness) / sizes))
    weights = np.zeros(len(library))
    weights[best] = 1.0
    coefficients = np.zeros(len(terms))
    coefficients[0] = float(np.angle(likeness[best]))
    smooth = np.full(y.size, coefficients[0], np.float32)
    return _Fit(
        weights, coefficients, smooth, np.zeros(y.size, np.float32), np.ones(y.size, bool)
    )


def _weigh(fit: _Fit, known: _Known, y: NDArray[np.complex64]) -> None:
    """Solve for w ≥ 0 with Σ w = 1 where there is no heat."""
    gram = known.gram
    if len(gram) == 1:
        return
    right = np.empty(len(gram))
    _against(known.library, y, fit.smooth, fit.free, right)
    share = float(fit.free.mean())
    scale = float(np.trace(gram)) / len(gram)
    root = np.linalg.cholesky(share * gram + 1e-9 * scale * np.eye(len(gram)))
    rows = np.vstack([root.T, np.full(len(gram), _SUM_TO_ONE * np.sqrt(scale))])
    target = np.append(np.linalg.solve(root, right), _SUM_TO_ONE * np.sqrt(scale))
    weights, _ = nnls(rows, target)
    fit.weights[:] = weights / max(float(weights.sum()), 1e-12)


def _threshold(
    fit: _Fit, left: NDArray[np.float32], magnitude: NDArray[np.float32], sign: float
) -> None:
    """Set θ to what exceeds a few standard deviations of the angle, in the sense of heat."""
    spread = 1.0 / np.maximum(magnitude, 1e-6 * float(magnitude.max()))
    noise = noise_of(left, spread)
    limit = np.float32(THRESHOLD * noise) * spread
    fit.heat[:] = sign * np.maximum(sign * left - limit, 0.0)
    fit.free[:] = fit.heat == 0.0


def _smooth(
    fit: _Fit, terms: NDArray[np.float32], left: NDArray[np.float32], power: NDArray[np.float32]
) -> None:
    """Add the weighted fit of what is left, without the heat, to the polynomial."""
    count = len(terms)
    matrix, right = np.empty((count, count)), np.empty(count)
    _normal(terms, left, power, fit.free, matrix, right)
    fit.coefficients += np.linalg.solve(matrix, right)
    kernels.polynomial(fit.coefficients.astype(np.float32), terms, fit.smooth)


def _debias(fit: _Fit, where: Regions, known: _Known, y: NDArray[np.complex64]) -> None:
    """Leave the heat and its neighbours out, and fit w and c once more."""
    heat = np.zeros(where.tissue.shape, bool)
    heat.ravel()[where.voxels] = ~fit.free
    # Lone voxels are noise: heat has neighbours.
    lone = heat & ~binary_dilation(heat, [[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    guarded = binary_dilation(heat & ~lone, iterations=GUARD_VOXELS)
    fit.free[:] = ~guarded.ravel()[where.voxels]
    mixture, left = np.empty_like(y), np.empty(y.size, np.float32)
    _weigh(fit, known, y)
    _mixed(known.library, fit.weights, mixture)
    _left(y, mixture, fit.smooth, left)
    _smooth(fit, known.terms, left, np.abs(y) ** 2)


def _residual(
    fit: _Fit,
    base: Baseline,
    frame: NDArray[np.complex64],
    where: Regions,
    parts: tuple[NDArray[np.float32], NDArray[np.float32], int],
) -> Residual:
    left, terms, order = parts
    views = look(frame, base.signal, where)
    spread = spread_of(views, float((fit.weights**2).sum()))
    noise = noise_of(left[fit.free], spread[fit.free])
    weight = (1.0 / spread[fit.free]) ** 2
    normal = (terms[:, fit.free] * weight) @ terms[:, fit.free].T
    covariance = (noise**2 * np.linalg.inv(normal.astype(np.float64))).astype(np.float32)
    variance = np.empty_like(spread)
    kernels.quadratic(covariance, terms, variance)
    everywhere = basis((frame.shape[0], frame.shape[1]), order)
    background = np.tensordot(fit.coefficients.astype(np.float32), everywhere, 1)
    return Residual(
        left, background.astype(np.float32), variance, spread, noise,
        tuple(map(float, fit.coefficients)),
    )  # fmt: skip
