"""Quality reports, cases, the atlas, the sample, and files that are whole or not there."""

import gzip
import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from image_phantoms import head_ct, marker_of, save_series

from insonate.core import Frame, GeometryError, Grid, ImageError, Volume
from insonate.core.frames import affine_from
from insonate.core.provenance import DISCLAIMER, digest
from insonate.images import inspect_ct, load_atlas, load_case, read_ct, write_volume
from insonate.images.atlas import ATLAS_LANDMARKS

ROOT = Path(__file__).resolve().parents[2]
CRANIUM = ROOT / "samples" / "cranium"


class TestInspection:
    def test_margin_and_range_are_those_of_the_phantom(self):
        head = head_ct(4e-3)
        quality = inspect_ct(head)
        bone = head.grid.points()[head.array > 300]
        assert quality.vault_closed
        assert quality.vertex_margin_m == pytest.approx(
            head.grid.axes()[2][-1] - bone[:, 2].max()
        )
        assert (quality.hu_low, quality.hu_high) == (-1000, 2500)
        assert quality.spacing_m == pytest.approx((4e-3, 4e-3, 4e-3))

    def test_a_coarse_image_is_told_so(self):
        assert any("4.00 mm apart" in note for note in inspect_ct(head_ct(4e-3)).notes)

    def test_an_open_vault_is_seen(self):
        assert not inspect_ct(head_ct(top_m=0.06)).vault_closed

    def test_a_skull_cut_at_its_side_is_seen(self):
        head = head_ct()
        grid = Grid((30, *head.grid.shape[1:]), head.grid.affine, Frame.CT)
        assert not inspect_ct(Volume(head.array[:30], grid, "HU")).vault_closed

    def test_metal_and_a_short_image_are_told(self):
        head = head_ct()
        array = np.array(head.array)
        array[array > 2000] = 8000
        short = Grid(
            (*head.grid.shape[:2], 35),
            affine_from(np.eye(3) * 4e-3, head.grid.points_of((0, 0, 20))),
            Frame.CT,
        )
        quality = inspect_ct(Volume(array[:, :, 20:55], short, "HU"))
        assert any("metal" in note for note in quality.notes)
        assert any("less than a whole brain" in note for note in quality.notes)
        assert "bone runs on through its lowest slice" in quality.lower_extent

    def test_a_fine_image_is_thinned_without_losing_its_top(self):
        head = head_ct(4e-3)
        fine = Grid(head.grid.shape, np.diag([4e-4, 4e-4, 4e-4, 1]) @ np.eye(4), Frame.CT)
        big = np.zeros(fine.shape, np.int16) - 1000
        big[20:30, 20:30, :] = 1500
        with pytest.raises(ImageError, match="no skull"):
            inspect_ct(Volume(big, fine, "HU"))
        big[:] = 1500
        big[0] = -1000
        whole = Volume(
            np.repeat(big, 12, axis=2),
            Grid((*fine.shape[:2], fine.shape[2] * 12), fine.affine, Frame.CT),
            "HU",
        )
        assert not inspect_ct(whole).vault_closed

    def test_another_frame_is_refused(self):
        with pytest.raises(GeometryError):
            inspect_ct(load_atlas())


class TestSample:
    def test_the_sample_is_read_and_fit_for_use(self):
        case = load_case(CRANIUM)
        ct = read_ct(case.ct_path)
        quality = inspect_ct(ct)
        assert quality.vault_closed
        assert quality.vertex_margin_m == pytest.approx(5e-3)
        assert np.allclose(ct.grid.spacing_m, 1e-3)
        assert case.mr_path is None
        assert any("Left and right are not known" in note for note in case.notes)

    def test_up_and_front_are_where_they_should_be(self):
        """The nose is the foremost tissue and lies low; the widest bone lies above the teeth."""
        ct = read_ct(CRANIUM / "ct.nii.gz")
        points = ct.grid.points_of(3 * np.argwhere(ct.array[::3, ::3, ::3] > -300))
        nose = points[points[:, 1].argmax()]
        middle = (points.max(axis=0) + points.min(axis=0)) / 2
        assert abs(nose[0] - middle[0]) < 0.01
        assert nose[2] < middle[2]
        # teeth are the hardest thing in a head, and low in front
        teeth = ct.grid.points_of(np.argwhere(ct.array > 2300)).mean(axis=0)
        assert teeth[2] < middle[2] - 0.05
        assert teeth[1] > middle[1]

    def test_the_committed_files_have_the_sums_that_the_script_checks(self):
        spec = importlib.util.spec_from_file_location(
            "make_samples", ROOT / "scripts" / "make_samples.py"
        )
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        for name, expected in script.RESULTS.items():
            content = gzip.decompress((ROOT / name).read_bytes())
            assert hashlib.sha256(content).hexdigest() == expected

    def test_licences_lie_beside_the_data(self):
        assert "version 2 of the" in (CRANIUM / "LICENSE").read_text()
        atlas = ROOT / "src" / "insonate" / "images" / "atlas"
        assert "Chris Rorden" in (atlas / "LICENSE.txt").read_text()


