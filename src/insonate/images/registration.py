"""Lay one head image over another: rigid or affine, by mutual information.

Mattes et al., IEEE Trans. Med. Imaging 22:120 (2003), as in SimpleITK. ITK's habit is LPS, but
it needs one only in files: both images are handed to it in RAS millimetres with axes along
+x, +y, +z, so that the matrix that comes back is in RAS millimetres as well.

One thread and every voxel of a coarse grid (no random samples) make it the same on each run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import hypot
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from insonate.core import GeometryError, ImageError, SettingsError, Transform, Volume
from insonate.core.units import MM
from insonate.images.alignment import Pose, first_guess, head_of
from insonate.images.resampling import resample_band_limited
from insonate.images.untyped import sitk

Kind = Literal["rigid", "affine"]
_Pair = tuple[Volume, Volume]

_HU_KNOTS = (-1000.0, -200.0, 0.0, 80.0, 300.0, 1500.0)
_CT_KNOTS = (0.0, 0.1, 0.3, 0.65, 0.8, 1.0)
"""A rising curve for CT: a third of the histogram for 0-80 HU, where brain, ventricles and
muscle differ. Mutual information does not mind the curve, only how bins are shared out."""

_FLOOR_M = {"rigid": 1.0 * MM, "affine": 3.0 * MM}
"""What no fit falls below, one standard deviation in the deep brain. Rigid, one person, CT to
MR: West et al., J. Comput. Assist. Tomogr. 21:554 (1997), median about 1 mm. Affine, another
person's brain: the differences that 12 numbers cannot follow; own estimate from
looking at commissures and ventricles after such fits, 2 to 4 mm."""

_GOOD_OVERLAP = 0.93
_SCALE_RANGE = (0.8, 1.25)
_LARGEST_TILT_DEG = 40.0


@dataclass(frozen=True)
class RegistrationOptions:
    """How a registration is run.

    Parameters
    ----------
    spacing_m
        Voxels of the last level, 1 to 6 mm.
    coarse_spacing_m
        Voxels of the first level, where the starts are compared; at least ``spacing_m``.
    depth_m
        Only this much of the fixed head below its top is compared, at least 80 mm: the neck
        bends, and a CT may end at the teeth.
    bins
        Bins of the joint histogram along each axis, 16 to 128.
    iterations
        The most steps at each level.
    tilts_deg
        Nods of the head that are tried as starts, degrees about +x.

    Raises
    ------
    SettingsError
        When one is outside its range.
    """

    spacing_m: float = 3.0 * MM
    coarse_spacing_m: float = 8.0 * MM
    depth_m: float = 130.0 * MM
    bins: int = 40
    iterations: int = 200
    tilts_deg: tuple[float, ...] = (-20.0, 0.0, 20.0)

    def __post_init__(self) -> None:
        allowed = {
            "spacing_m": (1.0 * MM, 6.0 * MM),
            "coarse_spacing_m": (self.spacing_m, 12.0 * MM),
            "depth_m": (80.0 * MM, 1.0),
            "bins": (16, 128),
            "iterations": (1, 10_000),
        }
        for name, (low, high) in allowed.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(
                    f"The registration option {name} is {value}, but must lie in {low}-{high}."
                )
        if not self.tilts_deg:
            raise SettingsError("A registration needs at least one start in tilts_deg.")


@dataclass(frozen=True)
class Registration:
    """Where the moving image lies in the fixed one.

    Parameters
    ----------
    transform
        From the moving image's frame to the fixed one's; carries ``error_m``.
    metric
        Mutual information that was reached, nats; higher is better.
    overlap
        Dice overlap of the two heads, 0-1, in the part that was compared.
    error_m
        One standard deviation of a mapped point in the deep brain, m: the spread of fits to two
        halves of the image, with the floor that no such fit falls below.
    notes
        Whole sentences; a poor fit is told here.
    """

    transform: Transform
    metric: float
    overlap: float
    error_m: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Level:
    """Both images at one spacing, ready for ITK, with the fixed voxels that count."""

    fixed: Any
    moving: Any
    mask: NDArray[np.bool_]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let ITK use one thread, whatever it used before.

    Sums over threads differ in their last digits from run to run, and the number of threads
    of a registration does not reach its metric.
    """
    usual = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(usual)


