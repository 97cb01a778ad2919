"""Targets: published offsets, errors, what cannot be treated; limits that cannot work."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import Frame, PlanError, Quantity, SettingsError, Transform
from insonate.head import PhantomOptions, acpc_to_ct, phantom_head
from insonate.plan import (
    TARGET_NAMES,
    Limits,
    Target,
    named_target,
    require_target_inside,
    target_at,
)
from insonate.plan.limits import check_limits
from insonate.plan.targets import target_offsets


@pytest.fixture(scope="module")
def head():
    return phantom_head(PhantomOptions(spacing_m=2.5e-3))


def in_acpc(target, head):
    return acpc_to_ct(head.landmarks).inverse().apply(target.point) * 1e3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cl-left", (-9, -2, 0)),
        ("cl-right", (9, -2, 0)),
        ("vim-left", (-14.9, 6.4, 0.6)),
        ("vim-right", (14.9, 6.4, 0.6)),
    ],
)
def test_named_targets_have_their_offsets(head, name, expected):
    target = named_target(name, head.landmarks)
    np.testing.assert_allclose(in_acpc(target, head), expected, atol=1e-9)
    assert target.frame == Frame.CT


def test_left_is_left(head):
    points = {name: named_target(name, head.landmarks).point[0] for name in TARGET_NAMES}
    midline = head.landmarks.posterior_commissure[0]
    assert all((x < midline) == name.endswith("left") for name, x in points.items())


def test_a_measured_border_moves_cl_and_takes_its_spread_away(head):
    assumed = named_target("cl-right", head.landmarks)
    measured = named_target("cl-right", head.landmarks, border_m=4.5e-3)
    assert in_acpc(measured, head)[0] == pytest.approx(10.5)
    assert assumed.error_m == pytest.approx(1.5e-3)
    assert measured.error_m == 0
    assert "Measured" in measured.source


def test_errors_of_landmarks_and_numbers_combine(head):
    uncertain = replace(head.landmarks, error_m=2e-3)
    assert named_target("cl-left", uncertain).error_m == pytest.approx(2.5e-3)
    assert named_target("vim-left", uncertain).error_m == pytest.approx(2e-3)


@pytest.mark.parametrize("nucleus", ["cl", "vim"])
def test_every_number_has_a_source(nucleus):
    offsets = target_offsets(nucleus)
    assert set(offsets) == {"border", "lateral", "anterior", "superior"}
    assert all(len(q.source) > 10 and q.unit == "m" for q in offsets.values())


def test_an_unknown_target_lists_the_names(head):
    with pytest.raises(SettingsError, match="cl-left, cl-right, vim-left, vim-right"):
        named_target("stn-left", head.landmarks)


@pytest.mark.parametrize("border_m", [-1e-3, 0.02, float("nan")])
def test_a_border_out_of_range_is_refused(head, border_m):
    with pytest.raises(SettingsError, match="between 0 and 12 mm"):
        named_target("cl-left", head.landmarks, border_m=border_m)


def test_a_border_is_of_no_use_to_vim(head):
    with pytest.raises(SettingsError, match="counted from the midline"):
        named_target("vim-left", head.landmarks, border_m=3e-3)


@pytest.mark.parametrize("name", TARGET_NAMES)
def test_every_named_target_lies_inside(head, name):
    require_target_inside(head, named_target(name, head.landmarks))


def centre_and(*offset_m):
    return np.array(PhantomOptions().centre_m) + offset_m


@pytest.mark.parametrize(
    ("point", "sentences"),
    [
        (centre_and(0, 0, 0.3), ["outside the CT"]),
        (centre_and(0.0695, 0, 0), ["in skull, not in the brain", "mm from skull or air"]),
        (centre_and(0.058, 0, 0), ["mm from skull or air"]),
        (centre_and(0.0755, 0, 0), ["in scalp", "mm from skull"]),
        (centre_and(0.083, 0.097, 0.07), ["in water"]),
    ],
)
def test_a_target_that_cannot_be_treated_is_refused_with_all_reasons(head, point, sentences):
    with pytest.raises(PlanError) as caught:
        require_target_inside(head, target_at(point))
    assert len(caught.value.faults) == len(sentences)
    for fault, sentence in zip(caught.value.faults, sentences, strict=True):
        assert sentence in fault


def test_the_clearance_is_the_distance_to_the_skull(head):
    inner = PhantomOptions().brain_semi_axes_m[0]
    target = target_at(centre_and(inner - 30e-3, 0, 0))
    require_target_inside(head, target, clearance_m=27e-3)
    with pytest.raises(PlanError, match="must be at least 35 mm"):
        require_target_inside(head, target, clearance_m=35e-3)


def test_a_target_in_another_frame_is_refused(head):
    target = Target("far", np.zeros(3), Frame.ACPC, 0.0, "test")
    with pytest.raises(PlanError, match="in the frame 'acpc'"):
        require_target_inside(head, target)


@pytest.mark.parametrize("error_m", [-1.0, float("inf"), float("nan")])
def test_a_negative_error_is_refused(error_m):
    with pytest.raises(SettingsError, match="0 or more"):
        target_at([0, 0, 0], error_m=error_m)


def limits(**values):
    defaults = dict(Limits().rows())
    return Limits(
        **{name: replace(defaults[name], value=v, low=v, high=v) for name, v in values.items()}
    )


def test_the_default_limits_are_allowed_without_a_word():
    assert check_limits(Limits()) == ()


def test_looser_limits_are_allowed_but_told():
    (sentence,) = check_limits(limits(focal_temperature=62.0))
    assert "62 degC, looser than the default 60" in sentence
    (sentence,) = check_limits(limits(water_flow=0.5))
    assert "water_flow" in sentence


def test_stricter_limits_are_allowed_without_a_word():
    assert check_limits(limits(focal_temperature=57.0, water_flow=2.0)) == ()


def test_all_faults_of_limits_are_told_at_once():
    wrong = replace(
        limits(power=-1.0, energy=float("inf")), scalp_dose=Quantity(21.0, "Gy", "a mix-up")
    )
    with pytest.raises(PlanError) as caught:
        check_limits(wrong)
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    "values",
    [{"skull_temperature": 36.0}, {"cavitation_stop": 3.0}, {"session_energy": 10e3}],
)
def test_limits_that_contradict_are_refused(values):
    with pytest.raises(PlanError, match=r"must (be above|not be larger)"):
        check_limits(limits(**values))


def test_offsets_follow_a_turned_head(head):
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]])
    marks = head.landmarks
    turned = replace(
        marks,
        anterior_commissure=marks.posterior_commissure
        + turn @ (marks.anterior_commissure - marks.posterior_commissure),
        superior=turn @ marks.superior,
    )
    straight = named_target("vim-left", marks).point - marks.posterior_commissure
    found = named_target("vim-left", turned).point - marks.posterior_commissure
    np.testing.assert_allclose(found, turn @ straight, atol=1e-15)
    assert isinstance(acpc_to_ct(turned), Transform)
