"""The checks of heat: each number computed from the model, against a closed form."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from insonate.core import Frame, Grid, Tissue
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.head.model import HeadModel
from insonate.heat import (
    HeatSource,
    ThermalModel,
    ThermalOptions,
    ThermalState,
    advance,
    build_thermal_model,
    initial_state,
)
from insonate.heat.dose import cem43
from insonate.heat.lattice import Lattice, Material, Surroundings, build_lattice
from insonate.heat.readout import heat_flows, temperature_at
from insonate.heat.scheme import Stepper
from insonate.heat.voxels import block_mean
from insonate.verification import bioheat, thermal_subjects
from insonate.verification.bioheat import GaussianSource, Layer
from insonate.verification.check import Check, at_least, at_most

WATER_DEGC = 15.0
_BRAIN = thermal_subjects.tissue_medium(Tissue.BRAIN)
_FOCUS = GaussianSource(peak=1.0e7, width_m=2.5e-3)  # about 20 K in 10 s


class Solver(Protocol):
    """What carries a state on: ``heat.advance``, or a wrong one in a test of the check."""

    def __call__(
        self,
        model: ThermalModel,
        state: ThermalState,
        source: HeatSource | None,
        *,
        power_w: float,
        duration_s: float,
        water_degc: float,
    ) -> ThermalState:
        """Carry ``state`` on."""
        ...


Dose = Callable[[ArrayLike, ArrayLike, str], NDArray[np.float64]]


def checks() -> Iterator[Check]:
    """Compute every check of heat."""
    yield from _closed_form_checks()
    yield from _scheme_checks()
    yield from _dose_checks()
    yield from _frame_checks()


def _closed_form_checks() -> Iterator[Check]:
    duhamel = "Carslaw & Jaeger 1959, section 10.3: Duhamel's integral by quadrature"
    for perfused, words in ((False, "without perfusion"), (True, "with perfusion")):
        error = gaussian_error(perfused=perfused)
        yield at_most("heat", f"Gaussian source, {words}, 10 s on and 20 s off", error, 0.01, "1", duhamel)  # fmt: skip
    yield at_most(
        "heat", "decay by perfusion alone", decay_error(), 0.01, "1", "Pennes 1948: e^{−pt}"
    )
    yield at_most(
        "heat", "water, scalp, bone, brain: steady state", slab_error(), 0.01, "1",
        "layered perfused slab with an exchange coefficient, solved exactly",
    )  # fmt: skip
    yield at_most(
        "heat", "absorbed = stored + carried off, 10 s on and 60 s off", energy_residual(), 1e-3,
        "1", "conservation of energy",
    )  # fmt: skip
    yield at_most(
        "heat", "two grids against one fine grid", coupling_error(), 0.005, "1",
        "the same source on one grid of 0.5 mm",
    )  # fmt: skip


def _scheme_checks() -> Iterator[Check]:
    paper = "decay of a cosine mode; Meyer, Balsara & Aslam 2014"
    yield at_least("heat", "observed order in space", space_order(), 1.9, "1", paper)
    yield at_least("heat", "observed order in time", time_order(), 1.9, "1", paper)


def _dose_checks() -> Iterator[Check]:
    for name, error in dose_errors().items():
        yield at_most("heat", f"dose: {name}", error, 1e-6, "1", "Sapareto & Dewey 1984, exact")


def _frame_checks() -> Iterator[Check]:
    for name, (value, printed) in frame_doses().items():
        yield at_most(
            "heat", f"frame time and dose: {name}: {value:.2f} CEM43, printed {printed:.0f}",
            abs(value - printed), 0.5, "CEM43",
            "10 s to 57 °C, τ 4 s up and 5 s down; to the digits printed",
        )  # fmt: skip


# --- closed forms ----------------------------------------------------------------------------


def gaussian_error(*, perfused: bool, solver: Solver = advance) -> float:
    """Largest departure from Duhamel's integral within 9 mm, over the highest rise.

    Compared in the fine cells themselves: reading between them is linear interpolation, which
    adds up to h²/8 ∇²U.
    """
    head = _brain_block(48)
    if not perfused:
        head = replace(head, perfusion=np.zeros_like(head.perfusion))
    medium = _BRAIN if perfused else replace(_BRAIN, sink=0.0)
    model = build_thermal_model(
        head, np.zeros(3), options=ThermalOptions(fine_half_width_m=10e-3)
    )
    source = gaussian_heat(model, _FOCUS, np.zeros(3))
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
    distance = np.linalg.norm(model.fine_grid.points(), axis=-1)
    near = distance < 9e-3
    line = np.linspace(0.0, 9e-3, 181)
    errors, peak = [], 0.0
    for power, duration in ((1.0, 10.0), (0.0, 20.0)):
        state = solver(
            model, state, source, power_w=power, duration_s=duration, water_degc=37.0
        )
        exact = bioheat.gaussian_rise(medium, _FOCUS, line, state.time_s)
        exact = exact - bioheat.gaussian_rise(medium, _FOCUS, line, state.time_s - 10.0)
        found = state.fine_degc[near] - BODY_TEMPERATURE_DEGC
        peak = max(peak, float(exact.max()))
        errors.append(float(np.abs(found - np.interp(distance[near], line, exact)).max()))
    return max(errors) / peak


def decay_error(solver: Solver = advance) -> float:
    """Relative departure from e^{−pt} of a uniformly warm, perfused block after two minutes."""
    model = build_thermal_model(
        _brain_block(24), np.zeros(3), options=ThermalOptions(fine_half_width_m=6e-3)
    )
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC + 10.0)
    state = solver(model, state, None, power_w=0.0, duration_s=120.0, water_degc=37.0)
    exact = 10.0 * np.exp(-_BRAIN.sink * 120.0)
    worst = [np.abs(f - BODY_TEMPERATURE_DEGC - exact).max() for f in (state.fine_degc, state.coarse_degc)]  # fmt: skip
    return float(max(worst) / exact)


def slab_error(solver: Solver = advance) -> float:
    """Departure from the exact steady state under cooled water, over the cooling of the water."""
    thickness = {Tissue.WATER: 4, Tissue.SCALP: 6, Tissue.SKULL: 8, Tissue.BRAIN: 46}
    column = np.repeat([int(t) for t in thickness], list(thickness.values())).astype(np.int8)
    head = thermal_subjects.hand_made_head(np.broadcast_to(column[::-1], (10, 10, column.size)))
    options = ThermalOptions(
        fine_half_width_m=3e-3, fine_spacing_m=1e-3, cooling_step_s=600.0, step_tolerance_k=0.5
    )
    model = build_thermal_model(head, np.zeros(3), options=options)
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
    state = solver(
        model, state, None, power_w=0.0, duration_s=2 * 3600.0, water_degc=WATER_DEGC
    )
    layers = tuple(
        Layer(n * 1e-3, thermal_subjects.tissue_medium(t))
        for t, n in thickness.items()
        if t is not Tissue.WATER
    )
    surface = head.grid.axes()[2][-thickness[Tissue.WATER]] - 0.5e-3
    heights = model.coarse_grid.axes()[2]
    inside = heights < surface
    water = WATER_DEGC - BODY_TEMPERATURE_DEGC
    exact = bioheat.layered_slab(
        layers, options.water_exchange, water, surface - heights[inside]
    )
    found = state.coarse_degc[2, 2, inside] - BODY_TEMPERATURE_DEGC
    return float(np.abs(found - exact).max() / -water)


def energy_residual(solver: Solver = advance) -> float:
    """|absorbed − stored − carried off| over absorbed, in a pre-cooled ball of three tissues."""
    head = thermal_subjects.hand_made_head(thermal_subjects.nested_ball())
    model = build_thermal_model(
        head, np.zeros(3), options=ThermalOptions(fine_half_width_m=4e-3)
    )
    source = gaussian_heat(model, GaussianSource(1.0e6, 9e-3), np.array([0.01, -0.004, 0.006]))
    live = ~model.coarse.held
    heat = float(source.coarse[live].sum(dtype=np.float64)) * model.coarse_grid.voxel_volume_m3
    state = initial_state(model, water_degc=WATER_DEGC, precool_s=600.0)
    start = before = heat_flows(model, state)
    carried = 0.0
    for power, step in [(1.0, 1.0)] * 10 + [(0.0, 1.0)] * 8 + [(0.0, 4.0)] * 13:
        state = solver(
            model, state, source, power_w=power, duration_s=step, water_degc=WATER_DEGC
        )
        after = heat_flows(model, state)
        carried += step * (before.carried_off_w + after.carried_off_w) / 2
        before = after
    absorbed = 10.0 * heat
    return abs(absorbed - (before.stored_j - start.stored_j) - carried) / absorbed


def coupling_error(solver: Solver = advance) -> float:
    """Departure of the fine window from one grid of 0.5 mm, over the highest rise.

    The window is only 8 mm wide to each side, so that heat does cross its boundary within the
    minute.
    """
    rises = []
    point = np.array([0.001, -0.0005, 0.0015])
    axis = np.linspace(-7e-3, 7e-3, 15)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    for head, options in (
        (_brain_block(36), ThermalOptions(fine_half_width_m=8e-3)),
        (_brain_block(72, 0.5e-3), ThermalOptions(fine_half_width_m=2e-3, coarse_spacing_m=0.5e-3)),
    ):  # fmt: skip
        model = build_thermal_model(head, np.zeros(3), options=options)
        source = gaussian_heat(model, _FOCUS, point)
        state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
        found = []
        for power, duration in ((1.0, 10.0), (0.0, 50.0)):
            state = solver(
                model, state, source, power_w=power, duration_s=duration, water_degc=37.0
            )
            found.append(temperature_at(model, state, points) - BODY_TEMPERATURE_DEGC)
        rises.append(np.stack(found))
    return float(np.abs(rises[0] - rises[1]).max() / rises[1].max())


# --- the scheme ------------------------------------------------------------------------------


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


def _carry(stepper: Stepper, time: float, count: int) -> NDArray[np.float32]:
    for _ in range(count):
        stepper.evaluate(0.0, _no_ghosts)
        stepper.step(time / count, 0.0, _no_ghosts)
    return stepper.rise[1:-1, 1:-1, 1:-1]


def _no_ghosts(_field: NDArray[np.float32], _part: float) -> None:
    """Leave the ghost layer: no heat crosses the walls."""


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
    heat = np.zeros(lattice.grid.shape, np.float32)
    heat.flags.writeable = False
    return heat


# --- dose ------------------------------------------------------------------------------------


def dose_errors(dose: Dose = cem43) -> dict[str, float]:
    """Relative error of dose values that can be written down exactly."""
    found = {
        "57 °C for 1 s = 2^14/60": (dose([0, 1], [57, 57], "sapareto"), 2.0**14 / 60),
        "54 °C for 3 s = 3·2^11/60": (dose([0, 3], [54, 54], "sapareto"), 3 * 2.0**11 / 60),
        "51 °C for 10 s = 10·2^8/60": (dose([0, 10], [51, 51], "sapareto"), 10 * 2.0**8 / 60),
        "240 CEM43 in 14400/2^11 s at 54 °C": (dose([0, 7.03125], [54, 54], "floor37"), 240.0),
        "240 CEM43 in 14400/2^14 s at 57 °C": (dose([0, 0.87890625], [57, 57], "floor37"), 240.0),
        "ramp 41 to 46 °C in 5 s": (
            dose([0, 5], [41, 46], "sapareto"),
            ((1 - 4.0**-2) / np.log(4.0) + (2.0**3 - 1) / np.log(2.0)) / 60,
        ),
        "ramp 35 to 43 °C in 8 s from 37 °C on": (
            dose([0, 8], [35, 43], "floor37"),
            (1 - 4.0**-6) / np.log(4.0) / 60,
        ),
        "ramp 45 to 37 °C in 8 s, down to 39 °C, R = 1/2 once 43 °C was passed": (
            dose([0, 8], [45, 37], "iso39"),
            (2.0**2 - 2.0**-4) / np.log(2.0) / 60,
        ),
        "nearly level piece at 50 °C": (
            dose([0, 6], [50, 50 + 1e-9], "sapareto"),
            6 * 2.0**7 / 60,
        ),
    }  # fmt: skip
    return {name: float(abs(value - exact) / exact) for name, (value, exact) in found.items()}


def frame_doses(dose: Dose = cem43) -> dict[str, tuple[float, float]]:
    """Dose of one sonication as frames see it: (computed, printed), CEM43."""
    end = 60.0
    fine = np.linspace(0.0, end, 60_001)
    rows = {"true": (float(dose(fine, bioheat.sonication_curve(fine), "sapareto")), 668.0)}
    for frame, printed in bioheat.FRAME_TABLE_CEM43.items():
        times = np.arange(0.0, end + frame, frame)
        seen = bioheat.sonication_curve(times)
        ways = (
            ("sample and hold", bioheat.steps(seen[:-1], times)),
            ("piecewise linear", (times, seen)),
            ("mean of neighbours", bioheat.steps((seen[1:] + seen[:-1]) / 2, times)),
        )
        for (name, curve), value in zip(ways, printed, strict=True):
            rows[f"{name}, every {frame:g} s"] = (float(dose(*curve, "sapareto")), value)
    return rows


# --- subjects --------------------------------------------------------------------------------


def gaussian_heat(
    model: ThermalModel, source: GaussianSource, centre_m: NDArray[np.float64]
) -> HeatSource:
    """Average a Gaussian source over the cells of both grids, exactly."""
    fine = _cell_means(model.fine_grid, source, centre_m)
    coarse = _cell_means(model.coarse_grid, source, centre_m)
    coarse[model.region] = block_mean(fine, model.ratio)
    return HeatSource(fine.astype(np.float32), coarse.astype(np.float32))


def _cell_means(
    grid: Grid, source: GaussianSource, centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    root = np.sqrt(2.0) * source.width_m
    means = []
    for axis, middle, h in zip(grid.axes(), centre, grid.spacing_m, strict=True):
        edges = np.append(axis - h / 2, axis[-1] + h / 2) - middle
        means.append(np.sqrt(np.pi) / 2 * root / h * np.diff(erf(edges / root)))
    x, y, z = means
    product: NDArray[np.float64] = source.peak * x[:, None, None] * y[:, None] * z
    return product


def _brain_block(voxels: int, spacing_m: float = 1e-3) -> HeadModel:
    labels = np.full((voxels,) * 3, int(Tissue.BRAIN), np.int8)
    return thermal_subjects.hand_made_head(labels, spacing_m)
