"""The atlas that travels in the package: Colin27, and where its commissures are."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, ImageError, Volume
from insonate.core.arrays import frozen
from insonate.core.units import MM
from insonate.images.nifti import read_nifti


@dataclass(frozen=True, eq=False)
class AtlasLandmarks:
    """Commissures and up, in the frame ATLAS (MNI space).

    Parameters
    ----------
    anterior_commissure, posterior_commissure
        The middle of each in the midsagittal plane, shape (3,), m.
    superior
        Unit vector, shape (3,), up within the midsagittal plane.
    error_m
        One standard deviation of each position, m.
    source
        Where the positions come from.
    """

    anterior_commissure: NDArray[np.float64]
    posterior_commissure: NDArray[np.float64]
    superior: NDArray[np.float64]
    error_m: float
    source: str


ATLAS_LANDMARKS = AtlasLandmarks(
    anterior_commissure=frozen(np.array((0.0, 4.0, -4.5)) * MM, np.float64),
    posterior_commissure=frozen(np.array((0.0, -24.0, -2.0)) * MM, np.float64),
    superior=frozen((0.0, 0.0, 1.0), np.float64),
    error_m=1.0 * MM,
    source=(
        "Seen in the atlas itself: the white band that crosses the midline at y = 4 mm, "
        "z = -4 to -5 mm, and the one at y = -24 mm, z = -1 to -3 mm, below the pineal gland. "
        "M. Brett's page on the commissures (MRC Cognition and Brain Sciences Unit) puts them "
        "at slices 91, 131, 67 and 91, 103, 70 of the MNI brain: (0, 5, -5) and (0, -23, -2) mm."
    ),
)
"""AC and PC of Colin27."""


@cache
def load_atlas() -> Volume:
    """Return Colin27, a T1 of a whole head at 1 mm.

    Returns
    -------
    Volume
        Frame ATLAS (MNI space, m, RAS), unit "1", uint8.

    Raises
    ------
    ImageError
        When the package was installed without its data.
    """
    found = resources.files("insonate.images") / "atlas" / "colin27_t1.nii.gz"
    if not found.is_file():
        raise ImageError(
            "The atlas colin27_t1.nii.gz is not in the installed package; install insonate again."
        )
    with resources.as_file(found) as path:
        image = read_nifti(path, Frame.ATLAS, "1")
    return Volume(image.array.astype(np.uint8), image.grid, image.unit)
