"""Exposure against closed forms of a plane wave."""

import numpy as np
import pytest

from insonate.core import Frame, GeometryError, Grid, SettingsError, Tissue
from insonate.field import Convergence, PressureField
from insonate.field.exposure import (
    TissuePower,
    intensity,
    labels_on,
    mechanical_index,
    peak_negative_pressure,
    power_by_tissue,
    share_in,
    skull_intensity,
)
from insonate.verification.exposure import (
    BONE,
    BRAIN,
    decaying_wave,
    layered,
    power_error,
)

DONE = Convergence(converged=True, iterations=0, residual=0.0, sentence="Closed form.")


def test_a_plane_wave_has_its_intensity_and_index():
    field, _, _ = decaying_wave()
    peak = float(peak_negative_pressure(field).max())
    assert peak == pytest.approx(1e5, rel=1e-3)
    assert intensity(1e5, 1000.0, 1500.0) == pytest.approx(1e10 / 3e6)
    assert float(mechanical_index(1e6, 1e6)) == pytest.approx(1.0)
    assert float(mechanical_index(1.9e6, 0.25e6)) == pytest.approx(3.8)


def test_power_by_tissue_is_what_the_wave_loses():
    field, head, lost = decaying_wave()
    powers = power_by_tissue(field, head)
    for tissue in (Tissue.SKULL, Tissue.BRAIN):
        assert powers[tissue].lost_w == pytest.approx(lost[tissue], rel=2e-3)
    share = BONE.absorbed_share * lost[Tissue.SKULL]
    assert powers[Tissue.SKULL].absorbed_w == pytest.approx(share, rel=2e-3)
    assert powers[Tissue.WATER].lost_w == 0
    assert sum(share_in(powers, tissue) for tissue in Tissue) == pytest.approx(1.0)


def test_outside_the_head_is_water():
    head = layered((48, 4, 4))
    grid = Grid.centred((0.0, 0.0, 0.0), 1e-3, (40, 8, 8), Frame.CT)
    labels = labels_on(grid, head)
    assert labels[0, 0, 0] == int(Tissue.WATER)
    assert set(np.unique(labels)) == {0, int(Tissue.SKULL), int(Tissue.BRAIN)}


def test_intensity_beside_bone_is_of_the_soft_side():
    field, head, _ = decaying_wave()
    found = skull_intensity(field, head)
    first_cell = np.exp(-2 * BRAIN.attenuation * 0.125e-3)  # half a cell behind the bone
    exact = float(intensity(1e5, BRAIN.density, BRAIN.sound_speed)) * first_cell
    assert found.peak_w_per_m2 == pytest.approx(exact, rel=1e-5)
    assert found.mean_w_per_m2 == pytest.approx(exact, rel=1e-5)


def test_bad_input_is_one_sentence():
    field, head, _ = decaying_wave()
    other = PressureField(field.pressure, field.grid, 300e3, "x", DONE, 0.0)
    with pytest.raises(SettingsError, match="build the head"):
        power_by_tissue(other, head)
    moved = Grid(field.grid.shape, field.grid.affine, Frame.TRANSDUCER)
    with pytest.raises(GeometryError, match="same frame"):
        power_by_tissue(PressureField(field.pressure, moved, 500e3, "x", DONE, 0.0), head)
    with pytest.raises(SettingsError, match="frequency above 0"):
        mechanical_index(1e5, 0.0)
    water = Grid.centred((1.0, 0.0, 0.0), 1e-3, (4, 4, 4), Frame.CT)
    silent = PressureField(np.zeros((4, 4, 4), np.complex64), water, 500e3, "x", DONE, 0.0)
    with pytest.raises(GeometryError, match="No bone"):
        skull_intensity(silent, head)


def test_the_verification_rejects_a_wrong_power():
    def all_of_it_heats(field, head):
        return {
            tissue: TissuePower(power.lost_w, power.lost_w)
            for tissue, power in power_by_tissue(field, head).items()
        }

    def peak_for_mean(field, head):
        return {
            tissue: TissuePower(2 * power.lost_w, 2 * power.absorbed_w)
            for tissue, power in power_by_tissue(field, head).items()
        }

    assert power_error() < 0.002
    assert power_error(all_of_it_heats) > 0.5
    assert power_error(peak_for_mean) > 0.5
