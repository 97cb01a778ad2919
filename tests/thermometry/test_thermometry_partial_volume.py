"""Partial volume: what a voxel shows of a Gaussian spot, against the integral over the voxel."""

from dataclasses import replace
from math import erf, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import Tissue
from insonate.heat.build import build_thermal_model
from insonate.heat.options import ThermalOptions
from insonate.thermometry import CLINICAL_3T, SliceGeometry
from insonate.thermometry.partial_volume import LARGEST_FACTOR, partial_volume_factor
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
    return partial_volume_factor(
        model, [(state, 1.0)], uniform_state(model, 37.0), geometry, **options
    )


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
    found = partial_volume_factor(model, [(low, 2.0), (high, 2.0)], rest, geometry)
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
