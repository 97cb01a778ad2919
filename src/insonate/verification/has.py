"""What the one-way engine is held to: closed forms, reciprocity, layers, shells, benchmarks.

``checks`` fits a quarter of a minute; ``slow_checks`` does whole benchmarks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0

from insonate.array import Drive, ElementState, PlacedArray
from insonate.core import Frame, Grid
from insonate.core.units import TWO_PI
from insonate.field.born.box import smooth_step
from insonate.field.born.fluid import WATER, Fluid
from insonate.field.born.sources import bowl, velocity_strength
from insonate.field.has import HasOptions, has_field, has_transfer
from insonate.field.has.beams import (
    focal_pressure,
    inward_sweep,
    pressure_from_target,
    regular_harmonics,
)
from insonate.field.has.harmonics import cone
from insonate.field.has.shells import Frustum, Shells, analytic_shells
from insonate.verification import itrusst
from insonate.verification.born import free_pressure
from insonate.verification.check import Check, at_most
from insonate.verification.spherical_shell import point_source_pressure

AREA = "field"
HZ = 500e3
Float64 = NDArray[np.float64]
Complex128 = NDArray[np.complex128]
Profile = Callable[[Float64], Float64]


def checks() -> Iterator[Check]:
    """Yield the quick checks."""
    yield free_transfer_check()
    yield free_focus_check()
    yield reciprocity_check()
    yield from plate_checks(HZ, (40e-3, 46.5e-3), 46.0)


def slow_checks() -> Iterator[Check]:
    """Yield clinical sizes and the whole benchmarks; minutes."""
    yield from plate_checks(650e3, (60e-3, 66.5e-3), 60.0)
    yield from shell_checks()
    for benchmark in (1, 3, 4):
        yield from itrusst_checks(benchmark)


def _difference(found: NDArray[Any], exact: NDArray[Any]) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@dataclass(frozen=True)
class Cone:
    """A cone of shells for a closed form.

    Parameters
    ----------
    half_angle_deg
        To the outer edge of the rim, which is 15° wide.
    radii_m
        Of the innermost and outermost edge, m.
    steps, lateral
        Shells per wavelength; widest angle, as in ``HasOptions``.
    """

    half_angle_deg: float
    radii_m: tuple[float, float]
    steps: float = 12.0
    lateral: float = 0.8


def frustum_for(size: Cone, frequency_hz: float, centre: Float64, rotation: Float64) -> Frustum:
    """Return the shells' nodes round a point."""
    first, last = size.radii_m
    count = int(np.ceil((last - first) * size.steps * frequency_hz / WATER.sound_speed))
    half = np.radians(size.half_angle_deg)
    reach = TWO_PI * frequency_hz / WATER.sound_speed * 0.5 * (first + last)
    sphere = cone(int(np.ceil(size.lateral * reach)), half, oversampling=1.25)
    rim = smooth_step((np.arccos(sphere.cosines) - half) / np.radians(15) + 1)
    edges = np.linspace(first, last, count + 1)
    window = (1 - rim).astype(np.float32)
    return Frustum(centre, Frame.CT, rotation, sphere, window, edges)


def water_shells(sound_speed: float = 1500.0) -> Shells:
    """Return shells of a homogeneous fluid that is like water."""
    size = Cone(95.0, (30e-3, 40e-3), 8.0)
    frustum = frustum_for(size, HZ, np.array((1e-3, -2e-3, 3e-3)), np.eye(3))
    fluid = Fluid(sound_speed, 1000.0)
    kappa = fluid.compressibility(HZ)

    def material(at: Float64) -> tuple[Float64, Complex128]:
        return np.full(at.shape[:-1], 1000.0), np.full(at.shape[:-1], kappa)

    return analytic_shells(frustum, HZ, material, (fluid, fluid))


@cache
def cap_of_elements(
    count: int = 40, radius_m: float = 60e-3, lowest: float = 0.7
) -> PlacedArray:
    """Return tiny discs within 45° of the pole that look at the point of ``water_shells``."""
    focus = np.array((1e-3, -2e-3, 3e-3))
    i = np.arange(count)
    z = 1 - (1 - lowest) * (i + 0.5) / count
    angle = i * np.pi * (3 - np.sqrt(5))
    away = np.column_stack(
        [np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z]
    )
    return PlacedArray(focus + radius_m * away, -away, np.full(count, 1e-10), focus)


