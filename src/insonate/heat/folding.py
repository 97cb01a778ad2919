"""The fine grid read from the coarse one, while the coarse one carries its heat alone.

Late in a wait the spot has spread over many coarse cells, and both grids say the same of it. The
fine cells then hold a parabola through the coarse cells round theirs, whose mean over each coarse
cell is that cell's temperature, plus the remainder that they had when they were folded (a kink
between bone and brain stays where it is). So no heat is lost or made, and the fine grid
can go on from its cells at any time.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from insonate.core.arrays import compiled_inline, compiled_parallel
from insonate.heat.lattice import Field
from insonate.heat.model import ThermalModel
from insonate.heat.scheme import Stepper


class Folded:
    """The fine cells of a model while the coarse grid carries them.

    Parameters
    ----------
    model
        The head.
    coarse, fine
        Both grids; the coarse cells hold the fine ones' mean.
    """

    def __init__(self, model: ThermalModel, coarse: Stepper, fine: Stepper) -> None:
        self._place = (np.array(model.corner), model.ratio)
        self._coarse, self._fine = coarse, fine
        self._capacity = model.fine.capacity
        self._change = np.zeros_like(fine.rise)
        self._remainder = np.zeros_like(fine.rise)
        smooth = np.zeros_like(fine.rise)
        self._read(smooth)
        self._remainder = fine.rise - smooth

    def follow(self) -> Field:
        """Read the fine cells from the coarse ones; return their padded change."""
        self._read(self._fine.rise)
        return self._change

    def _read(self, into: Field) -> None:
        fields = (into, self._change, self._remainder)
        prolong(self._coarse.rise, fields, self._capacity, *self._place)


@compiled_inline
def _parabola(coarse: Field, x: int, y: int, z: int) -> tuple[float, ...]:
    """Return slopes, bends and mixed bends at a cell (padded index), per cell."""
    here = 2.0 * coarse[x, y, z]
    return (
        0.5 * (coarse[x + 1, y, z] - coarse[x - 1, y, z]),
        0.5 * (coarse[x, y + 1, z] - coarse[x, y - 1, z]),
        0.5 * (coarse[x, y, z + 1] - coarse[x, y, z - 1]),
        0.5 * (coarse[x + 1, y, z] + coarse[x - 1, y, z] - here),
        0.5 * (coarse[x, y + 1, z] + coarse[x, y - 1, z] - here),
        0.5 * (coarse[x, y, z + 1] + coarse[x, y, z - 1] - here),
        0.25 * (coarse[x + 1, y + 1, z] - coarse[x + 1, y - 1, z] - coarse[x - 1, y + 1, z] + coarse[x - 1, y - 1, z]),
        0.25 * (coarse[x, y + 1, z + 1] - coarse[x, y + 1, z - 1] - coarse[x, y - 1, z + 1] + coarse[x, y - 1, z - 1]),
        0.25 * (coarse[x + 1, y, z + 1] - coarse[x + 1, y, z - 1] - coarse[x - 1, y, z + 1] + coarse[x - 1, y, z - 1]),
    )  # fmt: skip


@compiled_inline
def _value(p: tuple[float, ...], dx: float, dy: float, dz: float) -> float:
    return (
        dx * (p[0] + dx * p[3] + dy * p[6])
        + dy * (p[1] + dy * p[4] + dz * p[7])
        + dz * (p[2] + dz * p[5] + dx * p[8])
    )


@compiled_inline
def _alike(weights: Field, first: tuple[int, int, int]) -> bool:
    """Say whether all eight weights of a coarse cell are the same."""
    x, y, z = first
    one = weights[x, y, z]
    same = True
    for a in range(2):
        for b in range(2):
            same &= weights[x + a, y + b, z] == one and weights[x + a, y + b, z + 1] == one
    return same


@compiled_inline
def _mean(
    p: tuple[float, ...],
    places: NDArray[np.float64],
    weights: Field,
    first: tuple[int, int, int],
) -> float:
    """Return the weighted mean of a parabola over the fine cells of one coarse cell."""
    mean = total = 0.0
    if places.size == 2 and _alike(weights, first):  # every term is odd, or a constant
        return 0.25 * 0.25 * (p[3] + p[4] + p[5])
    for a in range(places.size):
        for b in range(places.size):
            for c in range(places.size):
                weight = weights[first[0] + a, first[1] + b, first[2] + c]
                mean += weight * _value(p, places[a], places[b], places[c])
                total += weight
    return mean / total


@compiled_inline
def _fill(
    fields: tuple[Field, Field, Field],
    p: tuple[float, ...],
    places: NDArray[np.float64],
    first: tuple[int, int, int],
    level: float,
) -> None:
    """Write the fine cells of one coarse cell, and their change."""
    fine, change, remainder = fields
    for a in range(places.size):
        for b in range(places.size):
            for c in range(places.size):
                x, y, z = first[0] + a + 1, first[1] + b + 1, first[2] + c + 1
                value = level + _value(p, places[a], places[b], places[c])
                new = np.float32(value + remainder[x, y, z])
                change[x, y, z] = new - fine[x, y, z]
                fine[x, y, z] = new


@compiled_parallel
def prolong(
    coarse: Field,
    fields: tuple[Field, Field, Field],
    capacity: Field,
    corner: NDArray[np.int64],
    ratio: int,
) -> None:
    """Read fine cells from the coarse cells that they lie in and the 18 round those.

    Parameters
    ----------
    coarse
        Padded rise of the coarse grid.
    fields
        Padded fine rise, written; its change, written; a remainder that is added.
    capacity
        ρC of the fine cells: the mean that is kept is weighted with it.
    corner, ratio
        First coarse cell of the fine region, and fine cells in a coarse one along an axis.
    """
    places = (np.arange(ratio) + 0.5) / ratio - 0.5
    nx, ny, nz = capacity.shape[0] // ratio, capacity.shape[1] // ratio, capacity.shape[2] // ratio  # fmt: skip
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                x, y, z = corner[0] + i + 1, corner[1] + j + 1, corner[2] + k + 1
                first = (i * ratio, j * ratio, k * ratio)
                p = _parabola(coarse, x, y, z)
                level = coarse[x, y, z] - _mean(p, places, capacity, first)
                _fill(fields, p, places, first, level)
