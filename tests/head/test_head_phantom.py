"""The phantom: volumes of ellipsoids, partial volume, landmarks, settings."""

import numpy as np
import pytest

from insonate.core import SettingsError, Tissue, sample
from insonate.head import PhantomOptions, phantom_ct, phantom_head
from insonate.head.phantom import (
    Feature,
    feature_centre_m,
    phantom_grid,
    phantom_labels,
    phantom_landmarks,
)


def ellipsoid_m3(axes):
    return 4 / 3 * np.pi * np.prod(axes)


def test_volumes_are_those_of_the_ellipsoids(plain):
    axes = plain.options.semi_axes_m()
    labels = phantom_labels(plain.options)
    found = [(labels == t).sum() * 8e-9 for t in (Tissue.BRAIN, Tissue.SKULL, Tissue.SCALP)]
    inside = [ellipsoid_m3(a) for a in (axes[0], axes[3], axes[4])]
    np.testing.assert_allclose(found, np.diff([0, *inside]), rtol=0.01)


def test_partial_volume_keeps_the_mean(plain):
    # the integral of HU + 1000 is that of the exact shells
    axes, hu = plain.options.semi_axes_m(), (35, 1500, 800, 1600, 30)
    volumes = np.diff([0, *(ellipsoid_m3(a) for a in axes)])
    exact = sum(v * (h + 1000) for v, h in zip(volumes, hu, strict=True))
    found = (plain.ct.array.astype(float) + 1000).sum() * 8e-9
    assert found == pytest.approx(exact, rel=2e-3)


def test_more_supersampling_converges():
    def integral(n):
        options = PhantomOptions(spacing_m=2.5e-3, supersampling=n)
        return float((phantom_ct(options).array.astype(float) + 1000).sum())

    best = integral(5)
    assert abs(integral(3) - best) < abs(integral(1) - best) + 1e-3 * best


def test_the_centre_of_each_feature_is_what_it_is_called(featured):
    ct, options = featured.ct, featured.options
    gap = sample(ct, feature_centre_m(options, Feature.BONE_GAP))
    air = sample(ct, feature_centre_m(options, Feature.AIR_CELL))
    knob = sample(ct, feature_centre_m(options, Feature.RIGHT_MARKER))
    assert gap == pytest.approx(30)
    assert air == pytest.approx(-1000)
    assert knob > 1200


def test_the_marker_is_on_the_right_and_the_gap_on_the_left(featured):
    x = featured.options.centre_m[0]
    assert feature_centre_m(featured.options, Feature.RIGHT_MARKER)[0] > x + 0.05
    assert feature_centre_m(featured.options, Feature.BONE_GAP)[0] < x - 0.02


def test_a_lower_end_cuts_the_image_and_nothing_else():
    whole = PhantomOptions(spacing_m=2e-3)
    cut = PhantomOptions(spacing_m=2e-3, lower_end_m=40e-3)
    assert phantom_grid(cut).origin_m[2] == pytest.approx(cut.centre_m[2] - 40e-3)
    assert phantom_grid(cut).shape[:2] == phantom_grid(whole).shape[:2]


def test_the_whole_head_lies_inside_the_image(plain):
    labels = phantom_labels(plain.options)
    for axis in range(3):
        assert (np.take(labels, [0, -1], axis) == Tissue.WATER).all()


def test_commissures_lie_in_the_brain_and_25_mm_apart(plain):
    landmarks = phantom_landmarks(plain.options)
    points = np.stack([landmarks.anterior_commissure, landmarks.posterior_commissure])
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(25e-3)
    assert sample(plain.ct, points) == pytest.approx([35, 35])


def test_the_head_says_that_it_is_no_person():
    head = phantom_head(PhantomOptions(spacing_m=2.5e-3))
    assert "synthetic phantom" in head.notes[0]
    assert head.provenance["subject"] == "synthetic phantom"


def test_all_faulty_options_are_told_at_once():
    with pytest.raises(SettingsError, match=r"spacing_m is 0\.01.*scalp_m is 0\.1"):
        PhantomOptions(spacing_m=0.01, scalp_m=0.1)


@pytest.mark.parametrize(
    "wrong",
    [{"brain_semi_axes_m": (0.06, 0.01, 0.06)}, {"supersampling": 0}, {"lower_end_m": 0.0},
     {"inner_table_m": float("nan")}],
)  # fmt: skip
def test_each_faulty_option_is_refused(wrong):
    with pytest.raises(SettingsError, match="must lie between"):
        PhantomOptions(**wrong)
