"""Every reader puts every voxel where it belongs, or says in one sentence why it cannot."""

import contextlib
import gzip
import itertools
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_phantoms import (
    MARKER_M,
    dicom_slice,
    edit_slices,
    head_ct,
    marker_of,
    nifti_of,
    save_nifti,
    save_series,
)
from pydicom.uid import generate_uid
from scipy.ndimage import shift

from insonate.core import Frame, ImageError, Volume
from insonate.images import read_ct, read_mr, write_volume
from insonate.images.atlas import load_atlas
from insonate.images.bounds import require_three_axes

HEAD = head_ct()
ORDERS = list(itertools.permutations(range(3)))


def reordered(volume: Volume, order, flips):
    """Store a volume with its axes permuted and reversed; return array and affine in mm."""
    array = volume.array.transpose(order)
    affine = np.eye(4)
    affine[:3, :3] = volume.grid.affine[:3, :3][:, order] * 1e3
    affine[:3, 3] = volume.grid.origin_m * 1e3
    for axis in range(3):
        if flips[axis]:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return np.ascontiguousarray(array), affine


def same_head(found: Volume) -> bool:
    """The left-right check that the readers are put to: the bead where it was, all else too."""
    return (
        found.grid.matches(HEAD.grid)
        and bool(np.array_equal(found.array, HEAD.array))
        and bool(np.linalg.norm(marker_of(found) - MARKER_M) < 4e-3)
    )


class TestLeftAndRight:
    @settings(
        max_examples=24,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(order=st.sampled_from(ORDERS), flips=st.tuples(*[st.booleans()] * 3))
    def test_any_voxel_order_of_a_nifti_comes_out_the_same(self, tmp_path, order, flips):
        array, affine = reordered(HEAD, order, flips)
        found = read_ct(save_nifti(tmp_path / "ct.nii", array, affine))
        assert same_head(found)
        assert found.frame == Frame.CT
        assert found.unit == "HU"
        assert found.grid.is_axis_aligned

    def test_the_check_rejects_a_mirrored_head(self, tmp_path):
        affine = np.array(HEAD.grid.affine) * [[1e3], [1e3], [1e3], [1]]
        mirrored = save_nifti(tmp_path / "ct.nii", HEAD.array[::-1].copy(), affine)
        assert not same_head(read_ct(mirrored))

    def test_a_dicom_series_comes_out_the_same(self, tmp_path):
        assert same_head(read_ct(save_series(tmp_path / "series", HEAD)))

    def test_a_dicom_series_read_as_if_it_were_ras_would_be_caught(self, tmp_path):
        folder = save_series(tmp_path / "series", HEAD)

        def as_if_ras(_, data):
            data.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
            data.ImagePositionPatient = [-p for p in data.ImagePositionPatient[:1]] + list(
                data.ImagePositionPatient[1:]
            )

        edit_slices(folder, as_if_ras)
        assert not same_head(read_ct(folder))

    @pytest.mark.parametrize(
        "rows_and_columns", [([0, 1, 0], [0, 0, -1]), ([1, 0, 0], [0, 0, -1])]
    )
    def test_sagittal_and_coronal_series(self, tmp_path, rows_and_columns):
        along_row, along_column = (np.array(v, float) for v in rows_and_columns)
        normal = np.cross(along_row, along_column)
        folder = tmp_path / "series"
        folder.mkdir()
        # the same voxels, cut along other planes: LPS axes of the RAS array
        lps = np.flip(HEAD.array, (0, 1))
        first = np.array([*(-HEAD.grid.points_of(np.array(HEAD.grid.shape) - 1)[:2]), 0.0])
        first[2] = HEAD.grid.origin_m[2]
        axes = [int(np.abs(v).argmax()) for v in (along_column, along_row, normal)]
        signs = [v[a] for v, a in zip((along_column, along_row, normal), axes, strict=True)]
        block = lps.transpose(axes)
        start = first * 1e3
        for axis, sign, count in zip(axes, signs, block.shape, strict=True):
            if sign < 0:
                start[axis] += (count - 1) * 4.0
        block = np.flip(block, [i for i, s in enumerate(signs) if s < 0])
        write_block(folder, block, start, along_row, along_column)
        assert same_head(read_ct(folder))

    def test_a_written_volume_reads_back_the_same(self, tmp_path):
        write_volume(HEAD, tmp_path / "out" / "ct.nii.gz", {"left_right": "Known."})
        assert same_head(read_ct(tmp_path / "out" / "ct.nii.gz"))

    def test_nibabel_agrees_which_way_our_file_runs(self, tmp_path):
        write_volume(HEAD, tmp_path / "ct.nii", {})
        image = nib.load(tmp_path / "ct.nii")
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        assert int(image.header["qform_code"]) > 0
        assert int(image.header["sform_code"]) > 0
        assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-4)


