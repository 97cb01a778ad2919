"""One sonication followed: the temperature now, the dose as an interval, the plan as a prior."""

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.thermometry.bank import responses, spot_bank
from insonate.thermometry.between import Course
from insonate.thermometry.track import Track, driven, now, shown, spot_width_m
from insonate.verification import frame_time as subject

BANK = spot_bank()


def fresh(base=37.0):
    return Track(Course.begin(BANK, 1), base)


def followed(track, until_s=17.0, frame_s=3.4):
    """The case of the frame-time table, tick by tick."""
    step = frame_s / 4
    for tick in np.arange(0.0, until_s - 1e-9, step):
        for start, end, power in ((tick, min(tick + step, 10.0), 300.0),
                                  (max(tick, 10.0), tick + step, 0.0)):  # fmt: skip
            track = driven(track, float(start), float(end), power)
        if abs((tick + step) % frame_s) < 1e-9 or abs((tick + step) % frame_s - frame_s) < 1e-9:
            window = (float(tick + step - frame_s), float(tick + step))
            track = shown(track, 37.0 + subject.frame_mean(*window), 0.3, window)
    return track


def test_pieces_of_the_same_power_are_one():
    track = followed(fresh())
    assert [(p.start_s, pytest.approx(p.end_s), p.power_w) for p in track.power] == [
        (0.0, pytest.approx(10.0), 300.0),
        (pytest.approx(10.0), pytest.approx(17.0), 0.0),
    ]
    assert track.frames == 5


def test_the_temperature_now_is_known_where_the_last_frame_is_seconds_late():
    track = followed(fresh())
    found = now(track, 17.0, 3.4)
    true, ahead = (float(subject.true_rise(np.array(t))) + 37.0 for t in (17.0, 20.4))
    assert found.degc == pytest.approx(true, abs=0.5)
    assert found.ahead_degc == pytest.approx(ahead, abs=0.7)
    late = 37.0 + subject.frame_mean(13.6, 17.0)
    assert abs(late - true) > 1.5


def test_without_time_ahead_ahead_is_now():
    found = now(followed(fresh()), 17.0, 0.0)
    assert found.ahead_degc == found.degc


def test_the_baseline_is_added_once():
    warm, cool = (now(followed(fresh(base)), 17.0, 0.0) for base in (37.0, 37.0))
    assert warm.degc == cool.degc
    assert now(driven(fresh(40.0), 0.0, 1.0, 1e-9), 1.0, 0.0).degc == pytest.approx(
        40.0, abs=1e-5
    )


def test_a_plan_says_what_to_expect_before_the_first_frame_and_yields_to_frames():
    planned = fresh()
    planned = Track(planned.course.expecting(0.06, 10.0, log_sigma=0.5), 37.0)
    before = now(driven(planned, 0.0, 10.0, 300.0), 10.0, 0.0)
    assert before.degc == pytest.approx(37.0 + 0.06 * 300.0, abs=1e-6)
    assert before.sigma_k == pytest.approx(0.5 * 18.0, rel=0.05)
    wrong = Track(fresh().course.expecting(0.2, 10.0, log_sigma=0.5), 37.0)
    after = now(followed(wrong), 17.0, 0.0)
    true = float(subject.true_rise(np.array(17.0))) + 37.0
    assert after.degc == pytest.approx(true, abs=1.0)
    assert after.sigma_k < 1.0


@pytest.mark.parametrize("change", [(0.0, 10.0, 0.5), (0.1, -1.0, 0.5), (0.1, 10.0, np.nan)])
def test_an_expectation_that_cannot_be_is_refused(change):
    with pytest.raises(SettingsError, match="must be positive"):
        fresh().course.expecting(change[0], change[1], log_sigma=change[2])


def test_a_power_out_of_order_is_refused_and_one_of_no_length_is_none():
    track = driven(fresh(), 0.0, 2.0, 100.0)
    assert driven(track, 2.0, 2.0, 50.0) is track
    with pytest.raises(SettingsError, match="in order"):
        driven(track, 1.0, 3.0, 50.0)


def test_a_gap_of_a_rounding_error_is_closed():
    track = driven(driven(fresh(), 0.0, 2.0, 100.0), 2.0 - 1e-9, 3.0, 50.0)
    assert track.power[1].start_s == track.power[0].end_s
    assert responses(BANK, track.power, (3.0,))[0][-1] == 3.0


def test_the_width_of_a_gaussian_spot_is_found_from_its_hot_volume():
    width, step = 1.3e-3, 0.1e-3
    x, y, z = np.meshgrid(
        *(np.arange(-40, 41) * step,) * 2, np.arange(-80, 81) * step, indexing="ij"
    )
    heat = 3.0 * np.exp(-0.5 * ((x**2 + y**2) / width**2 + z**2 / (2 * width) ** 2))
    assert spot_width_m(heat, (step,) * 3) == pytest.approx(width, rel=0.02)
    with pytest.raises(SettingsError, match="without heat"):
        spot_width_m(np.zeros((3, 3, 3)), (step,) * 3)
