"""From a drive to where heat arises: total absorbed power, transmission, steering."""

import numpy as np
import pytest

from insonate.core import TISSUES, Frame, Grid, Tissue
from insonate.field import pressure_at
from insonate.field.head_field import mean_square_in_head
from insonate.planner import steer
from insonate.planner.heating import Beam, focal_grid, heating

pytestmark = pytest.mark.usefixtures("one_thread")


def beam_of(case, **options) -> Beam:
    plan = case.treatment
    return Beam(plan.elements, plan.drive, plan.rays, **options)


@pytest.fixture(scope="module")
def dimmed(coarse):
    return heating(
        coarse.case.head, coarse.case.thermal, beam_of(coarse.case, transmission=0.7)
    )


def absorbed_in_brain_w(case, attenuation_factor: float = 1.0) -> float:
    """Return share · α/(ρc) ∫|p|² dV over the fine grid, by the midpoint rule on other points."""
    plan, fine = case.treatment, case.thermal.fine_grid
    width = np.array(fine.shape) * fine.spacing_m
    count = np.rint(width / 0.45e-3).astype(int)
    middle = fine.points_of((np.array(fine.shape) - 1) / 2)
    affine = np.diag([*(width / count), 1.0])
    affine[:3, 3] = middle - width / 2 + width / count / 2
    grid = Grid(tuple(int(n) for n in count), affine, Frame.CT)
    square = np.abs(pressure_at(grid.points(), plan.elements, plan.drive, plan.rays)) ** 2
    index = tuple(np.rint(case.head.grid.indices_of(case.target.point)).astype(int))
    alpha = attenuation_factor * float(case.head.attenuation[index])
    brain = TISSUES[Tissue.BRAIN]
    share = float(case.head.absorbed_share[index])
    impedance = brain.density.value * brain.sound_speed.value
    return share * alpha / impedance * float(square.sum()) * grid.voxel_volume_m3


def total_w(found, thermal) -> float:
    return float(found.source.fine.sum(dtype=float)) * thermal.fine_grid.voxel_volume_m3


def test_all_that_is_absorbed_round_the_focus_is_the_integral_of_the_field(coarse):
    case = coarse.case
    assert total_w(case.heating, case.thermal) == pytest.approx(
        absorbed_in_brain_w(case), rel=0.02
    )


def test_the_check_rejects_a_brain_that_absorbs_a_tenth_more(coarse):
    case = coarse.case
    wrong = absorbed_in_brain_w(case, 1.1)
    assert abs(total_w(case.heating, case.thermal) / wrong - 1) > 0.05


def test_both_grids_hold_the_same_heat(coarse):
    case = coarse.case
    region = case.heating.source.coarse[case.thermal.region]
    volume = case.thermal.coarse_grid.voxel_volume_m3
    total = float(region.sum(dtype=float)) * volume
    assert total == pytest.approx(total_w(case.heating, case.thermal), rel=1e-4)


def test_heat_in_the_brain_goes_with_the_square_of_the_transmission(coarse, dimmed):
    full = coarse.case.heating
    assert np.allclose(dimmed.source.fine, 0.49 * full.source.fine, rtol=1e-4)
    assert not np.allclose(dimmed.source.fine, 0.7 * full.source.fine, rtol=1e-2)
    assert dimmed.peak_pressure_pa == pytest.approx(0.7 * full.peak_pressure_pa, rel=1e-6)
    assert np.array_equal(dimmed.peak_m, full.peak_m)


def test_what_the_skull_lets_through_does_not_change_what_reaches_it(coarse, dimmed):
    head, grid = coarse.case.head, coarse.case.thermal.coarse_grid
    points = grid.points()
    points = points[head.grid.contains(points).nonzero()]
    index = head.grid.indices_of(points)
    low, high = (head.labels[tuple(f(index).astype(int).T)] for f in (np.floor, np.ceil))
    inside = head.grid.contains(grid.points())
    before, after = coarse.case.heating.coarse_square, dimmed.coarse_square
    for tissue, factor in ((Tissue.BRAIN, 0.49), (Tissue.SKULL, 1.0), (Tissue.SCALP, 1.0)):
        # a cell between two tissues belongs to either
        cells = (low == int(tissue)) & (high == int(tissue)) & (before[inside] > 0)
        assert cells.sum() > 20
        assert np.allclose(after[inside][cells] / before[inside][cells], factor, rtol=1e-6)


def test_tissue_gets_its_mean_square_and_water_none(coarse):
    case, plan = coarse.case, coarse.case.treatment
    held, square = case.thermal.coarse.held, case.heating.coarse_square
    whole = mean_square_in_head(
        case.thermal.coarse_grid.points(), case.head, plan.elements, plan.drive
    )
    assert held.any()
    assert (whole[held] > 0).any()
    assert np.array_equal(square[~held], whole[~held])
    assert not square[held].any()


def test_the_peak_is_near_the_target_and_moves_to_the_right_when_steered_right(coarse):
    case, plan = coarse.case, coarse.case.treatment
    still = case.heating
    assert np.linalg.norm(still.peak_m - case.target.point) < 1e-3
    shift = np.array([3e-3, -2e-3, 0.0])
    moved = heating(
        case.head,
        case.thermal,
        Beam(plan.elements, steer(plan.drive, plan.rays, shift), plan.rays),
        centre_m=plan.rays.focus + shift,
        coarse_square=still.coarse_square,
    )
    assert np.allclose(moved.peak_m - still.peak_m, shift, atol=0.8e-3)
    assert moved.coarse_square is not None
    assert np.array_equal(moved.coarse_square, still.coarse_square)
    hottest = np.unravel_index(moved.source.fine.argmax(), moved.source.fine.shape)
    assert np.allclose(case.thermal.fine_grid.points_of(hottest), moved.peak_m, atol=1.2e-3)


def test_the_grid_of_the_focus_samples_the_cells_of_the_thermal_model(coarse):
    model = coarse.case.thermal
    centre = model.focus_m + np.array([0.13e-3, -0.21e-3, 0.4e-3])
    grid, cell = focal_grid(model, centre), model.fine_grid.spacing_m
    assert np.abs(grid.points().mean(axis=(0, 1, 2)) - centre).max() <= cell.max() / 2 + 1e-9
    assert grid.spacing_m.max() <= 0.5e-3 + 1e-9
    index = model.fine_grid.indices_of(grid.points()).reshape(-1, 3)
    parts = round(float(cell[0] / grid.spacing_m[0]))
    within = (index - np.rint(index)) * parts
    assert np.allclose(np.abs(within), 0.0 if parts == 1 else np.abs(within[0]), atol=1e-6)
    assert grid.frame is Frame.CT