def write_block(folder, block, start_mm, along_row, along_column):
    series, normal = generate_uid(), np.cross(along_row, along_column)
    for k in range(block.shape[2]):
        stored = (block[:, :, k].astype(int) + 1024) // 2
        data = dicom_slice(stored, start_mm + 4.0 * k * normal, k, series)
        data.ImageOrientationPatient = [*along_row, *along_column]
        data.save_as(folder / f"{k:04d}.dcm", enforce_file_format=True)


class TestSlanted:
    def test_an_oblique_nifti_is_put_straight(self, tmp_path):
        angle = np.radians(12.0)
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([(1, 0, 0), (0, c, -s), (0, s, c)])
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag([4.0] * 3)
        affine[:3, 3] = turn @ (HEAD.grid.origin_m * 1e3)
        found = read_ct(save_nifti(tmp_path / "ct.nii.gz", HEAD.array, affine))
        assert found.grid.is_axis_aligned
        assert np.linalg.norm(marker_of(found) - turn @ MARKER_M) < 2e-3

    def test_a_tilted_gantry_is_sheared_back(self, tmp_path):
        tilt = np.tan(np.radians(15.0))
        folder = save_series(tmp_path / "series", sheared(HEAD, tilt))

        def move(_, data):
            x, y, z = data.ImagePositionPatient
            data.ImagePositionPatient = [x, y - tilt * z, z]

        edit_slices(folder, move)
        found = read_ct(folder)
        assert found.grid.is_axis_aligned
        assert np.linalg.norm(marker_of(found) - MARKER_M) < 4e-3


def sheared(volume: Volume, tilt: float) -> Volume:
    """Shift each slice back by what a tilted table would show, in whole-voxel interpolation."""
    heights = volume.grid.axes()[2]
    slices = [
        shift(volume.array[:, :, k].astype(float), (0, -tilt * z / 4e-3), order=1, cval=-1000)
        for k, z in enumerate(heights)
    ]
    return Volume(np.rint(np.stack(slices, axis=-1)).astype(np.int16), volume.grid, "HU")


class TestNifti:
    def test_metres_and_microns_are_understood(self, tmp_path):
        for unit, factor in (("meter", 1.0), ("micron", 1e6)):
            affine = np.array(HEAD.grid.affine)
            affine[:3] *= factor
            found = read_ct(save_nifti(tmp_path / "ct.nii", HEAD.array, affine, unit))
            assert np.allclose(found.grid.affine, HEAD.grid.affine, atol=1e-7)

    def test_slope_and_intercept_are_applied(self, tmp_path):
        affine = np.array(HEAD.grid.affine) * [[1e3], [1e3], [1e3], [1]]
        image = nib.Nifti1Image((HEAD.array + 1024).astype(np.int16), affine)
        image.header.set_slope_inter(1.0, -1024.0)
        image.header.set_xyzt_units("mm")
        nib.save(image, tmp_path / "ct.nii.gz")
        assert same_head(read_ct(tmp_path / "ct.nii.gz"))

    def test_a_fourth_axis_of_one_is_dropped(self, tmp_path):
        affine = np.array(HEAD.grid.affine) * [[1e3], [1e3], [1e3], [1]]
        assert same_head(
            read_ct(save_nifti(tmp_path / "ct.nii", HEAD.array[..., None], affine))
        )

    def test_an_mr_is_read_in_its_own_frame(self, tmp_path):
        atlas = load_atlas()
        write_volume(atlas, tmp_path / "t1.nii.gz", {})
        found = read_mr(tmp_path / "t1.nii.gz")
        assert (found.frame, found.unit) == (Frame.MR, "1")
        assert np.array_equal(found.array, atlas.array)


