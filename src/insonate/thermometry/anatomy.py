"""What lies in the slice: the part of a head that the virtual scanner sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from insonate.core import Frame, ImageError, SettingsError, Tissue, Volume, sample
from insonate.core.arrays import BoolArray, frozen
from insonate.core.frames import require_frame
from insonate.head import HeadModel
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.regions import Regions
from insonate.thermometry.susceptibility import field_map

THROUGH = 3  # label samples through the slice thickness: a partial volume of thirds


@dataclass(frozen=True, eq=False)
class SliceAnatomy:
    """The unheated object, in sub-voxel cells: ``subsamples`` per voxel along each axis.

    Parameters
    ----------
    geometry
        The slice.
    subsamples
        Cells per voxel along each axis of the image, n.
    brain, scalp, water
        Shares of each cell, averaged through the thickness, shape (n nx, n ny), 0-1. What is
        left is bone or air and has no signal.
    texture
        Shape (n nx, n ny): factor on the brain's magnitude, 1 for reference tissue.
    off_resonance_ppm
        Shape (n nx, n ny): static frequency offset in parts per million of the Larmor frequency.
    through_gradient_ppm_per_m
        Shape (n nx, n ny): its gradient through the slice, which dephases thick slices.
    receive_phase
        Shape (nx, ny), rad: phase of the receiving coil.

    Raises
    ------
    ImageError
        When a map has another shape or holds NaN, or there is no brain in the slice.
    """

    geometry: SliceGeometry
    subsamples: int
    brain: NDArray[np.float32]
    scalp: NDArray[np.float32]
    water: NDArray[np.float32]
    texture: NDArray[np.float32]
    off_resonance_ppm: NDArray[np.float32]
    through_gradient_ppm_per_m: NDArray[np.float32]
    receive_phase: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not 1 <= self.subsamples <= 8:
            raise SettingsError(
                f"A slice is sampled at 1 to 8 cells per voxel and axis, not {self.subsamples}."
            )
        nx, ny = self.geometry.shape
        fine = (nx * self.subsamples, ny * self.subsamples)
        names = ("brain", "scalp", "water", "texture", "off_resonance_ppm",
                 "through_gradient_ppm_per_m", "receive_phase")  # fmt: skip
        for name in names:
            value = frozen(getattr(self, name), np.float32)
            wanted = (nx, ny) if name == "receive_phase" else fine
            if value.shape != wanted or not np.isfinite(value).all():
                raise ImageError(
                    f"The slice's map '{name}' must be finite with shape {wanted}; it has "
                    f"shape {value.shape}{'' if value.shape != wanted else ' and holds NaN'}."
                )
            object.__setattr__(self, name, value)
        if not (self.brain > 0.5).any():
            raise ImageError(
                "There is no brain in the slice; place it through the target inside the head."
            )

    def voxel_mean(self, cells: NDArray[np.float32]) -> NDArray[np.float64]:
        """Average cells, shape (n nx, n ny), over each voxel, shape (nx, ny)."""
        n, (nx, ny) = self.subsamples, self.geometry.shape
        mean: NDArray[np.float64] = cells.reshape(nx, n, ny, n).mean(
            axis=(1, 3), dtype=np.float64
        )
        return mean


def slice_anatomy(
    head: HeadModel, geometry: SliceGeometry, *, mr: Volume | None = None, subsamples: int = 2
) -> SliceAnatomy:
    """Cut the object of a slice out of a head.

    Parameters
    ----------
    head
        Its labels give tissue, its air and bone the off-resonance.
    geometry
        The slice.
    mr
        An MR image in the CT frame whose contrast is lent to the brain, so that the picture
        looks like a head; without one the brain is uniform.
    subsamples
        Cells per voxel along each axis of the image, 1-8.

    Returns
    -------
    SliceAnatomy

    Raises
    ------
    ImageError, GeometryError
        When there is no brain in the slice, or the MR image is in another frame.
    """
    points = geometry.points(subsamples=subsamples, through=THROUGH)
    labels = sample(
        Volume(head.labels, head.grid, "1"), points, outside=float(Tissue.WATER), order=0
    ).astype(np.int8)
    centres = points[:, :, THROUGH // 2]
    off_resonance, gradient = _off_resonance(head, geometry, centres)
    brain = _share(labels, Tissue.BRAIN)
    return SliceAnatomy(
        geometry=geometry,
        subsamples=subsamples,
        brain=brain,
        scalp=_share(labels, Tissue.SCALP),
        water=_share(labels, Tissue.WATER),
        texture=_texture(mr, centres, brain),
        off_resonance_ppm=off_resonance,
        through_gradient_ppm_per_m=gradient,
        receive_phase=smooth_receive_phase(geometry.shape),
    )


def _share(labels: NDArray[np.int8], tissue: Tissue) -> NDArray[np.float32]:
    share: NDArray[np.float32] = (labels == tissue).mean(axis=-1, dtype=np.float32)
    return share


def _off_resonance(
    head: HeadModel, geometry: SliceGeometry, centres: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    field = field_map(head)
    half = geometry.grid.spacing_m[2] / 2
    above, below = (_at(field, centres + side * half * geometry.normal) for side in (1, -1))
    return ((above + below) / 2).astype(np.float32), ((above - below) / (2 * half)).astype(
        np.float32
    )


def _at(field: Volume, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample a field map; beyond its edge the value at the edge goes on."""
    top = np.array(field.grid.shape) - 1.0
    index = np.clip(field.grid.indices_of(points), 0.0, top)
    return sample(field, field.grid.points_of(index), order=3)


