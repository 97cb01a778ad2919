"""The loops over voxels of one frame, compiled and serial: threads only add jitter at this size.

Single precision in, single precision out; angles and quadratic forms are taken in double.
"""

from math import atan2, sqrt

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import compiled

Image = NDArray[np.complex64]
Reals = NDArray[np.float32]


@compiled
def compare(frame: Image, reference: Image, at: NDArray[np.intp], product: Image) -> complex:
    """Fill S S₀* at some voxels of two flat images; return its sum."""
    total = 0.0 + 0.0j
    for n in range(at.size):
        value = frame[at[n]] * np.conj(reference[at[n]])
        product[n] = value
        total += value
    return total


@compiled
def total_of(product: Image, which: NDArray[np.intp]) -> complex:
    """Return the sum of some entries."""
    total = 0.0 + 0.0j
    for n in range(which.size):
        total += product[which[n]]
    return total


@compiled
def angles(product: Image, turn: complex, phase: Reals) -> None:
    """Fill the angles of ``product`` turned back by the phasor ``turn``, rad."""
    a, b = turn.real, -turn.imag
    for n in range(product.size):
        x, y = product[n].real, product[n].imag
        phase[n] = atan2(x * b + y * a, x * a - y * b)


@compiled
def spreads(magnitude: tuple[Reals, Reals], share: float, tiny: float, spread: Reals) -> None:
    """Fill √(1/|S|² + share/|S₀|²), finite where all is dark."""
    seen, known = magnitude
    for n in range(spread.size):
        a, b = max(seen[n], tiny), max(known[n], tiny)
        spread[n] = sqrt(1.0 / (a * a) + share / (b * b))


@compiled
def magnitudes(frame: Image, at: NDArray[np.intp], magnitude: Reals) -> None:
    """Fill the magnitude of some voxels of a flat image."""
    for n in range(at.size):
        value = frame[at[n]]
        magnitude[n] = sqrt(value.real * value.real + value.imag * value.imag)


@compiled
def polynomial(coefficients: Reals, terms: Reals, values: Reals) -> None:
    """Fill Σ coefficients · terms, the terms of shape (m, n)."""
    for n in range(values.size):
        value = 0.0
        for m in range(coefficients.size):
            value += coefficients[m] * terms[m, n]
        values[n] = value


@compiled
def quadratic(covariance: Reals, terms: Reals, values: Reals) -> None:
    """Fill the variance tᵀ C t of a linear model, the terms of shape (m, n)."""
    count = covariance.shape[0]
    for n in range(values.size):
        value = 0.0
        for i in range(count):
            row = 0.5 * covariance[i, i] * terms[i, n]
            for j in range(i):
                row += covariance[i, j] * terms[j, n]
            value += 2.0 * row * terms[i, n]
        values[n] = value


@compiled
def nearest_turn(kelvin: Reals, near: Reals, wrap_k: float) -> None:
    """Add whole turns, in place, until each is nearest to ``near``; where that is NaN, none."""
    for n in range(kelvin.size):
        turns = np.rint((near[n] - kelvin[n]) / wrap_k)
        if np.isfinite(turns):
            kelvin[n] += turns * wrap_k


@compiled
def place(values: Reals, usable: NDArray[np.bool_], at: NDArray[np.intp], image: Reals) -> None:
    """Put the usable values into a flat image."""
    for n in range(at.size):
        if usable[n]:
            image[at[n]] = values[n]


@compiled
def combine(coils: Image, reference: Image, weight: Reals, result: Image) -> None:
    """Fill Σ_c S_c S₀,c* / |S₀| for flat coil images of shape (c, n): the virtual coil."""
    for n in range(result.size):
        total = 0.0 + 0.0j
        for c in range(coils.shape[0]):
            total += coils[c, n] * np.conj(reference[c, n])
        result[n] = total * weight[n]
