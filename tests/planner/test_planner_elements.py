from dataclasses import replace
from math import radians

import numpy as np
import pytest

from insonate.array import ElementState, hemisphere
from insonate.core import Frame, Grid, PlanError, SettingsError, Tissue
from insonate.field import pressure_at, trace_rays
from insonate.planner import corrected_drive, no_pass_regions, select_elements, steer
from insonate.planner.elements import ElementOptions
from insonate.planner.regions import RegionOptions, crosses
from insonate.planner.sdr import skull_density_ratios
from insonate.verification.field import SHELL_CENTRE, driven
from insonate.verification.field import shell_head as make_shell

ARRAY = hemisphere(count=120)


@pytest.fixture(scope="module")
def shell():
    head = make_shell(spacing_m=1.5e-3)
    return head, trace_rays(head, ARRAY.centres + SHELL_CENTRE, SHELL_CENTRE)


def with_label(head, tissue, where):
    labels, hounsfield = head.labels.copy(), head.hounsfield.copy()
    inside = np.linalg.norm(head.grid.points() - where, axis=-1) < 8e-3
    labels[inside] = int(tissue)
    hounsfield[inside] = -1000.0 if tissue is Tissue.AIR else 40.0
    return replace(head, labels=labels, hounsfield=hounsfield)


def test_concentric_rays_are_all_on(shell):
    _, rays = shell
    states = select_elements(rays)
    assert set(states) == {ElementState.ON}


def test_every_reason_is_given(shell):
    _, rays = shell
    n = rays.count
    angle = rays.incidence_angle_rad.copy()
    angle[0] = radians(26)
    hits, air, leaves = rays.hits_skull.copy(), np.zeros(n, bool), np.zeros(n, bool)
    hits[1], air[2], leaves[3] = False, True, True
    thin = rays.thickness_m.copy()
    thin[4] = 0.5e-3
    changed = replace(
        rays, incidence_angle_rad=angle, hits_skull=hits, crosses_air=air, leaves_grid=leaves,
        thickness_m=thin,
    )  # fmt: skip
    options = ElementOptions(faulty=frozenset({3, 5}), off_by_hand=frozenset({6}))
    states = select_elements(changed, options=options)
    e = ElementState
    assert states[:8] == (
        e.ANGLE, e.NO_SKULL, e.AIR, e.FAULT, e.NO_SKULL, e.FAULT, e.BY_HAND, e.ON,
    )  # fmt: skip
    assert select_elements(changed)[3] is e.GEOMETRY


def test_angle_limit_is_kept_exactly(shell):
    _, rays = shell
    angle = np.linspace(0, radians(30), rays.count)
    states = select_elements(replace(rays, incidence_angle_rad=angle))
    assert all(
        (s is ElementState.ON) == (a <= radians(25)) for s, a in zip(states, angle, strict=True)
    )


@pytest.mark.parametrize(
    "bad", [{"angle_limit_rad": 0.0}, {"angle_limit_rad": 2.0}, {"least_thickness_m": -1.0}]
)
def test_bad_limits_are_refused(bad):
    with pytest.raises(SettingsError, match="cannot be used"):
        ElementOptions(**bad)


def test_elements_that_do_not_exist_are_refused(shell):
    with pytest.raises(SettingsError, match="0 to 119"):
        select_elements(shell[1], options=ElementOptions(faulty=frozenset({120})))


def test_an_air_cell_on_the_right_switches_off_elements_on_the_right(shell):
    head, rays = shell
    where = SHELL_CENTRE + 57e-3 * np.array([0.8, 0.0, 0.6])
    aired = with_label(head, Tissue.AIR, where)
    regions = no_pass_regions(aired)
    assert "air cells" in " ".join(regions.reasons)
    off = crosses(regions, rays)
    assert 0 < off.sum() < 15
    assert (ARRAY.centres[off, 0] > 0.05).all()
    traced = trace_rays(aired, rays.centres, rays.focus)
    states = select_elements(traced, regions)
    off = crosses(regions, traced)
    assert {s for s, o in zip(states, off, strict=True) if o} <= {
        ElementState.AIR,
        ElementState.NO_PASS,
    }
    assert ElementState.AIR in states


