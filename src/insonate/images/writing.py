"""Volumes to disk: NIfTI with a JSON sidecar, never half-written."""

import gzip
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError, Volume
from insonate.core.provenance import DISCLAIMER, digest
from insonate.core.units import MM
from insonate.images.untyped import nib

_STORED_TYPES = (np.int8, np.uint8, np.int16, np.int32, np.float32, np.float64)


def nifti_bytes(volume: Volume, description: str) -> bytes:
    """Return a volume as an uncompressed NIfTI-1 file: mm, RAS, qform and sform set.

    Parameters
    ----------
    volume
        Any frame; bool is stored as uint8, other types must be NIfTI's own.
    description
        At most 79 ASCII characters for the header.

    Raises
    ------
    ImageError
        When the array's type cannot be stored.
    """
    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    if array.dtype not in _STORED_TYPES:
        raise ImageError(
            f"An array of type {array.dtype} cannot be stored as NIfTI; convert it to int16 or "
            "float32 first."
        )
    affine = np.array(volume.grid.affine)
    affine[:3] /= MM
    image = nib.Nifti1Image(array, affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    content: bytes = image.to_bytes()
    return content


def write_volume(volume: Volume, path: Path, notes: Mapping[str, str]) -> None:
    """Write ``path`` (NIfTI) and beside it a JSON sidecar with frame, unit and notes.

    Both are written to temporary files and moved into place when they are complete, the
    sidecar first: a NIfTI file that is there is whole and has its sidecar.

    Parameters
    ----------
    volume
        What is written.
    path
        Ends in ``.nii`` or ``.nii.gz``; its folder is made if need be.
    notes
        Whole sentences by topic, for the sidecar.

    Raises
    ------
    ImageError
        When the name has another ending, or the file cannot be written.
    """
    stem = stem_of(path)
    content = nifti_bytes(volume, "insonate: research and training only")
    if path.name.lower().endswith(".gz"):
        content = gzip.compress(content, 6, mtime=0)
    sidecar = {
        "frame": str(volume.frame),
        "unit": volume.unit,
        "axes": "RAS",
        "shape": volume.grid.shape,
        "spacing_m": volume.grid.spacing_m.tolist(),
        "digest": digest(volume.array),
        "notes": dict(notes),
        "disclaimer": DISCLAIMER,
    }
    text = json.dumps(sidecar, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    _write_whole(path.parent / f"{stem}.json", text.encode())
    _write_whole(path, content)


def write_frames(
    values: NDArray[np.float32],
    affine_m: NDArray[np.float64],
    unit: str,
    path: Path,
    notes: Mapping[str, str],
) -> None:
    """Write frames of slices in the axes that they were taken in, with a JSON sidecar.

    Parameters
    ----------
    values
        Shape (nx, ny, slices, frames), float32; NaN where nothing is known.
    affine_m
        Shape (4, 4): index (i, j, slice) to patient RAS metres.
    unit
        Of the values.
    path, notes
        As ``write_volume``.

    Raises
    ------
    ImageError
        When the name has another ending, or the file cannot be written.
    """
    stem = stem_of(path)
    affine = np.array(affine_m)
    affine[:3] /= MM
    image = nib.Nifti1Image(np.asarray(values, np.float32), affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"insonate: research and training only"
    content: bytes = image.to_bytes()
    if path.name.lower().endswith(".gz"):
        content = gzip.compress(content, 6, mtime=0)
    sidecar = {
        "unit": unit,
        "shape": values.shape,
        "notes": dict(notes),
        "disclaimer": DISCLAIMER,
    }
    text = json.dumps(sidecar, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    _write_whole(path.parent / f"{stem}.json", text.encode())
    _write_whole(path, content)


def stem_of(path: Path) -> str:
    """Return the file's name without ``.nii`` or ``.nii.gz``.

    Raises
    ------
    ImageError
        When it ends in neither.
    """
    for ending in (".nii.gz", ".nii"):
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    raise ImageError(
        f"The file name '{path.name}' is not that of a NIfTI file; it must end in .nii or "
        ".nii.gz."
    )


def _write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary neighbour, flush it to disk, and move it over ``path``."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".part-", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ImageError(
            f"The file {path} cannot be written: {error.strerror}. Choose another folder."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
