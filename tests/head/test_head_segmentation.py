"""Segmentation against analytic labels, on the real sample head, and of what is no head."""

import numpy as np
import pytest
from scipy import ndimage

from insonate.core import Frame, GeometryError, Grid, ImageError, Tissue, Volume
from insonate.head import PhantomOptions, phantom_ct, segment
from insonate.head.phantom import Feature, phantom_labels
from insonate.verification.head import dice


def replaced(ct, array=None, *, unit="HU", grid=None):
    return Volume(ct.array if array is None else array, grid or ct.grid, unit)


def changed(ct, **cells):
    array = ct.array.copy()
    array[10, 10, 10] = cells["value"]
    return replaced(ct, array)


def overlap(subject, tissue):
    return dice(segment(subject.ct) == tissue, phantom_labels(subject.options) == tissue)


@pytest.mark.parametrize("tissue", [Tissue.SKULL, Tissue.BRAIN, Tissue.SCALP, Tissue.WATER])
def test_labels_of_the_phantom_are_the_analytic_ones(plain, tissue):
    assert overlap(plain, tissue) > 0.98


def test_gap_air_cell_and_knob_do_not_disturb_the_brain(featured):
    assert overlap(featured, Tissue.BRAIN) > 0.98
    assert overlap(featured, Tissue.SKULL) > 0.98


def test_the_air_cell_is_air(featured):
    assert overlap(featured, Tissue.AIR) > 0.85


def test_an_image_that_ends_in_the_brain_is_segmented_to_its_last_slice():
    options = PhantomOptions(
        spacing_m=2e-3, features=frozenset({Feature.BONE_GAP}), lower_end_m=45e-3
    )
    labels = segment(phantom_ct(options))
    true = phantom_labels(options)
    assert dice(labels == Tissue.BRAIN, true == Tissue.BRAIN) > 0.98
    assert dice(labels[:, :, 0] == Tissue.BRAIN, true[:, :, 0] == Tissue.BRAIN) > 0.95


def test_segmentation_of_a_mirrored_head_is_the_mirrored_segmentation(featured):
    mirrored = segment(replaced(featured.ct, featured.ct.array[::-1].copy()))
    same = mirrored[::-1] == segment(featured.ct)
    assert same.mean() > 0.999  # the blocks of 2 mm may fall differently


def test_a_headrest_that_touches_nothing_is_outside(plain):
    array = plain.ct.array.copy()
    array[20:60, 0:2, :] = 300.0
    labels = segment(replaced(plain.ct, array))
    assert (labels[20:60, 0:2, 10:-10] == Tissue.WATER).all()


def test_labels_are_read_only(plain):
    labels = segment(plain.ct)
    assert labels.dtype == np.int8
    assert not labels.flags.writeable


@pytest.fixture(scope="module")
def sample_labels(sample_ct):
    return segment(sample_ct)


def test_the_sample_has_an_adults_brain_in_one_part(sample_labels):
    brain = sample_labels == Tissue.BRAIN
    assert 1.3e6 < brain.sum() < 1.65e6  # mm³, with CSF, of a large adult head
    assert ndimage.label(brain)[1] == 1


def test_the_samples_skull_has_an_adults_volume(sample_labels):
    assert 0.35e6 < (sample_labels == Tissue.SKULL).sum() < 0.65e6


def test_the_samples_brain_does_not_leak_through_the_gap_to_the_skin(sample_labels):
    brain, outside = sample_labels == Tissue.BRAIN, sample_labels == Tissue.WATER
    near = ndimage.binary_dilation(brain, iterations=3)
    assert (near & outside)[:, :, 4:].sum() == 0


def test_the_samples_eyes_are_not_brain(sample_labels):
    # the globes lie in the front third, between slices 50 and 65
    front = sample_labels[:, 170:, 45:62]
    assert (front == Tissue.BRAIN).mean() < 0.001


def rim_without_bone(labels, k):
    brain = labels[:, :, k] == Tissue.BRAIN
    rim = ndimage.binary_dilation(brain) & ~brain
    return np.argwhere(rim & (labels[:, :, k] != Tissue.SKULL))


@pytest.mark.parametrize("k", [135, 140, 145])
def test_the_samples_vault_is_bone_all_round_above_the_gap(sample_labels, k):
    assert len(rim_without_bone(sample_labels, k)) == 0


@pytest.mark.parametrize("k", [105, 110, 120, 125])
def test_the_samples_vault_is_open_at_the_right_frontal_gap_alone(sample_labels, k):
    opened = rim_without_bone(sample_labels, k)
    assert 10 < len(opened) < 40
    assert (opened[:, 0] > 115).all()
    assert (opened[:, 1] > 155).all()


def test_the_samples_sinuses_are_air_inside_the_head(sample_labels):
    assert 0.02e6 < (sample_labels == Tissue.AIR).sum() < 0.12e6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_voxel_without_a_value_is_refused(plain, value):
    with pytest.raises(ImageError, match="1 voxels that are NaN or infinite"):
        segment(changed(plain.ct, value=value))


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (lambda hu: np.clip(hu, -1000, 100), "No skull was found"),
        (lambda hu: (hu + 1000) / 2600 * 255, "holds no air"),
        (lambda hu: np.full_like(hu, -1000), "No skull was found"),
        (np.zeros_like, "holds no air"),
    ],
)
def test_what_is_no_ct_of_a_head_is_refused(plain, array, sentence):
    with pytest.raises(ImageError, match=sentence):
        segment(replaced(plain.ct, array(plain.ct.array)))


def test_a_block_of_bone_has_no_brain(plain):
    solid = np.where(plain.ct.array > -500, 1500.0, -1000.0)
    with pytest.raises(ImageError, match="No brain was found"):
        segment(replaced(plain.ct, solid))


def test_two_heads_are_refused(plain):
    both = np.concatenate([plain.ct.array, plain.ct.array], axis=0)
    grid = Grid(both.shape, plain.ct.grid.affine, Frame.CT)
    with pytest.raises(ImageError, match="2 separate bodies"):
        segment(Volume(both, grid, "HU"))


def test_another_unit_is_refused(plain):
    with pytest.raises(ImageError, match="unit is '1'"):
        segment(replaced(plain.ct, unit="1"))


def test_another_frame_is_refused(plain):
    grid = Grid(plain.ct.grid.shape, plain.ct.grid.affine, Frame.MR)
    with pytest.raises(GeometryError, match="must be in 'ct'"):
        segment(replaced(plain.ct, grid=grid))


def test_oblique_voxels_are_refused(plain):
    affine = plain.ct.grid.affine.copy()
    affine[0, 1] = 1e-3
    grid = Grid(plain.ct.grid.shape, affine, Frame.CT)
    with pytest.raises(ImageError, match="oblique"):
        segment(replaced(plain.ct, grid=grid))


def test_thick_slices_are_refused(plain):
    affine = plain.ct.grid.affine @ np.diag([1, 1, 2.5, 1])
    grid = Grid(plain.ct.grid.shape, affine, Frame.CT)
    with pytest.raises(ImageError, match=r"5\.0 mm long"):
        segment(replaced(plain.ct, grid=grid))
