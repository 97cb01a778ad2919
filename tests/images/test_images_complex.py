"""Complex series from files: what was written is read, in place and in order, or one sentence why not."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import MRImageStorage, generate_uid

from insonate.core import ImageError, SettingsError
from insonate.images.complex_series import read_complex_dicom, read_complex_nifti
from insonate.images.parametric import write_parametric_map
from insonate.images.phase import PHASE_CONVENTIONS, phase_in_radians
from insonate.images.writing import write_frames

RNG = np.random.default_rng(0)
SHAPE = (12, 10, 2, 3)
IMAGES = (RNG.uniform(0.2, 1.0, SHAPE) * np.exp(1j * RNG.uniform(-np.pi, np.pi, SHAPE))).astype(
    np.complex64
)
AFFINE_MM = np.array([[0.0, -1.5, 0, 20], [1.2, 0, 0, -30], [0, 0, 3, 40], [0, 0, 0, 1.0]])


def write_nifti(path, values):
    nib.save(nib.Nifti1Image(values.astype(np.float32), AFFINE_MM), path)
    return path


@pytest.fixture
def pair(tmp_path):
    return (
        write_nifti(tmp_path / "mag.nii.gz", np.abs(IMAGES)),
        write_nifti(tmp_path / "phase.nii.gz", np.angle(IMAGES)),
    )


def test_a_pair_of_niftis_is_the_series_that_it_was(pair):
    found = read_complex_nifti(*pair, "radians")
    assert found.images.shape == (3, 2, 12, 10)
    assert found.images == pytest.approx(IMAGES.transpose(3, 2, 0, 1), abs=1e-5)
    assert found.affine_m[:3] * 1e3 == pytest.approx(AFFINE_MM[:3])


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("phase", "mag", "never negative"),
        ("mag", "short", "one series in one place"),
        ("mag", "wide", "rescaled or unwrapped"),
        ("mag", "tiny", "another convention"),
        ("mag", "nan", "NaN"),
        ("nan", "phase", "NaN"),
    ],
)
def test_pairs_that_are_none(tmp_path, pair, first, second, sentence):
    phase = np.angle(IMAGES)
    for name, values in (
        ("short", phase[:-1]),
        ("wide", phase * 2),
        ("tiny", phase * 1e-3),
        ("nan", np.where(np.abs(phase) < 0.1, np.nan, phase)),
    ):
        write_nifti(tmp_path / f"{name}.nii.gz", values)
    with pytest.raises(ImageError, match=sentence):
        read_complex_nifti(
            tmp_path / f"{first}.nii.gz", tmp_path / f"{second}.nii.gz", "radians"
        )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(PHASE_CONVENTIONS)), st.integers(0, 10**6))
def test_every_convention_is_undone(name, seed):
    c = PHASE_CONVENTIONS[name]
    phase = np.random.default_rng(seed).uniform(-3.1, 3.1, 50)
    stored = (phase - c.offset_rad) / c.radians_per_unit
    assert phase_in_radians(stored, name) == pytest.approx(phase, abs=1e-9)
    assert len(c.source) > 10


def test_a_full_range_is_taken_as_a_turn_and_nonsense_is_refused():
    phase = np.linspace(-np.pi, np.pi, 101)
    assert phase_in_radians(phase * 0.00117, "full-range") == pytest.approx(phase)
    with pytest.raises(ImageError, match="both sides of zero"):
        phase_in_radians(np.arange(5), "full-range")
    with pytest.raises(SettingsError, match="no phase convention 'gradians'"):
        phase_in_radians(phase, "gradians")


def write_dicom(folder, values, kind, frame, place, **more):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        MRImageStorage,
        generate_uid(),
    )
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    path = folder / f"{kind}{frame}{place}.dcm"
    d = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    slope = more.pop("slope", 1e-3)
    stored = np.round((values - more.get("shift", 0)) / slope).T.astype(np.int16)
    for name, value in {
        "SOPClassUID": MRImageStorage, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", kind, "NONE"],
        "PatientID": "p", "PatientName": "n^", "PatientBirthDate": "", "PatientSex": "O",
        "StudyInstanceUID": STUDY, "SeriesInstanceUID": STUDY + ".1", "StudyID": "1",
        "StudyDate": "", "StudyTime": "", "AccessionNumber": "", "ReferringPhysicianName": "",
        "FrameOfReferenceUID": STUDY + ".2", "PositionReferenceIndicator": "",
        "SeriesNumber": 1, "InstanceNumber": 1 + frame, "Manufacturer": "m",
        "TemporalPositionIdentifier": frame + 1, "EchoTime": 12.7, "RepetitionTime": 27.0,
        "MagneticFieldStrength": 3.0, "FlipAngle": 30.0, "SliceThickness": 3.0,
        "PixelBandwidth": 44.0, "PixelSpacing": [1.1, 1.1], "Rows": 10, "Columns": 12,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [-6, -5, 3.0 * place],
        "RescaleSlope": slope, "RescaleIntercept": more.get("shift", 0), "BitsAllocated": 16,
        "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
    }.items():  # fmt: skip
        setattr(d, name, value)
    d.PixelData = stored.tobytes()
    d.save_as(path)


STUDY = "1.2.826.0.1.3680043.8.498.5"


def write_series(folder, kinds=("M", "P"), frames=3):
    parts = {"M": np.abs, "P": np.angle, "R": np.real, "I": np.imag}
    for kind in kinds:
        for n in range(frames):
            for s in range(2):
                write_dicom(folder, parts[kind](IMAGES[:, :, s, n]), kind, n, s)
    return folder


@pytest.mark.parametrize("kinds", [("M", "P"), ("R", "I")])
def test_a_dicom_series_is_read_with_its_facts_and_its_place(tmp_path, kinds):
    found = read_complex_dicom(write_series(tmp_path, kinds), "radians")
    assert found.images == pytest.approx(IMAGES.transpose(3, 2, 0, 1), abs=3e-3)
    # DICOM's (-6, -5, 0) mm of the left and the back is (6, 5, 0) of RAS.
    assert found.affine_m[:3, 3] == pytest.approx([6e-3, 5e-3, 0.0])
    assert found.affine_m[:3, 0] == pytest.approx([-1.1e-3, 0, 0])
    assert found.facts["echo_time_s"] == pytest.approx(12.7e-3)
    assert found.facts["matrix_x"] == 12
    assert len(found.sources) == 2


def test_a_dicom_series_without_its_partner_is_refused(tmp_path):
    for name, kinds, sentence in (
        ("one", ("M",), "magnitude and phase, or real"),
        ("none", (), "holds no images"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(ImageError, match=sentence):
            read_complex_dicom(write_series(folder, kinds), "radians")
    folder = write_series(tmp_path)
    (folder / "P20.dcm").unlink()
    with pytest.raises(ImageError, match="needs its partner"):
        read_complex_dicom(folder, "radians")


def test_temperature_and_dose_become_parametric_maps(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    found = read_complex_dicom(write_series(folder), "radians")
    values = RNG.uniform(-2, 20, (2, 12, 10)).astype(np.float32)
    for quantity in ("delta_t", "dose"):
        path = tmp_path / f"{quantity}.dcm"
        write_parametric_map(values, quantity, found.sources, path)
        d = pydicom.dcmread(path)
        assert d.SOPClassUID.name == "Parametric Map Storage"
        assert d.StudyInstanceUID == STUDY
        stored = np.frombuffer(d.FloatPixelData, "<f4").reshape(2, 10, 12)
        for frame, groups in zip(stored, d.PerFrameFunctionalGroupsSequence, strict=True):
            place = groups.PlanePositionSequence[0].ImagePositionPatient[2]
            assert np.array_equal(frame.T, values[round(place / 3)])
    with pytest.raises(ImageError, match="derived from one DICOM image"):
        write_parametric_map(values, "dose", (), tmp_path / "x.dcm")


def test_frames_are_written_with_unit_and_place(tmp_path):
    values = RNG.standard_normal((12, 10, 2, 3)).astype(np.float32)
    affine = AFFINE_MM.copy()
    affine[:3] *= 1e-3
    write_frames(values, affine, "K", tmp_path / "t.nii.gz", {"a": "b."})
    image = nib.load(tmp_path / "t.nii.gz")
    assert np.array_equal(image.get_fdata(dtype=np.float32), values)
    assert image.affine == pytest.approx(AFFINE_MM, abs=1e-5)
    assert '"unit": "K"' in (tmp_path / "t.json").read_text()
