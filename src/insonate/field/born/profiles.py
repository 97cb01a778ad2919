"""Media that depend on one coordinate: parallel layers, concentric shells; filtered exactly.

The Fourier coefficients of piecewise constant materials are known in closed form, so that the
low-pass of ρ and κ is exact for planes and for spheres of any position between grid points. U is
formed on an eight times finer line, low-passed at the grid's Nyquist wavenumber, and looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from insonate.core import GeometryError, Grid
from insonate.core.units import TWO_PI
from insonate.field.born.fluid import Fluid
from insonate.field.born.medium import (
    Medium,
    density_cutoff,
    interface_excess,
    require_cubic,
    require_points_per_wavelength,
    require_positive_density,
    roll_off,
)

Line = NDArray[np.floating[Any]]
ComplexLine = NDArray[np.complexfloating[Any, Any]]

FINER = 8
"""Points of the line per grid spacing while U is formed; 2 already give the same figures."""
LOOKUP = 64
"""Points of the finished table per grid spacing; linear look-up then errs by less than 3e-4."""
MARGIN = 64
"""Grid spacings between the outermost interface or point and where the line closes on itself."""


@dataclass(frozen=True)
class Layers:
    """Parallel layers across ``normal``.

    Parameters
    ----------
    fluids
        From the negative side to the positive side of the normal; one more than interfaces.
    interfaces_m
        Positions x·normal of the interfaces, m, increasing.
    normal
        Unit vector.
    """

    fluids: tuple[Fluid, ...]
    interfaces_m: tuple[float, ...] = ()
    normal: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _require_interfaces(self.fluids, self.interfaces_m)
        if abs(np.linalg.norm(self.normal) - 1) > 1e-9:
            raise GeometryError(f"The normal of layers must have length 1, not {self.normal}.")


@dataclass(frozen=True)
class Shells:
    """Concentric shells.

    Parameters
    ----------
    fluids
        From the innermost ball to what is outside everything; one more than radii.
    radii_m
        Radii of the interfaces, m, increasing.
    centre_m
        Of all of them.
    """

    fluids: tuple[Fluid, ...]
    radii_m: tuple[float, ...]
    centre_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _require_interfaces(self.fluids, self.radii_m)
        if self.radii_m and not self.radii_m[0] > 0:
            raise GeometryError(f"The radii of shells must be positive, not {self.radii_m}.")


def _require_interfaces(fluids: tuple[Fluid, ...], interfaces: tuple[float, ...]) -> None:
    if len(fluids) != len(interfaces) + 1 or (np.diff(interfaces) <= 0).any():
        raise GeometryError(
            f"{len(fluids)} fluids need {len(fluids) - 1} interfaces in increasing order, "
            f"not {interfaces}."
        )


@dataclass(frozen=True, eq=False)
class Profile:
    """U and ρ along a line: ``start + step * index``."""

    start: float
    step: float
    potential: ComplexLine
    density: Line

    def look_up(self, at: Line) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Return U and √ρ at coordinates (m) along the line."""
        x = self.start + self.step * np.arange(len(self.density))
        real, imag = (
            np.interp(at, x, part) for part in (self.potential.real, self.potential.imag)
        )
        root = np.sqrt(np.interp(at, x, self.density))
        return (real + 1j * np.maximum(imag, 0)).astype(np.complex64), root.astype(np.float32)


def uniform_medium(fluid: Fluid, grid: Grid, frequency_hz: float) -> Medium:
    """Return one fluid everywhere."""
    return layered_medium(Layers((fluid,)), grid, frequency_hz)


def layered_medium(layers: Layers, grid: Grid, frequency_hz: float) -> Medium:
    """Return parallel layers, filtered exactly, on a grid.

    Along a grid axis the maps are views of one line and need no memory.

    Parameters
    ----------
    layers
        What.
    grid
        Axis-aligned, one spacing.
    frequency_hz
        Of the wave.
    """
    require_cubic(grid)
    normal = np.asarray(layers.normal)
    along = [axis * n for axis, n in zip(grid.axes(), normal, strict=True)]
    low, high = sum(float(a.min()) for a in along), sum(float(a.max()) for a in along)
    profile = _layer_profile(layers, (low, high), float(grid.spacing_m[0]), frequency_hz)
    if (np.abs(normal) == 1).any():
        axis = int(np.argmax(np.abs(normal)))
        shape = [-1 if i == axis else 1 for i in range(3)]
        u, root = profile.look_up(along[axis])
        maps = (
            np.broadcast_to(u.reshape(shape), grid.shape),
            np.broadcast_to(root.reshape(shape), grid.shape),
        )
        return _medium(layers.fluids, grid, frequency_hz, maps)
    return _medium(
        layers.fluids,
        grid,
        frequency_hz,
        _fill(profile, grid, lambda x, y, z: x * normal[0] + y * normal[1] + z * normal[2]),
    )


