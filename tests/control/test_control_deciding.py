"""Predictions and regulators: within their band, below the cap, and found where they are not."""

from dataclasses import replace

import pytest

from insonate.control import ControlSettings
from insonate.control.pid import pid_power
from insonate.control.regulator import propose
from insonate.control.state import Exposure
from insonate.core import SettingsError
from insonate.events import State, Verb
from insonate.events.documents import CavitationReading, OperatorCommand
from insonate.plan import Stage
from insonate.verification.bench import Bench, treat
from insonate.verification.deciding import Predicted, drawn_predictions, led, predictions

NOW = Exposure(sonication=1, stage=Stage.TREAT, asked_w=800.0, power_w=800.0, duration_s=15.0,
               started_s=0.0, accounted_s=0.0, power_set_s=0.0)  # fmt: skip


def test_an_efficiency_that_falls_by_a_fifth_each_time_is_followed():
    done = treat(Bench(noise_k=0.05, fall=1 / 1.2, skull_k_per_kj=0.3))
    assert done.state.lesion
    last = predictions(done)[-1]
    assert last.within
    assert last.measured == pytest.approx(last.peak, abs=1.5)
    energies = [
        s.energy_j
        for s in done.decisions
        if s.kind == "sonication_ended" and s.stage == "treat"
    ]
    assert energies == sorted(energies)


def test_most_measured_peaks_lie_in_the_band_and_a_band_too_narrow_is_found():
    found = drawn_predictions(12)
    assert sum(p.within for p in found) >= 0.9 * len(found)
    narrow = [replace(p, low=p.peak - 0.1, high=p.peak + 0.1) for p in found]
    assert sum(p.within for p in narrow) < 0.5 * len(narrow)
    assert not Predicted(40.0, 41.0, 42.0, 43.0).within


@pytest.mark.parametrize("kind", ["predictive", "pid"])
def test_both_regulators_keep_the_cap_where_it_heats_better_than_predicted(kind):
    assert max(led(ControlSettings(regulator=kind), 5).hottest_degc) <= 60.0


def test_a_pid_lowers_near_its_aim_and_for_a_steep_rise_and_never_raises():
    told = ControlSettings()
    assert pid_power(NOW, told) == 800.0
    cold = replace(NOW, frames=2, last_degc=45.0, slope_k_per_s=0.5)
    assert pid_power(cold, told) == 800.0
    assert pid_power(replace(cold, power_w=300.0), told) == 300.0
    near = pid_power(replace(cold, last_degc=56.0, slope_k_per_s=0.0), told)
    assert 0.0 < near < 400.0
    assert pid_power(replace(cold, last_degc=56.0, slope_k_per_s=1.0), told) < near
    assert pid_power(replace(cold, last_degc=60.0, slope_k_per_s=0.0), told) == 0.0
    assert (
        pid_power(replace(cold, last_degc=56.0, error_ks=50.0, slope_k_per_s=0.0), told) > near
    )


def test_a_stronger_integral_is_counted_by_frames(make_room):
    room = make_room()
    room.until(State.SONICATING)
    room.advance(3.4)
    first = room.state.exposure.error_ks
    assert first == pytest.approx((59.0 - room.state.exposure.last_degc) * 1.7)
    room.advance(3.4)
    assert room.state.exposure.error_ks > first


def test_what_cavitated_once_is_not_asked_for_again(make_room):
    room = make_room(settings=ControlSettings(frame_time_s=3.4))
    room.until(State.SONICATING, Stage.VERIFY)
    loud = CavitationReading(subharmonic_db=0, ultraharmonic_db=0, broadband_db=20)
    power = room.state.exposure.power_w
    room.see(loud)
    assert room.state.loud_w == power
    room.until(State.BASELINE, Stage.VERIFY)
    assert room.state.proposed.power_w <= 0.7 * power * (1 + 1e-9)
    assert room.state.proposed.duration_s > 12.0
    refused = room.see(OperatorCommand(verb=Verb.APPROVE, who="t", power_w=0.8 * power))
    assert "after cavitation" in refused[0].why


def test_an_unreachable_goal_names_cavitation_as_its_limit(make_room):
    room = make_room()
    room.until(State.BASELINE, Stage.TREAT)
    room.state = replace(room.state, loud_w=200.0)
    proposal, why = propose(room.state, room.settings)
    assert proposal is None
    assert "within the limit of cavitation" in why


def test_an_unknown_regulator_is_refused():
    with pytest.raises(SettingsError):
        ControlSettings(regulator="fuzzy")
