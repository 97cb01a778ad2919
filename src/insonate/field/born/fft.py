"""Three libraries that may do the Fourier transforms, found at run time, behind one function.

SciPy's is always there. ``mkl_fft`` (proprietary MKL) and ``pyfftw`` (GPL FFTW) are faster and
optional; whichever computes is named in the provenance of the field.
"""

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from insonate.core import SettingsError

Box = NDArray[np.complex64]


class Transform(Protocol):
    """In-place Fourier transforms of one box, both without any scaling."""

    def forward(self) -> None:
        """Transform the box to wavenumbers."""

    def backward(self) -> None:
        """Transform the box back, without dividing by the number of points."""


@dataclass(frozen=True)
class ScipyTransform:
    """SciPy's pocketfft, part of the base install."""

    box: Box
    threads: int

    def forward(self) -> None:
        """Transform the box to wavenumbers."""
        self._keep(scipy.fft.fftn(self.box, overwrite_x=True, workers=self.threads))

    def backward(self) -> None:
        """Transform the box back, without dividing by the number of points."""
        self._keep(
            scipy.fft.ifftn(self.box, norm="forward", overwrite_x=True, workers=self.threads)
        )

    def _keep(self, result: Box) -> None:
        if not np.shares_memory(result, self.box):
            self.box[:] = result


@dataclass(frozen=True)
class MklTransform:
    """Intel's MKL through ``mkl_fft``."""

    box: Box
    module: Any

    def forward(self) -> None:
        """Transform the box to wavenumbers."""
        self.module.fftn(self.box, out=self.box)

    def backward(self) -> None:
        """Transform the box back, without dividing by the number of points."""
        self.module.ifftn(self.box, norm="forward", out=self.box)


@dataclass(frozen=True)
class FftwTransform:
    """FFTW through ``pyfftw``; the plans hold the box."""

    box: Box
    to_wavenumbers: Any
    back: Any

    def forward(self) -> None:
        """Transform the box to wavenumbers."""
        self.to_wavenumbers.execute()

    def backward(self) -> None:
        """Transform the box back, without dividing by the number of points."""
        self.back.execute()


LIBRARIES = ("mkl_fft", "pyfftw", "scipy")
"""In the order of measured speed."""


def _found(name: str) -> Any:
    """Import an optional library; None where it is not installed or does not load."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):
        return None


def available() -> tuple[str, ...]:
    """Return the libraries that can be used here, fastest first."""
    return tuple(name for name in LIBRARIES if name == "scipy" or _found(name) is not None)


def choose(wanted: str) -> str:
    """Return the library to use: ``wanted``, or the fastest that is installed for "auto".

    Raises
    ------
    SettingsError
        When the wanted library is unknown or not installed.
    """
    here = available()
    if wanted == "auto":
        return here[0]
    if wanted not in here:
        raise SettingsError(
            f"The FFT library '{wanted}' cannot be used here; choose 'auto' or one of "
            f"{', '.join(here)}. mkl_fft and pyfftw are optional and installed with pip."
        )
    return wanted


def transform(name: str, box: Box, threads: int) -> Transform:
    """Return the transforms of ``box`` by the library ``name``."""
    module = _found(name)
    if name == "mkl_fft":
        return MklTransform(box, module)
    if name == "pyfftw":
        return _fftw(module, box, threads)
    return ScipyTransform(box, threads)


def _fftw(module: Any, box: Box, threads: int) -> Transform:
    plans = [
        module.FFTW(
            box, box, axes=(0, 1, 2), direction=way, flags=("FFTW_ESTIMATE",), threads=threads
        )
        for way in ("FFTW_FORWARD", "FFTW_BACKWARD")
    ]
    return FftwTransform(box, *plans)


def described(name: str) -> str:
    """Return name and version, for the provenance."""
    module = scipy if name == "scipy" else _found(name)
    return f"{name} {module.__version__}"
