"""The checks pass, and each rejects a subject that is wrong on purpose."""

import numpy as np
import pytest
from scipy import ndimage

from insonate.core import Frame, Tissue, Transform, Volume
from insonate.head import acpc_to_ct, build_head, segment
from insonate.head.mappings import MAPPINGS, mcdannold_speed_and_attenuation
from insonate.plan import Target, named_target
from insonate.verification import head as verification


def failed(checks):
    return [check.check for check in checks if not check.passed]


def test_every_check_of_the_area_passes():
    checks = list(verification.checks())
    assert failed(checks) == []
    assert len(checks) > 20
    assert all(c.area == "head" and c.reference and c.unit for c in checks)


def test_a_shifted_mapping_is_rejected():
    def wrong(density):
        return mcdannold_speed_and_attenuation(np.asarray(density) + 2.0)

    assert len(failed(verification.mcdannold_checks(wrong))) >= 4


def test_exchanged_mappings_are_rejected():
    wrong = {**MAPPINGS, "aubry2003": MAPPINGS["kplan"], "kplan": MAPPINGS["webb2018"]}
    assert len(failed(verification.mapping_end_checks(wrong))) == 4


def thick_skull(ct):
    labels = segment(ct).copy()
    labels[ndimage.binary_dilation(labels == Tissue.SKULL)] = Tissue.SKULL
    return labels


def two_brains(ct):
    labels = segment(ct).copy()
    labels[:4, :4, :4] = Tissue.BRAIN
    return labels


def large_brain(ct):
    labels = segment(ct).copy()
    labels[labels == Tissue.SCALP] = Tissue.BRAIN
    return labels


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (thick_skull, "Dice of skull"),
        (lambda ct: np.zeros(ct.grid.shape, np.int8), "Dice of brain"),
        (two_brains, "connected parts"),
        (large_brain, "volume"),
    ],
)
def test_a_wrong_segmentation_is_rejected(wrong, sentence):
    found = failed(verification.segmentation_checks(wrong, spacing_m=2e-3))
    assert any(sentence in check for check in found)


def test_a_mirrored_head_is_rejected():
    def mirrored(ct, landmarks):
        return build_head(Volume(ct.array[::-1].copy(), ct.grid, "HU"), landmarks)

    check = verification.left_right_check(mirrored)
    assert not check.passed
    assert check.value == pytest.approx(0.145, abs=0.01)


def test_a_left_handed_frame_is_rejected():
    def wrong(landmarks):
        right = acpc_to_ct(landmarks)
        return Transform(Frame.ACPC, Frame.CT, right.matrix @ np.diag([-1.0, 1, 1, 1]))

    assert len(failed(verification.landmark_checks(wrong))) == 1


def test_exchanged_sides_are_rejected():
    def wrong(name, landmarks):
        nucleus, side = name.split("-")
        other = {"left": "right", "right": "left"}[side]
        target = named_target(f"{nucleus}-{other}", landmarks)
        return Target(name, target.point, target.frame, target.error_m, target.source)

    assert len(failed(verification.target_checks(wrong))) == 4
