"""The heated spot as a Gaussian, where it truly lies.

A spin with the frequency offset Δf is shown Δf / (bandwidth per pixel) away along the readout. The
offset of every voxel is known: the static part from a field map, drift and heat from the phase.
So each voxel is first put back where its spins are, and the spot is fitted on those positions; the
part of the displacement that varies over the spot (the hottest voxel moves most) is corrected too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from insonate.core import ImageError, SettingsError
from insonate.core.arrays import BoolArray
from insonate.thermometry.checks import complex_image
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.thermogram import Thermogram

_FWHM = 2.3548200450309493  # of a Gaussian of standard deviation 1: 2 √(2 ln 2)


@dataclass(frozen=True, eq=False)
class Seen:
    """A map that a spot is looked for in.

    Parameters
    ----------
    value, sigma
        Shape (nx, ny): what is seen, and its standard deviation, one unit.
    mask
        Shape (nx, ny), bool: usable.
    """

    value: NDArray[np.floating]
    sigma: NDArray[np.floating]
    mask: BoolArray

    @classmethod
    def of(cls, thermogram: Thermogram) -> "Seen":
        """Return the temperatures of a thermogram, K."""
        return cls(thermogram.delta_t_k, thermogram.sigma_k, thermogram.mask)


@dataclass(frozen=True, eq=False)
class Spot:
    """A fitted spot.

    Parameters
    ----------
    index
        Shape (2,): centre as fractional indices (i, j), displacement corrected.
    sigma
        Shape (2,): standard deviations of the centre, voxels.
    fwhm
        Shape (2,): full widths at half maximum, voxels.
    amplitude
        Height over its surroundings, in the unit of the map.
    amplitude_sigma
        Its standard deviation.
    shift
        Displacement along the readout that was corrected at the centre, pixels.
    """

    index: NDArray[np.float64]
    sigma: NDArray[np.float64]
    fwhm: NDArray[np.float64]
    amplitude: float
    amplitude_sigma: float
    shift: float


def off_resonance_map(
    early: ArrayLike, late: ArrayLike, protocols: tuple[Protocol, Protocol]
) -> NDArray[np.float32]:
    """Return the static frequency offset from two echoes, Hz, as imaged.

    Δf = arg(S₂ S₁*) / (s 2π (TE₂ − TE₁)), unambiguous within ±1/(2 (TE₂ − TE₁))
    (Schneider & Glover, Magn. Reson. Med. 18:335, 1991).

    Parameters
    ----------
    early, late
        Shape (nx, ny), with several coils (coils, nx, ny), complex: the same slice with two echo
        times.
    protocols
        Their headers; they differ in the echo time alone.

    Raises
    ------
    SettingsError, ImageError
        When the echo times do not rise, or an image is not complex.
    """
    first, second = protocols
    step = second.radians_per_hz - first.radians_per_hz
    if second.echo_time_s <= first.echo_time_s or first.phase_sign != second.phase_sign:
        raise SettingsError(
            f"A field map needs a later second echo with the same phase sign; the echo times are "
            f"{first.echo_time_s:g} s and {second.echo_time_s:g} s."
        )
    S1 = complex_image(early, first, "The early echo")
    S2 = complex_image(late, second, "The late echo")
    product = S2 * S1.conj()
    if product.ndim == 3:  # the coils' own phases fall out before the angle is taken
        product = product.sum(axis=0)
    offset: NDArray[np.float32] = (np.angle(product) / step).astype(np.float32)
    return offset


def displacement_pixels(
    thermogram: Thermogram,
    protocol: Protocol,
    off_resonance_hz: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """Return how far each voxel's spins are displaced along the readout axis, pixels.

    Parameters
    ----------
    thermogram
        Heat and drift come from it; masked voxels count as unheated.
    protocol
        The header.
    off_resonance_hz
        Shape (nx, ny): static offset as imaged; 0 when left out.

    Raises
    ------
    ImageError
        When the field map has another shape or holds NaN.
    """
    kelvin = np.nan_to_num(thermogram.delta_t_k, nan=0.0) + thermogram.drift_map_k
    hz = kelvin * np.float32(protocol.hz_per_k)
    if off_resonance_hz is not None:
        static = np.asarray(off_resonance_hz, dtype=np.float32)
        if static.shape != hz.shape or not np.isfinite(static).all():
            raise ImageError(
                f"A field map must be finite and of the image's shape {hz.shape}; this one has "
                f"shape {static.shape}."
            )
        hz = hz + static
    shift: NDArray[np.float32] = hz * np.float32(protocol.pixels_per_hz)
    return shift


def fit_spot(
    seen: Seen,
    displacement: tuple[NDArray[np.float32], int],
    start: tuple[int, int],
    half_window: int,
) -> Spot | None:
    """Fit a Gaussian on a constant to the voxels round a start, weighted by their σ.

    Parameters
    ----------
    seen
        The map.
    displacement
        Pixels, shape (nx, ny), and the readout axis.
    start
        Voxel (i, j) to start from.
    half_window
        Voxels to each side.

    Returns
    -------
    Spot or None
        None where the fit has no good end: too few voxels, a centre outside the window, or
        a spot wider than it.
    """
    shift, axis = displacement
    i, j = (slice(max(c - half_window, 0), c + half_window + 1) for c in start)
    mask = seen.mask[i, j]
    if np.count_nonzero(mask) < 12:
        return None
    at = np.argwhere(mask) + np.array([i.start, j.start])
    value = seen.value[i, j][mask].astype(np.float64)
    sigma = np.maximum(seen.sigma[i, j][mask].astype(np.float64), 1e-9)
    moved = shift[i, j][mask].astype(np.float64)
    points = at.astype(np.float64)
    points[:, axis] -= moved
    hottest = int(np.argmin(np.abs(at - start).sum(axis=1)))
    guess = np.array([value[hottest], *points[hottest], 1.3, 1.3, 0.0])
    result = least_squares(_misfit, guess, _slope, method="lm", args=(points, value, sigma))
    centre, width = result.x[1:3], np.abs(result.x[3:5])
    strayed = np.abs(centre - points[hottest]).max() > half_window
    if not result.success or strayed or result.x[0] <= 0 or width.max() > 2 * half_window:
        return None
    covariance = np.linalg.pinv(result.jac.T @ result.jac)
    # A Gaussian is only a model of a spot: misfit beyond the noise widens the uncertainty.
    excess = max(1.0, 2.0 * float(result.cost) / max(value.size - 6, 1))
    return Spot(
        index=centre,
        sigma=np.sqrt(np.diag(covariance)[1:3] * excess),
        fwhm=_FWHM * width,
        amplitude=float(result.x[0]),
        amplitude_sigma=float(np.sqrt(covariance[0, 0] * excess)),
        shift=float(moved[hottest]),
    )


def _misfit(
    p: NDArray[np.float64],
    points: NDArray[np.float64],
    value: NDArray[np.float64],
    sigma: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return (A exp(−½ ((x − c)/w)²) + B − ΔT) / σ."""
    residual: NDArray[np.float64] = (p[0] * _bell(p, points) + p[5] - value) / sigma
    return residual


def _bell(p: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    bell: NDArray[np.float64] = np.exp(-0.5 * (((points - p[1:3]) / p[3:5]) ** 2).sum(axis=1))
    return bell


def _slope(
    p: NDArray[np.float64],
    points: NDArray[np.float64],
    value: NDArray[np.float64],  # noqa: ARG001 - least_squares gives both functions the same
    sigma: NDArray[np.float64],
) -> NDArray[np.float64]:
    bell = _bell(p, points)
    d = points - p[1:3]
    to_centre = p[0] * bell[:, None] * d / p[3:5] ** 2
    to_width = to_centre * d / p[3:5]
    columns = np.column_stack([bell, to_centre, to_width, np.ones(len(points))])
    slope: NDArray[np.float64] = columns / sigma[:, None]
    return slope
