"""The header: nothing can be left out, and what contradicts itself is refused."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insonate.core import Frame, GeometryError, Grid, SettingsError
from insonate.thermometry import CLINICAL_3T, Protocol, SliceGeometry
from insonate.thermometry.protocol import PRESETS


def test_nothing_has_a_default():
    given_all = {f.name: getattr(CLINICAL_3T, f.name) for f in fields(Protocol)}
    for name in given_all:
        rest = {k: v for k, v in given_all.items() if k != name}
        with pytest.raises(TypeError, match=name):
            Protocol(**rest)


def test_presets_have_a_source_and_their_published_numbers():
    assert all(len(p.source) > 20 for p in PRESETS.values())
    assert CLINICAL_3T.prf_ppm_per_k == -0.00909
    assert CLINICAL_3T.echo_time_s == 12.7e-3
    assert PRESETS["clinical-3t-swapped"].readout_axis != CLINICAL_3T.readout_axis


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prf_ppm_per_k": 0.00909}, "coefficient is negative"),
        ({"prf_ppm_per_k": float("nan")}, "prf_ppm_per_k is nan"),
        ({"phase_sign": 0}, "phase_sign is 0; it must be -1 or 1"),
        ({"readout_axis": 2}, "readout_axis is 2"),
        ({"readout_polarity": 0}, "readout_polarity"),
        ({"field_strength_t": 3000.0}, "field_strength_t is 3000"),
        ({"echo_time_s": 12.7}, "echo_time_s is 12.7"),
        ({"matrix": (256, 2)}, "matrix is"),
        ({"matrix": (256,)}, "matrix is"),
        ({"repetition_time_s": 5e-3}, "shorter than the echo"),
        ({"bandwidth_hz_per_pixel": 30.0}, "cannot end before the repetition time"),
        ({"frame_time_s": 0.02}, "shorter than the repetition time"),
        ({"snr": 0.0}, "snr is 0"),
    ],
)
def test_headers_that_cannot_be(change, sentence):
    with pytest.raises(SettingsError, match=sentence):
        replace(CLINICAL_3T, **change)


def test_all_faults_are_told_at_once():
    with pytest.raises(SettingsError, match=r"phase_sign.*\n?.*") as told:
        replace(CLINICAL_3T, phase_sign=3, prf_ppm_per_k=0.01)
    assert "prf_ppm_per_k" in str(told.value)


@given(
    st.floats(0.5, 7.0),
    st.floats(2e-3, 0.012),
    st.floats(-0.0105, -0.009),
    st.sampled_from([1, -1]),
)
def test_a_kelvin_is_a_turn_and_back(field, echo, alpha, sign):
    p = replace(
        CLINICAL_3T,
        field_strength_t=field,
        echo_time_s=echo,
        prf_ppm_per_k=alpha,
        phase_sign=sign,
    )
    hz = 42.577478518e6 * field * alpha * 1e-6
    assert p.kelvin_per_radian * sign * 2 * math.pi * hz * echo == pytest.approx(1.0, rel=1e-12)
    assert p.wrap_k == pytest.approx(2 * math.pi * abs(p.kelvin_per_radian))


def test_half_a_wrap_is_31_kelvin_at_the_published_setting():
    assert replace(CLINICAL_3T, prf_ppm_per_k=-0.0100).wrap_k / 2 == pytest.approx(
        30.8, abs=0.1
    )


def test_noise_needs_a_reference():
    with pytest.raises(SettingsError, match="At least 1 reference"):
        CLINICAL_3T.sigma_k(0)
    assert CLINICAL_3T.sigma_k(10**9) == pytest.approx(
        abs(CLINICAL_3T.kelvin_per_radian) / 40, rel=1e-6
    )


# --- geometry --------------------------------------------------------------------------------

POINT = np.array([11e-3, -7e-3, 23e-3])


@pytest.mark.parametrize(
    ("orientation", "first", "second"),
    [("axial", 0, 1), ("coronal", 0, 2), ("sagittal", 1, 2)],
)
def test_axes_of_the_planes_point_right_anterior_superior(orientation, first, second):
    g = SliceGeometry.through(POINT, orientation, CLINICAL_3T)
    centre = g.index_of(POINT)
    assert centre == pytest.approx([128, 128])
    for axis, step in ((first, [1, 0, 0]), (second, [0, 1, 0])):
        moved = g.grid.points_of(np.array([*centre, 0]) + np.array(step)) - POINT
        assert moved[axis] == pytest.approx(CLINICAL_3T.pixel_m)
        assert np.abs(np.delete(moved, axis)).max() < 1e-12
    assert np.linalg.det(g.grid.affine[:3, :3]) > 0


def test_cells_average_to_their_voxel():
    g = SliceGeometry.through(POINT, "coronal", replace(CLINICAL_3T, matrix=(12, 10)))
    cells = g.points(subsamples=3, through=4)
    assert cells.shape == (36, 30, 4, 3)
    mean = cells.reshape(12, 3, 10, 3, 4, 3).mean(axis=(1, 3, 4))
    assert mean == pytest.approx(g.points()[:, :, 0], abs=1e-12)
    exact = np.linalg.norm(g.points()[:, :, 0] - POINT, axis=-1)
    assert g.distance_m(POINT) == pytest.approx(exact, abs=1e-12)


def test_slices_that_cannot_be():
    with pytest.raises(GeometryError, match="choose axial, coronal or sagittal"):
        SliceGeometry.through(POINT, "diagonal", CLINICAL_3T)
    with pytest.raises(GeometryError, match="one finite point"):
        SliceGeometry.through([0, np.nan, 0], "axial", CLINICAL_3T)
    with pytest.raises(GeometryError, match=r"shape \(nx, ny, 1\)"):
        SliceGeometry(Grid.centred(POINT, 1e-3, (8, 8, 2), Frame.CT), "axial")
    with pytest.raises(GeometryError, match="frame 'mr'"):
        SliceGeometry(Grid.centred(POINT, 1e-3, (8, 8, 1), Frame.MR), "axial")
    skewed = np.eye(4) * 1e-3
    skewed[0, 1], skewed[3, 3] = 5e-4, 1.0
    with pytest.raises(GeometryError, match="skewed axes"):
        SliceGeometry(Grid((8, 8, 1), skewed, Frame.CT), "oblique")


def test_points_outside_the_slice_are_refused():
    g = SliceGeometry.through(POINT, "axial", CLINICAL_3T)
    with pytest.raises(GeometryError, match=r"5\.0 mm from its plane"):
        g.index_of(POINT + np.array([0, 0, 5e-3]))
    with pytest.raises(GeometryError, match="outside the axial slice"):
        g.index_of(POINT + np.array([0.2, 0, 0]))


def test_a_protocol_of_other_images_is_refused():
    g = SliceGeometry.through(POINT, "axial", CLINICAL_3T)
    with pytest.raises(GeometryError, match="must describe the same images"):
        g.require(replace(CLINICAL_3T, pixel_m=2e-3))
