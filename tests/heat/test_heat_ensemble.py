"""How sure a prediction is, and what measured sonications teach."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from insonate.core import SettingsError, Tissue
from insonate.heat import HeatSource, ThermalModel, ThermalState, advance
from insonate.heat.ensemble import (
    SHIFTS,
    Members,
    Range,
    Spread,
    band,
    draw_members,
    first_order,
    member_rises,
    predict_members,
    skull_maxima,
)
from insonate.heat.innovation import PRIOR_SCATTER, scatter_of
from insonate.heat.learning import Observed, update_members
from insonate.heat.local import changed, neighbourhood, sonicate
from insonate.heat.prediction import UnitResponse, unit_response
from insonate.heat.readout import focus_peak
from insonate.plan.model import Sonication, Stage

DURATION_S = 8.0


@pytest.fixture(scope="module")
def heated(model: ThermalModel, source: HeatSource) -> HeatSource:
    coarse = source.coarse.copy().ravel()
    coarse[model.cells[Tissue.SKULL].coarse] += 4e3
    return HeatSource(source.fine, coarse.reshape(source.coarse.shape))


@pytest.fixture(scope="module")
def response(model: ThermalModel, heated: HeatSource) -> UnitResponse:
    return unit_response(model, heated, DURATION_S)


def members_of(**values: list[float]) -> Members:
    count = len(next(iter(values.values())))
    base = {name: np.ones(count) for name in Spread().factors}
    base |= {name: np.zeros(count) for name in SHIFTS}
    return Members(MappingProxyType(base | {n: np.array(v, float) for n, v in values.items()}))


def test_a_response_goes_on_beyond_its_duration_by_superposition(
    model: ThermalModel, heated: HeatSource, response: UnitResponse
) -> None:
    """What 8 s and their cooling tell of 14 s of power is what 16 s of power show."""
    time, rise = response.step_response()
    whole = unit_response(model, heated, 2 * DURATION_S)
    on = whole.time_s <= 2 * DURATION_S
    found = np.interp(whole.time_s[on], time, rise)
    assert time[-1] == pytest.approx(14.0)
    assert (np.diff(rise) > 0).all()
    late = (whole.time_s[on] > DURATION_S) & (whole.time_s[on] <= 14.0)
    assert late.any()
    assert found[late] == pytest.approx(whole.focus[on][late], rel=0.01)


def test_rises_alone_are_those_of_the_whole_prediction(
    model: ThermalModel, heated: HeatSource, cooled: ThermalState, response: UnitResponse
) -> None:
    members = members_of(brain_absorption=[0.7, 1.0, 1.6], perfusion=[0.5, 1.0, 2.0])
    sonication = Sonication(Stage.TREAT, 300.0, DURATION_S)
    whole = predict_members(model, cooled, heated, response, members, sonication)
    rises = member_rises(model, cooled, heated, members, sonication)
    assert np.array_equal(rises, whole.rise_k)
    assert np.ptp(rises) > 1.0


def test_a_neighbourhood_heats_as_the_whole_head_does(
    model: ThermalModel, heated: HeatSource, cooled: ThermalState
) -> None:
    """The fine grid of this head is small: its whole is its neighbourhood."""
    whole = advance(
        model, cooled, heated, power_w=300.0, duration_s=DURATION_S, water_degc=15.0
    )
    place = neighbourhood(model, cooled, heated)
    run = sonicate(place, 300.0, DURATION_S)
    rise = whole.fine_degc[place.box].max() - cooled.fine_degc.max()
    assert run.end_degc.max() == pytest.approx(whole.fine_degc.max(), abs=0.01 * float(rise))


def test_more_blood_and_more_conduction_cool(
    model: ThermalModel, heated: HeatSource, cooled: ThermalState
) -> None:
    place = neighbourhood(model, cooled, heated)
    hottest = []
    for k, w in ((1.0, 1.0), (1.2, 1.0), (1.0, 3.0)):
        run = sonicate(changed(place, conductivity=k, perfusion=w), 300.0, DURATION_S)
        hottest.append(float(run.end_degc.max()))
    assert hottest[0] > hottest[1] + 0.1
    assert hottest[0] > hottest[2] + 0.1


def test_members_fill_their_ranges_evenly() -> None:
    members = draw_members(200, seed=3)
    for name, wanted in Spread().factors.items():
        values = members.values[name]
        assert wanted.low <= values.min() <= values.max() <= wanted.high
        parts = np.sort(np.searchsorted(np.sort(wanted.at(np.arange(1, 200) / 200)), values))
        assert np.abs(parts - np.arange(200)).max() <= 1
    shifts = np.stack([members.shift_m(m) for m in range(200)])
    assert shifts.std(axis=0) == pytest.approx([0.5e-3] * 3, rel=0.05)
    again = draw_members(200, seed=3)
    assert all(np.array_equal(v, again.values[n]) for n, v in members.values.items())


def test_a_member_that_is_the_plan_predicts_the_plan(
    model: ThermalModel, heated: HeatSource, cooled: ThermalState, response: UnitResponse
) -> None:
    sonication = Sonication(Stage.TREAT, 300.0, DURATION_S)
    twice = members_of(brain_absorption=[1.0, 2.0], bone_share=[1.0, 3.0])
    found = predict_members(model, cooled, heated, response, twice, sonication)
    whole = advance(
        model, cooled, heated, power_w=300.0, duration_s=DURATION_S, water_degc=15.0
    )
    assert found.peak_degc[0] == pytest.approx(focus_peak(model, whole, 3e-3).temperature_degc, abs=0.4)  # fmt: skip
    assert found.target_degc[0] == pytest.approx(found.peak_degc[0], abs=0.6)
    assert found.rise_k[1] == pytest.approx(2 * found.rise_k[0], rel=0.05)
    assert found.volume_mm3[1] > found.volume_mm3[0]
    skull = skull_maxima(cooled, response, [0.0, 300.0, 900.0])
    assert found.skull_degc == pytest.approx(skull[1:])
    assert np.diff(skull).min() > 0


def test_a_shift_leaves_the_peak_and_cools_the_target(
    model: ThermalModel, heated: HeatSource, cooled: ThermalState, response: UnitResponse
) -> None:
    sonication = Sonication(Stage.TREAT, 300.0, DURATION_S)
    moved = members_of(shift_right_m=[0.0, 2e-3])
    found = predict_members(model, cooled, heated, response, moved, sonication)
    assert found.peak_degc[1] == found.peak_degc[0]
    assert found.target_degc[1] < found.target_degc[0] - 1.0


def test_first_order_indices_are_those_of_a_sum() -> None:
    """y = 3a + b of independent terms: indices 9σ_a²/total and σ_b²/total, the rest nothing."""
    members = draw_members(400, seed=5)
    a, b = members.values["shift_right_m"], members.values["shift_anterior_m"]
    found = first_order(members, 3 * a + b)
    assert found["shift_right_m"] == pytest.approx(0.9, abs=0.04)
    assert found["shift_anterior_m"] == pytest.approx(0.1, abs=0.04)
    assert max(v for n, v in found.items() if not n.startswith("shift")) < 0.04
    assert set(first_order(members, np.ones(400)).values()) == {0.0}


def test_a_band_is_what_nine_of_ten_fall_in() -> None:
    assert band(np.arange(101.0)) == (5.0, 50.0, 95.0)


def test_the_update_is_that_of_a_gaussian() -> None:
    """One log-normal factor: the posterior is known (Kalman)."""
    rng = np.random.default_rng(8)
    prior = rng.normal(0.1, 0.4, 4000)
    members = members_of(brain_absorption=list(np.exp(prior)))
    sigma, seen = 0.1, 0.6
    after = update_members(members, np.exp(prior)[:, None] * 10.0, (Observed(10 * np.exp(seen), 10 * np.exp(seen) * sigma),))  # fmt: skip
    gain = 0.4**2 / (0.4**2 + sigma**2)
    log = np.log(after.values["brain_absorption"])
    assert log.mean() == pytest.approx(0.1 + gain * (seen - 0.1), abs=0.02)
    assert log.std() == pytest.approx(np.sqrt(1 - gain) * 0.4, rel=0.05)
    assert np.array_equal(after.values["perfusion"], members.values["perfusion"])


def test_measured_sonications_narrow_the_band_and_keep_the_truth() -> None:
    """Over many truths the posterior band holds what comes nine times in ten."""
    rng = np.random.default_rng(21)
    held, widths = 0, []
    for _ in range(120):
        members = draw_members(100, seed=int(rng.integers(1e6)))
        rise = members.values["brain_absorption"] * members.values["perfusion"] ** -0.2
        true = float(rise[0])
        seen = 6.0 * true * (1 + 0.08 * rng.standard_normal())
        rest = Members(MappingProxyType({n: v[1:] for n, v in members.values.items()}))
        predicted = 6.0 * rise[1:, None]
        after = update_members(rest, predicted, (Observed(seen, 0.08 * seen),))
        then = after.values["brain_absorption"] * after.values["perfusion"] ** -0.2
        low, _, high = band(20.0 * then)
        before = band(20.0 * rise[1:])
        held += low <= 20.0 * true <= high
        widths.append((high - low) / (before[2] - before[0]))
    assert 0.82 * 120 <= held <= 0.98 * 120
    assert np.median(widths) < 0.5


def test_nothing_measured_teaches_nothing() -> None:
    members = draw_members(10)
    assert update_members(members, np.empty((10, 0)), ()) is members


def test_bad_ensembles_are_refused(
    model: ThermalModel, heated: HeatSource, cooled: ThermalState
) -> None:
    with pytest.raises(SettingsError, match="no spread"):
        draw_members(1)
    with pytest.raises(SettingsError, match="must be positive and rise"):
        Range(0.5, 0.4, "test")
    with pytest.raises(SettingsError, match="at least 3 mm"):
        neighbourhood(model, cooled, heated, 1e-3)
    members = draw_members(4)
    with pytest.raises(SettingsError, match="have shape"):
        update_members(members, np.ones((3, 1)), (Observed(5.0, 0.5),))
    for rise, seen in ((np.zeros((4, 1)), 5.0), (np.ones((4, 1)), -1.0)):
        with pytest.raises(SettingsError, match="are positive"):
            update_members(members, rise, (Observed(seen, 0.5),))
    assert replace(members).count == 4


def test_the_scatter_of_measured_rises_is_found_from_them_alone() -> None:
    """Many sonications whose ratios scatter by 12 % beyond a noise of 5 %; one says nothing."""
    rng = np.random.default_rng(3)
    ratios = 0.7 * np.exp(np.hypot(0.12, 0.05) * rng.standard_normal(4000))
    assert scatter_of(ratios, np.full(4000, 0.05)) == pytest.approx(0.125, abs=0.015)
    assert scatter_of([0.7], [0.05]) == PRIOR_SCATTER
    assert scatter_of([0.7, 0.7], [0.05, 0.05]) == pytest.approx(PRIOR_SCATTER / np.sqrt(2))
    assert scatter_of([0.5, 1.0], [0.05, 0.05]) > 0.3


@pytest.mark.parametrize("bad", [([0.0], [0.1]), ([1.0], [-0.1]), ([1.0, 1.0], [0.1]), ([np.nan], [0.1])])  # fmt: skip
def test_bad_innovations_are_refused(bad: tuple[list[float], list[float]]) -> None:
    with pytest.raises(SettingsError, match="Innovations need one positive ratio"):
        scatter_of(*bad)
