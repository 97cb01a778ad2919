"""The same iteration on a graphics processor, through CuPy.

The two passes over memory are written once, as functions of one cell, for any module of arrays
that speaks NumPy: CuPy fuses each into one kernel, NumPy runs them as they stand. So the code of
the device is tested, cell by cell, on machines that have none. Derivation: ``iteration``.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.field.born.box import Padding
from insonate.field.born.iteration import RELAXATION, Shift, Step
from insonate.field.born.sources import SourceBlock

BYTES_PER_CELL = 48
"""ψ, t, U and Δψ in complex64, and what the transforms need: a result and a workspace."""

Array = Any
"""An array of whichever module computes."""


@dataclass(frozen=True, eq=False)
class Backend:
    """A module of arrays and what goes with it.

    Parameters
    ----------
    arrays, transforms
        NumPy and ``scipy.fft``, or CuPy and ``cupyx.scipy.fft``.
    fuse
        Makes one kernel of a function of cells, or leaves it as it is.
    to_host
        Copies an array of the device to NumPy.
    free_bytes
        Memory of the device that is free.
    name
        Library and device, for the provenance.
    """

    arrays: Any
    transforms: Any
    fuse: Callable[[Callable[..., Any]], Callable[..., Any]]
    to_host: Callable[[Array], NDArray[Any]]
    free_bytes: Callable[[], int]
    name: str


def host_backend() -> Backend:
    """Return NumPy in the place of the device: slow, and the same field."""
    return Backend(
        arrays=np,
        transforms=scipy.fft,
        fuse=lambda function: function,
        to_host=np.asarray,
        free_bytes=lambda: 2**62,
        name=f"numpy {np.__version__} in the place of a GPU",
    )


def cuda_backend() -> Backend:
    """Return CuPy.

    Raises
    ------
    SettingsError
        When CuPy is not installed, or finds no GPU that it can use.
    """
    try:
        cupy = importlib.import_module("cupy")
        transforms = importlib.import_module("cupyx.scipy.fft")
    except (ImportError, OSError) as error:
        raise SettingsError(
            f"The device 'cuda' needs CuPy, and it cannot be imported here ({_short(error)}); "
            "install insonate[cuda] on a machine with an NVIDIA GPU, or take the device 'cpu'."
        ) from error
    try:
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise SettingsError(
            f"CuPy finds no GPU that it can use ({_short(error)}); mend the driver, or take the "
            "device 'cpu'."
        ) from error
    return Backend(
        arrays=cupy,
        transforms=transforms,
        fuse=cupy.fuse,
        to_host=cupy.asnumpy,
        free_bytes=lambda: int(cupy.cuda.runtime.memGetInfo()[0]),
        name=f"cupy {cupy.__version__}, {properties['name'].decode()}",
    )


def _short(error: Exception) -> str:
    """Return the first line of an error, without a full stop at its end."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def available() -> bool:
    """Return whether a solve can run with the device "cuda" here."""
    try:
        cuda_backend()
    except SettingsError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class DeviceBox:
    """ψ on the device; what is read from it comes to the host."""

    values: Array
    backend: Backend

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(self.values.shape)

    def __getitem__(self, where: Any) -> NDArray[np.complex64]:
        """Return part of the box as a NumPy array."""
        indices = tuple(
            self.backend.arrays.asarray(i) if isinstance(i, np.ndarray) else i for i in where
        )
        return self.backend.to_host(self.values[indices])


@dataclass(frozen=True, eq=False)
class DeviceProblem:
    """All that an iteration needs, on the device.

    Parameters
    ----------
    backend
        The module of arrays.
    potential
        U of the whole box.
    squares
        k² along each axis, shaped to broadcast over the box.
    sources
        Where in the box, and what is added there.
    """

    backend: Backend
    potential: Array
    squares: tuple[Array, Array, Array]
    sources: tuple[tuple[tuple[slice, ...], Array], ...]


def require_device_memory(backend: Backend, cells: int) -> None:
    """Raise before anything is allocated when a box does not fit on the device."""
    needed, free = BYTES_PER_CELL * cells, backend.free_bytes()
    if needed > free:
        raise SettingsError(
            f"A box of {cells / 1e6:.0f} million cells needs about {needed / 2**30:.1f} GiB on the "
            f"GPU, and {free / 2**30:.1f} GiB are free there; a spacing "
            f"{(needed / free) ** (1 / 3):.2f} times as large would fit, or take the device 'cpu'."
        )


def upload(
    backend: Backend,
    potential: NDArray[np.complex64],
    squares: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    sources: tuple[SourceBlock, ...],
    padding: Padding,
) -> DeviceProblem:
    """Copy a problem to the device."""
    put = backend.arrays.asarray
    x, y, z = squares
    placed = []
    for block in sources:
        first = np.add(block.first, padding.offset)
        where = tuple(slice(f, f + n) for f, n in zip(first, block.values.shape, strict=True))
        placed.append((where, put(block.values)))
    return DeviceProblem(
        backend=backend,
        potential=put(potential),
        squares=(put(x[:, None, None]), put(y[None, :, None]), put(z[None, None, :])),
        sources=tuple(placed),
    )


def empty_box(backend: Backend, shape: tuple[int, int, int]) -> DeviceBox:
    """Return ψ on the device, not filled."""
    return DeviceBox(backend.arrays.empty(shape, np.complex64), backend)


def iterate_on_device(problem: DeviceProblem, psi: DeviceBox, shift: Shift) -> Iterator[Step]:
    """Iterate from ψ = 0, for ever, as ``iteration.iterate``; ``psi`` is changed in place.

    Yields
    ------
    Step
        After each iteration.
    """
    backend = problem.backend
    fft, norm = backend.transforms, backend.arrays.linalg.norm
    propagate, advance, scatter = (backend.fuse(f) for f in (_propagate, _advance, _scatter))
    shifted = np.complex64(shift.centre + 1j * shift.radius)
    turned = np.complex64(shift.radius + 1j * shift.centre)
    gain, i = np.float32(RELAXATION * shift.radius), np.complex64(1j)
    box = psi.values
    box[...] = 0
    t = backend.arrays.zeros_like(box)
    while True:
        for where, values in problem.sources:
            t[where] += values
        t = fft.fftn(t, overwrite_x=True)
        t = propagate(t, *problem.squares, shifted)
        t = fft.ifftn(t, overwrite_x=True)
        t -= box
        changed = float(norm(t))
        box[...] = advance(box, t, problem.potential, turned, i, gain)
        t = scatter(box, problem.potential, shifted)
        yield Step(changed, float(norm(box)))


def _propagate(t: Array, kx: Array, ky: Array, kz: Array, shifted: Array) -> Array:
    """Return G t, G = 1/(|k|² - c - iε)."""
    return t / (kx + ky + kz - shifted)


def _advance(psi: Array, error: Array, u: Array, turned: Array, i: Array, gain: Array) -> Array:
    """Return ψ + γ (t - ψ), γ = β/(1 - iv) = βε/(ε + ic - iU)."""
    return psi + gain / (turned - i * u) * error


def _scatter(psi: Array, u: Array, shifted: Array) -> Array:
    """Return V ψ, V = U - c - iε."""
    return (u - shifted) * psi
