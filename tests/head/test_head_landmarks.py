"""AC-PC: rigid, right-handed, exact; mapped landmarks; every impossible set is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from insonate.core import Frame, GeometryError, Grid, Transform, Volume
from insonate.core.frames import affine_from
from insonate.head import Landmarks, acpc_to_ct, landmarks_from
from insonate.head.landmarks import commissure_distance_m, lateral_offset_m

ANGLES = st.tuples(*[st.floats(-25, 25)] * 3)
OFFSETS = st.tuples(*[st.floats(-0.1, 0.1)] * 3)
AC, PC, UP = [0, 0.025, 0], [0, 0, 0], [0, 0, 1]


def pose(angles, offset, source=Frame.ATLAS, error_m=0.0):
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return Transform(source, Frame.CT, affine_from(rotation, offset), error_m)


def landmarks(ac=AC, pc=PC, up=UP):
    return Landmarks(
        np.array(ac, float), np.array(pc, float), np.array(up, float), 1e-3, "test"
    )


@given(angles=ANGLES, offset=OFFSETS, tilt=st.floats(-0.5, 0.5), length=st.floats(0.019, 0.033))
def test_the_acpc_transform_is_the_pose_of_the_head(angles, offset, tilt, length):
    true = pose(angles, offset)
    marks = landmarks_from(true, [0, length, 0], PC, [0, tilt, 1], 0.0)
    found = acpc_to_ct(marks)
    np.testing.assert_allclose(found.matrix, true.matrix, atol=1e-12)
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(1)
    assert (found.source, found.target) == (Frame.ACPC, Frame.CT)
    assert commissure_distance_m(marks) == pytest.approx(length)


def test_right_of_the_midline_is_positive():
    offsets = lateral_offset_m(landmarks(), [[0.01, 0.02, 0.03], [-0.01, 0, 0], [0, 0.1, 0.1]])
    np.testing.assert_allclose(offsets, [0.01, -0.01, 0], atol=1e-15)


def test_errors_combine_as_root_of_squares():
    marks = landmarks_from(pose((0, 0, 0), (0, 0, 0), error_m=3e-3), AC, PC, UP, 4e-3)
    assert marks.error_m == pytest.approx(5e-3)
    assert marks.source == "atlas registration"


def test_landmarks_given_in_the_ct_are_by_hand():
    marks = landmarks_from(Transform.identity(Frame.CT, Frame.CT), AC, PC, UP, 1e-3)
    assert marks.source == "given by hand"


@pytest.mark.parametrize("scale", [0.7, 1.4])
def test_an_impossible_distance_is_refused(scale):
    stretched = Transform(Frame.ATLAS, Frame.CT, affine_from(np.eye(3) * scale, [0, 0, 0]))
    with pytest.raises(GeometryError, match=r"mm apart; in adults it is 18-34 mm"):
        landmarks_from(stretched, AC, PC, UP, 0.0)


@pytest.mark.parametrize(
    "marks",
    [
        landmarks(ac=PC, pc=AC),  # commissures exchanged
        landmarks(up=[0, 0, -1]),  # up is down, so right is left
        landmarks(ac=[0.025, 0, 0]),  # nose to the right
    ],
)
def test_exchanged_landmarks_are_refused(marks):
    with pytest.raises(GeometryError, match="more than 60°"):
        acpc_to_ct(marks)


@pytest.mark.parametrize("marks", [landmarks(ac=PC), landmarks(up=[0, 1, 0])])
def test_landmarks_that_span_no_plane_are_refused(marks):
    with pytest.raises(GeometryError, match="has no direction"):
        acpc_to_ct(marks)


def test_a_mirrored_registration_is_refused():
    # x flipped: an improper map; AC-PC and up survive it, so right must come from y × z alone
    mirror = Transform(Frame.ATLAS, Frame.CT, affine_from(np.diag([-1.0, 1, 1]), [0, 0, 0]))
    with pytest.raises(GeometryError, match="exchanges left and right"):
        landmarks_from(mirror, AC, PC, UP, 0.0)


def brain_volume(shift=0.0):
    grid = Grid.centred([0.0, 0.012 + shift, 0], 2e-3, (40, 40, 40), Frame.CT)
    return Volume(np.ones(grid.shape, np.int8), grid, "1")


def test_commissures_inside_the_brain_pass():
    landmarks_from(
        Transform.identity(Frame.CT, Frame.CT), AC, PC, UP, 0.0, brain=brain_volume()
    )


def test_each_commissure_outside_the_brain_is_told():
    identity = Transform.identity(Frame.CT, Frame.CT)
    with pytest.raises(GeometryError, match=r"anterior.*outside.*posterior.*outside") as caught:
        landmarks_from(identity, AC, PC, UP, 0.0, brain=brain_volume(shift=0.2))
    assert "(0.0, 25.0, 0.0) mm" in str(caught.value)


def test_a_transform_that_does_not_end_in_the_ct_is_refused():
    with pytest.raises(GeometryError, match="must be in 'ct'"):
        landmarks_from(Transform.identity(Frame.CT, Frame.MR), AC, PC, UP, 0.0)
