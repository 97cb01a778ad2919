"""The two surfaces of the skull: where lines meet them, and how points are put on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.field.media import SOFT_TISSUE_HU, Media, bone_at, bone_exactly_at

Float64 = NDArray[np.float64]

BONE_HU = 300.0
"""Where bone begins for the search, HU.

Setting: between soft tissue (below 100) and bone (above 700, the SDR's edge). The surface itself
is the half-maximum between soft tissue and the first peak of the bone, which is where the edge of
a blurred step lies whatever the density of the bone.
"""

PEAK_DEPTH_M = 4e-3
"""Setting: the first peak is looked for this deep; outer tables are 1-3 mm thick."""

REACH_M = 4e-3
"""Setting: a point is put on a surface that is at most this far away along the normal."""


@dataclass(frozen=True, eq=False)
class Hits:
    """Where N lines first enter bone: distance (m), HU of the surface, and whether they do."""

    distance: Float64
    level: Float64
    found: NDArray[np.bool_]


def first_hits(media: Media, start: Float64, direction: Float64, end: Float64) -> Hits:
    """Find where lines first enter bone.

    Parameters
    ----------
    media
        The maps.
    start, direction
        Shape (N, 3), m; unit vectors.
    end
        Shape (N,): each line is searched as far as this, m.

    Returns
    -------
    Hits
        Distance and level are NaN where a line meets no bone.
    """
    step = media.step_m
    s = step * np.arange(int(np.ceil(end.max() / step)) + 1)
    profile = bone_at(media, start[:, None] + s[:, None] * direction[:, None])
    bone = (profile >= BONE_HU) & (s <= end[:, None])
    found, rows = np.asarray(bone.any(axis=1)), np.arange(len(start))
    peak = _first_peak(profile, bone.argmax(axis=1), round(PEAK_DEPTH_M / step))
    level = 0.5 * (profile[rows, peak] + SOFT_TISSUE_HU)
    below = (profile < level[:, None]) & (np.arange(len(s)) < peak[:, None])
    last = len(s) - 1 - below[:, ::-1].argmax(axis=1)
    last = np.where(below.any(axis=1), last, 0)
    after = np.minimum(last + 1, len(s) - 1)
    low, high = profile[rows, last], profile[rows, after]
    share = np.clip((level - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    distance = (last + share) * step
    distance -= outward_shift(media, start + distance[:, None] * direction, -direction, level)
    return Hits(np.where(found, distance, np.nan), np.where(found, level, np.nan), found)


def _first_peak(profile: Float64, begin: NDArray[np.intp], depth: int) -> NDArray[np.intp]:
    """Return the index of the first local maximum at or after ``begin``, at most ``depth`` on."""
    falls = np.ones(profile.shape, np.bool_)
    falls[:, :-1] = profile[:, 1:] <= profile[:, :-1]
    index = np.arange(profile.shape[1])
    falls &= (index >= begin[:, None]) | (index == profile.shape[1] - 1)
    last = np.minimum(begin + depth, profile.shape[1] - 1)
    peak: NDArray[np.intp] = np.minimum(falls.argmax(axis=1), last)
    return peak


def onto_surface(
    media: Media, points: Float64, outward: Float64, level: Float64, *, exactly: bool = False
) -> Float64:
    """Move points along their normals to the nearest crossing of the HU ``level``, (N, 3).

    Within ``REACH_M`` by linear interpolation, or exactly within one voxel by splines; a point
    that has no crossing there stays where it is.
    """
    if exactly:
        shift = outward_shift(media, points, outward, level)
    else:
        offsets = media.step_m * np.arange(-(n := float(round(REACH_M / media.step_m))), n + 1)
        profile = bone_at(media, points[:, None] + offsets[:, None] * outward[:, None])
        shift = _crossing(offsets, profile, level)
    moved: Float64 = points + shift[:, None] * outward
    return moved


def outward_shift(media: Media, points: Float64, outward: Float64, level: Float64) -> Float64:
    """Return how far outwards the exact surface lies from points close to it, shape (N,), m."""
    offsets = 0.5 * media.step_m * np.arange(-8.0, 9.0)
    profile = bone_exactly_at(media, points[:, None] + offsets[:, None] * outward[:, None])
    return _crossing(offsets, profile, level)


def _crossing(offsets: Float64, profile: Float64, level: Float64) -> Float64:
    """Return the offset nearest 0 where profiles fall through ``level``; 0 where none does."""
    leaves = (profile[:, :-1] >= level[:, None]) & (profile[:, 1:] < level[:, None])
    step = offsets[1] - offsets[0]
    away = np.where(leaves, np.abs(offsets[:-1] + 0.5 * step), np.inf)
    nearest, rows = away.argmin(axis=1), np.arange(len(profile))
    high, low = profile[rows, nearest], profile[rows, nearest + 1]
    share = (high - level) / np.where(high > low, high - low, 1.0)
    shift: Float64 = np.where(leaves.any(axis=1), offsets[nearest] + share * step, 0.0)
    return shift
