"""What the wave engine is held to: closed forms, exact series, reciprocity, energy.

``checks`` fits a minute; the others solve the whole benchmarks, in parts that ``areas`` names.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid
from insonate.core.units import TWO_PI
from insonate.field import PressureField
from insonate.field.born import (
    WATER,
    BornOptions,
    Fluid,
    Medium,
    OutsideSource,
    device,
    point_source,
    solve_born,
)
from insonate.field.born.energy import power_lost_inside, power_through
from insonate.field.born.options import Absorber
from insonate.field.born.profiles import Layers, Shells, layered_medium, spherical_medium
from insonate.field.born.solve import Source
from insonate.field.born.transfer import exterior_pressure
from insonate.verification import itrusst
from insonate.verification.check import Check, at_most
from insonate.verification.spherical_shell import point_source_pressure

AREA = "field"
BONE = Fluid(2800.0, 1850.0, 30.0)
"""Cortical bone of the ITRUSST benchmarks at about 330 kHz."""
BRAIN = Fluid(1560.0, 1040.0, 1.73)
"""Brain of the same benchmarks, its attenuation at 250 kHz."""
SMALL_HZ = 400e3
SMALL_M = 1500.0 / SMALL_HZ / 6
"""A spacing of 6 points per wavelength."""


ACCURATE = BornOptions(tolerance=2e-3, absorber=Absorber(cells=26))
"""For whole benchmarks: 19 cells of absorber send 0.3 % back, a ripple of as much behind the bone."""


def checks() -> Iterator[Check]:
    """Yield the quick checks: small boxes."""
    yield free_field_check()
    yield outside_source_check()
    yield exterior_check()
    yield from shell_checks(SMALL_HZ, (10e-3, 13e-3), 6.0, ("inside",))
    yield reciprocity_check()
    yield energy_check()


def benchmark_checks() -> Iterator[Check]:
    """Yield ITRUSST 1 to 4 with both sources, against exact fields; minutes."""
    for benchmark in (1, 2, 3, 4):
        for number in (1, 2):
            yield from itrusst_checks(benchmark, number)


def moved_interface_checks() -> Iterator[Check]:
    """Yield ITRUSST 3 and 4 with the interfaces at three places between grid points; minutes."""
    for shift in (0.1, 0.25, 0.4):
        yield moved_interface_check(3, shift)
        yield moved_interface_check(4, shift)


def clinical_shell_checks() -> Iterator[Check]:
    """Yield a closed shell as large as a head, at two grids, empty and with brain; minutes.

    Lossless water in a shell has modes that hardly leak: an inner radius that is wrong by a hundredth of a
    cell changes the field of a source outside by 4 % (decision 12). Brain damps them.
    """
    for inner in (WATER, BRAIN):
        for points in (6.0, 8.0):
            yield from shell_checks(
                250e3, (73.5e-3, 80e-3), points, ("inside", "outside"), inner=inner
            )


def curved_checks() -> Iterator[Check]:
    """Yield ITRUSST 5 and 6 against solves at twice the resolution; minutes, 5 GB."""
    for benchmark in (5, 6):
        yield refinement_check(benchmark)


def small_grid(shape: tuple[int, int, int] = (60, 52, 48), spacing_m: float = SMALL_M) -> Grid:
    """Return a small grid round the origin, off centre by parts of a cell."""
    return Grid.centred((0.3e-3, -0.2e-3, 0.1e-3), spacing_m, shape, Frame.TRANSDUCER)


def _difference(
    found: NDArray[np.complexfloating[Any, Any]], exact: NDArray[np.complexfloating[Any, Any]]
) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def free_pressure(
    at: NDArray[np.float64], sources: NDArray[np.float64], frequency_hz: float
) -> NDArray[np.complex128]:
    """Return Σ exp(ikR)/(4πR) of unit points in water, shape of ``at`` less its last axis."""
    k = TWO_PI * frequency_hz / WATER.sound_speed
    total = np.zeros(at.shape[:-1], complex)
    for source in sources:
        distance = np.linalg.norm(at - source, axis=-1)
        total += np.exp(1j * k * distance) / (4 * np.pi * distance)
    return total


def free_field_check(medium: Medium | None = None) -> Check:
    """Compare a point source in water with its closed form, away from the point."""
    grid = small_grid()
    water = medium or layered_medium(Layers((WATER,)), grid, SMALL_HZ)
    position = np.array((-6.03e-3, 1.21e-3, -0.4e-3))
    options = BornOptions(tolerance=1e-3)
    field = solve_born(water, point_source(position), options=options)
    far = np.linalg.norm(grid.points() - position, axis=-1) > 3e-3
    exact = free_pressure(grid.points()[far], position[None, :], SMALL_HZ)
    error = _difference(field.pressure[far], exact)
    return at_most(
        AREA, "born: point source in water, complex L2", error, 0.005, "1", "exp(ikR)/(4πR)"
    )


def outside_source_check(strength: complex = 1.0) -> Check:
    """Compare elements outside the grid with their direct sum, inside it."""
    grid = small_grid()
    points = _directions(24) * 40e-3
    source = OutsideSource(points, np.full(24, strength, complex), "points round the box")
    water = layered_medium(Layers((WATER,)), grid, SMALL_HZ)
    field = solve_born(water, source, options=BornOptions(tolerance=1e-3))
    inside = tuple(slice(13, n - 13) for n in grid.shape)
    exact = free_pressure(grid.points()[inside], points, SMALL_HZ)
    error = _difference(field.pressure[inside], exact)
    return at_most(
        AREA,
        "born: elements outside the grid, complex L2",
        error,
        0.005,
        "1",
        "Σ exp(ikR)/(4πR)",
    )


def exterior_check() -> Check:
    """Compare the surface integral to points outside with the closed form."""
    grid = small_grid()
    water = layered_medium(Layers((WATER,)), grid, SMALL_HZ)
    position = np.array((2.0e-3, -1.0e-3, 1.5e-3))
    options = BornOptions(tolerance=1e-3, absorber=Absorber(cells=24))
    field = solve_born(water, point_source(position), options=options)
    points = _directions(24) * 60e-3
    found = exterior_pressure(field, points)
    exact = free_pressure(points, position[None, :], SMALL_HZ)
    return at_most(
        AREA,
        "born: from the box to elements outside, complex L2",
        _difference(found, exact),
        0.01,
        "1",
        "Helmholtz-Kirchhoff integral, exp(ikR)/(4πR)",
    )


def _directions(count: int) -> NDArray[np.float64]:
    vectors = np.random.default_rng(7).standard_normal((count, 3))
    directions: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return directions


def shell_checks(
    frequency_hz: float,
    radii_m: tuple[float, float],
    points: float,
    places: tuple[str, ...],
    *,
    inner: Fluid = WATER,
) -> Iterator[Check]:
    """Compare a closed shell of bone, source inside and outside, with the exact series."""
    spacing = WATER.sound_speed / frequency_hz / points
    reach = radii_m[1] + 14 * spacing
    n = int(np.ceil(2 * reach / spacing))
    grid = Grid.centred((0.2 * spacing, 0.3 * spacing, -0.1 * spacing), spacing, (n, n, n), Frame.TRANSDUCER)  # fmt: skip
    fluids = (inner, BONE, WATER)
    filled = "" if inner is WATER else "brain inside, "
    medium = spherical_medium(Shells(fluids, radii_m), grid, frequency_hz)
    sources = {"inside": 0.4 * radii_m[0], "outside": radii_m[1] + 5 * spacing}
    for where in places:
        at = sources[where]
        options = BornOptions(tolerance=3e-3, max_iterations=4000)
        field = solve_born(medium, point_source((at, 0.0, 0.0)), options=options)
        yield at_most(
            AREA,
            f"born: shell of {radii_m[1] * 1e3:g} mm, {filled}source {where}, {points:g} points per "
            "wavelength, complex L2 inside",
            shell_error(field, fluids, radii_m, at),
            0.04,
            "1",
            "exact series of partial waves",
        )


def shell_error(
    field: PressureField, fluids: tuple[Fluid, ...], radii_m: tuple[float, ...], source_m: float
) -> float:
    """Return the complex L2 difference inside the shell, two wavelengths off the source."""
    x, y, z = (line[:: max(1, len(line) // 40)] for line in field.grid.axes())
    at = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    spacing = float(field.grid.spacing_m[0])
    keep = np.linalg.norm(at, axis=1) < radii_m[0] - 3 * spacing
    keep &= np.linalg.norm(at - np.array((source_m, 0, 0)), axis=1) > 6 * spacing
    at = at[keep]
    index = np.round(field.grid.indices_of(at)).astype(int)
    exact = point_source_pressure(fluids, radii_m, source_m, at, field.frequency_hz)
    return _difference(field.pressure[tuple(index.T)], exact)


def reciprocity_check(wrong: float = 1.0) -> Check:
    """Swap a point in water and one behind layers of unlike density; ``wrong`` spoils one."""
    one, other = _reciprocal_pair()
    return at_most(
        AREA,
        "born: reciprocity of two points through bone",
        abs(one - other * wrong) / abs(one),
        1e-3,
        "1",
        "Green's function of ∇·(ρ⁻¹∇p) + ω²κp is symmetric",
    )


@cache
def _reciprocal_pair() -> tuple[complex, complex]:
    """Return ρ(a) p_a(b) and ρ(b) p_b(a) of unit points a, b."""
    fluids = (WATER, BONE, Fluid(1560.0, 1040.0, 3.0))
    grid = small_grid((36, 30, 28))
    medium = layered_medium(Layers(fluids, (-2.1e-3, 1.3e-3)), grid, SMALL_HZ)
    index = np.array(((8, 12, 13), (28, 18, 15)))
    options = BornOptions(tolerance=1e-3, absorber=Absorber(cells=14))
    density = medium.root_density[tuple(index.T)].astype(np.float64) ** 2
    fields = [
        solve_born(medium, point_source(at), options=options)
        for at in medium.grid.points_of(index)
    ]
    one = complex(fields[0].pressure[tuple(index[1])]) * float(density[0])
    other = complex(fields[1].pressure[tuple(index[0])]) * float(density[1])
    return one, other


def energy_check(missing: float = 1.0) -> Check:
    """Radiated power = lost + leaving, beside a lossy ball; ``missing`` spoils the loss."""
    radiated, lost, leaving = _powers()
    return at_most(
        AREA,
        "born: energy balance of a source beside a lossy ball",
        abs(leaving + missing * lost - radiated) / radiated,
        0.01,
        "1",
        "radiated = lost + leaving; q²k/(8πωρ) in free water",
    )


@cache
def _powers() -> tuple[float, float, float]:
    """Return radiated, lost and leaving power (W) of a unit point beside a lossy ball."""
    grid = small_grid((40, 36, 36))
    shells = Shells((Fluid(1700.0, 1150.0, 200.0), WATER), (3.5e-3,), (3e-3, 0.0, 0.0))
    medium = spherical_medium(shells, grid, SMALL_HZ)
    free = layered_medium(Layers((WATER,)), grid, SMALL_HZ)
    position = np.array((-5e-3, 0.0, 0.0))
    options = BornOptions(tolerance=1e-3)
    field = solve_born(medium, point_source(position), options=options)
    # the source's power differs from that in water by what the ball sends back to it
    alone = solve_born(free, point_source(position), options=options)
    at = tuple(np.round(grid.indices_of(position)).astype(int))
    back = complex(field.pressure[at] - alone.pressure[at])
    omega = TWO_PI * SMALL_HZ
    free_power = omega / WATER.sound_speed / (4 * np.pi) + back.imag
    radiated = free_power / (2 * omega * WATER.density)
    return radiated, power_lost_inside(field, medium, 6), power_through(field, medium, 6)


def itrusst_checks(benchmark: int, number: int) -> Iterator[Check]:
    """Compare one benchmark with its exact field: L∞, L2, peak, position."""
    field = solve_born(
        itrusst.medium(benchmark, itrusst.grid()), itrusst.source(number), options=ACCURATE
    )
    start = itrusst.BEHIND_BONE_M if benchmark > 2 else itrusst.FIRST_CONVERGED_M
    if benchmark <= 2 and number == 1:
        start = 10e-3
    result = itrusst.compare(itrusst.on_plane(field), itrusst.exact(benchmark, number), start)
    name = f"born: ITRUSST {benchmark}, {'bowl' if number == 1 else 'piston'}"
    rows = (
        ("L∞", result.linf, 0.01, "1"),
        ("L2", result.l2, 0.01, "1"),
        ("peak", abs(result.peak), 0.005, "1"),
        ("position of the peak", result.position_mm, 0.5, "mm"),
    )
    for what, value, limit, unit in rows:
        yield at_most(AREA, f"{name}, {what}", value, limit, unit, itrusst.REFERENCE)


def moved_interface_check(benchmark: int, shift_cells: float) -> Check:
    """Compare the bowl with the grid moved under the interfaces by a part of a cell."""
    grid = itrusst.grid(shift_cells=shift_cells)
    field = solve_born(itrusst.medium(benchmark, grid), itrusst.source(1), options=ACCURATE)
    found = itrusst.on_plane(field)
    result = itrusst.compare(found, itrusst.exact(benchmark, 1), itrusst.BEHIND_BONE_M)
    name = f"born: ITRUSST {benchmark}, bowl, interfaces moved by {shift_cells:g} cells, L∞"
    return at_most(AREA, name, result.linf, 0.015, "1", itrusst.REFERENCE)


def refinement_check(benchmark: int) -> Check:
    """Compare a curved benchmark at 0.5 mm with our own solve at 0.25 mm."""
    coarse, fine = (
        itrusst.on_plane(
            solve_born(itrusst.medium(benchmark, itrusst.grid(spacing)), itrusst.source(1))
        )
        for spacing in (0.5e-3, 0.25e-3)
    )
    result = itrusst.compare(coarse, fine.astype(np.complex64), itrusst.BEHIND_BONE_M + 7.5e-3)
    return at_most(
        AREA,
        f"born: ITRUSST {benchmark}, bowl, 0.5 mm against 0.25 mm, L∞",
        result.linf,
        0.03,
        "1",
        "own solve at twice the resolution",
    )


def device_checks() -> Iterator[Check]:
    """Compare the field of the GPU with that of the CPU, or say that there is none."""
    reference = "the CPU's kernels on the same problem"
    if not device.available():
        name = "born: device cuda against cpu, not compared: no GPU that CuPy can use is here"
        yield at_most(AREA, name, np.nan, 1e-3, "1", reference)
        return
    layers = Layers((WATER, BONE, WATER), (-1e-3, 1e-3))
    small = layered_medium(layers, small_grid((20, 18, 16)), SMALL_HZ)
    problems: tuple[tuple[str, Medium, Source, float], ...] = (
        ("through bone", small, point_source((-3e-3, 0.4e-3, 0.0)), 1e-2),
        ("ITRUSST 3, bowl", itrusst.medium(3, itrusst.grid()), itrusst.source(1), 2e-3),
    )
    for what, medium, source, tolerance in problems:
        cuda, cpu = (
            solve_born(medium, source, options=BornOptions(tolerance=tolerance, device=where))
            for where in ("cuda", "cpu")
        )
        name = f"born: device cuda against cpu, {what}, L2"
        yield at_most(AREA, name, device_difference(cuda, cpu), 1e-3, "1", reference)


def device_difference(cuda: PressureField, cpu: PressureField) -> float:
    """Return the complex L2 difference of two fields on one grid."""
    return _difference(cuda.pressure, cpu.pressure)
