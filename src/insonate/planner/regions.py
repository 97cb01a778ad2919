"""Where no beam may pass: air cells, the frontal sinus, gaps in the bone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from insonate.core import Grid, SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.core.units import MM
from insonate.field import Rays
from insonate.head import HeadModel

Bool = NDArray[np.bool_]

AIR_CELLS, FRONTAL_SINUS, BONE_GAP = 1, 2, 3
REASONS = {
    AIR_CELLS: "air cells of the skull base, the mastoid or the airways",
    FRONTAL_SINUS: "frontal sinus",
    BONE_GAP: "gap in the bone (no full-thickness skull)",
}


@dataclass(frozen=True)
class RegionOptions:
    """How no-pass regions are made.

    Parameters
    ----------
    air_margin_m
        Room kept round air, m, 0 to 20 mm. Setting: half a beam's width at the skull.
    gap_margin_m
        Room kept round a gap in the bone, m, 0 to 20 mm.
    frontal_depth_m
        Air that reaches to this far behind the foremost point of the brain, or before it, and
        lies above the lowest brain there, counts as frontal sinus, m.
    """

    air_margin_m: float = 2e-3
    gap_margin_m: float = 2e-3
    frontal_depth_m: float = 15e-3

    def __post_init__(self) -> None:
        for name in ("air_margin_m", "gap_margin_m", "frontal_depth_m"):
            if not 0 <= getattr(self, name) <= 40 * MM:
                raise SettingsError(
                    f"The setting {name} is {1e3 * getattr(self, name):g} mm; allowed are 0-40 mm."
                )


@dataclass(frozen=True, eq=False)
class NoPassRegions:
    """Voxels that no beam may cross.

    Parameters
    ----------
    grid
        The head's.
    kind
        Shape ``grid.shape``, int8: 0 free, 1 air cells, 2 frontal sinus, 3 gap in the bone.
    reasons
        One sentence for each kind that was found, with its volume.
    """

    grid: Grid
    kind: NDArray[np.int8]
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", frozen(self.kind, np.int8))

    @property
    def mask(self) -> Bool:
        """Where no beam may pass, shape ``grid.shape``."""
        return self.kind > 0


def no_pass_regions(
    head: HeadModel, *, options: RegionOptions = RegionOptions()
) -> NoPassRegions:
    """Find the regions of a head that no beam may cross.

    Air is what the segmentation calls air, with a margin; what of it lies at the forehead in
    front of the brain is named frontal sinus. A gap is where brain touches scalp or water with
    no bone between.
    """
    kind = np.zeros(head.grid.shape, np.int8)
    gap = _bone_gap(head)
    kind[_grown(gap, options.gap_margin_m, head.grid)] = BONE_GAP
    air = head.mask(Tissue.AIR)
    frontal = _frontal(air, head, options)
    kind[_grown(air & ~frontal, options.air_margin_m, head.grid)] = AIR_CELLS
    kind[_grown(frontal, options.air_margin_m, head.grid)] = FRONTAL_SINUS
    return NoPassRegions(head.grid, kind, _sentences(kind, head.grid))


def crosses(regions: NoPassRegions, rays: Rays) -> Bool:
    """Say for each ray whether its path crosses a no-pass region, shape (N,)."""
    skull = rays.hits_skull[:, None]
    middle = 0.5 * (rays.centres + rays.focus)
    outer = np.where(skull, rays.outer_hits, middle)
    inner = np.where(skull, rays.inner_hits, middle)
    result = _piece_crosses(regions, rays.centres, outer)
    result |= _piece_crosses(regions, outer, inner)
    focus = np.broadcast_to(rays.focus, rays.centres.shape)
    return result | _piece_crosses(regions, inner, focus)


def _piece_crosses(
    regions: NoPassRegions, start: NDArray[np.float64], end: NDArray[np.float64]
) -> Bool:
    longest = float(np.linalg.norm(end - start, axis=1).max(initial=0.0))
    steps = max(2, int(np.ceil(2 * longest / regions.grid.spacing_m.min())))
    share = np.linspace(0.0, 1.0, steps)[:, None]
    points = start[:, None] + share * (end - start)[:, None]
    index = np.floor(regions.grid.indices_of(points) + 0.5).astype(np.intp)
    inside = ((index >= 0) & (index < regions.grid.shape)).all(axis=-1)
    held = np.clip(index, 0, np.array(regions.grid.shape) - 1)
    found = regions.kind[held[..., 0], held[..., 1], held[..., 2]] > 0
    return np.asarray((found & inside).any(axis=1))


def _grown(mask: Bool, margin_m: float, grid: Grid) -> Bool:
    """Return a mask with everything within ``margin_m`` of it."""
    if not mask.any() or margin_m == 0:
        return mask
    box = _padded_box(mask, margin_m, grid)
    grown = np.zeros_like(mask)
    distance = ndimage.distance_transform_edt(~mask[box], sampling=grid.spacing_m)
    grown[box] = distance <= margin_m
    return grown


def _padded_box(mask: Bool, margin_m: float, grid: Grid) -> tuple[slice, ...]:
    box = ndimage.find_objects(mask.astype(np.int8))[0]
    pad = np.ceil(margin_m / grid.spacing_m).astype(int) + 1
    return tuple(slice(max(0, s.start - p), s.stop + p) for s, p in zip(box, pad, strict=True))


def _bone_gap(head: HeadModel) -> Bool:
    brain = head.mask(Tissue.BRAIN)
    outside = head.mask(Tissue.SCALP, Tissue.WATER)
    gap: Bool = brain & ndimage.binary_dilation(outside)
    return gap


def _frontal(air: Bool, head: HeadModel, options: RegionOptions) -> Bool:
    """Return the air at the forehead: before the brain, and above the brain's lowest front."""
    brain = np.argwhere(head.mask(Tissue.BRAIN))
    none = np.zeros_like(air)
    if not len(brain) or not air.any():
        return none
    depth = round(options.frontal_depth_m / float(head.grid.spacing_m[1]))
    front = int(brain[:, 1].max()) - depth
    lowest = int(brain[brain[:, 1] >= front, 2].min())
    none[:, max(0, front) :, lowest:] = air[:, max(0, front) :, lowest:]
    return none


def _sentences(kind: NDArray[np.int8], grid: Grid) -> tuple[str, ...]:
    found = []
    for number, reason in REASONS.items():
        volume_ml = float((kind == number).sum()) * grid.voxel_volume_m3 * 1e6
        if volume_ml > 0:
            found.append(f"No beam passes {volume_ml:.1f} mL of {reason}, margin included.")
    return tuple(found)
