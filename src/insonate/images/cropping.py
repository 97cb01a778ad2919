"""Find the head in a CT, and take the table and the room's air away."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from insonate.core import Frame, ImageError, Volume
from insonate.core.frames import require_frame
from insonate.images.resampling import OUTSIDE, cut_box

SKIN_HU = -300.0
"""Half way between soft tissue and foam or air, where the skin's edge is drawn."""

_SKIRT_M = 3e-3
"""How far beyond the skin the CT is kept: the blurred edge of skin belongs to the head."""


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part (6 neighbours) of a mask; an empty mask stays empty."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    part: NDArray[np.bool_] = labels == int(sizes.argmax())
    return part


def head_mask(ct: Volume) -> NDArray[np.bool_]:
    """Return where the head is: the largest body above -300 HU with its air spaces filled.

    A thin bridge between skin and a headrest is cut by an opening of two voxels.

    Parameters
    ----------
    ct
        Frame CT, HU.

    Returns
    -------
    NDArray
        Shape ``ct.grid.shape``.
    """
    solid = np.asarray(ct.array > SKIN_HU)
    core = largest_part(ndimage.binary_erosion(solid, iterations=2, border_value=1))
    head = largest_part(ndimage.binary_dilation(core, iterations=3) & solid)
    for k in range(head.shape[2]):
        head[:, :, k] = ndimage.binary_fill_holes(head[:, :, k])
    return head


def crop_to_head(ct: Volume, margin_m: float = 8e-3) -> Volume:
    """Set everything but the head to air, and cut the box round it.

    Parameters
    ----------
    ct
        Frame CT, HU, axis-aligned.
    margin_m
        Air that is kept round the head where the CT has it, m.

    Returns
    -------
    Volume
        The head alone; -1000 HU further than 3 mm from it.

    Raises
    ------
    ImageError
        When there is nothing denser than air in the CT.
    """
    require_frame(ct.frame, Frame.CT, "The image to crop")
    head = head_mask(ct)
    if not head.any():
        raise ImageError(
            f"The CT holds nothing above {SKIN_HU:.0f} HU, so there is no head to crop to; "
            "give a CT of a head."
        )
    skirt = np.ceil(_SKIRT_M / ct.grid.spacing_m).astype(int)
    near = ndimage.binary_dilation(head, _ellipsoid(skirt))
    array = np.where(near, ct.array, np.asarray(OUTSIDE["HU"], ct.array.dtype))
    low, high = bounding_box(head)
    margin = np.rint(margin_m / ct.grid.spacing_m).astype(int)
    return cut_box(Volume(array, ct.grid, ct.unit), low - margin, high + margin)


def bounding_box(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return the first and last index of a mask along each axis, shape (3,) each."""
    where = [
        np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        for axis in range(3)
    ]
    return np.array([w[0] for w in where]), np.array([w[-1] for w in where])


def _ellipsoid(radius: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Return a structuring element of ``radius`` voxels along each axis."""
    axes = [np.arange(-r, r + 1) / max(r, 1) for r in radius]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball: NDArray[np.bool_] = x**2 + y**2 + z**2 <= 1.0 + 1e-9
    return ball
