"""The march: a wave goes from shell to shell, and its echoes come after it.

What is carried is φ = rp/√Z, Z = ρω/k: a flux. Inside a shell of thickness h (phase shift plus
interpolation: Gazdag & Sguazzero, Geophysics 49:124, 1984)

    φ ← e^{ikh} Σ_j w_j(ω/k) F⁻¹ D_j F φ,

where F is the transform to harmonics, D_j carries them through the reference medium j, and w_j
are Lagrange's weights at the complex sound speed ω/k, so that loss counts along oblique paths.
Even shells do this, odd shells its transpose (Margrave & Ferguson, Geophysics 64:1067, 1999);
going the other way they change roles: going in is the transpose of going out, and reciprocity is
exact. The face between two shells passes and sends back

    T = 2√(Z₁'Z₂')/(Z₁'+Z₂'),    R = (Z₂'-Z₁')/(Z₂'+Z₁'),    Z' = Z/cos θ,

with cos θ by Snell's law from the tilt of the layers. Echoes are counted by going back and forth
(Bremmer, Commun. Pure Appl. Math. 4:105, 1951).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import compiled, compiled_parallel
from insonate.field.born.options import Progress, silent
from insonate.field.has.shells import Shells
from insonate.field.has.waves import detour

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Complex64 = NDArray[np.complex64]

STEEPEST = 0.9
"""Largest sin² of a refracted angle that a face is reckoned with; beyond, nothing passes truly."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A wave that went through all shells.

    Parameters
    ----------
    end
        φ behind the last shell, shape (J, azimuths).
    forth, back
        φ at the faces between the shells, shape (N-1, J, azimuths), face n behind shell n:
        what meets the face, and what comes to it from the other side as echo.
    """

    end: Complex64
    forth: Complex64
    back: Complex64


def sweep(
    shells: Shells,
    start: Complex64,
    *,
    inward: bool,
    echoes: int,
    progress: Progress = silent,
) -> Sweep:
    """Carry φ through all shells, outwards or inwards.

    Parameters
    ----------
    shells
        The medium; its first and last shell are uniform.
    start
        φ before the first shell, shape (J, azimuths).
    inward
        From the outermost shell to the innermost; else the other way.
    echoes
        Rounds of echoes that are counted.
    progress
        Told after each way through the shells.
    """
    count = len(shells.frustum.radii)
    forth = np.zeros((count - 1, *start.shape), np.complex64)
    back = np.zeros_like(forth)
    end = _go_forth(shells, start, (forth, back), inward=inward)
    for n in range(echoes):
        progress("one-way field", (2 * n + 1) / (2 * echoes + 1), "echoes inside the skull")
        _go_back(shells, (forth, back), inward=inward)
        end = _go_forth(shells, start, (forth, back), inward=inward)
    progress("one-way field", 1.0)
    return Sweep(end, forth, back)


def _go_forth(
    shells: Shells, start: Complex64, waves: tuple[Complex64, Complex64], *, inward: bool
) -> Complex64:
    forth, back = waves
    order = _order(shells, inward=inward)
    wave = _carry(shells, start, order[0], inward=inward)
    for before, shell in pairwise(order):
        face = min(before, shell)
        forth[face] = wave
        wave = _face(shells, face, (wave, back[face]), echo_sign=1 if inward else -1)
        wave = _carry(shells, wave, shell, inward=inward)
    return wave


def _go_back(shells: Shells, waves: tuple[Complex64, Complex64], *, inward: bool) -> None:
    forth, back = waves
    order = _order(shells, inward=inward)
    wave = np.zeros_like(forth[0])
    for shell, before in pairwise(order[::-1]):
        face = min(before, shell)
        back[face] = wave
        wave = _face(shells, face, (wave, forth[face]), echo_sign=-1 if inward else 1)
        wave = _carry(shells, wave, before, inward=not inward)


def _order(shells: Shells, *, inward: bool) -> list[int]:
    order = list(range(len(shells.frustum.radii)))
    return order[::-1] if inward else order


def _carry(shells: Shells, wave: Complex64, shell: int, *, inward: bool) -> Complex64:
    """Carry φ through one shell."""
    frustum, sphere = shells.frustum, shells.frustum.sphere
    inner, outer = float(frustum.edges[shell]), float(frustum.edges[shell + 1])
    lag = detour(shells.omega / shells.speeds, inner, outer, sphere.degree)
    media = (shells.speeds, shells.omega, outer - inner)
    parts = np.empty((len(lag), *wave.shape), np.complex64)
    if (shell % 2 == 0) == inward:
        _weigh_before(parts, wave, (shells.wavenumber[shell], frustum.rim), media)
        harmonics = sphere.analyse(parts) * lag[:, None, :, None]
        together: Complex64 = harmonics.sum(axis=0, keepdims=True)
        return cast("Complex64", sphere.synthesise(together)[0])
    parts = sphere.synthesise(sphere.analyse(wave[None]) * lag[:, None, :, None])
    out = np.empty_like(wave)
    _weigh_after(out, parts, (shells.wavenumber[shell], frustum.rim), media)
    return out


@compiled_parallel
def _weigh_after(
    out: Complex64,
    parts: Complex64,
    medium: tuple[Complex64, Float32],
    media: tuple[Float64, float, float],
) -> None:
    wavenumber, rim = medium
    speeds, omega, step = media
    c0, c1, c2 = speeds[0], speeds[1], speeds[2]
    a0, a1, a2 = _shares(c0, c1, c2)
    for j in numba.prange(out.shape[0]):
        for a in range(out.shape[1]):
            k = wavenumber[j, a]
            c = omega / k
            x, y, z = c - c0, c - c1, c - c2
            total = (
                a0 * y * z * parts[0, j, a]
                + a1 * x * z * parts[1, j, a]
                + a2 * x * y * parts[2, j, a]
            )
            out[j, a] = total * _turn(k, step, rim[j])


@compiled_parallel
def _weigh_before(
    parts: Complex64,
    wave: Complex64,
    medium: tuple[Complex64, Float32],
    media: tuple[Float64, float, float],
) -> None:
    wavenumber, rim = medium
    speeds, omega, step = media
    c0, c1, c2 = speeds[0], speeds[1], speeds[2]
    a0, a1, a2 = _shares(c0, c1, c2)
    for j in numba.prange(wave.shape[0]):
        for a in range(wave.shape[1]):
            k = wavenumber[j, a]
            c = omega / k
            x, y, z = c - c0, c - c1, c - c2
            gone = wave[j, a] * _turn(k, step, rim[j])
            parts[0, j, a] = a0 * y * z * gone
            parts[1, j, a] = a1 * x * z * gone
            parts[2, j, a] = a2 * x * y * gone


@compiled
def _shares(c0: float, c1: float, c2: float) -> tuple[float, float, float]:
    """Return Lagrange's denominators, inverted."""
    return (
        1 / ((c0 - c1) * (c0 - c2)),
        1 / ((c1 - c0) * (c1 - c2)),
        1 / ((c2 - c0) * (c2 - c1)),
    )