def test_air_at_the_forehead_is_frontal_sinus(shell):
    head, _ = shell
    aired = with_label(head, Tissue.AIR, SHELL_CENTRE + 55e-3 * np.array([0.0, 0.97, 0.24]))
    assert "frontal sinus" in " ".join(no_pass_regions(aired).reasons)


def test_a_gap_in_the_bone_is_found_with_its_margin(shell):
    head, rays = shell
    where = SHELL_CENTRE + 57e-3 * np.array([-0.6, 0.0, 0.8])
    labels = head.labels.copy()
    near = np.linalg.norm(head.grid.points() - where, axis=-1) < 10e-3
    labels[near & (labels == Tissue.SKULL)] = int(Tissue.SCALP)
    gapped = replace(head, labels=labels)
    regions = no_pass_regions(gapped)
    assert regions.reasons[0].startswith("No beam passes")
    assert "gap in the bone" in regions.reasons[0]
    assert (ARRAY.centres[crosses(regions, rays), 0] < 0).all()
    wide = no_pass_regions(gapped, options=RegionOptions(gap_margin_m=6e-3))
    assert wide.mask.sum() > regions.mask.sum()


def test_a_closed_skull_has_no_regions(shell):
    regions = no_pass_regions(shell[0])
    assert regions.reasons == ()
    assert not regions.mask.any()
    with pytest.raises(SettingsError, match="air_margin_m"):
        RegionOptions(air_margin_m=1.0)


def test_power_is_what_was_asked_for_whatever_is_off(shell):
    _, rays = shell
    states = [ElementState.ON] * rays.count
    states[3] = states[9] = ElementState.FAULT
    for power in (0.0, 1.0, 750.0):
        drive = corrected_drive(ARRAY, rays, tuple(states), power_w=power)
        assert drive.acoustic_power_w(ARRAY) == pytest.approx(power)


def test_correction_helps_and_none_is_equal_phases(shell):
    head, _ = shell
    focus = SHELL_CENTRE + np.array([20e-3, 0, 10e-3])
    centres = ARRAY.centres + focus
    rays = trace_rays(head, centres, focus)
    on = (ElementState.ON,) * rays.count
    elements = replace(driven(ARRAY)[0], centres=centres, focus=focus)
    plain = corrected_drive(ARRAY, rays, on, correction="none")
    assert np.allclose(plain.pressure, plain.pressure[0])
    better = corrected_drive(ARRAY, rays, on)
    amplitude = [abs(pressure_at(focus, elements, d, rays)) for d in (plain, better)]
    assert amplitude[1] > 1.05 * amplitude[0]


def test_steering_moves_the_peak_by_what_was_asked(shell):
    _, rays = shell
    elements = replace(driven(ARRAY)[0], centres=rays.centres, focus=rays.focus)
    drive = corrected_drive(ARRAY, rays, (ElementState.ON,) * rays.count)
    shift = np.array([2e-3, -1e-3, 1.5e-3])
    grid = Grid.centred(rays.focus, 0.5e-3, (17, 17, 17), Frame.CT)
    amplitude = np.abs(pressure_at(grid.points(), elements, steer(drive, rays, shift), rays))
    peak = np.array(np.unravel_index(amplitude.argmax(), amplitude.shape)) - 8
    assert np.abs(peak * 0.5e-3 - shift).max() <= 0.5e-3
    with pytest.raises(PlanError, match="10 mm"):
        steer(drive, rays, [0.02, 0, 0])


def test_no_elements_no_drive(shell):
    _, rays = shell
    off = (ElementState.ANGLE,) * rays.count
    with pytest.raises(PlanError, match="None of the 120"):
        corrected_drive(ARRAY, rays, off)
    with pytest.raises(SettingsError, match="-1"):
        corrected_drive(ARRAY, rays, off, power_w=-1)


def test_sdr_of_uniform_bone_is_one_and_without_skull_there_is_none(shell):
    head, rays = shell
    ratios = skull_density_ratios(head, rays)
    on = np.ones(rays.count, bool)
    for name in ("workstation", "older", "skullgan"):
        assert ratios.mean(name, on) == pytest.approx(1.0, abs=0.03)
    nothing = replace(rays, hits_skull=~on)
    assert np.isnan(skull_density_ratios(head, nothing).mean("older", on))
    with pytest.raises(SettingsError, match="workstation, older, skullgan"):
        ratios.mean("best", on)
