"""Motion in the plane: found, undone, refused where it is too large or no motion at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from insonate.core import SettingsError
from insonate.thermometry import reconstruct
from insonate.thermometry.motion import Motion, MotionLimits, Pyramid, estimate_motion, undone
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.thermogram import Reason
from insonate.verification.artefacts import subject

S = subject()
PIXEL = S.protocol.pixel_m


def found_of(motion, seed=1, options=None):
    image = S.see(seed, motion=motion)
    return reconstruct(
        S.base, image, S.protocol, regions=S.regions, options=options or Reconstruction()
    )


@settings(max_examples=12, deadline=None)
@given(st.floats(-3.5, 3.5), st.floats(-3.0, 3.0), st.floats(-0.06, 0.06))
def test_a_motion_is_found_to_a_quarter_of_a_voxel(i, j, angle):
    found = found_of(HeadMotion((i * PIXEL, j * PIXEL), angle)).motion
    assert found.shift == pytest.approx((i, j), abs=0.25)
    assert found.rotation_rad == pytest.approx(angle, abs=0.015)  # a round head hardly says
    assert found.misfit < 0.1


def test_a_head_at_rest_is_left_alone():
    still = found_of(HeadMotion())
    alone = found_of(HeadMotion(), options=Reconstruction(motion=None))
    assert np.array_equal(still.delta_t_k, alone.delta_t_k, equal_nan=True)


@pytest.mark.parametrize(
    ("motion", "sentence"),
    [(HeadMotion((6.5e-3, 0.0)), "moved by 6"), (HeadMotion((0.0, 0.0), 0.15), "°")],
)
def test_a_large_motion_is_refused_and_no_voxel_is_usable(motion, sentence):
    found = found_of(motion)
    assert sentence in found.refused
    assert "new references" in found.refused
    assert not found.mask.any()
    assert np.isnan(found.delta_t_k).all()
    assert set(np.unique(found.reasons)) == {Reason.OUTSIDE, Reason.MOVED}


def test_another_slice_is_no_motion_in_the_plane():
    other = replace(
        S.anatomy, texture=S.anatomy.texture[::-1, ::-1] ** 3, brain=S.anatomy.brain
    )
    image = replace(S, anatomy=other).see(1)
    found = reconstruct(S.base, image, S.protocol, regions=S.regions)
    assert "no motion in the plane explains it" in found.refused


def test_undoing_is_the_inverse_of_moving():
    smooth = gaussian_filter(np.random.default_rng(0).standard_normal((64, 60)), 3.0)
    image = (smooth + 1j * np.roll(smooth, 5)).astype(np.complex64)
    largest = float(np.abs(image).max())
    assert undone(image, Motion()) == pytest.approx(image, abs=1e-6)
    inner = (slice(12, -12), slice(12, -12))
    there = undone(image, Motion((1.3, -0.7), 0.0))
    assert np.abs(there[inner] - image[inner]).max() > 0.1 * largest
    for one, other in (
        (Motion((1.3, -0.7)), Motion((-1.3, 0.7))),
        (Motion((0.0, 0.0), 0.05), Motion((0.0, 0.0), -0.05)),
    ):
        back = undone(undone(image, one), other)
        assert np.abs(back[inner] - image[inner]).max() < 0.01 * largest


def test_a_picture_without_structure_has_not_moved():
    flat = np.ones((64, 64), np.float32)
    motion = estimate_motion(Pyramid.of(flat, flat > 0), flat)
    assert motion == Motion()


@pytest.mark.parametrize(
    "change", [{"shift_m": 0.0}, {"misfit": 1.0}, {"rotation_rad": np.nan}]
)
def test_limits_that_cannot_be(change):
    with pytest.raises(SettingsError, match="limits of motion"):
        MotionLimits(**change)
