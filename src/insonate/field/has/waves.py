"""Spherical waves: what carries each harmonic from one radius to another.

With p = u/r each harmonic obeys u'' + (k² - l(l+1)/r²) u = 0. Its outgoing solution is x h_l(x),
x = kr. Far from its turning point x = l + ½ it is a flux of constant strength with the radial
wavenumber √(k² - (l+½)²/r²) (Langer's form of the WKB approximation, Phys. Rev. 51:669, 1937).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Complex128 = NDArray[np.complex128]
Float64 = NDArray[np.float64]


def outgoing(degree: int, x: ArrayLike) -> Complex128:
    """Return x h_l⁽¹⁾(x) for l = 0 to ``degree``: shape (degree + 1, ...), by recurrence in l."""
    at = np.asarray(x, np.complex128)
    wave = np.empty((degree + 1, *at.shape), np.complex128)
    wave[0] = -1j * np.exp(1j * at)
    if degree > 0:
        wave[1] = wave[0] * (1 / at - 1j)
    for n in range(1, degree):
        wave[n + 1] = (2 * n + 1) / at * wave[n] - wave[n - 1]
    return wave


def incoming(degree: int, x: ArrayLike) -> Complex128:
    """Return x h_l⁽²⁾(x), the same wave going to the centre."""
    return np.conj(outgoing(degree, np.conj(np.asarray(x, np.complex128))))


def phase_integral(x: float, degree: int) -> Complex128:
    """Return ∫ √(1 - (l+½)²/x²) dx up to an arbitrary constant, shape (degree + 1,).

    √(x²-ν²) - ν arccos(ν/x) beyond the turning point x = ν; -i times what decays before it.
    """
    nu = np.arange(degree + 1) + 0.5
    root = np.sqrt(np.abs(x * x - nu * nu))
    beyond = root - nu * np.arccos(np.minimum(nu / x, 1.0))
    before = nu * np.arccosh(np.maximum(nu / x, 1.0)) - root
    result: Complex128 = np.where(nu < x, beyond, -1j * before)
    return result


def detour(
    wavenumbers: NDArray[np.floating[Any]], inner_m: float, outer_m: float, degree: int
) -> NDArray[np.complex64]:
    """Return exp(i(∫kᵣ dr - kh)): what each harmonic gains on a wave straight along r.

    Parameters
    ----------
    wavenumbers
        The k of K reference media, 1/m.
    inner_m, outer_m
        The radii between which the wave travels, m; h is their difference.
    degree
        Largest l.

    Returns
    -------
    NDArray
        Shape (K, degree + 1).
    """
    rows = [
        phase_integral(k * outer_m, degree)
        - phase_integral(k * inner_m, degree)
        - k * (outer_m - inner_m)
        for k in wavenumbers
    ]
    return np.exp(1j * np.stack(rows)).astype(np.complex64)
