"""The checks of heat pass, and each rejects a wrong subject."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from insonate.core import Grid
from insonate.core.arrays import frozen
from insonate.heat import HeatSource, ThermalModel, ThermalState, advance
from insonate.heat.dose import cem43
from insonate.heat.lattice import Lattice, Material, Surroundings, build_lattice
from insonate.heat.scheme import Stepper
from insonate.heat.simulation import Simulation
from insonate.verification import bioheat, heat, thermal_dose, thermal_order, thermal_slab


def test_every_check_passes() -> None:
    failed = [f"{c.check}: {c.value} ({c.limit})" for c in heat.checks() if not c.passed]
    assert failed == []


class Wrong:
    """``advance`` with a fault: too much power, another exchange or perfusion, or a leak."""

    def __init__(self, *, power: float = 1.0, sink: float = 1.0, water: float = 0.0) -> None:
        self._power, self._sink, self._water = power, sink, water

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
        fine, coarse = (
            _more_blood(lattice, self._sink) for lattice in (model.fine, model.coarse)
        )
        return advance(
            replace(model, fine=fine, coarse=coarse),
            state,
            source,
            power_w=power_w * self._power,
            duration_s=duration_s,
            water_degc=water_degc + self._water,
        )


def _more_blood(lattice: Lattice, factor: float) -> Lattice:
    scale = np.array([1, 1, 1, 1, factor], np.float32)
    sink, bulk = frozen(lattice.sink * np.float32(factor)), frozen(lattice.bulk * scale)
    return replace(lattice, sink=sink, bulk=bulk)


def insulated(
    model: ThermalModel,
    state: ThermalState,
    source: HeatSource | None,
    *,
    power_w: float,
    duration_s: float,
    water_degc: float,
) -> ThermalState:
    """Two grids that give each other no heat."""
    faces = []
    for axis, g in enumerate(model.coarse.conductance):
        closed = g.copy()
        part = list(model.region)
        for index in (part[axis].start, part[axis].stop):
            part[axis] = slice(index, index + 1)
            closed[part[0], part[1], part[2]] = 0.0
            part = list(model.region)
        faces.append(frozen(closed))
    rows = model.coarse.rows.copy()
    rows[..., 2] = rows[..., 1]
    coarse = replace(
        model.coarse, conductance=(faces[0], faces[1], faces[2]), rows=frozen(rows)
    )
    if model.ratio > 1:
        model = replace(model, coarse=coarse)
    return advance(
        model, state, source, power_w=power_w, duration_s=duration_s, water_degc=water_degc
    )


def test_a_wrong_power_is_seen() -> None:
    assert heat.gaussian_error(perfused=False, solver=Wrong(power=1.02)) > 0.005
    assert heat.session_residual(Wrong(power=1.01)) > 1e-3
    assert heat.session_residual(advance) < 2e-3


def test_a_wrong_perfusion_is_seen() -> None:
    assert heat.gaussian_error(perfused=True, solver=Wrong(sink=1.5)) > 0.005
    assert heat.point_error(perfused=True, solver=Wrong(sink=1.05)) > 0.005
    assert heat.decay_error(Wrong(sink=1.05)) > 0.005


def test_a_peak_read_from_cells_alone_is_seen() -> None:
    assert heat.peak_error(lambda _, state: float(state.fine_degc.max())) > 0.01


def test_a_wrong_water_is_seen() -> None:
    assert heat.slab_error(Wrong(water=1.0)) > 0.01
    assert max(heat.transient_errors(Wrong(water=1.0)).values()) > 0.01


def test_grids_that_give_each_other_nothing_are_seen() -> None:
    assert heat.coupling_error(insulated) > 0.005


def test_a_pair_that_forgets_what_flows_in_is_of_no_order() -> None:
    class Forgetful(Simulation):
        def run(self, *arguments, **options) -> None:
            self._inflow._ratio = 0
            self._inflow._spread = lambda flows: [
                0 * inverse for _, inverse in self._inflow._sides
            ]
            super().run(*arguments, **options)

    assert thermal_order.joint_order(Forgetful) < 1.9


def test_rates_that_are_not_shared_make_the_pair_of_first_order() -> None:
    """Without the fine cells' rates the coarse grid's step is wrong by its own defect."""

    class Apart(Simulation):
        def _compare(self, step: float) -> float:
            return super()._compare(1e9)

    assert thermal_order.pair_time_order(Apart) < 1.8


def test_a_fold_that_comes_too_early_is_seen() -> None:
    assert heat.fold_error(10.0) > 0.005


def test_a_slab_on_cells_too_large_is_seen() -> None:
    assert heat.transient_errors(times=(30.0,), spacing=1e-3)[30.0] > 0.01


def test_the_error_of_a_point_source_falls_with_its_cells_and_with_time() -> None:
    """As h²/8Dt along each axis, which is why a point needs 0.25 mm or 150 s."""
    large = heat.point_error(perfused=False, time_s=60.0)
    late = heat.point_error(perfused=False, time_s=150.0)
    small = heat.point_error(perfused=False, time_s=60.0, cell_m=0.25e-3)
    assert large > 0.005
    assert large / late == pytest.approx(150 / 60, rel=0.25)
    assert large / small == pytest.approx(4.0, rel=0.25)


def test_a_scheme_of_first_order_in_space_is_seen() -> None:
    def careless(grid: Grid, material: Material, around: Surroundings) -> Lattice:
        """Conductances with an error that falls only as h."""
        lattice = build_lattice(grid, material, around)
        factor = np.float32(1 + 20 * float(grid.spacing_m[0]))
        x, y, z = (g * factor for g in lattice.conductance)
        for g in (x, y, z):
            g.flags.writeable = False
        return replace(lattice, conductance=(x, y, z))

    assert thermal_order.space_order(careless) < 1.9


def test_a_scheme_of_first_order_in_time_is_seen() -> None:
    def euler(stepper: Stepper, time: float, count: int) -> NDArray[np.float32]:
        """Many small steps of Euler's method in fixed proportion to ``count``."""
        for _ in range(40 * count):
            stepper.evaluate(0.0)
            stepper.rise += np.float32(time / count / 40) * stepper.rate
        return stepper.rise[1:-1, 1:-1, 1:-1]

    assert thermal_order.time_order(euler) < 1.9