@compiled
def _turn(wavenumber: complex, step: float, left: float) -> complex:
    """Return e^{ikh} times what the rim leaves."""
    size = left * np.exp(-wavenumber.imag * step)
    phase = wavenumber.real * step
    return complex(size * np.cos(phase), size * np.sin(phase))


def _face(
    shells: Shells, face: int, waves: tuple[Complex64, Complex64], *, echo_sign: int
) -> Complex64:
    """Return what passes a face plus what of the other wave it sends the same way."""
    sides = slice(face, face + 2)
    out = np.empty_like(waves[0])
    medium = (shells.density[sides], shells.wavenumber[sides], shells.tilt[sides])
    slowest = shells.omega / float(shells.speeds[0])
    _through_face(out, waves, medium, slowest, echo_sign)
    return out


@compiled_parallel
def _through_face(
    out: Complex64,
    waves: tuple[Complex64, Complex64],
    medium: tuple[Float32, Complex64, Float32],
    soft: float,
    echo_sign: int,
) -> None:
    """Write T·(first wave) ± R·(second wave); ``soft`` is the wavenumber that tilt refers to."""
    passing, other = waves
    density, wavenumber, tilt = medium
    for j in numba.prange(out.shape[0]):
        for a in range(out.shape[1]):
            sine = 0.5 * (tilt[0, j, a] + tilt[1, j, a])
            k1, k2 = wavenumber[0, j, a], wavenumber[1, j, a]
            if k1 == k2 and density[0, j, a] == density[1, j, a]:
                out[j, a] = passing[j, a]
                continue
            z1, z2 = density[0, j, a] / k1, density[1, j, a] / k2
            z1 /= np.sqrt(1 - min(STEEPEST, sine * (soft / k1.real) ** 2))
            z2 /= np.sqrt(1 - min(STEEPEST, sine * (soft / k2.real) ** 2))
            both = z1 + z2
            echo = echo_sign * (z2 - z1) * other[j, a]
            out[j, a] = (2 * np.sqrt(z1 * z2) * passing[j, a] + echo) / both
