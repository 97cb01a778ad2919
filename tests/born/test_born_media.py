"""Media: filtered exactly, right in the limit, and refused when they are no medium."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import Frame, GeometryError, Grid, InputError, SettingsError
from insonate.core.frames import affine_from
from insonate.field.born import WATER, Fluid, Medium
from insonate.field.born.medium import density_cutoff, interface_excess, laplacian_symbol
from insonate.field.born.profiles import (
    Layers,
    Shells,
    layered_medium,
    spherical_medium,
    uniform_medium,
)
from insonate.field.born.voxels import VoxelMaps, label_maps, voxel_medium
from insonate.verification.layered import transmission

F = 500e3
BONE = Fluid(2800.0, 1850.0, 46.05)
K0 = 2 * np.pi * F / 1500


def grid(shape=(24, 20, 16), spacing=0.5e-3, centre=(0, 0, 0)):
    return Grid.centred(centre, spacing, shape, Frame.TRANSDUCER)


def slab_error(potential_of, spacing=0.5e-3, moves=(0.0, 0.25, 0.5, 0.75)):
    """Return the mean error of |T| of a slab, everything solved by a dense 1-D matrix."""
    errors = []
    n = int(0.13 / spacing)
    q = 2 * np.pi * np.fft.fftfreq(n, spacing)
    symbol = laplacian_symbol(q, spacing, 1500 / F / spacing)
    second = np.fft.ifft(np.fft.fft(np.eye(n), axis=0) * -symbol[:, None], axis=0)
    ramp = np.clip(1 - np.minimum(np.arange(n), n - 1 - np.arange(n)) * spacing / 25e-3, 0, 1)
    absorber = 0.6j * K0**2 * ramp**2
    source = np.zeros(n, complex)
    source[int(30e-3 / spacing)] = 1
    at = int(95e-3 / spacing)
    water = np.linalg.solve(second + np.diag(K0**2 + absorber), source)[at]
    for move in moves:
        first = (120 + move) * 0.5e-3
        potential = potential_of(n, spacing, first, first + 6.5e-3)
        field = np.linalg.solve(second + np.diag(potential + absorber), source)[at]
        exact = transmission(((BONE, 6.5e-3),), (WATER, WATER), F)
        errors.append(abs(abs(field / water) / abs(exact) - 1))
    return float(np.mean(errors))


def ours(n, spacing, first, last):
    line = Grid((n, 1, 1), affine_from(np.eye(3) * spacing, (0, 0, 0)), Frame.TRANSDUCER)
    medium = layered_medium(Layers((WATER, BONE, WATER), (first, last)), line, F)
    return medium.potential[:, 0, 0].astype(complex)


def mask(n, spacing, first, last):
    """Return the same from a mask of voxels of a quarter of a cell, uniform each."""
    size = np.array((spacing / 4, spacing, spacing))  # across the line as wide as the kernel
    corner = (spacing / 8, -20 * spacing, -20 * spacing)
    voxels = Grid((4 * n, 41, 41), affine_from(np.diag(size), corner), Frame.TRANSDUCER)
    x = voxels.axes()[0][:, None, None]
    labels = np.broadcast_to(((x > first) & (x < last)).astype(int), voxels.shape)
    line = Grid((n, 1, 1), affine_from(np.eye(3) * spacing, (0, 0, 0)), Frame.TRANSDUCER)
    medium = voxel_medium(label_maps(labels, voxels, {0: WATER, 1: BONE}), line, F)
    return medium.potential[:, 0, 0].astype(complex)


def staircase(n, spacing, first, last):
    x = np.arange(n) * spacing
    return np.where((x >= first) & (x < last), BONE.wavenumber(F) ** 2, K0**2)


def without_density_term(n, spacing, first, last):
    line = Grid((n, 1, 1), affine_from(np.eye(3) * spacing, (0, 0, 0)), Frame.TRANSDUCER)
    same = Fluid(BONE.sound_speed, WATER.density, BONE.attenuation)
    medium = layered_medium(Layers((WATER, same, WATER), (first, last)), line, F)
    return medium.potential[:, 0, 0].astype(complex)


def test_a_slab_transmits_as_the_exact_formula_says_wherever_it_lies():
    assert slab_error(ours) < 0.006


def test_a_slab_cut_from_a_mask_transmits_as_well():
    assert slab_error(mask, moves=(0.0, 0.25)) < 0.01


def test_it_falls_with_refinement_faster_than_second_order():
    coarse, fine = slab_error(ours), slab_error(ours, 0.25e-3)
    assert np.log2(coarse / fine) > 2


@pytest.mark.parametrize("wrong", [staircase, without_density_term])
def test_wrong_representations_are_rejected(wrong):
    assert slab_error(wrong) > 0.02


def test_gain_is_rejected():
    def gain(*args):
        return np.conj(ours(*args))

    assert slab_error(gain) > 0.2


@given(st.floats(-3e-3, 3e-3), st.floats(1e-3, 3e-3))
@settings(max_examples=20, deadline=None)
def test_the_filter_conserves_mass_of_a_layer(first, thickness):
    on = grid((64, 1, 1))
    medium = layered_medium(Layers((WATER, BONE, WATER), (first, first + thickness)), on, F)
    excess = (medium.root_density[:, 0, 0].astype(float) ** 2 - WATER.density).sum() * 0.5e-3
    assert excess == pytest.approx((BONE.density - WATER.density) * thickness, rel=0.02)


@given(st.tuples(*[st.floats(-0.5e-3, 0.5e-3)] * 3))
@settings(max_examples=5, deadline=None)
def test_the_filter_conserves_mass_of_a_ball(centre):
    medium = spherical_medium(Shells((BONE, WATER), (4e-3,), centre), grid((40, 40, 40)), F)
    excess = (medium.root_density.astype(float) ** 2 - WATER.density).sum() * 0.5e-3**3
    volume = 4 / 3 * np.pi * 4e-3**3
    assert excess == pytest.approx((BONE.density - WATER.density) * volume, rel=0.01)


def test_a_large_sphere_is_a_plane():
    radius = 2.0
    on = grid((32, 4, 4))
    ball = spherical_medium(Shells((BONE, WATER), (radius,), (-radius, 0, 0)), on, F)
    plane = layered_medium(Layers((BONE, WATER), (0.0,)), on, F)
    assert np.allclose(ball.potential, plane.potential, atol=0.02 * K0**2)
    assert np.allclose(ball.root_density, plane.root_density, rtol=0.01)


def test_oblique_layers_agree_with_layers_along_an_axis_on_a_line():
    n = (0.6, 0.8, 0.0)
    oblique = layered_medium(Layers((WATER, BONE), (0.7e-3,), n), grid(), F)
    straight = layered_medium(Layers((WATER, BONE), (0.7e-3,)), grid((64, 1, 1), 0.5e-3), F)
    x = grid().points()[12, :, 8] @ np.asarray(n)
    line = grid((64, 1, 1)).axes()[0]
    fine = np.interp(x, line, straight.root_density[:, 0, 0])
    assert np.allclose(oblique.root_density[12, :, 8], fine, rtol=0.05)


def smooth_maps(spacing):
    on = Grid.centred((0, 0, 0), spacing, (round(0.036 / spacing),) * 3, Frame.TRANSDUCER)
    bump = np.exp(-(on.points() ** 2).sum(-1) / (2 * 3.5e-3**2))
    rho, kappa = 1000 + 800 * bump, (1 - 0.7 * bump) / (1000 * 1500**2)
    return VoxelMaps(on, rho, 1 / np.sqrt(rho * kappa), 20 * bump)


@pytest.mark.parametrize(("voxel", "spacing"), [(1.0e-3, 0.4e-3), (0.5e-3, 0.5e-3)])
def test_voxels_of_a_smooth_medium_give_its_potential(voxel, spacing):
    on = Grid.centred((0.2e-3, 0.1e-3, 0), spacing, (20, 16, 14), Frame.TRANSDUCER)
    medium = voxel_medium(smooth_maps(voxel), on, F)
    x = on.points()
    r2 = (x**2).sum(-1)
    b, s = np.exp(-r2 / (2 * 3.5e-3**2)), 3.5e-3
    rho = 1000 + 800 * b
    k = 2 * np.pi * F * np.sqrt(rho * (1 - 0.7 * b) / (1000 * 1500**2)) + 20j * b
    curvature = 800 * b * (r2 / s**4 - 3 / s**2)
    exact = k**2 + 0.5 * curvature / rho - 0.75 * (800 * b) ** 2 * r2 / s**4 / rho**2
    assert np.abs(medium.potential - exact).max() < 2e-3 * K0**2
    assert np.allclose(medium.root_density, np.sqrt(rho), rtol=2e-3)
    # the wrong subject: the density term left out
    assert np.abs(k**2 - exact).max() > 5e-3 * K0**2


def test_left_and_right_of_voxels_stay_where_they_are():
    on = Grid.centred((0, 0, 0), 0.5e-3, (40, 30, 30), Frame.TRANSDUCER)
    labels = np.zeros(on.shape, int)
    labels[28:, 10:20, 10:20] = 3
    medium = voxel_medium(label_maps(labels, on, {0: WATER, 3: BONE}), on, F)
    heavy = medium.root_density[:, 15, 15] ** 2 > 1400
    assert heavy[32]
    assert not heavy[5]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"potential": np.nan}, InputError, "NaN"),
        ({"root_density": 0.0}, InputError, "density of zero"),
        ({"potential": K0**2 * (1 - 0.1j)}, InputError, "must not amplify"),
        ({"slowest": 900.0}, SettingsError, "3.60 points per wavelength"),
        ({"shape": (3, 3, 3)}, GeometryError, "must be the same"),
        ({"spacing": (1, 1, 2)}, GeometryError, "one spacing"),
    ],
)
def test_what_is_no_medium_is_refused_with_a_sentence(change, error, words):
    spacing = np.array(change.get("spacing", (1, 1, 1))) * 0.5e-3
    on = Grid((4, 4, 4), affine_from(np.diag(spacing), (0, 0, 0)), Frame.TRANSDUCER)
    shape = change.get("shape", on.shape)
    with pytest.raises(error, match=words):
        Medium(
            on,
            F,
            np.full(shape, change.get("potential", K0**2), np.complex64),
            np.full(shape, change.get("root_density", 31.6), np.float32),
            WATER,
            change.get("slowest", 1500.0),
            1500.0,
            "test",
        )


def test_wrong_shapes_and_fluids_are_refused():
    with pytest.raises(SettingsError, match="not physical"):
        Fluid(1500, 1000, -1)
    with pytest.raises(GeometryError, match="increasing order"):
        Layers((WATER, BONE, WATER), (1e-3, 0.0))
    with pytest.raises(GeometryError, match="positive"):
        Shells((WATER, BONE), (-1e-3,))
    with pytest.raises(GeometryError, match="length 1"):
        Layers((WATER,), (), (1.0, 1.0, 0.0))
    with pytest.raises(SettingsError, match="Use a spacing of at most"):
        uniform_medium(WATER, grid(spacing=1e-3), F)
    with pytest.raises(InputError, match=r"labels \[1\] have no fluid"):
        label_maps([[[0, 1]]], grid((1, 1, 2)), {0: WATER})
    maps = smooth_maps(1e-3)
    with pytest.raises(InputError, match="NaN"):
        VoxelMaps(maps.grid, maps.density * np.nan, maps.sound_speed, maps.attenuation)
    with pytest.raises(GeometryError, match="same frame"):
        voxel_medium(maps, Grid.centred((0, 0, 0), 4e-4, (8, 8, 8), Frame.CT), F)


def test_the_symbol_is_that_of_the_laplacian_where_waves_live():
    k = np.linspace(0, np.pi / 0.5e-3, 400)
    symbol = laplacian_symbol(k, 0.5e-3, 6.0)
    waves = k < 1.2 * K0
    assert (symbol[waves] == k[waves] ** 2).all()
    assert (symbol >= k**2).all()
    coarse = laplacian_symbol(k, 0.5e-3, 4.0)
    assert (coarse <= symbol).all()


def test_the_excess_of_an_interface_is_of_fourth_order():
    one, half = (interface_excess(width, F, 1500.0) for width in (0.5e-3, 0.25e-3))
    assert one / half == pytest.approx(16)
    assert one == pytest.approx(0.070, abs=1e-3)


def test_a_uniform_mask_of_the_grids_own_voxels_is_filtered_as_boxes():
    on = Grid.centred((0, 0, 0), 0.5e-3, (48, 24, 24), Frame.TRANSDUCER)
    labels = np.zeros(on.shape, int)
    labels[20:33] = 1
    found = voxel_medium(label_maps(labels, on, {0: WATER, 1: BONE}), on, F)
    first, last = on.axes()[0][20] - 0.25e-3, on.axes()[0][32] + 0.25e-3
    exact = layered_medium(Layers((WATER, BONE, WATER), (first, last)), on, F)
    middle = (slice(8, 40), 12, 12)
    error = np.abs(found.root_density[middle] - exact.root_density[middle]).max()
    assert error < 0.5  # of 31.6 to 43.0 √(kg/m³): the two windows differ a little
    sampled = VoxelMaps(on, *(np.where(labels, b, w).astype(np.float32) for b, w in (
        (BONE.density, WATER.density), (BONE.sound_speed, WATER.sound_speed), (BONE.attenuation, 0.0)
    )))  # fmt: skip
    wrong = voxel_medium(sampled, on, F)
    worse = np.abs(wrong.root_density[middle] - exact.root_density[middle]).max()
    assert worse > 2 * error


def test_materials_are_rolled_off_earlier_on_finer_grids():
    assert density_cutoff(5) == 1
    assert density_cutoff(6) == 1
    assert density_cutoff(12) == pytest.approx(np.sqrt(0.5))
