"""Arrays beside the record, each in a file named by its content.

The file is NumPy's own format, version 1.0, written here so that its bytes are the same whatever
NumPy writes today: what differs in one bit from the canonical bytes has been changed.
"""

import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import RecordError
from insonate.core.arrays import frozen
from insonate.core.provenance import digest
from insonate.events import ArrayRef

_ALIGN = 64
_KINDS = "biufc"
"""Booleans, integers, floats, complex: what has one meaning everywhere."""


def npy_head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the canonical beginning of a .npy file of C order: magic, version 1.0, header."""
    sizes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({sizes}), }}"
    used = len(np.lib.format.MAGIC_PREFIX) + 4 + len(head) + 1
    head += " " * (-used % _ALIGN) + "\n"
    prefix = np.lib.format.MAGIC_PREFIX + bytes([1, 0]) + struct.pack("<H", len(head))
    return prefix + head.encode("latin1")


def portable(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return ``array`` in C order and little endian, with one dimension or more.

    Raises
    ------
    RecordError
        When it does not hold numbers.
    """
    found = np.ascontiguousarray(array)
    if found.dtype.kind not in _KINDS:
        raise RecordError(
            f"The array {name} holds {found.dtype}; a record takes booleans and numbers only."
        )
    return found.astype(found.dtype.newbyteorder("<"), copy=False)


def reference(array: NDArray[Any], unit: str) -> ArrayRef:
    """Return what an event says of an array made ``portable``."""
    return ArrayRef(digest=digest(array), dtype=array.dtype.str, shape=array.shape, unit=unit)


def array_path(folder: Path, digest_hex: str) -> Path:
    """Return where the array of that digest lies."""
    return folder / "arrays" / f"{digest_hex}.npy"


def store(folder: Path, array: NDArray[Any], ref: ArrayRef, *, durable: bool) -> None:
    """Write an array so that the file is whole or absent, whatever happens in between."""
    path = array_path(folder, ref.digest)
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(handle, npy_head(array.dtype.str, array.shape) + array.tobytes())
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)
    unfinished.rename(path)
    if durable:
        sync_folder(path.parent)


def load(folder: Path, ref: ArrayRef) -> NDArray[Any]:
    """Return the array that ``ref`` names, read-only.

    Raises
    ------
    RecordError
        When the file is missing, or is not bit for bit what was recorded.
    """
    path = array_path(folder, ref.digest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(
            f"The array {ref.digest} cannot be read ({error.strerror}); restore {path.name}."
        ) from error
    array = _decoded(content, ref)
    if array is None or digest(array) != ref.digest:
        raise RecordError(
            f"The array {ref.digest} was changed after it was recorded; restore {path.name}."
        )
    return frozen(array)


def _decoded(content: bytes, ref: ArrayRef) -> NDArray[Any] | None:
    """Return the array, or None where the file does not begin and end as its event says.

    The event tells dtype and shape, so the file's own header is compared, never interpreted.
    """
    head, dtype = npy_head(ref.dtype, ref.shape), np.dtype(ref.dtype)
    length = len(head) + math.prod(ref.shape) * dtype.itemsize
    if dtype.kind not in _KINDS or len(content) != length or not content.startswith(head):
        return None
    found: NDArray[Any] = np.frombuffer(content, dtype, offset=len(head)).reshape(ref.shape)
    return found


def write_all(handle: int, content: bytes) -> None:
    """Write every byte; the system may take fewer at a time."""
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders, and keeps names by itself
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
