"""Tissue labels from Hounsfield units, by morphology.

Shapes are found on a grid of about 2 mm, where it is quick; surfaces are then set voxel by voxel
by their HU. The brain is what a ball can reach inside the skull: a ball of 12 mm rolls through the
vault, but not out of the orbits' fissures; where it could leave, through a gap in the bone or the
foramen magnum, the convex hull of the skull and a limit of distance stop it.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from insonate.core import Frame, Grid, ImageError, Tissue, Volume
from insonate.core.arrays import compiled, frozen
from insonate.core.frames import require_frame

Mask = NDArray[np.bool_]

BONE_HU = 300.0
"""Setting: bone begins here; between soft tissue (below 100 HU) and the diploe (300-1000 HU)."""

AIR_HU = -500.0
"""Setting: air ends here, half-way from air (-1000 HU) to soft tissue."""

_WALL_HU = 200.0  # thin bone (orbital roof, temporal squama) is blurred below BONE_HU
_COARSE_M = 2e-3
_COARSEST_VOXEL_M = 2.6e-3  # a calvaria of 5-7 mm needs two voxels
_BALL_M = 12e-3  # fits the vault; wider than the fissures of the orbits (3-8 mm)
_SMALL_BALL_M = 5e-3  # reaches the temporal poles and the cerebellum
_REACH_M = 18e-3  # how far the small ball may go from where the large one has been
_RIM_M = 4e-3  # blurred rim between the coarse brain and the inner table
_HULL_INSET_M = (
    6e-3  # a calvaria's thickness: over a gap the brain ends this far inside the hull
)
_SMALL_BALL_INSET_M = 10e-3  # the poles lie deeper; a gap's edges do not
_FACING_DOWN = -0.3  # z component of the normals of planes that bound the head below
_CLOSING_M = 2e-3  # diploe between tables that are open by no more than 4 mm
_SMALL_PART_M3 = 2e-6  # enclosed marrow, specks of bone: 2 mL
_LEAST_BONE_M3 = 100e-6  # the calvaria of a child is larger
_LEAST_BRAIN_M3 = 300e-6
_SECOND_HEAD_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class _Coarse:
    """Block statistics of the CT: mean and maximum HU on a grid of about 2 mm."""

    factors: tuple[int, int, int]
    spacing_m: tuple[float, float, float]
    mean: NDArray[np.float32]
    highest: NDArray[np.float32]

    @property
    def voxel_m3(self) -> float:
        return float(np.prod(self.spacing_m))


def segment(ct: Volume) -> NDArray[np.int8]:
    """Label every voxel of a head CT.

    Parameters
    ----------
    ct
        HU, frame ``ct``, axis-aligned, voxels no larger than 2.6 mm.

    Returns
    -------
    NDArray
        Shape ``ct.grid.shape``, int8, values of ``Tissue``; the brain is one connected part.

    Raises
    ------
    ImageError
        When the image is no CT in HU, holds NaN, shows no skull or no brain, or several heads.
    """
    _require_ct(ct)
    hounsfield = ct.array.astype(np.float32, copy=False)
    coarse = _coarse(hounsfield, ct.grid)
    _require_air_and_bone(coarse)
    head_coarse = _head(coarse)
    shapes = _Shapes(coarse, head_coarse, *_brain(coarse, head_coarse))
    return frozen(_labels(hounsfield, ct.grid, shapes))


@dataclass(frozen=True, eq=False)
class _Shapes:
    coarse: _Coarse
    head: Mask
    brain: Mask
    inside: Mask


def _require_ct(ct: Volume) -> None:
    require_frame(ct.frame, Frame.CT, "The image to be segmented")
    if ct.unit != "HU":
        raise ImageError(
            f"The image's unit is '{ct.unit}'; the skull can only be found in a CT in HU. "
            "Give a CT."
        )
    if not ct.grid.is_axis_aligned:
        raise ImageError(
            "The CT's voxels are oblique; they must follow right, anterior, superior. "
            "Resample the image to an axis-aligned grid first."
        )
    if not np.isfinite(ct.array).all():
        bad = int((~np.isfinite(ct.array)).sum())
        raise ImageError(
            f"The CT holds {bad} voxels that are NaN or infinite; every voxel needs a value in "
            "HU. Repair the image, or set what was not scanned to -1000 HU."
        )
    if ct.grid.spacing_m.max() > _COARSEST_VOXEL_M:
        raise ImageError(
            f"The CT's voxels are up to {ct.grid.spacing_m.max() * 1e3:.1f} mm long; the skull's "
            f"layers need {_COARSEST_VOXEL_M * 1e3:.1f} mm or less. Use thinner slices."
        )


def _require_air_and_bone(coarse: _Coarse) -> None:
    if not (coarse.mean < AIR_HU).any():
        raise ImageError(
            f"The image holds no air: its lowest values are near {coarse.mean.min():g}, and air is "
            "-1000 HU. Give a CT in Hounsfield units, not an MR, not a rescaled picture."
        )
    bone_m3 = float((coarse.mean > BONE_HU).sum()) * coarse.voxel_m3
    if bone_m3 < _LEAST_BONE_M3:
        raise ImageError(
            f"No skull was found: {bone_m3 * 1e6:.0f} mL lie above {BONE_HU:g} HU, an adult skull "
            f"has more than {_LEAST_BONE_M3 * 1e6:.0f} mL. Give a head CT in Hounsfield units, "
            "not an MR, not a rescaled picture."
        )


def _coarse(hounsfield: NDArray[np.float32], grid: Grid) -> _Coarse:
    fx, fy, fz = (max(1, round(_COARSE_M / h)) for h in grid.spacing_m)
    factors = (fx, fy, fz)
    sx, sy, sz = (float(h * f) for h, f in zip(grid.spacing_m, factors, strict=True))
    padding = [(0, -n % f) for n, f in zip(grid.shape, factors, strict=True)]
    padded = np.pad(hounsfield, padding, mode="edge")
    nx, ny, nz = (n // f for n, f in zip(padded.shape, factors, strict=True))
    blocks = padded.reshape(nx, fx, ny, fy, nz, fz)
    return _Coarse(factors, (sx, sy, sz), blocks.mean((1, 3, 5)), blocks.max((1, 3, 5)))


def _fine(mask: Mask, shapes: _Coarse, shape: tuple[int, ...]) -> Mask:
    """Bring a coarse mask back to the CT's own voxels."""
    for axis, factor in enumerate(shapes.factors):
        mask = mask.repeat(factor, axis)
    return mask[: shape[0], : shape[1], : shape[2]]


