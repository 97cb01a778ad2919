"""Spherical waves before, between and behind the shells: out from the target, in to it.

Out: a point of strength q in the inner fluid is u = q e^{ikr}/4π, the harmonic l = 0 alone. Behind
the last shell every harmonic goes on to the elements in closed form.
In: an element's points make the incoming half of (Morse & Ingard, Theoretical Acoustics, 7.2.31)

    e^{ikR}/(4πR) = ik Σ_lm j_l(kr) h_l(kr') Y_lm(Ω) Y*_lm(Ω')

and what arrives behind the bone is, as p = Σ A_lm j_l(kr) Y_lm, a sum of plane waves.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.units import TWO_PI
from insonate.field.born.options import Progress, silent
from insonate.field.has.harmonics import Points, cone
from insonate.field.has.march import Sweep, sweep
from insonate.field.has.shells import Shells
from insonate.field.has.waves import incoming, outgoing

Complex128 = NDArray[np.complex128]
Float64 = NDArray[np.float64]


def pressure_from_target(
    shells: Shells, points: Float64, *, echoes: int, progress: Progress = silent
) -> Complex128:
    """Return the pressure that a unit point source at the target makes beyond the last shell.

    Parameters
    ----------
    shells
        The medium.
    points
        Shape (M, 3), m, farther out than all shells.
    echoes
        Rounds of echoes.
    progress
        Told how far it is.

    Returns
    -------
    NDArray
        Shape (M,), Pa, for q = 1 Pa·m.
    """
    sphere, frequency = shells.frustum.sphere, shells.frequency_hz
    first = shells.frustum.edges[0]
    spreading = np.exp(1j * shells.inner.wavenumber(frequency) * first) / (4 * np.pi)
    start = spreading / np.sqrt(_impedance(shells)[0]) * shells.frustum.window[:, None]
    wave = np.broadcast_to(start, sphere.shape).astype(np.complex64)
    found = sweep(shells, wave, inward=False, echoes=echoes, progress=progress)
    end = found.end * np.sqrt(_impedance(shells)[1])
    harmonics = sphere.analyse(end.astype(np.complex64)[None])[0]
    return _beyond(shells, points).evaluate(harmonics)


def _impedance(shells: Shells) -> tuple[complex, complex]:
    """Return Z = ρω/k of the fluids inside and outside."""
    f = shells.frequency_hz
    inner, outer = (
        fluid.density * shells.omega / fluid.wavenumber(f)
        for fluid in (shells.inner, shells.outer)
    )
    return inner, outer


def _beyond(shells: Shells, points: Float64) -> Points:
    """Return what takes φ's harmonics at the last edge to p at points, and the points' angles."""
    distance, cosines, azimuths = shells.frustum.polar(points)
    last = float(shells.frustum.edges[-1])
    if distance.min() < last:
        raise GeometryError(
            f"A point at {1e3 * distance.min():.1f} mm from the target lies inside the shells, "
            f"which reach to {1e3 * last:.1f} mm; elements must be outside of head and shells."
        )
    degree = shells.frustum.sphere.degree
    k = shells.outer.wavenumber(shells.frequency_hz)
    edge = outgoing(degree, k * last)
    # at the last edge φ holds the phase of x h_l(x), and its modulus where it is above that of
    # a wave that is not yet free (evanescent)
    size = np.abs(edge)
    scale = edge / size * np.where(np.arange(degree + 1) + 0.5 < abs(k) * last, 1.0, size)
    radial = outgoing(degree, k * distance) / scale[:, None] / distance
    return Points(radial, cosines, azimuths)


def harmonics_from_sources(
    shells: Shells, points: Float64, strengths: NDArray[Any]
) -> Complex128:
    """Return the incoming φ's harmonics at the last edge, shape (L+1, L+1, 2).

    Parameters
    ----------
    shells
        The medium.
    points, strengths
        Monopoles (M, 3), m, outside the shells, and their q (M,), Pa·m.
    """
    k = shells.outer.wavenumber(shells.frequency_hz)
    found = _beyond(shells, points).spread(np.asarray(strengths))
    result: Complex128 = 0.5j / k * found
    return result


def inward_sweep(
    shells: Shells,
    points: Float64,
    strengths: NDArray[Any],
    *,
    echoes: int,
    progress: Progress = silent,
) -> Sweep:
    """Carry the waves of monopoles outside to the innermost shell."""
    harmonics = harmonics_from_sources(shells, points, strengths)
    sphere = shells.frustum.sphere
    start = sphere.synthesise(harmonics[None].astype(np.complex64))[0]
    wave = (start / np.sqrt(_impedance(shells)[1])).astype(np.complex64)
    return sweep(shells, wave, inward=True, echoes=echoes, progress=progress)


def regular_harmonics(shells: Shells, found: Sweep) -> Complex128:
    """Return A_lm of p = Σ A_lm j_l(kr) Y_lm between target and first shell.

    Waves that pass the target farther off than the first shell's radius do not come in, and
    are left out.
    """
    sphere = shells.frustum.sphere
    k = shells.inner.wavenumber(shells.frequency_hz)
    x = k * float(shells.frustum.edges[0])
    inside = found.end * shells.frustum.window[:, None]
    flux = sphere.analyse(inside[None])[0].astype(np.complex128)
    degree = np.arange(sphere.degree + 1)
    enters = 1 / (1 + np.exp(np.minimum((degree - 0.8 * x.real) / 2.0, 50.0)))
    size = np.abs(outgoing(sphere.degree, x.real))
    scale = enters * size / incoming(sphere.degree, x)
    scale = np.where(enters > 1e-6, scale, 0)
    harmonics: Complex128 = 2 * k * flux * scale[None, :, None] * np.sqrt(_impedance(shells)[0])
    return harmonics


def focal_pressure(
    shells: Shells, harmonics: Complex128, axes: tuple[Float64, Float64, Float64]
) -> NDArray[np.complex64]:
    """Return the pressure on the points of three axes: a sum of plane waves.

    p(x) = ∫ a(Ω) e^{ikΩ·x} dΩ with a_lm = A_lm/(4π i^l) (Whittaker, Math. Ann. 57:333, 1903).
    Along an axis-aligned grid each plane wave is a product of three factors, and the sum is a
    matrix product for each plane.

    Parameters
    ----------
    shells
        The medium.
    harmonics
        A_lm.
    axes
        Coordinates along x, y, z of the frame, m.
    """
    k = shells.inner.wavenumber(shells.frequency_hz)
    centre = shells.frustum.centre
    lines = [line - c for line, c in zip(axes, centre, strict=True)]
    reach = float(np.linalg.norm([np.abs(line).max() for line in lines]))
    farthest = k.real * reach
    needed = int(farthest + 4 * farthest ** (1 / 3) + 6)
    degree = min(needed, shells.frustum.sphere.degree)
    ball = cone(degree, np.pi, oversampling=max(1.0, 0.5 * (1 + needed / degree)))
    turns = 1 / (4 * np.pi * 1j ** np.arange(degree + 1))
    spectrum = harmonics[: degree + 1, : degree + 1] * turns[None, :, None]
    values = ball.synthesise(spectrum[None].astype(np.complex64))[0]
    values = (values * (ball.weights[:, None] * TWO_PI / ball.azimuths)).ravel()
    way = (ball.directions() @ shells.frustum.rotation.T).reshape(-1, 3)
    counts = np.abs(values) > 1e-5 * np.abs(values).max(initial=0)
    x, y, z = (
        np.exp(1j * k * np.outer(line, way[counts, i])).astype(np.complex64)
        for i, line in enumerate(lines)
    )
    weighted, z = (values[counts] * y).astype(np.complex64), np.ascontiguousarray(z.T)
    return np.stack([(weighted * row) @ z for row in x])
