"""NIfTI files in: metres, RAS, float32, or one sentence why not."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from insonate.core import Frame, ImageError, Volume
from insonate.core.units import MM
from insonate.images.bounds import require_finite, require_spacing, require_three_axes
from insonate.images.orientation import as_ras
from insonate.images.untyped import nib

_LENGTH_UNITS = {0: ("unknown", MM), 1: ("metre", 1.0), 2: ("mm", MM), 3: ("micron", 1e-6)}
"""NIfTI-1's codes in the low three bits of xyzt_units; "unknown" is read as mm, the habit."""

_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
)


def read_nifti(path: Path, frame: Frame, unit: str) -> Volume:
    """Read one NIfTI volume as it is, in RAS.

    The header is checked before any voxel is loaded. A fourth axis of length 1 is dropped.

    Parameters
    ----------
    path
        A ``.nii`` or ``.nii.gz`` file.
    frame, unit
        What the volume is.

    Returns
    -------
    Volume
        float32, axis-aligned RAS, m.

    Raises
    ------
    ImageError
        When the file cannot be read, or is not one volume with a place in space.
    """
    what = f"The image {path.name}"
    image = open_nifti(path)
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    require_three_axes(shape, what)
    _require_scalars(image, what)
    affine = nifti_affine_m(image, what)
    array = _voxels(image, path).reshape(shape)
    require_finite(array, what)
    return as_ras(array, affine, (frame, unit))


def open_nifti(path: Path) -> Any:
    """Open the header alone."""
    try:
        image = nib.load(path)
    except _BROKEN as error:
        raise ImageError(
            f"The file {path} cannot be read as NIfTI: it is damaged, cut short, or of another "
            "kind. Give a whole .nii or .nii.gz file."
        ) from error
    if not isinstance(image, nib.Nifti1Pair):
        raise ImageError(
            f"The file {path} is a {type(image).__name__}, which keeps no trustworthy left and "
            "right; convert it to NIfTI."
        )
    return image


def _require_scalars(image: Any, what: str) -> None:
    dtype = image.get_data_dtype()
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise ImageError(
            f"{what} holds colours or complex numbers ({dtype}); one real number per voxel is "
            "needed. Give the original image, not a rendering."
        )


def nifti_affine_m(image: Any, what: str) -> NDArray[np.float64]:
    """Return index to metres RAS; refuse a header that does not tell left from right."""
    header = image.header
    if int(header["qform_code"]) <= 0 and int(header["sform_code"]) <= 0:
        raise ImageError(
            f"{what} has neither a qform nor an sform, so left and right are not known; set one "
            "of them when you convert the image."
        )
    _require_one_orientation(image, what)
    code = int(header["xyzt_units"]) & 7
    if code not in _LENGTH_UNITS:
        raise ImageError(
            f"{what} gives its lengths in a unit with the code {code}, which NIfTI does not know; "
            "mm (2) is the habit. Correct the header."
        )
    unit, scale = _LENGTH_UNITS[code]
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= scale
    if np.isfinite(affine).all():
        require_spacing(np.linalg.norm(affine[:3, :3], axis=0), what, unit)
    return affine


def _require_one_orientation(image: Any, what: str) -> None:
    """When both forms are set they must agree which way each axis runs."""
    header = image.header
    if int(header["qform_code"]) <= 0 or int(header["sform_code"]) <= 0:
        return
    try:
        forms = [
            nib.orientations.io_orientation(form)
            for form in (image.get_qform(), image.get_sform())
        ]
    except (ValueError, np.linalg.LinAlgError, HeaderDataError) as error:
        raise ImageError(
            f"{what} has a qform or sform that is not a valid orientation; write the file again "
            "with a valid one."
        ) from error
    if not np.array_equal(*forms):
        raise ImageError(
            f"{what} says two things about its orientation: its qform and its sform disagree "
            "about which way the axes run. Set both to the true one."
        )


def _voxels(image: Any, path: Path) -> NDArray[np.float32]:
    try:
        whole = _unpacked(image, path) if path.name.lower().endswith(".gz") else image
        values: NDArray[np.float32] = np.asarray(whole.dataobj, dtype=np.float32)
    except _BROKEN as error:
        raise ImageError(
            f"The file {path} ends before all of its voxels, or is damaged; copy it again from "
            "where it came."
        ) from error
    return values


def _unpacked(image: Any, path: Path) -> Any:
    """Unpack a whole gzip file, so that its check sum is compared; nibabel stops before it."""
    expected = int(np.prod(image.shape)) * image.get_data_dtype().itemsize
    with gzip.open(path) as file:
        content = file.read(int(image.dataobj.offset) + expected)
        file.read(1)
    return type(image).from_bytes(content)
