"""The checks of images, arrays and partial volume pass, and reject wrong subjects."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.array import hemisphere
from insonate.core import SettingsError, Volume
from insonate.verification import areas, images, partial_volume


def mirrored(head):
    return Volume(np.asarray(head.array)[::-1].copy(), head.grid, head.unit)


def test_all_checks_of_images_and_arrays_pass():
    found = list(images.checks())
    assert len(found) == 6
    assert all(c.passed for c in found), [c for c in found if not c.passed]


def test_a_mirrored_head_is_rejected_by_every_path(tmp_path):
    wrong = mirrored(images.marked_head())
    assert images.marker_error_m(wrong) > 0.05
    assert images.nifti_error_m(wrong, tmp_path) > 0.05
    assert images.written_error_m(wrong, tmp_path) > 0.05
    assert images.dicom_error_m(wrong, tmp_path) > 0.05


def test_overlapping_discs_and_a_shifted_table_are_rejected():
    array = hemisphere()
    assert images.least_gap_m(replace(array, areas=2 * array.areas)) < 0
    assert images.table_error_m(array) < 1e-8


def test_the_partial_volume_check_passes_and_rejects_a_wrong_width():
    assert all(c.passed for c in partial_volume.checks())
    assert partial_volume.factor_error(1.2e-3, believed_m=2.4e-3) > 0.15


def test_an_unknown_area_is_refused():
    with pytest.raises(SettingsError, match="There is no area 'nonsense'"):
        areas.run_checks("nonsense")
    with pytest.raises(SettingsError, match="There is no slow area 'head'"):
        areas.run_checks("head", slow=True)