class TestAtlas:
    def test_it_is_a_whole_head_in_mni_space(self):
        atlas = load_atlas()
        assert atlas.frame == Frame.ATLAS
        assert np.allclose(atlas.grid.spacing_m, 1e-3)
        assert load_atlas() is atlas

    def test_the_commissures_are_white_bands_over_dark_ventricle(self):
        """AC and PC are white matter; between them lies the third ventricle."""
        atlas = load_atlas()
        ends = (ATLAS_LANDMARKS.anterior_commissure, ATLAS_LANDMARKS.posterior_commissure)

        def brightness(point):
            i, j, k = np.rint(atlas.grid.indices_of(point)).astype(int)
            return atlas.array[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].mean()

        ventricle = brightness(sum(ends) / 2)
        assert all(brightness(end) > 2 * ventricle for end in ends)
        # 10 mm to the side of where they are there is no such contrast: the check can fail
        assert not brightness(sum(ends) / 2 + (0.01, 0, 0)) < 0.5 * brightness(ends[0])

    def test_the_line_between_them_has_the_length_of_mni_space(self):
        length = np.linalg.norm(
            ATLAS_LANDMARKS.anterior_commissure - ATLAS_LANDMARKS.posterior_commissure
        )
        assert 25e-3 < length < 30e-3
        assert ATLAS_LANDMARKS.source


class TestCases:
    def case(self, folder: Path, **content) -> Path:
        (folder / "ct.nii.gz").write_bytes(b"")
        (folder / "case.json").write_text(json.dumps(content))
        return folder

    def test_a_described_case(self, tmp_path):
        (tmp_path / "t1.nii").write_bytes(b"")
        found = load_case(
            self.case(tmp_path, name="A", ct="ct.nii.gz", mr="t1.nii", notes=["One."])
        )
        assert (found.name, found.notes) == ("A", ("One.",))
        assert found.ct_path == tmp_path / "ct.nii.gz"
        assert found.mr_path == tmp_path / "t1.nii"

    def test_a_folder_with_one_image_needs_no_description(self, tmp_path):
        (tmp_path / "head.nii").write_bytes(b"")
        found = load_case(tmp_path)
        assert found.ct_path == tmp_path / "head.nii"
        assert found.name == tmp_path.name

    def test_a_folder_of_slices_is_the_ct_itself(self, tmp_path):
        save_series(tmp_path / "series", head_ct())
        found = load_case(tmp_path / "series")
        assert inspect_ct(read_ct(found.ct_path)).vault_closed

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ({"ct": "ct.nii.gz"}, "entry 'name'"),
            ({"name": "A"}, "entry 'ct'"),
            ({"name": "A", "ct": 3}, "entry 'ct'"),
            ({"name": "A", "ct": "other.nii"}, "no such file"),
            ({"name": "A", "ct": "ct.nii.gz", "mr": ""}, "entry 'mr'"),
            ({"name": "A", "ct": "ct.nii.gz", "notes": "One."}, "list of sentences"),
            ({"name": "A", "ct": "ct.nii.gz", "side": "left"}, r"unknown entries \(side\)"),
            ({"name": "A", "ct": "../ct.nii.gz"}, "outside its folder"),
        ],
    )
    def test_a_wrong_description_is_refused(self, tmp_path, content, words):
        with pytest.raises(ImageError, match=words):
            load_case(self.case(tmp_path, **content))

    def test_what_is_not_a_description_is_refused(self, tmp_path):
        (tmp_path / "case.json").write_text("{")
        with pytest.raises(ImageError, match="not readable JSON"):
            load_case(tmp_path)
        (tmp_path / "case.json").write_text("[]")
        with pytest.raises(ImageError, match="an object with name and ct"):
            load_case(tmp_path)

    def test_two_images_without_a_description_are_refused(self, tmp_path):
        for name in ("a.nii", "b.nii.gz"):
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(ImageError, match=r"2 images \(a.nii, b.nii.gz\)"):
            load_case(tmp_path)

    def test_no_folder_is_refused(self, tmp_path):
        with pytest.raises(ImageError, match="There is no folder"):
            load_case(tmp_path / "nowhere")


