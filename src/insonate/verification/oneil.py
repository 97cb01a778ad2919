"""The axial pressure of a focused bowl (O'Neil 1949)."""

import numpy as np
from numpy.typing import NDArray

from insonate.array import Array

ONEIL = "O'Neil, J. Acoust. Soc. Am. 21:516 (1949), eq. for the axis of a concave radiator"


def bowl_axis_pressure(
    z_m: NDArray[np.float64], *, radius_m: float, aperture_m: float, wavenumber: float
) -> NDArray[np.complex128]:
    """Return p / (ρ c U) on the axis of a spherical bowl, time dependence exp(-iωt).

    p(z) = (e^{ikz} - e^{ikB}) / (1 - z/R) with B the distance of the point to the rim and
    z its distance from the vertex; -ikh at the centre of curvature, h the depth of the bowl.

    Parameters
    ----------
    z_m
        Shape (M,), distance from the vertex along the axis, m.
    radius_m, aperture_m
        Radius of curvature and radius of the rim, m.
    wavenumber
        1/m.
    """
    depth = radius_m - np.sqrt(radius_m**2 - aperture_m**2)
    rim = np.sqrt((z_m - depth) ** 2 + aperture_m**2)
    at_centre = np.abs(1 - z_m / radius_m) < 1e-9
    safe = np.where(at_centre, 1.0, 1 - z_m / radius_m)
    field = (np.exp(1j * wavenumber * z_m) - np.exp(1j * wavenumber * rim)) / safe
    centre = -1j * wavenumber * depth * np.exp(1j * wavenumber * radius_m)
    result: NDArray[np.complex128] = np.where(at_centre, centre, field)
    return result


def bowl_of_elements(count: int, *, radius_m: float, aperture_m: float) -> Array:
    """Build a bowl that ``count`` equal-area elements cover without gaps (they overlap a bit)."""
    lowest = np.sqrt(radius_m**2 - aperture_m**2) / radius_m
    i = np.arange(count)
    z = 1 - (1 - lowest) * (i + 0.5) / count
    angle = i * np.pi * (3 - np.sqrt(5))
    rho = np.sqrt(1 - z**2)
    unit = np.column_stack([rho * np.cos(angle), rho * np.sin(angle), z])
    area = 2 * np.pi * radius_m**2 * (1 - lowest) / count
    return Array("bowl", radius_m * unit, -unit, np.full(count, area), radius_m)
