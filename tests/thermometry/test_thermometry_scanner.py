"""The virtual scanner is wrong in the real ways, and its head lies the right way round."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import Frame, GeometryError, Grid, ImageError, SettingsError, Tissue, Volume
from insonate.head.phantom import Feature, PhantomOptions, feature_centre_m, phantom_head
from insonate.thermometry import CLINICAL_3T, SliceGeometry, acquire, slice_anatomy
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.cells import NO_DETAIL, Detail
from insonate.thermometry.relaxation import RELAXATION, gradient_echo_signal
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.susceptibility import SUSCEPTIBILITY_PPM, field_map, shimmed
from insonate.verification.thermal_slice import (
    CENTRE_M,
    ellipse_anatomy,
    phase_of,
    small_protocol,
)

HEAD_OPTIONS = PhantomOptions(
    spacing_m=2.5e-3, features=frozenset({Feature.RIGHT_MARKER, Feature.AIR_CELL})
)
PROTOCOL = replace(CLINICAL_3T, matrix=(96, 96), pixel_m=2.4e-3)
QUIET = replace(PROTOCOL, snr=10000.0)
SMALL = small_protocol(snr=10000.0)


@pytest.fixture(scope="module")
def head():
    return phantom_head(HEAD_OPTIONS)


@pytest.fixture(scope="module")
def ellipse():
    return ellipse_anatomy(SMALL)


def seen(anatomy, protocol, kelvin=0.0, **more):
    cells = np.full(anatomy.geometry.shape, kelvin)
    return acquire(anatomy, protocol, cells, rng=np.random.default_rng(0), **more)


@pytest.mark.parametrize("table", [RELAXATION, SUSCEPTIBILITY_PPM])
def test_every_constant_has_unit_and_source(table):
    assert set(table) == set(Tissue)
    for row in table.values():
        for q in vars(row).values() if hasattr(row, "t1") else [row]:
            assert q.unit
            assert len(q.source) > 8


def test_only_brain_and_scalp_are_bright():
    bright = {t: gradient_echo_signal(t, CLINICAL_3T) for t in Tissue}
    assert bright[Tissue.AIR] == 0
    assert bright[Tissue.SKULL] < 1e-10
    assert 0 < bright[Tissue.WATER] < 0.5 * bright[Tissue.BRAIN]


@pytest.mark.parametrize("orientation", ["axial", "coronal"])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_marker_on_the_right_is_seen_on_the_right(head, orientation, axis):
    protocol = replace(QUIET, readout_axis=axis)
    marker = feature_centre_m(HEAD_OPTIONS, Feature.RIGHT_MARKER)
    middle = np.array([HEAD_OPTIONS.centre_m[0], *marker[1:]])
    geometry = SliceGeometry.through(middle, orientation, protocol)
    dark = np.abs(seen(slice_anatomy(head, geometry), protocol)) < 0.1
    # The knob adds bone where its mirror image, across the head's middle, has none.
    mirrored = 2 * np.array(HEAD_OPTIONS.centre_m) - marker
    mirrored[1:] = marker[1:]
    r = 3.5 * protocol.pixel_m
    knob = dark[geometry.distance_m(marker) < r].mean()
    other = dark[geometry.distance_m(mirrored) < r].mean()
    assert knob > other + 0.2


def test_air_turns_the_field_and_the_shim_takes_the_rest(head):
    field = field_map(head)
    cell = feature_centre_m(HEAD_OPTIONS, Feature.AIR_CELL)
    distance = np.linalg.norm(field.grid.points() - cell, axis=-1)
    assert (
        np.abs(field.array[distance < 12e-3]).max()
        > 10 * np.abs(field.array[distance > 60e-3]).max()
    )
    assert abs(field.array.mean()) < 0.02


def test_the_shim_removes_any_gradient():
    axes = np.meshgrid(*(np.arange(n) for n in (9, 8, 7)), indexing="ij")
    field = 0.3 + 0.1 * axes[0] - 0.2 * axes[1] + 0.05 * axes[2]
    assert np.abs(shimmed(field, np.ones(field.shape, bool))).max() < 1e-10
    with pytest.raises(ImageError, match="no brain voxels"):
        shimmed(field, np.zeros(field.shape, bool))


def test_an_mr_image_lends_its_contrast(head):
    geometry = SliceGeometry.through(HEAD_OPTIONS.centre_m, "axial", QUIET)
    points = head.grid.points()
    right = Volume((100 + 40 * np.sign(points[..., 0] - 4e-3)), head.grid, "1")
    image = np.abs(seen(slice_anatomy(head, geometry, mr=right), QUIET))
    assert image[60:66, 48].mean() > 1.5 * image[30:36, 48].mean()
    wrong = Volume(right.array, Grid(head.grid.shape, head.grid.affine, Frame.MR), "1")
    with pytest.raises(GeometryError, match="frame 'mr'"):
        slice_anatomy(head, geometry, mr=wrong)
    with pytest.raises(ImageError, match="does not cover the brain"):
        slice_anatomy(head, geometry, mr=Volume(right.array * 0, head.grid, "1"))
    with pytest.raises(ImageError, match="NaN"):
        slice_anatomy(head, geometry, mr=Volume(right.array * np.nan, head.grid, "1"))


def test_a_slice_beside_the_head_is_refused(head):
    away = np.array(HEAD_OPTIONS.centre_m) + np.array([0, 0, 0.3])
    with pytest.raises(ImageError, match="no brain in the slice"):
        slice_anatomy(head, SliceGeometry.through(away, "axial", QUIET))


@pytest.mark.parametrize("sign", [1, -1])
def test_heat_turns_the_phase_by_the_closed_form(sign, ellipse):
    protocol = replace(SMALL, phase_sign=sign, bandwidth_hz_per_pixel=5000.0)
    turned = seen(ellipse, protocol, 10.0) * seen(ellipse, protocol).conj()
    inside = regions_of(ellipse, CENTRE_M).cold
    wanted = float(phase_of(np.array(10.0), protocol))
    assert np.angle(turned[inside]).mean() == pytest.approx(wanted, abs=1e-3)


def test_drift_turns_the_phase_and_may_have_a_gradient(ellipse):
    protocol = replace(SMALL, bandwidth_hz_per_pixel=5000.0)
    still = seen(ellipse, protocol)
    inside = regions_of(ellipse, CENTRE_M).cold
    turned = np.angle(seen(ellipse, protocol, drift_ppm=(0.02, 1.0, 0.0)) * still.conj())
    radians_per_ppm = 2 * np.pi * 42.577478518 * 3.0 * 12.7e-3
    x = (np.arange(80) - 39.5) * protocol.pixel_m
    wanted = (0.02 + x)[:, None] * radians_per_ppm * np.ones((1, 72))
    assert turned[inside] == pytest.approx(wanted[inside], abs=0.02)


def test_a_sub_voxel_spot_reads_less_than_its_peak(ellipse):
    # A narrow spot is averaged as a complex signal: partial volume lowers it.
    kelvin = np.zeros((160, 144))
    kelvin[80:82, 72] = 20.0
    turned = acquire(ellipse, SMALL, kelvin, rng=np.random.default_rng(0))
    still = seen(ellipse, SMALL)
    found = np.angle(turned * still.conj()) * SMALL.kelvin_per_radian
    assert 4.0 < found[39:41, 36].max() < 14.0


def test_motion_moves_the_picture(ellipse):
    moved = np.abs(seen(ellipse, SMALL, motion=HeadMotion((2 * SMALL.pixel_m, -SMALL.pixel_m))))
    still = np.roll(np.abs(seen(ellipse, SMALL)), (2, -1), axis=(0, 1))
    inside = regions_of(ellipse, CENTRE_M).cold
    assert np.abs(moved - still)[inside].max() < 0.05


def test_the_water_bath_has_another_phase_each_time(ellipse):
    first, second = (
        acquire(ellipse, SMALL, np.zeros((80, 72)), rng=np.random.default_rng(s))
        for s in (1, 2)
    )
    bath = ellipse.voxel_mean(ellipse.water) == 1.0
    brain = regions_of(ellipse, CENTRE_M).cold
    change = np.angle(first * second.conj())
    assert np.abs(change[bath]).mean() > 0.5
    assert np.abs(change[brain]).max() < 0.01


def test_thick_slices_dephase_in_a_gradient(ellipse):
    hz = SMALL.larmor_hz * 1e-6 * SMALL.slice_thickness_m * SMALL.echo_time_s
    one_turn = replace(
        ellipse,
        through_gradient_ppm_per_m=np.full(ellipse.brain.shape, 1.0 / hz, np.float32),
    )
    inside = regions_of(ellipse, CENTRE_M).cold
    assert np.abs(seen(one_turn, SMALL))[inside].max() < 2e-3


def test_noise_has_the_stated_ratio(ellipse):
    protocol = replace(SMALL, snr=25.0)
    rng = np.random.default_rng(4)
    frames = [acquire(ellipse, protocol, np.zeros((80, 72)), rng=rng) for _ in range(8)]
    inside = regions_of(ellipse, CENTRE_M).cold
    spread = np.std([f[inside].real for f in frames], axis=0, ddof=1)
    assert np.sqrt((spread**2).mean()) == pytest.approx(1 / 25, rel=0.03)


@pytest.mark.parametrize(
    ("kelvin", "more", "error", "sentence"),
    [
        (np.zeros((80, 71)), {}, ImageError, "does not fit a slice"),
        (np.zeros((240, 216)), {}, ImageError, "a divisor of 2"),
        (np.zeros(80), {}, ImageError, "does not fit"),
        (np.full((80, 72), np.nan), {}, ImageError, "NaN"),
        (np.zeros((80, 72)), {"drift_ppm": (1.0, 2.0)}, SettingsError, "drift"),
        (np.zeros((80, 72)), {"drift_ppm": np.nan}, SettingsError, "drift"),
    ],
)
def test_scans_that_cannot_be(ellipse, kelvin, more, error, sentence):
    with pytest.raises(error, match=sentence):
        acquire(ellipse, SMALL, kelvin, rng=np.random.default_rng(0), **more)


@pytest.mark.parametrize("motion", [((np.nan, 0.0), 0.0), ((0.0,), 0.0), ((0.0, 0.0), 1.0)])
def test_motions_that_cannot_be(motion):
    with pytest.raises(SettingsError, match=r"motion|turns"):
        HeadMotion(*motion)


def test_a_protocol_of_another_slice_is_refused(ellipse):
    with pytest.raises(GeometryError, match="same images"):
        acquire(ellipse, CLINICAL_3T, np.zeros((80, 72)), rng=np.random.default_rng(0))


def test_anatomies_that_cannot_be(ellipse):
    with pytest.raises(SettingsError, match="1 to 8 cells"):
        replace(ellipse, subsamples=9)
    with pytest.raises(ImageError, match="'scalp' must be finite with shape"):
        replace(ellipse, scalp=np.zeros((3, 3), np.float32))
    with pytest.raises(ImageError, match="holds NaN"):
        replace(ellipse, texture=ellipse.texture * np.float32("nan"))


# --- a spot narrower than a cell ----------------------------------------------------------------


def detail_of(kelvin, low, high):
    """Return a box of cells from a field in four parts along each edge of a cell's half."""
    a, b = high[0] - low[0], high[1] - low[1]
    return Detail(low, np.ascontiguousarray(kelvin.reshape(a, 2, b, 2, -1).swapaxes(1, 2)))


