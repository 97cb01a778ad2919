"""Complex images to temperature, with its standard deviation and the reason where there is none.

With the mean of N unheated references S₀ and the image S, signs as in ``protocol``:

    φ = arg(S S₀*) − drift                                                          (1)
    ΔT = φ / (s 2π γ α B₀ TE)                                                        (2)
    σ_ΔT² = (K per rad)² [ noise² (1/|S|² + 1/(N |S₀|²)) + variance of the drift ]     (3)

(2) is Ishihara et al., Magn. Reson. Med. 34:814 (1995); (3) is √(1 + 1/N) |K per rad| / SNR where
the magnitudes are equal. The drift's constant is taken out as a phasor before the angle, so it may
wrap; noise is the spread of the residuals in cold tissue, so that whatever else makes the phase
unsteady there counts as uncertainty.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError, SettingsError
from insonate.core.arrays import BoolArray, frozen
from insonate.thermometry.checks import complex_image
from insonate.thermometry.drift import basis, fit_drift
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.regions import Regions, regions_from_magnitude


class Reason(IntEnum):
    """Why a voxel has no temperature."""

    USABLE = 0
    OUTSIDE = 1
    """Not aqueous tissue: water bath, bone, air, or not in the mask."""
    LOW_SIGNAL = 2
    """Signal over noise is below the limit; the phase is no longer normal."""
    SIGNAL_LOST = 3
    """The magnitude fell to less than half, or more than doubled, since the reference."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """What the slice looks like unheated.

    Parameters
    ----------
    signal
        Shape (nx, ny), complex64: mean of the references.
    count
        How many references were averaged, N.
    """

    signal: NDArray[np.complex64]
    count: int


@dataclass(frozen=True)
class Reconstruction:
    """How a temperature is made.

    Parameters
    ----------
    drift_order
        Order of the polynomial of the drift: 0, 1 or 2.
    minimum_snr
        Voxels below are masked; 3 is where the phase stops being normal (Gudbjartsson & Patz,
        Magn. Reson. Med. 34:910, 1995), the default keeps clear of it.

    Raises
    ------
    SettingsError
        When an option is outside its range.
    """

    drift_order: int = 1
    minimum_snr: float = 5.0

    def __post_init__(self) -> None:
        if self.drift_order not in (0, 1, 2):
            raise SettingsError(
                f"The order of a drift is 0, 1 or 2, not {self.drift_order}: more would fit heat."
            )
        if not 3.0 <= self.minimum_snr <= 100.0:
            raise SettingsError(
                f"The least SNR of a usable voxel lies between 3 and 100, not {self.minimum_snr}."
            )


@dataclass(frozen=True, eq=False)
class Thermogram:
    """One temperature map.

    Parameters
    ----------
    delta_t_k
        Shape (nx, ny), float32: temperature minus that of the references, K; NaN where masked.
    sigma_k
        Shape (nx, ny), float32: its standard deviation, K; NaN outside tissue.
    mask
        Shape (nx, ny), bool: usable.
    reasons
        Shape (nx, ny), uint8: a ``Reason`` for each voxel.
    magnitude
        Shape (nx, ny), float32.
    drift_map_k
        Shape (nx, ny), float32: what was subtracted as drift, as an apparent temperature, K.
    drift_k
        Its mean over cold tissue, K.
    drift_rad
        Coefficients of the fitted polynomial (see ``drift.DriftFit``), rad, the constant first.
    noise
        Standard deviation of one channel of the image, in units of the magnitude.
    """

    delta_t_k: NDArray[np.float32]
    sigma_k: NDArray[np.float32]
    mask: BoolArray
    reasons: NDArray[np.uint8]
    magnitude: NDArray[np.float32]
    drift_map_k: NDArray[np.float32]
    drift_k: float
    drift_rad: tuple[float, ...]
    noise: float

    @property
    def usable_share(self) -> float:
        """Part of the tissue voxels that are usable."""
        tissue = int(np.count_nonzero(self.reasons != Reason.OUTSIDE))
        return int(np.count_nonzero(self.mask)) / max(tissue, 1)


def average_baselines(images: ArrayLike, protocol: Protocol) -> Baseline:
    """Average unheated references as complex numbers.

    Parameters
    ----------
    images
        Shape (n, nx, ny) or (nx, ny), complex.
    protocol
        The header.

    Raises
    ------
    ImageError
        When there is none, or one is not a complex image of the protocol's matrix.
    """
    stack = np.asarray(images)
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3 or len(stack) == 0:
        raise ImageError(
            f"References have shape (n, nx, ny) with n at least 1, not {stack.shape}."
        )
    checked = [complex_image(image, protocol, "A reference image") for image in stack]
    # A shift of the centre frequency between references must not make them cancel.
    turned = [image * _phasor_to(checked[0], image) for image in checked]
    return Baseline(frozen(np.mean(turned, axis=0), np.complex64), len(turned))


def _phasor_to(first: NDArray[np.complex64], image: NDArray[np.complex64]) -> np.complex64:
    mean = complex(np.vdot(image, first))
    return np.complex64(mean / abs(mean)) if abs(mean) > 0 else np.complex64(1)


def reconstruct(
    baselines: Baseline | ArrayLike,
    image: ArrayLike,
    protocol: Protocol,
    *,
    regions: Regions | None = None,
    previous: Thermogram | None = None,
    options: Reconstruction = Reconstruction(),
) -> Thermogram:
    """Make a temperature map of one complex image.

    Parameters
    ----------
    baselines
        Unheated references: ``average_baselines``, or complex images (n, nx, ny).
    image
        Shape (nx, ny), complex.
    protocol
        The header.
    regions
        Where there is tissue, and where it is cold; guessed from the magnitude when left out.
    previous
        The frame before: voxels continue from it where the phase wraps.
    options
        How.

    Returns
    -------
    Thermogram

    Raises
    ------
    ImageError
        When an image is not complex, of another geometry, or NaN, or a mask is empty.
    """
    base = (
        baselines if isinstance(baselines, Baseline) else average_baselines(baselines, protocol)
    )
    frame = complex_image(image, protocol, "The image")
    if base.signal.shape != frame.shape:
        raise ImageError(
            f"The references have shape {base.signal.shape}, the image {frame.shape}; they must "
            "be of one geometry."
        )
    where = regions_from_magnitude(np.abs(base.signal)) if regions is None else regions
    if where.tissue.shape != frame.shape:
        raise ImageError(
            f"The masks have shape {where.tissue.shape}, the image {frame.shape}; they must be "
            "of one geometry."
        )
    if previous is not None and previous.delta_t_k.shape != frame.shape:
        raise ImageError(
            f"The frame before has shape {previous.delta_t_k.shape}, the image {frame.shape}; "
            "frames of another geometry cannot be continued."
        )
    return _thermogram(base, frame, protocol, where, previous, options)


def _thermogram(
    base: Baseline,
    frame: NDArray[np.complex64],
    protocol: Protocol,
    where: Regions,
    previous: Thermogram | None,
    options: Reconstruction,
) -> Thermogram:
    at, cold = where.voxels, where.cold_voxels
    S, S0 = frame.ravel()[at], base.signal.ravel()[at]
    terms = basis((frame.shape[0], frame.shape[1]), options.drift_order)
    here = terms.reshape(len(terms), -1)[:, at]
    product = S * S0.conj()
    turn = np.float32(np.angle(product[cold].sum()))
    phase = np.angle(product * np.complex64(np.exp(-1j * turn)))
    magnitudes = np.abs(S), np.abs(S0)
    spread = _spread(*magnitudes, base.count)
    fit = fit_drift(phase[cold], spread[cold], here[:, cold])
    K, wrap = np.float32(protocol.kelvin_per_radian), np.float32(protocol.wrap_k)
    kelvin = _continued((phase - fit.coefficients @ here) * K, np.float32(0), wrap)
    drift = (turn + np.tensordot(fit.coefficients, terms, 1)) * K
    mean = drift.ravel()[at[cold]].mean(keepdims=True)
    if previous is not None:
        kelvin = _continued(kelvin, previous.delta_t_k.ravel()[at], wrap)
        moved = _continued(mean, np.float32(previous.drift_k), wrap)
        drift, mean = drift + (moved - mean), moved
    reasons = _reasons(magnitudes, fit.noise, options)
    variance = (np.float32(fit.noise) * spread) ** 2 + fit.variance(here)
    usable = reasons == Reason.USABLE
    shape = frame.shape
    return Thermogram(
        delta_t_k=_placed(np.where(usable, kelvin, np.float32(np.nan)), at, shape, np.nan),
        sigma_k=_placed(abs(K) * np.sqrt(variance), at, shape, np.nan),
        mask=_placed(usable, at, shape, value=False),
        reasons=_placed(reasons, at, shape, Reason.OUTSIDE),
        magnitude=frozen(np.abs(frame)),
        drift_map_k=frozen(drift, np.float32),
        drift_k=float(mean[0]),
        drift_rad=(float(turn + fit.coefficients[0]), *map(float, fit.coefficients[1:])),
        noise=fit.noise,
    )


def _placed(
    values: NDArray[Any], at: NDArray[np.intp], shape: tuple[int, ...], value: float
) -> NDArray[Any]:
    """Put the values of some voxels into an image that holds ``value`` elsewhere."""
    image = np.full(shape, value, values.dtype)
    image.ravel()[at] = values
    return frozen(image)


def _spread(
    magnitude: NDArray[np.float32], reference: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    """Return the standard deviation of the phase per unit of noise; finite where all is dark."""
    tiny = np.float32(1e-6 * float(reference.max()))
    seen, known = np.maximum(magnitude, tiny), np.maximum(reference, tiny)
    spread: NDArray[np.float32] = np.sqrt(1 / seen**2 + np.float32(1 / count) / known**2)
    return spread


def _continued(
    kelvin: NDArray[np.float32], near: NDArray[np.float32] | np.float32, wrap_k: np.float32
) -> NDArray[np.float32]:
    """Add whole turns until a temperature is nearest to ``near``; where that is NaN, none."""
    turns = np.round((near - kelvin) / wrap_k)
    continued: NDArray[np.float32] = np.asarray(
        kelvin + np.where(np.isfinite(turns), turns, 0) * wrap_k, np.float32
    )
    return continued


def _reasons(
    magnitudes: tuple[NDArray[np.float32], NDArray[np.float32]],
    noise: float,
    options: Reconstruction,
) -> NDArray[np.uint8]:
    magnitude, reference = magnitudes
    reasons = np.full(magnitude.shape, np.uint8(Reason.USABLE))
    changed = (magnitude < 0.5 * reference) | (magnitude > 2.0 * reference)
    reasons[changed] = Reason.SIGNAL_LOST
    low = np.minimum(magnitude, reference)
    reasons[(low < options.minimum_snr * noise) | (low == 0)] = Reason.LOW_SIGNAL
    return reasons