def register(
    fixed: Volume,
    moving: Volume,
    *,
    kind: Kind = "affine",
    options: RegistrationOptions | None = None,
) -> Registration:
    """Find the map from ``moving`` to ``fixed`` with the highest mutual information.

    The start comes from both heads' tops and widths; several nods are tried on the coarse
    grid, and the best is refined on the fine one.

    Parameters
    ----------
    fixed, moving
        Axis-aligned volumes of two heads; a CT is recognised by its unit HU.
    kind
        "rigid" (6 numbers, one person) or "affine" (12, another person's head).
    options
        See ``RegistrationOptions``.

    Returns
    -------
    Registration
        With its error and its warnings.

    Raises
    ------
    ImageError
        When no head is found in an image.
    GeometryError
        When a volume is oblique.
    SettingsError
        When ``kind`` is another word.
    """
    options = options or RegistrationOptions()
    if kind not in ("rigid", "affine"):
        raise SettingsError(f"A registration is 'rigid' or 'affine', not '{kind}'.")
    for volume in (fixed, moving):
        if not volume.grid.is_axis_aligned:
            raise GeometryError("Only axis-aligned volumes can be registered.")
    small = _both_at(fixed, moving, options.coarse_spacing_m)
    large = _both_at(fixed, moving, options.spacing_m)
    with _one_thread():
        start = _best_start(small, kind, options)
        fine = _level(large, options.depth_m)
        found, metric = _refined(fine, start, kind, options)
        halves = [
            _refined(_Level(fine.fixed, fine.moving, half), found, kind, options)[0]
            for half in _halves(fine.mask)
        ]
    return _judged(large, (found, halves), metric, kind)


def _both_at(fixed: Volume, moving: Volume, spacing_m: float) -> _Pair:
    """Bring both images to one spacing."""
    return _at_spacing(fixed, spacing_m), _at_spacing(moving, spacing_m)


def _level(pair: _Pair, depth_m: float) -> _Level:
    """Make both images ready for ITK, and mask the fixed head down to ``depth_m``."""
    fixed, moving = pair
    head = head_of(fixed)
    reach = max(1, round(6e-3 / float(fixed.grid.spacing_m.max())))
    mask = ndimage.binary_dilation(head, iterations=reach)
    z = fixed.grid.axes()[2]
    top = z[head.any(axis=(0, 1))][-1]
    mask &= z > top - depth_m
    return _Level(_for_itk(fixed), _for_itk(moving), mask)


def _at_spacing(volume: Volume, spacing_m: float) -> Volume:
    """Low-pass and thin; an image that is coarser already is left so.

    Ringing beyond the image's own range is cut, or the darkest voxel would not be background.
    """
    if float(volume.grid.spacing_m.min()) >= spacing_m:
        return volume
    thin = resample_band_limited(volume, spacing_m)
    array = np.clip(thin.array, volume.array.min(), volume.array.max())
    return Volume(array, thin.grid, thin.unit)


def _for_itk(volume: Volume) -> Any:
    """Return the contrast that registration looks at, as an ITK image in RAS mm."""
    values = np.asarray(volume.array, dtype=np.float64)
    if volume.unit == "HU":
        values = np.interp(values, _HU_KNOTS, _CT_KNOTS)
    else:
        bright = float(np.percentile(values[values > values.min()], 99.0))
        values = np.clip(values, values.min(), bright)
    return _itk_image(values.astype(np.float32), volume)


def _itk_image(values: NDArray[Any], like: Volume) -> Any:
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    image.SetSpacing([float(s / MM) for s in like.grid.spacing_m])
    image.SetOrigin([float(o / MM) for o in like.grid.origin_m])
    return image


def _best_start(pair: _Pair, kind: Kind, options: RegistrationOptions) -> Pose:
    """Refine every nod on the coarse grid; return the pose with the highest information."""
    rigid = kind == "rigid"
    guesses = [first_guess(*pair, tilt, rigid=rigid) for tilt in options.tilts_deg]
    level = _level(pair, options.depth_m)
    results = [_refined(level, guess, kind, options) for guess in guesses]
    return max(results, key=lambda result: result[1])[0]


