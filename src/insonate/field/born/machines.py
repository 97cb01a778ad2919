"""What the iteration runs on: the kernels of the CPU, or a graphics processor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.field.born import device, fft
from insonate.field.born.box import Padding, fill_box, wavenumbers_squared
from insonate.field.born.iteration import Problem, Shift, Step, iterate
from insonate.field.born.medium import Medium
from insonate.field.born.options import BornOptions
from insonate.field.born.sources import SourceBlock


class Readable(Protocol):
    """ψ, wherever it lies: what is read from it is a NumPy array."""

    def __getitem__(self, where: Any, /) -> Any:
        """Return part of the box."""


@dataclass(frozen=True, eq=False)
class Machine:
    """One problem on one machine.

    Parameters
    ----------
    psi
        The box; changed by the steps.
    steps
        Iterations from ψ = 0, for ever, with a shift.
    provenance
        Device, FFT library, threads.
    """

    psi: Readable
    steps: Callable[[Shift], Iterator[Step]]
    provenance: dict[str, str]


def machine_for(
    medium: Medium, blocks: tuple[SourceBlock, ...], padding: Padding, options: BornOptions
) -> Machine:
    """Put a problem on the device of the options.

    Raises
    ------
    SettingsError
        When the device or the FFT library is not there, or the device's memory is too small.
    """
    make = _on_gpu if options.device == "cuda" else _on_cpu
    return make(medium, blocks, padding, options)


def _on_cpu(
    medium: Medium, blocks: tuple[SourceBlock, ...], padding: Padding, options: BornOptions
) -> Machine:
    library = fft.choose(options.fft)
    threads = options.threads or numba.get_num_threads()
    work = np.empty(padding.shape, np.complex64)
    problem = Problem(
        potential=fill_box(medium, padding, options.absorber),
        sources=blocks,
        padding=padding,
        squares=_squares(medium, padding),
        work=work,
        transform=fft.transform(library, work, threads),
    )
    psi = np.empty(padding.shape, np.complex64)
    told = {"device": "cpu", "fft": fft.described(library), "threads": str(threads)}
    return Machine(psi, lambda shift: iterate(problem, psi, shift), told)


def _on_gpu(
    medium: Medium, blocks: tuple[SourceBlock, ...], padding: Padding, options: BornOptions
) -> Machine:
    backend = device.cuda_backend()
    device.require_device_memory(backend, padding.size)
    problem = device.upload(
        backend,
        fill_box(medium, padding, options.absorber),
        _squares(medium, padding),
        blocks,
        padding,
    )
    psi = device.empty_box(backend, padding.shape)
    told = {"device": backend.name, "fft": backend.transforms.__name__}
    return Machine(psi, lambda shift: device.iterate_on_device(problem, psi, shift), told)


def _squares(
    medium: Medium, padding: Padding
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return -∇² in wavenumbers for a medium."""
    uniform = medium.fastest == medium.slowest and not np.ptp(medium.root_density)
    return wavenumbers_squared(
        padding, medium.spacing, medium.points_per_wavelength, uniform=uniform
    )
