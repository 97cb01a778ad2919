"""Spherical harmonics on the part of a sphere that a cone of directions covers.

A complex function on Gauss-Legendre nodes in cos θ and equal steps in φ is

    f(θ, φ) = Σ_lm a_lm P̄_l|m|(cos θ) e^{imφ},   ∫ P̄² dΩ = 1,

with the fully normalised Legendre functions by recurrence in l (Holmes & Featherstone,
J. Geodesy 76:279, 2002). Coefficients lie in one array of shape (C, L+1, L+1, 2): function, order m,
degree l, and the sign of m (0 for +m, 1 for -m). Nodes outside the cone
hold nothing and are left out.
"""

from dataclasses import dataclass

import numba
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from insonate.core.arrays import compiled, compiled_parallel
from insonate.core.units import TWO_PI

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Complex64 = NDArray[np.complex64]
Complex128 = NDArray[np.complex128]

NEGLIGIBLE = 1e-6
"""Legendre functions below this, of order 1 elsewhere, are left out near the pole."""
BLOCK = 256
"""Points that are evaluated together, so that what they need stays in the cache."""


@dataclass(frozen=True, eq=False)
class Sphere:
    """The nodes of a cone of directions and the Legendre functions on them.

    Parameters
    ----------
    degree
        L: the largest degree.
    cosines, weights
        Of the J nodes in θ, falling from the pole; weights of ∫ dcosθ.
    azimuths
        Number of steps in φ.
    legendre
        P̄, shape (L+1, L+1, J): order, degree, node; 0 where the degree is below the order.
    first
        For each order the first node where it is not negligible: near the pole high orders are.
    """

    degree: int
    cosines: Float64
    weights: Float64
    azimuths: int
    legendre: Float32
    first: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Nodes in θ and φ."""
        return len(self.cosines), self.azimuths

    def directions(self) -> Float64:
        """Return unit vectors, shape (J, azimuths, 3), the pole at +z."""
        phi = TWO_PI * np.arange(self.azimuths) / self.azimuths
        sine = np.sqrt(1 - self.cosines**2)[:, None]
        z = np.broadcast_to(self.cosines[:, None], self.shape)
        return np.stack([sine * np.cos(phi), sine * np.sin(phi), z], axis=-1)

    def analyse(self, values: Complex64) -> Complex64:
        """Return a_lm of C functions: shape (C, J, azimuths) to (C, L+1, L+1, 2)."""
        last, order = self.degree, np.arange(self.degree + 1)
        waves = scipy.fft.fft(values, axis=-1)
        scale = (self.weights * TWO_PI / self.azimuths).astype(np.float32)[None, :, None]
        rows = np.empty((last + 1, 2, *values.shape[:2]), np.complex64)
        rows[:, 0] = np.moveaxis(waves[:, :, order] * scale, 2, 0)
        rows[:, 1] = np.moveaxis(waves[:, :, -order] * scale, 2, 0)
        rows[0, 1] = 0
        found = np.zeros((len(values), last + 1, last + 1, 2), np.complex64)
        _analyse(found, rows, self.legendre, self.first)
        return found

    def synthesise(self, coefficients: Complex64) -> Complex64:
        """Return C functions from a_lm: shape (C, L+1, L+1, 2) to (C, J, azimuths)."""
        last, count = self.degree, len(coefficients)
        rows = np.zeros((last + 1, 2, count, len(self.cosines)), np.complex64)
        _synthesise(rows, np.ascontiguousarray(coefficients), self.legendre, self.first)
        waves = np.zeros((count, *self.shape), np.complex64)
        waves[:, :, -np.arange(1, last + 1)] = np.moveaxis(rows[1:, 1], 0, 2)
        waves[:, :, : last + 1] = np.moveaxis(rows[:, 0], 0, 2)
        result: Complex64 = scipy.fft.ifft(waves, axis=-1, norm="forward", overwrite_x=True)
        return result


def cone(degree: int, half_angle_rad: float, *, oversampling: float = 1.0) -> Sphere:
    """Return the nodes within ``half_angle_rad`` of the pole, for harmonics up to ``degree``.

    ``oversampling`` times L+1 nodes would cover the whole sphere; with 1 a transform back and
    forth is exact, with 1.5 a product of two functions is analysed without aliasing.
    """
    count = int(np.ceil(oversampling * (degree + 1)))
    nodes, weights = np.polynomial.legendre.leggauss(count)
    keep = nodes[::-1] > np.cos(half_angle_rad)
    cosines, weights = nodes[::-1][keep].copy(), weights[::-1][keep].copy()
    table = legendre_table(degree, cosines)
    first = (np.abs(table).max(axis=1) > NEGLIGIBLE).argmax(axis=1)
    azimuths = scipy.fft.next_fast_len(2 * count + 1)
    return Sphere(degree, cosines, weights, azimuths, table, first)


def legendre_table(degree: int, cosines: Float64) -> Float32:
    """Return P̄_lm at J cosines, shape (L+1, L+1, J): order, degree, node."""
    table = np.zeros((degree + 1, degree + 1, len(cosines)), np.float32)
    _legendre(table, cosines)
    return table


@compiled
def _first(m: int, sines: Float64) -> Float64:
    """Return P̄_mm."""
    size = np.sqrt(1 / (4 * np.pi))
    for k in range(1, m + 1):
        size *= np.sqrt((2 * k + 1) / (2 * k))
    value: Float64 = size * sines**m
    return value


@compiled
def _next(n: int, m: int, cosines: Float64, before: Float64, here: Float64) -> None:
    """Replace P̄_{n-2,m}, P̄_{n-1,m} by P̄_{n-1,m}, P̄_{n,m}."""
    a = np.sqrt((4.0 * n * n - 1) / (n * n - m * m))
    b = np.sqrt(((n - 1.0) ** 2 - m * m) / (4 * (n - 1.0) ** 2 - 1))
    for j in range(len(cosines)):
        value = a * (cosines[j] * here[j] - b * before[j])
        before[j] = here[j]
        here[j] = value


@compiled_parallel
def _legendre(table: Float32, cosines: Float64) -> None:
    last, sines = table.shape[0] - 1, np.sqrt(1 - cosines**2)
    for m in numba.prange(last + 1):
        before, here = np.zeros(len(cosines)), _first(m, sines)
        for n in range(m, last + 1):
            if n > m:
                _next(n, m, cosines, before, here)
            table[m, n] = here.astype(np.float32)


@compiled_parallel
def _analyse(
    found: Complex64, rows: Complex64, legendre: Float32, first: NDArray[np.int64]
) -> None:
    last = legendre.shape[0] - 1
    for m in numba.prange(last + 1):
        begin = first[m]
        for s in range(2):
            for c in range(rows.shape[2]):
                real = rows[m, s, c, begin:].real.copy()
                imag = rows[m, s, c, begin:].imag.copy()
                for n in range(m, last + 1):
                    row = legendre[m, n, begin:]
                    a, b = np.float32(0), np.float32(0)
                    for j in range(len(real)):
                        a += row[j] * real[j]
                        b += row[j] * imag[j]
                    found[c, m, n, s] = complex(a, b)


@compiled_parallel
def _synthesise(
    rows: Complex64, coefficients: Complex64, legendre: Float32, first: NDArray[np.int64]
) -> None:
    last, nodes = legendre.shape[0] - 1, legendre.shape[2]
    for m in numba.prange(last + 1):
        begin = first[m]
        for s in range(2):
            for c in range(rows.shape[2]):
                real = np.zeros(nodes - begin, np.float32)
                imag = np.zeros(nodes - begin, np.float32)
                for n in range(m, last + 1):
                    row = legendre[m, n, begin:]
                    a = coefficients[c, m, n, s].real
                    b = coefficients[c, m, n, s].imag
                    for j in range(len(real)):
                        real[j] += a * row[j]
                        imag[j] += b * row[j]
                for j in range(len(real)):
                    rows[m, s, c, begin + j] = complex(real[j], imag[j])


@dataclass(frozen=True, eq=False)
class Points:
    """Points as harmonics see them.

    Parameters
    ----------
    radial
        What stands beside each harmonic at each point, shape (L+1, S).
    cosines, azimuths
        cos θ and φ, shape (S,).
    """

    radial: Complex128
    cosines: Float64
    azimuths: Float64

    def spread(self, strengths: Complex128) -> Complex128:
        """Return Σ_s q_s R_ls P̄_l|m|(cos θ_s) e^{-imφ_s}, shape (L+1, L+1, 2)."""
        last = len(self.radial) - 1
        found = np.zeros((last + 1, last + 1, 2), np.complex128)
        _spread(found, np.asarray(strengths, np.complex128), *self._rows())
        return found

    def evaluate(self, coefficients: Complex128) -> Complex128:
        """Return Σ_lm a_lm R_ls P̄_l|m|(cos θ_s) e^{imφ_s}, shape (S,)."""
        values = np.zeros(len(self.cosines), np.complex128)
        _evaluate(values, np.asarray(coefficients, np.complex128), *self._rows())
        return values

    def _rows(self) -> tuple[Float64, Float64, Float64, Float64]:
        real, imag = (
            np.ascontiguousarray(part) for part in (self.radial.real, self.radial.imag)
        )
        return (
            real,
            imag,
            np.ascontiguousarray(self.cosines),
            np.ascontiguousarray(self.azimuths),
        )


@compiled_parallel
def _spread(
    found: Complex128,
    strengths: Complex128,
    real: Float64,
    imag: Float64,
    cosines: Float64,
    azimuths: Float64,
) -> None:
    last, sines = real.shape[0] - 1, np.sqrt(1 - cosines**2)
    for m in numba.prange(last + 1):
        turn, back = np.exp(-1j * m * azimuths), np.exp(1j * m * azimuths)
        one, other = strengths * turn, strengths * back
        before, here = np.zeros(len(cosines)), _first(m, sines)
        for n in range(m, last + 1):
            if n > m:
                _next(n, m, cosines, before, here)
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for s in range(len(cosines)):
                x, y = real[n, s] * here[s], imag[n, s] * here[s]
                a += x * one[s].real - y * one[s].imag
                b += x * one[s].imag + y * one[s].real
                c += x * other[s].real - y * other[s].imag
                d += x * other[s].imag + y * other[s].real
            found[m, n, 0] = complex(a, b)
            if m > 0:
                found[m, n, 1] = complex(c, d)


@compiled_parallel
def _evaluate(
    values: Complex128,
    coefficients: Complex128,
    real: Float64,
    imag: Float64,
    cosines: Float64,
    azimuths: Float64,
) -> None:
    count = len(cosines)
    for block in numba.prange((count + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min(count, (block + 1) * BLOCK))
        _evaluate_block(
            values[part],
            coefficients,
            real[:, part],
            imag[:, part],
            cosines[part],
            azimuths[part],
        )


@compiled
def _evaluate_block(
    values: Complex128,
    coefficients: Complex128,
    real: Float64,
    imag: Float64,
    cosines: Float64,
    azimuths: Float64,
) -> None:
    last, count, sines = real.shape[0] - 1, len(cosines), np.sqrt(1 - cosines**2)
    for m in range(last + 1):
        sums = np.zeros((4, count))
        before, here = np.zeros(count), _first(m, sines)
        for n in range(m, last + 1):
            if n > m:
                _next(n, m, cosines, before, here)
            a, b = coefficients[m, n, 0], coefficients[m, n, 1]
            for s in range(count):
                x, y = real[n, s] * here[s], imag[n, s] * here[s]
                sums[0, s] += a.real * x - a.imag * y
                sums[1, s] += a.real * y + a.imag * x
                sums[2, s] += b.real * x - b.imag * y
                sums[3, s] += b.real * y + b.imag * x
        turn = np.exp(1j * m * azimuths)
        values += (sums[0] + 1j * sums[1]) * turn + (sums[2] + 1j * sums[3]) * np.conj(turn)
