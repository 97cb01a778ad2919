"""Head models with a closed form: fluid layers with known depth, volume-averaged on a grid."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import Grid, Tissue
from insonate.head import HeadModel, Landmarks

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Material:
    """One layer: tissue, HU, density (kg/m³), sound speed (m/s), attenuation (Np/m)."""

    tissue: Tissue
    hounsfield: float
    density: float
    sound_speed: float
    attenuation: float = 0.0


WATER = Material(Tissue.WATER, 40.0, 1000.0, 1500.0)
"""Water with the HU of scalp: what lies beside bone is soft tissue, never water itself."""
BRAIN = Material(Tissue.BRAIN, 40.0, 1040.0, 1560.0, 4.0)
BRAIN_LIKE_WATER = Material(Tissue.BRAIN, 40.0, 1000.0, 1500.0)
BONE = Material(Tissue.SKULL, 1600.0, 1850.0, 2800.0, 46.0)


def layered_head(
    grid: Grid,
    depth_m: Float64,
    faces_m: ArrayLike,
    materials: tuple[Material, ...],
    *,
    frequency_hz: float = 650e3,
) -> HeadModel:
    """Build a head of layers.

    As on a CT, HU is the volume average of the layers in each voxel (to first order in the
    voxel's size), so a face may lie anywhere between voxel centres. The label is that of the
    largest part. As in a patient's head, soft tissue has its own properties and a voxel of bone
    those of the mixture in it.

    Parameters
    ----------
    grid
        CT frame.
    depth_m
        Shape ``grid.shape``: distance below some surface, growing inwards, m.
    faces_m
        Depth of each face, ascending; one fewer than materials.
    materials
        From outside to inside.
    frequency_hz
        Of the attenuation.
    """
    voxel = float(grid.spacing_m.mean())
    below = [np.ones(grid.shape)]
    below += [np.clip(0.5 + (depth_m - f) / voxel, 0, 1) for f in np.atleast_1d(faces_m)]
    below.append(np.zeros(grid.shape))
    parts = np.stack([a - b for a, b in pairwise(below)])

    largest = parts.argmax(axis=0)
    labels = np.array([int(m.tissue) for m in materials], np.int8)[largest]

    def mixed(name: str) -> NDArray[np.float32]:
        values = np.array([getattr(m, name) for m in materials])
        return np.tensordot(values, parts, axes=1).astype(np.float32)

    def mapped(name: str) -> NDArray[np.float32]:
        values = np.array([getattr(m, name) for m in materials])
        pure: NDArray[np.float32] = values[largest].astype(np.float32)
        return np.where(labels == int(Tissue.SKULL), mixed(name), pure)

    ones = np.ones(grid.shape, np.float32)
    middle = grid.points_of((np.array(grid.shape) - 1) / 2)
    up = np.array([0.0, 0.0, 1.0])
    half = np.array([0.0, 0.0125, 0.0])
    ac, pc = middle + half, middle - half
    return HeadModel(
        grid=grid, labels=labels, hounsfield=mixed("hounsfield"), density=mapped("density"),
        sound_speed=mapped("sound_speed"), attenuation=mapped("attenuation"), absorbed_share=ones,
        heat_capacity=4000 * ones, conductivity=0.5 * ones, perfusion=0 * ones,
        frequency_hz=frequency_hz, mapping="closed form",
        landmarks=Landmarks(ac, pc, up, 0.0, "closed form"),
    )  # fmt: skip


def sphere_depth(grid: Grid, centre: ArrayLike, radius_m: float) -> Float64:
    """Return the depth below a sphere's surface at every voxel, m."""
    distance = np.linalg.norm(grid.points() - np.asarray(centre, float), axis=-1)
    depth: Float64 = radius_m - distance
    return depth
