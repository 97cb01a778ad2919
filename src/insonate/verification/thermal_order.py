"""How fast the errors of the heat scheme fall with cells and steps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from insonate.core import Frame, Grid, SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat import (
    HeatSource,
    ThermalModel,
    ThermalOptions,
    advance,
    build_thermal_model,
)
from insonate.heat.lattice import Lattice, Material, Surroundings, build_lattice
from insonate.heat.scheme import Stepper
from insonate.heat.simulation import Pacer, Simulation
from insonate.verification import bioheat, thermal_subjects
from insonate.verification.bioheat import GaussianSource

_BRAIN = thermal_subjects.tissue_medium(Tissue.BRAIN)
_BESIDE = GaussianSource(1.0e7, 3e-3)


def space_order(
    build: Callable[[Grid, Material, Surroundings], Lattice] = build_lattice,
) -> float:
    """Observed order in space: a cosine mode in an insulated cube on 8, 16 and 32 cells."""
    errors = []
    for cells in (8, 16, 32):
        lattice = _cube(cells, build)
        mode, decay = _mode(lattice.grid)
        time = 1.0 / decay
        final = _carry(Stepper(lattice, 10 * mode, _no_heat(lattice)), time, 48)
        errors.append(float(np.abs(final - 10 * mode * np.exp(-1.0)).max()))
    return float(np.log2(errors[-2] / errors[-1]))


def time_order(
    carry: Callable[[Stepper, float, int], NDArray[np.float32]] | None = None,
) -> float:
    """Observed order in time: the same mode on one grid in 2, 4 and 8 steps."""
    lattice = _cube(16, build_lattice)
    mode, decay = _mode(lattice.grid)
    h = float(lattice.grid.spacing_m[0])
    discrete = sum(4 / h**2 * np.sin(k * h / 2) ** 2 for k in _wave_numbers(lattice.grid))
    time = 2.0 / decay
    exact = 10 * mode * np.exp(-_BRAIN.diffusivity * discrete * time)
    errors = []
    for count in (2, 4, 8):
        stepper = Stepper(lattice, 10 * mode, _no_heat(lattice))
        errors.append(float(np.abs((carry or _carry)(stepper, time, count) - exact).max()))
    return float(np.log2(errors[-2] / errors[-1]))


def source_space_order() -> float:
    """Observed order in space of the peak's surroundings: a Gaussian source, 8 s, three grids."""
    return _order(source_space_errors())


def source_space_errors() -> dict[float, float]:
    """Root mean square error (K) by the spacing (mm)."""
    source = GaussianSource(peak=1.0e7, width_m=3e-3)
    errors = {}
    for h in (2e-3, 1e-3, 0.5e-3):
        n = round(24e-3 / h)
        options = ThermalOptions(
            fine_half_width_m=2e-3, coarse_spacing_m=h, fine_spacing_m=h, first_step_s=0.1,
            power_step_s=0.1, step_tolerance_k=1e-3,
        )  # fmt: skip
        head = thermal_subjects.brain_block(n, h)
        model = build_thermal_model(head, np.zeros(3), options=options)
        heat = thermal_subjects.gaussian_heat(model, source, np.zeros(3))
        rest = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
        state = advance(model, rest, heat, power_w=1.0, duration_s=8.0, water_degc=37.0)
        distance = np.linalg.norm(model.coarse_grid.points(), axis=-1)
        near = distance < 8e-3
        line = np.linspace(0.0, 8.1e-3, 400)
        exact = bioheat.gaussian_rise(_BRAIN, source, line, 8.0)
        found = state.coarse_degc[near] - BODY_TEMPERATURE_DEGC
        error = found - CubicSpline(line, exact)(distance[near])
        errors[1e3 * h] = float(np.sqrt((error**2).mean()))
    return errors


def _order(errors: dict[float, float]) -> float:
    """Return the order from the last two of errors whose steps are halved."""
    *_, before, last = errors.values()
    return float(np.log2(before / last))


def joint_order(kind: type[Simulation] = Simulation) -> float:
    """Observed order of both grids together, cells and steps halved at once.

    A Gaussian source beside the boundary between the grids.
    """
    return _order(joint_errors(kind))


def pair_time_order(kind: type[Simulation] = Simulation) -> float:
    """Observed order in time of both grids together, their cells fixed."""
    return _order(pair_time_errors(kind))


def pair_time_errors(kind: type[Simulation] = Simulation) -> dict[float, float]:
    """Root mean square error (K) of the fine grid by the step (s), against 256 steps."""
    model, heat, _ = _beside_the_boundary(2e-3)
    ends = {16.0 / n: _in_steps(model, heat, n, kind) for n in (16, 32, 64, 256)}
    *steps, finest = ends
    return {s: float(np.sqrt(((ends[s] - ends[finest]) ** 2).mean())) for s in steps}


