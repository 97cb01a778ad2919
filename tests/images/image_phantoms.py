"""Small heads for the image tests: a skull of one shell, with a marker on its right side."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from insonate.core import Frame, Grid, Volume

MARKER_M = np.array((0.03, 0.02, 0.045))
"""Right, anterior, superior of the middle: a bead of 2500 HU inside the brain."""


def head_ct(spacing_m: float = 4e-3, *, top_m: float = 0.12) -> Volume:
    """Return an ellipsoidal head, HU, int16; ``top_m`` is where the image ends above its middle."""
    count = [round(0.2 / spacing_m), round(0.24 / spacing_m), round((0.10 + top_m) / spacing_m)]
    affine = np.diag([spacing_m, spacing_m, spacing_m, 1.0])
    affine[:3, 3] = (-0.1, -0.12, -0.10)
    grid = Grid(tuple(count), affine, Frame.CT)
    x, y, z = np.moveaxis(grid.points(), -1, 0)
    radius = np.sqrt((x / 0.075) ** 2 + (y / 0.095) ** 2 + (z / 0.08) ** 2)
    hu = np.select([radius < 0.88, radius < 1.0, radius < 1.08], [36, 1200, 40], -1000)
    bead = np.linalg.norm(grid.points() - MARKER_M, axis=-1) < 1.5 * spacing_m
    return Volume(np.where(bead, 2500, hu).astype(np.int16), grid, "HU")


def marker_of(volume: Volume) -> np.ndarray:
    """Return the centre of what is above 2000 HU, m."""
    return volume.grid.points()[volume.array > 2000].mean(axis=0)


def save_nifti(path: Path, array: np.ndarray, affine_mm: np.ndarray, unit: str = "mm") -> Path:
    image = nib.Nifti1Image(array, affine_mm)
    image.header.set_xyzt_units(unit)
    image.set_qform(affine_mm, code=1, strip_shears=True)
    image.set_sform(affine_mm, code=1)
    nib.save(image, path)
    return path


def nifti_of(volume: Volume, path: Path) -> Path:
    affine = np.array(volume.grid.affine)
    affine[:3] *= 1e3
    return save_nifti(path, np.asarray(volume.array), affine)


def dicom_slice(
    stored: np.ndarray, position_mm, number: int, series: str, **tags
) -> FileDataset:
    """Return one CT slice; ``stored`` is (rows, columns), HU + 1024."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SeriesInstanceUID, data.InstanceNumber = "CT", series, number
    data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.RescaleSlope, data.RescaleIntercept = 2, -1024
    data.PixelSpacing = [4, 4]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [float(p) for p in position_mm]
    data.PixelData = stored.astype(np.uint16).tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def save_series(folder: Path, volume: Volume, **tags) -> Path:
    """Write a volume as axial slices in the DICOM habit: columns to the left, rows backwards."""
    folder.mkdir(parents=True, exist_ok=True)
    series = generate_uid()
    x, y, z = (axis * 1e3 for axis in volume.grid.axes())
    for k in range(volume.grid.shape[2]):
        # column 0 is the patient's rightmost voxel, row 0 the foremost
        stored = (volume.array[::-1, ::-1, k].T.astype(int) + 1024) // 2
        position = (-x[-1], -y[-1], z[k])
        # numbers run backwards: the order must come from the positions
        data = dicom_slice(stored, position, 900 - k, series, **tags)
        data.save_as(folder / f"{900 - k:04d}.dcm", enforce_file_format=True)
    return folder


def edit_slices(folder: Path, change) -> None:
    """Apply ``change(index, dataset)`` to every slice, in the order of their names."""
    for index, path in enumerate(sorted(folder.glob("*.dcm"))):
        data = pydicom.dcmread(path)
        change(index, data)
        data.save_as(path)
