"""Where a result comes from: versions of what computed it, digests of what went in."""

import hashlib
import platform
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

DISCLAIMER = (
    "Research and training software. Simulated treatment. Not a medical device. "
    "NICE HTG491: this procedure should not be used."
)
"""Stands on every page, figure and export."""

_LIBRARIES = (
    "insonate",
    "numpy",
    "scipy",
    "numba",
    "nibabel",
    "pydicom",
    "SimpleITK",
    "pydantic",
)


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the libraries that compute."""
    found = {name: metadata.version(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), "platform": platform.platform(), **found}


def digest(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's dtype, shape and values (C order), as 64 hex digits."""
    contiguous = np.ascontiguousarray(array)
    head = f"{contiguous.dtype.str}{contiguous.shape}".encode()
    return hashlib.sha256(head + contiguous.tobytes()).hexdigest()
