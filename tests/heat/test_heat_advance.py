"""Heat in time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from insonate.core import Frame, GeometryError, Grid, SettingsError, Tissue
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
from insonate.heat.folding import prolong
from insonate.heat.readout import (
    focus_peak,
    heat_flows,
    hottest_near,
    scalp_max,
    skull_max,
    temperature_at,
)
from insonate.heat.scheme import Judgement, Stepper, stage_count, stages
from insonate.heat.simulation import Pacer
from insonate.heat.voxels import block_mean
from insonate.verification.bioheat import GaussianSource
from insonate.verification.heat import WATER_DEGC
from insonate.verification.thermal_subjects import (
    brain_block,
    gaussian_heat,
    hand_made_head,
    uniform_state,
)


def sonicate(
    model: ThermalModel,
    state: ThermalState,
    source: HeatSource | None,
    power: float,
    time: float,
) -> ThermalState:
    return advance(
        model, state, source, power_w=power, duration_s=time, water_degc=state.water_degc
    )


@pytest.mark.parametrize("count", [3, 5, 9, 21])
def test_the_scheme_is_stable_and_of_second_order(count: int) -> None:
    """The stability polynomial is e^z to second order, and within 1 to its stated limit."""
    limit = (count * count + count - 2) / 2

    def factor(z: float) -> float:
        weights = stages(count)
        y = [1.0, 1.0 + weights[0].start_rate * z]
        for w in weights[1:]:
            y.append(w.previous * y[-1] + w.before * y[-2] + w.start + (w.rate * y[-1] + w.start_rate) * z)  # fmt: skip
        return y[-1]

    assert max(abs(factor(-z)) for z in np.linspace(0.01, limit, 500)) <= 1.0
    errors = [abs(factor(-z) - np.exp(-z)) for z in (0.02, 0.01)]
    assert np.log2(errors[0] / errors[1]) > 2.9
    assert stages(count)[-1].time == pytest.approx(1.0)


def test_stages_are_as_many_as_stability_needs() -> None:
    for step in (0.1, 4.9, 5.1, 30.0, 400.0):
        s = stage_count(step)
        assert s % 2 == 1
        assert (s * s + s - 2) / 2 >= step
        assert s == 3 or ((s - 2) ** 2 + s - 4) / 2 < step


def test_nothing_happens_at_rest(model: ThermalModel) -> None:
    rest = uniform_state(model, 37.0)
    later = advance(model, rest, None, power_w=0.0, duration_s=300.0, water_degc=37.0)
    assert np.abs(later.fine_degc - 37.0).max() == 0
    assert np.abs(later.coarse_degc - 37.0).max() == 0
    assert later.time_s == 300.0


def test_states_are_new_and_the_old_one_is_unchanged(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    before = cooled.fine_degc.copy(), cooled.coarse_degc.copy(), cooled.fine_dose.copy()
    after = sonicate(model, cooled, source, 200.0, 2.0)
    assert np.array_equal(cooled.fine_degc, before[0])
    assert np.array_equal(cooled.coarse_degc, before[1])
    assert np.array_equal(cooled.fine_dose, before[2])
    assert not after.fine_degc.flags.writeable
    assert advance(model, after, source, power_w=1.0, duration_s=0.0, water_degc=15.0) is after


def test_heat_is_linear_in_power(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    none, one, three = (sonicate(model, cooled, source, p, 6.0) for p in (1e-9, 100.0, 300.0))
    for level in ("fine_degc", "coarse_degc"):
        single = getattr(one, level) - getattr(none, level)
        triple = getattr(three, level) - getattr(none, level)
        assert np.abs(triple - 3 * single).max() < 2e-3 * triple.max()


def test_frames_add_up_to_the_sonication(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    whole = sonicate(model, cooled, source, 300.0, 10.0)
    state = cooled
    for _ in range(4):
        state = sonicate(model, state, source, 300.0, 2.5)
    assert state.time_s == pytest.approx(whole.time_s)
    assert np.abs(state.fine_degc - whole.fine_degc).max() < 0.02
    assert state.fine_dose.max() == pytest.approx(whole.fine_dose.max(), rel=0.02)


def test_the_steps_hardly_matter(
    head, focus, source: HeatSource, model: ThermalModel, cooled: ThermalState
) -> None:
    """Peak and dose against steps five times shorter."""
    short = ThermalOptions(
        fine_half_width_m=7e-3, first_step_s=0.1, power_step_s=0.1, cooling_step_s=0.2
    )
    exact = build_thermal_model(head, focus, options=short)
    found = []
    for m in (model, exact):
        hot = sonicate(m, cooled, source, 400.0, 8.0)
        found.append(sonicate(m, hot, source, 0.0, 20.0))
    assert found[0].fine_peak_degc.max() == pytest.approx(
        found[1].fine_peak_degc.max(), abs=0.05
    )
    assert found[0].fine_dose.max() == pytest.approx(found[1].fine_dose.max(), rel=0.02)


def test_right_is_right(
    model: ThermalModel, source: HeatSource, cooled: ThermalState, focus
) -> None:
    hot = sonicate(model, cooled, source, 300.0, 5.0)
    peak = focus_peak(model, hot, 3e-3)
    assert np.abs(peak.point_m - focus).max() < 0.5e-3
    rise = temperature_at(model, hot, focus) - temperature_at(model, cooled, focus)
    mirrored = focus * np.array([-1.0, 1.0, 1.0])
    other = temperature_at(model, hot, mirrored) - temperature_at(model, cooled, mirrored)
    assert rise > 5.0
    assert abs(other) < 0.1


@pytest.mark.parametrize("shape", [(20, 22, 24), (7, 9, 6)])
def test_the_hottest_point_is_that_of_the_spline_itself(shape: tuple[int, int, int]) -> None:
    """Also where the hottest cell lies at the edge, and where the axes differ."""
    rng = np.random.default_rng(3)
    grid = Grid.centred((0.0, 0.0, 0.0), 0.5e-3, shape, Frame.CT)
    head = SimpleNamespace(fine_grid=grid, focus_m=np.zeros(3))
    for _ in range(10):
        values = gaussian_filter(rng.standard_normal(shape), 1.2).astype(np.float32)
        degc, point = hottest_near(head, values, 2e-2)
        top = np.array(np.unravel_index(int(values.argmax()), shape))
        near = np.stack(np.meshgrid(*[np.arange(-4, 5) / 8] * 3, indexing="ij"))
        index = top.reshape(3, 1, 1, 1) + near
        index = np.clip(index, 0, np.array(shape).reshape(3, 1, 1, 1) - 1)
        whole = map_coordinates(values.astype(np.float64), index, order=3, mode="mirror")
        assert degc == pytest.approx(float(whole.max()), abs=2e-3 * float(np.ptp(values)))
        best = index.reshape(3, -1)[:, whole.argmax()]
        assert np.abs(grid.indices_of(point) - best).max() <= 0.13


def test_water_cools_the_scalp_and_leaves_the_brain(
    model: ThermalModel, cooled: ThermalState, focus
) -> None:
    def coolest(tissue: Tissue) -> float:
        return float(cooled.coarse_degc.ravel()[model.cells[tissue].coarse].min())

    assert WATER_DEGC < coolest(Tissue.SCALP) < coolest(Tissue.SKULL) < coolest(Tissue.BRAIN)
    assert coolest(Tissue.BRAIN) > 20
    assert cooled.coarse_degc.max() <= 37.0
    assert cooled.fine_dose.max() == 0
    depths = temperature_at(
        model, cooled, np.array([[1.0, 0, 0]]) * [[0.019], [0.016], [0.012], [0.004], [0.0]]
    )
    assert (np.diff(depths) > 0).all()


def test_longer_cooling_goes_to_a_steady_state(model: ThermalModel) -> None:
    """Heat that blood brings is heat that water takes."""
    steady = initial_state(model, water_degc=20.0, precool_s=3 * 3600.0)
    flows = heat_flows(model, steady)
    assert flows.water_w > 0 > flows.blood_w
    assert abs(flows.carried_off_w) < 2e-3 * abs(flows.water_w)


def test_peak_and_dose_never_fall(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    state = cooled
    for power in (300.0, 0.0, 0.0):
        later = sonicate(model, state, source, power, 5.0)
        for name in ("fine_dose", "coarse_dose", "fine_peak_degc", "coarse_peak_degc"):
            assert (getattr(later, name) >= getattr(state, name)).all()
        assert (later.fine_peak_degc >= later.fine_degc).all()
        state = later


def test_a_cut_face_can_be_insulated_or_at_body_temperature() -> None:
    head = hand_made_head(np.full((20, 20, 20), int(Tissue.BRAIN), np.int8))
    head = replace(head, perfusion=np.zeros_like(head.perfusion))
    rises: list[NDArray[np.float32]] = []
    for cut in (False, True):
        options = ThermalOptions(fine_half_width_m=3e-3, cut_at_body_temperature=cut)
        model = build_thermal_model(head, np.zeros(3), options=options)
        warm = uniform_state(model, 40.0)
        rises.append(sonicate(model, warm, None, 0.0, 600.0).coarse_degc - 37.0)
    assert np.allclose(rises[0], 3.0, atol=1e-4)
    assert rises[1].max() < 2.0


def test_skull_and_scalp_are_heated_by_their_own_absorption(
    model: ThermalModel, cooled: ThermalState
) -> None:
    heat = np.zeros(model.coarse_grid.size, np.float32)
    heat[model.cells[Tissue.SKULL].coarse] = 5e3
    fine = np.zeros(model.fine_grid.shape, np.float32)
    source = HeatSource(fine, heat.reshape(model.coarse_grid.shape))
    hot = sonicate(model, cooled, source, 500.0, 10.0)
    assert (
        skull_max(model, hot).temperature_degc > skull_max(model, cooled).temperature_degc + 5
    )
    later = sonicate(model, hot, source, 0.0, 20.0)
    assert scalp_max(model, later).temperature_degc > scalp_max(model, cooled).temperature_degc


def test_the_pacer_is_short_after_a_change_and_long_at_rest() -> None:
    options = ThermalOptions()
    pacer = Pacer(options, 60.0, options.first_step_s)
    pacer.learn(Judgement(1e3, 1e3))
    assert pacer.step == options.first_step_s
    for _ in range(20):
        pacer.learn(Judgement(0.0, 0.0))
    assert pacer.next(1e3) == 60.0
    assert pacer.next(90.0) == pytest.approx(45.0)


def test_the_pacer_keeps_the_error_and_the_bend_at_their_tolerances() -> None:
    """Errors that fall as τ³ and τ² settle below what is allowed."""
    options = ThermalOptions()
    for error, bend in ((1e-4, 0.0), (0.0, 1e-3)):
        pacer = Pacer(options, 600.0, 1.0)
        for _ in range(40):
            pacer.learn(Judgement(error * pacer.step**3, bend * pacer.step**2))
        assert 0.3 < error * pacer.step**3 / options.error_tolerance_k + bend * pacer.step**2 / options.step_tolerance_k <= 1.0  # fmt: skip


def test_the_error_of_a_step_is_estimated() -> None:
    """The estimate, of a decay whose error is known, is right to a factor of three."""
    model = build_thermal_model(
        brain_block(16), np.zeros(3), options=ThermalOptions(fine_half_width_m=3e-3)
    )
    lattice = model.coarse
    step = 20.0
    warm, none = (np.full(lattice.grid.shape, k, np.float32) for k in (10.0, 0.0))
    judgements = []
    for hot in (3.0, 50.0):
        stepper = Stepper(lattice, warm, none, hot)
        stepper.evaluate(0.0)
        stepper.step(step)
        judgements.append(stepper.judgement)
    rate = float(lattice.sink.max())
    true = abs(float(stepper.rise[5, 5, 5]) - 10.0 * np.exp(-rate * step))
    assert true / 3 < judgements[0].error < 6 * true
    assert judgements[0].bend == pytest.approx(rate**2 * 10.0 * step**2 / 8, rel=0.2)
    assert judgements[1].bend == 0.0


def test_the_rate_is_carried_through_a_step(model: ThermalModel, cooled: ThermalState) -> None:
    """L(Y_s) = L(Y_0) + A X_s is what an evaluation finds, in few and in many stages."""
    rise = cooled.coarse_degc - np.float32(37.0)
    none = np.zeros(rise.shape, np.float32)
    for step in (0.5, 5.0, 60.0):
        stepper = Stepper(model.coarse, rise, none)
        stepper.hold(WATER_DEGC - 37.0)
        stepper.evaluate(0.0)
        stepper.step(step)
        carried = stepper.rate.copy()
        stepper.evaluate(0.0)
        assert np.abs(stepper.rate - carried).max() < 2e-5 * np.abs(carried).max() + 1e-6
        assert np.abs(carried).max() > 1e-4


@pytest.mark.parametrize("step", [50.0, 200.0, 600.0])
def test_noise_on_both_grids_dies_out_whatever_the_step(step: float) -> None:
    """The pair is stable: without perfusion and with insulated walls noise only decays."""
    head = brain_block(24)
    options = ThermalOptions(
        fine_half_width_m=6e-3, first_step_s=50.0, power_step_s=50.0, cooling_step_s=step,
        error_tolerance_k=10.0, step_tolerance_k=10.0,
    )  # fmt: skip
    model = build_thermal_model(
        replace(head, perfusion=np.zeros_like(head.perfusion)), np.zeros(3), options=options
    )
    rng = np.random.default_rng(4)
    rest = uniform_state(model, 37.0)
    state = replace(
        rest,
        fine_degc=(37 + rng.standard_normal(rest.fine_degc.shape)).astype(np.float32),
        coarse_degc=(37 + rng.standard_normal(rest.coarse_degc.shape)).astype(np.float32),
    )
    before = heat_flows(model, state).stored_j
    state = sonicate(model, state, None, 0.0, 40 * step)
    mean = float(np.mean(state.fine_degc))
    assert np.abs(state.fine_degc - mean).max() < 0.01
    assert np.abs(state.coarse_degc - mean).max() < 0.01
    assert heat_flows(model, state).stored_j == pytest.approx(before, abs=0.05)


def test_energy_is_booked_to_rounding(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    state = sonicate(model, sonicate(model, cooled, source, 300.0, 10.0), source, 0.0, 300.0)
    gained = heat_flows(model, state).stored_j - heat_flows(model, cooled).stored_j
    book = state.energy
    assert book.absorbed_j > 10
    assert book.absorbed_j - gained - book.carried_off_j == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"power_w": -1.0}, "The power is -1.0"),
        ({"power_w": np.nan}, "The power is nan"),
        ({"duration_s": -2.0}, "The duration is -2.0"),
        ({"duration_s": np.inf}, "The duration is inf"),
        ({"water_degc": 38.0}, "The water is at 38.0 °C"),
    ],
)
def test_bad_exposures_are_refused(
    model: ThermalModel, source: HeatSource, cooled: ThermalState, change, sentence: str
) -> None:
    exposure = {"power_w": 10.0, "duration_s": 1.0, "water_degc": 15.0, **change}
    with pytest.raises(SettingsError, match=sentence):
        advance(model, cooled, source, **exposure)


def test_power_without_a_source_is_refused(model: ThermalModel, cooled: ThermalState) -> None:
    with pytest.raises(SettingsError, match="needs a heat source"):
        sonicate(model, cooled, None, 10.0, 1.0)
    with pytest.raises(SettingsError, match="The duration is -1"):
        initial_state(model, water_degc=15.0, precool_s=-1.0)


def test_a_state_of_another_model_is_refused(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    other = replace(
        cooled,
        coarse_degc=cooled.coarse_degc[1:],
        coarse_dose=cooled.coarse_dose[1:],
        coarse_peak_degc=cooled.coarse_peak_degc[1:],
    )
    with pytest.raises(GeometryError, match="do not belong"):
        sonicate(model, other, source, 10.0, 1.0)
    with pytest.raises(GeometryError, match="different shapes"):
        replace(cooled, coarse_dose=cooled.coarse_dose[1:])


def test_perfusion_ceases_where_tissue_has_coagulated(head, focus, source, cooled) -> None:
    """Hotter, and energy is kept, when a threshold is set; nothing changes where none is reached."""
    ends = []
    for threshold in (np.inf, 240.0, 1e30):
        options = ThermalOptions(fine_half_width_m=7e-3, perfusion_stops_cem43=threshold)
        model = build_thermal_model(head, focus, options=options)
        state = sonicate(model, sonicate(model, cooled, source, 600.0, 15.0), source, 0.0, 60.0)
        gained = heat_flows(model, state).stored_j - heat_flows(model, cooled).stored_j
        book = state.energy
        assert book.absorbed_j - gained - book.carried_off_j == pytest.approx(0.0, abs=0.1)
        ends.append(state)
    assert (ends[1].fine_dose > 240).sum() > 20
    assert ends[1].fine_degc.max() > ends[0].fine_degc.max() + 0.05
    assert np.array_equal(ends[2].fine_degc, ends[0].fine_degc)


def test_blood_that_has_ceased_stays_away(head, focus, source, cooled) -> None:
    """A state carries the dose, so that a new course begins without blood there."""
    options = ThermalOptions(fine_half_width_m=7e-3, perfusion_stops_cem43=100.0)
    model = build_thermal_model(head, focus, options=options)
    hot = sonicate(model, cooled, source, 600.0, 12.0)
    assert (hot.fine_dose >= 100).any()
    whole = Course(model, hot)
    stepper = whole._simulation.fine
    assert stepper.lattice.sink[hot.fine_dose >= 100].max() == 0
    assert stepper.lattice.sink.max() == model.fine.sink.max()


def test_late_cooling_is_folded_and_goes_on_from_there() -> None:
    """Folded, the coarse cells hold the fine ones' mean; a state that was saved goes on the same."""
    options = ThermalOptions(fine_half_width_m=8e-3)
    model = build_thermal_model(brain_block(36), np.zeros(3), options=options)
    source = gaussian_heat(model, GaussianSource(3.0e4, 2e-3), np.array([1e-3, 0.0, -2e-3]))
    whole = Course(model, sonicate(model, uniform_state(model, 37.0), source, 300.0, 10.0))
    whole.run(None, power_w=0.0, duration_s=300.0, water_degc=WATER_DEGC)
    broken = whole.state()
    assert broken.folded
    assert broken.cooling_s == pytest.approx(300.0)
    mean = block_mean(broken.fine_degc, model.ratio)
    assert np.abs(mean - broken.coarse_degc[model.region]).max() < 1e-4
    later = Course(model, broken)
    for course in (whole, later):
        course.run(None, power_w=0.0, duration_s=120.0, water_degc=WATER_DEGC)
        course.run(source, power_w=300.0, duration_s=10.0, water_degc=WATER_DEGC)
    one, other = whole.state(), later.state()
    assert not one.folded
    assert np.abs(one.fine_degc - other.fine_degc).max() < 1e-3
    assert np.abs(one.coarse_degc - other.coarse_degc).max() < 1e-3


