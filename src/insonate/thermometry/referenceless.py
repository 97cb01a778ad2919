"""No references at all: the phase without heat is guessed from the tissue round it.

The frame's own phase on a ring of cold tissue is fitted by a polynomial and continued into the
middle (Rieke et al., Magn. Reson. Med. 51:1223, 2004). Its wraps are no obstacle: a slope is found
first from the turn between neighbours, and each higher order is fitted to the angle of the image
turned back by the one before (as in Kuroda et al., Magn. Reson. Med. 56:835, 2006, on the complex
image). What is left on the ring may be continued near-harmonic (``harmonic``).
Nothing is known beyond the ring.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError
from insonate.thermometry import kernels
from insonate.thermometry.background import Residual, Views, covered, look, spread_of
from insonate.thermometry.baseline import Baseline
from insonate.thermometry.drift import fit_drift
from insonate.thermometry.harmonic import noise_of, smooth_background
from insonate.thermometry.regions import MINIMUM_COLD_VOXELS, Regions, ring_of

RING_VOXELS = 9.0
"""Width of the ring."""
_ORDERS = (1, 2, 4, 6)
_LENGTH = 12.0  # voxels: what the polynomial leaves is continued more stiffly than a drift


def powers(order: int) -> list[tuple[int, int]]:
    """Return the exponents (p, q) of u and v up to an order, the constant first."""
    return [(total - q, q) for total in range(order + 1) for q in range(total + 1)]


@lru_cache(maxsize=8)
def _local_terms(where: Regions, order: int) -> NDArray[np.float32]:
    """Return the polynomials in the tissue, (m, n), u and v within ±1 on the ring's square."""
    places = np.stack(np.unravel_index(where.voxels, where.tissue.shape))
    inside = covered(where, ring_of(where, RING_VOXELS))
    low, high = places[:, inside].min(axis=1), places[:, inside].max(axis=1)
    # Beyond the square nothing is known; clipping keeps the powers finite there.
    u, v = np.clip(2.0 * (places - low[:, None]) / (high - low)[:, None] - 1.0, -1.0, 1.0)
    return np.stack([u**p * v**q for p, q in powers(order)]).astype(np.float32)


def without_references(
    frame: NDArray[np.complex64], base: Baseline, where: Regions, how: tuple[int, bool]
) -> Residual:
    """Guess the phase without heat from a ring of cold tissue of the frame itself.

    Parameters
    ----------
    frame
        Shape (nx, ny), of the virtual coil.
    base
        Only its magnitude is used.
    where
        Tissue, cold tissue, heat.
    how
        Order of the polynomial, and whether the rest is continued near-harmonic.

    Raises
    ------
    ImageError
        When there is no heat to be ringed, or too little cold tissue round it.
    """
    order, continues = how
    ring = ring_of(where, RING_VOXELS)
    if ring.size < MINIMUM_COLD_VOXELS or not where.hot.any():
        raise ImageError(
            f"Only {ring.size} cold voxels ring the heat; a method without references needs at "
            f"least {MINIMUM_COLD_VOXELS} within {RING_VOXELS:g} voxels. Give a smaller heated mask."
        )
    views = look(frame, base.signal, where)
    spread = spread_of(views, 0.0)
    terms = _local_terms(where, order)
    values, variance, coefficients = _fitted(views, spread, terms, ring, order)
    left = _angles(views, values)
    if continues:
        solver = smooth_background(where, base, RING_VOXELS, _LENGTH)
        more = (solver.rows @ solver.nodes(left[solver.at])).astype(np.float32)
        left, values = left - more, values + more
        typical = float((spread[ring] ** 2).mean())
        variance += solver.unit_variance * np.float32(typical)
    noise = noise_of(left[ring], spread[ring])
    background = np.zeros(frame.shape, np.float32)
    background.ravel()[where.voxels] = values
    variance *= np.float32(noise**2)
    variance[~covered(where, ring)] = np.inf
    return Residual(left, background, variance, spread, noise, coefficients)


def _fitted(
    views: Views,
    spread: NDArray[np.float32],
    terms: NDArray[np.float32],
    ring: NDArray[np.intp],
    order: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[float, ...]]:
    """Return the polynomial, its variance for unit noise, and its coefficients."""
    total = np.zeros(len(terms), np.float32)
    total[:3] = _slope(views, terms, ring)
    values, variance = (np.empty(spread.size, np.float32) for _ in range(2))
    covariance = np.zeros((1, 1), np.float32)
    for step in (*[n for n in _ORDERS if n < order], order, order):
        count = len(powers(step))
        kernels.polynomial(total, terms, values)
        left = _angles(views, values)
        fit = fit_drift(left[ring], spread[ring], terms[:count, ring])
        total[:count] += fit.coefficients
        covariance = fit.covariance / np.float32(max(fit.noise, 1e-12) ** 2)
    kernels.polynomial(total, terms, values)
    kernels.quadratic(covariance, terms, variance)
    return values, variance, tuple(map(float, total))


def _angles(views: Views, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the angle of the frame turned back by a phase, both in the tissue."""
    turned = views.frame.ravel()[views.where.voxels] * np.exp(-1j * values)
    phase = np.empty(values.size, np.float32)
    kernels.angles(turned.astype(np.complex64), 1.0 + 0.0j, phase)
    return phase


def _slope(
    views: Views, terms: NDArray[np.float32], ring: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return constant and slopes of the phase on the ring, from the turn between neighbours."""
    inside = np.zeros(views.frame.shape, bool)
    inside.ravel()[views.where.voxels[ring]] = True
    S = np.where(inside, views.frame, 0)
    steps = []
    for axis in (0, 1):
        ahead, here = np.roll(S, -1, axis), S
        turn = complex((ahead * here.conj()).sum())
        # From radians per voxel to radians per unit of u or v.
        places = np.unravel_index(views.where.voxels[ring], inside.shape)[axis]
        span = terms[1 + axis, ring]
        per_unit = np.ptp(places) / max(float(np.ptp(span)), 1e-6)
        steps.append(float(np.angle(turn)) * per_unit)
    flat = steps[0] * terms[1, ring] + steps[1] * terms[2, ring]
    rest = views.frame.ravel()[views.where.voxels[ring]] * np.exp(-1j * flat)
    return np.array([float(np.angle(rest.sum())), *steps])