def _distance(mask: Mask, coarse: _Coarse) -> NDArray[np.float64]:
    """Return for each voxel of ``mask`` the distance (m) to the nearest voxel outside it."""
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(
        mask, sampling=coarse.spacing_m
    )
    return distance


def _largest(mask: Mask) -> Mask:
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest: Mask = parts == sizes.argmax()
    return largest


def _head(coarse: _Coarse) -> Mask:
    """Return the head on the coarse grid, with the air inside it, without the headrest."""
    body = coarse.mean > AIR_HU
    inner = _distance(np.pad(body, 1), coarse)[1:-1, 1:-1, 1:-1] > 4e-3
    parts, _ = ndimage.label(inner)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    _require_one_head(sizes, coarse)
    bone = _largest(coarse.mean > BONE_HU)  # holds the thin walls of sinuses
    near = _distance((parts != sizes.argmax()) & ~bone, coarse) <= 5e-3
    return _filled_slices(body & near)


def _require_one_head(sizes: NDArray[np.int64], coarse: _Coarse) -> None:
    if sizes.max(initial=0) == 0:
        raise ImageError(
            "No head was found: nothing in the image is larger than a few millimetres and denser "
            "than air. Give a head CT."
        )
    large = sizes > _SECOND_HEAD_SHARE * sizes.max()
    if large.sum() > 1:
        litres = ", ".join(f"{v * coarse.voxel_m3 * 1e3:.2f} L" for v in sizes[large])
        raise ImageError(
            f"The image shows {large.sum()} separate bodies ({litres}); it must show one head. "
            "Crop the image to one head."
        )


def _filled_slices(mask: Mask) -> Mask:
    """Fill what is enclosed within an axial slice: sinuses and airways open below."""
    layers = [ndimage.binary_fill_holes(mask[:, :, k]) for k in range(mask.shape[2])]
    return np.stack(layers, axis=2)


