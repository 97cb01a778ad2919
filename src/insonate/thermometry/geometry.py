"""Where a slice lies: its grid in the CT frame."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import Frame, GeometryError, Grid
from insonate.core.frames import affine_from, require_frame
from insonate.thermometry.protocol import Protocol


class Orientation(StrEnum):
    """The planes of a head; array index i runs along the first axis named, j along the second."""

    AXIAL = "axial"
    """i to the right (+x), j anterior (+y)."""
    CORONAL = "coronal"
    """i to the right (+x), j superior (+z)."""
    SAGITTAL = "sagittal"
    """i anterior (+y), j superior (+z)."""
    OBLIQUE = "oblique"
    """Any other plane: only its grid says where it lies."""


_AXES = {Orientation.AXIAL: (0, 1), Orientation.CORONAL: (0, 2), Orientation.SAGITTAL: (1, 2)}


@dataclass(frozen=True, eq=False)
class SliceGeometry:
    """One slice.

    Parameters
    ----------
    grid
        Shape (nx, ny, 1), frame ``ct``; the third axis has the slice thickness as spacing. It
        may be oblique, its axes are at right angles.
    orientation
        The name of the plane.

    Raises
    ------
    GeometryError
        When the grid is not one slice with right angles in the CT frame.
    """

    grid: Grid
    orientation: Orientation

    def __post_init__(self) -> None:
        require_frame(self.grid.frame, Frame.CT, "The grid of a thermometry slice")
        directions = self.grid.affine[:3, :3] / self.grid.spacing_m
        skewed = not np.allclose(directions.T @ directions, np.eye(3), atol=1e-6)
        if self.grid.shape[2] != 1 or skewed:
            raise GeometryError(
                f"A slice is a grid of shape (nx, ny, 1) with axes at right angles, not "
                f"{self.grid.shape}{' with skewed axes' if skewed else ''}."
            )
        object.__setattr__(self, "orientation", Orientation(self.orientation))

    @classmethod
    def through(
        cls, point_m: ArrayLike, orientation: Orientation | str, protocol: Protocol
    ) -> "SliceGeometry":
        """Build the slice whose voxel (nx // 2, ny // 2) is centred on a point (CT frame, m).

        Raises
        ------
        GeometryError
            When the orientation is not axial, coronal or sagittal, or the point is not finite.
        """
        point = np.asarray(point_m, dtype=np.float64)
        wanted = str(orientation)
        if wanted not in [o.value for o in _AXES]:
            raise GeometryError(
                f"A slice cannot be built as '{orientation}'; choose axial, coronal or sagittal, "
                "or give an oblique slice its own grid."
            )
        if point.shape != (3,) or not np.isfinite(point).all():
            raise GeometryError(
                f"A slice is built round one finite point, not {point.tolist()}."
            )
        first, second = (np.eye(3)[axis] for axis in _AXES[Orientation(wanted)])
        nx, ny = protocol.matrix
        spacing = np.array([protocol.pixel_m, protocol.pixel_m, protocol.slice_thickness_m])
        linear = np.column_stack([first, second, np.cross(first, second)]) * spacing
        corner = point - linear @ np.array([nx // 2, ny // 2, 0.0])
        return cls(
            Grid((nx, ny, 1), affine_from(linear, corner), Frame.CT), Orientation(wanted)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Voxels along the two axes of the image."""
        return self.grid.shape[0], self.grid.shape[1]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector through the slice, CT frame, shape (3,)."""
        normal: NDArray[np.float64] = self.grid.affine[:3, 2] / self.grid.spacing_m[2]
        return normal

    def points(
        self, *, subsamples: int = 1, through: int = 1, exact: bool = False
    ) -> NDArray[np.float64]:
        """Return sub-voxel sampling points, to sample a temperature or tissue for the scanner.

        Parameters
        ----------
        subsamples
            Points per voxel along each axis of the image.
        through
            Points through the thickness.
        exact
            Whether two or three points along an axis lie where their plain mean is that of a cubic
            over the voxel (±1/√3; 0, ±1/√2 of half of it: Chebyshev's quadrature) instead of in the
            middles of equal parts, whose mean of a peak is too high: of 2 × 2 × 3 points in a voxel
            of 1.1 × 1.1 × 3 mm by 3 % of a spot of 2.5 mm.

        Returns
        -------
        NDArray
            Shape (nx·subsamples, ny·subsamples, through, 3), CT frame, m.
        """
        nx, ny = self.shape
        within, k = _nodes(subsamples, exact=exact), _nodes(through, exact=exact)
        i, j = ((np.arange(n)[:, None] + within).ravel() for n in (nx, ny))
        columns = self.grid.affine[:3, :3].T
        in_plane = i[:, None, None, None] * columns[0] + j[None, :, None, None] * columns[1]
        points: NDArray[np.float64] = (
            in_plane + k[None, None, :, None] * columns[2] + self.grid.origin_m
        )
        return points

    def distance_m(self, point_m: ArrayLike) -> NDArray[np.float64]:
        """Return the distance of each voxel centre from a point (CT frame, m), shape (nx, ny)."""
        i, j, k = self.grid.indices_of(point_m)
        dx, dy, dz = self.grid.spacing_m
        along = (np.arange(self.shape[0]) - i) * dx
        across = (np.arange(self.shape[1]) - j) * dy
        distance: NDArray[np.float64] = np.sqrt(
            along[:, None] ** 2 + across[None, :] ** 2 + (k * dz) ** 2
        )
        return distance

    def index_of(self, point_m: ArrayLike) -> NDArray[np.float64]:
        """Return the fractional index (i, j) of a point (CT frame, m) that lies in the slice.

        Raises
        ------
        GeometryError
            When the point is outside the slice or its field of view.
        """
        index = self.grid.indices_of(point_m)
        in_view = (index[:2] >= 0).all() and (index[:2] <= np.array(self.shape) - 1).all()
        if abs(index[2]) > 0.5 + 1e-6 or not in_view:
            raise GeometryError(
                f"The point {np.round(np.asarray(point_m) * 1e3, 1).tolist()} mm lies outside "
                f"the {self.orientation} slice ({abs(index[2]) * self.grid.spacing_m[2] * 1e3:.1f}"
                " mm from its plane); place the slice through the target."
            )
        found: NDArray[np.float64] = index[:2]
        return found

    def require(self, protocol: Protocol) -> None:
        """Raise a ``GeometryError`` when this slice is not what the protocol describes."""
        wanted = np.array([protocol.pixel_m, protocol.pixel_m, protocol.slice_thickness_m])
        if self.shape != tuple(protocol.matrix) or not np.allclose(
            self.grid.spacing_m, wanted, rtol=1e-3
        ):
            raise GeometryError(
                f"The slice has {self.shape} voxels of {np.round(self.grid.spacing_m * 1e3, 3)} "
                f"mm, the protocol '{protocol.name}' {tuple(protocol.matrix)} of "
                f"{np.round(wanted * 1e3, 3)} mm; they must describe the same images."
            )


_CHEBYSHEV = {
    2: np.array([-1.0, 1.0]) / np.sqrt(3.0),
    3: np.array([-1.0, 0.0, 1.0]) / np.sqrt(2.0),
}
"""Nodes of equal weight on [-1, 1] (Abramowitz & Stegun, Handbook of Mathematical Functions,
table 25.5)."""


def _nodes(count: int, *, exact: bool) -> NDArray[np.float64]:
    """Return sampling places within a voxel from -0.5 to 0.5."""
    nodes: NDArray[np.float64] = (np.arange(count) + 0.5) / count - 0.5
    if exact and count in _CHEBYSHEV:
        nodes = 0.5 * _CHEBYSHEV[count]
    return nodes
