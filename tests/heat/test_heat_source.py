"""From pressure to absorbed power."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insonate.core import Frame, GeometryError, Grid, SettingsError, Tissue
from insonate.core.frames import affine_from
from insonate.field.model import Convergence, PressureField
from insonate.head.model import HeadModel
from insonate.heat import HeatSource, ThermalModel, heat_source
from insonate.heat.prediction import unit_response
from insonate.heat.source import absorbed_power_density
from insonate.heat.voxels import block_mean
from insonate.verification.bioheat import GaussianSource, gaussian_rise
from insonate.verification.thermal_subjects import tissue_medium

DIRECT = Convergence(converged=True, iterations=0, residual=0.0, sentence="direct sum")


def field_on(grid: Grid, pressure: np.ndarray) -> PressureField:
    return PressureField(pressure.astype(np.complex64), grid, 650e3, "test", DIRECT, 0.0)


def spot(spacing_m: float, shape: tuple[int, int, int], centre: np.ndarray) -> PressureField:
    grid = Grid.centred(centre, spacing_m, shape, Frame.CT)
    r2 = ((grid.points() - centre) ** 2).sum(axis=-1)
    return field_on(grid, 1e5 * np.exp(-r2 / (2 * (2.5e-3) ** 2)) * np.exp(1j * 3))


def test_a_plane_wave_loses_what_is_absorbed() -> None:
    """−dI/dz of I = |p|²/(2ρc) e^{−2αz} at z = 0 is the absorbed power."""
    pressure, alpha, z = 2e5, 5.0, 1.6e6
    step = 1e-7
    lost = pressure**2 / (2 * z) * (1 - np.exp(-2 * alpha * step)) / step
    assert absorbed_power_density(pressure**2, alpha, 1.0, 1000.0, z / 1000.0) == pytest.approx(
        lost, rel=1e-5
    )
    assert absorbed_power_density(pressure**2, alpha, 0.3, 800.0, z / 800.0) == pytest.approx(
        0.3 * lost, rel=1e-5
    )


@pytest.mark.parametrize(
    "bad",
    [
        (-1, 1, 1, 1, 1),
        (1, -1, 1, 1, 1),
        (1, 1, 1.1, 1, 1),
        (1, 1, 1, 0, 1),
        (1, 1, 1, 1, -1),
        (np.nan, 1, 1, 1, 1),
    ],
)
def test_bad_absorption_is_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="Absorbed power needs"):
        absorbed_power_density(*bad)


@given(spacing=st.floats(0.3e-3, 0.9e-3), shift=st.floats(-1.0, 1.0))
@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_the_heat_of_the_field_is_kept(
    model, head, focus, spacing: float, shift: float
) -> None:
    """Σ q V over thermal cells is the integral over the field's voxels, whatever their size."""
    n = int(9e-3 / spacing) // 2 * 2 + 1
    field = spot(spacing, (n, n - 2, n), focus + shift * 1e-3 * np.array([1.0, -0.5, 0.25]))
    source = heat_source(model, head, field, np.zeros(model.coarse_grid.shape))
    brain = head.labels == int(Tissue.BRAIN)
    absorption = (head.attenuation / (head.density * head.sound_speed))[brain][0]
    wanted = absorption * (np.abs(field.pressure.astype(complex)) ** 2).sum()
    wanted *= field.grid.voxel_volume_m3
    fine = source.fine.sum(dtype=float) * model.fine_grid.voxel_volume_m3
    coarse = source.coarse.sum(dtype=float) * model.coarse_grid.voxel_volume_m3
    assert fine == pytest.approx(wanted, rel=1e-4)
    assert coarse == pytest.approx(wanted, rel=1e-4)


def test_the_hot_spot_stays_where_it_was(model: ThermalModel, head: HeadModel, focus) -> None:
    place = focus + np.array([2e-3, -1e-3, 0.5e-3])
    source = heat_source(
        model, head, spot(0.4e-3, (21, 21, 21), place), np.zeros(model.coarse_grid.shape)
    )
    points = model.fine_grid.points().reshape(-1, 3)
    centroid = (points * source.fine.reshape(-1, 1)).sum(axis=0) / source.fine.sum()
    assert np.allclose(centroid, place, atol=5e-5)


