"""What is read from states: maxima, points, lesions, predictions, waits."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import Quantity, SettingsError, Tissue
from insonate.heat import (
    HeatSource,
    ThermalModel,
    ThermalState,
    advance,
    predict_lesion,
)
from insonate.heat.advance import Span, carry_on
from insonate.heat.prediction import (
    UnitResponse,
    WaitOptions,
    cooling_wait,
    predict,
    unit_response,
)
from insonate.heat.readout import (
    dose_at,
    focus_peak,
    mean_temperature_at,
    off_target_max,
    scalp_max,
    skull_max,
    temperature_at,
)
from insonate.heat.voxels import block_mean
from insonate.plan.model import Limits, Sonication, Stage
from insonate.verification.thermal_subjects import uniform_state


@pytest.fixture(scope="module")
def hot(model: ThermalModel, source: HeatSource, cooled: ThermalState) -> ThermalState:
    return advance(model, cooled, source, power_w=450.0, duration_s=10.0, water_degc=15.0)


@pytest.fixture(scope="module")
def bone_source(model: ThermalModel, source: HeatSource) -> HeatSource:
    """The focal source, and heat in the bone."""
    coarse = source.coarse.copy().ravel()
    coarse[model.cells[Tissue.SKULL].coarse] += 4e3
    return HeatSource(source.fine, coarse.reshape(source.coarse.shape))


@pytest.fixture(scope="module")
def response(model: ThermalModel, bone_source: HeatSource) -> UnitResponse:
    return unit_response(model, bone_source, 10.0)


def test_each_maximum_looks_at_its_own_tissue(model: ThermalModel) -> None:
    state = uniform_state(model, 37.0)
    for tissue, read, degc in (
        (Tissue.SKULL, skull_max, 45.0),
        (Tissue.SCALP, scalp_max, 41.0),
    ):
        coarse = state.coarse_degc.copy().ravel()
        cell = int(model.cells[tissue].coarse[7])
        coarse[cell] = degc
        deep = np.setdiff1d(model.cells[Tissue.BRAIN].coarse, model.cells[Tissue.SKULL].coarse)
        coarse[deep[0]] = 60.0
        warm = replace(
            state,
            coarse_degc=coarse.reshape(state.coarse_degc.shape),
            coarse_dose=(coarse - 37).reshape(state.coarse_degc.shape),
        )
        found = read(model, warm)
        index = np.unravel_index(cell, state.coarse_degc.shape)
        assert found.temperature_degc == pytest.approx(degc)
        assert np.allclose(found.point_m, model.coarse_grid.points_of(index))
        assert found.dose_cem43 == pytest.approx(degc - 37.0)
        assert found.peak_degc == pytest.approx(37.0)


def test_focus_and_off_target_part_the_brain(
    model: ThermalModel, hot: ThermalState, focus
) -> None:
    near, far = focus_peak(model, hot, 3e-3), off_target_max(model, hot, 3e-3)
    assert near.temperature_degc > 50 > far.temperature_degc > 37
    assert np.linalg.norm(near.point_m - focus) <= 3e-3
    assert np.linalg.norm(far.point_m - focus) > 3e-3
    shifted = off_target_max(model, hot, 3e-3, centre_m=focus + np.array([5e-3, 0, 0]))
    assert shifted.temperature_degc == pytest.approx(hot.fine_degc.max())
    assert 0 <= near.temperature_degc - hot.fine_degc.max() < 0.6
    nothing = off_target_max(model, hot, 1.0)
    assert np.isnan(nothing.temperature_degc)
    with pytest.raises(SettingsError, match="must be positive"):
        focus_peak(model, hot, 0.0)
    with pytest.raises(SettingsError, match="No cell of the fine grid"):
        focus_peak(model, hot, 1e-3, centre_m=(0.5, 0.0, 0.0))


def test_points_read_the_fine_grid_the_coarse_grid_and_the_water(
    model: ThermalModel, hot: ThermalState, focus
) -> None:
    fine = model.fine_grid.points_of((9, 12, 15))
    skull = np.unravel_index(model.cells[Tissue.SKULL].coarse[3], model.coarse_grid.shape)
    points = np.stack((fine, model.coarse_grid.points_of(skull), [0.5, 0.5, 0.5]))
    values = temperature_at(model, hot, points)
    assert values[0] == pytest.approx(hot.fine_degc[9, 12, 15], abs=1e-4)
    assert values[1] == pytest.approx(hot.coarse_degc[skull], abs=1e-4)
    assert values[2] == 15.0
    assert dose_at(model, hot, points)[2] == 0
    assert dose_at(model, hot, fine) == pytest.approx(hot.fine_dose[9, 12, 15], rel=1e-4)
    assert temperature_at(model, hot, np.stack((points, points))).shape == (2, 3)


def test_coarse_cells_hold_the_mean_of_their_fine_cells(
    model: ThermalModel, hot: ThermalState
) -> None:
    mean = block_mean(hot.fine_degc * model.fine.capacity, model.ratio)
    mean = mean / block_mean(model.fine.capacity, model.ratio)
    assert np.abs(mean - hot.coarse_degc[model.region]).max() < 1e-3


def test_a_spherical_lesion_has_the_volume_of_its_sphere(model: ThermalModel, focus) -> None:
    """Peak temperature that falls linearly from the centre: the 51 °C contour is a sphere."""
    state = uniform_state(model, 37.0)
    centre = focus + np.array([0.7e-3, -0.3e-3, 0.2e-3])
    r = np.linalg.norm(model.fine_grid.points() - centre, axis=-1)
    brain = np.zeros(model.fine_grid.size, bool)
    brain[model.cells[Tissue.BRAIN].fine] = True
    peak = 58.0 - 7.0 * r / 2.5e-3
    dose = 240.0 * 2.0 ** ((2.0e-3 - r) / 0.2e-3)
    lesion = predict_lesion(
        model, replace(state, fine_peak_degc=peak, fine_dose=dose), target_m=focus
    )
    for contour, radius in ((lesion.at(51.0, "degC"), 2.5e-3), (lesion.at(240.0), 2.0e-3)):
        assert contour.volume_m3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)
        assert np.allclose(contour.extent_m, 2 * radius, atol=0.5e-3)
        assert np.allclose(contour.diameters_m, 2 * radius, atol=0.15e-3)
        assert np.allclose(contour.centre_m, centre, atol=0.1e-3)
        assert np.allclose(contour.offset_m, centre - focus, atol=0.1e-3)
        assert contour.target_inside
    volumes = [lesion.at(t).volume_m3 for t in (17.0, 100.0, 200.0, 240.0)]
    assert volumes == sorted(volumes, reverse=True)
    with pytest.raises(SettingsError, match="There is no contour at 50 CEM43"):
        lesion.at(50.0)


def test_an_oblique_lesion_has_its_diameters_and_its_axis(model: ThermalModel, focus) -> None:
    """An ellipsoid of 5 × 3 × 3 mm whose long axis leans 30° to the right and a little forward."""
    axis = np.array([0.5, 0.2, np.sqrt(1 - 0.29)])
    away = model.fine_grid.points() - focus
    along = away @ axis
    across = np.linalg.norm(away - along[..., None] * axis, axis=-1)
    peak = 58.0 - 7.0 * np.sqrt((along / 2.5e-3) ** 2 + (across / 1.5e-3) ** 2)
    state = replace(uniform_state(model, 37.0), fine_peak_degc=peak)
    found = predict_lesion(model, state).at(51.0, "degC")
    assert np.allclose(found.diameters_m, (5e-3, 3e-3, 3e-3), atol=0.2e-3)
    assert float(found.axis @ axis) > 0.995
    assert found.extent_m[0] < 5e-3


def test_a_cold_head_has_no_lesion_and_an_infinite_dose_one(
    model: ThermalModel, cooled: ThermalState
) -> None:
    none = predict_lesion(model, cooled).at(17.0)
    assert none.volume_m3 == 0
    assert not none.target_inside
    assert np.isnan(none.centre_m).all()
    assert np.isnan(none.axis).all()
    assert (none.diameters_m == 0).all()
    burnt = np.zeros(model.fine_grid.shape, np.float32)
    burnt[10:18, 10:18, 10:18] = np.inf
    lesion = predict_lesion(model, replace(cooled, fine_dose=burnt)).at(240.0)
    assert lesion.volume_m3 > 0.5 * (4e-3) ** 3


def test_a_target_beside_the_lesion_is_outside(model: ThermalModel, hot, focus) -> None:
    aside = predict_lesion(model, hot, target_m=focus + np.array([5e-3, 0, 0])).at(17.0)
    assert aside.volume_m3 > 0
    assert not aside.target_inside
    assert aside.offset_m[0] == pytest.approx(-5e-3, abs=0.5e-3)


def test_the_unit_response_predicts_the_sonication(
    model: ThermalModel, bone_source: HeatSource, response: UnitResponse, cooled: ThermalState
) -> None:
    run = predict(
        model, cooled, bone_source, Sonication(Stage.VERIFY, 250.0, 10.0), every_s=2.0
    )
    idle = advance(model, cooled, None, power_w=0.0, duration_s=10.0, water_degc=15.0)
    hottest = focus_peak(model, run.state, 3e-3)
    base = float(temperature_at(model, idle, hottest.point_m))
    assert run.focus_peak_degc - base == pytest.approx(response.focus_k_per_kj * 2.5, rel=0.03)
    cells = response.skull_cells
    rise = run.state.coarse_degc.ravel()[cells] - idle.coarse_degc.ravel()[cells]
    at_end = np.flatnonzero(response.time_s == 10.0)[0]
    assert np.abs(rise - 250.0 * response.skull[at_end]).max() < 0.01 * rise.max()
    assert run.time_s.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert len(run.skull) == len(run.scalp) == 6
    assert response.skull_k_per_kj > response.scalp_k_per_kj > 0


def test_the_wait_is_the_shortest_that_keeps_the_limits(
    model: ThermalModel, bone_source: HeatSource, response: UnitResponse, cooled: ThermalState
) -> None:
    power = 600.0
    hot = advance(model, cooled, bone_source, power_w=power, duration_s=10.0, water_degc=15.0)
    cold_peak = skull_max(model, hot).temperature_degc
    limits = Limits(skull_temperature=Quantity(cold_peak + 0.5, "degC", "test"))
    options = WaitOptions(step_s=20.0)
    assert cooling_wait(model, cooled, response, power, limits).wait_s == 0.0
    found = cooling_wait(model, hot, response, power, limits, options)
    assert found.enough
    assert found.wait_s > 0

    def reached(wait: float) -> float:
        state = advance(model, hot, None, power_w=0.0, duration_s=wait, water_degc=15.0)
        run = predict(model, state, bone_source, Sonication(Stage.TREAT, power, 10.0))
        return max(e.temperature_degc for e in run.skull)

    assert reached(found.wait_s) <= cold_peak + 0.5
    assert reached(found.wait_s - 20.0) > cold_peak + 0.4
    assert found.skull_degc == pytest.approx(reached(found.wait_s), abs=0.2)
    assert "stay within their limits" in found.sentence


def test_a_limit_that_no_wait_can_keep_is_told(
    model: ThermalModel, response: UnitResponse, cooled: ThermalState
) -> None:
    limits = Limits(skull_dose=Quantity(1e-6, "CEM43", "test"))
    found = cooling_wait(
        model, cooled, response, 900.0, limits, WaitOptions(step_s=60.0, longest_s=120.0)
    )
    assert not found.enough
    assert found.wait_s == 120.0
    assert "After a wait of 120 s the skull would reach" in found.sentence


def test_bad_plans_are_refused(
    model: ThermalModel, source: HeatSource, response: UnitResponse, cooled: ThermalState
) -> None:
    with pytest.raises(SettingsError, match="more than 0 s"):
        unit_response(model, source, 0.0)
    for duration in (-1.0, 61.0):
        with pytest.raises(SettingsError, match="lasts 60 s at most"):
            predict(model, cooled, source, Sonication(Stage.TREAT, 100.0, duration))
    with pytest.raises(SettingsError, match="cannot be read every 0"):
        predict(model, cooled, source, Sonication(Stage.TREAT, 100.0, 5.0), every_s=0.0)
    with pytest.raises(SettingsError, match="must be at least 0 W"):
        cooling_wait(model, cooled, response, -5.0, Limits())
    with pytest.raises(SettingsError, match="step must be positive"):
        WaitOptions(step_s=0.0)


def test_a_session_that_broke_off_goes_on_from_its_events(
    model: ThermalModel, source: HeatSource, cooled: ThermalState
) -> None:
    spans = [Span(300.0, 6.0, 15.0), Span(0.0, 60.0, 15.0), Span(400.0, 5.0, 16.0)]
    whole = carry_on(model, cooled, source, [*spans, Span(0.0, 30.0, 16.0)])
    broken_off = carry_on(model, cooled, source, spans)
    again = carry_on(model, broken_off, source, [Span(0.0, 30.0, 16.0)])
    assert again.time_s == whole.time_s == pytest.approx(101.0)
    assert np.abs(again.fine_degc - whole.fine_degc).max() < 1e-4
    assert again.fine_dose.max() == pytest.approx(whole.fine_dose.max(), rel=1e-5)
    assert again.energy.absorbed_j == pytest.approx(whole.energy.absorbed_j, rel=1e-9)


def test_a_slice_shows_the_mean_of_its_frame(
    model: ThermalModel, hot: ThermalState, cooled: ThermalState, focus
) -> None:
    """An oblique slice through the focus, a quarter of whose frame saw the head hot."""
    u, v = np.array([0.8, 0.6, 0.0]) * 1e-3, np.array([-0.36, 0.48, 0.8]) * 1e-3
    i, j = np.meshgrid(np.arange(-4, 5), np.arange(-4, 5), indexing="ij")
    points = focus + i[..., None] * u + j[..., None] * v
    mean = mean_temperature_at(model, [(cooled, 3.0), (hot, 1.0)], points)
    ends = [temperature_at(model, state, points) for state in (cooled, hot)]
    assert np.allclose(mean, 0.75 * ends[0] + 0.25 * ends[1])
    assert mean.shape == (9, 9)
    with pytest.raises(SettingsError, match="longer than 0 s"):
        mean_temperature_at(model, [(hot, 0.0)], points)
