"""One temperature map: what every voxel says, how sure, and why it says nothing."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import BoolArray, frozen
from insonate.thermometry import kernels
from insonate.thermometry.background import Residual
from insonate.thermometry.baseline import Baseline
from insonate.thermometry.motion import Motion
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.regions import Regions


class Reason(IntEnum):
    """Why a voxel has no temperature."""

    USABLE = 0
    OUTSIDE = 1
    """Not aqueous tissue: water bath, bone, air, or not in the mask."""
    LOW_SIGNAL = 2
    """Signal over noise is below the limit; the phase is no longer normal."""
    SIGNAL_LOST = 3
    """The magnitude fell to less than half, or more than doubled, since the reference."""
    MOVED = 4
    """The head moved more than can be corrected; no voxel of the frame is usable."""
    NO_BACKGROUND = 5
    """Too far from the ring on which a method without references knows the phase."""


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
    motion
        Of the head since the references; the map is given where the head lay then.
    refused
        Why the whole frame is unusable, a sentence; empty when it is not.
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
    motion: Motion = field(default_factory=Motion)
    refused: str = ""

    @property
    def usable_share(self) -> float:
        """Part of the tissue voxels that are usable."""
        tissue = int(np.count_nonzero(self.reasons != Reason.OUTSIDE))
        return int(np.count_nonzero(self.mask)) / max(tissue, 1)


def finished(
    residual: Residual,
    images: tuple[Baseline, NDArray[np.complex64]],
    where: Regions,
    protocol: Protocol,
    rest: tuple[Thermogram | None, Motion, float],
) -> Thermogram:
    """Return the map of a residual phase.

    Parameters
    ----------
    residual
        The phase that heat made.
    images
        The references, and the frame (nx, ny) with motion undone.
    where, protocol
        Tissue; the header.
    rest
        The frame before, the motion, and the least SNR of a usable voxel.
    """
    (base, frame), (previous, motion, minimum_snr) = images, rest
    at, K, wrap = where.voxels, protocol.kelvin_per_radian, protocol.wrap_k
    kelvin = residual.phase * np.float32(K)
    kernels.nearest_turn(kelvin, np.zeros_like(kelvin), wrap)
    drift = residual.background * np.float32(K)
    mean = float(drift.ravel()[at[where.cold_voxels]].mean())
    if previous is not None:
        kernels.nearest_turn(kelvin, previous.delta_t_k.ravel()[at], wrap)
        moved = mean + round((previous.drift_k - mean) / wrap) * wrap
        drift, mean = drift + np.float32(moved - mean), moved
    magnitude = frozen(np.abs(frame))
    reasons = _reasons(magnitude.ravel()[at], base.magnitude.ravel()[at], residual, minimum_snr)
    usable = reasons == Reason.USABLE
    sigma = abs(K) * np.sqrt((residual.noise * residual.spread) ** 2 + residual.variance)
    sigma[~np.isfinite(sigma)] = np.nan
    shape = frame.shape
    return Thermogram(
        delta_t_k=_placed(kelvin, usable, at, shape),
        sigma_k=_placed(sigma.astype(np.float32), np.isfinite(sigma), at, shape),
        mask=_flags(usable, at, shape),
        reasons=_codes(reasons, at, shape),
        magnitude=magnitude,
        drift_map_k=frozen(drift, np.float32),
        drift_k=mean,
        drift_rad=residual.coefficients,
        noise=residual.noise,
        motion=motion,
    )


def nothing(
    magnitude: NDArray[np.float32], where: Regions, motion: Motion, refusal: str
) -> Thermogram:
    """Return the frame of a head that is not where it was: no voxel is usable."""
    unknown = frozen(np.full(magnitude.shape, np.nan, np.float32))
    moved = np.full(where.voxels.size, np.uint8(Reason.MOVED))
    return Thermogram(
        delta_t_k=unknown,
        sigma_k=unknown,
        mask=frozen(np.zeros(magnitude.shape, bool)),
        reasons=_codes(moved, where.voxels, magnitude.shape),
        magnitude=frozen(magnitude),
        drift_map_k=frozen(np.zeros(magnitude.shape, np.float32)),
        drift_k=0.0,
        drift_rad=(0.0,),
        noise=float("nan"),
        motion=motion,
        refused=refusal,
    )


def _placed(
    values: NDArray[np.float32], usable: BoolArray, at: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Put the usable values into an image that holds NaN elsewhere."""
    image = np.full(shape, np.float32(np.nan))
    kernels.place(values, usable, at, image.ravel())
    return frozen(image)


def _flags(usable: BoolArray, at: NDArray[np.intp], shape: tuple[int, ...]) -> BoolArray:
    image = np.zeros(shape, bool)
    image.ravel()[at] = usable
    return frozen(image)


def _codes(
    reasons: NDArray[np.uint8], at: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    image = np.full(shape, np.uint8(Reason.OUTSIDE))
    image.ravel()[at] = reasons
    return frozen(image)


def _reasons(
    magnitude: NDArray[np.float32],
    reference: NDArray[np.float32],
    residual: Residual,
    minimum_snr: float,
) -> NDArray[np.uint8]:
    reasons = np.full(magnitude.shape, np.uint8(Reason.USABLE))
    changed = (magnitude < 0.5 * reference) | (magnitude > 2.0 * reference)
    reasons[changed] = Reason.SIGNAL_LOST
    low = np.minimum(magnitude, reference)
    reasons[(low < minimum_snr * residual.noise) | (low == 0)] = Reason.LOW_SIGNAL
    reasons[~np.isfinite(residual.variance)] = Reason.NO_BACKGROUND
    return reasons