def _texture(
    mr: Volume | None, centres: NDArray[np.float64], brain: NDArray[np.float32]
) -> NDArray[np.float32]:
    if mr is None:
        return np.ones(brain.shape, np.float32)
    require_frame(mr.frame, Frame.CT, "The MR image of a virtual scan")
    if not np.isfinite(mr.array).all():
        raise ImageError("The MR image holds NaN or infinity; repair it before it is used.")
    values = sample(mr, centres)
    inside = values[(brain > 0.9) & (values > 0)]
    if inside.size < 100:
        raise ImageError(
            "The MR image does not cover the brain in this slice; register it to the CT, or "
            "leave it out."
        )
    # Fluid is dark and fat bright in a T1 image; outside this range it is not brain's contrast.
    texture: NDArray[np.float32] = np.clip(values / np.median(inside), 0.35, 1.5).astype(
        np.float32
    )
    return texture


def smooth_receive_phase(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a body coil's phase: about a radian over the view, quadratic, not symmetric (rad)."""
    u, v = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    phase: NDArray[np.float32] = (
        0.5 + 0.7 * u - 0.4 * v + 0.5 * u**2 + 0.3 * u * v - 0.4 * v**2
    ).astype(np.float32)
    return phase


def regions_of(
    anatomy: SliceAnatomy,
    target_m: NDArray[np.float64],
    *,
    cold_beyond_m: float = 15e-3,
    skull_margin_m: float = 6e-3,
) -> Regions:
    """Return where thermometry is to be trusted, from the plan's segmentation (never the truth).

    Parameters
    ----------
    anatomy
        Its labels come from the CT, so they are known before the treatment.
    target_m
        Shape (3,), CT frame, m.
    cold_beyond_m
        Brain farther than this from the target counts as cold, m.
    skull_margin_m
        Brain nearer than this to its border does not: the skull heats it, m.

    Returns
    -------
    Regions
        Tissue: voxels that are brain throughout; cold: where drift is fitted; heated: within
        ``cold_beyond_m`` of the target.
    """
    share = anatomy.voxel_mean(anatomy.brain)
    tissue: BoolArray = share > 0.95
    depth = distance_transform_edt(share > 0.5, sampling=anatomy.geometry.grid.spacing_m[:2])
    far = anatomy.geometry.distance_m(target_m) > cold_beyond_m
    return Regions(tissue, tissue & far & (depth > skull_margin_m), tissue & ~far)
