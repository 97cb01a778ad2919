"""From one solve with a source at the target to the transfer of every element (reciprocity).

The Green's function of ∇·(ρ⁻¹∇p) + ω²κp = -δ is symmetric. So an element's pressure at the target
is had from the pressure that a source at the target makes at the element. That is brought from a
closed surface in the water to the elements outside by the Helmholtz-Kirchhoff integral

    p(e) = ∮ (p ∂G/∂n - G ∂p/∂n) dS,   G = exp(ikR)/(4πR), n outwards.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.array import Drive, ElementState, PlacedArray
from insonate.core import GeometryError
from insonate.core.arrays import compiled_parallel
from insonate.core.units import TWO_PI
from insonate.field.born.fluid import WATER, Fluid
from insonate.field.born.sources import piston
from insonate.field.born.stencils import FIRST, HALO
from insonate.field.model import PressureField
from insonate.field.rayleigh import COSINES, SINES, directivity_table, element_rows

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
    _require_outside(field, points)
    wavenumber = TWO_PI * field.frequency_hz / sound_speed
    total = np.zeros(len(points), np.complex128)
    for axis in range(3):
        for outward in (-1, 1):
            _add_face(total, np.asarray(points, float), _face(field, axis, outward), wavenumber)
    return total


def element_transfer(
    field: PressureField,
    source: tuple[complex, float],
    elements: PlacedArray,
    *,
    on: NDArray[np.bool_] | None = None,
    water: Fluid = WATER,
) -> NDArray[np.complex128]:
    """Return each element's pressure at the target per pascal of its surface pressure.

    With u the field that an element would make in water and p that of the target's source, Green's
    second identity inside a closed surface in the water gives

        P(target) = ρ(target)/(ρ q) ∮ (p ∂u/∂n - u ∂p/∂n) dS.

    u is that of ``field.rayleigh`` and of ``ArraySource``, a disc's far field. The phase that focuses is the
    conjugate's.

    Parameters
    ----------
    field
        Of a point source at the target.
    source
        Its strength q (Pa·m), and the density (kg/m³) where it lies.
    elements
        N, placed in the frame of the field's grid.
    on
        Shape (N,): which are wanted; all if None. These must lie outside the grid.
    water
        Round the head.

    Returns
    -------
    NDArray
        Shape (N,), 1; 0 for those that are not wanted.

    Raises
    ------
    GeometryError
        When an element that is wanted lies inside the grid.
    """
    wanted = np.ones(len(elements.areas), bool) if on is None else on
    _require_outside(field, elements.centres[wanted])
    unit = Drive(field.frequency_hz, wanted.astype(complex), (ElementState.ON,) * len(wanted))
    table, wavenumber = element_rows(elements, unit, None)
    jinc, _ = directivity_table(table)
    total = np.zeros(len(table), np.complex128)
    for axis in range(3):
        for outward in (-1, 1):
            surface, *normal = _face(field, axis, outward)
            _green(total, (table, jinc), surface, (normal[0], normal[1]), wavenumber)
    strength, density = source
    transfer = np.zeros(len(wanted), np.complex128)
    transfer[wanted] = total / strength * density / water.density
    return transfer


def _require_outside(field: PressureField, points: NDArray[np.float64]) -> None:
    if field.grid.contains(points).any():
        raise GeometryError(
            "Points inside the grid have their pressure in the field itself; the surface "
            "integral is for points outside it."
        )


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


@compiled_parallel
def _green(
    total: NDArray[np.complex128],
    array: tuple[NDArray[np.float64], NDArray[np.float64]],
    surface: Surface,
    normal: tuple[int, int],
    wavenumber: float,
) -> None:
    """Add ∮ (p ∂u/∂n - u ∂p/∂n) dS of each element's field u; see ``helmet`` for u and ∇u."""
    table, jinc = array
    where, weights, values = surface
    axis, outward = normal
    for n in numba.prange(table.shape[0]):
        real, imag = 0.0, 0.0
        for m in range(where.shape[0]):
            dx, dy, dz = where[m, 0] - table[n, 0], where[m, 1] - table[n, 1], where[m, 2] - table[n, 2]  # fmt: skip
            inverse = 1 / np.sqrt(dx * dx + dy * dy + dz * dz)
            cosine = (dx * table[n, 3] + dy * table[n, 4] + dz * table[n, 5]) * inverse
            if cosine <= 0.0:
                continue  # behind the baffle
            entry = table[n, 8] * max(0.0, 1.0 - cosine * cosine)
            e = int(entry)
            slope_d = jinc[e + 1] - jinc[e]
            directivity = jinc[e] + (entry - e) * slope_d
            turn = wavenumber / TWO_PI / inverse + table[n, 7]
            step = (turn - np.floor(turn)) * 4096.0
            s = int(step + 0.5)
            rest = (step - s) * (6.283185307179586 / 4096.0)
            s &= 4095
            c, si = COSINES[s] - rest * SINES[s], SINES[s] + rest * COSINES[s]
            along = outward * (where[m, axis] - table[n, axis]) * inverse
            facing = outward * table[n, 3 + axis]
            turned = -2.0 * slope_d * table[n, 8] * cosine * (facing - along * cosine)
            # ∂u/∂n = u/D (a + ib)
            a, b = (turned - directivity * along) * inverse, directivity * along * wavenumber
            p, slope = values[m, 0], values[m, 1]
            g_real = p.real * a - p.imag * b - directivity * slope.real
            g_imag = p.real * b + p.imag * a - directivity * slope.imag
            weight = table[n, 6] * inverse * weights[m]
            real += weight * (c * g_real - si * g_imag)
            imag += weight * (c * g_imag + si * g_real)
        total[n] += complex(real, imag)
