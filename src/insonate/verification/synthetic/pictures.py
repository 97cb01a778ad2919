"""Synthetic arrays: a head that is *not* symmetric, an array round it, a focal spot.

A calcification lies on the right, a gap in the bone on the left, so that a picture that mixes
up the sides cannot hide.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import FloatArray

ORIGIN_M = np.array((-0.091, -0.112, -0.092))
SPACING_M = 1e-3
SHAPE = (182, 224, 190)
CALCIFICATION_M = (0.040, 0.010, 0.002)
PIXEL_M = 1.1e-3
PIXELS = 128
PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}


def plane_points(name: str, centre_m: FloatArray) -> FloatArray:
    """Return the CT-frame points (m), shape (n, m, 3), of a head plane through ``centre_m``."""
    a, b = PLANES[name]
    h, v = np.meshgrid(
        *(ORIGIN_M[k] + np.arange(SHAPE[k]) * SPACING_M for k in (a, b)), indexing="ij"
    )
    points = np.broadcast_to(centre_m, (*h.shape, 3)).copy()
    points[..., a], points[..., b] = h, v
    return points


def radius(points: FloatArray, semi_axes: tuple[float, float, float]) -> FloatArray:
    """Return the radius of points (..., 3) in an ellipsoid's own measure: 1 on its surface."""
    return np.asarray(np.linalg.norm(points / np.asarray(semi_axes), axis=-1))


def bone_gap(points: FloatArray) -> NDArray[np.bool_]:
    """Where the bone has a hole: frontal, on the patient's left."""
    return np.asarray(
        np.linalg.norm(points - np.array((-0.035, 0.070, 0.040)), axis=-1) < 0.012
    )


def labels_of(points: FloatArray) -> NDArray[np.int8]:
    """Return the tissue labels of points: water, air, scalp, skull, brain."""
    labels = np.zeros(points.shape[:-1], np.int8)
    labels[radius(points, (0.079, 0.099, 0.085)) < 1] = 2
    labels[radius(points, (0.074, 0.094, 0.080)) < 1] = 3
    labels[radius(points, (0.0675, 0.087, 0.0735)) < 1] = 4
    labels[bone_gap(points) & (labels == 3)] = 2
    labels[np.linalg.norm(points - np.array((0.0, 0.083, 0.015)), axis=-1) < 0.008] = 1
    return labels


def hounsfield_of(points: FloatArray) -> NDArray[np.float32]:
    """Return HU of points; the calcification is on the patient's right."""
    hu = np.array((-1000.0, -1000.0, 20.0, 1500.0, 36.0))[labels_of(points)]
    middle = np.abs(radius(points, (0.0708, 0.0905, 0.0768)) - 1) < 0.018
    hu = np.where(middle & (hu == 1500.0), 750.0, hu)
    ventricles = (
        radius(np.abs(points) - np.array((0.012, 0.0, 0.012)), (0.004, 0.028, 0.01)) < 1
    )
    hu = np.where(ventricles, 5.0, hu)
    stone = np.linalg.norm(points - np.asarray(CALCIFICATION_M), axis=-1) < 0.007
    noise = np.random.default_rng(1).normal(0, 12, hu.shape)
    return (np.where(stone, 1100.0, hu) + noise).astype(np.float32)


def magnitude_of(points: FloatArray) -> NDArray[np.float32]:
    """Return the MR signal (1) of points: dark bone, bright white matter."""
    signal = np.array((0.0, 0.02, 0.75, 0.12, 0.6))[labels_of(points)]
    ventricles = (
        radius(np.abs(points) - np.array((0.012, 0.0, 0.012)), (0.004, 0.028, 0.01)) < 1
    )
    white = radius(points, (0.05, 0.066, 0.052)) < 1
    signal = np.where(ventricles, 0.2, np.where(white & (signal == 0.6), 0.8, signal))
    return signal.astype(np.float32)


