"""Phases by waves: reciprocity end to end, water as the closed form, honest refusals."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.array import Drive, ElementState, hemisphere, placed
from insonate.array.model import WATER_SOUND_SPEED
from insonate.core import Frame, Grid, PlanError, SettingsError
from insonate.field import pressure_at, trace_rays
from insonate.field.born import WATER, ArraySource, BornOptions, solve_born
from insonate.field.born.options import Absorber
from insonate.field.born.profiles import uniform_medium
from insonate.plan import Target
from insonate.planner import PlanOptions, place, plan_treatment
from insonate.planner.corrections import BY_FIELD, BY_SAME_ARRIVALS, focus_of
from insonate.planner.wave import (
    WaveOptions,
    beside,
    require_engine,
    solve_treatment,
    wave_arrival,
    wave_medium,
)
from insonate.verification.field import SHELL_CENTRE, shell_head

F = 150e3
HEAD = replace(shell_head(spacing_m=2e-3), frequency_hz=F)
ARRAY = hemisphere(count=200)
POINT = SHELL_CENTRE + np.array([6e-3, 4e-3, 0.0])
OPTIONS = WaveOptions(
    points_per_wavelength=6.0,
    tolerance=1e-2,
    solver=BornOptions(absorber=Absorber(cells=14), max_iterations=600),
)


@pytest.fixture(scope="module")
def setting():
    elements = placed(ARRAY, place(ARRAY, HEAD, POINT, tilt_rad=0.0))
    return elements, trace_rays(HEAD, elements.centres, elements.focus)


@pytest.fixture(scope="module")
def found(setting):
    elements, rays = setting
    medium = wave_medium(HEAD, elements, rays.focus, OPTIONS)
    return medium, wave_arrival(medium, elements, rays, options=OPTIONS)


def driven(phase):
    return Drive(F, np.exp(-1j * phase), (ElementState.ON,) * ARRAY.count)


def test_elements_make_at_the_target_what_their_transfer_says(setting, found):
    (elements, rays), (medium, wave) = setting, found
    assert not beside(medium.grid, elements).any()
    drive = driven(np.angle(wave.transfer))
    field = solve_treatment(medium, elements, drive, rays.focus, options=OPTIONS)
    focus = focus_of(field, rays.focus)
    expected = np.abs(wave.transfer).sum()
    assert focus.target_pa == pytest.approx(expected, rel=0.03)
    # phases as in water reach less, and the transfer knows how much
    water = driven(2 * np.pi * F / WATER_SOUND_SPEED * rays.distances_m)
    assert abs((water.pressure * wave.transfer).sum()) < 0.98 * expected


def test_waves_and_rays_agree_in_a_shell_and_the_waves_are_kept(setting, found):
    (_, rays), (_, wave) = setting, found
    # one plate, nearly normal incidence: a ray is a good model but for a common phase
    steady = wave.factor / np.exp(1j * np.angle(wave.factor.sum()))
    assert np.abs(np.angle(steady)).mean() < 0.35
    assert 0.6 < np.abs(wave.factor).mean() < 1.4
    arriving = wave.arriving(rays)
    assert np.allclose(arriving.transmission, rays.transmission * wave.factor)


def test_the_array_as_a_source_is_its_rayleigh_sum_in_water(setting):
    whole, _ = setting
    # discs of 5 mm: a far field times a spherical wave is no exact wave for larger ones
    elements = replace(whole, areas=whole.areas * 0.1)
    grid = Grid.centred(POINT, 1500.0 / F / 6, (48, 46, 50), Frame.CT)
    water = uniform_medium(WATER, grid, F)
    drive = driven(np.linspace(0, 9, ARRAY.count))
    field = solve_born(water, ArraySource(elements, drive), options=BornOptions(tolerance=1e-3))
    inside = tuple(slice(13, n - 13) for n in grid.shape)
    exact = pressure_at(grid.points()[inside], elements, drive)
    error = np.linalg.norm(field.pressure[inside] - exact) / np.linalg.norm(exact)
    assert error < 0.01
    other = replace(drive, pressure=np.conj(drive.pressure))
    wrong = pressure_at(grid.points()[inside], elements, other)
    assert np.linalg.norm(field.pressure[inside] - wrong) > 0.1 * np.linalg.norm(exact)


def test_a_plan_by_waves_compares_the_corrections():
    target = Target("here", POINT, Frame.CT, 0.0, "test")
    told = []
    options = PlanOptions(tilt_rad=0.0, field_half_width_m=5e-3, engine="born", wave=OPTIONS)
    plan = plan_treatment(
        HEAD, target, ARRAY, options=options, progress=lambda *a, **k: told.append(a)
    )
    assert [c.correction for c in plan.corrections] == ["none", "ray", "born", "born", "born"]
    none, ray, born, same, solved = plan.corrections
    assert same.judged_by == BY_SAME_ARRIVALS
    assert same.focus.target_pa <= born.focus.target_pa
    assert abs(solved.focus.target_pa / same.focus.target_pa - 1) < 0.1
    assert none.focus.target_pa <= ray.focus.target_pa <= born.focus.target_pa * 1.0001
    assert solved.judged_by == BY_FIELD
    assert 0 < solved.skull_share < 1
    assert np.linalg.norm(solved.focus.offset_m) < 2e-3
    assert plan.engine == "born"
    assert plan.wave.convergence.converged
    assert {a[0] for a in told} >= {"From the target to the elements"}


def test_the_one_way_engine_sets_phases_too():
    target = Target("here", POINT, Frame.CT, 0.0, "test")
    options = PlanOptions(tilt_rad=0.0, field_half_width_m=5e-3, engine="has")
    plan = plan_treatment(HEAD, target, ARRAY, options=options)
    assert [c.correction for c in plan.corrections] == ["none", "ray", "has"]
    assert plan.corrections[0].focus.target_pa <= plan.corrections[2].focus.target_pa
    assert np.linalg.norm(plan.focus_offset_m) < 0.5e-3


def test_what_does_not_converge_is_no_plan(setting, found):
    (elements, rays), (medium, _) = setting, found
    hasty = replace(OPTIONS, solver=replace(OPTIONS.solver, max_iterations=8))
    with pytest.raises(PlanError, match="Not converged"):
        wave_arrival(medium, elements, rays, options=hasty)


def test_unknown_engines_and_grids_are_refused():
    with pytest.raises(SettingsError, match="no acoustic engine 'kwave'"):
        require_engine("kwave")
    with pytest.raises(SettingsError, match="points per wavelength"):
        WaveOptions(points_per_wavelength=2.0)
