"""Heat in time."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from insonate.core import GeometryError, SettingsError, Tissue
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
from insonate.heat.ledger import NOTHING
from insonate.heat.readout import focus_peak, heat_flows, scalp_max, skull_max, temperature_at
from insonate.heat.scheme import Stepper, stage_count, stages
from insonate.heat.simulation import Pacer
from insonate.verification.heat import WATER_DEGC
from insonate.verification.thermal_subjects import brain_block, hand_made_head, uniform_state


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
    pacer.learn(1e3, 1e3)
    assert pacer.step == options.first_step_s
    for _ in range(20):
        pacer.learn(0.0, 0.0)
    assert pacer.next(1e3) == 60.0
    assert pacer.next(90.0) == pytest.approx(45.0)


def test_the_pacer_keeps_the_error_and_the_bend_at_their_tolerances() -> None:
    """Errors that fall as τ³ and τ² settle below what is allowed."""
    options = ThermalOptions()
    for error, bend in ((1e-4, 0.0), (0.0, 1e-3)):
        pacer = Pacer(options, 600.0, 1.0)
        for _ in range(40):
            pacer.learn(error * pacer.step**3, bend * pacer.step**2)
        assert 0.3 < error * pacer.step**3 / options.error_tolerance_k + bend * pacer.step**2 / options.step_tolerance_k <= 1.0  # fmt: skip


def test_the_error_of_a_step_is_estimated() -> None:
    """The estimate, of a decay whose error is known, is right to a factor of three."""
    model = build_thermal_model(
        brain_block(16), np.zeros(3), options=ThermalOptions(fine_half_width_m=3e-3)
    )
    lattice = model.coarse
    step = 20.0
    stepper = Stepper(lattice, np.full(lattice.grid.shape, 10.0, np.float32), np.zeros(lattice.grid.shape, np.float32))  # fmt: skip
    stepper.evaluate(0.0)
    before = stepper.step(step, 0.0)
    stepper.evaluate(0.0)
    cells = (lattice.rows, NOTHING)
    error, bend = stepper.errors(before, step, 3.0, cells)
    rate = float(lattice.sink.max())
    true = abs(float(stepper.rise[5, 5, 5]) - 10.0 * np.exp(-rate * step))
    assert true / 3 < error < 6 * true
    assert bend == pytest.approx(rate**2 * float(before[5, 5, 5]) * step**2 / 8, rel=0.2)
    assert stepper.errors(before, step, 50.0, cells)[1] == 0.0


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
