"""Power: what a volume absorbs, what leaves through a box, what a source radiates."""

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.units import TWO_PI
from insonate.field.born.medium import Medium
from insonate.field.born.stencils import FIRST, HALO
from insonate.field.model import PressureField


def power_loss_density(field: PressureField, medium: Medium) -> NDArray[np.float32]:
    """Return the power that the wave loses per volume, W/m³, averaged over a period.

    ω Im κ |p|²/2 = Im U |ψ|²/(2ω); in a uniform fluid this is α|p|²/(ρc). What of it becomes
    heat is another matter: most of the attenuation of bone is scattering.

    Parameters
    ----------
    field, medium
        Of one solve.
    """
    omega = TWO_PI * field.frequency_hz
    psi_squared = np.abs(field.pressure) ** 2 / medium.root_density**2
    loss = medium.potential.imag * psi_squared / (2 * omega)
    return loss.astype(np.float32)


def power_through(field: PressureField, medium: Medium, inset: int) -> float:
    """Return the power (W) that leaves through the box ``inset`` cells inside the grid.

    I·n = Im(ψ* ∂ψ/∂n)/(2ω), with derivatives of tenth order.

    Parameters
    ----------
    field, medium
        Of one solve.
    inset
        Cells between the grid's faces and the box; at least ``HALO``.

    Raises
    ------
    GeometryError
        When the box is not inside the grid.
    """
    if not HALO <= inset < min(field.grid.shape) // 2:
        raise GeometryError(
            f"A box {inset} cells inside a grid of {field.grid.shape} does not exist or lies too "
            f"near its faces; give at least {HALO} cells."
        )
    psi = field.pressure / medium.root_density
    return sum(_face(psi, medium, inset, axis, way) for axis in range(3) for way in (-1, 1))


def power_lost_inside(field: PressureField, medium: Medium, inset: int) -> float:
    """Return the power (W) that the wave loses inside the same box as ``power_through``."""
    inside = tuple(slice(inset, n - inset) for n in field.grid.shape)
    density = power_loss_density(field, medium)[inside].astype(np.float64)
    for axis in range(3):
        # the faces of the box go through its outermost points: half of each belongs inside
        weights = np.ones(density.shape[axis])
        weights[[0, -1]] = 0.5
        density = density * np.expand_dims(weights, [a for a in range(3) if a != axis])
    return float(density.sum()) * field.grid.voxel_volume_m3


def _face(psi: NDArray[np.complex64], medium: Medium, inset: int, axis: int, way: int) -> float:
    moved = np.moveaxis(psi, axis, 0)
    at = inset if way < 0 else moved.shape[0] - 1 - inset
    across = tuple(slice(inset, n - inset) for n in moved.shape[1:])
    slope = sum(
        FIRST[m] * (moved[at + m][across].astype(np.complex128) - moved[at - m][across])
        for m in range(1, HALO + 1)
    )
    flux = np.imag(np.conj(moved[at][across]) * slope)
    flux[[0, -1], :] *= 0.5
    flux[:, [0, -1]] *= 0.5
    omega = TWO_PI * medium.frequency_hz
    return way * float(flux.sum()) * medium.spacing / (2 * omega)
