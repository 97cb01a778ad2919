"""Where a head is in an image, and a first guess of how two heads lie to each other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import polar

from insonate.core import ImageError, Volume
from insonate.core.arrays import frozen
from insonate.core.units import MM
from insonate.images.cropping import head_mask, largest_part
from insonate.images.untyped import sitk

_SLAB_M = (20e-3, 90e-3)
"""Depths below the top of a head between which its width is measured: above ears and nose."""


@dataclass(frozen=True, eq=False)
class Pose:
    """An affine map from the fixed image's millimetres to the moving image's, both RAS.

    Parameters
    ----------
    matrix
        Shape (4, 4), mm.
    centre
        The fixed point about which ITK turns and stretches, shape (3,), mm.
    """

    matrix: NDArray[np.float64]
    centre: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen(self.matrix, np.float64))
        object.__setattr__(self, "centre", frozen(self.centre, np.float64))

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points of the fixed image, shape (..., 3), mm."""
        mapped: NDArray[np.float64] = points @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return mapped

    @property
    def scales(self) -> NDArray[np.float64]:
        """The three stretches from the moving image to the fixed one, shape (3,)."""
        shrinks = np.linalg.svd(self.matrix[:3, :3], compute_uv=False)
        return np.asarray(1.0 / shrinks, dtype=np.float64)

    @property
    def rotation_deg(self) -> float:
        """The angle of the rotation in the map's polar decomposition."""
        rotation, _ = polar(self.matrix[:3, :3])
        cosine = (np.trace(rotation) - 1) / 2
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def to_itk(self, *, rigid: bool) -> Any:
        """Return an ITK transform of 6 (rigid) or 12 parameters; shape is lost when rigid."""
        transform = sitk.Euler3DTransform() if rigid else sitk.AffineTransform(3)
        linear = polar(self.matrix[:3, :3])[0] if rigid else self.matrix[:3, :3]
        transform.SetCenter(self.centre.tolist())
        transform.SetMatrix(linear.ravel().tolist())
        transform.SetTranslation((self.apply(self.centre) - self.centre).tolist())
        return transform

    @classmethod
    def from_itk(cls, transform: Any) -> "Pose":
        """Read an ITK transform: x → M (x - c) + c + t."""
        linear = np.array(transform.GetMatrix()).reshape(3, 3)
        centre = np.array(transform.GetCenter())
        matrix = np.eye(4)
        matrix[:3, :3] = linear
        matrix[:3, 3] = centre + np.array(transform.GetTranslation()) - linear @ centre
        return cls(matrix, centre)


def head_of(volume: Volume) -> NDArray[np.bool_]:
    """Return where the head is: above -300 HU in a CT, above a tenth of white in an MR.

    Raises
    ------
    ImageError
        When less than one litre of head is found.
    """
    mask = head_mask(volume) if volume.unit == "HU" else _mr_head(volume)
    litres = float(mask.sum()) * volume.grid.voxel_volume_m3 * 1e3
    if litres < 1.0:
        raise ImageError(
            f"The {volume.frame} image shows {litres:.2f} litres of head, and at least 1 is "
            "needed to register it; give an image of the whole head."
        )
    return mask


def _mr_head(volume: Volume) -> NDArray[np.bool_]:
    values = np.asarray(volume.array, dtype=np.float64)
    low = float(values.min())
    bright = float(np.percentile(values[values > low], 98.0)) if values.max() > low else low
    head = largest_part(values > low + 0.1 * (bright - low))
    head = np.asarray(ndimage.binary_closing(head, iterations=2) | head)
    for k in range(head.shape[2]):
        head[:, :, k] = ndimage.binary_fill_holes(head[:, :, k])
    return head


def _outline(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return centre and half-widths (x, y) of a head's upper part and the height of its top, mm."""
    head = head_of(volume)
    x, y, z = (axis / MM for axis in volume.grid.axes())
    top = float(z[head.any(axis=(0, 1))][-1])
    depth = top - z
    slab = head[:, :, (depth > _SLAB_M[0] / MM) & (depth < _SLAB_M[1] / MM)]
    shadows = slab.sum(axis=(1, 2)), slab.sum(axis=(0, 2))
    centre = [float(np.average(a, weights=w)) for a, w in zip((x, y), shadows, strict=True)]
    width = [
        float(np.sqrt(np.average((a - c) ** 2, weights=w)))
        for a, c, w in zip((x, y), centre, shadows, strict=True)
    ]
    return np.array(centre), np.array(width), top


def first_guess(fixed: Volume, moving: Volume, tilt_deg: float, *, rigid: bool) -> Pose:
    """Lay top on top and middle on middle, stretch to the same width, and nod.

    Parameters
    ----------
    fixed, moving
        Axis-aligned volumes of two heads.
    tilt_deg
        Rotation about +x, degrees, of the moving head against the fixed one.
    rigid
        Whether stretching is left out.

    Returns
    -------
    Pose
        From fixed to moving mm.
    """
    (c0, w0, top0), (c1, w1, top1) = (_outline(v) for v in (fixed, moving))
    ratio = np.ones(2) if rigid else w1 / w0
    scale = np.append(ratio, ratio.mean())
    # about the middle of the brain, 80 mm below the top, where a nod moves least of the head
    centre = np.append(c0, top0 - 80.0)
    target = np.append(c1, top1 - 80.0 * scale[2])
    angle = np.radians(tilt_deg)
    c, s = np.cos(angle), np.sin(angle)
    linear = np.diag(scale) @ np.array([(1, 0, 0), (0, c, -s), (0, s, c)])
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = target - linear @ centre
    return Pose(matrix, centre)