def _brain(coarse: _Coarse, head: Mask) -> tuple[Mask, Mask]:
    """Return, on the coarse grid, the brain without its blurred rim, and where it may grow."""
    free = head & (coarse.highest < _WALL_HU) & (coarse.mean > AIR_HU)
    distance = _distance(free, coarse)
    core = _largest(distance > _BALL_M)
    if not core.any():
        raise _no_brain(0.0)
    rolled = _distance(~core, coarse) <= _BALL_M
    depth, inside = _depth_in_hull(coarse, head)
    deep = distance * (depth > _SMALL_BALL_INSET_M)
    brain = _largest(_reached(free, deep, rolled, coarse) & inside)
    volume_m3 = float(brain.sum()) * coarse.voxel_m3
    if volume_m3 < _LEAST_BRAIN_M3:
        raise _no_brain(volume_m3)
    # A calcification (pineal gland, choroid plexus) is bright, but it is brain all round.
    return ndimage.binary_fill_holes(brain), inside


def _no_brain(volume_m3: float) -> ImageError:
    return ImageError(
        f"No brain was found: the largest space inside bone holds {volume_m3 * 1e6:.0f} mL, an "
        f"adult's at least {_LEAST_BRAIN_M3 * 1e6:.0f} mL. Give a CT in HU that shows the whole "
        "vault of one head."
    )


def _reached(free: Mask, distance: NDArray[np.float64], rolled: Mask, coarse: _Coarse) -> Mask:
    """Return what a small ball reaches from where the large one has been, within a limit."""
    allowed = _distance(~rolled, coarse) <= _REACH_M
    parts, _ = ndimage.label((distance > _SMALL_BALL_M) & allowed)
    own = np.unique(parts[rolled & (parts > 0)])
    small = np.isin(parts, own) & (parts > 0)
    reached: Mask = (rolled | (_distance(~small, coarse) <= _SMALL_BALL_M)) & free
    return reached


def _hull(coarse: _Coarse, head: Mask) -> NDArray[np.float32]:
    """Return the hull's planes that face up or sideways: outward normal and offset, (N, 4).

    Planes that face down lie below the skull's base or where the image ends: no gap is there.
    """
    bone = _largest((coarse.mean > BONE_HU) & head)
    points = np.argwhere(bone & ~ndimage.binary_erosion(bone)) * np.array(coarse.spacing_m)
    planes = np.unique(ConvexHull(points).equations.round(4), axis=0).astype(np.float32)
    return planes[planes[:, 2] > _FACING_DOWN]


