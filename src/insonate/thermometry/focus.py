"""What a temperature map says about the focus: how hot, how sure, where.

The hottest voxel of a noisy map is hotter than anything in it: with σ = 1 K the maximum of 100
voxels reads +2.5 K of nothing, and a mean over positive voxels +0.8 K. So the spot is *found* on
the 3×3 mean, *read* in one voxel and its neighbours, and believed only above four standard
deviations; where nothing is believed, what is reported is the mean round the target, which nobody
chose for being hot.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from insonate.core import SettingsError
from insonate.core.arrays import BoolArray, FloatArray, frozen
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.spot import Seen, Spot, displacement_pixels, fit_spot
from insonate.thermometry.thermogram import Thermogram


@dataclass(frozen=True)
class FocusOptions:
    """How the focus is looked for.

    Parameters
    ----------
    search_radius_m
        The spot is looked for within this distance of the target, m.
    off_target_radius_m
        Beyond it is off target, m; the heat of the focus itself does not reach there.
    fit_radius_m
        Half the side of the window that the spot is fitted in, m.
    significance
        Standard deviations above which a rise is believed.

    Raises
    ------
    SettingsError
        When an option is outside its range.
    """

    search_radius_m: float = 6e-3
    off_target_radius_m: float = 10e-3
    fit_radius_m: float = 5.5e-3
    significance: float = 4.0

    def __post_init__(self) -> None:
        if not 0 < self.search_radius_m <= self.off_target_radius_m <= 50e-3:
            raise SettingsError(
                f"The search radius {self.search_radius_m:g} m must be positive and no larger "
                f"than the off-target radius {self.off_target_radius_m:g} m, and that at most "
                "0.05 m."
            )
        if not (1e-3 <= self.fit_radius_m <= 30e-3 and 2 <= self.significance <= 10):
            raise SettingsError(
                f"The fit radius {self.fit_radius_m:g} m must lie between 1 and 30 mm, the "
                f"significance {self.significance:g} between 2 and 10 standard deviations."
            )


@dataclass(frozen=True, eq=False)
class FocusMeasurement:
    """The focus as measured.

    Parameters
    ----------
    peak_k
        ΔT of the hottest credible voxel near the target, K; where no spot is seen, the mean of
        the 3×3 voxels at the target. NaN where none of them is usable.
    sigma_k
        Its standard deviation, K.
    mean_k
        Mean of the 3×3 voxels round it, K.
    peak_index
        The voxel (i, j).
    off_target_k
        Hottest credible 3×3 mean off target, K; the mean of all of it where none is credible.
    position_m
        Where the spot is, CT frame, displacement-corrected, m, in the plane of the target; None
        where no spot is seen. What one slice cannot see is the position through it.
    position_sigma_m
        Larger of its two standard deviations in the plane, m; None with the position.
    fwhm_m
        Full widths at half maximum along axes 0 and 1, m; None with the position.
    displacement_m
        What was corrected along the readout axis at the spot, m; 0 where none is seen.
    usable_share
        Part of the tissue voxels that are usable.
    near_target, off_target
        Shape (nx, ny), bool: the usable voxels within the search and beyond the off-target
        radius.
    """

    peak_k: float
    sigma_k: float
    mean_k: float
    peak_index: tuple[int, int]
    off_target_k: float
    position_m: NDArray[np.float64] | None
    position_sigma_m: float | None
    fwhm_m: tuple[float, float] | None
    displacement_m: float
    usable_share: float
    near_target: BoolArray
    off_target: BoolArray

    @property
    def seen(self) -> bool:
        """Whether a spot is seen, and where."""
        return self.position_m is not None


@dataclass(frozen=True, eq=False)
class Smoothed:
    """3×3 means over usable voxels, their standard deviations, and how many took part."""

    mean: FloatArray
    sigma: FloatArray
    count: FloatArray


def measure_focus(
    thermogram: Thermogram,
    geometry: SliceGeometry,
    protocol: Protocol,
    target_m: ArrayLike,
    *,
    off_resonance_hz: NDArray[np.floating] | None = None,
    options: FocusOptions = FocusOptions(),
) -> FocusMeasurement:
    """Measure the focus in one temperature map.

    Parameters
    ----------
    thermogram
        The map.
    geometry
        Where it lies.
    protocol
        The header; readout and bandwidth say how far spins are displaced.
    target_m
        Shape (3,), CT frame, m, in the slice.
    off_resonance_hz
        Shape (nx, ny): static frequency offset as imaged (``spot.off_resonance_map``); left out,
        only heat and drift are corrected for.
    options
        How.

    Raises
    ------
    GeometryError
        When slice and protocol differ, or the target is outside the slice.
    """
    geometry.require(protocol)
    target = np.asarray(target_m, dtype=np.float64)
    centre = geometry.index_of(target)
    distance = geometry.distance_m(geometry.grid.points_of([*centre, 0.0]))
    near = thermogram.mask & (distance <= options.search_radius_m)
    far = thermogram.mask & (distance > options.off_target_radius_m)
    smooth = smoothed(Seen.of(thermogram))
    reading = _read(thermogram, smooth, near, (_rounded(centre), options.significance))
    place = _Place(None, None, None, 0.0)
    if reading.seen:
        shift = displacement_pixels(thermogram, protocol, off_resonance_hz)
        half = round(options.fit_radius_m / protocol.pixel_m)
        spot = fit_spot(
            Seen.of(thermogram), (shift, protocol.readout_axis), reading.index, half
        )
        place = _place(spot, geometry, float(geometry.grid.indices_of(target)[2]))
    return FocusMeasurement(
        peak_k=reading.value,
        sigma_k=reading.sigma,
        mean_k=float(smooth.mean[reading.index]),
        peak_index=reading.index,
        off_target_k=_off_target(thermogram, smooth, far, options.significance),
        position_m=place.position_m,
        position_sigma_m=place.sigma_m,
        fwhm_m=place.fwhm_m,
        displacement_m=place.displacement_m,
        usable_share=thermogram.usable_share,
        near_target=frozen(near),
        off_target=frozen(far),
    )


@dataclass(frozen=True)
class _Reading:
    index: tuple[int, int]
    value: float
    sigma: float
    seen: bool


def _read(
    thermogram: Thermogram,
    smooth: Smoothed,
    near: BoolArray,
    otherwise: tuple[tuple[int, int], float],
) -> _Reading:
    """Read the hottest credible voxel, or the mean round the target where there is none."""
    target, significance = otherwise
    index = hottest(smooth, near, significance)
    if index is not None:
        value, sigma = float(thermogram.delta_t_k[index]), float(thermogram.sigma_k[index])
        if value >= significance * sigma:
            return _Reading(index, value, sigma, seen=True)
    return _Reading(target, float(smooth.mean[target]), float(smooth.sigma[target]), seen=False)


def _rounded(index: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(index[0])), round(float(index[1]))


def smoothed(seen: Seen) -> Smoothed:
    """Return 3×3 means of a map, over usable voxels alone."""
    mask = seen.mask
    count = _box(mask.astype(np.float32))
    safe = np.maximum(count, 1.0)
    value = _box(np.where(mask, seen.value, np.float32(0))) / safe
    variance = _box(np.where(mask, seen.sigma, np.float32(0)) ** 2)
    nothing = count == 0
    value[nothing] = np.nan
    sigma = np.sqrt(variance) / safe
    sigma[nothing] = np.nan
    return Smoothed(value, sigma, count)


def _box(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum over 3×3 voxels; zero beyond the edge."""
    padded = np.pad(image, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    total: NDArray[np.float32] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return total


def hottest(smooth: Smoothed, where: BoolArray, significance: float) -> tuple[int, int] | None:
    """Return the voxel with the highest credible 3×3 mean; None where none is credible."""
    credible = where & (smooth.count >= 6) & (smooth.mean >= significance * smooth.sigma)
    if not credible.any():
        return None
    flat = int(np.argmax(np.where(credible, smooth.mean, -np.inf)))
    i, j = divmod(flat, credible.shape[1])
    return i, j


@dataclass(frozen=True, eq=False)
class PairedFocus:
    """The focus from two images with swapped readout: no field map is needed.

    Parameters
    ----------
    position_m
        Shape (3,), CT frame, m.
    sigma_m
        Shape (2,): standard deviations along axes 0 and 1 of the slice, m.
    fwhm_m
        Full widths at half maximum along axes 0 and 1, each from the image whose readout lies across
        it: heat displaces the middle of a spot more than its edge, along the readout.
    displacement_m
        Shape (2,): what the static field still displaced along axis 0 in the first image and
        along axis 1 in the second, m.
    """

    position_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    fwhm_m: tuple[float, float]
    displacement_m: NDArray[np.float64]


def paired_focus(
    first: FocusMeasurement, second: FocusMeasurement, geometry: SliceGeometry
) -> PairedFocus | None:
    """Put two measurements of one slice together, the first with readout along axis 0.

    Displacement is along the readout alone, so that each coordinate is taken from the image that
    does not displace it; the difference of both is what the field did.

    Parameters
    ----------
    first, second
        Measured with ``readout_axis`` 0 and 1, without a field map or with the same.
    geometry
        The slice of both.

    Returns
    -------
    PairedFocus or None
        None where either image shows no spot.
    """
    if first.position_m is None or second.position_m is None:
        return None
    if first.fwhm_m is None or second.fwhm_m is None:
        return None
    one = geometry.grid.indices_of(first.position_m)
    other = geometry.grid.indices_of(second.position_m)
    index = np.array([other[0], one[1], one[2]])
    pixel = geometry.grid.spacing_m[:2]
    sigmas = np.array([second.position_sigma_m or np.nan, first.position_sigma_m or np.nan])
    return PairedFocus(
        position_m=frozen(geometry.grid.points_of(index)),
        sigma_m=frozen(sigmas),
        fwhm_m=(second.fwhm_m[0], first.fwhm_m[1]),
        displacement_m=frozen((np.array([one[0], other[1]]) - index[:2]) * pixel),
    )


@dataclass(frozen=True)
class Peak:
    """The hottest credible voxel: where, ΔT and its standard deviation, K; NaN where none is."""

    index: tuple[int, int]
    value: float
    sigma: float


def credible_peak(thermogram: Thermogram, *, significance: float = 4.0) -> Peak:
    """Return the hottest voxel of a whole map that noise would not make.

    Without a target there is no place to look at when nothing is hot: the values are NaN then.

    Parameters
    ----------
    thermogram
        The map.
    significance
        Standard deviations above which a 3×3 mean is believed; more among many voxels.
    """
    smooth = smoothed(Seen.of(thermogram))
    chance = -float(ndtri(0.01 / max(int(np.count_nonzero(thermogram.mask)), 1)))
    index = hottest(smooth, thermogram.mask, max(significance, chance))
    if index is None:
        return Peak((-1, -1), float("nan"), float("nan"))
    return Peak(index, float(thermogram.delta_t_k[index]), float(thermogram.sigma_k[index]))


def _off_target(
    thermogram: Thermogram, smooth: Smoothed, far: BoolArray, significance: float
) -> float:
    # Among n places the highest of pure noise grows with n: one frame in a hundred may pass.
    chance = -float(ndtri(0.01 / max(int(np.count_nonzero(far)), 1)))
    index = hottest(smooth, far, max(significance, chance))
    if index is not None:
        return float(smooth.mean[index])
    return float(thermogram.delta_t_k[far].mean()) if far.any() else float("nan")


@dataclass(frozen=True, eq=False)
class _Place:
    position_m: NDArray[np.float64] | None
    sigma_m: float | None
    fwhm_m: tuple[float, float] | None
    displacement_m: float


def _place(spot: Spot | None, geometry: SliceGeometry, through: float) -> _Place:
    if spot is None:
        return _Place(None, None, None, 0.0)
    pixel = geometry.grid.spacing_m
    position = geometry.grid.points_of([*spot.index, through])
    widths = (float(spot.fwhm[0] * pixel[0]), float(spot.fwhm[1] * pixel[1]))
    sigma = float((spot.sigma * pixel[:2]).max())
    return _Place(frozen(position), sigma, widths, float(spot.shift * pixel[0]))