class TestWriting:
    def test_the_sidecar_tells_frame_unit_and_notes(self, tmp_path):
        head = head_ct()
        write_volume(head, tmp_path / "ct.nii.gz", {"side": "Left is left."})
        sidecar = json.loads((tmp_path / "ct.json").read_text())
        assert (sidecar["frame"], sidecar["unit"]) == ("ct", "HU")
        assert sidecar["notes"] == {"side": "Left is left."}
        assert sidecar["digest"] == digest(head.array)
        assert sidecar["disclaimer"] == DISCLAIMER

    def test_the_same_volume_gives_the_same_bytes(self, tmp_path):
        for name in ("a", "b"):
            write_volume(head_ct(), tmp_path / name / "ct.nii.gz", {})
        first, second = ((tmp_path / n / "ct.nii.gz").read_bytes() for n in ("a", "b"))
        assert first == second

    def test_masks_are_stored_as_bytes(self, tmp_path):
        head = head_ct()
        write_volume(Volume(head.array > 0, head.grid, "1"), tmp_path / "m.nii", {})
        assert sitk.ReadImage(str(tmp_path / "m.nii")).GetPixelID() == sitk.sitkUInt8

    def test_another_library_finds_the_bead_on_the_right(self, tmp_path):
        """ITK speaks LPS: the right of RAS is its negative x."""
        head = head_ct()
        write_volume(head, tmp_path / "ct.nii.gz", {})
        image = sitk.ReadImage(str(tmp_path / "ct.nii.gz"))
        where = np.argwhere(sitk.GetArrayFromImage(image) > 2000).mean(axis=0)[::-1]
        point = image.TransformContinuousIndexToPhysicalPoint(where.tolist())
        assert np.allclose(np.array(point) * (-1e-3, -1e-3, 1e-3), marker_of(head), atol=1e-6)

    def test_a_failed_write_leaves_nothing(self, tmp_path, monkeypatch):
        head = head_ct()
        write_volume(head, tmp_path / "ct.nii", {})
        before = (tmp_path / "ct.nii").read_bytes()

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(ImageError, match="No space left"):
            write_volume(Volume(head.array + 1, head.grid, "HU"), tmp_path / "ct.nii", {})
        assert (tmp_path / "ct.nii").read_bytes() == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["ct.json", "ct.nii"]

    @pytest.mark.parametrize("name", ["ct.mha", "ct", "ct.nii.zip"])
    def test_another_ending_is_refused(self, tmp_path, name):
        with pytest.raises(ImageError, match=r"must end in .nii or .nii.gz"):
            write_volume(head_ct(), tmp_path / name, {})

    def test_a_type_that_nifti_lacks_is_refused(self, tmp_path):
        head = head_ct()
        halves = Volume(head.array.astype(np.float16), head.grid, "HU")
        with pytest.raises(ImageError, match="float16"):
            write_volume(halves, tmp_path / "ct.nii", {})


def as_lossless_jpeg(path: Path) -> None:
    """Compress the stored values of a slice with ITK, and put them back into the slice."""
    data = pydicom.dcmread(path)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.SetFileName(str(path.with_suffix(".jpeg")))
    writer.Execute(sitk.GetImageFromArray(data.pixel_array[None].astype(np.uint16)))
    packed = pydicom.dcmread(path.with_suffix(".jpeg"))
    path.with_suffix(".jpeg").unlink()
    data.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
    data.PixelData = packed.PixelData
    data["PixelData"].is_undefined_length = True
    data.save_as(path)


def test_slices_that_pydicom_cannot_decode_go_to_itk(tmp_path):
    head = head_ct()
    folder = save_series(tmp_path / "series", head)
    for path in folder.glob("*.dcm"):
        as_lossless_jpeg(path)
    found = read_ct(folder)
    assert found.grid.matches(head.grid)
    assert np.array_equal(found.array, head.array)
