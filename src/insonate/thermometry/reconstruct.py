"""Complex images to temperature, with its standard deviation and the reason where there is none.

With the mean of N unheated references S₀ and the image S, signs as in ``protocol``:

    φ = arg(S S₀*) − drift                                                          (1)
    ΔT = φ / (s 2π γ α B₀ TE)                                                        (2)
    σ_ΔT² = (K per rad)² [ noise² (1/|S|² + 1/(N |S₀|²)) + variance of the drift ]     (3)

(2) is Ishihara et al., Magn. Reson. Med. 34:814 (1995); (3) is √(1 + 1/N) |K per rad| / SNR where
the magnitudes are equal. The drift's constant is taken out as a phasor before the angle, so it may
wrap; noise is the spread of the residuals in cold tissue, so that whatever else makes the phase
unsteady there counts as uncertainty. How the phase without heat is known is a ``Method``; motion
of the head in the plane is undone before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError, SettingsError
from insonate.thermometry.background import Method, Residual, from_references
from insonate.thermometry.baseline import Baseline, average_baselines
from insonate.thermometry.checks import complex_image
from insonate.thermometry.harmonic import continued
from insonate.thermometry.hybrid import hybrid
from insonate.thermometry.motion import (
    STILL_PIXELS,
    Motion,
    MotionLimits,
    Pyramid,
    estimate_motion,
    undone,
)
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.referenceless import without_references
from insonate.thermometry.regions import Regions, regions_from_magnitude
from insonate.thermometry.thermogram import Thermogram, finished, nothing


@dataclass(frozen=True)
class Reconstruction:
    """How a temperature is made.

    Parameters
    ----------
    method
        How the phase without heat is known.
    drift_order
        Order of the polynomial of the drift: 0, 1 or 2.
    referenceless_order
        Order of the polynomial that stands for the whole phase on a ring: 1 to 6.
    modes
        At most so many modes of the library, 1-6.
    minimum_snr
        Voxels below are masked; 3 is where the phase stops being normal (Gudbjartsson & Patz,
        Magn. Reson. Med. 34:910, 1995), the default keeps clear of it.
    motion
        What motion is corrected; None to look for none.

    Raises
    ------
    SettingsError
        When an option is outside its range.
    """

    method: Method = Method.MEAN
    drift_order: int = 1
    referenceless_order: int = 4
    modes: int = 3
    minimum_snr: float = 5.0
    motion: MotionLimits | None = field(default_factory=MotionLimits)

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", _method(self.method))
        if self.drift_order not in (0, 1, 2):
            raise SettingsError(
                f"The order of a drift is 0, 1 or 2, not {self.drift_order}: more would fit heat."
            )
        if not (1 <= self.referenceless_order <= 6 and 1 <= self.modes <= 6):
            raise SettingsError(
                f"A referenceless polynomial has order 1 to 6 and a library 1 to 6 modes, not "
                f"{self.referenceless_order} and {self.modes}."
            )
        if not 3.0 <= self.minimum_snr <= 100.0:
            raise SettingsError(
                f"The least SNR of a usable voxel lies between 3 and 100, not {self.minimum_snr}."
            )


def _method(name: Method | str) -> Method:
    if str(name) not in [m.value for m in Method]:
        raise SettingsError(
            f"There is no method '{name}'; choose one of {', '.join(m.value for m in Method)}."
        )
    return Method(name)


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
        Shape (nx, ny), with several coils (coils, nx, ny), complex.
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
    checked = complex_image(image, protocol, "The image")
    if (base.coils is None) != (checked.ndim == 2):
        raise ImageError(
            f"The references are of {'one coil' if base.coils is None else 'several coils'}, the "
            f"image has shape {checked.shape}; they must be of one series."
        )
    frame = base.of(checked)
    if base.signal.shape != frame.shape:
        raise ImageError(
            f"The references have shape {base.signal.shape}, the image {frame.shape}; they must "
            "be of one geometry."
        )
    where = regions_from_magnitude(base.magnitude) if regions is None else regions
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


def reconstruct_slices(
    baselines: Sequence[Baseline],
    images: ArrayLike,
    protocol: Protocol,
    *,
    regions: Sequence[Regions],
    previous: Sequence[Thermogram] | None = None,
    options: Reconstruction = Reconstruction(),
) -> tuple[Thermogram, ...]:
    """Make the temperature maps of several slices, or of the partitions of a 3-D volume.

    Parameters
    ----------
    baselines, regions, previous
        One for each slice.
    images
        Shape (slices, nx, ny), with several coils (slices, coils, nx, ny), complex.
    protocol, options
        The header, and how; drift and motion are each slice's own.

    Raises
    ------
    ImageError
        When the numbers differ, or as ``reconstruct``.
    """
    stack = np.asarray(images)
    counts = {len(stack), len(baselines), len(regions), len(previous or stack)}
    if len(counts) != 1:
        raise ImageError(
            f"There are {len(stack)} slices of images, {len(baselines)} of references and "
            f"{len(regions)} of masks; there must be one of each for every slice."
        )
    before: Sequence[Thermogram | None] = previous or [None] * len(stack)
    return tuple(
        reconstruct(b, i, protocol, regions=r, previous=p, options=options)
        for b, i, r, p in zip(baselines, stack, regions, before, strict=True)
    )


def _thermogram(
    base: Baseline,
    frame: NDArray[np.complex64],
    protocol: Protocol,
    where: Regions,
    previous: Thermogram | None,
    options: Reconstruction,
) -> Thermogram:
    motion = Motion()
    if options.motion is not None:
        motion = _motion(base, frame, protocol, where)
        refusal = options.motion.refuses(motion, protocol.pixel_m)
        if refusal:
            return nothing(np.abs(frame), where, motion, refusal)
        if motion.largest_shift(protocol.matrix) > STILL_PIXELS:
            frame = undone(frame, motion)
    residual = _residual(base, frame, protocol, where, options)
    rest = (previous, motion, options.minimum_snr)
    return finished(residual, (base, frame), where, protocol, rest)


@lru_cache(maxsize=8)
def _pyramid(base: Baseline, where: Regions) -> Pyramid:
    """Prepare a series for motion; kept, as references and masks stay for it."""
    return Pyramid.of(base.brightness, where.tissue)


def _motion(
    base: Baseline, frame: NDArray[np.complex64], protocol: Protocol, where: Regions
) -> Motion:
    """Return the motion of the head: what the picture moved, less what a drift displaced it.

    A turn of the phase may be a drift, which displaces, or the receiver's; the smaller motion is
    believed.
    """
    seen = estimate_motion(_pyramid(base, where), np.abs(frame))
    shift, axis = list(seen.shift), protocol.readout_axis
    turn = float(np.angle(np.vdot(base.signal, frame)))
    displaced = turn / protocol.radians_per_hz * protocol.pixels_per_hz
    shift[axis] = min(shift[axis], shift[axis] - displaced, key=abs)
    return replace(seen, shift=(shift[0], shift[1]))


def _residual(
    base: Baseline,
    frame: NDArray[np.complex64],
    protocol: Protocol,
    where: Regions,
    options: Reconstruction,
) -> Residual:
    match options.method:
        case Method.HARMONIC:
            return continued(base, frame, where)
        case Method.HYBRID:
            sign = 1.0 if protocol.kelvin_per_radian > 0 else -1.0
            return hybrid(base, frame, where, (options.drift_order, sign))
        case Method.REFERENCELESS | Method.REFERENCELESS_HARMONIC:
            more = options.method is Method.REFERENCELESS_HARMONIC
            return without_references(frame, base, where, (options.referenceless_order, more))
        case method:
            how = (method, options.drift_order, options.modes)
            return from_references(base, frame, where, how)
