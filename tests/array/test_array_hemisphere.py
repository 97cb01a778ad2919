import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from insonate.array import PlacedArray, Placement, clearance, hemisphere, placed
from insonate.core import Frame, GeometryError, SettingsError, Transform
from insonate.core.frames import affine_from


@given(count=st.integers(2, 1500), radius=st.floats(0.05, 0.3), fill=st.floats(0.1, 1.0))
@settings(max_examples=25, deadline=None)
def test_no_two_discs_overlap(count, radius, fill):
    array = hemisphere(count=count, radius_m=radius, fill=fill)
    disc = np.sqrt(array.areas[0] / np.pi)
    near = cKDTree(array.centres).query(array.centres, k=2)[0][:, 1].min()
    assert near >= 2 * disc * (1 - 1e-12)
    # flat tangent discs: the widest reach of one towards another is below half the distance
    assert np.allclose(array.areas, array.areas[0])


def test_overlap_is_measured_on_the_discs_themselves():
    array = hemisphere()
    disc = np.sqrt(array.areas[0] / np.pi)
    pairs = cKDTree(array.centres).query_pairs(2.6 * disc, output_type="ndarray")
    assert len(pairs) > 100
    for i, j in pairs:
        gap = array.centres[j] - array.centres[i]
        across = gap / np.linalg.norm(gap)
        reach = [disc * np.sqrt(1 - (array.normals[k] @ across) ** 2) for k in (i, j)]
        assert sum(reach) <= np.linalg.norm(gap) * (1 + 1e-12)


def test_elements_lie_on_the_upper_hemisphere_and_look_at_the_focus():
    array = hemisphere()
    assert array.count == 1024
    assert np.allclose(np.linalg.norm(array.centres, axis=1), 0.150)
    assert (array.centres[:, 2] > 0).all()
    assert np.allclose(array.normals, -array.centres / 0.150)


def test_equal_area_means_equal_counts_in_equal_heights():
    z = hemisphere(count=1000).centres[:, 2] / 0.150
    counts, _ = np.histogram(z, bins=10, range=(0, 1))
    assert (counts == 100).all()


@pytest.mark.parametrize("bad", [{"count": 1}, {"radius_m": 0.0}, {"fill": 1.2}, {"fill": 0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(SettingsError, match="cannot be built"):
        hemisphere(**bad)


def test_placed_array_moves_with_its_transform_and_is_not_mirrored():
    array = hemisphere(count=50)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    pose = Transform(Frame.TRANSDUCER, Frame.CT, affine_from(turn, [0.01, 0.02, 0.03]))
    elements = placed(array, Placement(pose, 0.0, 0.01))
    assert isinstance(elements, PlacedArray)
    assert np.allclose(elements.centres, array.centres @ turn.T + np.array([0.01, 0.02, 0.03]))
    assert np.allclose(
        np.linalg.norm(elements.centres - elements.focus, axis=1), array.radius_of_curvature_m
    )
    assert elements.vertex_direction @ [0, 0, 1] > 0.99


@pytest.mark.parametrize("linear", [np.diag([-1.0, 1, 1]), 2 * np.eye(3)])
def test_a_mirrored_or_scaled_placement_is_refused(linear):
    pose = Transform(Frame.TRANSDUCER, Frame.CT, affine_from(linear, [0, 0, 0]))
    with pytest.raises(GeometryError, match="scales or mirrors"):
        Placement(pose, 0.0, 0.01)


def test_a_placement_needs_its_frames():
    pose = Transform(Frame.MR, Frame.CT, np.eye(4))
    with pytest.raises(GeometryError, match="'mr'"):
        Placement(pose, 0.0, 0.01)


def test_clearance_of_a_sphere_is_known():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(20000, 3))
    points = 0.09 * points / np.linalg.norm(points, axis=1, keepdims=True) + [0, 0, 0.02]
    assert clearance(points, 0.150) == pytest.approx(0.150 - 0.110, abs=1e-4)


def test_clearance_below_the_rim_is_to_the_rim_and_outside_the_dish_is_negative():
    assert clearance(np.array([[0.14, 0, -0.03]]), 0.15) == pytest.approx(np.hypot(0.01, 0.03))
    assert clearance(np.array([[0.0, 0, 0.16]]), 0.15) == pytest.approx(-0.01)
