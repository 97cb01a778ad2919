"""Every check of ``insonate verify thermometry`` passes, and rejects a wrong subject."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.thermometry import accumulate_dose, acquire, measure_focus, reconstruct
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.susceptibility import dipole_field
from insonate.verification import artefacts
from insonate.verification import thermometry as subject
from insonate.verification.thermal_slice import small_protocol


def test_every_check_passes():
    checks = list(subject.checks())
    assert len(checks) >= 15
    assert [c for c in checks if not c.passed] == []


def with_protocol(**change):
    """Return a reconstruction that believes another header."""

    def wrong(baselines, image, protocol, **more):
        return reconstruct(baselines, image, replace(protocol, **change), **more)

    return wrong


@pytest.mark.parametrize("change", [{"phase_sign": -1}, {"prf_ppm_per_k": -0.0100}])
def test_the_round_trip_rejects_a_wrong_sign_and_a_wrong_coefficient(change):
    assert subject.round_trip_error(1, with_protocol(**change)) > 1e-2


def test_the_published_number_rejects_another_coefficient():
    wrong = small_protocol(prf_ppm_per_k=-0.00909)
    assert subject.published_kelvin_per_radian_error(wrong) > 0.5


def test_the_displacement_rejects_a_scanner_without_it_and_one_the_other_way():
    for change in ({"bandwidth_hz_per_pixel": 5000.0}, {"readout_polarity": -1}):

        def wrong(anatomy, protocol, kelvin, change=change, **more):
            return acquire(anatomy, replace(protocol, **change), kelvin, **more)

        assert subject.published_displacement_error_m(wrong) > 0.5e-3


def test_the_noise_law_rejects_a_reference_that_is_left_out():
    def first_only(baselines, image, protocol, **more):
        found = reconstruct(baselines, image, protocol, **more)
        return replace(found, delta_t_k=found.delta_t_k / np.float32(np.sqrt(2.0)))

    assert subject.noise_error(1, first_only) > 0.2


def test_the_calibration_rejects_one_sigma_for_all_voxels():
    def flat(baselines, image, protocol, **more):
        found = reconstruct(baselines, image, protocol, **more)
        return replace(found, sigma_k=np.full_like(found.sigma_k, np.nanmin(found.sigma_k)))

    assert subject.calibration_error(flat) > 0.2


def test_the_drift_series_rejects_a_fit_of_order_zero():
    assert subject.drifting_series(Reconstruction(drift_order=0)).cold_rms_k > 0.5


def test_the_drift_series_rejects_no_correction(monkeypatch):
    def uncorrected(*args, **more):
        found = reconstruct(*args, **more)
        return replace(found, delta_t_k=found.delta_t_k + found.drift_map_k)

    monkeypatch.setattr(subject, "reconstruct", uncorrected)
    series = subject.drifting_series()
    assert series.cold_rms_k > 5
    assert series.focus_bias_k > 5


def test_the_side_rejects_a_mirrored_picture():
    def mirrored(thermogram, geometry, protocol, target, **more):
        flipped = replace(
            thermogram,
            delta_t_k=thermogram.delta_t_k[::-1],
            sigma_k=thermogram.sigma_k[::-1],
            mask=thermogram.mask[::-1],
        )
        return measure_focus(flipped, geometry, protocol, target, **more)

    assert not subject.side_error_m(mirrored) <= 0.3e-3


def test_the_position_rejects_an_uncorrected_and_a_wrongly_corrected_displacement():
    def uncorrected(thermogram, geometry, protocol, target, *, off_resonance_hz):
        return measure_focus(thermogram, geometry, protocol, target)

    def other_way(thermogram, geometry, protocol, target, **more):
        wrong = replace(protocol, readout_polarity=-protocol.readout_polarity)
        return measure_focus(thermogram, geometry, wrong, target, **more)

    assert subject.position_error_m(uncorrected) > 1.0e-3
    assert subject.position_error_m(other_way) > 2.0e-3


def test_the_pair_rejects_coordinates_that_are_swapped():
    def swapped(first, second, geometry):
        return artefacts.place_of_pair(second, first, geometry)

    assert artefacts.paired_error_m(swapped) > 1.0e-3


def test_the_idle_bias_rejects_maxima_and_means_over_positive_voxels():
    positive, highest = subject.idle_bias_k(
        lambda focus, found: float(
            found.delta_t_k[focus.near_target & (found.delta_t_k > 0)].mean()
        ),
        lambda focus, found: float(found.delta_t_k[focus.near_target].max()),
    )
    assert positive == pytest.approx(0.8, abs=0.05)  # √(2/π) of a normal distribution
    assert highest > 2.0


def test_the_dose_rejects_sample_and_hold():
    def hold(before, thermogram, *, baseline_degc, time_s):
        level = np.full(before.cem43.shape, 57.0, np.float32)
        start = replace(before, temperature_degc=level)
        return accumulate_dose(start, thermogram, baseline_degc=baseline_degc, time_s=time_s)

    assert subject.ramp_dose_error(hold) > 1.0


def test_the_air_sphere_rejects_a_field_along_another_axis_and_the_sign():
    def across(chi, spacing):
        return dipole_field(chi.transpose(2, 1, 0), spacing).transpose(2, 1, 0)

    assert subject.air_sphere_error(across) > 0.5
    assert subject.air_sphere_error(lambda c, s: -dipole_field(c, s)) > 0.5


def test_every_artefact_is_seen_and_a_naive_method_fails():
    checks = list(artefacts.artefact_checks())
    assert len(checks) == 2 * len(artefacts.ARTEFACTS)
    assert [c for c in checks if not c.passed] == []


def test_the_artefacts_reject_our_own_method_switched_off(monkeypatch):
    """Without motion, masks or unwrapping ours is the naive method, and its row fails."""

    def still(*args, options, **more):
        return reconstruct(*args, options=replace(options, motion=None), **more)

    monkeypatch.setattr(artefacts, "reconstruct", still)
    assert artefacts.motion().ours > 0.5

    def forgetful(*args, previous=None, **more):
        return reconstruct(*args, **more)

    monkeypatch.setattr(artefacts, "reconstruct", forgetful)
    assert artefacts.wraps().ours > 5.0


def test_the_moving_series_rejects_a_reconstruction_that_takes_the_head_for_still():
    still = subject.drifting_series(Reconstruction(motion=None), moving=True)
    assert still.cold_rms_k > 1.0
