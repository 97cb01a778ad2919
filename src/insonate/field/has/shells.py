"""The medium on concentric shells round a target."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, GeometryError
from insonate.core.arrays import compiled, compiled_parallel, frozen
from insonate.core.units import TWO_PI
from insonate.field.born.fluid import Fluid
from insonate.field.has.harmonics import Sphere

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Complex64 = NDArray[np.complex64]
Complex128 = NDArray[np.complex128]
Material = Callable[[Float64], tuple[Float64, Complex128]]

SUBSAMPLES = 8
"""Points along r that an analytic material is averaged over within a shell."""
WINDOW_M = 3e-3
"""Setting: gradients are averaged this far up and down for the direction of a face."""
RIM_M = 5e-3
"""What runs beyond the cone's rim decays to 1/e on this path."""
FLAT = 3e4
"""kg/m³ per m: weaker gradients have no face (an interface of bone has 5e5)."""


@dataclass(frozen=True, eq=False)
class Frustum:
    """Where is computed: shells between two radii round a target, inside a cone.

    Parameters
    ----------
    centre
        The target, shape (3,), m.
    frame
        Of the target.
    rotation
        Shape (3, 3); its columns are the local axes in the frame, the last one the cone's.
    sphere
        The cone's directions.
    window
        1 inside, falling to 0 towards the cone's rim: shape (J,).
    edges
        Radii between the N shells, shape (N+1,), equally spaced, m.
    """

    centre: Float64
    frame: Frame
    rotation: Float64
    sphere: Sphere
    window: Float32
    edges: Float64

    @property
    def radii(self) -> Float64:
        """Middles of the shells, shape (N,), m."""
        middle: Float64 = 0.5 * (self.edges[1:] + self.edges[:-1])
        return middle

    @property
    def rim(self) -> Float32:
        """What is left at each node in θ behind one shell: 1 except towards the rim, shape (J,)."""
        left: Float32 = np.exp((self.window - 1.0) * self.step / RIM_M).astype(np.float32)
        return left

    @property
    def step(self) -> float:
        """Thickness of a shell, m."""
        return float(self.edges[1] - self.edges[0])

    def directions(self) -> Float64:
        """Return unit vectors in the frame, shape (J, azimuths, 3)."""
        result: Float64 = self.sphere.directions() @ self.rotation.T
        return result

    def polar(self, points: Float64) -> tuple[Float64, Float64, Float64]:
        """Return distance (m), cos θ and φ of points (..., 3) of the frame, seen from the target."""
        local = (points - self.centre) @ self.rotation
        distance = np.linalg.norm(local, axis=-1)
        cosine = np.clip(local[..., 2] / np.maximum(distance, 1e-12), -1.0, 1.0)
        return distance, cosine, np.arctan2(local[..., 1], local[..., 0])


@dataclass(frozen=True, eq=False)
class Shells:
    """The medium on shells.

    Parameters
    ----------
    frustum
        Where.
    frequency_hz
        Of the wave.
    density
        ρ, shape (N, J, azimuths), float32, kg/m³.
    wavenumber
        k = ω/c + iα, the same shape, complex64, 1/m.
    tilt
        sin² of the angle between the radius and the normal of the layers, the same shape.
    inner, outer
        The fluid between target and first shell, and beyond the last one; the first and the
        last shell hold nothing else.
    """

    frustum: Frustum
    frequency_hz: float
    density: Float32
    wavenumber: Complex64
    tilt: Float32
    inner: Fluid
    outer: Fluid

    def __post_init__(self) -> None:
        shape = (len(self.frustum.radii), *self.frustum.sphere.shape)
        for name, dtype in (("density", np.float32), ("wavenumber", np.complex64), ("tilt", np.float32)):  # fmt: skip
            value = frozen(getattr(self, name), dtype)
            if value.shape != shape or not np.isfinite(value).all():
                raise GeometryError(
                    f"The {name} on shells must be finite with shape {shape}, not {value.shape}."
                )
            object.__setattr__(self, name, value)

    @property
    def omega(self) -> float:
        """Angular frequency, 1/s."""
        return TWO_PI * self.frequency_hz

    @cached_property
    def speeds(self) -> Float64:
        """Sound speeds (m/s) of the three reference media that waves are carried in."""
        slowest = max(self.inner.sound_speed, self.outer.sound_speed)
        fastest = max(self.omega / float(self.wavenumber.real.min()), 1.2 * slowest)
        return np.array((slowest, 0.5 * (slowest + fastest), fastest))