def _refined(
    level: _Level, start: Pose, kind: Kind, options: RegistrationOptions
) -> tuple[Pose, float]:
    """Climb from ``start``; return the pose (fixed mm to moving mm) and its information."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(options.bins)
    mask = sitk.GetImageFromArray(level.mask.transpose(2, 1, 0).astype(np.uint8))
    mask.CopyInformation(level.fixed)
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0,
        minStep=0.01,
        numberOfIterations=options.iterations,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    transform = start.to_itk(rigid=kind == "rigid")
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(level.fixed, level.moving)
    except RuntimeError as error:
        raise ImageError(
            "The two images do not overlap after their heads were laid over each other; check "
            "that both show a head with its top up, and that their headers are right."
        ) from error
    return Pose.from_itk(transform), -float(method.GetMetricValue())


def _halves(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split a mask like a chessboard of blocks of 6 voxels."""
    block = [np.arange(n) // 6 for n in mask.shape]
    i, j, k = np.meshgrid(*block, indexing="ij")
    even = (i + j + k) % 2 == 0
    return mask & even, mask & ~even


def _judged(
    pair: _Pair, poses: tuple[Pose, list[Pose]], metric: float, kind: Kind
) -> Registration:
    """Turn the fit into a transform with an error and warnings."""
    found, halves = poses
    heads = head_of(pair[0]), head_of(pair[1])
    overlap = _overlap(pair, heads, found)
    error = hypot(_spread_m(halves, _middle_mm(pair[0], heads[0])), _FLOOR_M[kind])
    matrix = np.array(np.linalg.inv(found.matrix), dtype=np.float64)
    matrix[:3, 3] *= MM
    transform = Transform(pair[1].frame, pair[0].frame, matrix, error)
    return Registration(transform, metric, overlap, error, _notes(found, overlap, error))


def _middle_mm(volume: Volume, head: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return about where the deep brain is: 80 mm below the top, in the middle of the head."""
    points = volume.grid.points()[head]
    height = points[:, 2].max() - 0.08
    slab = points[np.abs(points[:, 2] - height) < 0.01]
    middle: NDArray[np.float64] = np.append(slab[:, :2].mean(axis=0), height) / MM
    return middle


def _spread_m(halves: list[Pose], middle_mm: NDArray[np.float64]) -> float:
    """Half the distance between two half-image fits, root mean square 30 mm round the middle.

    Two independent fits differ by √2 of one's deviation, and the whole image's is √2 smaller.
    """
    offsets = 30.0 * np.concatenate([np.eye(3), -np.eye(3)])
    first, second = (pose.apply(middle_mm + offsets) for pose in halves)
    return float(np.sqrt(((first - second) ** 2).sum(axis=1).mean())) / 2 * MM


def _overlap(
    pair: _Pair, heads: tuple[NDArray[np.bool_], NDArray[np.bool_]], found: Pose
) -> float:
    """Dice of the two heads within 110 mm of the fixed head's top."""
    points = pair[0].grid.points() / MM
    index = pair[1].grid.indices_of(found.apply(points) * MM)
    over = ndimage.map_coordinates(
        heads[1].astype(np.float32), np.moveaxis(index, -1, 0), order=1, cval=0.0
    )
    z = pair[0].grid.axes()[2]
    upper = z > z[heads[0].any(axis=(0, 1))][-1] - 0.11
    a, b = heads[0][:, :, upper], over[:, :, upper] > 0.5
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


def _notes(found: Pose, overlap: float, error_m: float) -> tuple[str, ...]:
    notes = [f"Points mapped between the two images are good to about {error_m / MM:.1f} mm."]
    if overlap < _GOOD_OVERLAP:
        notes.append(
            f"The fit is poor: the two heads overlap by {overlap:.2f} (Dice), and {_GOOD_OVERLAP} "
            "or more is expected; look at the overlay, or give the landmarks by hand."
        )
    scales = found.scales
    if scales.min() < _SCALE_RANGE[0] or scales.max() > _SCALE_RANGE[1]:
        low, high = float(scales.min()), float(scales.max())
        notes.append(
            f"The fit is suspicious: it stretches the image by {low:.2f} to {high:.2f}, and "
            f"{_SCALE_RANGE[0]} to {_SCALE_RANGE[1]} is expected between heads."
        )
    if found.rotation_deg > _LARGEST_TILT_DEG:
        notes.append(
            f"The fit is suspicious: it turns the head by {found.rotation_deg:.0f}°, and at most "
            f"{_LARGEST_TILT_DEG:.0f}° is expected in a scanner."
        )
    return tuple(notes)