def free_transfer_check(shells: Shells | None = None) -> Check:
    """Compare the transfer of elements in water with their direct sum."""
    elements = cap_of_elements()
    found = has_transfer(shells or water_shells(), elements, options=HasOptions(points=1))
    exact = _direct(elements, elements.focus[None, :])[0]
    return at_most(
        AREA,
        "has: elements in water at the target, complex L2",
        _difference(found, exact),
        0.01,
        "1",
        "exp(ikR)/(4πR)",
    )


def _direct(elements: PlacedArray, at: Float64) -> Complex128:
    """Return what each element alone makes at points, shape (M, N), for 1 Pa."""
    per_area = velocity_strength(1.0, HZ, WATER.sound_speed)
    strengths = per_area * elements.areas
    columns = [
        s * free_pressure(at, c[None, :], HZ)
        for s, c in zip(strengths, elements.centres, strict=True)
    ]
    return np.stack(columns, axis=-1)


def _drive(elements: PlacedArray) -> Drive:
    phase = np.exp(1j * np.arange(len(elements.areas)) ** 2)
    return Drive(HZ, 1e9 * phase, (ElementState.ON,) * len(elements.areas))


def free_focus_check(shells: Shells | None = None) -> Check:
    """Compare the field of a drive in water with its direct sum, on a grid off the centre."""
    elements = cap_of_elements()
    drive = _drive(elements)
    grid = Grid.centred(elements.focus + 1e-3, 1e-3, (7, 6, 5), Frame.CT)
    options = HasOptions(points=1)
    field = has_field(shells or water_shells(), elements, drive, grid, options=options)
    exact = _direct(elements, grid.points().reshape(-1, 3)) @ drive.pressure
    return at_most(
        AREA,
        "has: field of a drive in water round the target, complex L2",
        _difference(field.pressure.ravel(), exact),
        0.01,
        "1",
        "Σ exp(ikR)/(4πR)",
    )


@cache
def plate_shells(
    frequency_hz: float, faces_m: tuple[float, float], attenuation: float
) -> Shells:
    """Return a plate of bone across the pole's axis, its faces 1.5 mm wide as on a CT."""
    reach = faces_m[1] / np.cos(np.radians(48))
    size = Cone(62.0, (faces_m[0] - 3e-3, reach))
    frustum = frustum_for(size, frequency_hz, np.zeros(3), np.eye(3))
    bone = Fluid(2800.0, 1850.0, attenuation)

    def material(at: Float64) -> tuple[Float64, Complex128]:
        return _mixed(blend(at[..., 2], faces_m), bone, frequency_hz)

    return analytic_shells(frustum, frequency_hz, material, (WATER, WATER))


def blend(depth: Float64, faces_m: tuple[float, float], width_m: float = 1.5e-3) -> Float64:
    """Return the share of bone at a depth: 0, 1 between the faces, smooth steps at them."""
    rises = smooth_step(0.5 + (depth - faces_m[0]) / width_m)
    share: Float64 = rises * smooth_step(0.5 + (faces_m[1] - depth) / width_m)
    return share


def _mixed(share: Float64, bone: Fluid, frequency_hz: float) -> tuple[Float64, Complex128]:
    kappa, other = (f.compressibility(frequency_hz) for f in (WATER, bone))
    density = WATER.density + (bone.density - WATER.density) * share
    return density, np.asarray(kappa + (other - kappa) * share, np.complex128)


def plate_checks(
    frequency_hz: float,
    faces_m: tuple[float, float],
    attenuation: float,
    *,
    echoes: int = 2,
    shells: Shells | None = None,
) -> Iterator[Check]:
    """Compare a point behind a plate with the exact plane-wave synthesis, by incidence."""
    medium = shells or plate_shells(frequency_hz, faces_m, attenuation)
    distance = 1.1 * float(medium.frustum.edges[-1])
    for first, last, limit in ((2.0, 15.0, 0.04), (15.0, 24.0, 0.06)):
        angles = np.radians(np.arange(first, last + 0.5))
        at = distance * np.stack(
            [0.6 * np.sin(angles), 0.8 * np.sin(angles), np.cos(angles)], axis=1
        )
        found = pressure_from_target(medium, at, echoes=echoes)
        exact = behind_plate(frequency_hz, faces_m, attenuation, at)
        yield at_most(
            AREA,
            f"has: plate of bone at {frequency_hz / 1e3:g} kHz, incidence {first:g}-{last:g}°, "
            "complex L2",
            _difference(found, exact),
            limit,
            "1",
            "plane-wave synthesis through layers, Brekhovskikh (1980), §3",
        )