def analytic_shells(
    frustum: Frustum, frequency_hz: float, material: Material, fluids: tuple[Fluid, Fluid]
) -> Shells:
    """Return the shells of a medium that is known as a function of the point.

    Parameters
    ----------
    frustum
        Where.
    frequency_hz
        Of the wave.
    material
        Takes points (..., 3) and returns ρ (kg/m³) and complex κ (1/Pa); both are averaged
        over each shell's thickness.
    fluids
        Inside and outside of all shells.
    """
    directions = frustum.directions()
    shape = (len(frustum.radii), *frustum.sphere.shape)
    density, wavenumber = np.empty(shape, np.float32), np.empty(shape, np.complex64)
    offsets = ((np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5) * frustum.step
    omega = TWO_PI * frequency_hz
    for n, radius in enumerate(frustum.radii):
        parts = [material(frustum.centre + (radius + d) * directions) for d in offsets]
        rho = np.mean([p[0] for p in parts], axis=0)
        kappa = np.mean([p[1] for p in parts], axis=0)
        density[n], wavenumber[n] = rho, omega * np.sqrt(rho * kappa)
    return with_tilt(frustum, frequency_hz, density, wavenumber, fluids)


def with_tilt(
    frustum: Frustum,
    frequency_hz: float,
    density: Float32,
    wavenumber: Complex64,
    fluids: tuple[Fluid, Fluid],
) -> Shells:
    """Return shells with the tilt of their layers found from the density."""
    sphere = frustum.sphere
    tilt = np.zeros_like(density)
    reach = max(1, round(WINDOW_M / frustum.step))
    theta = np.arccos(sphere.cosines)
    _fill_tilt(tilt, density, (frustum.radii, theta, TWO_PI / sphere.azimuths), reach)
    return Shells(frustum, frequency_hz, density, wavenumber, tilt, *fluids)


@compiled_parallel
def _fill_tilt(
    tilt: Float32, density: Float32, lines: tuple[Float64, Float64, float], reach: int
) -> None:
    """Write |G_t|²/|G|² of the mean gradient G, turned outwards before it is averaged."""
    shells, nodes, azimuths = density.shape
    for j in numba.prange(nodes):
        total = np.zeros((shells + 1, azimuths, 3))
        for n in range(shells):
            for a in range(azimuths):
                x, y, z = _gradient(density, (n, j, a), lines)
                sign = 1.0 if x >= 0 else -1.0
                total[n + 1, a, 0] = total[n, a, 0] + sign * x
                total[n + 1, a, 1] = total[n, a, 1] + sign * y
                total[n + 1, a, 2] = total[n, a, 2] + sign * z
        for n in range(shells):
            first, last = max(0, n - reach), min(shells, n + reach + 1)
            for a in range(azimuths):
                x = total[last, a, 0] - total[first, a, 0]
                y = total[last, a, 1] - total[first, a, 1]
                z = total[last, a, 2] - total[first, a, 2]
                flat = (FLAT * (last - first)) ** 2
                tilt[n, j, a] = (y * y + z * z) / (x * x + y * y + z * z + flat)


@compiled
def _gradient(
    density: Float32, at: tuple[int, int, int], lines: tuple[Float64, Float64, float]
) -> tuple[float, float, float]:
    """Return ∂ρ/∂r and both tangential derivatives, over about a millimetre to each side."""
    radii, theta, step = lines
    shells, nodes, azimuths = density.shape
    n, j, a = at
    low, high = max(0, n - 1), min(shells - 1, n + 1)
    radial = (density[high, j, a] - density[low, j, a]) / (radii[high] - radii[low])
    low, high = max(0, j - 1), min(nodes - 1, j + 1)
    rise = density[n, high, a] - density[n, low, a]
    polar = rise / (radii[n] * (theta[high] - theta[low]))
    arc = radii[n] * np.sin(theta[j]) * step
    skip = min(max(1, int(1e-3 / arc + 0.5)), azimuths // 4)
    rise = density[n, j, (a + skip) % azimuths] - density[n, j, a - skip]
    return radial, polar, rise / (2 * skip * arc)