MM = np.diag([4.0, 4.0, 4.0, 1.0])


def _mr(folder):
    rng = np.random.default_rng(1)
    return save_nifti(
        folder / "a.nii", rng.integers(0, 900, HEAD.grid.shape).astype(np.int16), MM
    )


def _picture(folder):
    return save_nifti(
        folder / "a.nii", np.clip(HEAD.array // 8 + 125, 0, 255).astype(np.uint8), MM
    )


def _no_bone(folder):
    return save_nifti(folder / "a.nii", np.minimum(HEAD.array, 100), MM)


def _vault_off(folder):
    return nifti_of(head_ct(top_m=0.06), folder / "a.nii")


def _side_off(folder):
    return save_nifti(folder / "a.nii", HEAD.array[12:].copy(), MM)


def _with_value(value):
    def make(folder):
        array = HEAD.array.astype(np.float32)
        array[3, 4, 5] = value
        return save_nifti(folder / "a.nii", array, MM)

    return make


def _four_axes(folder):
    return save_nifti(folder / "a.nii", np.stack([HEAD.array] * 2, -1), MM)


def _two_axes(folder):
    return save_nifti(folder / "a.nii", HEAD.array[:, :, 20].copy(), MM)


def _one_slice(folder):
    return save_nifti(folder / "a.nii", HEAD.array[:, :, 20:21].copy(), MM)


def _metres(folder):
    return save_nifti(folder / "a.nii", HEAD.array, MM, "meter")


def _micron(folder):
    return save_nifti(folder / "a.nii", HEAD.array, MM, "micron")


def _truncated(folder):
    path = nifti_of(HEAD, folder / "a.nii.gz")
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def _truncated_plain(folder):
    path = nifti_of(HEAD, folder / "a.nii")
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def _rubbish(folder):
    (folder / "a.nii.gz").write_bytes(b"not at all an image" * 50)
    return folder / "a.nii.gz"


def _empty_file(folder):
    (folder / "a.nii").write_bytes(b"")
    return folder / "a.nii"


def _huge(folder):
    path = nifti_of(HEAD, folder / "a.nii")
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([4000, 4000, 4000], "<i2").tobytes()
    path.write_bytes(content)
    return path


def _unplaced(folder):
    path = nifti_of(HEAD, folder / "a.nii")
    content = bytearray(path.read_bytes())
    content[252:256] = np.array([0, 0], "<i2").tobytes()
    path.write_bytes(content)
    return path


def _two_orientations(folder):
    image = nib.load(nifti_of(HEAD, folder / "b.nii"))
    image.set_sform(np.diag([-4.0, 4.0, 4.0, 1.0]), code=1)
    nib.save(image, folder / "a.nii")
    return folder / "a.nii"


def _singular(folder):
    image = nib.Nifti1Image(HEAD.array, MM)
    flat = np.array([[4, 4, 0, 0], [0, 0, 4, 0], [0, 0, 4, 0], [0, 0, 0, 1.0]])
    image.set_sform(flat, code=1)
    image.header["qform_code"] = 0
    nib.save(image, folder / "a.nii")
    return folder / "a.nii"


def _colours(folder):
    colour = np.zeros(HEAD.grid.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    return save_nifti(folder / "a.nii", colour, MM)


def _unknown_kind(folder):
    (folder / "a.png").write_bytes(b"\x89PNG")
    return folder / "a.png"


def _single_dicom(folder):
    save_series(folder / "s", HEAD)
    return next((folder / "s").glob("*.dcm"))


def _missing(folder):
    return folder / "nowhere.nii.gz"


def _empty_folder(folder):
    return folder


def _series(change):
    def make(folder):
        series = save_series(folder / "s", HEAD)
        change(series)
        return series

    return make


def _drop(series):
    sorted(series.glob("*.dcm"))[20].unlink()


def _uneven(series):
    def change(index, data):
        data.ImagePositionPatient[2] += 1.0 if index == 20 else 0.0

    edit_slices(series, change)


def _twice(series):
    def change(index, data):
        data.ImagePositionPatient[2] -= 4.0 if index == 0 else 0.0

    edit_slices(series, change)


def _bent(series):
    def change(index, data):
        data.ImagePositionPatient[0] += 3.0 * (index > 20)

    edit_slices(series, change)


def _mixed(series):
    other = generate_uid()
    edit_slices(series, lambda i, d: setattr(d, "SeriesInstanceUID", other) if i % 2 else None)


def _rgb(series):
    def change(_, data):
        data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"

    edit_slices(series, change)


def _mr_series(series):
    edit_slices(series, lambda _, data: setattr(data, "Modality", "MR"))


def _no_position(series):
    edit_slices(series, lambda i, d: i or delattr(d, "ImagePositionPatient"))


def _multi_frame(series):
    edit_slices(series, lambda _, data: setattr(data, "NumberOfFrames", 40))


def _other_spacing(series):
    edit_slices(series, lambda i, d: i or setattr(d, "PixelSpacing", [3, 3]))


def _cut_short(series):
    path = sorted(series.glob("*.dcm"))[5]
    path.write_bytes(path.read_bytes()[:-500])


def _skewed(series):
    edit_slices(series, lambda _, d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]))


