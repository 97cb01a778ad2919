"""The elements of an array round the grid, as pistons that the grid is far from.

A helmet has a thousand elements, and a head-sized grid a shell of ten million points: so each
element is one term, the far field of a disc (``field.rayleigh``), with its gradient

    ∇p = p [(ik - 1/r) r̂ + D'/D ∇u],   u = (ka sin θ)²,   ∇u = -2 (ka)² cos θ (n - r̂ cos θ)/r.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.array import Drive, PlacedArray
from insonate.core import GeometryError
from insonate.core.arrays import compiled_parallel
from insonate.core.units import TWO_PI
from insonate.field.born.medium import Medium
from insonate.field.born.outside import Axes, shell_blocks
from insonate.field.born.sources import SourceBlock
from insonate.field.rayleigh import COSINES, SINES, directivity_table, element_rows

Float64 = NDArray[np.float64]

NEAREST = 4
"""Cells between an element and the grid at the least."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A driven array in the water round the grid.

    Parameters
    ----------
    elements
        Placed, in the frame of the medium's grid; all outside the grid.
    drive
        Complex surface pressure of each.
    name
        For the provenance.
    """

    elements: PlacedArray
    drive: Drive
    name: str = "array"

    def blocks(self, medium: Medium) -> tuple[SourceBlock, ...]:
        """Put the incident field's source into a shell inside the grid's faces.

        Raises
        ------
        GeometryError
            When a driven element lies inside the grid, the frequencies differ, or the grid is
            too small.
        """
        on = np.abs(self.drive.pressure) > 0
        if medium.grid.contains(self.elements.centres[on], -NEAREST).any():
            raise GeometryError(
                "Driven elements lie inside the grid of the wave solver or closer than "
                f"{NEAREST} cells to it; make the grid smaller: it has to hold the head only."
            )
        if abs(self.drive.frequency_hz / medium.frequency_hz - 1) > 1e-6:
            raise GeometryError(
                f"The drive has {self.drive.frequency_hz / 1e3:g} kHz, the medium was made for "
                f"{medium.frequency_hz / 1e3:g} kHz; both must be the same."
            )
        table, wavenumber = element_rows(self.elements, self.drive, None)
        jinc, _ = directivity_table(table)

        def fill(values: NDArray[np.complex64], axes: Axes, windows: Axes) -> None:
            _commutator(values, axes, windows, (table, jinc), wavenumber)

        return shell_blocks(medium, fill)


@compiled_parallel
def _commutator(
    values: NDArray[np.complex64],
    axes: Axes,
    windows: Axes,
    array: tuple[Float64, Float64],
    wavenumber: float,
) -> None:
    """Write q = -(2∇χ·∇p + p∇²χ) of the elements' field p."""
    x, y, z = axes
    wx, wy, wz = windows
    table, jinc = array
    turns_per_metre = wavenumber / TWO_PI
    for i in numba.prange(values.shape[0]):
        for j in range(values.shape[1]):
            for k in range(values.shape[2]):
                gx = 2 * wx[1, i] * wy[0, j] * wz[0, k]
                gy = 2 * wx[0, i] * wy[1, j] * wz[0, k]
                gz = 2 * wx[0, i] * wy[0, j] * wz[1, k]
                curve = (
                    wx[2, i] * wy[0, j] * wz[0, k]
                    + wx[0, i] * wy[2, j] * wz[0, k]
                    + wx[0, i] * wy[0, j] * wz[2, k]
                )
                if gx == 0 and gy == 0 and gz == 0 and curve == 0:
                    continue
                real, imag = 0.0, 0.0
                for n in range(table.shape[0]):
                    dx, dy, dz = x[i] - table[n, 0], y[j] - table[n, 1], z[k] - table[n, 2]
                    distance = np.sqrt(dx * dx + dy * dy + dz * dz)
                    inverse = 1 / distance
                    cosine = (dx * table[n, 3] + dy * table[n, 4] + dz * table[n, 5]) * inverse
                    if cosine <= 0.0:
                        continue  # behind the baffle
                    entry = table[n, 8] * max(0.0, 1.0 - cosine * cosine)
                    e = int(entry)
                    slope_d = jinc[e + 1] - jinc[e]
                    directivity = jinc[e] + (entry - e) * slope_d
                    turn = turns_per_metre * distance + table[n, 7]
                    step = (turn - np.floor(turn)) * 4096.0
                    s = int(step + 0.5)
                    rest = (step - s) * (6.283185307179586 / 4096.0)
                    s &= 4095
                    c, si = COSINES[s] - rest * SINES[s], SINES[s] + rest * COSINES[s]
                    along = (gx * dx + gy * dy + gz * dz) * inverse
                    facing = gx * table[n, 3] + gy * table[n, 4] + gz * table[n, 5]
                    turned = -2.0 * slope_d * table[n, 8] * cosine * (facing - along * cosine)
                    a = directivity * (curve - along * inverse) + turned * inverse
                    b = directivity * along * wavenumber
                    weight = table[n, 6] * inverse
                    real += weight * (c * a - si * b)
                    imag += weight * (c * b + si * a)
                values[i, j, k] = complex(-real, -imag)