def behind_plate(
    frequency_hz: float, faces_m: tuple[float, float], attenuation: float, at: Float64
) -> Complex128:
    """Return p of a unit point at the origin behind the plate, shape (M,).

    p = i/(4π) ∫ T(q) e^{i k_z (z - d)} J₀(qρ) q/k_z dq with T by transfer matrices through slices of
    20 µm and d the thickness of all slices. What is evanescent in water is left out.
    """
    k = TWO_PI * frequency_hz / WATER.sound_speed
    count = 12000
    step = np.pi / 2 / count
    u = (np.arange(count) + 0.5) * step
    q, kz = k * np.sin(u), k * np.cos(u)
    passed, thickness = _through_plate(frequency_hz, faces_m, attenuation, (q, kz))
    rho = np.hypot(at[:, 0], at[:, 1])
    values = [
        (q * passed * np.exp(1j * kz * (z - thickness)) * j0(q * r)).sum()
        for z, r in zip(at[:, 2], rho, strict=True)
    ]
    return 1j / (4 * np.pi) * step * np.array(values)


def _through_plate(
    frequency_hz: float,
    faces_m: tuple[float, float],
    attenuation: float,
    waves: tuple[Float64, Float64],
) -> tuple[Complex128, float]:
    q, kz = waves
    omega, slice_m = TWO_PI * frequency_hz, 2e-5
    depth = np.arange(faces_m[0] - 1e-3, faces_m[1] + 1e-3, slice_m)
    bone = Fluid(2800.0, 1850.0, attenuation)
    density, kappa = _mixed(blend(depth, faces_m), bone, frequency_hz)
    water = kz / (WATER.density * omega)
    p, v = np.ones(len(q), complex), water.astype(complex)
    for rho, compressibility in zip(density[::-1], kappa[::-1], strict=True):
        k = np.sqrt(omega**2 * rho * compressibility - q**2)
        z = rho * omega / k
        c, s = np.cos(k * slice_m), np.sin(k * slice_m)
        p, v = c * p - 1j * z * s * v, -1j * s / z * p + c * v
    return np.asarray(2 / (p + v / water), np.complex128), len(depth) * slice_m


def reciprocity_check(wrong: float = 1.0) -> Check:
    """Compare a drive's pressure at the target with its transfers' sum; ``wrong`` spoils one."""
    one, other = _reciprocal_pair()
    return at_most(
        AREA,
        "has: reciprocity of target and elements through a plate of bone",
        abs(one - other * wrong) / abs(other),
        1e-3,
        "1",
        "Green's function of ∇·(ρ⁻¹∇p) + ω²κp is symmetric",
    )


@cache
def _reciprocal_pair() -> tuple[complex, complex]:
    faces = (16e-3, 20e-3)
    shells = plate_shells(HZ, faces, 46.0)
    elements = cap_of_elements()
    elements = replace(elements, centres=elements.centres - elements.focus, focus=np.zeros(3))
    drive, options = _drive(elements), HasOptions(points=1)
    grid = Grid.centred((0.0, 0.0, 0.0), 0.5e-3, (3, 3, 3), Frame.CT)
    field = has_field(shells, elements, drive, grid, options=options)
    transfer = has_transfer(shells, elements, options=options)
    return complex(field.pressure[1, 1, 1]), complex((transfer * drive.pressure).sum())


