"""Between frames: the temperature now, the dose as an interval, and wrong filters that are seen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from insonate.core import SettingsError
from insonate.heat.dose import cem43
from insonate.thermometry.bank import CURVE_STEP_S, Bank, PowerPiece, responses, spot_bank
from insonate.thermometry.between import Course, dose_interval, observe_frame, rise_at
from insonate.verification import frame_time as subject

POWER = (PowerPiece(0.0, 8.0, 200.0), PowerPiece(8.0, 12.0, 50.0))
ONE = Bank(np.array([[0.25, 0.2]]), np.zeros((0, 2)), np.zeros(1))


def test_every_check_passes():
    checks = list(subject.frame_time_checks())
    assert len(checks) == 4
    assert [c for c in checks if not c.passed] == []


def test_the_case_has_its_published_dose():
    assert subject.true_dose() == pytest.approx(668, abs=1)


def test_joining_the_frames_by_straight_lines_is_seen_to_fail():
    def joined(course):
        found = subject.interval(course)
        times, values = [0.0], [37.0]
        for n in range(10):
            times.append((n + 0.5) * 3.4)
            values.append(37.0 + subject.frame_mean(n * 3.4, (n + 1) * 3.4))
        dose = cem43(times, values, "sapareto")[None]
        return replace(found, low=dose, median=dose, high=dose)

    judged = subject.judge(2, joined)
    assert judged.midpoint_error > 0.2
    assert judged.outside == 12
    assert judged.coverage == 0.0


def test_holding_the_last_frame_is_seconds_late():
    assert subject.now_error_k(hold=True) > 1.5


def test_the_responses_solve_their_equations():
    times = tuple(np.linspace(0.0, 20.0, 2001))
    at, r, area = responses(ONE, POWER, times)
    watts = np.where(at < 8, 200.0, np.where(at < 12, 50.0, 0.0))
    k = np.where(watts > 0, 0.25, 0.2)
    slope = np.gradient(r[0], at)
    smooth = (np.abs(at - 8) > 0.1) & (np.abs(at - 12) > 0.1) & (at > 0.1)
    assert slope[smooth] == pytest.approx((watts - k * r[0])[smooth], abs=0.2)
    assert np.gradient(area[0], at)[smooth] == pytest.approx(r[0][smooth], abs=0.2)


def test_conduction_from_a_gaussian_spot_agrees_with_its_closed_form():
    # Without perfusion, wide along the beam: ∫ dt/(1 + 2Dt/w²) = w²/2D ln(1 + 2Dt/w²).
    w = 1.2e-3
    bank = Bank(np.zeros((0, 2)), np.array([[w, 1.0]]), np.zeros(1))
    at, r, _ = responses(bank, (PowerPiece(0.0, 5.0, 1.0),), (1.0, 5.0))
    tau = w**2 / (2 * 1.36e-7)
    for t in (1.0, 5.0):
        wanted = tau * np.log(1 + t / tau)
        found = r[0, np.searchsorted(at, t)]
        assert wanted * (1 - 9.3e-3 * t) < found < wanted


STEP = (np.array([0.0, 1.0, 4.0, 10.0, 20.0, 60.0]), np.array([0.0, 0.9, 2.5, 4.0, 5.0, 6.0]))


def test_what_a_model_knows_of_one_watt_is_superposed():
    bank = spot_bank(step=STEP)
    own = bank.curves[5]  # not stretched
    first = CURVE_STEP_S / own[1]
    pieces = (
        PowerPiece(0.0, 10.0, 2.0),
        PowerPiece(10.0, 14.0, 0.0),
        PowerPiece(14.0, 20.0, 3.0),
    )
    at, r, area = responses(bank, pieces, (4.0, 12.0, 20.0))
    row = len(bank.rates) + len(bank.widths) + 5

    def known(t):
        return PchipInterpolator(*STEP)(max(t, 0.0))

    for t in (4.0, 12.0, 20.0):
        wanted = 2.0 * known(t) - 2.0 * known(t - 10.0) + 3.0 * known(t - 14.0)
        found = r[row, np.searchsorted(at, t)]
        assert found / own[80] == pytest.approx(wanted / known(4.0), rel=2e-3)
    assert first == pytest.approx(1.0, rel=0.05)  # each begins to rise with 1 a second
    whole = np.trapezoid(
        np.interp(np.linspace(0, 4, 801), np.arange(own.size) * CURVE_STEP_S, own)
    )
    assert area[row, np.searchsorted(at, 4.0)] == pytest.approx(2.0 * whole * 4 / 800, rel=1e-3)


def test_a_curve_that_is_known_is_followed_where_gaussians_are_not():
    """A core on a pedestal: a Gaussian's centre no longer warms where this one does."""
    power = (PowerPiece(0.0, 20.0, 100.0),)
    known = PchipInterpolator(*STEP)

    def mean(a, b):
        times = np.linspace(a, b, 200)
        warm = known(times) - np.where(times > 20.0, known(np.maximum(times - 20.0, 0.0)), 0.0)
        return 0.03 * 100.0 * float(warm.mean())

    errors = []
    for bank in (spot_bank(0.6e-3, step=STEP), spot_bank(0.6e-3)):
        course = Course.begin(bank, 1)
        for n in range(6):
            window = (3.4 * n, 3.4 * n + 3.4)
            course = observe_frame(course, [mean(*window)], [0.2], window, power)
        rise, _ = rise_at(course, power, 20.0)
        errors.append(abs(float(rise[0]) - 0.03 * 100.0 * float(known(20.0))))
    assert errors[0] < 0.15
    assert errors[1] > 2 * errors[0]


