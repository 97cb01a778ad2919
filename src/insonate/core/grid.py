"""A regular grid of voxel centres in a named frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core.arrays import frozen
from insonate.core.errors import GeometryError
from insonate.core.frames import Frame, affine_from


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxel centres: ``point = affine @ index``.

    Parameters
    ----------
    shape
        Voxels along the three axes, each at least 1.
    affine
        Shape (4, 4): index to point, metres, RAS.
    frame
        The frame that the points are in.

    Raises
    ------
    GeometryError
        When the shape or the affine cannot be a grid.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    frame: Frame

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = frozen(self.affine, np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"A grid has three axes of at least one voxel, not {shape}.")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError("The affine of a grid must be a finite 4×4 matrix.")
        if abs(np.linalg.det(affine)) < 1e-18:
            raise GeometryError("The affine of a grid must not be singular.")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def centred(
        cls, centre: ArrayLike, spacing_m: float, shape: tuple[int, int, int], frame: Frame
    ) -> "Grid":
        """Build an axis-aligned grid whose middle (index (n-1)/2) is at ``centre`` (m)."""
        half = (np.asarray(shape) - 1) / 2 * spacing_m
        return cls(
            shape, affine_from(np.eye(3) * spacing_m, np.asarray(centre, float) - half), frame
        )

    @property
    def spacing_m(self) -> NDArray[np.float64]:
        """Distance between neighbouring voxels along each axis, shape (3,), m."""
        spacing: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return spacing

    @property
    def origin_m(self) -> NDArray[np.float64]:
        """Centre of voxel (0, 0, 0), shape (3,), m."""
        return self.affine[:3, 3]

    @property
    def voxel_volume_m3(self) -> float:
        """Volume of one voxel, m³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def is_axis_aligned(self) -> bool:
        """Whether the axes are +x, +y, +z of the frame, in this order."""
        linear = self.affine[:3, :3]
        off_axis = linear - np.diag(np.diag(linear))
        return bool(np.allclose(off_axis, 0, atol=1e-9) and (np.diag(linear) > 0).all())

    def points(self) -> NDArray[np.float64]:
        """Return all voxel centres, shape ``(*shape, 3)``, m."""
        index = np.stack(np.meshgrid(*map(np.arange, self.shape), indexing="ij"), axis=-1)
        return self.points_of(index)

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the coordinates (m) along x, y, z of an axis-aligned grid.

        Raises
        ------
        GeometryError
            When the grid is oblique.
        """
        if not self.is_axis_aligned:
            raise GeometryError("An oblique grid has no coordinate axes; use points().")
        x, y, z = (
            self.origin_m[i] + np.arange(n) * self.spacing_m[i]
            for i, n in enumerate(self.shape)
        )
        return x, y, z

    def points_of(self, index: ArrayLike) -> NDArray[np.float64]:
        """Map indices, shape (..., 3), to points in metres."""
        i = np.asarray(index, dtype=np.float64)
        points: NDArray[np.float64] = i @ self.affine[:3, :3].T + self.affine[:3, 3]
        return points

    def indices_of(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points (m), shape (..., 3), to fractional indices."""
        p = np.asarray(points, dtype=np.float64) - self.affine[:3, 3]
        index: NDArray[np.float64] = p @ np.linalg.inv(self.affine[:3, :3]).T
        return index

    def contains(self, points: ArrayLike, margin_voxels: float = 0.0) -> NDArray[np.bool_]:
        """Say for each point (..., 3) whether it lies inside, ``margin_voxels`` from the edge."""
        index = self.indices_of(points)
        upper = np.asarray(self.shape) - 1 - margin_voxels
        return np.asarray(((index >= margin_voxels) & (index <= upper)).all(axis=-1))

    def matches(self, other: "Grid") -> bool:
        """Say whether two grids have the same voxels in the same frame."""
        return (
            self.shape == other.shape
            and self.frame == other.frame
            and bool(np.allclose(self.affine, other.affine, atol=1e-9))
        )
