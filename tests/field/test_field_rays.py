from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import Frame, GeometryError, Grid, SettingsError, Tissue
from insonate.field import RayOptions, trace_rays
from insonate.field.interfaces import face_transmission, plate_faces, refracted_cosine
from insonate.verification.layered_head import BONE, BRAIN, WATER, Material, layered_head
from insonate.verification.slab import Layer, slab_transmission

GRID = Grid.centred((0, 0, 0), 1e-3, (41, 41, 61), Frame.CT)
DEPTH = 20e-3 - GRID.points()[..., 2]
FOCUS = np.array([0.0, 0.0, -0.015])


def plate(materials=(WATER, BONE, BRAIN), faces=(0.0, 6.5e-3)):
    return layered_head(GRID, DEPTH, faces, materials)


def tilted(angle, distance=0.1):
    return FOCUS + distance * np.array([[np.sin(angle), 0.0, np.cos(angle)]])


speeds = st.floats(1000.0, 4000.0)
impedances = st.floats(1e5, 1e7)


@given(before=impedances, after=impedances)
def test_energy_is_kept_at_a_face(before, after):
    t = face_transmission(before, after).real
    assert t**2 * before / after + (t - 1) ** 2 == pytest.approx(1.0)


@given(cosine=st.floats(0.05, 1.0), c1=speeds, c2=speeds)
def test_snell_there_and_back(cosine, c1, c2):
    behind = float(refracted_cosine(cosine, c1, c2))
    if behind > 1e-3:
        assert float(refracted_cosine(behind, c2, c1)) == pytest.approx(cosine, abs=1e-6)
    else:
        assert np.sqrt(1 - cosine**2) * c2 / c1 > 0.99


@given(
    density=st.floats(1100, 2500), speed=st.floats(1600, 3500), alpha=st.floats(0, 300),
    thickness=st.floats(1e-3, 12e-3),
)  # fmt: skip
@settings(deadline=None)
def test_plate_is_the_exact_slab_at_normal_incidence(density, speed, alpha, thickness):
    omega = 2 * np.pi * 650e3
    k = omega / speed + 1j * alpha
    crossing = np.exp(1j * k * thickness)
    mine = plate_faces(1.5e6, density * omega / k, 1040 * 1560, crossing) * crossing
    exact = slab_transmission(
        Layer(1000, 1500), [Layer(density, speed, alpha, thickness)], Layer(1040, 1560), omega
    )
    assert complex(mine) == pytest.approx(exact, rel=1e-9)


def test_two_half_slabs_are_one_slab_and_loss_is_lost():
    omega = 2 * np.pi * 650e3
    water, half = Layer(1000, 1500), Layer(1850, 2800, 40.0, 3e-3)
    whole = Layer(1850, 2800, 40.0, 6e-3)
    assert slab_transmission(water, [half, half], water, omega) == pytest.approx(
        slab_transmission(water, [whole], water, omega)
    )
    assert abs(slab_transmission(water, [whole], water, omega)) < abs(
        slab_transmission(water, [Layer(1850, 2800, 0.0, 6e-3)], water, omega)
    )


@pytest.mark.parametrize("degrees", [0.0, 8.0, 15.0])
def test_angle_and_snell_on_a_flat_plate(degrees):
    rays = trace_rays(plate(), tilted(np.radians(degrees)), FOCUS)
    assert np.degrees(rays.incidence_angle_rad[0]) == pytest.approx(degrees, abs=0.1)
    assert rays.snell_residual[0] < 1e-6
    assert rays.critical_angle_rad[0] == pytest.approx(np.arcsin(1500 / 2800), abs=1e-3)


def test_nothing_passes_beyond_the_critical_angle():
    head = plate((WATER, replace(BONE, sound_speed=3600.0), BRAIN))
    rays = trace_rays(head, tilted(np.radians(27.0)), FOCUS)
    assert rays.incidence_angle_rad[0] > rays.critical_angle_rad[0]
    assert rays.transmission[0] == 0


def test_without_skull_a_ray_is_straight():
    tissue = replace(BRAIN, sound_speed=1500.0, density=1000.0)
    head = layered_head(GRID, DEPTH, (0.0,), (WATER, tissue))
    rays = trace_rays(head, tilted(0.1), FOCUS)
    assert not rays.hits_skull[0]
    assert np.isnan(rays.outer_hits).all()
    assert rays.travel_time_s[0] == pytest.approx(0.1 / 1500, rel=1e-6)
    assert rays.thickness_m[0] == 0
    # half a step of the walk, and half a voxel of the face: the loss of 35 mm of brain
    assert abs(rays.transmission[0]) == pytest.approx(np.exp(-4.0 * 0.035), rel=0.01)
    assert rays.phase_aberration()[0] == pytest.approx(0.0, abs=1e-3)


def test_air_stops_a_ray():
    air = Material(Tissue.AIR, -1000.0, 1.2, 343.0)
    head = plate((WATER, BONE, air, BONE, BRAIN), (0.0, 3e-3, 6e-3, 9e-3))
    rays = trace_rays(head, tilted(0.0), FOCUS)
    assert rays.crosses_air[0]
    assert rays.transmission[0] == 0


def test_a_ray_that_leaves_the_image_in_the_head_says_so():
    rays = trace_rays(plate(), np.array([[0.1, 0.0, -0.02], [0.0, 0.0, 0.1]]), FOCUS)
    assert rays.leaves_grid.tolist() == [True, False]


def test_bright_spots_in_the_brain_are_not_skull():
    head = plate()
    hounsfield = head.hounsfield.copy()
    hounsfield[19:22, 19:22, 20:23] = 900.0
    rays = trace_rays(replace(head, hounsfield=hounsfield), tilted(0.0), FOCUS)
    assert rays.thickness_m[0] == pytest.approx(6.5e-3, abs=0.1e-3)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.3])
def test_thickness_does_not_depend_on_the_density_of_bone(scale):
    head = plate((WATER, replace(BONE, hounsfield=1600 * scale), BRAIN))
    rays = trace_rays(head, tilted(0.0), FOCUS)
    assert rays.thickness_m[0] == pytest.approx(6.5e-3, abs=0.1e-3)


def test_bad_geometry_is_refused():
    head = plate()
    with pytest.raises(GeometryError, match="outside the image"):
        trace_rays(head, tilted(0.0), np.array([0, 0, 0.5]))
    with pytest.raises(GeometryError, match="lies on the focus"):
        trace_rays(head, FOCUS[None], FOCUS)
    with pytest.raises(GeometryError, match="shape"):
        trace_rays(head, FOCUS, FOCUS)
    with pytest.raises(SettingsError, match="smoothing"):
        trace_rays(head, tilted(0.0), FOCUS, options=RayOptions(surface_smoothing_m=1.0))


def test_rays_check_their_shapes():
    rays = trace_rays(plate(), tilted(0.0), FOCUS)
    with pytest.raises(GeometryError, match="thickness_m"):
        replace(rays, thickness_m=np.zeros(2))
    assert not rays.travel_time_s.flags.writeable
