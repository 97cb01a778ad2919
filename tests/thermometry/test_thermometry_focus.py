"""Reading the focus, the dose between frames, and the document of a frame."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import GeometryError, ImageError, SettingsError
from insonate.heat.dose import cem43
from insonate.thermometry import accumulate_dose, acquire, measure_focus, reconstruct, to_frame
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.dose import DoseMap, credible_maximum
from insonate.thermometry.focus import FocusOptions
from insonate.thermometry.frame import FrameContext, Measured
from insonate.thermometry.spot import displacement_pixels, off_resonance_map
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

PROTOCOL = small_protocol()
ANATOMY = ellipse_anatomy(PROTOCOL)
GEOMETRY = ANATOMY.geometry
REGIONS = regions_of(ANATOMY, CENTRE_M)


def frame_of(spot, seed=0, **more):
    rng = np.random.default_rng(seed)
    cold = np.zeros(GEOMETRY.shape)
    base = [acquire(ANATOMY, PROTOCOL, cold, rng=rng) for _ in range(4)]
    image = acquire(ANATOMY, PROTOCOL, spot.cells(GEOMETRY), rng=rng, **more)
    return reconstruct(np.stack(base), image, PROTOCOL, regions=REGIONS)


@pytest.fixture(scope="module")
def hot():
    return frame_of(HotSpot(CENTRE_M + np.array([1.5e-3, -1.0e-3, 0]), 18.0))


@pytest.fixture(scope="module")
def idle():
    return frame_of(HotSpot(CENTRE_M, 0.0))


def test_a_spot_is_found_read_and_placed(hot):
    focus = measure_focus(hot, GEOMETRY, PROTOCOL, CENTRE_M)
    assert focus.seen
    assert 12.0 < focus.peak_k < 18.0
    assert focus.mean_k < focus.peak_k
    assert focus.position_m == pytest.approx(
        CENTRE_M + np.array([1.5e-3, -1.0e-3, 0]), abs=0.1e-3
    )
    assert focus.position_sigma_m < 0.1e-3
    assert focus.fwhm_m == pytest.approx([4.71e-3, 4.71e-3], rel=0.1)
    assert focus.displacement_m < -0.2e-3  # warm spins resonate lower: towards the start
    assert abs(focus.off_target_k) < 0.6
    assert focus.usable_share == pytest.approx(1.0)


def test_nothing_is_seen_where_nothing_is(idle):
    focus = measure_focus(idle, GEOMETRY, PROTOCOL, CENTRE_M)
    assert not focus.seen
    assert focus.position_m is None
    assert focus.position_sigma_m is None
    assert focus.fwhm_m is None
    assert abs(focus.peak_k) < 4 * focus.sigma_k
    assert np.nanmax(idle.delta_t_k) > 3 * PROTOCOL.sigma_k(4)  # the noise maximum would


def test_one_hot_voxel_of_noise_is_not_a_spot(idle):
    kelvin = idle.delta_t_k.copy()
    kelvin[42, 37] = 4.2 * idle.sigma_k[42, 37]
    outlier = replace(idle, delta_t_k=kelvin)
    assert not measure_focus(outlier, GEOMETRY, PROTOCOL, CENTRE_M).seen


def test_heat_off_target_is_seen(hot):
    far = frame_of(HotSpot(CENTRE_M + np.array([22e-3, -8e-3, 0]), 6.0), seed=1)
    focus = measure_focus(far, GEOMETRY, PROTOCOL, CENTRE_M)
    assert focus.off_target_k > 4.0
    assert not focus.seen


def test_the_stated_uncertainty_of_the_position_is_the_observed():
    spot = HotSpot(CENTRE_M, 8.0)
    found = [
        measure_focus(frame_of(spot, seed), GEOMETRY, PROTOCOL, CENTRE_M) for seed in range(60)
    ]
    errors = np.array([f.position_m - CENTRE_M for f in found])[:, :2]
    stated = np.mean([f.position_sigma_m for f in found])
    assert np.sqrt((errors**2).mean()) == pytest.approx(stated, rel=0.25)


def test_masked_voxels_leave_hottest_and_fit_alone(hot):
    i, j = measure_focus(hot, GEOMETRY, PROTOCOL, CENTRE_M).peak_index
    mask, kelvin = hot.mask.copy(), hot.delta_t_k.copy()
    mask[i, j], kelvin[i, j] = False, np.nan
    focus = measure_focus(
        replace(hot, mask=mask, delta_t_k=kelvin), GEOMETRY, PROTOCOL, CENTRE_M
    )
    assert focus.peak_index != (i, j)
    assert focus.position_m == pytest.approx(
        CENTRE_M + np.array([1.5e-3, -1.0e-3, 0]), abs=0.15e-3
    )


def test_the_field_map_is_measured_from_two_echoes():
    anatomy = ellipse_anatomy(PROTOCOL, off_resonance_hz=45.0)
    later = replace(PROTOCOL, echo_time_s=PROTOCOL.echo_time_s + 2e-3)
    rng, cold = np.random.default_rng(0), np.zeros(GEOMETRY.shape)
    quiet = [replace(p, snr=10000.0) for p in (PROTOCOL, later)]
    echoes = [acquire(anatomy, p, cold, rng=rng) for p in quiet]
    found = off_resonance_map(*echoes, (PROTOCOL, later))
    assert found[39:41, 35:37].mean() == pytest.approx(45.0, abs=0.5)
    with pytest.raises(SettingsError, match="later second echo"):
        off_resonance_map(*echoes, (later, PROTOCOL))


@pytest.mark.parametrize("field", [np.zeros((3, 3)), np.full((80, 72), np.nan)])
def test_field_maps_that_cannot_be(hot, field):
    with pytest.raises(ImageError, match="A field map must be finite"):
        displacement_pixels(hot, PROTOCOL, field)


def test_a_target_outside_the_slice_is_refused(hot):
    with pytest.raises(GeometryError, match="mm from its plane"):
        measure_focus(hot, GEOMETRY, PROTOCOL, CENTRE_M + np.array([0, 0, 4e-3]))
    with pytest.raises(GeometryError, match="same images"):
        measure_focus(hot, GEOMETRY, small_protocol(pixel_m=2e-3), CENTRE_M)


@pytest.mark.parametrize(
    "change",
    [{"search_radius_m": 0.0}, {"off_target_radius_m": 1e-3}, {"fit_radius_m": 0.1},
     {"significance": 0.5}],
)  # fmt: skip
def test_options_that_cannot_be(change):
    with pytest.raises(SettingsError):
        FocusOptions(**change)


# --- dose ------------------------------------------------------------------------------------


def thermogram_of(idle, kelvin):
    values = np.where(idle.mask, np.float32(kelvin), np.float32(np.nan))
    return replace(idle, delta_t_k=values)


def test_dose_of_frames_is_that_of_the_curve_through_them(idle):
    # The clinical case: 10 s to 57 °C, a frame every 3.4 s (481 CEM43 by this rule).
    times = np.arange(0, 41, 3.4)
    up = 1 - np.exp(-times / 4.0)
    peak = 1 - np.exp(-10.0 / 4.0)
    rise = 20 * np.where(times <= 10, up / peak, np.exp(-(times - 10) / 5.0))
    dose = DoseMap.start(GEOMETRY.shape, 37.0, 0.0, "sapareto")
    for t, kelvin in zip(times[1:], rise[1:], strict=True):
        dose = accumulate_dose(dose, thermogram_of(idle, kelvin), baseline_degc=37.0, time_s=t)
    wanted = cem43(times, 37.0 + rise, "sapareto")
    assert dose.cem43[idle.mask] == pytest.approx(float(wanted), rel=1e-4)
    assert 300 < float(wanted) < 700


def test_dose_waits_where_a_voxel_is_lost_and_never_falls(idle):
    dose = DoseMap.start(GEOMETRY.shape, 37.0, 0.0, "sapareto")
    dose = accumulate_dose(dose, thermogram_of(idle, 15.0), baseline_degc=37.0, time_s=3.0)
    blind = replace(idle, mask=np.zeros_like(idle.mask), delta_t_k=idle.delta_t_k * np.nan)
    later = accumulate_dose(dose, blind, baseline_degc=37.0, time_s=6.0)
    assert later.temperature_degc[idle.mask] == pytest.approx(52.0)
    assert (later.cem43 >= dose.cem43).all()
    assert (later.cem43[~idle.mask] == 0).all()


def test_the_rule_remembers_what_was_reached_before(idle):
    # iso39 counts R = 1/2 below 43 °C once 43 °C was passed: 42 °C then counts half, not a quarter.
    dose = DoseMap.start(GEOMETRY.shape, 37.0, 0.0, "iso39")
    for t, kelvin in ((1.0, 8.0), (2.0, 5.0), (62.0, 5.0)):
        before = dose
        dose = accumulate_dose(dose, thermogram_of(idle, kelvin), baseline_degc=37.0, time_s=t)
    assert (dose.cem43 - before.cem43)[idle.mask] == pytest.approx(0.5, rel=1e-5)


def test_frames_out_of_order_are_refused(idle):
    dose = DoseMap.start(GEOMETRY.shape, 37.0, 5.0, "sapareto")
    with pytest.raises(SettingsError, match="come in order"):
        accumulate_dose(dose, idle, baseline_degc=37.0, time_s=3.0)
    other = DoseMap.start((4, 4), 37.0, 0.0, "sapareto")
    with pytest.raises(SettingsError, match="from one slice"):
        accumulate_dose(other, idle, baseline_degc=37.0, time_s=3.0)


def test_one_voxel_alone_is_not_an_off_target_dose(idle):
    cem43_map = np.zeros(GEOMETRY.shape, np.float32)
    cem43_map[30, 30] = 1000.0
    start = DoseMap.start(GEOMETRY.shape, 37.0, 0.0, "sapareto")
    everywhere = np.ones(GEOMETRY.shape, bool)
    assert credible_maximum(replace(start, cem43=cem43_map), everywhere) == 0
    cem43_map[29:32, 29:32] = 20.0
    assert credible_maximum(replace(start, cem43=cem43_map), everywhere) == 20
    assert credible_maximum(start, ~everywhere) == 0


# --- the document ----------------------------------------------------------------------------


def context(**change):
    values = {"sonication": 3, "frame": 2, "start_s": 100.0, "end_s": 103.4,
              "baseline_degc": 37.0, "target_m": CENTRE_M, **change}  # fmt: skip
    return FrameContext(**values)


def measured(thermogram):
    focus = measure_focus(thermogram, GEOMETRY, PROTOCOL, CENTRE_M)
    start = DoseMap.start(GEOMETRY.shape, 37.0, 100.0, "sapareto")
    dose = accumulate_dose(start, thermogram, baseline_degc=37.0, time_s=101.7)
    return Measured(thermogram, focus, dose)


def test_a_frame_says_what_was_measured(hot):
    result = measured(hot)
    document, arrays = to_frame(result, GEOMETRY, PROTOCOL, context())
    assert document.peak_degc == pytest.approx(37.0 + result.focus.peak_k)
    assert document.focus_offset_m == pytest.approx((1.5e-3, -1.0e-3, 0.0), abs=0.1e-3)
    assert document.peak_dose_cem43 > 0
    assert np.array(document.slice_affine).reshape(4, 4) == pytest.approx(GEOMETRY.grid.affine)
    assert document.orientation == "axial"
    assert set(arrays) == {"delta_t", "sigma", "mask", "magnitude", "dose"}
    assert all(a.shape == GEOMETRY.shape for a in arrays.values())
    assert arrays["delta_t"].dtype == np.float32


def test_a_frame_without_a_spot_has_no_focus(idle):
    document, _ = to_frame(measured(idle), GEOMETRY, PROTOCOL, context())
    assert document.focus_offset_m is None
    assert document.focus_sigma_m is None
    assert document.off_target_dose_cem43 < 0.01


def test_a_frame_that_shows_nothing_is_lost(idle):
    result = measured(idle)
    blind = replace(result, focus=replace(result.focus, peak_k=float("nan")))
    with pytest.raises(SettingsError, match="drop it as lost"):
        to_frame(blind, GEOMETRY, PROTOCOL, context())


def test_a_frame_ends_after_it_begins():
    with pytest.raises(SettingsError, match="cannot end at"):
        context(end_s=99.0)
