"""Every check of the field passes, and each of its judges rejects a wrong subject."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.field import mean_square_in_head, pressure_at, trace_rays
from insonate.planner.sdr import SkullDensityRatios, skull_density_ratios
from insonate.verification import field, skull


@pytest.fixture(scope="module")
def results():
    return list(field.checks())


def test_every_check_passes_and_names_its_reference(results):
    assert len(results) >= 16
    assert all(check.reference and check.unit for check in results)
    assert [c.check for c in results if not c.passed] == []


def conjugate(points, elements, drive):
    return np.conj(pressure_at(points, elements, drive))


def too_strong(points, elements, drive):
    return 1.05 * pressure_at(points, elements, drive)


@pytest.mark.parametrize("wrong", [conjugate, too_strong])
def test_a_wrong_pressure_is_rejected(wrong):
    assert field.oneil_error(wrong) > 0.01
    assert max(field.focus_errors(wrong)) > 0.01
    assert field.plain_sum_error(wrong) > 1e-4


def test_a_wrong_directivity_is_rejected():
    assert field.directivity_error(lambda x: np.cos(x / 2)) > 1e-3


def wrong_rays(**change):
    def trace(head, centres, focus):
        rays = trace_rays(head, centres, focus)
        return replace(rays, **{name: make(rays) for name, make in change.items()})

    return trace


def test_straight_unrefracted_rays_are_rejected():
    straight = wrong_rays(
        travel_time_s=lambda r: r.travel_time_s * 1.001,
        outer_hits=lambda r: r.straight_hits,
        incidence_angle_rad=lambda r: r.incidence_angle_rad * 1.1,
    )
    errors = field.shell_errors(straight)
    assert errors["travel time"] > 5e-4
    assert errors["refracted points"] > 0.3e-3
    assert errors["incidence angle"] > 0.02


def test_uneven_phases_are_rejected():
    uneven = wrong_rays(
        travel_time_s=lambda r: r.travel_time_s + 1e-7 * np.sin(np.arange(r.count))
    )
    assert field.shell_errors(uneven)["phase spread"] > 0.1


def test_a_plate_without_its_second_face_is_rejected():
    wrong = wrong_rays(transmission=lambda r: r.transmission * 1.2)
    assert field.slab_errors(46.0, wrong)[0] > 0.01
    assert field.slab_errors(0.0, wrong)[1] > 0.01
    thick = wrong_rays(thickness_m=lambda r: r.thickness_m + 0.2e-3)
    assert field.slab_errors(46.0, thick)[2] > 0.1e-3


def test_one_way_transmission_is_rejected():
    def valve(head, centres, focus):
        rays = trace_rays(head, centres, focus)
        if centres[0, 0] < 0.01:
            rays = replace(
                rays,
                transmission=0.9 * rays.transmission,
                travel_time_s=1.001 * rays.travel_time_s,
            )
        return rays

    time, passes = field.reciprocity_errors(valve)
    assert time > 1e-5
    assert passes > 0.01


def test_energy_out_of_nothing_is_rejected():
    def double(*arguments):
        return 4 * mean_square_in_head(*arguments)

    assert field.energy_budget(double, spacing_m=3e-3) > 1.0


def test_mixed_up_definitions_of_sdr_are_rejected():
    def swapped(head, rays):
        r = skull_density_ratios(head, rays)
        return SkullDensityRatios(r.older, r.skullgan, r.workstation, r.air_between_peaks)

    assert min(skull.sdr_errors(swapped).values()) > 0.02


def test_a_mirrored_head_is_rejected():
    def mirrored(head, centres, focus):
        return trace_rays(head, centres * [-1, 1, 1], focus * [-1, 1, 1])

    assert not skull.thicker_on_the_right(mirrored) >= 1e-3