@compiled
def _nearest_planes(
    points: NDArray[np.float32], planes: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return for each point (m) its depth below the nearest plane, and which plane that is."""
    depth = np.full(len(points), np.inf, np.float32)
    nearest = np.zeros(len(points), np.int64)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for m in range(len(planes)):
            below = -(x * planes[m, 0] + y * planes[m, 1] + z * planes[m, 2] + planes[m, 3])
            if below < depth[n]:
                depth[n] = below
                nearest[n] = m
    return depth, nearest


def _depth_in_hull(coarse: _Coarse, head: Mask) -> tuple[NDArray[np.float32], Mask]:
    """Return how deep (m) a voxel lies inside the hull of the bone, and where brain may be.

    Deeper than a calvaria's thickness brain may be anywhere; above that, in the layer that is
    bone in most places, only where bone lies outwards of it: over a gap there is none.
    """
    planes = _hull(coarse, head)
    index = np.argwhere(head)
    points = (index * np.array(coarse.spacing_m)).astype(np.float32)
    below, nearest = _nearest_planes(points, planes)
    shallow = (below > 0) & (below <= _HULL_INSET_M)
    allowed = below > _HULL_INSET_M
    allowed[shallow] = _covered(coarse, index[shallow], planes[nearest[shallow], :3])
    depth = np.full(head.shape, -np.inf, np.float32)
    inside = np.zeros(head.shape, bool)
    depth[head], inside[head] = below, allowed
    return depth, inside


def _covered(coarse: _Coarse, index: NDArray[np.int64], outward: NDArray[np.float32]) -> Mask:
    """Say for each voxel whether bone lies within 8 mm of it along ``outward``."""
    covered = np.zeros(len(index), bool)
    last = np.array(coarse.mean.shape) - 1
    for step_m in np.arange(1e-3, _HULL_INSET_M + 2.5e-3, 1e-3):
        at = np.rint(index + outward * (step_m / np.array(coarse.spacing_m))).astype(int)
        i, j, k = np.clip(at, 0, last).T
        covered |= coarse.highest[i, j, k] > _WALL_HU
    return covered


def _labels(hounsfield: NDArray[np.float32], grid: Grid, shapes: _Shapes) -> NDArray[np.int8]:
    coarse = shapes.coarse
    head = _fine_head(hounsfield, shapes)
    air = head & (hounsfield < AIR_HU)
    brain = _fine(shapes.brain, coarse, grid.shape)
    bone = _bone(hounsfield, head, brain, grid)
    inside = _fine(shapes.inside, coarse, grid.shape)
    brain = _grown(brain, head & ~air & ~bone & inside, grid)
    brain |= _cut_off(head & ~air & ~bone & ~brain, brain, grid)
    labels = np.zeros(grid.shape, np.int8)
    labels[head] = Tissue.SCALP
    labels[bone] = Tissue.SKULL
    labels[brain] = Tissue.BRAIN
    labels[air] = Tissue.AIR
    return labels


def _fine_head(hounsfield: NDArray[np.float32], shapes: _Shapes) -> Mask:
    ball = ndimage.generate_binary_structure(3, 1)
    near = _fine(ndimage.binary_dilation(shapes.head, ball), shapes.coarse, hounsfield.shape)
    eroded = ndimage.binary_erosion(shapes.head, ball, border_value=1)
    inner = _fine(eroded, shapes.coarse, hounsfield.shape)
    head: Mask = inner | (near & (hounsfield > AIR_HU))
    return head


def _steps(length_m: float, grid: Grid) -> int:
    return max(1, ceil(length_m / float(grid.spacing_m.mean()) - 0.01))


def _bone(hounsfield: NDArray[np.float32], head: Mask, brain: Mask, grid: Grid) -> Mask:
    """Return the skull: bone and the diploe between its tables, without specks in the brain."""
    bone = (hounsfield > BONE_HU) & head & ~brain
    parts, _ = ndimage.label(bone, ndimage.generate_binary_structure(3, 3))
    sizes = np.bincount(parts.ravel()) * grid.voxel_volume_m3
    sizes[0] = 0
    bone = (sizes > _SMALL_PART_M3)[parts]
    closed = ndimage.binary_closing(bone, iterations=_steps(_CLOSING_M, grid))
    solid = bone | (closed & head & ~brain & (hounsfield > AIR_HU))
    solid |= _enclosed(head & ~brain & ~solid & (hounsfield > AIR_HU), grid)
    skull: Mask = solid & ~_blurred_rim(hounsfield, solid)
    return skull


def _blurred_rim(hounsfield: NDArray[np.float32], solid: Mask) -> Mask:
    """Return the outermost voxels that hold less than half bone.

    An edge lies where HU is half-way between the two sides: here between the highest and the
    lowest of the 27 voxels round it, where air counts as soft tissue (0 HU).
    """
    rim = solid & ~ndimage.binary_erosion(solid, border_value=1)
    high = ndimage.maximum_filter(hounsfield, 3)
    low = np.maximum(ndimage.minimum_filter(hounsfield, 3), 0)
    blurred: Mask = rim & (hounsfield < 0.5 * (high + low))
    return blurred


def _grown(brain: Mask, soft: Mask, grid: Grid) -> Mask:
    """Grow the brain over its blurred rim to the inner table; fill calcifications."""
    rim = ndimage.binary_dilation(
        brain & soft, iterations=_steps(_RIM_M, grid), mask=soft | brain
    )
    grown: Mask = rim | brain
    return grown


def _enclosed(soft: Mask, grid: Grid) -> Mask:
    """Return small separate parts of soft tissue: marrow that bone encloses."""
    parts, _ = ndimage.label(soft)
    sizes = np.bincount(parts.ravel()) * grid.voxel_volume_m3
    small: Mask = (sizes < _SMALL_PART_M3)[parts] & soft
    return small


def _cut_off(soft: Mask, brain: Mask, grid: Grid) -> Mask:
    """Return small parts of soft tissue between brain and bone: brain under a thin calvaria."""
    parts, _ = ndimage.label(soft)
    sizes = np.bincount(parts.ravel()) * grid.voxel_volume_m3
    beside = np.zeros(len(sizes), bool)
    beside[np.unique(parts[ndimage.binary_dilation(brain)])] = True
    cut_off: Mask = ((sizes < _SMALL_PART_M3) & beside)[parts] & soft
    return cut_off
