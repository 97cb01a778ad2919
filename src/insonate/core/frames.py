"""Named coordinate frames and the transforms between them.

Inside insonate every point is in metres, with axes right, anterior, superior (RAS).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core.arrays import frozen
from insonate.core.errors import GeometryError


class Frame(StrEnum):
    """The frames that a point can be in; a point without one has no meaning."""

    CT = "ct"
    MR = "mr"
    ATLAS = "atlas"
    ACPC = "acpc"
    """Origin at the posterior commissure, +y to the anterior commissure, +z superior, +x right."""
    HEAD = "head"
    """The stereotactic head frame."""
    TRANSDUCER = "transducer"
    """Origin at the geometric focus, +z from the focus to the vertex of the dish."""


@dataclass(frozen=True, eq=False)
class Transform:
    """An affine map that takes points of ``source`` to points of ``target``.

    Parameters
    ----------
    source, target
        The frames it maps from and to.
    matrix
        Shape (4, 4), metres, last row 0 0 0 1.
    error_m
        One standard deviation of where a mapped point lies, in metres; 0 for a definition.

    Raises
    ------
    GeometryError
        When the matrix is not a finite, invertible affine matrix.
    """

    source: Frame
    target: Frame
    matrix: NDArray[np.float64]
    error_m: float = 0.0

    def __post_init__(self) -> None:
        matrix = frozen(self.matrix, np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise GeometryError(
                f"A transform from {self.source} to {self.target} needs a finite 4×4 matrix; "
                f"this one has shape {matrix.shape} or holds NaN."
            )
        if not np.allclose(matrix[3], (0, 0, 0, 1)) or abs(np.linalg.det(matrix)) < 1e-12:
            raise GeometryError(
                f"The matrix from {self.source} to {self.target} is not an invertible affine "
                "matrix; its last row must be 0 0 0 1 and its determinant must not be 0."
            )
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls, source: Frame, target: Frame) -> "Transform":
        """Return the transform between two frames that coincide."""
        return cls(source, target, np.eye(4))

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points, shape (..., 3), in metres."""
        p = np.asarray(points, dtype=np.float64)
        mapped: NDArray[np.float64] = p @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return mapped

    def rotate(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """Map directions, shape (..., 3): the linear part alone."""
        v: NDArray[np.float64] = np.asarray(vectors, dtype=np.float64) @ self.matrix[:3, :3].T
        return v

    def inverse(self) -> "Transform":
        """Return the transform that undoes this one."""
        return Transform(
            self.target, self.source, frozen(np.linalg.inv(self.matrix)), self.error_m
        )

    def __matmul__(self, first: "Transform") -> "Transform":
        """Compose: ``(b_to_c @ a_to_b)`` maps a to c; a pair that does not meet is an error."""
        if first.target != self.source:
            raise GeometryError(
                f"A transform from {self.source} cannot follow one that ends in {first.target}; "
                "compose transforms whose frames meet."
            )
        error = float(np.hypot(self.error_m, first.error_m))
        return Transform(first.source, self.target, self.matrix @ first.matrix, error)


def require_frame(found: Frame, wanted: Frame, what: str) -> None:
    """Raise a ``GeometryError`` when ``what`` is not in the frame that is wanted."""
    if found != wanted:
        raise GeometryError(
            f"{what} is in the frame '{found}', but must be in '{wanted}'; "
            "map it with a Transform first."
        )


def affine_from(linear: ArrayLike, offset: ArrayLike) -> NDArray[np.float64]:
    """Build a 4×4 affine matrix from a 3×3 linear part and an offset in metres."""
    matrix: NDArray[Any] = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = offset
    return matrix
