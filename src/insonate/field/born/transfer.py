"""From one solve with a source at the target to the transfer of every element (reciprocity).

The Green's function of ∇·(ρ⁻¹∇p) + ω²κp = -δ is symmetric. So an element's pressure at the target
is had from the pressure that a source at the target makes at the element. That is brought from a
closed surface in the water to the elements outside by the Helmholtz-Kirchhoff integral

    p(e) = ∮ (p ∂G/∂n - G ∂p/∂n) dS,   G = exp(ikR)/(4πR), n outwards.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.arrays import compiled_parallel
from insonate.core.units import TWO_PI
from insonate.field.born.fluid import WATER, Fluid
from insonate.field.born.sources import piston, velocity_strength
from insonate.field.born.stencils import FIRST, HALO
from insonate.field.model import PressureField

Surface = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.complex128]]


def discs(
    centres: NDArray[np.float64],
    normals: NDArray[np.float64],
    areas: NDArray[np.float64],
    points: int = 7,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (N·points, 3) and areas (N·points,) of flat discs, element by element."""
    parts = [
        piston(c, n, float(np.sqrt(a / np.pi)), points=points)
        for c, n, a in zip(centres, normals, areas, strict=True)
    ]
    return np.concatenate([p for p, _ in parts]), np.concatenate([a for _, a in parts])


def exterior_pressure(
    field: PressureField, points: NDArray[np.float64], *, sound_speed: float = 1500.0
) -> NDArray[np.complex128]:
    """Return the pressure outside the grid of a field whose sources are all inside.

    Parameters
    ----------
    field
        On an axis-aligned grid; near its faces there must be water.
    points
        Shape (M, 3), m, in the grid's frame, outside the grid.
    sound_speed
        Of the water, m/s.

    Returns
    -------
    NDArray
        Shape (M,), Pa.

    Raises
    ------
    GeometryError
        When a point lies inside the grid.
    """
    if field.grid.contains(points).any():
        raise GeometryError(
            "Points inside the grid have their pressure in the field itself; the surface "
            "integral is for points outside it."
        )
    wavenumber = TWO_PI * field.frequency_hz / sound_speed
    total = np.zeros(len(points), np.complex128)
    for axis in range(3):
        for outward in (-1, 1):
            _add_face(total, np.asarray(points, float), _face(field, axis, outward), wavenumber)
    return total


def element_transfer(
    field: PressureField,
    source: tuple[complex, float],
    elements: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    *,
    water: Fluid = WATER,
    points: int = 7,
) -> NDArray[np.complex128]:
    """Return each element's pressure at the target per pascal of its surface pressure.

    The phase that focuses is the conjugate's.

    Parameters
    ----------
    field
        Of a point source at the target.
    source
        Its strength q (Pa·m), and the density (kg/m³) where it lies.
    elements
        Centres (N, 3), normals (N, 3), areas (N,), in the frame of the field's grid.
    water
        Round the head.
    points
        Points on each element's disc.

    Returns
    -------
    NDArray
        Shape (N,), 1.
    """
    where, areas = discs(*elements, points=points)
    strength, density = source
    at = exterior_pressure(field, where, sound_speed=water.sound_speed)
    per_area = velocity_strength(1.0, field.frequency_hz, water.sound_speed)
    weighted = (at * areas).reshape(-1, points).sum(axis=1)
    transfer: NDArray[np.complex128] = weighted * per_area / strength * density / water.density
    return transfer


def _face(field: PressureField, axis: int, outward: int) -> tuple[Surface, int, int]:
    """Return coordinates, weights, p and ∂p/∂n of one face, ``HALO`` cells inside the grid."""
    lines = [line[HALO:-HALO] for line in field.grid.axes()]
    at = HALO if outward < 0 else field.grid.shape[axis] - 1 - HALO
    p = np.moveaxis(field.pressure, axis, 0)[:, HALO:-HALO, HALO:-HALO]
    step = float(field.grid.spacing_m[0])
    slope = sum(
        FIRST[m] * (p[at + m].astype(np.complex128) - p[at - m]) for m in range(1, HALO + 1)
    )
    mesh = np.meshgrid(*[line for a, line in enumerate(lines) if a != axis], indexing="ij")
    where = np.insert(
        np.stack([m.ravel() for m in mesh], axis=1), axis, field.grid.axes()[axis][at], axis=1
    )
    weights = np.outer(
        *[_quadrature(len(line)) * step for a, line in enumerate(lines) if a != axis]
    )
    values = np.stack((p[at].ravel(), outward * np.asarray(slope).ravel() / step), axis=1)
    return (where, weights.ravel(), values), axis, outward


def _quadrature(n: int) -> NDArray[np.float64]:
    """Return the weights of Gregory's rule of fourth order: the trapezium with corrected ends."""
    weights = np.ones(n)
    ends = np.array((3 / 8, 7 / 6, 23 / 24))
    weights[:3], weights[-3:] = ends, ends[::-1]
    return weights


def _add_face(
    total: NDArray[np.complex128],
    points: NDArray[np.float64],
    face: tuple[Surface, int, int],
    wavenumber: float,
) -> None:
    (where, weights, values), axis, outward = face
    _kirchhoff(total, points, (where, weights, values), (axis, outward), wavenumber)


@compiled_parallel
def _kirchhoff(
    total: NDArray[np.complex128],
    points: NDArray[np.float64],
    surface: Surface,
    normal: tuple[int, int],
    wavenumber: float,
) -> None:
    where, weights, values = surface
    axis, outward = normal
    for m in numba.prange(points.shape[0]):
        real, imag = 0.0, 0.0
        for s in range(where.shape[0]):
            dx = points[m, 0] - where[s, 0]
            dy = points[m, 1] - where[s, 1]
            dz = points[m, 2] - where[s, 2]
            inverse = 1 / np.sqrt(dx * dx + dy * dy + dz * dz)
            along = outward * (points[m, axis] - where[s, axis]) * inverse
            # ∂G/∂n at the surface is -(ik - 1/R) G cos; n points to the element
            phase = wavenumber / inverse
            c, si = np.cos(phase) * inverse * weights[s], np.sin(phase) * inverse * weights[s]
            p, slope = values[s, 0], values[s, 1]
            a_real = along * inverse * p.real + along * wavenumber * p.imag - slope.real
            a_imag = along * inverse * p.imag - along * wavenumber * p.real - slope.imag
            real += c * a_real - si * a_imag
            imag += c * a_imag + si * a_real
        total[m] += complex(real, imag) / (4 * np.pi)
