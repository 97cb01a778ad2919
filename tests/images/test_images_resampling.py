"""Band-limited resampling: constants stay, waves below both Nyquists stay, others vanish."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_phantoms import MARKER_M, head_ct, marker_of

from insonate.core import (
    Frame,
    GeometryError,
    Grid,
    ImageError,
    SettingsError,
    Transform,
    Volume,
    sample,
)
from insonate.core.frames import affine_from
from insonate.images import crop_to_head, load_atlas, resample_band_limited, resample_to
from insonate.images.cropping import head_mask

SHAPE = (48, 44, 40)
SPACING = np.array((0.957e-3, 0.957e-3, 1.5e-3))


def wave_volume(cycles_per_m) -> Volume:
    grid = Grid(SHAPE, affine_from(np.diag(SPACING), (-0.02, 0.01, 0.03)), Frame.MR)
    return Volume(wave(grid.points(), cycles_per_m), grid, "1")


def wave(points, cycles_per_m):
    return np.cos(2 * np.pi * (points @ np.asarray(cycles_per_m)) + 0.3)


def inner_error(found: Volume, cycles_per_m) -> float:
    """Largest departure from the wave, 18 mm from the edges, where repeated ends do not reach."""
    points = found.grid.points()
    edge = np.ceil(0.018 / found.grid.spacing_m).astype(int)
    inner = tuple(slice(e, -e) for e in edge)
    return float(np.abs(found.array - wave(points, cycles_per_m))[inner].max())


class TestBandLimited:
    @settings(max_examples=15, deadline=None)
    @given(
        share=st.tuples(*[st.floats(-0.6, 0.6)] * 3), spacing_m=st.sampled_from([8e-4, 1e-3])
    )
    def test_a_wave_below_both_nyquists_is_reproduced(self, share, spacing_m):
        nyquist = 0.5 / np.maximum(SPACING, spacing_m)
        cycles = np.asarray(share) * nyquist
        found = resample_band_limited(wave_volume(cycles), spacing_m)
        assert inner_error(found, cycles) <= 1e-3

    def test_the_check_rejects_linear_interpolation(self):
        cycles = 0.6 * 0.5 / SPACING
        volume = wave_volume(cycles)
        grid = resample_band_limited(volume, 1e-3).grid
        linear = Volume(sample(volume, grid.points(), order=1), grid, "1")
        assert inner_error(linear, cycles) > 0.05

    def test_a_wave_above_the_new_nyquist_does_not_fold_back(self):
        cycles = np.array((0.75 * 0.5 / SPACING[0], 0.0, 0.0))
        found = resample_band_limited(wave_volume(cycles), 2e-3)
        edge = int(np.ceil(0.018 / 2e-3))
        assert np.abs(found.array[edge:-edge]).max() < 2e-3

    @settings(max_examples=20, deadline=None)
    @given(value=st.floats(-1000, 3000), spacing_m=st.floats(4e-4, 4e-3))
    def test_a_constant_stays_constant_to_the_very_edge(self, value, spacing_m):
        grid = Grid((20, 21, 22), affine_from(np.diag(SPACING), np.zeros(3)), Frame.CT)
        volume = Volume(np.full((20, 21, 22), value, np.float32), grid, "HU")
        found = resample_band_limited(volume, spacing_m).array
        assert np.allclose(found, value, rtol=1e-6, atol=1e-4)

    def test_the_same_spacing_changes_nothing(self):
        head = head_ct()
        found = resample_band_limited(head, 4e-3)
        assert found.grid.matches(head.grid)
        assert np.array_equal(found.array, head.array)

    def test_ringing_at_air_stays_above_the_floor(self):
        found = resample_band_limited(head_ct(), 3e-3).array
        assert found.min() == -1024
        assert found.dtype == np.int16

    def test_left_stays_left(self):
        found = resample_band_limited(head_ct(), 3e-3)
        assert np.linalg.norm(marker_of(found) - MARKER_M) < 1.5e-3

    @pytest.mark.parametrize("spacing_m", [0.0, -1e-3, float("nan"), 1.0])
    def test_a_spacing_that_cannot_be_used_is_refused(self, spacing_m):
        with pytest.raises(SettingsError, match="cannot be used"):
            resample_band_limited(head_ct(), spacing_m)

    def test_an_oblique_volume_is_refused(self):
        affine = affine_from([[0.001, 0.0005, 0], [0, 0.001, 0], [0, 0, 0.001]], np.zeros(3))
        volume = Volume(np.zeros((20, 20, 20)), Grid((20, 20, 20), affine, Frame.CT), "HU")
        with pytest.raises(GeometryError, match="axis-aligned"):
            resample_band_limited(volume, 1e-3)


class TestResampleTo:
    def test_points_go_where_the_transform_sends_them(self):
        head = head_ct()
        turn = affine_from([[0, -1, 0], [1, 0, 0], [0, 0, 1]], (0.01, 0.02, -0.01))
        transform = Transform(Frame.CT, Frame.HEAD, turn)
        grid = Grid.centred(transform.apply(MARKER_M), 2e-3, (40, 40, 40), Frame.HEAD)
        found = resample_to(head, grid, transform)
        expected = transform.apply(MARKER_M)
        assert np.linalg.norm(marker_of(found) - expected) < 1e-3
        backwards = resample_to(
            head, grid, Transform(Frame.CT, Frame.HEAD, np.linalg.inv(turn))
        )
        assert not (backwards.array > 2000).any()

    def test_what_is_not_reached_is_air_in_a_ct_and_nothing_in_an_mr(self):
        head = head_ct()
        far = Grid.centred((1.0, 1.0, 1.0), 2e-3, (20, 20, 20), Frame.CT)
        still = Transform.identity(Frame.CT, Frame.CT)
        assert (resample_to(head, far, still).array == -1000).all()
        assert (resample_to(Volume(head.array, head.grid, "1"), far, still).array <= 0).all()

    def test_a_coarse_grid_is_low_passed_first(self):
        cycles = np.array((0.75 * 0.5 / SPACING[0], 0.0, 0.0))
        grid = Grid.centred(
            wave_volume(cycles).grid.points().mean((0, 1, 2)), 4e-3, (3, 3, 3), Frame.MR
        )
        found = resample_to(wave_volume(cycles), grid, Transform.identity(Frame.MR, Frame.MR))
        assert np.abs(found.array).max() < 5e-3

    def test_a_wrong_frame_is_refused(self):
        head = head_ct()
        with pytest.raises(GeometryError, match="start of the transform"):
            resample_to(head, head.grid, Transform.identity(Frame.MR, Frame.CT))
        with pytest.raises(GeometryError, match="end of the transform"):
            resample_to(head, head.grid, Transform.identity(Frame.CT, Frame.MR))


class TestCropToHead:
    def with_table(self) -> Volume:
        head = head_ct(3e-3)
        array = np.array(head.array)
        array[:, 1:3, :] = 600
        return Volume(array, head.grid, "HU")

    def test_the_table_goes_and_the_head_stays(self):
        before = self.with_table()
        found = crop_to_head(before)
        y = found.grid.axes()[1]
        assert (found.array[:, y < -0.113] == -1000).all()
        assert np.allclose(marker_of(found), marker_of(before), atol=1e-9)
        head = head_ct(3e-3)
        assert (found.array > -300).sum() == (head.array > -300).sum()

    def test_the_air_within_the_head_belongs_to_it(self):
        head = head_ct(3e-3)
        middle = tuple(n // 2 for n in head.grid.shape)
        array = np.array(head.array)
        array[middle] = -1000
        assert head_mask(Volume(array, head.grid, "HU"))[middle]

    def test_nothing_but_air_is_refused(self):
        head = head_ct(4e-3)
        empty = Volume(np.full(head.grid.shape, -1000, np.int16), head.grid, "HU")
        with pytest.raises(ImageError, match="no head"):
            crop_to_head(empty)

    def test_an_mr_is_refused(self):
        with pytest.raises(GeometryError):
            crop_to_head(load_atlas())
