"""A hemispherical array: a golden-angle spiral of equal discs."""

from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from insonate.array.model import Array
from insonate.core import SettingsError

GOLDEN_ANGLE = pi * (3.0 - sqrt(5.0))
"""Vogel, Math. Biosci. 44:179 (1979): the angle that never repeats a direction."""


def _spiral(count: int) -> NDArray[np.float64]:
    """Return ``count`` equal-area points on the unit hemisphere z > 0, shape (count, 3)."""
    i = np.arange(count)
    z = 1.0 - (i + 0.5) / count  # equal steps of z cut a sphere into rings of equal area
    rho = np.sqrt(1.0 - z**2)
    return np.column_stack([rho * np.cos(i * GOLDEN_ANGLE), rho * np.sin(i * GOLDEN_ANGLE), z])


def hemisphere(*, count: int = 1024, radius_m: float = 0.150, fill: float = 0.98) -> Array:
    """Build a hemisphere of equal discs that all look at its centre.

    The centres follow a golden-angle spiral of equal area. Each disc is tangent to the sphere;
    its radius is ``fill`` times half of the smallest distance between two centres, so no two
    discs overlap. Defaults: the array of the clinical series (1024 elements, 150 mm).

    Parameters
    ----------
    count
        Number of elements, 2 to 20 000.
    radius_m
        Radius of curvature, 0.02 to 1 m.
    fill
        Disc radius over the largest one without overlap, 0 to 1.

    Returns
    -------
    Array
        In the transducer frame: origin at the focus, vertex at +z.

    Raises
    ------
    SettingsError
        When a setting is out of its range.
    """
    if not 2 <= count <= 20_000 or not 0.02 <= radius_m <= 1.0 or not 0.0 < fill <= 1.0:
        raise SettingsError(
            f"An array of {count} elements with radius {radius_m} m and fill {fill} cannot be "
            "built; allowed are 2-20000 elements, 0.02-1 m, and a fill above 0 and up to 1."
        )
    directions = _spiral(count)
    centres = radius_m * directions
    spacing = float(cKDTree(centres).query(centres, k=2)[0][:, 1].min())
    area = pi * (fill * spacing / 2) ** 2
    return Array(
        name=f"{count} elements, hemisphere of {1e3 * radius_m:g} mm, golden-angle spiral",
        centres=centres,
        normals=-directions,
        areas=np.full(count, area),
        radius_of_curvature_m=radius_m,
    )
