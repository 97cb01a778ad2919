"""The ray engine: trace every element through the skull to the focus.

One ray for each element, refracted at both faces of the skull, which counts as a plate with the
mean slowness and density of the bone on this ray. Straight inside each of water-and-scalp, bone
and brain; shear waves and diffraction inside the skull are not in it (normal incidence below
about 20° barely excites shear waves).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.array.model import WATER_DENSITY, WATER_SOUND_SPEED
from insonate.core import GeometryError, Tissue
from insonate.core.units import TWO_PI
from insonate.field.interfaces import (
    face_transmission,
    oblique_impedance,
    plate_faces,
    refracted_cosine,
)
from insonate.field.media import (
    Media,
    impedance_at,
    label_at,
    media_of,
    outward_normals,
    path_sums,
    read,
)
from insonate.field.rays import Rays
from insonate.field.refraction import Bends, Ends, fermat_paths
from insonate.field.surfaces import first_hits
from insonate.head import HeadModel

Float64 = NDArray[np.float64]
Complex128 = NDArray[np.complex128]

WATER_IMPEDANCE = WATER_DENSITY * WATER_SOUND_SPEED


@dataclass(frozen=True)
class RayOptions:
    """How rays are traced.

    Parameters
    ----------
    surface_smoothing_m
        Of the CT on which hits are found (standard deviation of a Gaussian), m.
    normal_smoothing_m
        Of the CT whose gradient gives normals, m.
    """

    surface_smoothing_m: float = 0.8e-3
    normal_smoothing_m: float = 1.5e-3


@dataclass(frozen=True, eq=False)
class _Straight:
    """The straight lines: where they enter the grid and meet both surfaces of the skull."""

    direction: Float64
    entry: Float64
    outer: Float64
    inner: Float64
    levels: Float64
    hits_skull: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Bone:
    """Everything about the rays that meet the skull, first axis of length M."""

    bends: Bends
    sums: Float64
    angle: Float64
    critical: Float64
    faces: Complex128


def trace_rays(
    head: HeadModel,
    centres_m: ArrayLike,
    focus_m: ArrayLike,
    *,
    options: RayOptions = RayOptions(),
    media: Media | None = None,
) -> Rays:
    """Trace a refracted ray from each element to the focus.

    Parameters
    ----------
    head
        The maps; their attenuation is used at the frequency it was made for.
    centres_m
        Shape (N, 3), element centres in the CT frame, m.
    focus_m
        Shape (3,), CT frame, m; inside the grid.
    options
        Smoothing.
    media
        ``media_of(head)`` with these options, when it is at hand; made here otherwise.

    Returns
    -------
    Rays

    Raises
    ------
    GeometryError
        When the focus lies off the grid or an element lies on the focus.
    """
    centres = np.asarray(centres_m, dtype=np.float64)
    focus = np.asarray(focus_m, dtype=np.float64)
    _require_geometry(head, centres, focus)
    maps = media if media is not None else prepare(head, options)
    straight = _straight_lines(maps, centres, focus)
    hit = straight.hits_skull
    bone = _through_bone(maps, centres[hit], focus, straight, TWO_PI * head.frequency_hz)
    return _as_rays(head, maps, centres, focus, straight, bone)


def prepare(head: HeadModel, options: RayOptions = RayOptions()) -> Media:
    """Return the maps that ``trace_rays`` uses, to share them between calls."""
    return media_of(
        head,
        surface_smoothing_m=options.surface_smoothing_m,
        normal_smoothing_m=options.normal_smoothing_m,
    )


def _require_geometry(head: HeadModel, centres: Float64, focus: Float64) -> None:
    if centres.ndim != 2 or centres.shape[1] != 3 or focus.shape != (3,):
        raise GeometryError(
            f"Rays need element centres of shape (N, 3) and a focus of shape (3,), not "
            f"{centres.shape} and {focus.shape}."
        )
    if not np.isfinite(centres).all() or not head.grid.contains(focus, 1.0):
        raise GeometryError(
            f"The focus {np.round(1e3 * focus, 1).tolist()} mm lies outside the image, or an "
            "element has no finite position; the focus must lie inside the CT."
        )
    if (np.linalg.norm(centres - focus, axis=1) < 1e-3).any():
        raise GeometryError("An element lies on the focus; elements must be 1 mm away or more.")


def _straight_lines(media: Media, centres: Float64, focus: Float64) -> _Straight:
    towards = focus - centres
    length = np.linalg.norm(towards, axis=1)
    direction = towards / length[:, None]
    entry = grid_entry(media, centres, direction)
    start = centres + entry[:, None] * direction
    focus_each = np.broadcast_to(focus, centres.shape)
    outer = first_hits(media, start, direction, length - entry)
    inner = first_hits(media, focus_each, -direction, length - entry)
    met = outer.found & inner.found
    met[met] = (entry + outer.distance + inner.distance < length)[met]
    return _Straight(
        direction,
        entry,
        start + outer.distance[:, None] * direction,
        focus - inner.distance[:, None] * direction,
        np.column_stack([outer.level, inner.level]),
        met,
    )


def grid_entry(media: Media, start: Float64, direction: Float64) -> Float64:
    """Return how far lines that end inside the grid run before they enter it, shape (N,), m."""
    low = media.grid.points_of((0, 0, 0))
    high = media.grid.points_of(np.array(media.grid.shape) - 1)
    face = np.where(direction > 0, low, high)
    steep = np.abs(direction) > 1e-12
    reached = (face - start) / np.where(steep, direction, 1.0)
    entry: Float64 = np.where(steep, reached, 0.0).max(axis=1).clip(min=0.0)
    return entry


def _through_bone(
    media: Media, source: Float64, focus: Float64, straight: _Straight, omega: float
) -> _Bone:
    """Refract the rays that meet the skull and find what they lose."""
    hit = straight.hits_skull
    ends = Ends(source, np.broadcast_to(focus, source.shape), straight.levels[hit])
    bends = Bends(straight.outer[hit], straight.inner[hit], np.zeros(len(source)))
    for _ in range(2):  # the speeds are means along the path, which they bend
        speeds = _speeds(_three_sums(media, ends, bends))
        bends = fermat_paths(media, ends, speeds, bends.outer, bends.inner)
    sums = _three_sums(media, ends, bends)
    speeds = _speeds(sums)
    normals = outward_normals(media, straight.outer[hit])
    cosine = np.minimum(1.0, np.abs((normals * straight.direction[hit]).sum(axis=1)))
    reachable = refracted_cosine(cosine, speeds[:, 0], speeds[:, 1]) > 0
    faces = np.where(reachable, _faces(media, ends, bends, sums, omega), 0.0)
    critical = np.arcsin(np.minimum(1.0, speeds[:, 0] / speeds[:, 1]))
    return _Bone(bends, sums, np.arccos(cosine), critical, faces)


def _three_sums(media: Media, ends: Ends, bends: Bends) -> Float64:
    """Return ``path_sums`` of the three pieces of each path, shape (M, 3, 4)."""
    m = media.margin_m
    before = path_sums(media, ends.source, bends.outer, margins_m=(0.0, m))
    inside = path_sums(media, bends.outer, bends.inner, margins_m=(m, m))
    behind = path_sums(media, bends.inner, ends.focus, margins_m=(m, 0.0))
    return np.stack([before, inside, behind], axis=1)


def _speeds(sums: Float64) -> Float64:
    """Return the three speeds of each path (inverse mean slowness), shape (M, 3), m/s."""
    speeds: Float64 = sums[:, :, 3] / sums[:, :, 0]
    return speeds


def _faces(media: Media, ends: Ends, bends: Bends, sums: Float64, omega: float) -> Complex128:
    """Return what faces and echoes pass, without loss and phase of travel; 0 where nothing does.

    The impedances beside the bone are the tissues' one voxel away from it; from water to scalp
    is one more face.
    """
    speeds, (slowness, loss, mass, length) = _speeds(sums), sums[:, 1].T
    before, through = _unit(bends.outer - ends.source), _unit(bends.inner - bends.outer)
    cosine_in = _cosine(before, outward_normals(media, bends.outer))
    cosine_out = _cosine(through, outward_normals(media, bends.inner))
    cosine_bone = refracted_cosine(cosine_in, speeds[:, 0], speeds[:, 1])
    cosine_brain = refracted_cosine(cosine_out, speeds[:, 1], speeds[:, 2])
    mean_cosine = 0.5 * (cosine_bone + cosine_out)
    plate = oblique_impedance(
        mass / length, speeds[:, 1], mean_cosine, loss / (omega * slowness)
    )
    scalp = impedance_at(media, bends.outer - media.margin_m * before)
    brain = impedance_at(media, bends.inner + media.margin_m * through)
    scalp_z, brain_z = (
        scalp / np.maximum(cosine_in, 0.05),
        brain / np.maximum(cosine_brain, 0.05),
    )
    crossing = np.exp(1j * omega * slowness * cosine_bone * cosine_out - loss)
    passes = face_transmission(WATER_IMPEDANCE, scalp) * plate_faces(
        scalp_z, plate, brain_z, crossing
    )
    result: Complex128 = np.where((cosine_bone > 0) & (cosine_brain > 0), passes, 0.0)
    return result


def _unit(vectors: Float64) -> Float64:
    unit: Float64 = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _cosine(first: Float64, second: Float64) -> Float64:
    cosine: Float64 = np.minimum(1.0, np.abs((first * second).sum(axis=1)))
    return cosine


def _crosses_air(media: Media, start: Float64, end: Float64) -> NDArray[np.bool_]:
    """Say for each straight piece whether it crosses a voxel of air, shape (N,)."""
    longest = np.linalg.norm(end - start, axis=1).max(initial=0.0)
    share = np.linspace(0.0, 1.0, max(2, int(np.ceil(longest / (2 * media.step_m)))))
    points = start[:, None] + share[:, None] * (end - start)[:, None]
    return np.asarray((label_at(media, points) == int(Tissue.AIR)).any(axis=1))


def _as_rays(
    head: HeadModel,
    media: Media,
    centres: Float64,
    focus: Float64,
    straight: _Straight,
    bone: _Bone,
) -> Rays:
    hit, n = straight.hits_skull, len(centres)
    start = centres + straight.entry[:, None] * straight.direction
    focus_each = np.broadcast_to(focus, centres.shape)
    open_sums = path_sums(media, start, focus_each, margins_m=(0.0, 0.0))
    open_sums[:, (0, 3)] += straight.entry[:, None] * (1 / WATER_SOUND_SPEED, 1.0)
    total = _filled(open_sums, hit, bone.sums.sum(axis=1))
    air = _crosses_air(media, start, focus_each)
    air[hit] |= _crosses_air(media, bone.bends.outer, bone.bends.inner)
    air[hit] |= _crosses_air(media, bone.bends.inner, focus_each[hit])
    into_brain = face_transmission(WATER_IMPEDANCE, impedance_at(media, focus))
    faces = _filled(np.full(n, into_brain), hit, bone.faces)
    boundary = label_at(media, start + 1e-6 * straight.direction)
    nothing = np.full((n, 3), np.nan)
    return Rays(
        focus=focus,
        frequency_hz=head.frequency_hz,
        centres=centres,
        outer_hits=_filled(nothing, hit, bone.bends.outer),
        inner_hits=_filled(nothing, hit, bone.bends.inner),
        straight_hits=_filled(nothing, hit, straight.outer[hit]),
        incidence_angle_rad=_filled(np.full(n, np.nan), hit, bone.angle),
        critical_angle_rad=_filled(np.full(n, np.pi / 2), hit, bone.critical),
        thickness_m=_filled(np.zeros(n), hit, bone.sums[:, 1, 3]),
        path_length_m=total[:, 3],
        travel_time_s=total[:, 0],
        attenuation_np=total[:, 1],
        transmission=np.where(air, 0.0, faces * np.exp(-total[:, 1])),
        bone_sound_speed=_filled(np.full(n, np.nan), hit, _speeds(bone.sums)[:, 1]),
        snell_residual=_filled(np.zeros(n), hit, bone.bends.residual),
        hits_skull=hit,
        crosses_air=air,
        leaves_grid=boundary != int(Tissue.WATER),
        focus_sound_speed=1.0 / float(read(media, media.slowness, focus, np.nan)),
    )


def _filled(
    base: NDArray[Any], chosen: NDArray[np.bool_], values: NDArray[Any]
) -> NDArray[Any]:
    """Return a copy of ``base`` with ``values`` where ``chosen``."""
    result = base.copy()
    result[chosen] = values
    return result
