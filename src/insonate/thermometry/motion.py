"""Rigid motion in the plane: found on the magnitude, undone in the complex image, refused if large.

A head that has moved by d and turned by θ about the middle shows M(r) = M₀(R(−θ)(r − d)). Shift
and angle are found by Gauss-Newton on magnitudes averaged over blocks (Thévenaz et al., IEEE
Trans. Image Process. 7:27, 1998), the coarsest first, so that a shift of several voxels is found too.
The coils' phase does not move with the head; what is left of it is smooth, and the drift takes it.
"""

from dataclasses import dataclass
from math import degrees, hypot

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.thermometry.motion_kernels import halved, resampled, seen_at

FACTORS = (8, 4, 2)
"""Blocks that magnitudes are averaged over, the coarsest first; each is half of the one before."""

_USUAL_VOXELS, _USUAL_RAD = 2.0, 0.05
"""Setting: how far awake heads in a frame move between frames. A round head does not say how it has turned:
what the pictures leave open is taken to be of this size."""
_ALIKE = 100.0
"""Setting: places of a picture that err together, so that many of them count as one."""
_EXPLAINS = 0.9
"""A motion that leaves more than this of the difference explains nothing: something else changed."""
_STEPS = 8
_SETTLED = 2e-3  # blocks
_SMALLEST = 8  # blocks along each axis
_SHARE = 0.3  # of tissue in a block that counts: the edges say most of a motion
STILL_PIXELS = 0.3
"""A smaller motion is left alone: water of ever another phase at the edges looks like as much."""