@pytest.mark.parametrize("readout_axis", [0, 1])
def test_detail_that_is_uniform_changes_nothing(readout_axis):
    protocol = replace(SMALL, readout_axis=readout_axis)
    anatomy = ellipse_anatomy(protocol, subsamples=2)
    cells = np.full((2 * protocol.matrix[0], 2 * protocol.matrix[1]), 6.0, np.float32)
    box = np.full((8, 6, 2, 2, 3), 6.0, np.float32)
    plain, fine = (
        acquire(anatomy, protocol, cells, detail=d, rng=np.random.default_rng(2))
        for d in (NO_DETAIL, Detail((20, 24), box))
    )
    assert np.abs(plain - fine).max() < 1e-6


@pytest.mark.parametrize("readout_axis", [0, 1])
def test_a_spot_with_its_detail_is_the_image_of_finer_cells(readout_axis):
    """Two cells in a voxel with two parts each give what four cells give; without detail they do not."""
    protocol = replace(SMALL, readout_axis=readout_axis)
    nx, ny = protocol.matrix
    x, y = (np.arange(4 * n) - 2.0 * n - 1.3 for n in (nx, ny))
    fine = 20.0 * np.exp(-(x[:, None] ** 2 + (y / 1.3) ** 2) / (2 * 2.4**2)).astype(np.float32)
    coarse = fine.reshape(2 * nx, 2, 2 * ny, 2).mean(axis=(1, 3))
    low, high = (nx - 12, ny - 10), (nx + 12, ny + 10)
    part = fine[2 * low[0] : 2 * high[0], 2 * low[1] : 2 * high[1]]
    two, four = (ellipse_anatomy(protocol, subsamples=n) for n in (2, 4))
    rng = np.random.default_rng
    exact = acquire(four, protocol, fine, rng=rng(2))
    detailed = acquire(two, protocol, coarse, detail=detail_of(part, low, high), rng=rng(2))
    plain = acquire(two, protocol, coarse, rng=rng(2))
    middle = (slice(nx // 2 - 6, nx // 2 + 6), slice(ny // 2 - 5, ny // 2 + 5))
    off, wrong = (np.abs(one - exact)[middle].max() for one in (detailed, plain))
    assert off < 0.02
    assert wrong > 3 * off


def test_detail_that_does_not_fit_is_refused():
    anatomy = ellipse_anatomy(SMALL, subsamples=2)
    cold = np.zeros((2 * SMALL.matrix[0], 2 * SMALL.matrix[1]), np.float32)
    box = np.zeros((4, 4, 2, 2, 1), np.float32)
    for corner in ((-1, 0), (2 * SMALL.matrix[0] - 2, 0)):
        with pytest.raises(ImageError, match="do not fit a slice"):
            acquire(
                anatomy, SMALL, cold, detail=Detail(corner, box), rng=np.random.default_rng(1)
            )
    with pytest.raises(ImageError, match="five axes"):
        Detail((0, 0), np.zeros((2, 2), np.float32))
    with pytest.raises(ImageError, match="finite"):
        Detail((0, 0), np.full((1, 1, 1, 1, 1), np.nan, np.float32))
