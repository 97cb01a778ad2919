"""Partial volume: what a voxel shows of a Gaussian spot, against the integral over the voxel."""

from dataclasses import replace
from math import erf, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from insonate.core import Tissue
from insonate.heat.build import build_thermal_model
from insonate.heat.options import ThermalOptions
from insonate.heat.readout import hottest_near
from insonate.thermometry import CLINICAL_3T, SliceGeometry
from insonate.thermometry.cells import spot_change
from insonate.thermometry.partial_volume import (
    LARGEST_FACTOR,
    LARGEST_OF_MEAN,
    Reading,
    dilution,
)
from insonate.verification.thermal_subjects import hand_made_head, uniform_state

PROTOCOL = replace(CLINICAL_3T, matrix=(48, 48), pixel_m=1.5e-3)
FOCUS = np.array([1.25e-3, -0.75e-3, 0.25e-3])  # a fine cell's centre


@pytest.fixture(scope="module")
def model():
    labels = np.full((40, 40, 40), int(Tissue.BRAIN))
    options = ThermalOptions(fine_half_width_m=12e-3, fine_spacing_m=0.5e-3)
    return build_thermal_model(hand_made_head(labels), FOCUS, options=options)


def with_spot(model, width_m, peak_k=20.0, at=FOCUS):
    state = uniform_state(model, 37.0)
    square = ((model.fine_grid.points() - at) ** 2).sum(axis=-1)
    rise = peak_k * np.exp(-square / (2 * width_m**2))
    return replace(state, fine_degc=(37.0 + rise).astype(np.float32))


def factor(model, state, orientation="axial", shift=(0.0, 0.0, 0.0), **options):
    geometry = SliceGeometry.through(FOCUS + np.asarray(shift), orientation, PROTOCOL)
    rest = uniform_state(model, 37.0)
    return dilution(model, [(state, 1.0)], rest, geometry, **options).factor


def closed_form(width_m, offset_m=(0.0, 0.0, 0.0)):
    """Peak over mean in a box: prod of a / (sqrt(pi/2) w (erf(..) + erf(..)) / 2) per axis."""
    found = 1.0
    sides = (PROTOCOL.pixel_m, PROTOCOL.pixel_m, PROTOCOL.slice_thickness_m)
    for a, o in zip(sides, offset_m, strict=True):
        reach = erf((a / 2 - o) / (sqrt(2) * width_m)) + erf((a / 2 + o) / (sqrt(2) * width_m))
        found *= a / (sqrt(pi / 2) * width_m * reach)
    return found


@pytest.mark.parametrize("width_m", [1.2e-3, 1.5e-3, 2.0e-3])
@pytest.mark.parametrize("orientation", ["axial", "coronal", "sagittal"])
def test_factor_of_a_gaussian_spot_is_the_voxels_integral(model, width_m, orientation):
    found = factor(model, with_spot(model, width_m), orientation)
    assert found == pytest.approx(closed_form(width_m), rel=0.03)


@pytest.mark.parametrize(
    "shift",
    [(0.0, 0.0, 0.0), (0.6e-3, 0.0, 0.0), (0.6e-3, -0.6e-3, 0.0), (0.3e-3, 0.0, 0.9e-3)],
)
def test_a_spot_off_the_voxels_centre_is_diluted_more(model, shift):
    found = factor(model, with_spot(model, 1.5e-3), shift=shift)
    assert found == pytest.approx(closed_form(1.5e-3, shift), rel=0.03)


def test_a_wide_spot_needs_no_correction(model):
    assert factor(model, with_spot(model, 30e-3)) == pytest.approx(1.0, abs=0.01)


def test_a_spot_twice_as_wide_is_seen_as_another(model):
    """The check rejects a wrong subject: the model's spot is twice as wide as the true one."""
    found = factor(model, with_spot(model, 3.0e-3))
    assert abs(found / closed_form(1.5e-3) - 1) > 0.15


def test_a_measured_offset_moves_the_spot_not_its_shape(model):
    """A focus that was seen by one whole pixel beside dilutes as one in the middle."""
    state = with_spot(model, 1.5e-3)
    here = factor(model, state)
    pixel = PROTOCOL.pixel_m
    assert factor(model, state, offset_m=(pixel, -pixel, 0.0)) == pytest.approx(here, rel=1e-6)
    half = factor(model, state, offset_m=(0.4 * pixel, 0.0, 0.0))
    assert half == pytest.approx(closed_form(1.5e-3, (0.4 * pixel, 0.0, 0.0)), rel=0.03)


def test_left_is_not_right(model):
    """With the slice half a voxel to the side, an offset to one side cures it, the other not."""
    state, shift = with_spot(model, 1.2e-3), 0.45e-3
    cured = factor(model, state, shift=(shift, 0, 0), offset_m=(shift, 0.0, 0.0))
    worse = factor(model, state, shift=(shift, 0, 0), offset_m=(-0.2e-3, 0.0, 0.0))
    assert cured == pytest.approx(closed_form(1.2e-3), rel=0.03)
    assert worse > cured * 1.02


def test_it_averages_over_the_frame(model):
    """Of two states with peaks 10 K and 30 K the mean is that of 20 K: the factor of the shape."""
    low, high = (with_spot(model, 1.5e-3, k) for k in (10.0, 30.0))
    geometry = SliceGeometry.through(FOCUS, "axial", PROTOCOL)
    rest = uniform_state(model, 37.0)
    found = dilution(model, [(low, 2.0), (high, 2.0)], rest, geometry).factor
    assert found == pytest.approx(factor(model, low), rel=1e-4)


