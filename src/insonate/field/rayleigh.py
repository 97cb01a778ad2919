"""Rayleigh summation over the elements of an array.

A piston in a baffle with surface pressure pₙ (velocity times ρc) radiates, far from itself,

    p(r) = Σₙ pₙ Aₙ / (iλ rₙ) · Dₙ(θ) · |Tₙ| exp(i(k rₙ + φₙ)),    D = 2 J₁(ka sin θ) / (ka sin θ)

with rₙ = |r - rₙ| (Rayleigh integral, time dependence exp(-iωt); far field of a disc of radius
a, O'Neil, J. Acoust. Soc. Am. 21:516 (1949)). Tₙ and φₙ are what the skull does to element n
(transmission, phase aberration); k is the wavenumber near the focus, λ that of the water in which
the elements radiate. Without rays everything is water, T = 1 and φ = 0.

Phases are taken from a table of 4096 steps with a first-order term (error 3e-7), directivity from
a table in (ka sin θ)² (error below 1e-5).
"""

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import j1

from insonate.array import Drive, PlacedArray
from insonate.array.model import WATER_SOUND_SPEED
from insonate.core import GeometryError
from insonate.core.arrays import compiled_parallel
from insonate.core.units import TWO_PI
from insonate.field.rays import Rays

Float64 = NDArray[np.float64]
Complex128 = NDArray[np.complex128]

_STEPS = 4096
_ENTRIES = 8192
_TURN = np.exp(2j * np.pi * np.arange(_STEPS) / _STEPS)
COSINES, SINES = np.ascontiguousarray(_TURN.real), np.ascontiguousarray(_TURN.imag)


def piston_directivity(x: ArrayLike) -> Float64:
    """Return 2 J₁(x)/x, the far field of a disc at x = ka sin θ over that on its axis."""
    value = np.asarray(x, dtype=np.float64)
    small = np.abs(value) < 1e-4
    safe = np.where(small, 1.0, value)
    result: Float64 = np.where(small, 1.0 - value**2 / 8, 2.0 * j1(safe) / safe)
    return result


def pressure_at(
    points_m: ArrayLike, elements: PlacedArray, drive: Drive, rays: Rays | None = None
) -> Complex128:
    """Return the complex pressure at points.

    Parameters
    ----------
    points_m
        Shape (..., 3), CT frame, m; at least a few disc radii from every element.
    elements
        The placed array, N elements.
    drive
        N pressures.
    rays
        What the skull does to each element, for points near their focus; None for water alone.

    Returns
    -------
    NDArray
        Shape (...), Pa, peak amplitude, exp(-iωt).

    Raises
    ------
    GeometryError
        When elements, drive and rays do not have the same count, or the frequencies differ.
    """
    points = np.asarray(points_m, dtype=np.float64)
    table, wavenumber = element_rows(elements, drive, rays)
    if not len(table):
        return np.zeros(points.shape[:-1], np.complex128)
    jinc, _ = directivity_table(table)
    flat = np.ascontiguousarray(points.reshape(-1, 3))
    pressure = _sum(flat, table, jinc, COSINES, SINES, wavenumber / TWO_PI)
    return pressure.reshape(points.shape[:-1])


def mean_square_pressure_at(
    points_m: ArrayLike, elements: PlacedArray, drive: Drive
) -> Float64:
    """Return the squared peak amplitude averaged over interference fringes, Σₙ |pₙ(r)|².

    In water, without skull. Away from the focus the waves of many elements cross with phases
    that turn within a wavelength (about 2 mm); their cross terms average out over a voxel of
    that size, and what is left is the sum of the squares. At the focus itself the fringes are
    the beam: use ``pressure_at`` there.

    Parameters
    ----------
    points_m
        Shape (..., 3), CT frame, m.
    elements, drive
        The placed array and what drives it.

    Returns
    -------
    NDArray
        Shape (...), Pa²: square of a *peak* amplitude, so that intensity is this / (2ρc).
    """
    points = np.asarray(points_m, dtype=np.float64)
    table, _ = element_rows(elements, drive, None)
    if not len(table):
        return np.zeros(points.shape[:-1])
    _, jinc_squared = directivity_table(table)
    flat = np.ascontiguousarray(points.reshape(-1, 3))
    return _sum_squares(flat, table, jinc_squared).reshape(points.shape[:-1])


