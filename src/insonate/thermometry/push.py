"""The focus as MR-ARFI sees it: where the sound pushes, and how far, at powers that do not heat."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import ImageError
from insonate.core.arrays import frozen
from insonate.thermometry.arfi import Displacement
from insonate.thermometry.focus import FocusOptions, hottest, smoothed
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.spot import Seen, Spot, fit_spot

USUAL = FocusOptions()
_MICRO = 1e6  # the fit is made in micrometres: numbers near 1


@dataclass(frozen=True, eq=False)
class Push:
    """Where the sound pushes.

    Parameters
    ----------
    metres, sigma_m
        Height of the fitted spot along the gradient, m, its sign kept, and its standard deviation.
    position_m
        Shape (3,), CT frame, m, in the plane of the target, displacement-corrected.
    position_sigma_m
        Larger of its two standard deviations in the plane, m.
    fwhm_m
        Full widths at half maximum along axes 0 and 1, m.
    """

    metres: float
    sigma_m: float
    position_m: NDArray[np.float64]
    position_sigma_m: float
    fwhm_m: tuple[float, float]


def measure_push(
    found: Displacement,
    geometry: SliceGeometry,
    protocol: Protocol,
    target_m: ArrayLike,
    *,
    off_resonance_hz: NDArray[np.floating] | None = None,
    options: FocusOptions = USUAL,
) -> Push | None:
    """Find the spot in a displacement map.

    Parameters
    ----------
    found
        The map.
    geometry, protocol
        Where it lies; readout and bandwidth say how far spins are displaced in the image.
    target_m
        Shape (3,), CT frame, m, in the slice; the spot is looked for round it.
    off_resonance_hz
        Shape (nx, ny): static frequency offset as imaged; 0 when left out.
    options
        How.

    Returns
    -------
    Push or None
        None where no push is credible.

    Raises
    ------
    GeometryError, ImageError
        When slice, protocol, map and field map do not belong together.
    """
    geometry.require(protocol)
    target = np.asarray(target_m, dtype=np.float64)
    through = float(geometry.grid.indices_of(target)[2])
    where = geometry.points()[:, :, 0] - geometry.grid.points_of(
        [*geometry.index_of(target), 0.0]
    )
    near = found.mask & (np.linalg.norm(where, axis=-1) <= options.search_radius_m)
    signed = Seen(found.metres * _MICRO, found.sigma_m * _MICRO, found.mask)
    displacement = (_shift(off_resonance_hz, protocol), protocol.readout_axis)
    half = round(options.fit_radius_m / protocol.pixel_m)
    for sign in (1.0, -1.0):
        seen = replace(signed, value=sign * signed.value)
        start = hottest(smoothed(seen), near, options.significance)
        spot = None if start is None else fit_spot(seen, displacement, start, half)
        if spot is not None:
            return _push(spot, sign, geometry, through)
    return None


def _push(spot: Spot, sign: float, geometry: SliceGeometry, through: float) -> Push:
    pixel = geometry.grid.spacing_m
    return Push(
        metres=sign * spot.amplitude / _MICRO,
        sigma_m=spot.amplitude_sigma / _MICRO,
        position_m=frozen(geometry.grid.points_of([*spot.index, through])),
        position_sigma_m=float((spot.sigma * pixel[:2]).max()),
        fwhm_m=(float(spot.fwhm[0] * pixel[0]), float(spot.fwhm[1] * pixel[1])),
    )


def _shift(
    off_resonance_hz: NDArray[np.floating] | None, protocol: Protocol
) -> NDArray[np.float32]:
    """Return how far each voxel's spins are displaced along the readout, pixels."""
    if off_resonance_hz is None:
        return np.zeros(protocol.matrix, np.float32)
    field = np.asarray(off_resonance_hz, np.float32)
    if field.shape != tuple(protocol.matrix) or not np.isfinite(field).all():
        raise ImageError(
            f"A field map must be finite and of the image's shape {tuple(protocol.matrix)}; this one "
            f"has shape {field.shape}."
        )
    shift: NDArray[np.float32] = field * np.float32(protocol.pixels_per_hz)
    return shift