def test_no_rise_says_nothing_and_a_needle_is_bounded(model):
    assert factor(model, uniform_state(model, 37.0)) == 1.0
    assert factor(model, with_spot(model, 1.5e-3, 0.1)) == 1.0
    assert factor(model, with_spot(model, 0.3e-3, 40.0)) == LARGEST_FACTOR


@settings(max_examples=15, deadline=None)
@given(peak=st.floats(2.0, 40.0))
def test_the_factor_is_of_shape_alone(model, peak):
    expected = closed_form(1.5e-3)
    assert factor(model, with_spot(model, 1.5e-3, peak)) == pytest.approx(expected, rel=0.03)


# --- how the voxel was read ------------------------------------------------------------------


def imaged(model, state, readout_axis=1, offset_m=(0.0, 0.0, 0.0)):
    """Return the hottest voxel of an image of the state, K, made of much finer cells."""
    protocol = replace(CLINICAL_3T, matrix=(16, 16), readout_axis=readout_axis)
    geometry = SliceGeometry.through(FOCUS, "axial", protocol)
    points = geometry.points(subsamples=8, through=8) + np.asarray(offset_m)
    index = model.fine_grid.indices_of(points).reshape(-1, 3).T
    rise = state.fine_degc.astype(np.float64) - 37.0
    kelvin = map_coordinates(rise, index, order=3, mode="nearest").reshape(points.shape[:-1])
    return float(spot_change(kelvin.astype(np.float32), protocol, 8).max()), protocol


@pytest.mark.parametrize("readout_axis", [0, 1])
@pytest.mark.parametrize("peak_k", [5.0, 15.0, 25.0])
def test_with_its_reading_the_factor_is_right_however_hot(model, peak_k, readout_axis):
    """The phase of a sum is no mean of phases, and heat displaces itself: both depend on the peak."""
    state = with_spot(model, 0.7e-3, peak_k)
    read, protocol = imaged(model, state, readout_axis)
    geometry = SliceGeometry.through(FOCUS, "axial", protocol)
    shape = with_spot(model, 0.7e-3, 10.0)  # the model knows the shape, not the height
    rest = uniform_state(model, 37.0)
    how = Reading(protocol, read)
    right = dilution(model, [(shape, 1.0)], rest, geometry, reading=how).factor
    naive = dilution(model, [(shape, 1.0)], rest, geometry).factor
    true = hottest_near(model, state.fine_degc - 37.0, 6e-3)[0]
    assert right * read == pytest.approx(true, rel=0.01)
    if peak_k > 10.0:
        assert naive * read < 0.985 * true


def test_a_reading_of_nothing_is_no_reason_to_multiply_without_end(model):
    geometry = SliceGeometry.through(FOCUS, "axial", PROTOCOL)
    rest, hot = uniform_state(model, 37.0), with_spot(model, 1.2e-3, 10.0)
    for read in (0.0, -3.0, 40.0):
        how = Reading(PROTOCOL, read)
        found = dilution(model, [(hot, 1.0)], rest, geometry, reading=how).factor
        assert 1.0 <= found <= LARGEST_FACTOR


# --- how sure the factor is ------------------------------------------------------------------


def spread(model, state, shift, sigma_m, seen=True):
    geometry = SliceGeometry.through(FOCUS + np.asarray(shift), "axial", PROTOCOL)
    rest = uniform_state(model, 37.0)
    return dilution(
        model, [(state, 1.0)], rest, geometry, seen=seen, place_sigma_m=sigma_m
    ).log_sigma


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.6e-3, 0.0, 0.0), (0.6e-3, -0.6e-3, 0.0)])
@pytest.mark.parametrize("sigma_m", [0.1e-3, 0.25e-3])
def test_a_place_that_is_not_sure_makes_the_factor_unsure(model, shift, sigma_m):
    """Against the closed form at places that are drawn."""
    draws = np.random.default_rng(3).normal(0.0, sigma_m, (4000, 2))
    logs = [np.log(closed_form(1.2e-3, (shift[0] + x, shift[1] + y, 0.0))) for x, y in draws]
    found = spread(model, with_spot(model, 1.2e-3), shift, sigma_m)
    assert found == pytest.approx(np.std(logs), rel=0.15, abs=2e-3)


def test_a_place_that_is_known_leaves_the_factor_sure(model):
    assert spread(model, with_spot(model, 1.2e-3), (0.6e-3, 0.0, 0.0), 0.0) == 0.0


def test_a_spot_that_was_not_seen_is_the_mean_of_nine_voxels(model):
    """Three times a side: a factor that stopped at a voxel's limit would read a third too little."""
    width, pixel, through = 0.8e-3, PROTOCOL.pixel_m, PROTOCOL.slice_thickness_m
    wide = [
        a / (sqrt(2 * pi) * width * erf(a / (2 * sqrt(2) * width)))
        for a in (3 * pixel, 3 * pixel, through)
    ]
    found = factor(model, with_spot(model, width), seen=False)
    assert found == pytest.approx(min(np.prod(wide), LARGEST_OF_MEAN), rel=0.03)
    assert found > LARGEST_FACTOR
    assert factor(model, with_spot(model, 0.4e-3, 40.0), seen=False) == LARGEST_OF_MEAN


def test_a_spot_that_was_not_seen_is_somewhere_near(model):
    """The more it may lie beside the nine voxels, the less they say; a wide one is anywhere."""
    narrow, wide = (spread(model, with_spot(model, w), (0, 0, 0), 0.0, seen=False)
                    for w in (0.8e-3, 10e-3))  # fmt: skip
    assert narrow > 0.02
    assert wide < 0.01
