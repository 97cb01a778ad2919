"""Where an array is: its elements in the CT frame, and the room inside its dish."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.array.model import Array
from insonate.core import Frame, GeometryError, Transform
from insonate.core.arrays import frozen
from insonate.core.frames import require_frame


@dataclass(frozen=True, eq=False)
class Placement:
    """How the array is placed round a head.

    Parameters
    ----------
    transducer_to_ct
        Takes points of the transducer frame to the CT frame.
    tilt_rad
        How far the vertex leans to anterior from superior, radians.
    clearance_m
        Smallest distance between the scalp and the inside of the dish, m.
    notes
        Whole sentences about what was chosen and why.
    """

    transducer_to_ct: Transform
    tilt_rad: float
    clearance_m: float
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_frame(
            self.transducer_to_ct.source, Frame.TRANSDUCER, "The source of a placement"
        )
        require_frame(self.transducer_to_ct.target, Frame.CT, "The target of a placement")
        linear = self.transducer_to_ct.matrix[:3, :3]
        rigid = np.allclose(linear @ linear.T, np.eye(3), atol=1e-6)
        if not rigid or np.linalg.det(linear) < 0:
            raise GeometryError(
                "A placement must be a rotation and a shift; this one scales or mirrors the "
                "array. Build it with place()."
            )

    @property
    def focus_m(self) -> NDArray[np.float64]:
        """The geometric focus in the CT frame, shape (3,), m."""
        return self.transducer_to_ct.matrix[:3, 3]

    @property
    def vertex_direction(self) -> NDArray[np.float64]:
        """Unit vector from the focus to the vertex of the dish in the CT frame, shape (3,)."""
        return self.transducer_to_ct.matrix[:3, 2]


@dataclass(frozen=True, eq=False)
class PlacedArray:
    """The elements of an array in the CT frame.

    Parameters
    ----------
    centres
        Shape (N, 3), m.
    normals
        Shape (N, 3), unit vectors of radiation.
    areas
        Shape (N,), m².
    focus
        Shape (3,), the geometric focus, m.
    """

    centres: NDArray[np.float64]
    normals: NDArray[np.float64]
    areas: NDArray[np.float64]
    focus: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("centres", "normals", "areas", "focus"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))

    @property
    def vertex_direction(self) -> NDArray[np.float64]:
        """Unit vector against the mean direction of radiation, shape (3,)."""
        mean = -self.normals.mean(axis=0)
        direction: NDArray[np.float64] = mean / np.linalg.norm(mean)
        return direction


def placed(array: Array, placement: Placement) -> PlacedArray:
    """Return the elements of ``array`` in the CT frame."""
    move = placement.transducer_to_ct
    return PlacedArray(
        move.apply(array.centres), move.rotate(array.normals), array.areas, placement.focus_m
    )


def clearance(surface_m: NDArray[np.float64], radius_m: float) -> float:
    """Return the smallest distance of surface points to the inside of a hemispherical dish.

    Parameters
    ----------
    surface_m
        Shape (M, 3), in the transducer frame, m.
    radius_m
        Of the dish; its flat discs are tangent to it, so no face lies inside it.

    Returns
    -------
    float
        m; negative when a point above the rim lies outside the dish.
    """
    rho, z = np.hypot(surface_m[:, 0], surface_m[:, 1]), surface_m[:, 2]
    to_dish = radius_m - np.hypot(rho, z)
    to_rim = np.hypot(radius_m - rho, z)
    return float(np.where(z >= 0, to_dish, to_rim).min())
