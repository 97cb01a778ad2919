"""Where thermometry is to be trusted, and where nothing is heated."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, label

from insonate.core import ImageError
from insonate.core.arrays import BoolArray, frozen

MINIMUM_COLD_VOXELS = 50  # 12 of them for each coefficient of a first-order drift and to spare


@dataclass(frozen=True, eq=False)
class Regions:
    """Two masks over the image.

    Parameters
    ----------
    tissue
        Shape (nx, ny), bool: aqueous tissue, whose phase is a temperature. Water baths, bone,
        marrow, fat and air are outside.
    cold
        Shape (nx, ny), bool: tissue that is known not to be heated; drift is fitted there.
    heated
        Shape (nx, ny), bool: where heat is looked for; methods without references continue the
        phase into it from a ring of cold tissue. Left out: all tissue that is not cold.

    Raises
    ------
    ImageError
        When the masks differ in shape, are not boolean, or are as good as empty.
    """

    tissue: BoolArray
    cold: BoolArray
    heated: BoolArray | None = None

    def __post_init__(self) -> None:
        for name in ("tissue", "cold", "heated"):
            given = getattr(self, name)
            if given is None:
                continue
            value = np.asarray(given)
            if value.dtype != np.bool_ or value.ndim != 2:
                raise ImageError(
                    f"The {name} mask must be a boolean image, not {value.dtype} of shape "
                    f"{value.shape}."
                )
            object.__setattr__(self, name, frozen(value))
        if self.tissue.shape != self.cold.shape:
            raise ImageError(
                f"The tissue mask has shape {self.tissue.shape}, the cold mask "
                f"{self.cold.shape}; they must be of the same image."
            )
        if self.heated is not None and self.heated.shape != self.tissue.shape:
            raise ImageError(
                f"The tissue mask has shape {self.tissue.shape}, the heated mask "
                f"{self.heated.shape}; they must be of the same image."
            )
        object.__setattr__(self, "cold", frozen(self.cold & self.tissue))
        count = int(np.count_nonzero(self.cold))
        if count < MINIMUM_COLD_VOXELS:
            raise ImageError(
                f"Only {count} voxels are tissue that is known to be cold; at least "
                f"{MINIMUM_COLD_VOXELS} are needed to tell drift from heat. Give a larger mask."
            )

    @cached_property
    def voxels(self) -> NDArray[np.intp]:
        """Flat indices of the tissue, shape (n,)."""
        return frozen(np.flatnonzero(self.tissue))

    @cached_property
    def cold_voxels(self) -> NDArray[np.intp]:
        """Which of ``voxels`` are cold, as indices into it, shape (m,)."""
        return frozen(np.flatnonzero(self.cold.ravel()[self.voxels]))

    @cached_property
    def hot(self) -> BoolArray:
        """Shape (nx, ny), bool: tissue where heat is looked for."""
        anywhere = ~self.cold if self.heated is None else self.heated
        return frozen(self.tissue & anywhere)


@lru_cache(maxsize=16)
def ring_of(where: Regions, width: float) -> NDArray[np.intp]:
    """Return the cold tissue within ``width`` voxels of the heat, as indices into ``voxels``.

    Parameters
    ----------
    where
        The masks; the ring is kept with them.
    width
        Voxels.

    Returns
    -------
    NDArray
        Shape (m,).
    """
    near = (distance_transform_edt(~where.hot) <= width).ravel()[where.voxels]
    return frozen(where.cold_voxels[near[where.cold_voxels]])


_STEADY = 0.97  # mean phasor of references: 0.98 at SNR 5, less where water flows between them
_EDGE = 2  # voxels: the border shares its voxels with water, and what is thinner is a speck


def regions_from_references(library: NDArray[np.complex64]) -> Regions:
    """Guess the tissue of images without a segmentation: bright, and steady between references.

    Water that flows has another phase in every reference; it is left out, as are specks and
    edges. With fewer than three references brightness alone decides.

    Parameters
    ----------
    library
        Shape (n, nx, ny), complex: the references, of one coil.

    Raises
    ------
    ImageError
        When next to nothing is bright and steady.
    """
    magnitude = np.abs(library).mean(axis=0)
    if len(library) < 3:
        return regions_from_magnitude(magnitude)
    bright = magnitude > 0.2 * np.percentile(magnitude, 99)
    phasors = library / np.maximum(np.abs(library), 1e-30)
    steady = np.abs(phasors.mean(axis=0)) > _STEADY
    whole = binary_erosion(bright & steady, iterations=_EDGE)
    parts, count = label(whole)
    if count > 1:
        whole = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return Regions(whole, whole)


def regions_from_magnitude(magnitude: NDArray[np.floating]) -> Regions:
    """Guess the tissue of images without a segmentation: brighter than a fifth of the brightest.

    The whole of it counts as cold; the drift fit is robust against a heated part of it.

    Raises
    ------
    ImageError
        When next to nothing is bright.
    """
    bright = magnitude > 0.2 * np.percentile(magnitude, 99)
    return Regions(bright, bright)
