from dataclasses import replace
from math import degrees, radians

import numpy as np
import pytest

from insonate.array import ElementState, hemisphere
from insonate.core import Frame, GeometryError, PlanError, SettingsError
from insonate.plan import Limits, Stage, Target
from insonate.planner import PlanOptions, place, plan_treatment, prescribe
from insonate.planner.prescription import PrescriptionOptions, shortfalls
from insonate.verification.field import SHELL_CENTRE, shell_head

ARRAY = hemisphere(count=200)
HEAD = shell_head(spacing_m=1.5e-3)


def target(point=SHELL_CENTRE, frame=Frame.CT):
    return Target("here", np.asarray(point), frame, 0.0, "test")


@pytest.fixture(scope="module")
def plan():
    options = PlanOptions(field_half_width_m=5e-3)
    return plan_treatment(
        HEAD, target(SHELL_CENTRE + np.array([6e-3, 4e-3, 2e-3])), ARRAY, options=options
    )


def test_a_plan_holds_together(plan):
    assert plan.drive.acoustic_power_w(ARRAY) == pytest.approx(1.0)
    assert sum(plan.state_counts.values()) == ARRAY.count
    assert plan.state_counts[ElementState.ON] == plan.active_count
    assert np.linalg.norm(plan.focus_offset_m) < 0.3e-3
    assert plan.mean_thickness_m == pytest.approx(6.5e-3, rel=0.03)
    assert 0.1 < plan.transmission < 0.9
    assert 0 < degrees(plan.mean_angle_rad) < 10
    assert plan.skull_metrics["workstation"] == pytest.approx(1.0, abs=0.03)
    assert plan.uncorrected_field is not None
    assert np.abs(plan.uncorrected_field.pressure).max() < plan.focal_pressure_pa_per_sqrt_w
    assert any(note.startswith("Red: only") for note in plan.notes)


def test_the_focus_is_where_the_target_is_in_the_ct_frame(plan):
    assert np.allclose(plan.rays.focus, plan.target.point)
    assert plan.placement.vertex_direction @ [0, 0, 1] == pytest.approx(1.0)
    right = plan.elements.centres[:, 0] > plan.target.point[0]
    assert np.array_equal(right, ARRAY.centres[:, 0] > 0)


def test_targets_outside_the_brain_are_refused():
    with pytest.raises(PlanError, match="in skull, not in the brain"):
        plan_treatment(HEAD, target(SHELL_CENTRE + np.array([57e-3, 0, 0])), ARRAY)
    with pytest.raises(PlanError, match="outside the CT"):
        plan_treatment(HEAD, target([1.0, 0, 0]), ARRAY)
    with pytest.raises(GeometryError, match="'acpc'"):
        plan_treatment(HEAD, target(frame=Frame.ACPC), ARRAY)


def test_clearance_of_a_spherical_head():
    placement = place(ARRAY, HEAD, SHELL_CENTRE + np.array([0, 0, -0.01]))
    assert placement.clearance_m == pytest.approx(0.150 - 0.070, abs=1.5e-3)
    assert placement.tilt_rad == 0
    assert placement.notes == ()


def test_positive_tilt_leans_the_vertex_to_anterior():
    placement = place(ARRAY, HEAD, SHELL_CENTRE, tilt_rad=radians(10))
    assert placement.vertex_direction == pytest.approx(
        [0, np.sin(radians(10)), np.cos(radians(10))]
    )
    with pytest.raises(SettingsError, match="45"):
        place(ARRAY, HEAD, SHELL_CENTRE, tilt_rad=1.0)


def test_a_head_that_does_not_fit_is_refused():
    with pytest.raises(PlanError, match=r"best clearance is"):
        place(hemisphere(count=50, radius_m=0.062), HEAD, SHELL_CENTRE)


def test_a_tilt_is_found_when_the_head_does_not_fit_upright():
    tight = hemisphere(count=50, radius_m=0.0775)
    low = SHELL_CENTRE + np.array([0, 12e-3, -7e-3])
    upright, tilted = (
        place(tight, HEAD, low, tilt_rad=radians(t), least_clearance_m=-1.0).clearance_m
        for t in (0, -5)
    )
    assert tilted > upright
    found = place(tight, HEAD, low, least_clearance_m=0.5 * (upright + tilted))
    assert degrees(found.tilt_rad) == pytest.approx(-5)
    assert found.clearance_m == tilted
    assert "tilted by 5° to posterior" in found.notes[0]


def test_up_is_the_superior_of_the_head():
    up = np.array([0.0, np.sin(0.2), np.cos(0.2)])
    head = replace(HEAD, landmarks=replace(HEAD.landmarks, superior=up))
    assert place(ARRAY, head, SHELL_CENTRE).vertex_direction == pytest.approx(up)


@pytest.mark.parametrize("bad", [{"field_spacing_m": 0.0}, {"field_half_width_m": 1.0}])
def test_bad_plan_options_are_refused(bad):
    with pytest.raises(SettingsError, match="mm"):
        PlanOptions(**bad)


def test_prescription_reaches_the_goals_with_the_prediction_it_was_given():
    def efficiency(seconds):
        return 12.0 / (1 + seconds / 20)

    prescription = prescribe(target(), efficiency)
    peaks = [37 + efficiency(s.duration_s) * s.energy_j / 1e3 for s in prescription.sonications]
    assert [s.stage for s in prescription.sonications] == list(Stage)
    assert peaks == pytest.approx([43, 48, 57])
    assert shortfalls(prescription, efficiency) == ()


def test_caps_are_never_crossed_and_missing_the_goal_is_said():
    limits = Limits()
    for k_per_kj in (0.01, 0.5, 3.0, 100.0):
        prescription = prescribe(target(), lambda _, k=k_per_kj: k, limits)
        for s in prescription.sonications:
            assert s.power_w <= limits.power.value
            assert s.energy_j <= limits.energy.value * (1 + 1e-12)
    said = shortfalls(prescribe(target(), lambda _: 0.5), lambda _: 0.5)
    assert said[-1].startswith("The treat sonication is predicted to reach")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_no_heating_no_prescription(value):
    with pytest.raises(PlanError, match="positive"):
        prescribe(target(), lambda _: value)


def test_bad_prescription_options_are_refused():
    with pytest.raises(SettingsError, match="1-60 s"):
        PrescriptionOptions(duration_s={Stage.ALIGN: 10.0})
    goals = {Stage.ALIGN: (30, 40), Stage.VERIFY: (46, 50), Stage.TREAT: (54, 60)}
    with pytest.raises(SettingsError, match="above"):
        PrescriptionOptions(peak_goal_degc=goals)
