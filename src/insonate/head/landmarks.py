"""Commissures, the midline, and the frame that stereotactic targets are given in."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import Frame, GeometryError, Transform, Volume, sample
from insonate.core.frames import affine_from, require_frame
from insonate.head.model import Landmarks

COMMISSURE_DISTANCE_RANGE_M = (18e-3, 34e-3)
"""Accepted length of AC-PC. Setting: adults have about 20-32 mm; beyond it is an error."""

_GREATEST_TILT_COSINE = np.cos(np.deg2rad(60.0))  # a head in a CT is never turned further


def acpc_to_ct(landmarks: Landmarks) -> Transform:
    """Return the rigid transform from the AC-PC frame to the CT frame.

    The AC-PC frame has its origin at PC, +y towards AC, +z superior within the midsagittal
    plane and perpendicular to y, +x = y × z to the right. Its third axis is the part of
    ``landmarks.superior`` that is perpendicular to AC-PC (Gram-Schmidt).

    Raises
    ------
    GeometryError
        When AC and PC coincide, when ``superior`` runs along AC-PC, or when right or superior
        would point more than 60° away from the CT's own right or superior: then left and right,
        or the two commissures, were exchanged.
    """
    pc = landmarks.posterior_commissure
    y = _unit(landmarks.anterior_commissure - pc, "The line from PC to AC")
    z = _unit(landmarks.superior - (landmarks.superior @ y) * y, "The superior direction")
    x = np.cross(y, z)
    if min(x[0], y[1], z[2]) < _GREATEST_TILT_COSINE:
        raise GeometryError(
            "The landmarks turn the AC-PC frame by more than 60° against the CT: its right, "
            f"anterior and superior axes have the cosines {x[0]:.2f}, {y[1]:.2f}, {z[2]:.2f} with "
            "the CT's, and each must be at least 0.5. Check that AC and PC, and left and right, "
            "were not exchanged."
        )
    linear = np.stack([x, y, z], axis=1)
    return Transform(Frame.ACPC, Frame.CT, affine_from(linear, pc), landmarks.error_m)


def _unit(vector: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        raise GeometryError(
            f"{what} has no direction (length {length:.1e}); AC, PC and the superior direction "
            "must span the midsagittal plane. Give other landmarks."
        )
    return vector / length


def commissure_distance_m(landmarks: Landmarks) -> float:
    """Return the length of AC-PC, m."""
    separation = landmarks.anterior_commissure - landmarks.posterior_commissure
    return float(np.linalg.norm(separation))


def lateral_offset_m(landmarks: Landmarks, points: ArrayLike) -> NDArray[np.float64]:
    """Return how far points (CT frame, m, (..., 3)) lie right of the midsagittal plane, (...)."""
    offset: NDArray[np.float64] = acpc_to_ct(landmarks).inverse().apply(points)[..., 0]
    return offset


def landmarks_from(
    transform: Transform,
    ac: ArrayLike,
    pc: ArrayLike,
    superior: ArrayLike,
    error_m: float,
    *,
    brain: Volume | None = None,
) -> Landmarks:
    """Map the commissures of an atlas, an MR or a hand-made list into the CT frame.

    Parameters
    ----------
    transform
        To the CT frame; its own error is combined with ``error_m`` (root of squares).
    ac, pc
        Commissures in the transform's source frame, shape (3,), m.
    superior
        A direction in the midsagittal plane of the source frame, shape (3,), upwards. Under an
        affine map a direction within a plane stays within the mapped plane.
    error_m
        One standard deviation of a commissure in the source frame, m.
    brain
        1 inside the brain, 0 elsewhere, frame ``ct``; when given, both commissures must lie in it.

    Raises
    ------
    GeometryError
        When the transform does not end in the CT frame or is a mirror, the mapped AC-PC distance is outside
        18-34 mm, a commissure is outside the brain, or the axes are turned by more than 60°.
    """
    require_frame(transform.target, Frame.CT, "What the transform maps to")
    _require_handedness(transform)
    landmarks = Landmarks(
        transform.apply(ac),
        transform.apply(pc),
        _unit(transform.rotate(superior), "The superior direction"),
        float(np.hypot(transform.error_m, error_m)),
        "given by hand" if transform.source == Frame.CT else f"{transform.source} registration",
    )
    require_plausible(landmarks, brain=brain)
    return landmarks


def _require_handedness(transform: Transform) -> None:
    if np.linalg.det(transform.matrix[:3, :3]) <= 0:
        raise GeometryError(
            f"The transform from {transform.source} to {transform.target} exchanges left and "
            "right (its determinant is negative); every frame of insonate is right-handed. "
            "Register again without reflections."
        )


def require_plausible(landmarks: Landmarks, *, brain: Volume | None = None) -> None:
    """Raise a ``GeometryError`` with every reason why the landmarks cannot be a person's."""
    acpc_to_ct(landmarks)
    faults = _distance_faults(landmarks)
    if brain is not None:
        faults += _outside_faults(landmarks, brain)
    if faults:
        raise GeometryError(" ".join([*faults, "Give AC and PC by hand, or another image."]))


def _distance_faults(landmarks: Landmarks) -> list[str]:
    low, high = COMMISSURE_DISTANCE_RANGE_M
    distance = commissure_distance_m(landmarks)
    if low <= distance <= high:
        return []
    found, allowed = f"{distance * 1e3:.1f} mm", f"{low * 1e3:g}-{high * 1e3:g} mm"
    return [f"AC and PC are {found} apart; in adults it is {allowed}."]


def _outside_faults(landmarks: Landmarks, brain: Volume) -> list[str]:
    require_frame(brain.frame, Frame.CT, "The brain mask")
    names = ("anterior", "posterior")
    points = (landmarks.anterior_commissure, landmarks.posterior_commissure)
    mask = Volume(brain.array.astype(np.float32), brain.grid, brain.unit)
    return [
        f"The {name} commissure at {_in_mm(point)} mm (RAS) lies outside the brain."
        for name, point in zip(names, points, strict=True)
        if sample(mask, point, order=0) < 0.5
    ]


def _in_mm(point: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{1e3 * value:.1f}" for value in point) + ")"
