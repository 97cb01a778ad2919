"""Several receive coils as one: the phase is combined before the angle is taken.

With the references S₀,c of the coils c, the virtual coil

    S = Σ_c S_c S₀,c* / |S₀|,   |S₀|² = Σ_c |S₀,c|²                                     (1)

has the noise of one channel, and S S₀* = Σ_c S_c S₀,c*, so that everything that is made for one
coil holds for many (Roemer et al., Magn. Reson. Med. 16:192, 1990, with the references as
sensitivities; Bernstein et al., Magn. Reson. Med. 32:330, 1994, for the phase difference). Channels
whose noise is correlated are whitened first. Adding the coils' images up as they are lets them
cancel where their phases differ.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import ifft2

from insonate.core import ImageError
from insonate.core.arrays import frozen
from insonate.thermometry.kernels import combine


def virtual_coil(
    images: NDArray[np.complex64], references: NDArray[np.complex64]
) -> NDArray[np.complex64]:
    """Combine the coils of one image: equation (1).

    Parameters
    ----------
    images, references
        Shape (coils, nx, ny), complex64: the image, and the mean of the unheated references.

    Returns
    -------
    NDArray
        Shape (nx, ny), complex64; the references themselves become √Σ|S₀,c|², real.

    Raises
    ------
    ImageError
        When the shapes differ.
    """
    if images.ndim != 3 or images.shape != references.shape:
        raise ImageError(
            f"The coils' images have shape {images.shape}, their references "
            f"{references.shape}; both must be (coils, nx, ny) of one series."
        )
    flat = (len(images), -1)
    power = (references.real**2 + references.imag**2).sum(axis=0)
    weight = 1.0 / np.sqrt(np.maximum(power, np.float32(1e-30)))
    weight[power <= 0] = 0.0
    result = np.empty(images.shape[1:], np.complex64)
    combine(
        np.ascontiguousarray(images).reshape(flat),
        np.ascontiguousarray(references).reshape(flat),
        weight.astype(np.float32).ravel(),
        result.ravel(),
    )
    return result


def whitening(noise: ArrayLike) -> NDArray[np.complex64]:
    """Return the matrix that makes the noise of the coils equal and uncorrelated.

    Parameters
    ----------
    noise
        Shape (coils, samples), complex: a measurement without signal.

    Returns
    -------
    NDArray
        Shape (coils, coils): multiply the coils' data by it; channels then keep the mean noise.

    Raises
    ------
    ImageError
        When there are too few samples, or a channel is dead.
    """
    samples = np.asarray(noise, np.complex128)
    if samples.ndim != 2 or samples.shape[1] < 10 * samples.shape[0]:
        raise ImageError(
            f"A noise measurement has shape (coils, samples) with at least ten samples for each "
            f"coil; this one has {samples.shape}."
        )
    covariance = samples @ samples.conj().T / samples.shape[1]
    scale = float(np.trace(covariance).real) / len(samples)
    values = np.linalg.eigvalsh(covariance)
    if not np.isfinite(values).all() or values[0] <= 1e-9 * scale:
        raise ImageError(
            "A receive channel is dead, or two are the same; leave it out and measure again."
        )
    matrix = np.linalg.inv(np.linalg.cholesky(covariance)) * np.sqrt(scale)
    return frozen(matrix, np.complex64)


def image_of(kspace: ArrayLike) -> NDArray[np.complex64]:
    """Reconstruct images from fully sampled Cartesian k-space.

    Parameters
    ----------
    kspace
        Shape (..., nx, ny), complex, the centre of k-space at (nx // 2, ny // 2).

    Returns
    -------
    NDArray
        Shape (..., nx, ny), complex64; unitary, so that the noise stays what it was.
    """
    k = np.asarray(kspace)
    if not np.iscomplexobj(k) or k.ndim < 2:
        raise ImageError(
            f"k-space is complex with at least two axes, not {k.dtype} of shape {k.shape}."
        )
    nx, ny = k.shape[-2:]
    if nx % 2 or ny % 2:
        shifted = np.fft.ifftshift(k, axes=(-2, -1))
        image = ifft2(shifted.astype(np.complex64), norm="ortho", workers=1)
        return np.fft.fftshift(image, axes=(-2, -1)).astype(np.complex64)
    # A shift by half of an even length is a change of every second sign on the other side.
    sign = (1 - 2 * ((np.arange(nx)[:, None] + np.arange(ny)) % 2)).astype(np.float32)
    board = np.multiply(k, sign, dtype=np.complex64)
    result: NDArray[np.complex64] = ifft2(board, norm="ortho", overwrite_x=True, workers=1)
    result *= sign * np.float32((-1) ** ((nx + ny) // 2))
    return result
