"""MR acoustic radiation force imaging: the focus seen by the push of the sound, without heat.

A few milliseconds of sound displace tissue by micrometres along the beam. Between the lobes of a
motion-encoding gradient G of duration τ a displacement d turns the phase by 2π γ G τ d; with the
gradient reversed it turns it back (McDannold & Maier, Med. Phys. 35:3748, 2008). From the pair,

    d = arg(S₊ S₋* (S₊⁰ S₋⁰*)*) / (2 · 2π γ G τ)                                     (1)

what is the same in both (field, drift, heat, coil) falls out, and with a second pair without sound
so does what the gradient itself does (eddy currents). What is left is smooth and is taken as drift.
"""

from dataclasses import dataclass
from math import isfinite, sqrt, tau

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import SettingsError
from insonate.core.arrays import BoolArray, frozen
from insonate.core.units import PROTON_GYROMAGNETIC_RATIO_HZ_PER_T
from insonate.thermometry.checks import complex_image
from insonate.thermometry.drift import basis, fit_drift
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.regions import Regions


@dataclass(frozen=True)
class MotionEncoding:
    """The motion-encoding gradient. Nothing has a default.

    Parameters
    ----------
    gradient_t_per_m
        Strength of one lobe, T/m, along the beam; positive displacements turn the phase of the
        positive polarity forward where ``Protocol.phase_sign`` is +1.
    duration_s
        How long the displaced lobe lasts, s.

    Raises
    ------
    SettingsError
        When a value is outside what gradients do.
    """

    gradient_t_per_m: float
    duration_s: float

    def __post_init__(self) -> None:
        strong = isfinite(self.gradient_t_per_m) and 1e-3 <= abs(self.gradient_t_per_m) <= 0.3
        if not (strong and 1e-4 <= self.duration_s <= 0.05):
            raise SettingsError(
                f"A gradient of {self.gradient_t_per_m:g} T/m for {self.duration_s:g} s cannot encode "
                "motion; strengths run from 1 to 300 mT/m, durations from 0.1 to 50 ms."
            )

    @property
    def radians_per_m(self) -> float:
        """Phase between both polarities for each metre of displacement, 2 · 2π γ G τ."""
        gamma = PROTON_GYROMAGNETIC_RATIO_HZ_PER_T
        return 2.0 * tau * gamma * self.gradient_t_per_m * self.duration_s


@dataclass(frozen=True, eq=False)
class Displacement:
    """A displacement map.

    Parameters
    ----------
    metres
        Shape (nx, ny), float32: along the gradient, m; NaN where masked.
    sigma_m
        Shape (nx, ny), float32: its standard deviation, m.
    mask
        Shape (nx, ny), bool: tissue with signal.
    """

    metres: NDArray[np.float32]
    sigma_m: NDArray[np.float32]
    mask: BoolArray


def displacement_map(
    pushed: tuple[ArrayLike, ArrayLike],
    rest: tuple[ArrayLike, ArrayLike],
    protocol: Protocol,
    encoding: MotionEncoding,
    regions: Regions,
) -> Displacement:
    """Return the displacement of two pairs of images of opposite polarity: equation (1).

    Parameters
    ----------
    pushed, rest
        (positive, negative) polarity with and without sound, each (nx, ny), complex, one coil.
    protocol
        Matrix and sign of the phase.
    encoding
        The gradient.
    regions
        Tissue, and tissue that is known not to move.

    Raises
    ------
    ImageError
        When an image is not complex, or of another geometry.
    """
    names = (
        "The pushed positive",
        "The pushed negative",
        "The resting positive",
        "The resting negative",
    )
    images = [
        complex_image(image, protocol, f"{name} image")
        for name, image in zip(names, (*pushed, *rest), strict=True)
    ]
    at, cold = regions.voxels, regions.cold_voxels
    plus, minus, plus0, minus0 = (image.ravel()[at] for image in images)
    product = plus * minus.conj() * (plus0 * minus0.conj()).conj()
    turn = np.angle(product[cold].sum())
    phase = np.angle(product * np.exp(-1j * turn)).astype(np.float32)
    tiny = 1e-6 * float(np.abs(plus).max())
    spread = np.sqrt(
        sum(1.0 / np.maximum(np.abs(s), tiny) ** 2 for s in (plus, minus, plus0, minus0))
    )
    terms = basis(protocol.matrix, 1).reshape(3, -1)[:, at]
    fit = fit_drift(phase[cold], spread[cold].astype(np.float32), terms[:, cold])
    scale = protocol.phase_sign * encoding.radians_per_m
    metres = (phase - fit.coefficients @ terms) / scale
    sigma = np.sqrt((fit.noise * spread) ** 2 + fit.variance(terms)) / abs(scale)
    usable = np.abs(plus) > 5.0 * fit.noise
    return Displacement(
        _image(np.where(usable, metres, np.nan), at, protocol),
        _image(sigma, at, protocol),
        frozen(_image(usable.astype(float), at, protocol) > 0),
    )


def _image(
    values: NDArray[np.floating], at: NDArray[np.intp], protocol: Protocol
) -> NDArray[np.float32]:
    image = np.full(protocol.matrix, np.nan, np.float32)
    image.ravel()[at] = values
    return frozen(image)


def sigma_law_m(encoding: MotionEncoding, snr: float) -> float:
    """Return 2/SNR over the phase of a metre: the standard deviation of (1) for four images, m."""
    return sqrt(4.0) / snr / abs(encoding.radians_per_m)
