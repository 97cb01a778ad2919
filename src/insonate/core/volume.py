"""A three-dimensional image: values on a grid in a named frame, with a unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from insonate.core.arrays import frozen
from insonate.core.errors import GeometryError
from insonate.core.frames import Frame
from insonate.core.grid import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """Values on a grid.

    Parameters
    ----------
    array
        Shape ``grid.shape``; read-only afterwards.
    grid
        Where the voxels lie, and in which frame.
    unit
        The unit of the values: "HU", "K", "Pa", "1".

    Raises
    ------
    GeometryError
        When the array does not have the grid's shape.
    """

    array: NDArray[Any]
    grid: Grid
    unit: str

    def __post_init__(self) -> None:
        if np.shape(self.array) != self.grid.shape:
            raise GeometryError(
                f"A volume's array has shape {np.shape(self.array)}, but its grid has "
                f"{self.grid.shape}; they must be the same."
            )
        object.__setattr__(self, "array", frozen(self.array))

    @property
    def frame(self) -> Frame:
        """The frame of the grid."""
        return self.grid.frame


def sample(
    volume: Volume, points: ArrayLike, *, outside: float = 0.0, order: int = 1
) -> NDArray[np.float64]:
    """Interpolate a volume at points (m) of its own frame.

    Parameters
    ----------
    volume
        What is interpolated.
    points
        Shape (..., 3), m, in the volume's frame.
    outside
        The value of points outside the grid.
    order
        0 nearest, 1 linear, 3 cubic spline.

    Returns
    -------
    NDArray
        Shape (...), in the volume's unit.
    """
    index = volume.grid.indices_of(points)
    values: NDArray[np.float64] = map_coordinates(
        volume.array,
        index.reshape(-1, 3).T,
        output=np.float64,
        order=order,
        mode="constant",
        cval=outside,
    )
    return values.reshape(index.shape[:-1])
