from dataclasses import replace

import numpy as np
import pytest

from insonate.array import Drive, ElementState, PlacedArray, hemisphere
from insonate.core import Frame, GeometryError, Grid
from insonate.field import (
    mean_square_in_head,
    outer_surface_pressure,
    pressure_at,
    ray_field,
    trace_rays,
)
from insonate.field.rayleigh import mean_square_pressure_at
from insonate.verification.field import SHELL_CENTRE, driven, shell_head
from insonate.verification.layered_head import BRAIN


@pytest.fixture(scope="module")
def subject():
    array = hemisphere(count=256)
    centre = SHELL_CENTRE
    elements = PlacedArray(array.centres + centre, array.normals, array.areas, centre)
    head = shell_head(spacing_m=1.5e-3)
    rays = trace_rays(head, elements.centres, centre)
    phase = np.exp(-1j * rays.arrival_phase())
    return head, elements, rays, Drive(650e3, phase, (ElementState.ON,) * array.count)


def test_the_field_is_linear_in_the_drive(subject):
    _, elements, rays, drive = subject
    points = SHELL_CENTRE + np.random.default_rng(2).uniform(-5e-3, 5e-3, (20, 3))
    once = pressure_at(points, elements, drive, rays)
    twice = Drive(650e3, 2j * drive.pressure, drive.states)
    assert np.allclose(pressure_at(points, elements, twice, rays), 2j * once)


def test_an_element_that_is_off_is_silent(subject):
    _, elements, rays, drive = subject
    off = Drive(650e3, 0 * drive.pressure, (ElementState.BY_HAND,) * len(drive.states))
    assert (pressure_at(np.zeros((3, 3)), elements, off, rays) == 0).all()
    assert (mean_square_pressure_at(np.zeros((3, 3)), elements, off) == 0).all()


def test_corrected_phases_meet_at_the_focus(subject):
    _, elements, rays, drive = subject
    grid = Grid.centred(SHELL_CENTRE, 0.5e-3, (17, 17, 17), Frame.CT)
    field = ray_field(elements, drive, rays, grid)
    amplitude = np.abs(field.pressure)
    assert np.unravel_index(amplitude.argmax(), amplitude.shape) == (8, 8, 8)
    total = np.abs(rays.transmission) * elements.areas * 650e3 / 1500 / rays.distances_m
    assert amplitude.max() == pytest.approx(total.sum(), rel=1e-4)
    assert field.engine == "ray"


def test_far_from_the_focus_fringes_average_to_the_mean_square():
    elements, drive = driven(hemisphere(count=256))
    grid = Grid.centred((0.02, 0.03, 0.05), 0.37e-3, (25, 25, 25), Frame.CT)
    coherent = (np.abs(pressure_at(grid.points(), elements, drive)) ** 2).mean()
    incoherent = mean_square_pressure_at(grid.points(), elements, drive).mean()
    assert incoherent == pytest.approx(coherent, rel=0.1)


def test_behind_the_baffle_there_is_nothing():
    elements, drive = driven(hemisphere(count=4))
    assert pressure_at(np.array([[0, 0, 2.0]]), elements, drive)[0] == 0


def test_tissues_in_their_order_lose_what_they_must(subject):
    head, elements, _, drive = subject
    inward = np.array([65.9e-3, 61.0e-3, 58.9e-3, 54.3e-3, 40e-3])
    points = SHELL_CENTRE + np.outer(inward, [0.0, 0.0, 1.0])
    left = mean_square_in_head(points, head, elements, drive)
    left = left / mean_square_pressure_at(points, elements, drive)
    assert left[:2] == pytest.approx([1.0, 1.0], abs=1e-6)  # water
    faces = (2 * 5.18 / (5.18 + 1.5)) ** 2
    # a label's face lies up to half a voxel of 1.5 mm from the true one, and mixed voxels count
    assert left[2] == pytest.approx(faces * np.exp(-2 * 46 * 1.1e-3), rel=0.15)
    assert left[3] == pytest.approx(faces * np.exp(-2 * 46 * 5.7e-3), rel=0.15)
    through = faces * (2 * 1.622 / (5.18 + 1.622)) ** 2
    assert left[4] == pytest.approx(
        through * np.exp(-2 * (46 * 6.5e-3 + 4 * 13.5e-3)), rel=0.12
    )


def test_below_the_focus_sound_came_from_above(subject):
    head, elements, _, drive = subject
    above = SHELL_CENTRE + np.array([0, 0, 20e-3])
    below = SHELL_CENTRE - np.array([0, 0, 20e-3])
    ratio = mean_square_in_head(np.array([above, below]), head, elements, drive)
    free = mean_square_pressure_at(np.array([above, below]), elements, drive)
    loss = (ratio / free)[1] / (ratio / free)[0]
    assert loss == pytest.approx(np.exp(-2 * BRAIN.attenuation * 40e-3), rel=0.03)


def test_the_skull_surface_is_the_outer_one_above_the_focus(subject):
    head, elements, _, drive = subject
    surface = outer_surface_pressure(head, elements, drive)
    radius = np.linalg.norm(surface.points - SHELL_CENTRE, axis=1)
    assert radius.min() > 57e-3
    assert radius.max() < 61.5e-3
    assert (surface.points[:, 2] > SHELL_CENTRE[2]).all()
    assert surface.peak_pa > np.sqrt(surface.mean_intensity_w_per_m2 * 3e6) > 0
    no_skull = replace(head, labels=np.zeros_like(head.labels))
    with pytest.raises(GeometryError, match="No skull"):
        outer_surface_pressure(no_skull, elements, drive)


def test_what_does_not_fit_is_refused(subject):
    _, elements, rays, drive = subject
    with pytest.raises(GeometryError, match="same count"):
        pressure_at(np.zeros((1, 3)), elements, driven(hemisphere(count=5))[1], rays)
    other = Drive(500e3, drive.pressure, drive.states)
    with pytest.raises(GeometryError, match="500 kHz"):
        pressure_at(np.zeros((1, 3)), elements, other, rays)
    far = Grid.centred(SHELL_CENTRE, 5e-3, (21, 21, 21), Frame.CT)
    with pytest.raises(GeometryError, match="within"):
        ray_field(elements, drive, rays, far)