def _no_intercept(series):
    edit_slices(series, lambda _, data: delattr(data, "RescaleIntercept"))


def _one_left(series):
    for path in sorted(series.glob("*.dcm"))[1:]:
        path.unlink()


BAD = {
    "MR": (_mr, "not a CT in Hounsfield units"),
    "picture": (_picture, "not a CT in Hounsfield units"),
    "no bone": (_no_bone, "no skull"),
    "vault cut off": (_vault_off, "vault is cut off"),
    "side cut off": (_side_off, "vault is cut off"),
    "NaN": (_with_value(np.nan), "1 voxels that are NaN"),
    "infinite": (_with_value(-np.inf), "1 voxels that are NaN or infinite"),
    "4-D": (_four_axes, "4 axes"),
    "2-D": (_two_axes, "2 axes"),
    "one slice": (_one_slice, "only 1 voxels"),
    "metres": (_metres, "4000 × 4000 × 4000 mm"),
    "microns": (_micron, "0.004 × 0.004 × 0.004 mm"),
    "truncated": (_truncated, "ends before all of its voxels"),
    "truncated, plain": (_truncated_plain, "ends before all of its voxels"),
    "rubbish": (_rubbish, "cannot be read as NIfTI"),
    "empty file": (_empty_file, "cannot be read as NIfTI"),
    "huge": (_huge, "6.4e+10 voxels"),
    "no orientation": (_unplaced, "neither a qform nor an sform"),
    "two orientations": (_two_orientations, "qform and its sform disagree"),
    "singular": (_singular, "singular"),
    "colours": (_colours, "colours"),
    "unknown kind": (_unknown_kind, "of a kind that is not known"),
    "single DICOM": (_single_dicom, "one DICOM file"),
    "missing": (_missing, "There is no file or folder"),
    "empty folder": (_empty_folder, "holds no DICOM images"),
    "missing slice": (_series(_drop), "lacks 1 slice"),
    "uneven slices": (_series(_uneven), "unevenly spaced"),
    "doubled slice": (_series(_twice), "two slices at"),
    "bent stack": (_series(_bent), "does not move along one line"),
    "mixed series": (_series(_mixed), "is mixed: 2 series"),
    "RGB series": (_series(_rgb), "RGB with 3 samples"),
    "MR series": (_series(_mr_series), "modality MR"),
    "no position": (_series(_no_position), "lacks ImagePositionPatient"),
    "multi-frame": (_series(_multi_frame), "multi-frame"),
    "other spacing": (_series(_other_spacing), "spacing of its slices differ"),
    "short slice": (_series(_cut_short), "damaged or cut short"),
    "skewed slice": (_series(_skewed), "two perpendicular unit vectors"),
    "no intercept": (_series(_no_intercept), "not a CT in Hounsfield units"),
    "one slice left": (_series(_one_left), "only one slice"),
}


