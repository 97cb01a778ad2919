"""Left and right through every reader, writer and registration; arrays and their tables."""

import tempfile
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from insonate.array import Array, format_element_table, hemisphere, parse_element_table
from insonate.core import Frame, Grid, Transform, Volume
from insonate.core.frames import affine_from
from insonate.images import read_ct, register, resample_to, write_volume
from insonate.verification.check import Check, at_least, at_most

MARKER_M = np.array((0.03, 0.02, 0.045))
"""Right, anterior and superior of the middle: a bead of 2500 HU inside the brain."""

SPACING_M = 4e-3
_REFERENCE = "where the bead was put"


def marked_head() -> Volume:
    """Return a head of one shell whose only asymmetry is a bead on its right side."""
    grid = Grid.centred((0, 0, 0.01), SPACING_M, (50, 60, 55), Frame.CT)
    x, y, z = np.moveaxis(grid.points(), -1, 0)
    radius = np.sqrt((x / 0.075) ** 2 + (y / 0.095) ** 2 + (z / 0.08) ** 2)
    hu = np.select([radius < 0.88, radius < 1.0, radius < 1.08], [36, 1200, 40], -1000)
    bead = np.linalg.norm(grid.points() - MARKER_M, axis=-1) < 1.5 * SPACING_M
    return Volume(np.where(bead, 2500, hu).astype(np.int16), grid, "HU")


def marker_error_m(volume: Volume) -> float:
    """Return how far the bead of a volume lies from where it was put, m."""
    found = volume.grid.points()[np.asarray(volume.array) > 2000].mean(axis=0)
    return float(np.linalg.norm(found - MARKER_M))


def nifti_error_m(head: Volume, folder: Path) -> float:
    """Return the bead's largest error through NIfTI files in all 48 axis orders and flips, m."""
    affine = head.grid.affine.copy()
    affine[:3] *= 1e3
    errors = []
    for order, flips in product(permutations(range(3)), product((1, -1), repeat=3)):
        orientation = np.array([[axis, flip] for axis, flip in zip(order, flips, strict=True)])
        image = nib.Nifti1Image(np.asarray(head.array), affine)  # type: ignore[no-untyped-call]
        image.header["xyzt_units"] = 2  # millimetres
        turned: nib.Nifti1Image = image.as_reoriented(orientation)  # type: ignore[no-untyped-call]
        path = folder / "turned.nii"
        nib.save(turned, path)
        errors.append(marker_error_m(read_ct(path)))
    return max(errors)


def written_error_m(head: Volume, folder: Path) -> float:
    """Return the bead's error through our own writer, m."""
    path = folder / "written.nii.gz"
    write_volume(head, path, {})
    return marker_error_m(read_ct(path))


def dicom_error_m(head: Volume, folder: Path) -> float:
    """Return the bead's error through a DICOM series (LPS, rows backwards, numbers backwards), m."""
    series = folder / "series"
    series.mkdir()
    uid = generate_uid()
    x, y, z = (axis * 1e3 for axis in head.grid.axes())
    for k in range(head.grid.shape[2]):
        stored = (np.asarray(head.array)[::-1, ::-1, k].T.astype(int) + 1024) // 2
        data = _dicom_slice(stored, (-x[-1], -y[-1], z[k]), uid)
        data.InstanceNumber = 900 - k
        data.save_as(series / f"{900 - k:04d}.dcm", enforce_file_format=True)
    return marker_error_m(read_ct(series))


def _dicom_slice(
    stored: NDArray[np.int_], position_mm: tuple[float, float, float], series: str
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SeriesInstanceUID = "CT", series
    data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.RescaleSlope, data.RescaleIntercept = 2, -1024
    data.PixelSpacing = [1e3 * SPACING_M, 1e3 * SPACING_M]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [float(p) for p in position_mm]
    data.PixelData = stored.astype(np.uint16).tobytes()
    return data


def registration_error_m(head: Volume) -> float:
    """Return the bead's error after a shifted copy was registered to the head, m."""
    shift = Transform(Frame.CT, Frame.CT, affine_from(np.eye(3), (5e-3, -4e-3, 3e-3)))
    moved = resample_to(head, head.grid, shift)
    as_mr = Volume(np.asarray(moved.array), _in_frame(moved.grid, Frame.MR), "HU")
    found = register(head, as_mr, kind="rigid").transform
    mapped = found.apply(shift.apply(MARKER_M))
    return float(np.linalg.norm(mapped - MARKER_M))


def _in_frame(grid: Grid, frame: Frame) -> Grid:
    return Grid(grid.shape, grid.affine, frame)


def table_error_m(array: Array) -> float:
    """Return the largest change of an element through its table, m."""
    again = parse_element_table(format_element_table(array))
    return float(np.abs(again.centres - array.centres).max())


def least_gap_m(array: Array) -> float:
    """Return the smallest room between the discs of two elements, m; negative where they overlap."""
    radius = np.sqrt(array.areas / np.pi)
    apart = np.linalg.norm(array.centres[:, None] - array.centres[None], axis=-1)
    gap = apart - radius[:, None] - radius[None]
    np.fill_diagonal(gap, np.inf)
    return float(gap.min())


def checks() -> Iterator[Check]:
    """Yield every check of images and arrays, computed now."""
    head, array = marked_head(), hemisphere()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, error in (
            ("NIfTI in all 48 axis orders and flips", nifti_error_m(head, folder)),
            ("our NIfTI writer and back", written_error_m(head, folder)),
            ("a DICOM series", dicom_error_m(head, folder)),
        ):
            check = f"left-right marker through {what}"
            yield at_most("images", check, error * 1e3, 2.0, "mm", _REFERENCE)
    yield at_most(
        "images",
        "left-right marker through a registration of a shifted head",
        registration_error_m(head) * 1e3,
        2.0,
        "mm",
        "the shift that was made",
    )
    yield at_most(
        "array",
        "element table there and back",
        table_error_m(array) * 1e3,
        1e-5,
        "mm",
        "the array that was written",
    )
    yield at_least(
        "array",
        "room between the discs of 1024 elements",
        least_gap_m(array) * 1e3,
        0.0,
        "mm",
        "discs that do not overlap",
    )