def elements(target_m: FloatArray, count: int = 1024) -> dict[str, tuple[NDArray[Any], str]]:
    """Return the element arrays of a plan; density ratio rises towards the patient's right."""
    k = np.arange(count) + 0.5
    height = 1 - k / count * 0.98
    angle = k * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - height**2)
    unit_vector = np.stack((ring * np.cos(angle), ring * np.sin(angle), height), axis=1)
    rng = np.random.default_rng(2)
    sdr = 0.52 + 0.12 * unit_vector[:, 0] + 0.06 * rng.normal(size=count)
    incidence = np.radians(4 + 20 * ring**2 + 3 * rng.normal(size=count)).clip(0.01)
    states = np.zeros(count, np.int8)
    states[incidence > np.radians(28)] = 2
    states[np.linalg.norm(unit_vector - np.array((-0.33, 0.77, 0.55)), axis=1) < 0.16] = 1
    states[np.linalg.norm(unit_vector - np.array((0.05, 0.97, 0.2)), axis=1) < 0.2] = 4
    states[(np.linalg.norm(unit_vector - np.array((0.1, 0.99, 0.05)), axis=1) < 0.14)] = 3
    states[height < 0.04] = 5
    on = states == 0
    thickness = (0.0065 + 0.0012 * rng.normal(size=count)).clip(0.003)
    phase = np.angle(np.exp(1j * (9 * sdr + 40 * thickness / 0.0065)))
    return {
        "element_positions": (target_m + 0.15 * unit_vector, "m"),
        "element_states": (states, "1"),
        "element_sdr": (np.where(states == 5, np.nan, sdr.clip(0.05, 0.98)), "1"),
        "element_angle": (np.where(states == 5, np.nan, incidence), "rad"),
        "element_thickness": (np.where(states == 5, np.nan, thickness), "m"),
        "element_phase": (np.where(on, phase, 0.0), "rad"),
        "element_amplitude": (on.astype(np.float64), "1"),
    }


def offset_planes(count: int, spacing_m: float) -> dict[str, FloatArray]:
    """Return for each plane the offsets from the target, shape (count, count, 3), m."""
    s = (np.arange(count) - (count - 1) / 2) * spacing_m
    planes: dict[str, FloatArray] = {}
    for name, axes in PLANES.items():
        offsets = np.zeros((count, count, 3))
        offsets[..., axes[0]], offsets[..., axes[1]] = np.meshgrid(s, s, indexing="ij")
        planes[name] = offsets
    return planes


def spot(offsets: FloatArray, widths_m: tuple[float, float, float]) -> FloatArray:
    """Return a Gaussian of full widths at half maximum ``widths_m`` at offsets (..., 3)."""
    return np.asarray(np.exp(-4 * np.log(2) * radius(offsets, widths_m) ** 2))


def slice_affine(orientation: str, target_m: FloatArray) -> FloatArray:
    """Return the affine of a thermometry slice through the target, axes as a scanner's (LPS)."""
    a, b = PLANES[orientation]
    linear = np.zeros((3, 3))
    linear[a, 0] = -PIXEL_M if a < 2 else PIXEL_M
    linear[b, 1] = -PIXEL_M if b < 2 else PIXEL_M
    linear[3 - a - b, 2] = 3e-3
    affine = np.eye(4)
    affine[:3, :3] = linear
    middle = np.array(((PIXELS - 1) / 2 + 12.0, (PIXELS - 1) / 2 - 8.0, 0.0))
    affine[:3, 3] = target_m - linear @ middle
    return affine


@dataclass(frozen=True, eq=False)
class Slice:
    """A thermometry slice: affine (4, 4), offsets from the target (n, m, 3) m, brain, signal."""

    affine: FloatArray
    offsets: FloatArray
    brain: NDArray[np.bool_]
    magnitude: NDArray[np.float32]


def slice_of(orientation: str, target_m: FloatArray) -> Slice:
    """Return the slice of an orientation through the target."""
    affine = slice_affine(orientation, target_m)
    index = np.stack(np.meshgrid(*[np.arange(PIXELS)] * 2, indexing="ij"), axis=-1)
    points = index @ affine[:3, :2].T + affine[:3, 3]
    labels = labels_of(points)
    return Slice(affine, points - target_m, labels == 4, magnitude_of(points))
