"""What the slice looks like unheated: one picture, or a library of them.

A head that breathes has no single baseline. A library holds references over the breathing cycle;
from it either the *nearest* is taken (Vigen et al., Magn. Reson. Med. 50:1003, 2003) or the few
*modes* in which their phases vary, whose amounts are fitted to each frame together with the drift
(de Senneville et al., Magn. Reson. Med. 57:319, 2007, with principal components).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from insonate.core import ImageError
from insonate.core.arrays import frozen
from insonate.thermometry.checks import complex_image
from insonate.thermometry.coils import virtual_coil
from insonate.thermometry.kernels import angles
from insonate.thermometry.protocol import Protocol

LARGEST_LIBRARY = 64
MODE_OVER_NOISE = 2.0
"""A mode is kept where it explains this much more variance than what is typical of noise."""

MODE_SMOOTHING = 3.0
"""Voxels: breathing changes the field from outside the slice, smoothly; noise is not smooth."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """Unheated references of one slice.

    Parameters
    ----------
    signal
        Shape (nx, ny), complex64: their mean, of the virtual coil where there are several.
    count
        How many there are, N.
    library
        Shape (N, nx, ny), complex64: each of them, turned to the phase of the last.
    coils
        Shape (coils, nx, ny), complex64: their mean in each coil; None with one coil.
    """

    signal: NDArray[np.complex64]
    count: int
    library: NDArray[np.complex64]
    coils: NDArray[np.complex64] | None = None

    @cached_property
    def magnitude(self) -> NDArray[np.float32]:
        """Shape (nx, ny), float32."""
        return frozen(np.abs(self.signal), np.float32)

    @cached_property
    def brightness(self) -> NDArray[np.float32]:
        """Shape (nx, ny), float32: mean magnitude, water included, whose phases cancel."""
        return frozen(np.abs(self.library).mean(axis=0), np.float32)

    def of(self, image: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Return an image (coils, nx, ny) or (nx, ny) of one series as one coil's, (nx, ny)."""
        return image if self.coils is None else virtual_coil(image, self.coils)


def average_baselines(images: ArrayLike, protocol: Protocol) -> Baseline:
    """Average unheated references as complex numbers, and keep each.

    Parameters
    ----------
    images
        Shape (n, nx, ny) or (nx, ny), complex; with several coils (n, coils, nx, ny) or
        (coils, nx, ny).
    protocol
        The header.

    Raises
    ------
    ImageError
        When there is none or more than 64, or one is not a complex image of the protocol.
    """
    stack = np.asarray(images)
    one = 2 if protocol.coils == 1 else 3
    stack = stack[None] if stack.ndim == one else stack
    if stack.ndim != one + 1 or not 1 <= len(stack) <= LARGEST_LIBRARY:
        shape = "(n, nx, ny)" if one == 2 else "(n, coils, nx, ny)"
        raise ImageError(
            f"References have shape {shape} with n from 1 to {LARGEST_LIBRARY}, not {stack.shape}."
        )
    checked = [complex_image(image, protocol, "A reference image") for image in stack]
    # A shift of the centre frequency between references must not make them cancel; the last
    # is the nearest in time to the frames.
    turned = np.stack([image * _phasor_to(checked[-1], image) for image in checked])
    mean = np.mean(turned, axis=0)
    if one == 2:
        return Baseline(frozen(mean, np.complex64), len(turned), frozen(turned, np.complex64))
    coils = mean.astype(np.complex64)
    library = np.stack([virtual_coil(image, coils) for image in turned])
    return Baseline(
        frozen(virtual_coil(coils, coils)), len(turned), frozen(library), frozen(coils)
    )


def _phasor_to(one: NDArray[np.complex64], image: NDArray[np.complex64]) -> np.complex64:
    mean = complex(np.vdot(image, one))
    return np.complex64(mean / abs(mean)) if abs(mean) > 0 else np.complex64(1)


def nearest(
    baseline: Baseline, frame: NDArray[np.complex64], cold: NDArray[np.intp]
) -> NDArray[np.complex64]:
    """Return the reference that is most like a frame in its cold tissue, whatever their turn.

    Parameters
    ----------
    baseline
        The library.
    frame
        Shape (nx, ny).
    cold
        Flat indices of cold tissue.
    """
    seen = frame.ravel()[cold]
    likeness = [abs(np.vdot(image.ravel()[cold], seen)) for image in baseline.library]
    size = [float(np.linalg.norm(image.ravel()[cold])) for image in baseline.library]
    best: NDArray[np.complex64] = baseline.library[int(np.argmax(np.array(likeness) / size))]
    return best


def phase_modes(baseline: Baseline, where: NDArray[np.intp], most: int) -> NDArray[np.float32]:
    """Return the modes in which the phases of a library vary, the strongest first.

    Parameters
    ----------
    baseline
        The library.
    where
        Flat indices of the tissue, (n,); modes are weighted by its magnitude.
    most
        At most so many; none that the noise of the references could have made.

    Returns
    -------
    NDArray
        Shape (modes, n), float32, of root mean square 1; maybe none.
    """
    reference = baseline.signal.ravel()[where]
    phases = np.empty((baseline.count, where.size), np.float32)
    for image, phase in zip(baseline.library, phases, strict=True):
        product = image.ravel()[where] * reference.conj()
        mean = complex(product.sum())
        angles(product, mean / max(abs(mean), 1e-30), phase)
    weight = np.abs(reference) / float(np.sqrt((np.abs(reference) ** 2).mean()))
    weighted = (phases - phases.mean(axis=0)) * weight
    values, vectors = np.linalg.eigh(weighted @ weighted.T)
    # Of n references with noise alone all but one eigenvalue are alike (n << voxels).
    noise = float(np.median(values[1:])) if baseline.count > 3 else np.inf
    kept = [k for k in range(len(values) - 1, 0, -1) if values[k] > MODE_OVER_NOISE * noise]
    modes = np.stack([vectors[:, k] @ phases for k in kept[:most]]) if kept else None
    if modes is None:
        return np.zeros((0, where.size), np.float32)
    smooth = np.stack([_smoothed(mode, where, baseline.signal.shape) for mode in modes])
    scaled: NDArray[np.float32] = smooth / np.sqrt((smooth**2).mean(axis=1, keepdims=True))
    return scaled.astype(np.float32)


def _smoothed(
    mode: NDArray[np.float32], where: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Smooth a mode within the tissue; what lies outside has no weight."""
    image, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    image.ravel()[where], weight.ravel()[where] = mode, 1.0
    blurred, part = (gaussian_filter(a, MODE_SMOOTHING) for a in (image, weight))
    smooth: NDArray[np.float32] = blurred.ravel()[where] / part.ravel()[where]
    return smooth