def element_rows(
    elements: PlacedArray, drive: Drive, rays: Rays | None
) -> tuple[Float64, float]:
    """Return one row for each active element (x y z, normal, amplitude, turns, (ka)²) and k."""
    _require_matching(elements, drive, rays)
    water_wavenumber = TWO_PI * drive.frequency_hz / WATER_SOUND_SPEED
    speed, phase = WATER_SOUND_SPEED, np.zeros(len(elements.areas))
    passes = np.ones_like(phase)
    if rays is not None:
        speed, phase = rays.focus_sound_speed, rays.phase_aberration()
        passes = np.abs(rays.transmission)
    amplitude = np.abs(drive.pressure) * passes * elements.areas * water_wavenumber / TWO_PI
    distance = np.linalg.norm(elements.focus - elements.centres, axis=1)
    curvature = water_wavenumber * elements.areas / (4 * np.pi * distance)
    turns = (np.angle(drive.pressure) + phase + curvature) / TWO_PI - 0.25
    ka_squared = water_wavenumber**2 * elements.areas / np.pi
    rows = np.column_stack([elements.centres, elements.normals, amplitude, turns, ka_squared])
    on = amplitude > 0
    return np.ascontiguousarray(rows[on]), TWO_PI * drive.frequency_hz / speed


def _require_matching(elements: PlacedArray, drive: Drive, rays: Rays | None) -> None:
    counts = {len(elements.areas), len(drive.states)} | ({rays.count} if rays else set())
    if len(counts) != 1:
        raise GeometryError(
            f"Elements, drive and rays must have the same count, not {sorted(counts)}; build "
            "all of them from one array."
        )
    if rays is not None and abs(rays.frequency_hz / drive.frequency_hz - 1) > 1e-6:
        raise GeometryError(
            f"The rays were traced at {rays.frequency_hz / 1e3:g} kHz, the drive has "
            f"{drive.frequency_hz / 1e3:g} kHz; build the head model at the drive's frequency."
        )


def directivity_table(table: Float64) -> tuple[Float64, Float64]:
    """Return D and D² at equal steps of (ka sin θ)², and scale the last column to entries."""
    largest = table[:, 8].max()
    table[:, 8] *= (_ENTRIES - 1) / largest
    step = np.linspace(0.0, largest * _ENTRIES / (_ENTRIES - 1), _ENTRIES + 1)
    jinc = piston_directivity(np.sqrt(step))
    return jinc, jinc**2


@compiled_parallel
def _sum(
    points: Float64,
    table: Float64,
    jinc: Float64,
    cosines: Float64,
    sines: Float64,
    turns_per_metre: float,
) -> Complex128:
    result = np.zeros(len(points), np.complex128)
    for m in numba.prange(len(points)):
        x, y, z = points[m, 0], points[m, 1], points[m, 2]
        real = imaginary = 0.0
        for n in range(len(table)):
            dx, dy, dz = x - table[n, 0], y - table[n, 1], z - table[n, 2]
            square = dx * dx + dy * dy + dz * dz
            distance = np.sqrt(square)
            along = dx * table[n, 3] + dy * table[n, 4] + dz * table[n, 5]
            if along <= 0.0:
                continue  # behind the baffle
            entry = table[n, 8] * max(0.0, 1.0 - along * along / square)
            e = int(entry)
            weight = jinc[e] + (entry - e) * (jinc[e + 1] - jinc[e])
            weight *= table[n, 6] / distance
            turn = turns_per_metre * distance + table[n, 7]
            step = (turn - np.floor(turn)) * 4096.0
            s = int(step + 0.5)
            rest = (step - s) * (6.283185307179586 / 4096.0)
            s &= 4095
            real += weight * (cosines[s] - rest * sines[s])
            imaginary += weight * (sines[s] + rest * cosines[s])
        result[m] = real + 1j * imaginary
    return result


@compiled_parallel
def _sum_squares(points: Float64, table: Float64, jinc_squared: Float64) -> Float64:
    result = np.zeros(len(points))
    for m in numba.prange(len(points)):
        x, y, z = points[m, 0], points[m, 1], points[m, 2]
        total = 0.0
        for n in range(len(table)):
            dx, dy, dz = x - table[n, 0], y - table[n, 1], z - table[n, 2]
            square = dx * dx + dy * dy + dz * dz
            along = dx * table[n, 3] + dy * table[n, 4] + dz * table[n, 5]
            if along <= 0.0:
                continue
            entry = table[n, 8] * max(0.0, 1.0 - along * along / square)
            e = int(entry)
            weight = jinc_squared[e] + (entry - e) * (jinc_squared[e + 1] - jinc_squared[e])
            total += weight * table[n, 6] * table[n, 6] / square
        result[m] = total
    return result
