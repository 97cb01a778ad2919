"""The simulated head: linear in power, calibrated at its focus alone, forecast from above."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import Tissue
from insonate.heat.advance import initial_state
from insonate.plan import Stage
from insonate.plant import (
    SCENARIOS,
    Scenario,
    Twin,
    draw_reality,
    true_head,
    true_placement,
)
from insonate.plant.twin import forecast_k_per_kj

pytestmark = pytest.mark.usefixtures("one_thread")

WATER = 15.0


@pytest.fixture(scope="module")
def rest(coarse):
    return initial_state(coarse.case.thermal, water_degc=WATER)


@pytest.fixture
def make_twin(coarse, rest):
    return lambda: Twin(coarse.case.thermal, rest, lambda _: coarse.case.heating)


@pytest.fixture(scope="module")
def heated(coarse, rest):
    """After 10 s of 500 W and a minute of cooling."""
    twin = Twin(coarse.case.thermal, rest, lambda _: coarse.case.heating)
    twin.run(10.0, 500.0, WATER)
    twin.run(60.0, 0.0, WATER)
    return twin


def rises(make_twin, power_w, factor=1.0):
    """Return what power adds to the temperatures of 5 s without it."""
    cold, hot = make_twin(), make_twin()
    hot.calibrate(factor)
    cold.run(5.0, 0.0, WATER)
    hot.run(5.0, power_w, WATER)
    fine = hot.state.fine_degc.astype(float) - cold.state.fine_degc
    coarse = hot.state.coarse_degc.astype(float) - cold.state.coarse_degc
    return fine, coarse, hot.model


def test_the_rise_is_linear_in_power(make_twin):
    one, _, _ = rises(make_twin, 200.0)
    two, _, _ = rises(make_twin, 400.0)
    top = two.max()
    assert top > 2.0
    assert np.abs(two - 2 * one).max() < 0.01 * top
    assert np.abs(two - one).max() > 0.4 * top  # a twin that ignores power would be seen


def test_calibration_scales_the_focus_and_not_the_skull(make_twin):
    fine, coarse, model = rises(make_twin, 400.0)
    fine_half, coarse_half, _ = rises(make_twin, 400.0, factor=0.5)
    assert fine_half.max() == pytest.approx(0.5 * fine.max(), rel=0.01)
    skull = model.cells[Tissue.SKULL].coarse
    before, after = coarse.ravel()[skull], coarse_half.ravel()[skull]
    assert before.max() > 0.1
    assert np.abs(after - before).max() < 0.02 * before.max()


def brute_force_k(twin, response, tissue, energy_j):
    """Return max(T + E r) − max(T) over the cells, with the rise at its worst moment."""
    skull = tissue is Tissue.SKULL
    cells = response.skull_cells if skull else response.scalp_cells
    rise = (response.skull if skull else response.scalp).max(axis=0) / response.duration_s
    now = twin.state.coarse_degc.ravel()[cells]
    return float((now + energy_j * rise).max() - now.max())


def energy_to_limit_j(twin, response, tissue, limit_degc):
    """Return by bisection the energy that takes the hottest cell to its limit."""
    room = limit_degc - hottest_degc(twin, response, tissue)
    low, high = 0.0, 1e7
    for _ in range(60):
        middle = 0.5 * (low + high)
        reached = brute_force_k(twin, response, tissue, middle) >= room
        low, high = (low, middle) if reached else (middle, high)
    return high


def hottest_degc(twin, response, tissue):
    skull = tissue is Tissue.SKULL
    cells = response.skull_cells if skull else response.scalp_cells
    return float(twin.state.coarse_degc.ravel()[cells].max())


LIMITS_DEGC = {Tissue.SKULL: 44.0, Tissue.SCALP: 40.0}


@settings(max_examples=25, deadline=None)
@given(share=st.floats(1e-3, 1.0), tissue=st.sampled_from(list(LIMITS_DEGC)))
def test_the_forecast_bounds_every_energy_that_keeps_the_limit(coarse, heated, share, tissue):
    response, limit = coarse.case.responses[Stage.TREAT], LIMITS_DEGC[tissue]
    bound = forecast_k_per_kj(heated, response, tissue, limit)
    energy = share * energy_to_limit_j(heated, response, tissue, limit)
    assert brute_force_k(heated, response, tissue, energy) <= bound * energy * 1e-3 + 1e-3


@pytest.mark.parametrize("tissue", list(LIMITS_DEGC))
def test_the_forecast_forbids_just_what_would_pass_the_limit(coarse, heated, tissue):
    response, limit = coarse.case.responses[Stage.TREAT], LIMITS_DEGC[tissue]
    bound = forecast_k_per_kj(heated, response, tissue, limit)
    room = limit - hottest_degc(heated, response, tissue)
    allowed = room / bound * 1e3
    assert allowed == pytest.approx(
        energy_to_limit_j(heated, response, tissue, limit), rel=1e-3
    )


def test_a_forecast_from_cells_that_cannot_heat_most_would_be_no_bound(coarse, heated):
    """The check is seen to fail: the slope at no energy lies below the convex curve."""
    response, limit = coarse.case.responses[Stage.TREAT], LIMITS_DEGC[Tissue.SKULL]
    energy = energy_to_limit_j(heated, response, Tissue.SKULL, limit)
    slope = brute_force_k(heated, response, Tissue.SKULL, 1.0)
    assert brute_force_k(heated, response, Tissue.SKULL, energy) > 1.05 * slope * energy


def test_at_its_limit_a_tissue_is_forecast_at_its_steepest(coarse, heated):
    response = coarse.case.responses[Stage.TREAT]
    now = hottest_degc(heated, response, Tissue.SKULL)
    found = forecast_k_per_kj(heated, response, Tissue.SKULL, now - 1.0)
    assert found == pytest.approx(response.skull_k_per_kj, rel=1e-5)


def test_a_reality_without_spreads_is_the_plan(coarse):
    exact = Scenario("exact", "as planned", registration_sigma_m=0.0, brain_absorption_sigma=0.0,
                     bone_share_sigma=0.0, perfusion_sigma=0.0, transmission_sigma=0.0)  # fmt: skip
    reality = draw_reality(exact, np.random.default_rng(1))
    factors = (reality.brain_absorption, reality.bone_share, reality.perfusion)
    assert (*factors, reality.transmission) == (1.0, 1.0, 1.0, 1.0)
    assert np.array_equal(reality.registration_m, np.zeros(3))
    head, truth = coarse.case.head, true_head(coarse.case.head, reality)
    for name in ("attenuation", "absorbed_share", "perfusion", "labels", "sound_speed"):
        assert np.array_equal(getattr(truth, name), getattr(head, name))
    placement = coarse.case.treatment.placement
    same = true_placement(placement, reality).transducer_to_ct.matrix
    assert np.allclose(same, placement.transducer_to_ct.matrix, atol=1e-15)


def test_reality_differs_where_it_was_drawn_and_to_the_right_side(coarse):
    reality = replace(
        draw_reality(SCENARIOS["focus-shifted"], np.random.default_rng(1)),
        brain_absorption=1.2,
        bone_share=1.5,
        perfusion=0.5,
    )
    head, truth = coarse.case.head, true_head(coarse.case.head, reality)
    brain, skull = head.mask(Tissue.BRAIN), head.mask(Tissue.SKULL)
    assert np.allclose(truth.attenuation[brain], 1.2 * head.attenuation[brain])
    assert np.array_equal(truth.attenuation[~brain], head.attenuation[~brain])
    wanted = np.minimum(1.5 * head.absorbed_share[skull], 1.0)
    assert np.allclose(truth.absorbed_share[skull], wanted)
    placement = coarse.case.treatment.placement
    moved = true_placement(placement, reality).transducer_to_ct.apply([0.0, 0.0, 0.0])
    planned = placement.transducer_to_ct.apply([0.0, 0.0, 0.0])
    assert np.allclose(moved - planned, [1.2e-3, -1.0e-3, 0.9e-3])


def test_the_draw_has_the_spreads_of_its_scenario():
    scenario = SCENARIOS["cooperative"]
    rng = np.random.default_rng(5)
    drawn = [draw_reality(scenario, rng) for _ in range(2000)]
    for name in ("brain_absorption", "bone_share", "perfusion", "transmission"):
        logs = np.log([getattr(r, name) for r in drawn])
        assert logs.std() == pytest.approx(getattr(scenario, f"{name}_sigma"), rel=0.08)
        assert abs(logs.mean()) < 0.02
    shifts = np.array([r.registration_m for r in drawn])
    assert np.allclose(shifts.std(axis=0), scenario.registration_sigma_m, rtol=0.08)
