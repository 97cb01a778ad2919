"""Skull density ratio: how unlike the marrow is to the tables of the bone, by three definitions.

The definitions disagree, and the kernel of the CT alone shifts each of them by 0.05 or more in a
quarter of repeats, so a value is never given without its name.

- ``workstation``: 5×5 rays 2.25 mm apart, parallel to the element's straight line, 60 samples of
  0.5 mm that begin 10 mm outside the outer hit; bone between the outermost samples of 700 HU;
  outer peak = first local maximum inwards, inner peak = first one from inside,
  m = max(0, minimum between them); ratio m / outer peak; mean over the rays. After Chang et al.,
  J. Neurosurg. 124:411 (2016), as public re-implementations of the clinical workstation read it.
- ``older``: m / mean(outer peak, inner peak) on the one refracted ray.
- ``skullgan``: minimum over the central half of the bone / maximum on the ray, mean over 5×5
  parallel rays 1.8 mm apart that cross at least three voxels of bone (Naftchi-Ardebili et al.,
  SkullGAN, 2023; the number of rays is our reading).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError, Volume, sample
from insonate.core.arrays import frozen
from insonate.field import Rays
from insonate.head import HeadModel

Float64 = NDArray[np.float64]

BONE_EDGE_HU = 700.0
AIR_HU = -500.0
LOW_SDR = 0.40
"""Threshold in use for skulls that heat badly (Chang et al. 2016; half of a Taiwanese cohort of
246 lies below it)."""

_STEP_M = 0.5e-3
_SAMPLES = 60
_LEAD_M = 10e-3

DEFINITIONS = {
    "workstation": "minimum between the peaks over the outer peak; 5×5 rays 2.25 mm apart",
    "older": "minimum between the peaks over the mean of both peaks; refracted ray",
    "skullgan": "minimum of the central half over the maximum; 5×5 rays 1.8 mm apart",
}
"""What each named ratio is, in words."""


@dataclass(frozen=True, eq=False)
class SkullDensityRatios:
    """The three ratios of each element.

    Parameters
    ----------
    workstation, older, skullgan
        Shape (N,), 1; NaN where an element's rays cross no bone of 700 HU.
    air_between_peaks
        Shape (N,): some sample between the peaks is air (-500 HU or less).
    """

    workstation: Float64
    older: Float64
    skullgan: Float64
    air_between_peaks: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("workstation", "older", "skullgan", "air_between_peaks"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def mean(self, name: str, active: NDArray[np.bool_]) -> float:
        """Return one ratio's mean over the active elements; NaN when none of them has one.

        Raises
        ------
        SettingsError
            When there is no ratio of this name.
        """
        if name not in DEFINITIONS:
            raise SettingsError(
                f"There is no skull density ratio '{name}'; there are {', '.join(DEFINITIONS)}."
            )
        values = getattr(self, name)[active]
        values = values[np.isfinite(values)]
        return float(values.mean()) if len(values) else float("nan")


@dataclass(frozen=True, eq=False)
class _Peaks:
    """Of R profiles: which have bone, its edges and peaks (indices), the least value between."""

    bone: NDArray[np.bool_]
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    outer: Float64
    inner: Float64
    least: Float64


def skull_density_ratios(head: HeadModel, rays: Rays) -> SkullDensityRatios:
    """Compute the three ratios for every element, on the CT as it is (no smoothing).

    Parameters
    ----------
    head
        Its ``hounsfield`` map is read.
    rays
        Straight and refracted hits of N elements.
    """
    ct = Volume(head.hounsfield, head.grid, "HU")
    hit = np.flatnonzero(rays.hits_skull)
    results = np.full((3, rays.count), np.nan)
    air = np.zeros(rays.count, np.bool_)
    if len(hit):
        straight = rays.focus - rays.centres[hit]
        starts = rays.straight_hits[hit]
        profiles = _bundle(ct, starts, straight, 2.25e-3)
        results[0, hit], air[hit] = _workstation(profiles)
        bent = _bundle(
            ct, rays.outer_hits[hit], rays.inner_hits[hit] - rays.outer_hits[hit], None
        )
        results[1, hit] = _older(bent)
        wide = _bundle(ct, starts, straight, 1.8e-3)
        results[2, hit] = _skullgan(wide, float(head.grid.spacing_m.max()))
    return SkullDensityRatios(results[0], results[1], results[2], air)


def _bundle(ct: Volume, hits: Float64, directions: Float64, spacing_m: float | None) -> Float64:
    """Return HU along 5×5 parallel rays (or one, without spacing), (N, rays, 60)."""
    d = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    helper = np.eye(3)[np.abs(d).argmin(axis=1)]
    across = np.cross(d, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    up = np.cross(d, across)
    grid = np.arange(-2, 3) * (spacing_m or 0.0) if spacing_m else np.zeros(1)
    a, b = (g.ravel() for g in np.meshgrid(grid, grid, indexing="ij"))
    start = hits[:, None] + a[:, None] * across[:, None] + b[:, None] * up[:, None]
    s = np.arange(_SAMPLES) * _STEP_M - _LEAD_M
    return sample(ct, start[:, :, None] + s[:, None] * d[:, None, None], outside=-1000.0)


def _peaks(profiles: Float64) -> _Peaks:
    """Find edges and peaks of profiles, shape (..., S) to (...)."""
    index = np.arange(profiles.shape[-1])
    bone = profiles >= BONE_EDGE_HU
    first = bone.argmax(axis=-1)
    last = len(index) - 1 - bone[..., ::-1].argmax(axis=-1)
    falls = np.ones(profiles.shape, np.bool_)
    falls[..., :-1] = profiles[..., 1:] <= profiles[..., :-1]
    rises = np.ones(profiles.shape, np.bool_)
    rises[..., 1:] = profiles[..., :-1] <= profiles[..., 1:]
    outer_at = (falls & (index >= first[..., None])).argmax(axis=-1)
    rises &= index <= last[..., None]
    inner_at = len(index) - 1 - rises[..., ::-1].argmax(axis=-1)
    inner_at = np.maximum(inner_at, outer_at)
    between = (index >= outer_at[..., None]) & (index <= inner_at[..., None])
    least = np.where(between, profiles, np.inf).min(axis=-1)

    def at(where: NDArray[np.intp]) -> Float64:
        value: Float64 = np.take_along_axis(profiles, where[..., None], axis=-1)[..., 0]
        return value

    return _Peaks(np.asarray(bone.any(axis=-1)), first, last, at(outer_at), at(inner_at), least)


def _mean_over_rays(ratios: Float64, valid: NDArray[np.bool_]) -> Float64:
    total = np.where(valid, ratios, 0.0).sum(axis=-1)
    count = valid.sum(axis=-1)
    mean: Float64 = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _workstation(profiles: Float64) -> tuple[Float64, NDArray[np.bool_]]:
    peaks = _peaks(profiles)
    ratio = np.maximum(0.0, peaks.least) / np.where(peaks.bone, peaks.outer, 1.0)
    air = np.asarray((peaks.bone & (peaks.least <= AIR_HU)).any(axis=-1))
    return _mean_over_rays(ratio, peaks.bone), air


def _older(profiles: Float64) -> Float64:
    peaks = _peaks(profiles)
    both = 0.5 * (peaks.outer + peaks.inner)
    ratio = np.maximum(0.0, peaks.least) / np.where(peaks.bone, both, 1.0)
    return _mean_over_rays(ratio, peaks.bone)


def _skullgan(profiles: Float64, voxel_m: float) -> Float64:
    peaks = _peaks(profiles)
    index = np.arange(profiles.shape[-1])
    width = peaks.last - peaks.first
    inside = (index >= peaks.first[..., None]) & (index <= peaks.last[..., None])
    middle = (index >= (peaks.first + 0.25 * width)[..., None]) & (
        index <= (peaks.last - 0.25 * width)[..., None]
    )
    highest = np.where(inside, profiles, -np.inf).max(axis=-1)
    lowest = np.where(middle, profiles, np.inf).min(axis=-1)
    thick = peaks.bone & ((width + 1) * _STEP_M >= 3 * voxel_m)
    thick &= np.isfinite(lowest)
    ratio = np.maximum(0.0, np.where(thick, lowest, 0.0)) / np.where(thick, highest, 1.0)
    return _mean_over_rays(ratio, thick)