def spherical_medium(shells: Shells, grid: Grid, frequency_hz: float) -> Medium:
    """Return concentric shells, filtered exactly (by a window that depends on |k| alone)."""
    require_cubic(grid)
    x0, y0, z0 = shells.centre_m
    corners = [np.array((a[0], a[-1])) for a in grid.axes()]
    reach = np.sqrt(
        sum(float(np.abs(c - o).max()) ** 2 for c, o in zip(corners, (x0, y0, z0), strict=True))
    )
    profile = _shell_profile(shells, reach, float(grid.spacing_m[0]), frequency_hz)
    maps = _fill(
        profile,
        grid,
        lambda x, y, z: np.sqrt((x - x0) ** 2 + (y - y0) ** 2 + (z - z0) ** 2),
    )
    return _medium(shells.fluids[::-1], grid, frequency_hz, maps)


def _medium(
    fluids: tuple[Fluid, ...],
    grid: Grid,
    frequency_hz: float,
    maps: tuple[NDArray[np.complex64], NDArray[np.float32]],
) -> Medium:
    speeds = [fluid.sound_speed for fluid in fluids]
    return Medium(
        grid=grid,
        frequency_hz=frequency_hz,
        potential=maps[0],
        root_density=maps[1],
        background=fluids[0],
        slowest=min(speeds),
        fastest=max(speeds),
        representation="piecewise constant fluids, ρ and κ low-passed exactly at the grid's Nyquist",
    )


