"""The checks of heat: each number computed from the model, against a closed form."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from insonate.core import Tissue
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat import (
    HeatSource,
    ThermalModel,
    ThermalOptions,
    ThermalState,
    advance,
    build_thermal_model,
    initial_state,
)
from insonate.heat.advance import Course
from insonate.heat.readout import focus_peak, heat_flows, temperature_at
from insonate.verification import bioheat, thermal_dose, thermal_order, thermal_subjects
from insonate.verification.bioheat import GaussianSource, Layer
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.thermal_slab import transient_slab
from insonate.verification.thermal_subjects import brain_block, gaussian_heat

WATER_DEGC = 15.0
SESSION_S = 3 * 3600.0
SONICATIONS = 20
SLAB_TIMES_S = (60.0, 300.0, 1200.0)

_BRAIN = thermal_subjects.tissue_medium(Tissue.BRAIN)
_FOCUS = GaussianSource(peak=1.0e7, width_m=2.5e-3)  # about 20 K in 10 s
_SLAB = {Tissue.WATER: 4, Tissue.SCALP: 6, Tissue.SKULL: 8, Tissue.BRAIN: 46}


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


def checks() -> Iterator[Check]:
    """Compute every check of heat."""
    yield from _closed_form_checks()
    yield from _slab_checks()
    yield from _energy_checks()
    yield from _order_checks()
    yield from _dose_checks()


def _closed_form_checks() -> Iterator[Check]:
    duhamel = "Carslaw & Jaeger 1959, section 10.3: Duhamel's integral by quadrature"
    point = "Carslaw & Jaeger 1959, section 10.2: point source in an infinite medium"
    for perfused, words in ((False, "without perfusion"), (True, "with perfusion")):
        error = gaussian_error(perfused=perfused)
        yield at_most("heat", f"Gaussian source, {words}, 10 s on and 20 s off", error, 0.005, "1", duhamel)  # fmt: skip
    for perfused, words in ((False, "without perfusion"), (True, "with perfusion")):
        error = point_error(perfused=perfused)
        yield at_most("heat", f"instantaneous point source, {words}, after 150 s", error, 0.005, "1", point)  # fmt: skip
    early = point_error(perfused=True, time_s=60.0, cell_m=0.25e-3)
    yield at_most("heat", "instantaneous point source on cells of 0.25 mm, after 60 s", early, 0.005, "1", point)  # fmt: skip
    yield at_most(
        "heat", "decay by perfusion alone", decay_error(), 0.005, "1", "Pennes 1948: e^{−pt}"
    )
    yield at_most(
        "heat", "peak between cells, wherever the spot falls on the grid", peak_error(), 0.01, "1",
        "Gaussian source shifted by parts of a cell; Duhamel's integral",
    )  # fmt: skip


def _slab_checks() -> Iterator[Check]:
    steady = "layered perfused slab with an exchange coefficient, solved exactly"
    yield at_most("heat", "water, scalp, bone, brain: steady state", slab_error(), 0.01, "1", steady)  # fmt: skip
    series = "eigenfunction series of the layered slab (Özışık, Heat Conduction, chapter 8)"
    early = transient_errors(times=(30.0,), spacing=0.5e-3)[30.0]
    yield at_most("heat", "water, scalp, bone, brain: after 30 s, cells of 0.5 mm", early, 0.01, "1", series)  # fmt: skip
    for time, error in transient_errors().items():
        yield at_most("heat", f"water, scalp, bone, brain: after {time:g} s", error, 0.01, "1", series)  # fmt: skip


def _energy_checks() -> Iterator[Check]:
    yield at_most(
        "heat", f"absorbed = stored + carried off, {SONICATIONS} sonications in 3 h",
        session_residual(), 1e-3, "1", "conservation of energy",
    )  # fmt: skip
    yield at_most(
        "heat", "two grids against one fine grid", coupling_error(), 0.005, "1",
        "the same source on one grid of 0.5 mm",
    )  # fmt: skip
    yield at_most(
        "heat", "late cooling on the coarse grid alone, three sonications", fold_error(), 0.005, "1",
        "the same with both grids all the time",
    )  # fmt: skip


def _order_checks() -> Iterator[Check]:
    mode = "decay of a cosine mode; Meyer, Balsara & Aslam 2014"
    yield at_least("heat", "observed order in space", thermal_order.space_order(), 1.9, "1", mode)  # fmt: skip
    yield at_least("heat", "observed order in time", thermal_order.time_order(), 1.9, "1", mode)  # fmt: skip
    duhamel = "Carslaw & Jaeger 1959, section 10.3: Duhamel's integral by quadrature"
    yield at_least(
        "heat", "Gaussian source: observed order in space", thermal_order.source_space_order(),
        1.9, "1", duhamel,
    )  # fmt: skip
    yield at_least(
        "heat", "Gaussian source: observed order in time", thermal_order.source_time_order(), 1.9,
        "1", "the same grid in sixteen times as many steps",
    )  # fmt: skip
    yield at_least(
        "heat", "Gaussian source beside the boundary of two grids: observed order in time",
        thermal_order.pair_time_order(), 1.9, "1", "the same grids in four times as many steps",
    )  # fmt: skip
    yield at_least(
        "heat", "Gaussian source beside the boundary of two grids: observed order, cells and steps",
        thermal_order.joint_order(), 1.9, "1", duhamel,
    )  # fmt: skip


def _dose_checks() -> Iterator[Check]:
    for name, error in thermal_dose.dose_errors().items():
        yield at_most("heat", f"dose: {name}", error, 1e-6, "1", "Sapareto & Dewey 1984, exact")
    for name, (value, printed) in thermal_dose.frame_doses().items():
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
    model, medium = _medium_model(48, 10e-3, perfused=perfused)
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


def point_error(
    *, perfused: bool, solver: Solver = advance, time_s: float = 150.0, cell_m: float = 0.5e-3
) -> float:
    """Largest departure of what a single hot cell becomes, over its peak.

    No grid holds a point: what begins in one cell of width h is h²/8Dt of itself too high along
    each axis, whatever the steps (the fourth cumulant of a walk from cell to cell), so the error
    falls as 1/t and as h².
    """
    model, medium = _medium_model(36, 12e-3, perfused=perfused, cell_m=cell_m)
    cell = tuple(n // 2 for n in model.fine_grid.shape)
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
    hot = state.fine_degc.copy()
    heat = 2.0e5 * 0.5e-3**3  # K m³: that of a cell of 0.5 mm
    hot[cell] += heat / model.fine_grid.voxel_volume_m3
    state = replace(state, fine_degc=hot)
    state = solver(model, state, None, power_w=0.0, duration_s=time_s, water_degc=37.0)
    middle = model.fine_grid.points_of(np.array(cell))
    distance = np.linalg.norm(model.fine_grid.points() - middle, axis=-1)
    near = distance < 9e-3
    exact = bioheat.point_rise(medium, heat, distance[near], time_s)
    found = state.fine_degc[near] - BODY_TEMPERATURE_DEGC
    return float(np.abs(found - exact).max() / exact.max())


def decay_error(solver: Solver = advance) -> float:
    """Relative departure from e^{−pt} of a uniformly warm, perfused block after two minutes."""
    model, medium = _medium_model(24, 6e-3, perfused=True)
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC + 10.0)
    state = solver(model, state, None, power_w=0.0, duration_s=120.0, water_degc=37.0)
    exact = 10.0 * np.exp(-medium.sink * 120.0)
    worst = [np.abs(f - BODY_TEMPERATURE_DEGC - exact).max() for f in (state.fine_degc, state.coarse_degc)]  # fmt: skip
    return float(max(worst) / exact)


Peak = Callable[[ThermalModel, ThermalState], float]


def peak_error(peak: Peak | None = None) -> float:
    """Largest error of the focal peak of a narrow spot, over places on the grid.

    The spot is as narrow as that of a corrected array at 650 kHz, |p|² of 1.5 mm at half
    maximum, 10 s on.
    """
    spot = GaussianSource(peak=4.0e7, width_m=0.64e-3)
    model, medium = _medium_model(20, 6e-3, perfused=True)
    exact = float(bioheat.gaussian_rise(medium, spot, 0.0, 10.0))
    worst = 0.0
    for part in ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.0, 0.0), (0.3, 0.1, 0.2)):
        source = gaussian_heat(model, spot, 0.5e-3 * (np.array(part) + 0.5))
        state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
        state = advance(model, state, source, power_w=1.0, duration_s=10.0, water_degc=37.0)
        found = (peak or _between_cells)(model, state) - BODY_TEMPERATURE_DEGC
        worst = max(worst, abs(found - exact) / exact)
    return worst


def _between_cells(model: ThermalModel, state: ThermalState) -> float:
    return focus_peak(model, state, 3e-3).temperature_degc


# --- layers ----------------------------------------------------------------------------------


def slab_error(solver: Solver = advance) -> float:
    """Departure from the exact steady state under cooled water, over the cooling of the water."""
    model, depth, inside, layers = _slab_model(2e-3)
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
    state = solver(
        model, state, None, power_w=0.0, duration_s=2 * 3600.0, water_degc=WATER_DEGC
    )
    water = WATER_DEGC - BODY_TEMPERATURE_DEGC
    exact = bioheat.layered_slab(layers, model.options.water_exchange, water, depth[inside])
    found = state.coarse_degc[0, 0, inside] - BODY_TEMPERATURE_DEGC
    return float(np.abs(found - exact).max() / -water)


def transient_errors(
    solver: Solver = advance, *, times: tuple[float, ...] = SLAB_TIMES_S, spacing: float = 1e-3
) -> dict[float, float]:
    """Departure from the series at each time after the water came, over its cooling."""
    model, depth, inside, layers = _slab_model(spacing)
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
    water, errors = WATER_DEGC - BODY_TEMPERATURE_DEGC, {}
    for time in times:
        step = time - state.time_s
        state = solver(model, state, None, power_w=0.0, duration_s=step, water_degc=WATER_DEGC)
        exact = transient_slab(layers, model.options.water_exchange, water, depth[inside], time)
        found = state.coarse_degc[0, 0, inside] - BODY_TEMPERATURE_DEGC
        errors[time] = float(np.abs(found - exact).max() / -water)
    return errors


def _slab_model(
    spacing: float,
) -> tuple[ThermalModel, NDArray[np.float64], NDArray[np.bool_], tuple[Layer, ...]]:
    """Return a slab, the depth of its coarse cells, which are tissue, and its layers."""
    voxel = min(spacing, 1e-3)
    counts = [round(n * 1e-3 / voxel) for n in _SLAB.values()]
    column = np.repeat([int(t) for t in _SLAB], counts).astype(np.int8)
    labels = np.broadcast_to(column[::-1], (8, 8, column.size))
    head = thermal_subjects.hand_made_head(labels, voxel)
    options = ThermalOptions(
        fine_half_width_m=2 * voxel, fine_spacing_m=voxel, coarse_spacing_m=spacing,
        step_tolerance_k=0.5,
    )  # fmt: skip
    model = build_thermal_model(head, np.zeros(3), options=options)
    layers = tuple(
        Layer(n * 1e-3, thermal_subjects.tissue_medium(t))
        for t, n in _SLAB.items()
        if t is not Tissue.WATER
    )
    surface = head.grid.axes()[2][-counts[0]] - voxel / 2
    depth = surface - model.coarse_grid.axes()[2]
    return model, depth, depth > 0, layers


# --- energy and coupling ---------------------------------------------------------------------


def session_residual(solver: Solver | None = None) -> float:
    """|absorbed − stored − carried off| over absorbed, in a pre-cooled ball of three tissues.

    Twenty sonications of 10 s in three hours. Without a ``solver`` the model's own book is
    judged; else the losses are summed over the solver's states.
    """
    head = thermal_subjects.hand_made_head(thermal_subjects.nested_ball(40, 4))
    model = build_thermal_model(
        head, np.zeros(3), options=ThermalOptions(fine_half_width_m=4e-3)
    )
    source = gaussian_heat(model, GaussianSource(8.0e6, 7e-3), np.array([5e-3, -2e-3, 3e-3]))
    state = initial_state(model, water_degc=WATER_DEGC, precool_s=600.0)
    if solver is not None:
        return _summed_residual(model, source, state, solver)
    course = Course(model, state)
    for _ in range(SONICATIONS):
        course.run(source, power_w=1.0, duration_s=10.0, water_degc=WATER_DEGC)
        course.run(
            source,
            power_w=0.0,
            duration_s=SESSION_S / SONICATIONS - 10.0,
            water_degc=WATER_DEGC,
        )
    end = course.state()
    gained = heat_flows(model, end).stored_j - heat_flows(model, state).stored_j
    book = end.energy
    return abs(book.absorbed_j - gained - book.carried_off_j) / book.absorbed_j


def _summed_residual(
    model: ThermalModel, source: HeatSource, state: ThermalState, solver: Solver
) -> float:
    start = before = heat_flows(model, state)
    wanted = advance(model, state, source, power_w=1.0, duration_s=10.0, water_degc=WATER_DEGC)
    carried = 0.0
    for power, step in [(1.0, 1.0)] * 10 + [(0.0, 1.0)] * 8 + [(0.0, 4.0)] * 13:
        state = solver(
            model, state, source, power_w=power, duration_s=step, water_degc=WATER_DEGC
        )
        after = heat_flows(model, state)
        carried += step * (before.carried_off_w + after.carried_off_w) / 2
        before = after
    absorbed = wanted.energy.absorbed_j
    return abs(absorbed - (before.stored_j - start.stored_j) - carried) / absorbed


def coupling_error(solver: Solver = advance) -> float:
    """Departure of the pair of grids from one grid of 0.5 mm, over the highest rise.

    The fine region is only 8 mm wide to each side, so that heat does cross its boundary within
    the minute.
    """
    rises = []
    point = np.array([0.001, -0.0005, 0.0015])
    axis = np.linspace(-7e-3, 7e-3, 15)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    for head, options in (
        (brain_block(36), ThermalOptions(fine_half_width_m=8e-3)),
        (brain_block(72, 0.5e-3), ThermalOptions(fine_half_width_m=2e-3, coarse_spacing_m=0.5e-3)),
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


def fold_error(tolerance_k: float = 0.02) -> float:
    """Departure of late cooling on the coarse grid alone from both grids, over the highest rise.

    Three sonications of 10 s, each with a wait of five minutes; compared in all fine cells at the
    end of each power and of each wait, so that what is left behind is seen in the next one.
    """
    rises = []
    for tolerance in (tolerance_k, 0.0):
        options = ThermalOptions(fine_half_width_m=10e-3, fold_tolerance_k=tolerance)
        model = build_thermal_model(brain_block(48), np.zeros(3), options=options)
        source = gaussian_heat(model, _FOCUS, np.array([0.001, -0.0005, 0.0015]))
        course = Course(model, thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC))
        found = []
        for power, duration in ((1.0, 10.0), (0.0, 290.0)) * 3:
            course.run(source, power_w=power, duration_s=duration, water_degc=37.0)
            found.append(course.degc()[0] - BODY_TEMPERATURE_DEGC)
        rises.append(np.stack(found))
    return float(np.abs(rises[0] - rises[1]).max() / rises[1].max())


def _medium_model(
    voxels: int, half_width_m: float, *, perfused: bool, cell_m: float = 0.5e-3
) -> tuple[ThermalModel, bioheat.Medium]:
    """Return a block of brain, and what it is made of."""
    head = brain_block(voxels)
    if not perfused:
        head = replace(head, perfusion=np.zeros_like(head.perfusion))
    options = ThermalOptions(fine_half_width_m=half_width_m, fine_spacing_m=cell_m)
    model = build_thermal_model(head, np.zeros(3), options=options)
    return model, _BRAIN if perfused else replace(_BRAIN, sink=0.0)