def test_where_the_coarse_grid_would_go_astray_nothing_is_folded(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    """Coarse cells that mix bone and brain conduct a little otherwise than their fine cells."""
    hot = sonicate(model, cooled, source, 300.0, 10.0)
    assert not sonicate(model, hot, source, 0.0, 300.0).folded


def test_without_a_tolerance_nothing_is_folded() -> None:
    options = ThermalOptions(fine_half_width_m=6e-3, fold_tolerance_k=0.0)
    model = build_thermal_model(brain_block(24), np.zeros(3), options=options)
    source = gaussian_heat(model, GaussianSource(3.0e4, 2e-3), np.zeros(3))
    hot = sonicate(model, uniform_state(model, 37.0), source, 300.0, 10.0)
    assert not sonicate(model, hot, source, 0.0, 300.0).folded


@pytest.mark.parametrize("ratio", [2, 4])
def test_fine_cells_read_from_coarse_ones_hold_a_parabola(ratio: int) -> None:
    """A quadratic is read exactly from its cells' means, and each mean is kept."""
    options = ThermalOptions(fine_half_width_m=6e-3, fine_spacing_m=2e-3 / ratio)
    model = build_thermal_model(brain_block(24), np.zeros(3), options=options)
    steppers = []
    for grid in (model.coarse_grid, model.fine_grid):
        x, y, z = np.moveaxis(grid.points() * 1e3, -1, 0)
        square = x**2 + float((grid.spacing_m[0] * 1e3) ** 2) / 12
        rise = 1.0 + 0.3 * x - 0.2 * y + 0.1 * z + 0.05 * square + 0.02 * x * y - 0.03 * y * z
        none = np.zeros(grid.shape, np.float32)
        lattice = model.coarse if grid is model.coarse_grid else model.fine
        steppers.append(Stepper(lattice, rise.astype(np.float32), none))
    exact = steppers[1].rise.copy()
    flat = Stepper(
        model.fine, np.zeros(exact[1:-1, 1:-1, 1:-1].shape, np.float32), steppers[1].heat
    )
    prolong(steppers[0].rise, (flat.rise, flat.rate, np.zeros_like(exact)), model.fine.capacity, np.array(model.corner), model.ratio)  # fmt: skip
    assert np.abs(flat.rise - exact).max() < 1e-4
    assert np.array_equal(flat.rate, flat.rise)


def test_coagulating_tissue_absorbs_more_for_good() -> None:
    """A block heated evenly follows dT/dt = q f(highest T)/ρC, while warming and once cooled."""
    head = replace(brain_block(24), perfusion=np.zeros((24,) * 3, np.float32))
    options = ThermalOptions(fine_half_width_m=6e-3, absorption="coagulating")
    model = build_thermal_model(head, np.zeros(3), options=options)
    capacity = float(model.fine.capacity[0, 0, 0])
    heat = (
        np.full(grid.shape, capacity, np.float32)
        for grid in (model.fine_grid, model.coarse_grid)
    )
    source = HeatSource(*heat)  # 1 K/s for each watt
    state = uniform_state(model, 45.0)
    centre = tuple(n // 2 for n in model.fine_grid.shape)
    hot = sonicate(model, state, source, 1.0, 10.0)
    # to 50 °C in 5 s, then dT/dt = 1 + (T − 50)/15
    exact = 50.0 + 15.0 * (np.exp(5.0 / 15.0) - 1.0)
    assert hot.fine_degc[centre] == pytest.approx(exact, abs=0.02)
    plain = replace(model, options=replace(options, absorption="constant"))
    assert sonicate(plain, state, source, 1.0, 10.0).fine_degc[centre] == pytest.approx(55.0, abs=0.02)  # fmt: skip
    book = hot.energy.absorbed_j - (heat_flows(model, hot).stored_j - heat_flows(model, state).stored_j)  # fmt: skip
    assert abs(book) < 2e-3 * hot.energy.absorbed_j
    cold = replace(hot, fine_degc=state.fine_degc, coarse_degc=state.coarse_degc)
    again = sonicate(model, cold, source, 1.0, 1.0)
    assert again.fine_degc[centre] - 45.0 == pytest.approx(
        1.0 + (exact - 50.0) / 15.0, rel=0.02
    )
