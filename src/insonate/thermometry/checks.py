"""Are these complex images at all? One sentence for each way in which they are not."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError
from insonate.thermometry.protocol import Protocol

_HINT = "give complex images, real + 1j·imaginary or magnitude·exp(1j·phase)"


def complex_image(values: ArrayLike, protocol: Protocol, what: str) -> NDArray[np.complex64]:
    """Return an image as complex64 of the protocol's matrix and coils.

    Parameters
    ----------
    values
        Shape (nx, ny), with several coils (coils, nx, ny), complex.
    protocol
        Its matrix and coils are the wanted shape.
    what
        What the image is called in an error.

    Raises
    ------
    ImageError
        When it is real (magnitude or phase alone), has another shape, holds NaN, or is empty.
    """
    image = np.asarray(values)
    if not np.iscomplexobj(image):
        raise ImageError(f"{what} is real: {_looks_like(image)}; {_HINT}.")
    if image.shape != tuple(protocol.image_shape):
        raise ImageError(
            f"{what} has shape {image.shape}, the protocol '{protocol.name}' a matrix of "
            f"{tuple(protocol.image_shape)}; frames of another geometry cannot be compared."
        )
    result = np.ascontiguousarray(image, dtype=np.complex64)
    # The sum is NaN or infinite when anything in it is: one pass over memory.
    if not np.isfinite(result.sum()) and not np.isfinite(result).all():
        raise ImageError(f"{what} holds NaN or infinity; drop the frame.")
    if not result.any():
        raise ImageError(f"{what} is zero everywhere; the frame is empty.")
    if not result.imag.any():
        raise ImageError(f"{what} has no imaginary part, so it has lost its phase; {_HINT}.")
    return result


def _looks_like(image: NDArray[np.generic]) -> str:
    if image.size == 0 or not np.issubdtype(image.dtype, np.number):
        return "it holds no numbers"
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    if low >= 0:
        return f"its values of {low:g} to {high:g} look like a magnitude without its phase"
    if max(-low, high) <= np.pi * 1.001:
        return f"its values of {low:.3g} to {high:.3g} look like a phase without its magnitude"
    return f"its values of {low:g} to {high:g} look like one channel, or a rescaled phase"


def from_magnitude_and_phase(
    magnitude: ArrayLike, phase_rad: ArrayLike
) -> NDArray[np.complex64]:
    """Put a complex image together from its magnitude and its phase.

    Parameters
    ----------
    magnitude
        Shape (...), not negative.
    phase_rad
        Shape (...), rad, within ±π.

    Raises
    ------
    ImageError
        When the shapes differ, the magnitude is negative (a phase given in its place), or the
        phase is not in radians (a vendor's integers: rescale them first).
    """
    m, phase = np.asarray(magnitude, np.float64), np.asarray(phase_rad, np.float64)
    if m.shape != phase.shape:
        raise ImageError(
            f"The magnitude has shape {m.shape}, the phase {phase.shape}; they must be one image."
        )
    if not (np.isfinite(m).all() and np.isfinite(phase).all()):
        raise ImageError("The magnitude or the phase holds NaN or infinity; drop the frame.")
    if (m < 0).any():
        raise ImageError(
            f"The magnitude reaches down to {m.min():g}; a magnitude is never negative. Was the "
            "phase given in its place?"
        )
    if np.abs(phase).max() > np.pi * 1.001:
        raise ImageError(
            f"The phase spans {phase.min():g} to {phase.max():g}; it must lie within ±π radians. "
            "Vendors store it as integers: rescale it first."
        )
    result: NDArray[np.complex64] = (m * np.exp(1j * phase)).astype(np.complex64)
    return result