@dataclass(frozen=True)
class Motion:
    """A rigid motion of the head in the plane since the references.

    Parameters
    ----------
    shift
        Voxels along axes 0 and 1.
    rotation_rad
        From axis 0 towards axis 1 about the middle of the image, rad.
    misfit
        What is left of the difference of the magnitudes, relative to the references', 0-1.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    rotation_rad: float = 0.0
    misfit: float = 0.0

    def largest_shift(self, shape: tuple[int, int]) -> float:
        """Return the shift of the farthest voxel within a quarter of the view, voxels."""
        return hypot(*self.shift) + abs(self.rotation_rad) * min(shape) / 4


@dataclass(frozen=True)
class MotionLimits:
    """What is corrected, and what is refused.

    Parameters
    ----------
    shift_m
        A larger shift is refused, m: the slice is then another one.
    rotation_rad
        A larger turn is refused, rad.
    misfit
        Where the magnitudes still differ by more than this part after the correction the motion
        was not one in the plane, and is refused.

    Raises
    ------
    SettingsError
        When a limit is not positive.
    """

    shift_m: float = 5e-3
    rotation_rad: float = 0.09
    misfit: float = 0.25

    def __post_init__(self) -> None:
        if not (
            0 < self.shift_m < 0.05 and 0 < self.rotation_rad < 0.5 and 0 < self.misfit < 1
        ):
            raise SettingsError(
                f"The limits of motion {self.shift_m:g} m, {self.rotation_rad:g} rad and "
                f"{self.misfit:g} must be positive and below 0.05 m, 0.5 rad and 1."
            )

    def refuses(self, motion: Motion, pixel_m: float) -> str:
        """Return why a motion is too large to be corrected; empty where it is not."""
        shift_m = hypot(*motion.shift) * pixel_m
        if shift_m > self.shift_m or abs(motion.rotation_rad) > self.rotation_rad:
            return (
                f"The head moved by {shift_m * 1e3:.1f} mm and {degrees(motion.rotation_rad):.1f}° "
                f"in the plane; up to {self.shift_m * 1e3:g} mm and "
                f"{degrees(self.rotation_rad):.0f}° can be corrected. Take new references."
            )
        if motion.misfit > self.misfit:
            return (
                f"The picture differs from the references by {motion.misfit:.0%} of their "
                f"magnitude, and no motion in the plane explains it (at most {self.misfit:.0%}). "
                "Take new references."
            )
        return ""


@dataclass(frozen=True, eq=False)
class _Level:
    """One size of the references: how its magnitude changes with each motion, at its tissue."""

    factor: int
    at: NDArray[np.intp]
    wanted: NDArray[np.float64]
    slope: NDArray[np.float64]
    """∂M₀/∂(d, θ), shape (3, places)."""
    normal: NDArray[np.float64]
    """Its products, shape (3, 3)."""


@dataclass(frozen=True, eq=False)
class Pyramid:
    """The references' magnitude, ready to be compared: made once for a series.

    Parameters
    ----------
    levels
        The coarsest first.
    """

    levels: tuple[_Level, ...]

    @classmethod
    def of(cls, reference: NDArray[np.float32], tissue: NDArray[np.bool_]) -> "Pyramid":
        """Prepare a magnitude, shape (nx, ny), and the tissue that moves with the head."""
        levels = []
        image, inside = reference, tissue.astype(np.float32)
        for factor in FACTORS[::-1]:
            image, inside = halved(image), halved(inside)
            if min(image.shape) >= _SMALLEST:
                levels.append(_level(factor, image, inside > _SHARE))
        return cls(tuple(levels[::-1]))


def _level(factor: int, image: NDArray[np.float32], inside: NDArray[np.bool_]) -> _Level:
    at = np.flatnonzero(inside)
    gi, gj = np.gradient(image.astype(np.float64))
    i, j = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in image.shape), indexing="ij")
    slope = np.stack([-gi, -gj, gi * j - gj * i]).reshape(3, -1)[:, at]
    wanted = image.ravel()[at].astype(np.float64)
    tiny = 1e-9 * float(wanted @ wanted) + 1e-30  # a picture without structure has not moved
    return _Level(factor, at, wanted, slope, slope @ slope.T + tiny * np.eye(3))


def estimate_motion(references: Pyramid, magnitude: NDArray[np.float32]) -> Motion:
    """Find the rigid motion in the plane between two magnitudes.

    Parameters
    ----------
    references
        The magnitude before.
    magnitude
        Shape (nx, ny): now.

    Returns
    -------
    Motion
    """
    images = [np.ascontiguousarray(magnitude)]
    for _ in FACTORS:
        images.append(halved(images[-1]))
    found, left = np.zeros(3), np.zeros(1)
    for level in references.levels:
        size = np.array([level.factor, level.factor, 1.0])
        image = images[int(level.factor).bit_length() - 1]
        found, left = _refined(level, image, found / size)
        found = found * size
    believed = _believed(references.levels[-1], found, left)
    misfit = np.linalg.norm(left) / max(
        float(np.linalg.norm(references.levels[-1].wanted)), 1e-30
    )
    return Motion((float(believed[0]), float(believed[1])), float(believed[2]), float(misfit))


def _refined(
    level: _Level, image: NDArray[np.float32], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Newton at one level: ∂M₀/∂(d, θ) stays, the picture is moved back each time."""
    p, seen, left = start, np.empty(level.at.size), level.wanted
    norm = float(level.wanted @ level.wanted)
    for _ in range(_STEPS):
        seen_at(image, level.at, (p[0], p[1], p[2]), seen)
        # The scale of a series may change; it is no motion.
        left = seen * (norm / max(float(seen @ level.wanted), 1e-30)) - level.wanted
        step = np.linalg.solve(level.normal, level.slope @ left)
        p = p + step
        if np.abs(step[:2]).max() < _SETTLED and abs(step[2]) * image.shape[0] / 2 < _SETTLED:
            break
    return p, left


def _believed(
    level: _Level, found: NDArray[np.float64], left: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weigh a motion that was found against what is usual, by what the picture leaves open."""
    size = np.array([level.factor, level.factor, 1.0])
    usual = np.array([_USUAL_VOXELS, _USUAL_VOXELS, _USUAL_RAD]) / size
    trust = _ALIKE * float(left @ left) / left.size / usual**2
    p = np.linalg.solve(level.normal + np.diag(trust), level.normal @ (found / size))
    believed: NDArray[np.float64] = p * size
    return believed


def undone(image: NDArray[np.complex64], motion: Motion) -> NDArray[np.complex64]:
    """Return a complex image, shape (nx, ny), with a motion taken back."""
    return resampled(image, (*motion.shift, motion.rotation_rad))