def test_outside_the_field_the_mean_square_is_used(
    model: ThermalModel, head: HeadModel, focus
) -> None:
    square = np.full(model.coarse_grid.shape, 4e8)
    quiet = field_on(Grid.centred(focus, 0.5e-3, (9, 9, 9), Frame.CT), np.zeros((9, 9, 9)))
    source = heat_source(model, head, quiet, square, field_power_w=2.0)
    brain = head.labels == int(Tissue.BRAIN)
    q = (head.attenuation / (head.density * head.sound_speed))[brain][0] * 4e8 / 2.0
    assert source.fine[0, 0, 0] == pytest.approx(q, rel=1e-5)
    middle = tuple(n // 2 for n in source.fine.shape)
    assert source.fine[middle] == 0
    skull = source.coarse.ravel()[model.cells[Tissue.SKULL].coarse]
    bone = head.labels == int(Tissue.SKULL)
    alpha = head.attenuation * head.absorbed_share / (head.density * head.sound_speed)
    assert skull.max() == pytest.approx(alpha[bone][0] * 4e8 / 2.0, rel=1e-5)


def test_water_is_not_heated(model: ThermalModel, head: HeadModel, focus) -> None:
    square = np.ones(model.coarse_grid.shape)
    source = heat_source(model, head, spot(0.5e-3, (9, 9, 9), focus), square)
    assert source.coarse[0, 0, 0] == 0


def test_both_grids_get_the_same_heat(model: ThermalModel, head: HeadModel, focus) -> None:
    rng = np.random.default_rng(3)
    square = rng.random(model.coarse_grid.shape) * 1e9
    source = heat_source(model, head, spot(0.7e-3, (11, 11, 11), focus), square)
    assert np.allclose(
        source.coarse[model.region], block_mean(source.fine, model.ratio), rtol=1e-4
    )


def test_bad_fields_are_refused(model: ThermalModel, head: HeadModel, focus) -> None:
    good = spot(0.5e-3, (9, 9, 9), focus)
    square = np.zeros(model.coarse_grid.shape)
    broken = good.pressure.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(SettingsError, match="NaN or infinite"):
        heat_source(model, head, replace(good, pressure=broken), square)
    with pytest.raises(GeometryError, match="mean square pressure"):
        heat_source(model, head, good, square[1:])
    with pytest.raises(SettingsError, match="Absorbed power needs"):
        heat_source(model, head, good, square - 1.0)
    with pytest.raises(SettingsError, match="positive power"):
        heat_source(model, head, good, square, field_power_w=0.0)
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) * 0.5e-3
    oblique = Grid((9, 9, 9), affine_from(turn, focus), Frame.CT)
    with pytest.raises(GeometryError, match="oblique"):
        heat_source(model, head, field_on(oblique, np.ones((9, 9, 9))), square)
    elsewhere = Grid.centred(focus, 0.5e-3, (9, 9, 9), Frame.TRANSDUCER)
    with pytest.raises(GeometryError, match="in the frame 'transducer'"):
        heat_source(model, head, field_on(elsewhere, np.ones((9, 9, 9))), square)


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_bad_sources_are_refused(model: ThermalModel, value: float) -> None:
    fine = np.zeros(model.fine_grid.shape, np.float32)
    fine[1, 2, 3] = value
    with pytest.raises(SettingsError, match="The fine heat source"):
        HeatSource(fine, np.zeros(model.coarse_grid.shape, np.float32))


@pytest.mark.parametrize("part", [(0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.0, 0.2)])
def test_a_narrow_spot_heats_the_same_wherever_it_falls(
    model: ThermalModel, head: HeadModel, part: tuple[float, float, float]
) -> None:
    """|p|² of 1.2 mm at half maximum, taken at the cells' centres, against Duhamel's integral."""
    middle = model.fine_grid.points_of((14, 14, 14))
    place = middle + 0.5e-3 * np.array(part)
    grid = Grid.centred(middle, 0.5e-3, (17, 17, 17), Frame.CT)
    r2 = ((grid.points() - place) ** 2).sum(axis=-1)
    field = field_on(grid, 2e6 * np.exp(-r2 / (4 * (0.5e-3) ** 2)))
    source = heat_source(model, head, field, np.zeros(model.coarse_grid.shape))
    found = unit_response(model, source, 10.0).focus_k_per_kj
    brain = head.labels == int(Tissue.BRAIN)
    absorption = (head.attenuation / (head.density * head.sound_speed))[brain][0]
    spot = GaussianSource(float(absorption) * 4e12, 0.5e-3)
    exact = float(gaussian_rise(tissue_medium(Tissue.BRAIN), spot, 0.0, 10.0)) / 10e-3
    assert found == pytest.approx(exact, rel=0.02)
