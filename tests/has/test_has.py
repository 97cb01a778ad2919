"""The one-way engine: closed forms, reciprocity, energy, steering, and every bad input."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import spherical_jn, spherical_yn

from insonate.array import Drive, ElementState, hemisphere
from insonate.array.placement import PlacedArray
from insonate.core import Frame, GeometryError, Grid, SettingsError
from insonate.field.born.fluid import WATER, Fluid
from insonate.field.has import HasOptions, has_field, has_transfer, head_shells
from insonate.field.has.beams import pressure_from_target, regular_harmonics
from insonate.field.has.harmonics import Points, cone
from insonate.field.has.march import sweep
from insonate.field.has.shells import analytic_shells
from insonate.field.has.waves import detour, incoming, outgoing
from insonate.verification import has
from insonate.verification.layered_head import (
    BONE,
    BRAIN_LIKE_WATER,
    layered_head,
    sphere_depth,
)
from insonate.verification.layered_head import WATER as WATER_LAYER

F = 250e3
"""Low, so that the head of these tests is small in wavelengths."""


def test_elements_in_water_are_their_direct_sum():
    assert has.free_transfer_check().passed


def test_another_sound_speed_is_rejected():
    other = has.water_shells(1515.0)
    assert not has.free_transfer_check(other).passed
    assert not has.free_focus_check(other).passed


def test_the_field_of_a_drive_in_water_is_its_direct_sum():
    assert has.free_focus_check().passed


def test_reciprocity_and_a_wrong_subject():
    assert has.reciprocity_check().passed
    assert not has.reciprocity_check(wrong=1.01).passed


def test_a_plate_of_bone_and_wrong_subjects():
    """Echoes left out, layers taken for untilted, or another thickness are seen."""
    size = (has.HZ, (40e-3, 46.5e-3), 46.0)
    assert all(check.passed for check in has.plate_checks(*size))
    assert not all(check.passed for check in has.plate_checks(*size, echoes=0))
    shells = has.plate_shells(*size)
    flat = replace(shells, tilt=np.zeros_like(shells.tilt))
    assert not all(check.passed for check in has.plate_checks(*size, shells=flat))
    thinner = has.plate_shells(has.HZ, (40e-3, 46.2e-3), 46.0)
    assert not all(check.passed for check in has.plate_checks(*size, shells=thinner))


def test_harmonics_go_back_and_forth():
    sphere = cone(14, np.pi)
    rng = np.random.default_rng(0)
    values = rng.standard_normal((2, 15, 15, 2)) + 1j * rng.standard_normal((2, 15, 15, 2))
    values *= np.tri(15)[:, :].T[None, :, :, None]  # no order above the degree
    values[:, 0, :, 1] = 0
    values = values.astype(np.complex64)
    assert np.allclose(sphere.analyse(sphere.synthesise(values)), values, atol=1e-5)


def test_harmonics_at_points_are_those_on_the_nodes():
    sphere = cone(9, np.pi)
    coefficients = np.zeros((10, 10, 2), complex)
    coefficients[3, 5], coefficients[0, 4, 0] = (1.0, 2.0j), 0.5
    on_nodes = sphere.synthesise(coefficients[None].astype(np.complex64))[0]
    directions = sphere.directions().reshape(-1, 3)
    angles = np.arctan2(directions[:, 1], directions[:, 0])
    points = Points(np.ones((10, len(angles))), directions[:, 2], angles)
    assert np.allclose(points.evaluate(coefficients), on_nodes.ravel(), atol=1e-5)
    # spreading is the transpose of evaluating
    q = np.random.default_rng(1).standard_normal(len(angles))
    one = (points.evaluate(coefficients) * q).sum()
    spread = points.spread(q.astype(complex))
    swapped = np.stack([spread[..., 1], spread[..., 0]], axis=-1)
    swapped[0, :, 0], swapped[0, :, 1] = spread[0, :, 0], 0
    assert np.isclose(one, (swapped * coefficients).sum())


@given(st.floats(2.0, 200.0), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_spherical_waves_are_hankel_functions(x, degree):
    n = min(degree, int(x))
    exact = x * (spherical_jn(n, x) + 1j * spherical_yn(n, x))
    assert np.isclose(outgoing(n, x)[n], exact, rtol=1e-6)
    assert np.isclose(incoming(n, x)[n], np.conj(exact), rtol=1e-6)


def test_the_detour_is_the_phase_of_hankel_functions():
    k, inner, outer = 2000.0, 40e-3, 41e-3
    lag = detour(np.array([k]), inner, outer, 60)[0] * np.exp(1j * k * (outer - inner))
    exact = outgoing(60, k * outer) / outgoing(60, k * inner)
    assert np.abs(np.angle(lag * np.conj(exact))).max() < 1e-3
    # beyond the turning point it decays, whichever way it goes
    far = detour(np.array([k]), inner, outer, 120)[0]
    assert abs(far[120]) < 0.2


def lossless_plate(density=1850.0):
    frustum = has.frustum_for(has.Cone(62.0, (28e-3, 52e-3), 10.0), F, np.zeros(3), np.eye(3))
    bone = Fluid(2800.0, density)
    kappa = [f.compressibility(F) for f in (WATER, bone)]

    def material(at):
        share = has.blend(at[..., 2], (32e-3, 37e-3))
        return 1000 + (density - 1000) * share, kappa[0] + (kappa[1] - kappa[0]) * share

    return analytic_shells(frustum, F, material, (WATER, WATER))


def test_energy_is_passed_or_sent_back():
    """A narrow beam through a plate without loss: in = through + back."""
    shells = lossless_plate()
    sphere = shells.frustum.sphere
    start = np.exp(-((np.arccos(sphere.cosines) / 0.2) ** 2))[:, None]
    start = np.broadcast_to(start, sphere.shape).astype(np.complex64)
    found = sweep(shells, start, inward=False, echoes=4)
    weights = sphere.weights[:, None]
    through, put_in = (float((weights * np.abs(w) ** 2).sum()) for w in (found.end, start))
    # the echo that comes back to the first face, before it is carried to the target
    back = float((weights * np.abs(found.back[0]) ** 2).sum())
    assert abs(through + back - put_in) < 0.03 * put_in
    assert back > 0.1 * put_in


def test_no_echoes_are_less_than_one_round():
    shells = lossless_plate()
    at = np.array([[0.0, 0.01, 0.06]])
    values = [pressure_from_target(shells, at, echoes=n)[0] for n in (0, 1, 2, 3)]
    changes = np.abs(np.diff(values)) / abs(values[3])
    assert changes[0] > 2 * changes[1] > 4 * changes[2]


@pytest.fixture(scope="module")
def small_head():
    """A ball of 30 mm: bone 4 mm thick, brain like water; half of it looks at the array."""
    grid = Grid.centred((0, 0, 0), 1e-3, (80, 80, 80), Frame.CT)
    depth = sphere_depth(grid, (0, 0, 0), 36e-3)
    materials = (WATER_LAYER, BONE, BRAIN_LIKE_WATER)
    return layered_head(grid, depth, (2.0e-3, 6.0e-3), materials, frequency_hz=F)


@pytest.fixture(scope="module")
def small_array():
    array = hemisphere(count=64, radius_m=0.06)
    focus = np.array((3e-3, -2e-3, 1e-3))
    return PlacedArray(array.centres + focus, array.normals, array.areas, focus)


FAST = HasOptions(steps_per_wavelength=6)


def drive_of(elements, phases, frequency=F):
    return Drive(frequency, 1e3 * phases, (ElementState.ON,) * len(elements.areas))


def test_the_phases_focus_on_the_target(small_head, small_array):
    shells = head_shells(small_head, small_array, options=FAST)
    transfer = has_transfer(shells, small_array, options=FAST)
    grid = Grid.centred(small_array.focus, 1e-3, (11, 11, 11), Frame.CT)
    drive = drive_of(small_array, np.conj(transfer) / np.abs(transfer))
    field = has_field(shells, small_array, drive, grid, options=FAST)
    peak = np.unravel_index(np.abs(field.pressure).argmax(), grid.shape)
    assert np.abs(np.subtract(peak, 5)).max() <= 1
    assert np.isclose(field.pressure[5, 5, 5], (transfer * drive.pressure).sum(), rtol=2e-3)
    assert field.engine == "has"
    assert field.convergence.converged
    assert 0 < field.error_estimate < 0.5
    assert "left out" in field.convergence.sentence


def test_a_target_beside_the_focus_has_its_own_shells(small_head, small_array):
    """Steering: shells round another point give the same pressure there as the field does."""
    beside = small_array.focus + np.array((0, 3e-3, -2e-3))
    here = head_shells(small_head, small_array, options=FAST)
    there = head_shells(small_head, small_array, target_m=beside, options=FAST)
    phases = np.exp(-1j * np.angle(has_transfer(there, small_array, options=FAST)))
    drive = drive_of(small_array, phases)
    grid = Grid.centred(beside, 1e-3, (1, 1, 1), Frame.CT)
    one = has_field(here, small_array, drive, grid, options=FAST).pressure[0, 0, 0]
    other = has_field(there, small_array, drive, grid, options=FAST).pressure[0, 0, 0]
    assert abs(one - other) < 0.05 * abs(other)


def test_an_element_that_is_off_makes_no_sound(small_head, small_array):
    shells = head_shells(small_head, small_array, options=FAST)
    grid = Grid.centred(small_array.focus, 1e-3, (3, 3, 3), Frame.CT)
    on = np.arange(64) < 40
    states = tuple(ElementState.ON if o else ElementState.FAULT for o in on)
    drive = Drive(F, np.where(on, 1e3, 0.0), states)
    part = PlacedArray(
        small_array.centres[on],
        small_array.normals[on],
        small_array.areas[on],
        small_array.focus,
    )
    whole = has_field(shells, small_array, drive, grid, options=FAST).pressure
    alone = has_field(shells, part, drive_of(part, np.ones(40)), grid, options=FAST).pressure
    assert np.allclose(whole, alone)


def test_waves_that_miss_the_ball_do_not_come_in(small_head, small_array):
    shells = head_shells(small_head, small_array, options=FAST)
    start = np.ones(shells.frustum.sphere.shape, np.complex64)
    harmonics = regular_harmonics(shells, sweep(shells, start, inward=True, echoes=0))
    x = 2 * np.pi * F / 1500 * shells.frustum.edges[0]
    assert not harmonics[:, int(x) + 4 :].any()


@pytest.mark.parametrize(
    ("name", "value"),
    [("echoes", -1), ("steps_per_wavelength", 2), ("lateral", 0.0), ("oversampling", 3)],
)
def test_settings_out_of_range_are_one_sentence(name, value):
    with pytest.raises(SettingsError, match=f"The setting {name} .* allowed are"):
        HasOptions(**{name: value})


def test_bad_geometry_is_one_sentence(small_head, small_array):
    with pytest.raises(GeometryError, match="outside the image"):
        head_shells(small_head, small_array, target_m=(0.2, 0, 0))
    with pytest.raises(GeometryError, match=r"at least .* mm of brain"):
        head_shells(small_head, small_array, target_m=(0, 0, 0.022), options=FAST)
    shells = head_shells(small_head, small_array, options=FAST)
    grid = Grid.centred(small_array.focus, 1e-3, (5, 5, 5), Frame.CT)
    drive = drive_of(small_array, np.ones(64))
    wide = Grid.centred(small_array.focus, 1e-3, (60, 5, 5), Frame.CT)
    with pytest.raises(GeometryError, match="make the grid smaller"):
        has_field(shells, small_array, drive, wide, options=FAST)
    with pytest.raises(GeometryError, match="drive's frequency"):
        has_field(shells, small_array, drive_of(small_array, np.ones(64), 3e5), grid)
    one = Drive(F, np.ones(1), (ElementState.ON,))
    with pytest.raises(GeometryError, match="from one array"):
        has_field(shells, small_array, one, grid)
    near = replace(small_array, centres=small_array.centres * 0.4)
    with pytest.raises(GeometryError, match="inside the shells"):
        has_transfer(shells, near)
    moved = Grid(grid.shape, grid.affine, Frame.TRANSDUCER)
    with pytest.raises(GeometryError, match="same frame"):
        has_field(shells, small_array, drive, moved)
    water = replace(small_head, labels=np.zeros_like(small_head.labels))
    with pytest.raises(GeometryError, match="No bone"):
        head_shells(water, small_array)


def test_nan_in_shells_is_refused(small_head, small_array):
    shells = head_shells(small_head, small_array, options=FAST)
    spoilt = shells.density.copy()
    spoilt[0, 0, 0] = np.nan
    with pytest.raises(GeometryError, match="finite"):
        replace(shells, density=spoilt)