class TestBadInput:
    @pytest.mark.filterwarnings("ignore:The value length:UserWarning")
    @pytest.mark.parametrize("name", BAD)
    def test_is_refused_in_whole_sentences(self, tmp_path, name):
        make, words = BAD[name]
        path = make(tmp_path)
        with pytest.raises(ImageError, match=re.escape(words)) as caught:
            read_ct(path)
        assert str(caught.value)[0].isupper()
        assert str(caught.value).endswith(".")

    def test_an_mr_of_one_value_is_refused(self, tmp_path):
        path = save_nifti(tmp_path / "a.nii", np.ones((20, 20, 20), np.float32), MM)
        with pytest.raises(ImageError, match="one value only"):
            read_mr(path)

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(place=st.integers(0, 347), value=st.integers(0, 255))
    @pytest.mark.filterwarnings("ignore")
    def test_a_damaged_header_is_read_or_refused_but_never_crashes(
        self, tmp_path, place, value
    ):
        path = tmp_path / "a.nii"
        if not (tmp_path / "good.nii").exists():
            nifti_of(HEAD, tmp_path / "good.nii")
        content = bytearray((tmp_path / "good.nii").read_bytes())
        content[place] = value
        path.write_bytes(content)
        with contextlib.suppress(ImageError):
            assert read_ct(path).grid.is_axis_aligned

    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(place=st.integers(0, 900), value=st.integers(0, 255))
    @pytest.mark.filterwarnings("ignore")
    def test_a_damaged_slice_is_read_or_refused_but_never_crashes(self, tmp_path, place, value):
        folder, good = tmp_path / "series", tmp_path / "good"
        if not folder.exists():
            save_series(folder, head_ct(8e-3))
            good.write_bytes((folder / "0890.dcm").read_bytes())
        content = bytearray(good.read_bytes())
        content[place] = value
        (folder / "0890.dcm").write_bytes(content)
        with contextlib.suppress(ImageError):
            assert read_ct(folder).grid.is_axis_aligned

    @given(cut=st.integers(0, 3000))
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_a_file_cut_anywhere_is_refused(self, tmp_path, cut):
        good = gzip.compress(nifti_of(HEAD, tmp_path / "good.nii").read_bytes(), 1)
        path = tmp_path / "a.nii.gz"
        path.write_bytes(good[: min(cut * 40, len(good) - 9)])
        with pytest.raises(ImageError):
            read_ct(path)

    def test_size_is_refused_from_the_header_alone(self):
        with pytest.raises(ImageError, match=re.escape("1.33e+09 voxels")):
            require_three_axes((1100, 1100, 1100), "The image")


def test_compressed_slices_are_decoded(tmp_path: Path):
    """RLE by pydicom alone; what pydicom cannot decode goes to ITK."""
    folder = save_series(tmp_path / "series", HEAD)
    for path in folder.glob("*.dcm"):
        data = pydicom.dcmread(path)
        data.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        data.save_as(path)
    assert same_head(read_ct(folder))
