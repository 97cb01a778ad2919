"""Exact field of a bowl behind parallel lossy fluid layers: plane-wave (Hankel) synthesis.

A monopole in a homogeneous fluid is a sum of plane waves (Weyl; Brekhovskikh, Waves in Layered
Media, ch. 4): exp(ikR)/(4πR) = i/(4π) ∫ J₀(κr) exp(i k_x |x|) κ/k_x dκ, k_x = (k² - κ²)^½. Rings of
monopoles make J₀(κr') of it, layers multiply each wave by their transmission T(κ). With
κ = k sin θ, θ from 0 to π/2 and on to π/2 - i∞, the integrand has no singularity left:

    p(x, r) = i k/(4π) ∫ S(θ) T(θ) J₀(k sin θ r) exp(i k_x x) sin θ dθ.

T follows from transfer matrices as in ``layered``, at oblique incidence with Z = ρω/k_x.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import jv

from insonate.core.units import TWO_PI
from insonate.field.born.fluid import Fluid
from insonate.field.born.sources import velocity_strength

RINGS = 300
"""Rings of the bowl, by Gauss-Legendre quadrature over its depth."""
PROPAGATING, EVANESCENT = 800, 60
"""Plane waves on the real and on the imaginary part of the contour."""
DEEPEST = 2.5
"""End of the contour: θ = π/2 - 2.5i, where κ = 6.1 k."""

Line = NDArray[np.float64]
Waves = NDArray[np.complex128]


@dataclass(frozen=True)
class Bowl:
    """A spherical cap with its apex at x = 0 that radiates along +x.

    Parameters
    ----------
    radius_of_curvature_m, aperture_m
        Radius, and diameter of the rim.
    pressure_pa
        ρcu of its surface in the first fluid.
    """

    radius_of_curvature_m: float
    aperture_m: float
    pressure_pa: float


def field_behind(
    bowl: Bowl,
    layers: tuple[tuple[Fluid, ...], tuple[float, ...]],
    frequency_hz: float,
    at: tuple[Line, Line],
) -> NDArray[np.complex128]:
    """Return the complex pressure (Pa) behind the last interface; shape (len(x), len(r)).

    Parameters
    ----------
    bowl
        In the first fluid, wholly in front of the first interface.
    layers
        Fluids, and positions (m along x) of the interfaces between them.
    frequency_hz
        Of the wave.
    at
        x (m), all behind the last interface, and r (m) from the axis.
    """
    fluids, interfaces = layers
    theta, weights = _contour()
    k = fluids[0].wavenumber(frequency_hz)
    across = k * np.sin(theta)
    amplitude = 1j * k / (4 * np.pi) * np.sin(theta) * weights
    amplitude *= _spectrum(bowl, k, theta) * frequency_strength(bowl, fluids[0], frequency_hz)
    amplitude *= np.exp(1j * k * np.cos(theta) * interfaces[0])
    amplitude *= oblique_transmission(layers, frequency_hz, across)
    behind = _along(fluids[-1].wavenumber(frequency_hz), across)
    x, r = at
    waves = np.exp(1j * np.outer(x - interfaces[-1], behind))
    field: NDArray[np.complex128] = waves @ (amplitude[:, None] * jv(0, np.outer(across, r)))
    return field


def frequency_strength(bowl: Bowl, fluid: Fluid, frequency_hz: float) -> complex:
    """Return q per area of the bowl's surface (Pa/m)."""
    return velocity_strength(bowl.pressure_pa, frequency_hz, fluid.sound_speed)


def _contour() -> tuple[Waves, Waves]:
    """Return θ and dθ on [0, π/2] and on π/2 - i[0, DEEPEST]."""
    real, real_weights = _gauss(PROPAGATING, 0.0, np.pi / 2)
    deep, deep_weights = _gauss(EVANESCENT, 0.0, DEEPEST)
    theta = np.concatenate((real, np.pi / 2 - 1j * deep))
    return theta, np.concatenate((real_weights, -1j * deep_weights))


def _gauss(count: int, low: float, high: float) -> tuple[Line, Line]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    half = 0.5 * (high - low)
    return low + half * (nodes + 1), half * weights


def _spectrum(bowl: Bowl, k: complex, theta: Waves) -> Waves:
    """Return ∫ J₀(κr') exp(-i k_x x') dA over the bowl; dA = 2πR dx' of a sphere."""
    radius = bowl.radius_of_curvature_m
    depth = radius - np.sqrt(radius**2 - (bowl.aperture_m / 2) ** 2)
    x, weights = _gauss(RINGS, 0.0, depth)
    rings = np.sqrt(x * (2 * radius - x))
    total = np.empty(len(theta), complex)
    for part in np.array_split(np.arange(len(theta)), 16):
        sine, cosine = np.sin(theta[part]), np.cos(theta[part])
        waves = jv(0, k * np.outer(sine, rings)) * np.exp(-1j * k * np.outer(cosine, x))
        total[part] = waves @ (2 * np.pi * radius * weights)
    return total


def _along(wavenumber: complex, across: Waves) -> Waves:
    """Return k_x with Im k_x ≥ 0: waves that travel or decay along +x."""
    root = np.sqrt(wavenumber**2 - across**2 + 0j)
    along: Waves = np.where(root.imag < 0, -root, root)
    return along


def oblique_transmission(
    layers: tuple[tuple[Fluid, ...], tuple[float, ...]], frequency_hz: float, across: Waves
) -> Waves:
    """Return the transmitted over the incident pressure, from first to last interface.

    Parameters
    ----------
    layers
        Fluids and interfaces (m).
    frequency_hz
        Of the wave.
    across
        Wavenumber along the interfaces, 1/m, any number of them.
    """
    fluids, interfaces = layers
    along = [_along(fluid.wavenumber(frequency_hz), across) for fluid in fluids]
    impedance = [
        fluid.density * TWO_PI * frequency_hz / k
        for fluid, k in zip(fluids, along, strict=True)
    ]
    pressure, velocity = np.ones_like(across), 1 / impedance[-1]
    thicknesses = [b - a for a, b in pairwise(interfaces)]
    for d, k, z in zip(thicknesses[::-1], along[-2:0:-1], impedance[-2:0:-1], strict=True):
        c, s = np.cos(k * d), np.sin(k * d)
        pressure, velocity = c * pressure - 1j * z * s * velocity, c * velocity - 1j * s / z * pressure  # fmt: skip
    transmitted: Waves = 2 / (pressure + impedance[0] * velocity)
    return transmitted
