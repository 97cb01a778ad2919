"""Whether an image is a CT of a whole head, and how good it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, ImageError, Volume
from insonate.core.frames import require_frame
from insonate.images.cropping import largest_part

BONE_HU = 300.0
"""Above this a voxel of a head CT is bone (or metal); soft tissue ends near 100 HU."""

_AIR_HU = -500.0
"""Some voxel of a CT lies below: air is -1000 HU by definition."""

_SMALLEST_SKULL_M3 = 50e-6
"""A tenth of an adult skull's bone; less is not a head CT."""

_FINE_M = 1.3e-3
"""Inspection needs no finer voxels than this, larger images are thinned to it."""

_GOOD_SPACING_M = 1.05e-3
"""CT for transcranial treatment is made at 1 mm slices or finer (McDannold et al. 2019)."""

_VAULT_DEPTH_M = 60e-3
"""The part of the skull below its top that must be whole at the sides, too."""

_WHOLE_BRAIN_M = 110e-3
"""An adult skull is about this high from its base to the vertex."""


@dataclass(frozen=True)
class CtQuality:
    """What a CT covers, and what is to be known before it is used.

    Parameters
    ----------
    spacing_m
        Voxel spacing along x, y, z, m.
    hu_low, hu_high
        The lowest and the highest value, HU.
    vault_closed
        Whether the skull's top and sides lie wholly inside the image.
    vertex_margin_m
        Distance from the top of the bone to the centre of the highest slice, m.
    lower_extent
        One sentence: how far down the image reaches.
    notes
        Whole sentences about quality.
    """

    spacing_m: tuple[float, float, float]
    hu_low: float
    hu_high: float
    vault_closed: bool
    vertex_margin_m: float
    lower_extent: str
    notes: tuple[str, ...]


def inspect_ct(ct: Volume) -> CtQuality:
    """Report spacing, range and coverage of a head CT.

    Parameters
    ----------
    ct
        Frame CT, HU, axis-aligned.

    Returns
    -------
    CtQuality
        ``vault_closed`` is False where the skull touches the top edge, or a side edge within
        60 mm of its top.

    Raises
    ------
    ImageError
        When it is not a CT at all: no air, no bone, or not in HU.
    """
    require_frame(ct.frame, Frame.CT, "The image to inspect")
    low, high = float(ct.array.min()), float(ct.array.max())
    _require_hounsfield(ct, low, high)
    index = [_thinned(n, s) for n, s in zip(ct.grid.shape, ct.grid.spacing_m, strict=True)]
    skull = largest_part(ct.array[np.ix_(*index)] > BONE_HU)
    z = ct.grid.axes()[2][index[2]]
    levels = z[skull.any(axis=(0, 1))]
    margin = float(z[-1] - levels[-1])
    closed_top = not skull[:, :, -1].any()
    sides = skull[:, :, z > levels[-1] - _VAULT_DEPTH_M]
    closed_sides = not (sides[[0, -1]].any() or sides[:, [0, -1]].any())
    depth = float(levels[-1] - z[0])
    spacing = tuple(float(s) for s in ct.grid.spacing_m)
    return CtQuality(
        spacing_m=(spacing[0], spacing[1], spacing[2]),
        hu_low=low,
        hu_high=high,
        vault_closed=closed_top and closed_sides,
        vertex_margin_m=margin,
        lower_extent=_lower_extent(depth, skull),
        notes=tuple(_notes(spacing, high, margin, depth)),
    )


def require_whole_vault(quality: CtQuality) -> None:
    """Refuse a CT whose vault is cut off.

    Raises
    ------
    ImageError
        With the margin at the vertex.
    """
    if not quality.vault_closed:
        raise ImageError(
            "The vault is cut off: the skull touches the top or a side of the image (margin at "
            f"the vertex {quality.vertex_margin_m * 1e3:.1f} mm), but all of the skull above the "
            "base must lie inside it. Give a CT that covers the whole vault."
        )


def _thinned(count: int, spacing_m: float) -> NDArray[np.int_]:
    """Return indices along an axis at about 1.3 mm, the last one always among them."""
    stride = max(1, int(_FINE_M / spacing_m))
    return np.unique(np.append(np.arange(0, count, stride), count - 1))


def _require_hounsfield(ct: Volume, low: float, high: float) -> None:
    if low > _AIR_HU:
        raise ImageError(
            f"The image is not a CT in Hounsfield units: its values run from {low:.0f} to "
            f"{high:.0f}, but air must be near -1000 HU. An MR or a picture cannot be used; give "
            "a CT with its rescale intercept applied."
        )
    bone_m3 = float(np.count_nonzero(ct.array > BONE_HU)) * ct.grid.voxel_volume_m3
    if bone_m3 < _SMALLEST_SKULL_M3:
        raise ImageError(
            f"The CT holds no skull: {bone_m3 * 1e6:.0f} cm³ lie above {BONE_HU:.0f} HU (the highest "
            f"value is {high:.0f}), and at least {_SMALLEST_SKULL_M3 * 1e6:.0f} cm³ are needed. "
            "Give a CT of a head, in HU."
        )


def _lower_extent(depth_m: float, skull: NDArray[np.bool_]) -> str:
    reach = f"The image reaches {depth_m * 1e3:.0f} mm below the top of the skull"
    if skull[:, :, 0].any():
        return (
            f"{reach}; bone runs on through its lowest slice (teeth, jaw or neck are cut off)."
        )
    return f"{reach}; bone ends above its lowest slice."


def _notes(
    spacing_m: tuple[float, ...], high_hu: float, margin_m: float, depth_m: float
) -> list[str]:
    notes = []
    if max(spacing_m) > _GOOD_SPACING_M:
        notes.append(
            f"The voxels are up to {max(spacing_m) * 1e3:.2f} mm apart; 1 mm or less is asked for "
            "in treatment planning, and thin layers of the skull are blurred here."
        )
    if high_hu > 3071:
        notes.append(
            f"The highest value is {high_hu:.0f} HU, beyond bone and enamel: there is metal, and "
            "streaks near it are not tissue."
        )
    if margin_m < 5e-3:
        notes.append(
            f"Only {margin_m * 1e3:.1f} mm lie above the top of the skull; the scalp there may be "
            "cut off."
        )
    if depth_m < _WHOLE_BRAIN_M:
        notes.append(
            f"The image covers {depth_m * 1e3:.0f} mm below the top of the skull, less than a whole "
            "brain; the atlas will fit it less well."
        )
    return notes
