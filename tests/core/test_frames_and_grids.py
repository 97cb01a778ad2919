"""Frames: transforms compose only where they meet; grids map indices to points and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insonate.core import Frame, GeometryError, Grid, Transform, Volume, sample
from insonate.core.frames import affine_from, require_frame

finite = st.floats(-0.2, 0.2, allow_nan=False)
points = st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=5).map(np.array)


def rotation(axis: int, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    r = np.eye(3)
    r[i, i] = r[j, j] = c
    r[i, j], r[j, i] = -s, s
    return r


@given(points, st.integers(0, 2), st.floats(-3, 3), st.tuples(finite, finite, finite))
def test_inverse_undoes(p, axis, angle, offset):
    t = Transform(Frame.MR, Frame.CT, affine_from(rotation(axis, angle), offset))
    assert np.allclose(t.inverse().apply(t.apply(p)), p, atol=1e-12)
    assert t.inverse().source is Frame.CT


@given(points, st.integers(0, 2), st.floats(-3, 3))
def test_composition_is_application_in_turn(p, axis, angle):
    a = Transform(Frame.ATLAS, Frame.MR, affine_from(rotation(axis, angle), (0.01, 0, 0)), 1e-3)
    b = Transform(Frame.MR, Frame.CT, affine_from(rotation(0, angle), (0, 0.02, 0)), 1e-3)
    both = b @ a
    assert np.allclose(both.apply(p), b.apply(a.apply(p)))
    assert (both.source, both.target) == (Frame.ATLAS, Frame.CT)
    assert both.error_m == pytest.approx(np.sqrt(2) * 1e-3)


def test_a_wrong_pair_is_an_error():
    a = Transform.identity(Frame.ATLAS, Frame.MR)
    with pytest.raises(GeometryError, match="cannot follow one that ends in mr"):
        a @ a
    with pytest.raises(GeometryError, match="is in the frame 'mr'"):
        require_frame(Frame.MR, Frame.CT, "A point")


@pytest.mark.parametrize(
    "matrix", [np.full((4, 4), np.nan), np.zeros((4, 4)), np.eye(3), np.diag([1, 1, 1, 2.0])]
)
def test_a_matrix_that_is_no_transform(matrix):
    with pytest.raises(GeometryError):
        Transform(Frame.CT, Frame.MR, matrix)


@given(points)
def test_grid_round_trip(p):
    grid = Grid((4, 5, 6), affine_from(rotation(1, 0.3) * 1e-3, (0.1, -0.1, 0)), Frame.CT)
    assert np.allclose(grid.points_of(grid.indices_of(p)), p, atol=1e-12)
    assert not grid.is_axis_aligned
    assert np.allclose(grid.spacing_m, 1e-3)
    with pytest.raises(GeometryError, match="oblique"):
        grid.axes()


def test_centred_grid_is_centred():
    grid = Grid.centred((0.01, 0.02, 0.03), 2e-3, (5, 6, 7), Frame.CT)
    assert np.allclose(grid.points().mean(axis=(0, 1, 2)), (0.01, 0.02, 0.03))
    assert grid.voxel_volume_m3 == pytest.approx(8e-9)
    assert grid.size == 210
    assert grid.contains([[0.01, 0.02, 0.03], [0.1, 0, 0]]).tolist() == [True, False]
    assert grid.matches(Grid.centred((0.01, 0.02, 0.03), 2e-3, (5, 6, 7), Frame.CT))
    assert not grid.matches(Grid.centred((0.01, 0.02, 0.03), 2e-3, (5, 6, 7), Frame.MR))


@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 2)])
def test_a_shape_that_is_no_grid(shape):
    with pytest.raises(GeometryError):
        Grid(shape, np.eye(4), Frame.CT)


@pytest.mark.parametrize(
    "affine", [np.eye(3), np.full((4, 4), np.inf), np.diag([1, 1, 0, 1.0])]
)
def test_an_affine_that_is_no_grid(affine):
    with pytest.raises(GeometryError):
        Grid((2, 2, 2), affine, Frame.CT)


def test_volume_keeps_left_and_right_and_cannot_be_written():
    grid = Grid.centred((0, 0, 0), 1e-3, (21, 21, 21), Frame.CT)
    x = grid.points()[..., 0]
    volume = Volume((x > 5e-3).astype(np.float32), grid, "1")
    assert sample(volume, [0.008, 0, 0]) == 1
    assert sample(volume, [-0.008, 0, 0]) == 0
    assert sample(volume, [1.0, 0, 0], outside=-7) == -7
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(GeometryError, match="must be the same"):
        Volume(np.zeros((2, 2, 2)), grid, "1")


def test_linear_sampling_is_exact_on_linear_fields():
    grid = Grid.centred((0, 0, 0), 1e-3, (9, 9, 9), Frame.CT)
    p = grid.points()
    field = Volume(3 * p[..., 0] - p[..., 1] + 2 * p[..., 2], grid, "1")
    where = np.random.default_rng(0).uniform(-3.9e-3, 3.9e-3, (50, 3))
    assert np.allclose(sample(field, where), where @ [3, -1, 2], atol=1e-12)