def shell_checks() -> Iterator[Check]:
    """Compare a target 25 mm off the centre of a closed shell with the exact series.

    The fluid inside absorbs (30 Np/m), so that what the shell sends back across does not count.
    """
    frequency, radii, off = 400e3, (73.5e-3, 80e-3), 25e-3
    inside, bone = Fluid(1500.0, 1000.0, 30.0), Fluid(2800.0, 1850.0, 30.0)
    size = Cone(118.0, (radii[0] - off - 3e-3, radii[1] + off + 2e-3), 14.0)
    frustum = frustum_for(size, frequency, np.array((off, 0.0, 0.0)), np.eye(3))
    kappa = [f.compressibility(frequency) for f in (inside, bone, WATER)]

    def material(at: Float64) -> tuple[Float64, Complex128]:
        layer = np.searchsorted(radii, np.linalg.norm(at, axis=-1))
        return np.where(layer == 1, bone.density, 1000.0), np.array(kappa)[layer]

    shells = analytic_shells(frustum, frequency, material, (inside, WATER))
    away = np.random.default_rng(1).standard_normal((400, 3))
    away /= np.linalg.norm(away, axis=1)[:, None]
    away[:, 2] = np.abs(away[:, 2])
    at = frustum.centre + 0.15 * away
    exact = point_source_pressure((inside, bone, WATER), radii, off, at, frequency)
    found = pressure_from_target(shells, at, echoes=2)
    incidence = _incidence(away, frustum.centre, radii[0])
    for first, last, limit in ((0.0, 15.0, 0.06), (15.0, 20.0, 0.12)):
        chosen = (incidence >= first) & (incidence < last)
        yield at_most(
            AREA,
            f"has: shell of {radii[1] * 1e3:g} mm, incidence {first:g}-{last:g}°, complex L2 outside",
            _difference(found[chosen], exact[chosen]),
            limit,
            "1",
            "exact series of partial waves",
        )


def _incidence(away: Float64, start: Float64, radius: float) -> Float64:
    """Return at what angle (degrees) lines from a point inside a sphere meet it."""
    along = away @ start
    length = -along + np.sqrt(along**2 + radius**2 - start @ start)
    met = (start + length[:, None] * away) / radius
    angle: Float64 = np.degrees(np.arccos(np.clip((met * away).sum(axis=1), -1, 1)))
    return angle


def itrusst_checks(benchmark: int) -> Iterator[Check]:
    """Compare the bowl behind bone with the exact field: L∞, L2, peak, position."""
    found = itrusst_plane(benchmark)
    start = itrusst.BEHIND_BONE_M
    result = itrusst.compare(found, itrusst.exact(benchmark, 1), start)
    rows = (
        ("L∞", result.linf, 0.2, "1"),
        ("L2", result.l2, 0.15, "1"),
        ("peak", abs(result.peak), 0.1, "1"),
        ("position of the peak", result.position_mm, 2.0, "mm"),
    )
    for what, value, limit, unit in rows:
        name = f"has: ITRUSST {benchmark}, bowl, {what}"
        yield at_most(AREA, name, value, limit, unit, itrusst.REFERENCE)


def itrusst_plane(benchmark: int, *, steps: float = 12.0, echoes: int = 2) -> Complex128:
    """Return the bowl's field on the points of ``itrusst.exact``; 0 in front of the bone."""
    frequency, focus = itrusst.FREQUENCY_HZ, np.array((64e-3, 0.0, 0.0))
    fluids, faces = itrusst.FLAT[benchmark]
    nearest = focus[0] - (faces[-1] if faces else 40e-3) - 1e-3
    turn = np.array(((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    frustum = frustum_for(Cone(58.0, (nearest, 60e-3), steps, 1.0), frequency, focus, turn)
    density = np.array([fluid.density for fluid in fluids])
    kappa = np.array([fluid.compressibility(frequency) for fluid in fluids])

    def material(at: Float64) -> tuple[Float64, Complex128]:
        layer = np.searchsorted(faces, at[..., 0])
        return density[layer], kappa[layer]

    shells = analytic_shells(frustum, frequency, material, (fluids[-1], fluids[0]))
    points, areas = bowl((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), 64e-3, 64e-3, points=8000)
    strength = velocity_strength(itrusst.SURFACE_PRESSURE_PA, frequency, 1500.0)
    found = inward_sweep(shells, points, strength * areas, echoes=echoes)
    x, y = 0.5e-3 * np.arange(241.0), 0.5e-3 * (np.arange(141.0) - 70)
    first = round(itrusst.BEHIND_BONE_M / 0.5e-3)
    axes = (x[first:], y, np.zeros(1))
    plane = np.zeros((241, 141), np.complex128)
    plane[first:] = focal_pressure(shells, regular_harmonics(shells, found), axes)[..., 0]
    return plane