def test_a_wrong_dose_is_seen() -> None:
    def one_rate(time: ArrayLike, curve: ArrayLike, variant: str) -> NDArray[np.float64]:
        """R = 1/2 everywhere, ends only (no exact integral)."""
        t, c = np.asarray(time, float), np.asarray(curve, float)
        rate = 0.5 ** (43.0 - c)
        return np.asarray((np.diff(t) * (rate[1:] + rate[:-1]) / 2).sum() / 60 * 1.00001)

    assert min(thermal_dose.dose_errors(one_rate).values()) > 1e-6
    wrong = thermal_dose.frame_doses(lambda t, c, v: cem43(t, np.asarray(c) + 0.01, v))
    assert any(abs(value - printed) > 0.5 for value, printed in wrong.values())


def test_the_layered_slab_solves_its_equation() -> None:
    """Fluxes and temperatures meet at the faces, and the surface gives off what it conducts."""
    layers = tuple(
        bioheat.Layer(d, bioheat.Medium(k, 3e6, s))
        for d, k, s in ((6e-3, 0.4, 2e-3), (8e-3, 0.3, 2e-4), (5e-2, 0.5, 9e-3))
    )
    e = 1e-6
    z = np.array([0.0, e, 6e-3 - e, 6e-3 + e, 14e-3 - e, 14e-3 + e, 6.4e-2 - e, 6.4e-2])
    u = bioheat.layered_slab(layers, 300.0, -20.0, z)
    assert 0.4 * (u[1] - u[0]) / e == pytest.approx(300.0 * (u[0] + 20.0), rel=1e-2)
    assert u[2] == pytest.approx(u[3], abs=1e-2)
    assert u[4] == pytest.approx(u[5], abs=1e-2)
    assert u[7] == pytest.approx(u[6], abs=1e-6)
    line = 14e-3 + np.linspace(1e-3, 20e-3, 400)
    deep = bioheat.layered_slab(layers, 300.0, -20.0, line)
    second = np.gradient(np.gradient(deep, line), line)[5:-5]
    assert np.allclose(0.5 * second, 9e-3 * 3e6 * deep[5:-5], rtol=2e-3)


def test_the_gaussian_rise_solves_its_equation() -> None:
    medium = bioheat.Medium(0.5, 3.8e6, 0.01)
    source = bioheat.GaussianSource(1e6, 3e-3)
    r = np.linspace(1e-3, 8e-3, 281)
    now, later = (bioheat.gaussian_rise(medium, source, r, t) for t in (9.99, 10.01))
    u = bioheat.gaussian_rise(medium, source, r, 10.0)
    laplacian = np.gradient(r**2 * np.gradient(u, r), r) / r**2
    heat_in = source.peak * np.exp(-(r**2) / 2 / 9e-6) / medium.capacity
    right = medium.diffusivity * laplacian - medium.sink * u + heat_in
    wrong = np.abs((later - now) / 0.02 - right)[5:-5].max()
    assert wrong < 2e-3 * heat_in.max()
    assert bioheat.gaussian_rise(medium, source, 0.0, -1.0) == 0.0


def test_the_point_rise_holds_its_heat() -> None:
    medium = bioheat.Medium(0.5, 3.8e6, 0.0)
    r = np.linspace(0.0, 40e-3, 4001)
    rise = bioheat.point_rise(medium, 1e-6, r, 60.0)
    assert np.trapezoid(4 * np.pi * r**2 * rise, r) == pytest.approx(1e-6, rel=1e-4)


def test_the_series_starts_at_rest_and_ends_at_the_steady_state() -> None:
    layers = tuple(
        bioheat.Layer(d, bioheat.Medium(k, 3e6, s))
        for d, k, s in ((6e-3, 0.4, 2e-3), (8e-3, 0.3, 2e-4), (3e-2, 0.5, 9e-3))
    )
    z = np.linspace(1e-3, 4.4e-2, 30)
    begin = thermal_slab.transient_slab(layers, 300.0, -20.0, z, 2.0)
    late = thermal_slab.transient_slab(layers, 300.0, -20.0, z, 2e4)
    assert np.abs(begin[4:]).max() < 0.02
    assert np.allclose(late, bioheat.layered_slab(layers, 300.0, -20.0, z), atol=1e-6)
    rates = thermal_slab.eigenvalues(layers, 300.0, 20)
    assert len(rates) == 20
    assert np.diff(rates).min() > 0