def joint_errors(kind: type[Simulation] = Simulation) -> dict[float, float]:
    """Root mean square error (K) of the fine grid by the spacing (mm) of the coarse one."""
    errors = {}
    for h in (2e-3, 1e-3):
        model, heat, middle = _beside_the_boundary(h)
        found = _in_steps(model, heat, round(16e-3 / h), kind)
        distance = np.linalg.norm(model.fine_grid.points() - middle, axis=-1)
        line = np.linspace(0.0, 20e-3, 400)
        rise = bioheat.gaussian_rise(_BRAIN, _BESIDE, line, 16.0)
        exact = CubicSpline(line, rise)(distance)
        errors[1e3 * h] = float(np.sqrt(((found - exact) ** 2).mean()))
    return errors


def _beside_the_boundary(h: float) -> tuple[ThermalModel, HeatSource, NDArray[np.float64]]:
    """Return two grids of h and h/2, heat beside their boundary, and its middle."""
    options = ThermalOptions(fine_half_width_m=8e-3, coarse_spacing_m=h, fine_spacing_m=h / 2)
    head = thermal_subjects.brain_block(round(48e-3 / h), h)
    model = build_thermal_model(head, np.zeros(3), options=options)
    middle = np.array([5e-3, 1e-3, 0.0])
    return model, thermal_subjects.gaussian_heat(model, _BESIDE, middle), middle


def source_time_order() -> float:
    """Observed order in time under a Gaussian source: 8 s in 4, 8 and 128 steps on one grid."""
    return _order(source_time_errors())


def source_time_errors() -> dict[float, float]:
    """Root mean square error (K) by the step (s), against 128 steps on the same grid."""
    lattice = _cube(24, build_lattice)
    axes = [axis / 3e-3 for axis in lattice.grid.axes()]
    x, y, z = (np.exp(-0.5 * axis**2) for axis in axes)
    heat = frozen(1e7 * x[:, None, None] * y[:, None] * z, np.float32)
    ends = {}
    for count in (2, 4, 8, 128):
        stepper = Stepper(lattice, np.zeros(lattice.grid.shape, np.float32), heat)
        for _ in range(count):
            stepper.evaluate(1.0)
            stepper.step(8.0 / count)
        ends[8.0 / count] = stepper.rise.copy()
    *steps, finest = ends
    return {s: float(np.sqrt(((ends[s] - ends[finest]) ** 2).mean())) for s in steps}


def _in_steps(
    model: ThermalModel, source: HeatSource, count: int, kind: type[Simulation]
) -> NDArray[np.float32]:
    """Return the fine rise after 16 s of power in ``count`` equal steps of both grids."""
    body = (
        np.full(grid.shape, BODY_TEMPERATURE_DEGC, np.float32)
        for grid in (model.coarse_grid, model.fine_grid)
    )
    simulation = kind(model, *body)
    simulation.set_source(source)
    step = 16.0 / count
    free = replace(
        model.options, first_step_s=step, power_step_s=step, step_tolerance_k=10.0,
        error_tolerance_k=10.0,
    )  # fmt: skip
    simulation.run(16.0, 1.0, (Pacer(free, step, step), Pacer(free, step, step)))
    if simulation.fine is None:
        raise SettingsError("The order of a pair of grids needs both; the fine one is missing.")
    return simulation.fine.rise[1:-1, 1:-1, 1:-1]


def _carry(stepper: Stepper, time: float, count: int) -> NDArray[np.float32]:
    for _ in range(count):
        stepper.evaluate(0.0)
        stepper.step(time / count)
    return stepper.rise[1:-1, 1:-1, 1:-1]


def _cube(cells: int, build: Callable[[Grid, Material, Surroundings], Lattice]) -> Lattice:
    shape = (cells, cells, cells)
    grid = Grid.centred(np.zeros(3), 0.032 / cells, shape, Frame.CT)
    brain = Material(
        np.full(shape, _BRAIN.conductivity, np.float32),
        np.full(shape, _BRAIN.capacity, np.float32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.bool_),
    )
    return build(grid, brain, Surroundings(500.0, "insulated"))


def _wave_numbers(grid: Grid) -> tuple[float, float, float]:
    edge = float(grid.spacing_m[0]) * grid.shape[0]
    return np.pi / edge, 2 * np.pi / edge, np.pi / edge


def _mode(grid: Grid) -> tuple[NDArray[np.float32], float]:
    """Return a mode of the insulated cube, and its exact decay rate (1/s)."""
    waves = _wave_numbers(grid)
    corner = grid.origin_m - grid.spacing_m / 2
    x, y, z = (np.cos(k * (a - c)) for k, a, c in zip(waves, grid.axes(), corner, strict=True))
    mode = (x[:, None, None] * y[:, None] * z).astype(np.float32)
    return mode, _BRAIN.diffusivity * sum(k**2 for k in waves)


def _no_heat(lattice: Lattice) -> NDArray[np.float32]:
    return frozen(np.zeros(lattice.grid.shape, np.float32))
