"""The exact solid plate, its judges, and the angle up to which bone may be a fluid."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.field.shear import (
    FLUID_LIMIT_DEG,
    fluid_limit_rad,
    share_beyond_fluid_limit,
    shear_sentence,
)
from insonate.verification import solid_slab
from insonate.verification.layered import transmission


def test_every_check_passes():
    assert [check for check in solid_slab.checks() if not check.passed] == []


def test_at_normal_incidence_a_solid_is_a_fluid():
    bone = solid_slab.cortical_bone(650e3)
    solid = solid_slab.solid_plate(bone, 6.5e-3, 0.0, 650e3)
    fluid = solid_slab.fluid_plate(bone.compressional, 6.5e-3, 0.0, 650e3)
    exact = transmission(
        ((bone.compressional, 6.5e-3),), (solid_slab.WATER, solid_slab.WATER), 650e3
    )
    assert np.allclose(solid, fluid, rtol=1e-9)
    assert solid[1] == pytest.approx(exact, rel=1e-9)


def test_shear_carries_sound_where_a_fluid_passes_none():
    found = solid_slab.missed(np.radians(40.0), 650e3)
    assert found.solid > 10 * found.fluid


def misdirected(plate, thickness, angle, frequency):
    """Refract wrongly."""
    return solid_slab.fluid_plate(plate.compressional, thickness, 0.9 * angle, frequency)


def leaky(plate, thickness, angle, frequency):
    back, passed = solid_slab.solid_plate(plate, thickness, angle, frequency)
    return back, 0.99 * passed


def test_wrong_plates_are_rejected():
    assert solid_slab.fluid_limit_error(misdirected) > 1e-3
    assert solid_slab.energy_error(leaky) > 1e-3


def test_a_limit_too_wide_is_rejected():
    wide = tuple((frequency, limit + 3.0) for frequency, limit in FLUID_LIMIT_DEG[-2:])
    assert solid_slab.limit_error(wide) > 1.0


def test_attenuation_of_shear_is_heard():
    bone = solid_slab.cortical_bone(650e3)
    clear = replace(bone, shear_attenuation=0.0)
    a, b = (solid_slab.solid_plate(s, 6.5e-3, 0.5, 650e3)[1] for s in (bone, clear))
    assert abs(a - b) > 0.05 * abs(b)


def test_share_of_elements_beyond_the_limit():
    angles = np.radians([5.0, 14.9, 15.1, 24.0, np.nan, 40.0])
    active = np.array([1, 1, 1, 1, 1, 0], bool)
    assert share_beyond_fluid_limit(angles, active, 650e3) == pytest.approx(2 / 5)
    assert share_beyond_fluid_limit(angles, ~active & False, 650e3) == 0.0
    assert "40 %" in shear_sentence(0.4, 650e3)
    assert "15°" in shear_sentence(0.4, 650e3)


def test_between_frequencies_the_smaller_limit_holds():
    assert np.degrees(fluid_limit_rad(650e3)) == pytest.approx(15.0)
    assert np.degrees(fluid_limit_rad(670e3)) == pytest.approx(14.0)
    assert np.degrees(fluid_limit_rad(220e3)) == pytest.approx(6.0)


def test_bad_input_is_one_sentence():
    with pytest.raises(SettingsError, match="table covers"):
        fluid_limit_rad(1e6)
    with pytest.raises(SettingsError, match="do not belong together"):
        share_beyond_fluid_limit(np.zeros(3), np.ones(2, bool), 650e3)
