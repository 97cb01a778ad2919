"""Benchmarks 1-6 of the ITRUSST intercomparison, and the exact fields of 1-4.

Aubry et al., J. Acoust. Soc. Am. 152:1003 (2022): 500 kHz, surface velocity 0.04 m/s (60 kPa in
water), a bowl (radius of curvature 64 mm, aperture 64 mm) and a plane piston (diameter 20 mm) with
their apex at x = 0, radiating to +x. The exact fields are described in ``data/itrusst/README.md``.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid
from insonate.core.frames import affine_from
from insonate.core.units import db_per_cm_to_np_per_m
from insonate.field import PressureField
from insonate.field.born.fluid import Fluid
from insonate.field.born.medium import Medium
from insonate.field.born.profiles import Layers, Shells, layered_medium, spherical_medium
from insonate.field.born.sources import PointsSource, bowl, piston, surface_source

FREQUENCY_HZ = 500e3
SURFACE_PRESSURE_PA = 60e3
REFERENCE = "Aubry et al., J. Acoust. Soc. Am. 152:1003 (2022); exact plane-wave synthesis"


def _fluid(sound_speed: float, density: float, attenuation_db_per_cm: float) -> Fluid:
    return Fluid(sound_speed, density, db_per_cm_to_np_per_m(attenuation_db_per_cm))


WATER = _fluid(1500, 1000, 0)
LOSSY_WATER = _fluid(1500, 1000, 1)
SKIN = _fluid(1610, 1090, 0.2)
CORTICAL = _fluid(2800, 1850, 4)
TRABECULAR = _fluid(2300, 1700, 8)
BRAIN = _fluid(1560, 1040, 0.3)

HEAD = (WATER, SKIN, CORTICAL, TRABECULAR, CORTICAL, BRAIN)
FLAT: dict[int, tuple[tuple[Fluid, ...], tuple[float, ...]]] = {
    1: ((WATER,), ()),
    2: ((LOSSY_WATER,), ()),
    3: ((WATER, CORTICAL, WATER), (30e-3, 36.5e-3)),
    4: (HEAD, (26e-3, 30e-3, 31.5e-3, 35.5e-3, 36.5e-3)),
}
"""Fluids and interfaces (m along x) of benchmarks 1-4."""
CURVED: dict[int, tuple[tuple[Fluid, ...], tuple[float, ...]]] = {
    5: ((WATER, CORTICAL, WATER), (68.5e-3, 75e-3)),
    6: (HEAD[::-1], (68.5e-3, 69.5e-3, 73.5e-3, 75e-3, 79e-3)),
}
"""Fluids and radii (m) of benchmarks 5 and 6, from the centre at x = 105 mm outwards."""
BEHIND_BONE_M = 37.5e-3
"""From here on fields are compared: in front the standing wave follows the interface."""
FIRST_CONVERGED_M = 1.0e-3
"""The exact field of the piston is not converged on its first two rows."""


def grid(spacing_m: float = 0.5e-3, shift_cells: float = 0.0) -> Grid:
    """Return the grid of all benchmarks: 125 × 71 × 71 mm, moved along x by parts of a cell."""
    n, m = round(125e-3 / spacing_m), round(71e-3 / spacing_m)
    origin = (-2.5e-3 + shift_cells * spacing_m, -35e-3, -35e-3)
    return Grid((n, m, m), affine_from(np.eye(3) * spacing_m, origin), Frame.TRANSDUCER)


def medium(benchmark: int, on: Grid) -> Medium:
    """Return the medium of benchmark 1-6."""
    if benchmark in FLAT:
        return layered_medium(Layers(*FLAT[benchmark]), on, FREQUENCY_HZ)
    return spherical_medium(Shells(*CURVED[benchmark], (105e-3, 0.0, 0.0)), on, FREQUENCY_HZ)


def source(number: int) -> PointsSource:
    """Return source 1 (the bowl) or 2 (the piston)."""
    origin, axis = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0)
    surface = bowl(origin, axis, 64e-3, 64e-3) if number == 1 else piston(origin, axis, 10e-3)
    name = "ITRUSST bowl" if number == 1 else "ITRUSST piston"
    return surface_source(surface, SURFACE_PRESSURE_PA, FREQUENCY_HZ, name=name)


@cache
def exact(benchmark: int, number: int) -> NDArray[np.complex64]:
    """Return the exact field on z = 0: x 0-120 mm, y ±35 mm, every 0.5 mm; shape (241, 141)."""
    file = resources.files("insonate.verification") / "data" / "itrusst"
    with (file / "itrusst_bm1-4_analytic_reference.npz").open("rb") as stream:
        values: NDArray[np.complex64] = np.load(stream)[f"bm{benchmark}_sc{number}"]
    return values


def on_plane(field: PressureField) -> NDArray[np.complex128]:
    """Return a field at the points of ``exact``, moved along x by its Fourier series if need be."""
    x = field.grid.axes()[0]
    spacing = float(field.grid.spacing_m[0])
    step = round(0.5e-3 / spacing)
    y0 = round((-35e-3 - field.grid.origin_m[1]) / spacing)
    plane = field.pressure[:, y0::step, round(35e-3 / spacing)][:, :141]
    wanted = np.arange(241) * 0.5e-3
    return np.asarray(_interpolation(wanted, x) @ plane, np.complex128)


def _interpolation(
    wanted: NDArray[np.floating[Any]], line: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the matrix of Kaiser-windowed sinc interpolation along a line."""
    spacing = line[1] - line[0]
    d = (wanted[:, None] - line[None, :]) / spacing
    window = np.i0(6 * np.sqrt(np.clip(1 - (d / 8) ** 2, 0, None))) / np.i0(6) * (abs(d) < 8)
    kernel: NDArray[np.float64] = np.sinc(d) * window
    return kernel


@dataclass(frozen=True)
class Comparison:
    """Amplitudes compared as the intercomparison does, fractions and millimetres."""

    l2: float
    linf: float
    peak: float
    position_mm: float


def compare(
    found: NDArray[np.complex128], reference: NDArray[np.complex64], from_m: float
) -> Comparison:
    """Compare |p| on the plane from x = ``from_m`` on."""
    first = round(from_m / 0.5e-3)
    a, b = np.abs(found[first:]), np.abs(reference[first:]).astype(np.float64)
    at = np.subtract(
        np.unravel_index(a.argmax(), a.shape), np.unravel_index(b.argmax(), b.shape)
    )
    return Comparison(
        l2=float(np.linalg.norm(a - b) / np.linalg.norm(b)),
        linf=float(np.abs(a - b).max() / b.max()),
        peak=float(a.max() / b.max() - 1),
        position_mm=0.5 * float(np.hypot(*at)),
    )
