"""A point source and concentric lossy fluid shells: the exact series of partial waves.

With the source at distance b from the centre and θ from its direction, the free field is

    exp(ikR)/(4πR) = (ik/4π) Σ (2n+1) j_n(kr<) h_n(kr>) P_n(cos θ)

(Morse & Ingard, Theoretical Acoustics, eq. 7.2.31). In each shell p is A j_n + B h_n for every n;
pressure and (1/ρ)∂p/∂r go on across every interface, p is finite at the centre and outgoing at
infinity (Anderson, J. Acoust. Soc. Am. 22:426, 1950, for one sphere).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from insonate.field.born.fluid import Fluid

Complex = NDArray[np.complex128]


def point_source_pressure(
    fluids: tuple[Fluid, ...],
    radii_m: tuple[float, ...],
    source_m: float,
    at: NDArray[np.float64],
    frequency_hz: float,
) -> Complex:
    """Return the pressure of a unit point source (p = exp(ikR)/(4πR) where it lies).

    Parameters
    ----------
    fluids, radii_m
        From the innermost ball to the outside, and the radii between (m).
    source_m
        The source lies on the +x axis at this distance from the centre, in the innermost ball
        or outside everything.
    at
        Points, shape (M, 3), m, off the source; all in the innermost ball or outside.
    frequency_hz
        Of the wave.

    Returns
    -------
    NDArray
        Shape (M,), Pa.
    """
    r = np.linalg.norm(at, axis=1)
    cosine = np.divide(at[:, 0], r, out=np.ones_like(r), where=r > 0)
    k = [fluid.wavenumber(frequency_hz) for fluid in fluids]
    inside = source_m < radii_m[0]
    near = k[0] if inside else k[-1]
    total = np.zeros(len(at), complex)
    for n in range(_orders(near, source_m, radii_m)):
        a, b = _coefficients(n, k, fluids, radii_m, source_m)
        radial = np.where(
            r < radii_m[0],
            a * _j(n, k[0] * np.minimum(r, radii_m[0])),
            b * _h(n, k[-1] * np.maximum(r, radii_m[-1])),
        )
        total += (2 * n + 1) * radial * eval_legendre(n, cosine)
    beside = (r < radii_m[0]) if inside else (r > radii_m[-1])
    distance = np.linalg.norm(at - np.array((source_m, 0.0, 0.0)), axis=1)
    direct = np.exp(1j * near * distance) / (4 * np.pi * distance)
    result: Complex = total * 1j * near / (4 * np.pi) + beside * direct
    return result


def _orders(wavenumber: complex, source: float, radii: tuple[float, ...]) -> int:
    """Return how many partial waves matter: Wiscombe's rule with room for near sources."""
    x = abs(wavenumber) * min(max(source, radii[0]), radii[-1])
    return int(x + 6 * x ** (1 / 3) + 12)


def _j(n: int, z: complex | Complex, *, derivative: bool = False) -> Complex:
    return np.asarray(spherical_jn(n, np.asarray(z, complex), derivative=derivative))


def _h(n: int, z: complex | Complex, *, derivative: bool = False) -> Complex:
    z = np.asarray(z, complex)
    return np.asarray(
        spherical_jn(n, z, derivative=derivative)
        + 1j * spherical_yn(n, z, derivative=derivative)
    )


def _coefficients(
    n: int,
    k: list[complex],
    fluids: tuple[Fluid, ...],
    radii: tuple[float, ...],
    source: float,
) -> tuple[complex, complex]:
    """Return j_n's coefficient in the innermost ball and h_n's outside, direct wave left out.

    The unknowns are A₀ | A₁ B₁ | ... | B_m; two rows for each interface.
    """
    m = len(radii)
    matrix, right = np.zeros((2 * m, 2 * m), complex), np.zeros(2 * m, complex)
    for i, radius in enumerate(radii):
        for side, sign in ((i, 1.0), (i + 1, -1.0)):
            for column, wave in _columns(side, m):
                matrix[2 * i : 2 * i + 2, column] = sign * _wave(
                    wave, n, k[side] * radius, k[side] / fluids[side].density
                )
    inside = source < radii[0]
    i, side = (0, 0) if inside else (m - 1, m)
    amplitude = (_j if inside else _h)(n, k[side] * source)
    known = _wave("h" if inside else "j", n, k[side] * radii[i], k[side] / fluids[side].density)
    right[2 * i : 2 * i + 2] = (-1.0 if inside else 1.0) * amplitude * known
    scale = np.abs(matrix).max(axis=0)
    rows = np.abs(matrix / scale).max(axis=1)
    solution = np.linalg.solve(matrix / scale / rows[:, None], right / rows) / scale
    return complex(solution[0]), complex(solution[-1])


def _columns(side: int, m: int) -> tuple[tuple[int, str], ...]:
    if side == 0:
        return ((0, "j"),)
    if side == m:
        return ((2 * m - 1, "h"),)
    return ((2 * side - 1, "j"), (2 * side, "h"))


def _wave(kind: str, n: int, z: complex, slope: complex) -> Complex:
    """Return the wave's pressure and its derivative over the density."""
    wave = _j if kind == "j" else _h
    return np.array((wave(n, z), slope * wave(n, z, derivative=True)))
