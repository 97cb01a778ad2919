"""A CT or an MR from a path, whatever kind of file it is."""

from pathlib import Path

from insonate.core import Frame, ImageError, Volume
from insonate.images.dicom import read_dicom
from insonate.images.nifti import read_nifti
from insonate.images.quality import inspect_ct, require_whole_vault


def read_ct(path: Path) -> Volume:
    """Read a head CT and refuse what is not one.

    Parameters
    ----------
    path
        A ``.nii`` or ``.nii.gz`` file, or a folder with one DICOM series.

    Returns
    -------
    Volume
        Frame CT, unit "HU", float32, axis-aligned RAS with positive spacing, m.

    Raises
    ------
    ImageError
        One whole sentence or more: what was found, what is allowed, what to do.
    """
    ct = _read(path, Frame.CT, "HU")
    require_whole_vault(inspect_ct(ct))
    return ct


def read_mr(path: Path) -> Volume:
    """Read an MR of a head.

    Parameters
    ----------
    path
        A ``.nii`` or ``.nii.gz`` file, or a folder with one DICOM series.

    Returns
    -------
    Volume
        Frame MR, unit "1", float32, axis-aligned RAS with positive spacing, m.

    Raises
    ------
    ImageError
        When it cannot be read, or holds one value only.
    """
    mr = _read(path, Frame.MR, "1")
    if float(mr.array.max()) <= float(mr.array.min()):
        raise ImageError(
            f"The MR {path.name} holds one value only, {float(mr.array.min()):g}; give an image "
            "with a head in it."
        )
    return mr


def _read(path: Path, frame: Frame, unit: str) -> Volume:
    if not path.exists():
        raise ImageError(
            f"There is no file or folder {path}; give a .nii or .nii.gz file, or a folder with "
            "DICOM slices."
        )
    if path.is_dir():
        return read_dicom(path, frame, unit)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return read_nifti(path, frame, unit)
    if path.suffix.lower() in {".dcm", ".ima"}:
        raise ImageError(
            f"The file {path.name} is one DICOM file; give the folder that holds all slices of "
            "the series."
        )
    raise ImageError(
        f"The file {path.name} is of a kind that is not known; give a .nii or .nii.gz file, or a "
        "folder with DICOM slices."
    )