@pytest.mark.parametrize(
    "step",
    [
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.5, 1.0, 2.0], [0.0, 1.0, 2.0]),
        ([0.0, 1.0, 2.0], [0.0, -1.0, 2.0]),
        ([0.0, 1.0, 2.0], [0.0, 1.0, np.nan]),
        ([0.0, 1.0, 2.0], [0.0, 1.0]),
    ],
)
def test_a_step_response_that_is_none(step):
    with pytest.raises(SettingsError, match="step response"):
        spot_bank(step=step)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.002, 0.02), st.floats(0.12, 0.5))
def test_with_the_right_response_the_strength_is_found(q, k):
    bank = Bank(np.array([[k, k]]), np.zeros((0, 2)), np.zeros(1))
    course = Course.begin(bank, 1)
    for start in np.arange(0.0, 16.0, 4.0):
        window = (float(start), float(start) + 4.0)
        at, _, area = responses(bank, POWER, window)
        i, j = np.searchsorted(at, window)
        course = observe_frame(
            course, [q * (area[0, j] - area[0, i]) / 4.0], [0.3], window, POWER
        )
    rise, sigma = rise_at(course, POWER, 10.0)
    at, r, _ = responses(bank, POWER, (10.0,))
    assert abs(rise[0] - q * r[0, np.searchsorted(at, 10.0)]) < 3 * sigma[0] + 0.02
    found = dose_interval(course, POWER, 30.0, baseline_degc=37.0)
    assert found.low[0] <= found.median[0] <= found.high[0]
    assert found.low[0] <= found.middle[0] <= found.high[0]


def test_a_masked_voxel_learns_nothing_and_more_frames_narrow_the_interval():
    course = Course.begin(spot_bank(), 2)
    widths = []
    for n in range(3):
        window = (n * 4.0, n * 4.0 + 4.0)
        mean = subject.frame_mean(*window)
        course = observe_frame(course, [mean, np.nan], [0.3, 0.3], window, subject.POWER)
        found = dose_interval(course, subject.POWER, 40.0, baseline_degc=37.0)
        widths.append(float(found.high[0] / found.low[0]))
    assert widths[2] < widths[1] < widths[0]
    assert np.array_equal(course.mean[1], np.zeros_like(course.mean[1]))
    assert course.weights.sum(axis=1) == pytest.approx([1.0, 1.0])


def test_a_power_that_was_not_given_is_noticed_as_width():
    # The filter believes in 10 s at 300 W; in truth nothing was on: no dose is claimed.
    course = Course.begin(spot_bank(), 1)
    for n in range(6):
        course = observe_frame(course, [0.0], [0.3], (n * 3.4, n * 3.4 + 3.4), subject.POWER)
    found = dose_interval(course, subject.POWER, 40.0, baseline_degc=37.0)
    assert found.high[0] < 1e-2


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda c: observe_frame(c, [1.0], [0.3], (2.0, 2.0), POWER), "end after it begins"),
        (
            lambda c: observe_frame(c, [1.0, 2.0], [0.3, 0.3], (0.0, 2.0), POWER),
            "2 temperatures",
        ),
        (lambda c: observe_frame(c, [1.0], [0.0], (0.0, 2.0), POWER), "positive"),
        (lambda c: dose_interval(c, (), 3.0, baseline_degc=37.0), "power before"),
        (lambda c: dose_interval(c, POWER, 3.0, baseline_degc=37.0, credible=1.0), "share"),
        (lambda c: rise_at(c, POWER[::-1], 3.0), "overlap"),
        (lambda c: PowerPiece(3.0, 3.0, 1.0), "ends after"),
        (lambda c: PowerPiece(0.0, 3.0, -1.0), "not negative"),
        (lambda c: spot_bank(1.0), "focal spot|is none"),
    ],
)
def test_what_cannot_be_followed(call, sentence):
    with pytest.raises(SettingsError, match=sentence):
        call(Course.begin(spot_bank(), 1))
