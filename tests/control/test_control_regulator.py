"""The regulator: what it learns, what it proposes, and that it keeps every cap."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from insonate.control import ports
from insonate.control.regulator import (
    ceilings,
    end_degc,
    expect,
    forgotten,
    goal_reached,
    learned,
    lowered_power,
    measured_k_per_kj,
    next_frame_degc,
    propose,
    still_warm,
    wanted,
)
from insonate.control.review import accept, cold
from insonate.control.settings import ControlSettings, efficiency_shape, heating_shape
from insonate.control.state import Exposure, Readings, initial_state
from insonate.core import SettingsError
from insonate.events.documents import ModelEstimate
from insonate.plan import PEAK_GOALS_DEGC, Prescription, Sonication, Stage
from insonate.verification.control import Bench, prescription

SETTINGS = ControlSettings()


def exposure(**changes):
    usual = {
        "sonication": 1, "stage": Stage.TREAT, "asked_w": 600.0, "power_w": 600.0,
        "duration_s": 15.0, "started_s": 0.0, "accounted_s": 15.0, "power_set_s": 0.0,
        "energy_j": 9000.0, "baseline_degc": 37.0, "peak_degc": 55.0, "sigma_k": 0.3,
        "frames": 3, "last_degc": 50.0, "mid_s": 8.5, "slope_k_per_s": 1.0,
    }  # fmt: skip
    return Exposure(**(usual | changes))


def estimate(**changes):
    usual = {
        "skull_max_degc": 36.0, "scalp_max_degc": 28.0, "skull_dose_cem43": 0.0,
        "scalp_dose_cem43": 0.0, "skull_rise_k_per_kj": 0.5, "scalp_rise_k_per_kj": 0.2,
        "focus_degc": 37.0,
    }  # fmt: skip
    return ModelEstimate(**(usual | changes))


def warm(skull=36.0, rest=36.0, **changes):
    model = estimate(skull_max_degc=skull, **changes)
    return Readings(model=model, model_s=1.0, skull_rest_degc=rest, scalp_rest_degc=28.0)


def state(**changes):
    return replace(initial_state(SETTINGS, prescription()), **changes)


@given(st.floats(0.2, 20.0), st.floats(2.0, 30.0))
def test_a_noiseless_plant_of_the_assumed_shape_is_learned_at_any_duration(k10, duration):
    k = k10 * efficiency_shape(duration, SETTINGS)
    energy = 12.0e3 / k
    seen = exposure(
        energy_j=energy,
        duration_s=duration,
        asked_w=energy / duration,
        peak_degc=49.0,
        sigma_k=1e-6,
    )
    belief = state().efficiency
    for _ in range(6):
        belief = learned(belief, seen, SETTINGS)
    assert math.exp(belief.log_mean) == pytest.approx(k10, rel=0.01)
    assert belief.measured[-1] == pytest.approx(k)


def test_the_belief_follows_a_fall_of_a_fifth_within_two_sonications():
    belief = state().efficiency
    for _ in range(3):
        belief = learned(belief, exposure(), SETTINGS)
    fallen = exposure(energy_j=9000.0 * 1.2)
    before = belief.log_mean
    for _ in range(2):
        belief = learned(belief, replace(fallen, asked_w=720.0), SETTINGS)
    assert before - belief.log_mean == pytest.approx(math.log(1.2), rel=0.1)


@pytest.mark.parametrize("blind", [{"peak_degc": None}, {"sigma_k": 7.0}, {"energy_j": 0.0},
                                   {"peak_degc": 36.0, "sigma_k": 0.0}])  # fmt: skip
def test_what_is_lost_in_the_noise_teaches_nothing(blind):
    belief = state().efficiency
    assert measured_k_per_kj(exposure(**blind)) is None
    assert learned(belief, exposure(**blind), SETTINGS) is belief


def test_after_the_geometry_changed_the_belief_is_as_unsure_as_the_plan():
    belief = learned(state().efficiency, exposure(), SETTINGS)
    assert belief.log_sigma < 0.2
    assert forgotten(belief, SETTINGS).log_sigma == SETTINGS.predicted_log_sigma


def test_the_first_power_is_the_prescription_s_own():
    proposal, why = propose(state(), SETTINGS)
    assert (proposal.power_w, proposal.duration_s, why) == (250.0, 10.0, "")
    assert proposal.predicted_peak_degc == pytest.approx(43.0)
    assert proposal.predicted_low_degc < 43.0 < proposal.predicted_high_degc


def test_the_plan_s_own_prediction_counts_where_it_is_given():
    told = ControlSettings(predicted_k_per_kj=1.5, predicted_duration_s=10.0)
    first = propose(initial_state(told, prescription()), told)[0]
    assert first.k_per_kj == pytest.approx(1.5)


beliefs = st.floats(-2.0, 3.0)
stages = st.sampled_from(list(Stage))


@given(beliefs, stages, st.floats(30.0, 46.9), st.floats(0.0, 5.0), st.floats(0.0, 240e3))
@examples(max_examples=300)
def test_a_proposal_keeps_every_cap(log_mean, stage, skull, rise, spent):
    belief = replace(state().efficiency, log_mean=log_mean, log_sigma=0.1, measured=(1.0,))
    seen = warm(skull=skull, rest=30.0, skull_rise_k_per_kj=rise)
    now = state(efficiency=belief, stage=stage, sonication=3, seen=seen, session_energy_j=spent)
    proposal, why = propose(now, SETTINGS)
    if proposal is None:
        assert "cannot be reached" in why
        return
    limits, energy = SETTINGS.limits, proposal.power_w * proposal.duration_s
    assert 0.0 <= proposal.power_w <= limits.power.value
    assert energy <= limits.energy.value * (1 + 1e-9)
    assert spent + energy <= limits.session_energy.value * (1 + 1e-9)
    assert skull + rise * energy * 1e-3 <= limits.skull_temperature.value
    assert proposal.duration_s <= SETTINGS.maximum_duration_s * (1 + 1e-9)
    low, high = PEAK_GOALS_DEGC[stage]
    assert proposal.predicted_peak_degc <= high + 1e-9
    assert proposal.limited_by or proposal.predicted_peak_degc >= low - 1e-9
    assert (
        proposal.predicted_low_degc
        <= proposal.predicted_peak_degc
        <= proposal.predicted_high_degc
    )


def test_the_skull_s_limit_is_named():
    belief = replace(state().efficiency, log_mean=0.0, log_sigma=0.1)
    now = state(efficiency=belief, stage=Stage.VERIFY, sonication=2,
                seen=warm(skull_rise_k_per_kj=1.0))  # fmt: skip
    proposal, _ = propose(now, SETTINGS)
    assert proposal.limited_by == "skull temperature"
    assert proposal.power_w * proposal.duration_s == pytest.approx(10.5e3)
    refused, why = propose(replace(now, stage=Stage.TREAT), SETTINGS)
    assert refused is None
    assert "skull temperature" in why


def test_above_the_power_cap_the_sonication_is_stretched_for_the_same_rise():
    belief = replace(state().efficiency, log_mean=math.log(1.1), log_sigma=0.1)
    now = state(efficiency=belief, stage=Stage.TREAT, sonication=3)
    free = wanted(now, ControlSettings(limits=replace(SETTINGS.limits, power=replace(
        SETTINGS.limits.power, value=5000.0, low=5000.0, high=5000.0))))  # fmt: skip
    capped = wanted(now, SETTINGS)
    assert free.power_w > 1200.0 == capped.power_w
    assert capped.duration_s > free.duration_s
    reach = [expect(now, asked, SETTINGS).predicted_peak_degc for asked in (free, capped)]
    assert reach[0] == pytest.approx(reach[1])


def test_a_cap_on_power_that_even_the_longest_cannot_make_up_for_is_named():
    belief = replace(state().efficiency, log_mean=math.log(0.5), log_sigma=0.3)
    proposal, why = propose(state(efficiency=belief, stage=Stage.TREAT, sonication=3), SETTINGS)
    assert (proposal.limited_by if proposal else why).count("power") == 1


@pytest.mark.parametrize(("changes", "word"), [
    ({"stage_count": 4}, "after its 4"), ({"sonication": 14}, "All 14"),
])  # fmt: skip
def test_when_all_sonications_are_used_nothing_is_proposed(changes, word):
    proposal, why = propose(state(**changes), SETTINGS)
    assert proposal is None
    assert word in why


def test_without_the_model_only_energy_is_capped_here_and_the_guards_forbid_the_start():
    assert [c.name for c in ceilings(state(), SETTINGS)] == ["energy", "session energy"]


# --- within a sonication ---


def test_a_plant_of_the_assumed_shape_is_projected_exactly():
    rise = 20.0 / heating_shape(15.0, SETTINGS)
    seen = exposure(last_degc=37.0 + rise * heating_shape(8.5, SETTINGS))
    assert end_degc(seen, SETTINGS) == pytest.approx(57.0)


def test_power_is_lowered_so_that_the_end_keeps_the_cap_and_never_raised():
    hot = exposure(last_degc=56.0)
    assert end_degc(hot, SETTINGS) > 60.0
    assert 0.0 < lowered_power(hot, SETTINGS) < 600.0
    assert lowered_power(exposure(last_degc=45.0), SETTINGS) == 600.0
    assert lowered_power(exposure(last_degc=59.5), SETTINGS) == 0.0
    assert lowered_power(exposure(last_degc=70.0, mid_s=15.0), SETTINGS) == 0.0
    assert lowered_power(exposure(last_degc=56.0, frames=1), SETTINGS) == 600.0
    assert lowered_power(exposure(frames=0), SETTINGS) == 600.0


def test_one_frame_on_is_a_straight_line_from_two_frames_and_the_shape_from_one():
    assert next_frame_degc(exposure(frames=0), SETTINGS) is None
    assert next_frame_degc(exposure(), SETTINGS) == pytest.approx(50.0 + 3.4)
    assert next_frame_degc(exposure(slope_k_per_s=-1.0), SETTINGS) == 50.0
    rise = 20.0 / heating_shape(15.0, SETTINGS)
    first = exposure(frames=1, mid_s=1.7, last_degc=37.0 + rise * heating_shape(1.7, SETTINGS))
    expected = 37.0 + rise * heating_shape(5.1, SETTINGS)
    assert next_frame_degc(first, SETTINGS) == pytest.approx(expected)
    assert next_frame_degc(replace(first, baseline_degc=None), SETTINGS) == first.last_degc


def test_the_goal_is_the_top_less_the_margin():
    assert goal_reached(exposure(peak_degc=59.0), SETTINGS)
    assert not goal_reached(exposure(peak_degc=58.9), SETTINGS)
    assert not goal_reached(exposure(peak_degc=None), SETTINGS)


# --- between sonications ---


def test_the_wait_is_that_of_an_exponential_to_the_allowed_temperature():
    now = state(seen=warm(skull=44.0))
    why, wait_s = still_warm(now, 15e3, SETTINGS)
    assert "skull temperature" in why
    # 15 kJ at 0.5 K/kJ need 7.5 K below 46.5 °C: 39 °C, from 44 °C with a rest of 36 °C.
    assert wait_s == pytest.approx(60.0 * math.log(8.0 / 3.0))
    assert still_warm(now, 1e3, SETTINGS) == ("", 0.0)


def test_what_never_fits_waits_only_for_most_of_what_rest_allows():
    assert still_warm(state(seen=warm(skull=36.5)), 1e6, SETTINGS)[0] == ""
    assert still_warm(state(seen=warm(skull=47.0, rest=46.6)), 1e4, SETTINGS)[0] == ""


def test_a_warm_focus_and_a_silent_model_wait():
    assert "focus" in still_warm(state(seen=warm(focus_degc=38.5)), 0.0, SETTINGS)[0]
    assert "no estimate" in still_warm(state(), 0.0, SETTINGS)[0]


# --- bad settings ---


@pytest.mark.parametrize(("changes", "word"), [
    ({"tolerance_m": 2e-3}, "tolerance"), ({"frame_time_s": 0.0}, "frame_time_s"),
    ({"frame_time_s": math.nan}, "frame_time_s"), ({"cavitation_factor": 1.0}, "cavitation"),
    ({"predicted_k_per_kj": -1.0}, "predicted"), ({"goals": {Stage.ALIGN: (41.0, 45.0)}}, "lacks"),
    ({"goals": PEAK_GOALS_DEGC | {Stage.TREAT: (54.0, 61.0)}}, "limit of 60"),
    ({"goals": PEAK_GOALS_DEGC | {Stage.ALIGN: (36.0, 45.0)}}, "body"),
    ({"durations_s": dict.fromkeys(Stage, 31.0)}, "duration"),
    ({"sonications": dict.fromkeys(Stage, 0)}, "1 or more"),
])  # fmt: skip
def test_impossible_settings_are_refused_with_a_sentence(changes, word):
    with pytest.raises(SettingsError, match=word):
        ControlSettings(**changes)


@pytest.mark.parametrize("wrong", [(), (Sonication(Stage.ALIGN, 0.0, 10.0),),
                                   (Sonication(Stage.ALIGN, 100.0, -1.0),)])  # fmt: skip
def test_a_prescription_without_power_is_refused(wrong):
    with pytest.raises(SettingsError, match="prescription"):
        initial_state(SETTINGS, Prescription(prescription().target, wrong, PEAK_GOALS_DEGC))


def test_without_a_review_or_a_model_nothing_is_accepted_or_cooled():
    assert accept(state(), SETTINGS) == (state(), ())
    assert cold(state()) == state()


def test_the_bench_s_readings_are_what_the_ports_ask_for():
    class Bed:
        def water(self):
            return Bench().readings()[1]

        def cavitation(self):
            return Bench().readings()[2]

    bed: ports.CoolingPort = Bed()
    assert bed.water().kind == "cooling_reading"
    assert bed.cavitation().kind == "cavitation_reading"
