"""Put the array round the head: focus on the target, vertex up, enough room for the scalp."""

from math import cos, degrees, radians, sin

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from insonate.array import Array, Placement, clearance
from insonate.core import Frame, GeometryError, PlanError, SettingsError, Tissue, Transform
from insonate.core.frames import affine_from
from insonate.head import HeadModel

LEAST_CLEARANCE_M = 5e-3
"""Setting: room for water and membrane between scalp and elements."""

TILTS_TRIED_RAD = tuple(radians(t) for t in (0, 5, -5, 10, -10, 15, -15, 20, -20))
"""Setting: smallest tilt first; a helmet cannot be turned much farther over a lying patient."""


def place(
    array: Array,
    head: HeadModel,
    target_point_ct_m: ArrayLike,
    *,
    tilt_rad: float | None = None,
    least_clearance_m: float = LEAST_CLEARANCE_M,
) -> Placement:
    """Place an array with its focus on a target and its vertex up.

    Up is the head's own: superior of its landmarks, tilted about the left-right axis. Left to
    itself it takes the smallest tilt of 0, ±5, ±10, ±15, ±20° that leaves enough clearance.

    Parameters
    ----------
    array, head
        What is placed round what.
    target_point_ct_m
        Shape (3,), CT frame, m.
    tilt_rad
        A tilt of the vertex to anterior (radians), or None to look for one.
    least_clearance_m
        Smallest allowed distance of scalp and dish, m.

    Raises
    ------
    PlanError
        When the head does not fit in the array.
    SettingsError
        When the tilt is more than 45°.
    """
    if tilt_rad is not None and not abs(tilt_rad) <= radians(45):
        raise SettingsError(
            f"A tilt of {degrees(tilt_rad):.1f}° cannot be set; allowed are -45° to 45°."
        )
    target = np.asarray(target_point_ct_m, dtype=np.float64)
    surface = head_surface(head)
    tilts = TILTS_TRIED_RAD if tilt_rad is None else (tilt_rad,)
    best = Placement(_pose(head, target, tilts[0]), tilts[0], -np.inf)
    for tilt in tilts:
        pose = _pose(head, target, tilt)
        room = clearance(pose.inverse().apply(surface), array.radius_of_curvature_m)
        if room > best.clearance_m:
            best = Placement(pose, tilt, room, _notes(tilt, tilt_rad))
        if room >= least_clearance_m:
            return best
    raise PlanError([_no_room(best, array, least_clearance_m)])


def head_surface(head: HeadModel) -> NDArray[np.float64]:
    """Return the centres of the voxels where the head meets the water, shape (M, 3), CT, m."""
    inside = head.labels != int(Tissue.WATER)
    shell = inside & ~ndimage.binary_erosion(inside, border_value=1)
    if not shell.any():
        raise GeometryError(
            "The head model holds no surface between head and water, so no array can be placed "
            "round it; check the segmentation."
        )
    return head.grid.points_of(np.argwhere(shell))


def _pose(head: HeadModel, target: NDArray[np.float64], tilt_rad: float) -> Transform:
    marks = head.landmarks
    up = marks.superior / np.linalg.norm(marks.superior)
    forward = marks.anterior_commissure - marks.posterior_commissure
    forward = forward - (forward @ up) * up
    forward = forward / np.linalg.norm(forward)
    vertex = cos(tilt_rad) * up + sin(tilt_rad) * forward
    front = cos(tilt_rad) * forward - sin(tilt_rad) * up
    rotation = np.column_stack([np.cross(front, vertex), front, vertex])
    return Transform(Frame.TRANSDUCER, Frame.CT, affine_from(rotation, target))


def _notes(tilt_rad: float, asked_rad: float | None) -> tuple[str, ...]:
    if asked_rad is not None or tilt_rad == 0:
        return ()
    way = "anterior" if tilt_rad > 0 else "posterior"
    note = (
        f"The array was tilted by {degrees(abs(tilt_rad)):.0f}° to {way}, because the head does "
        "not fit in it upright."
    )
    return (note,)


def _no_room(best: Placement, array: Array, least_m: float) -> str:
    return (
        f"The head does not fit in the array ({array.name}): the best clearance is "
        f"{1e3 * best.clearance_m:.1f} mm at a tilt of {degrees(best.tilt_rad):.0f}°, but at "
        f"least {1e3 * least_m:.1f} mm is needed; choose another target or a larger array."
    )
