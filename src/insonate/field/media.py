"""The maps of a head as the ray engine reads them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from insonate.array.model import WATER_DENSITY, WATER_SOUND_SPEED
from insonate.core import GeometryError, Grid, SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.head import HeadModel

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

SOFT_TISSUE_HU = 40.0
"""HU of scalp and brain; the foot of the step that a bone edge is (setting, brain is 30-45)."""


@dataclass(frozen=True, eq=False)
class Media:
    """Maps of one head, each of shape ``grid.shape``.

    Parameters
    ----------
    grid
        Axis-aligned, CT frame.
    bone
        HU of the skull and its neighbours, mildly smoothed.
    spline
        Coefficients of the cubic spline through ``bone``, for the last step of a search.
    normal_field
        The same, smoothed more; its gradient gives normals.
    slowness, attenuation, density
        s/m, Np/m, kg/m³.
    labels
        Values of ``Tissue``.
    """

    grid: Grid
    bone: Float32
    spline: Float32
    normal_field: Float32
    slowness: Float32
    attenuation: Float32
    density: Float32
    labels: NDArray[np.int8]

    @property
    def step_m(self) -> float:
        """A quarter of the finest voxel: the step of every search, m."""
        return 0.25 * float(self.grid.spacing_m.min())

    @property
    def margin_m(self) -> float:
        """How far the mixture of two materials can reach from a face, m.

        A mixed voxel's centre lies within half a voxel of the face, and its far side half a
        voxel farther; the tenth more is for faces that run obliquely through the grid.
        """
        return 1.1 * float(self.grid.spacing_m.max())


def media_of(
    head: HeadModel, *, surface_smoothing_m: float = 0.8e-3, normal_smoothing_m: float = 1.5e-3
) -> Media:
    """Prepare the maps of a head for tracing.

    HU that does not belong to the skull (free air, markers, calcifications in the brain) is
    taken out first, so that neither a hit nor a normal can come from it.

    Parameters
    ----------
    head
        The head; axis-aligned grid.
    surface_smoothing_m, normal_smoothing_m
        Standard deviation of the Gaussian for hits and for normals, m, 0 to 5 mm.

    Raises
    ------
    GeometryError
        When the grid is oblique.
    SettingsError
        When a smoothing is out of range.
    """
    if not head.grid.is_axis_aligned:
        raise GeometryError(
            "The grid of this head model is oblique; rays are traced on an axis-aligned grid: "
            "resample the CT first."
        )
    for value in (surface_smoothing_m, normal_smoothing_m):
        if not 0 <= value <= 5e-3:
            raise SettingsError(
                f"A smoothing of {1e3 * value:g} mm cannot be used; allowed are 0 to 5 mm."
            )
    bone = _bone_hounsfield(head)
    mild = _smooth(bone, surface_smoothing_m, head)
    return Media(
        head.grid,
        mild,
        ndimage.spline_filter(mild, order=3, output=np.float32, mode="mirror"),
        _smooth(bone, normal_smoothing_m, head),
        frozen(1.0 / head.sound_speed, np.float32),
        head.attenuation,
        head.density,
        head.labels,
    )


def _bone_hounsfield(head: HeadModel) -> Float32:
    skull = head.labels == int(Tissue.SKULL)
    beside = ndimage.binary_dilation(skull, iterations=2)
    kept = np.where(beside, head.hounsfield, SOFT_TISSUE_HU)
    return np.maximum(kept, SOFT_TISSUE_HU).astype(np.float32)


def _smooth(field: Float32, sigma_m: float, head: HeadModel) -> Float32:
    if sigma_m == 0:
        return np.ascontiguousarray(field)
    sigma = sigma_m / head.grid.spacing_m
    smoothed: Float32 = ndimage.gaussian_filter(field, sigma, mode="nearest", truncate=3.0)
    return smoothed


def read(media: Media, field: Float32, points: Float64, outside: float) -> Float64:
    """Interpolate a map linearly at points (m), shape (..., 3) to (...)."""
    return _read(media, field, points, outside, 1)


def read_voxel(media: Media, field: Float32, points: Float64, outside: float) -> Float64:
    """Return a map's value in the voxel of each point (m), shape (..., 3) to (...).

    Properties are read so, because between two voxels there may be a face, and half bone and
    half water is no material.
    """
    return _read(media, field, points, outside, 0)


def _read(media: Media, field: Float32, points: Float64, outside: float, order: int) -> Float64:
    index = media.grid.indices_of(points).reshape(-1, 3).T
    values: Float64 = ndimage.map_coordinates(
        field, index, output=np.float64, order=order, mode="constant", cval=outside
    )
    return values.reshape(points.shape[:-1])


def bone_at(media: Media, points: Float64) -> Float64:
    """Return the smoothed HU of bone at points (m), shape (..., 3) to (...)."""
    return read(media, media.bone, points, SOFT_TISSUE_HU)


def bone_exactly_at(media: Media, points: Float64) -> Float64:
    """Return the same by a cubic spline: ten times slower, an edge within 0.01 voxel."""
    index = media.grid.indices_of(points).reshape(-1, 3).T
    values: Float64 = ndimage.map_coordinates(
        media.spline, index, output=np.float64, order=3, mode="mirror", prefilter=False
    )
    return values.reshape(points.shape[:-1])


def impedance_at(media: Media, points: Float64) -> Float64:
    """Return ρ c at points, kg/(m² s); water off the grid."""
    density = read_voxel(media, media.density, points, WATER_DENSITY)
    impedance: Float64 = density / read_voxel(
        media, media.slowness, points, 1.0 / WATER_SOUND_SPEED
    )
    return impedance


def label_at(media: Media, points: Float64) -> NDArray[np.int8]:
    """Return the tissue of the nearest voxel, shape (..., 3) to (...); -1 off the grid."""
    index = np.floor(media.grid.indices_of(points) + 0.5).astype(np.intp)
    inside = ((index >= 0) & (index < media.grid.shape)).all(axis=-1)
    held = np.clip(index, 0, np.array(media.grid.shape) - 1)
    labels = media.labels[held[..., 0], held[..., 1], held[..., 2]]
    result: NDArray[np.int8] = np.where(inside, labels, np.int8(-1))
    return result


def outward_normals(media: Media, points: Float64) -> Float64:
    """Return unit vectors down the gradient of ``normal_field``: out of the bone, (N, 3).

    The gradient is a central difference over one voxel to each side; zero where it is flat.
    """
    normals = np.empty_like(points)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = media.grid.spacing_m[axis]
        behind = read(media, media.normal_field, points - step, SOFT_TISSUE_HU)
        ahead = read(media, media.normal_field, points + step, SOFT_TISSUE_HU)
        normals[:, axis] = (behind - ahead) / step[axis]
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: Float64 = normals / np.maximum(length, 1e-9)
    return unit


def path_sums(
    media: Media, start: Float64, end: Float64, *, margins_m: tuple[float, float]
) -> Float64:
    """Integrate slowness (s), attenuation (Np) and density (kg/m²) along straight pieces.

    Close to a face a voxel holds two materials. Within the margins of start and end the maps are
    therefore read at that depth instead: the value is carried up to the face, whose position is
    known to less than a voxel. A piece thinner than both margins is read in its middle. Off the
    grid is water.

    Parameters
    ----------
    media
        The maps.
    start, end
        Shape (N, 3), m.
    margins_m
        At the start and at the end.

    Returns
    -------
    NDArray
        Shape (N, 4): integrals of slowness, attenuation, density, and the length (m).
    """
    direction = end - start
    length = np.linalg.norm(direction, axis=1)
    count = max(4, int(np.ceil(length.max(initial=0.0) / (1.5 * media.step_m))))
    depth = (np.arange(count) + 0.5) / count * length[:, None]
    first, last = margins_m[0], (length - margins_m[1])[:, None]
    middle = 0.5 * (first + last)
    depth = np.where(first < last, np.clip(depth, first, np.maximum(first, last)), middle)
    share = depth / np.maximum(length, 1e-12)[:, None]
    points = start[:, None, :] + share[..., None] * direction[:, None, :]
    fields = (
        (media.slowness, 1.0 / WATER_SOUND_SPEED),
        (media.attenuation, 0.0),
        (media.density, WATER_DENSITY),
    )
    means = [read_voxel(media, f, points, outside).mean(axis=1) for f, outside in fields]
    return np.column_stack([*(length * mean for mean in means), length])