def _fill(
    profile: Profile, grid: Grid, coordinate: Callable[[float, Line, Line], Line]
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Look the profile up plane by plane, so that memory stays that of the maps."""
    x, y, z = grid.axes()
    potential = np.empty(grid.shape, np.complex64)
    root_density = np.empty(grid.shape, np.float32)
    for i, xi in enumerate(x):
        at = coordinate(float(xi), y[:, None], z[None, :])
        potential[i], root_density[i] = profile.look_up(at)
    return potential, root_density


def _cutoff(fluids: tuple[Fluid, ...], spacing: float, frequency_hz: float) -> float:
    slowest = min(fluid.sound_speed for fluid in fluids)
    require_points_per_wavelength(slowest, frequency_hz, spacing)
    return density_cutoff(slowest / (frequency_hz * spacing)) * np.pi / spacing


def _excess(fluids: tuple[Fluid, ...], spacing: float, frequency_hz: float) -> float:
    width = np.pi / _cutoff(fluids, spacing, frequency_hz)
    return interface_excess(width, frequency_hz, min(fluid.sound_speed for fluid in fluids))


def _layer_profile(
    layers: Layers, reach: tuple[float, float], spacing: float, frequency_hz: float
) -> Profile:
    low = min((reach[0], *layers.interfaces_m)) - MARGIN * spacing
    high = max((reach[1], *layers.interfaces_m)) + MARGIN * spacing
    n = scipy.fft.next_fast_len(int(np.ceil((high - low) / spacing)) * FINER)
    step = spacing / FINER
    length = n * step
    q = TWO_PI * np.fft.fftfreq(n, step)
    ends = (*layers.interfaces_m, low + length)
    indicators = [_interval(q, a - low, b - low, length) for a, b in pairwise(ends)]
    window = roll_off(q / _cutoff(layers.fluids, spacing, frequency_hz)) * n
    rho, kappa = _materials(layers.fluids, indicators, window, frequency_hz)
    density = layers.fluids[0].density + np.fft.ifft(rho).real
    compressibility = layers.fluids[0].compressibility(frequency_hz) + np.fft.ifft(kappa)
    slope, curvature = np.fft.ifft(1j * q * rho).real, np.fft.ifft(-(q**2) * rho).real
    excess = _excess(layers.fluids, spacing, frequency_hz)
    potential = scalar_potential(
        (density, slope**2, curvature), compressibility, frequency_hz, excess=excess
    )
    return _table(low, step, spacing, (potential, density))


def _shell_profile(
    shells: Shells, reach: float, spacing: float, frequency_hz: float
) -> Profile:
    """Filter r·f(r), continued as an odd function: the radial form of the 3-D filter."""
    half = max((reach, *shells.radii_m)) + MARGIN * spacing
    n = scipy.fft.next_fast_len(2 * int(np.ceil(half / spacing)) * FINER)
    n += n % 2
    step = spacing / FINER
    q = TWO_PI * np.fft.fftfreq(n, step)
    r = (np.arange(n) - n / 2 + 0.5) * step
    fluids = shells.fluids[::-1]
    balls = [
        _odd_ball(q, radius, n * step) * np.exp(1j * q * r[0]) for radius in shells.radii_m
    ]
    # outside everything is fluid 0; each smaller ball replaces what is outside it
    indicators = [
        balls[-j] - (balls[-j - 1] if j < len(balls) else 0.0) for j in range(1, len(balls) + 1)
    ]
    window = roll_off(q / _cutoff(fluids, spacing, frequency_hz)) * n
    rho, kappa = _materials(fluids, indicators, window, frequency_hz)
    g, g1, g2 = (np.fft.ifft((1j * q) ** order * rho).real for order in (0, 1, 2))
    density = fluids[0].density + g / r
    compressibility = fluids[0].compressibility(frequency_hz) + np.fft.ifft(kappa) / r
    potential = scalar_potential(
        (density, ((g1 - g / r) / r) ** 2, g2 / r),
        compressibility,
        frequency_hz,
        excess=_excess(fluids, spacing, frequency_hz),
    )
    outside = fluids[0].wavenumber(frequency_hz) ** 2
    low = _low_pass(r * (potential - outside), step, spacing) / r + outside
    return _table(r[0], step, spacing, (low, density), filtered=True)


def _interval(q: Line, a: float, b: float, length: float) -> ComplexLine:
    """Fourier coefficients of 1 on [a, b], period ``length``."""
    safe = np.where(q == 0, 1.0, q)
    values: ComplexLine = np.where(
        q == 0,
        (b - a) / length,
        (np.exp(-1j * q * a) - np.exp(-1j * q * b)) / (1j * safe * length),
    )
    return values


def _odd_ball(q: Line, radius: float, length: float) -> ComplexLine:
    """Fourier coefficients of r on [-R, R], 0 elsewhere, period ``length``."""
    safe = np.where(q == 0, 1.0, q)
    inner = np.sin(safe * radius) / safe**2 - radius * np.cos(safe * radius) / safe
    values: ComplexLine = np.where(q == 0, 0.0, -2j * inner / length)
    return values


def _materials(
    fluids: tuple[Fluid, ...],
    indicators: list[ComplexLine],
    window: Line,
    frequency_hz: float,
) -> tuple[ComplexLine, ComplexLine]:
    """Return the spectra of ρ and κ less those of the first fluid, low-passed."""
    rho: ComplexLine = np.zeros(len(window), np.complex128)
    kappa: ComplexLine = np.zeros(len(window), np.complex128)
    base = fluids[0]
    for fluid, indicator in zip(fluids[1:], indicators, strict=True):
        rho += (fluid.density - base.density) * indicator
        contrast = fluid.compressibility(frequency_hz) - base.compressibility(frequency_hz)
        kappa += contrast * indicator
    return rho * window, kappa * window


def scalar_potential(
    density: tuple[Line, Line, Line],
    compressibility: ComplexLine,
    frequency_hz: float,
    *,
    excess: float = 0.0,
) -> ComplexLine:
    """Return U = ω²ρκ - ρ^½∇²ρ^-½ + b|∇ln ρ|² = ω²ρκ + ∇²ρ/(2ρ) - (3/4 - b)|∇ρ|²/ρ².

    Parameters
    ----------
    density
        ρ, |∇ρ|², ∇²ρ; ρ positive.
    compressibility
        κ, complex.
    frequency_hz
        Of the wave.
    excess
        b; see ``interface_excess``.
    """
    rho, gradient_squared, laplacian = density
    require_positive_density(rho)
    omega = TWO_PI * frequency_hz
    potential: ComplexLine = (
        omega**2 * rho * compressibility
        + 0.5 * laplacian / rho
        - (0.75 - excess) * gradient_squared / rho**2
    )
    return potential


def _low_pass(values: ComplexLine, step: float, spacing: float) -> ComplexLine:
    q = TWO_PI * np.fft.fftfreq(len(values), step)
    passed: ComplexLine = np.fft.ifft(np.fft.fft(values) * (np.abs(q) < np.pi / spacing))
    return passed


def _table(
    start: float,
    step: float,
    spacing: float,
    lines: tuple[ComplexLine, Line],
    *,
    filtered: bool = False,
) -> Profile:
    """Low-pass U and refine both lines by zero-padding their spectra."""
    finer = LOOKUP // FINER
    potential = lines[0] if filtered else _low_pass(lines[0], step, spacing)
    return Profile(
        start,
        step / finer,
        _refined(potential, finer),
        _refined(lines[1].astype(complex), finer).real,
    )


def _refined(values: ComplexLine, finer: int) -> ComplexLine:
    n = len(values)
    spectrum = np.zeros(n * finer, complex)
    order = np.fft.fftfreq(n, 1 / n).round().astype(int)
    spectrum[order] = np.fft.fft(values)
    refined: ComplexLine = np.fft.ifft(spectrum) * finer
    return refined
