"""Building the thermal model: grids, coarsening, bad heads."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import GeometryError, SettingsError, Tissue
from insonate.head.model import HeadModel
from insonate.heat import ThermalModel, ThermalOptions, build_thermal_model
from insonate.heat.lattice import Material, Surroundings, build_lattice
from insonate.heat.options import require_water
from insonate.heat.voxels import block_mean, split_voxels, voxels_in
from insonate.verification.thermal_subjects import hand_made_head, tissue_medium


def test_the_fine_grid_splits_whole_coarse_cells(model: ThermalModel, focus) -> None:
    fine, coarse = model.fine_grid, model.coarse_grid
    assert np.allclose(fine.spacing_m, 0.5e-3)
    assert np.allclose(coarse.spacing_m, 2e-3)
    corner = coarse.points_of(np.array(model.corner) - 0.5)
    assert np.allclose(fine.points_of((-0.5, -0.5, -0.5)), corner)
    middle = fine.points_of((np.array(fine.shape) - 1) / 2)
    assert np.abs(middle - focus).max() <= 1e-3 + 1e-12


def test_the_fine_grid_has_the_properties_of_the_voxels(
    head: HeadModel, model: ThermalModel
) -> None:
    index = np.rint(head.grid.indices_of(model.fine_grid.points())).astype(int)
    i, j, k = np.moveaxis(index, -1, 0)
    capacity = (head.density * head.heat_capacity)[i, j, k]
    assert np.allclose(model.fine.capacity, capacity)
    skull = np.zeros(model.fine_grid.size, bool)
    skull[model.cells[Tissue.SKULL].fine] = True
    assert np.array_equal(skull.reshape(i.shape), head.labels[i, j, k] == int(Tissue.SKULL))


def test_the_coarse_grid_lies_where_the_head_is(head: HeadModel, model: ThermalModel) -> None:
    points = model.coarse_grid.points_of(
        np.stack(
            np.unravel_index(model.cells[Tissue.SKULL].coarse, model.coarse_grid.shape), -1
        )
    )
    radius = np.linalg.norm(points, axis=1)
    assert radius.min() > 12e-3
    assert radius.max() < 20e-3
    assert model.coarse.held[0, 0, 0]


def test_heat_capacity_is_conserved_by_coarsening() -> None:
    labels = np.full((24, 24, 24), int(Tissue.BRAIN), np.int8)
    labels[::3] = int(Tissue.SKULL)
    head = hand_made_head(labels)
    model = build_thermal_model(
        head, np.zeros(3), options=ThermalOptions(fine_half_width_m=3e-3)
    )
    total = (head.density * head.heat_capacity).sum(dtype=float) * head.grid.voxel_volume_m3
    coarse = model.coarse.capacity.sum(dtype=float) * model.coarse_grid.voxel_volume_m3
    assert coarse == pytest.approx(total, rel=1e-5)


def test_coarse_cells_conduct_in_series_and_in_parallel() -> None:
    labels = np.full((16, 16, 16), int(Tissue.BRAIN), np.int8)
    head = hand_made_head(labels)
    kappa = np.full(labels.shape, 0.5, np.float32)
    kappa[1::2] = 0.1
    model = build_thermal_model(
        replace(head, conductivity=kappa), np.zeros(3),
        options=ThermalOptions(fine_half_width_m=3e-3),
    )  # fmt: skip
    along = 1 / (0.5e-3 / 0.5 * 2 + 0.5e-3 / 0.1 * 2) / 2e-3
    across = 0.3 / 2e-3 / 2e-3
    x, y, _ = model.coarse.conductance
    assert np.allclose(x[1:-1], along, rtol=1e-5)
    assert np.allclose(y[:, 1:-1], across, rtol=1e-5)


def test_a_face_to_the_water_adds_the_film() -> None:
    grid = hand_made_head(np.zeros((4, 3, 3), np.int8)).grid
    water = np.zeros((4, 3, 3), bool)
    water[3] = True
    ones = np.ones((4, 3, 3), np.float32)
    material = Material(ones * 0.4, ones * 4e6, ones * 0, water)
    x, _, _ = build_lattice(grid, material, Surroundings(250.0, "insulated")).conductance
    assert x[3, 1, 1] == pytest.approx(1 / (0.5e-3 / 0.4 + 1 / 250.0) / 1e-3, rel=1e-5)
    assert x[0, 1, 1] == 0
    x, _, _ = build_lattice(grid, material, Surroundings(250.0, "body")).conductance
    assert x[0, 1, 1] == pytest.approx(0.4 / 0.5e-3 / 1e-3, rel=1e-5)


def test_air_insulates_and_does_not_slow_the_steps() -> None:
    labels = np.full((20, 20, 20), int(Tissue.BRAIN), np.int8)
    labels[:4] = int(Tissue.AIR)
    model = build_thermal_model(
        hand_made_head(labels), np.zeros(3), options=ThermalOptions(fine_half_width_m=3e-3)
    )
    brain = tissue_medium(Tissue.BRAIN)
    x, y, _ = model.coarse.conductance
    assert x[2].max() < 0.15 * brain.conductivity / 4e-6
    assert y[0, 1:-1].max() < 0.06 * brain.conductivity / 4e-6
    assert model.coarse.spectral_radius < 1.5 * 12 * brain.diffusivity / 4e-6
    assert (
        model.coarse.capacity[0].max() < 0.11 * brain.capacity
    )  # by design a tenth of a tissue's


def test_an_odd_image_is_continued_past_its_end() -> None:
    head = hand_made_head(np.full((17, 18, 19), int(Tissue.BRAIN), np.int8))
    options = ThermalOptions(fine_half_width_m=3e-3)
    model = build_thermal_model(head, np.zeros(3), options=options)
    assert model.coarse_grid.shape == (9, 9, 10)
    assert voxels_in(head.grid, head.labels, model.coarse_grid).shape == (18, 18, 20)


def test_splitting_and_averaging_undo_each_other() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    assert np.array_equal(block_mean(split_voxels(values, 3), 3), values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("density", -1.0),
        ("heat_capacity", 0.0),
        ("conductivity", np.nan),
        ("perfusion", -1e-3),
        ("attenuation", np.nan),
        ("absorbed_share", 1.5),
        ("sound_speed", np.inf),
    ],
)
def test_bad_properties_are_refused(head: HeadModel, name: str, value: float) -> None:
    values = getattr(head, name).copy()
    values[20, 20, 20] = value
    with pytest.raises(SettingsError, match=f"The map '{name}' .*\\."):
        build_thermal_model(replace(head, **{name: values}), np.zeros(3))


def test_a_focus_or_a_window_outside_the_image_is_refused(head: HeadModel) -> None:
    with pytest.raises(GeometryError, match="lies outside the grid"):
        build_thermal_model(head, (0.0, 0.0, 0.2))
    with pytest.raises(GeometryError, match="lies outside the grid"):
        build_thermal_model(head, (0.0, 0.0, np.nan))
    with pytest.raises(GeometryError, match="leaves the image"):
        build_thermal_model(head, (0.02, 0.0, 0.0))


def test_a_head_of_water_is_refused() -> None:
    water = hand_made_head(np.zeros((20, 20, 20), np.int8))
    with pytest.raises(GeometryError, match="no tissue"):
        build_thermal_model(water, np.zeros(3), options=ThermalOptions(fine_half_width_m=3e-3))


@pytest.mark.parametrize(
    "setting",
    [
        {"fine_spacing_m": 0.0},
        {"water_exchange": -1.0},
        {"power_step_s": 0.01},
        {"cooling_step_s": np.nan},
        {"step_tolerance_k": 0.0},
    ],
)
def test_bad_options_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="must lie between"):
        ThermalOptions(**setting)


@pytest.mark.parametrize("water", [37.5, -1.0, np.nan])
def test_bad_water_is_refused(water: float) -> None:
    with pytest.raises(SettingsError, match="The water is at"):
        require_water(water)


def test_a_step_beyond_what_is_stable_is_refused(head: HeadModel) -> None:
    options = ThermalOptions(
        fine_half_width_m=3e-3, fine_spacing_m=1.25e-4, cooling_step_s=600.0
    )
    with pytest.raises(SettingsError, match="A time step of 600 s is beyond what is stable"):
        build_thermal_model(head, np.zeros(3), options=options)
