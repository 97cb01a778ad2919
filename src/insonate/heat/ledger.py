"""Where the heat went: what was absorbed, what blood, water and cut faces have carried off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.heat.kernels import blood_loss
from insonate.heat.lattice import Field, Lattice

NOTHING = np.zeros(6, np.int64)
"""A box without a cell: (low, high) along each axis."""


@dataclass(frozen=True)
class Energy:
    """Heat (J) since the start of the session.

    ``absorbed_j`` came from sound; ``blood_j``, ``water_j`` and ``cut_j`` were carried off by
    perfusion, by the circulating water, and through cut faces (negative where they brought heat).
    """

    absorbed_j: float = 0.0
    blood_j: float = 0.0
    water_j: float = 0.0
    cut_j: float = 0.0

    @property
    def carried_off_j(self) -> float:
        """All that has left, J."""
        return self.blood_j + self.water_j + self.cut_j

    def plus(self, absorbed_j: float, carried: NDArray[np.floating]) -> "Energy":
        """Add what was absorbed, and what (blood, water, cut) have carried off."""
        blood, water, cut = (float(v) for v in carried)
        return Energy(
            self.absorbed_j + absorbed_j,
            self.blood_j + blood,
            self.water_j + water,
            self.cut_j + cut,
        )


class Losses:
    """The heat that leaves one lattice, as a linear function of its padded rise.

    Parameters
    ----------
    lattice
        The cells.
    skip
        (low, high) along each axis of a box of cells that is left out.
    """

    def __init__(self, lattice: Lattice, skip: NDArray[np.int64] = NOTHING) -> None:
        self._lattice, self._skip = lattice, skip
        self._volume = lattice.grid.voxel_volume_m3
        wet = [self._wet_cells(axis) for axis in range(3)]
        cut = [self._cut_cells(axis, end) for axis in range(3) for end in (0, -1)]
        self._wet = _joined(wet)
        self._cut = _joined(cut)

    def flows(self, field: Field, water: float) -> NDArray[np.float64]:
        """Return what (blood, water, cut faces) carry off now, W, by a padded rise (K)."""
        lattice, flat = self._lattice, field.ravel()
        rows = (lattice.rows, lattice.bulk)
        blood = blood_loss(rows, self._skip, lattice.sink, lattice.capacity, field)
        wet = self._wet[1] @ (flat[self._wet[0]] - np.float32(water))
        return np.array([blood, wet, self._cut[1] @ flat[self._cut[0]]]) * self._volume

    def stored_j(self, field: Field) -> float:
        """Return the heat above body temperature, J."""
        lattice = self._lattice
        rise = field[1:-1, 1:-1, 1:-1]
        heat = np.where(lattice.held, 0.0, lattice.capacity * rise)
        low, high = self._skip[::2], self._skip[1::2]
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        total = heat.sum(dtype=np.float64) - heat[box].sum(dtype=np.float64)
        return float(total) * self._volume

    def absorbed_w(self, heat: Field) -> float:
        """Return the absorbed power of a source, W/W."""
        live = np.where(self._lattice.held, np.float32(0.0), heat)
        low, high = self._skip[::2], self._skip[1::2]
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        total = live.sum(dtype=np.float64) - live[box].sum(dtype=np.float64)
        return float(total) * self._volume

    def _wet_cells(self, axis: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the tissue cells (padded, flat) at wet faces, and the faces' conductance."""
        lattice = self._lattice
        g = lattice.conductance[axis]
        face = np.stack(np.unravel_index(lattice.wet[axis], g.shape), axis=-1)
        upper, lower = face, face.copy()
        lower[:, axis] -= 1
        wet_above = lattice.held[tuple(upper.T)]
        cells = np.where(wet_above[:, None], lower, upper)
        return self._kept(cells, g.ravel()[lattice.wet[axis]])

    def _cut_cells(self, axis: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        lattice = self._lattice
        g = np.take(lattice.conductance[axis], end, axis=axis)
        live = ~np.take(lattice.held, end, axis=axis) & (g > 0)
        flat = np.argwhere(live)
        cells = np.insert(flat, axis, 0 if end == 0 else lattice.grid.shape[axis] - 1, axis=1)
        return self._kept(cells, g[live])

    def _kept(
        self, cells: NDArray[np.int64], conductance: Field
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        low, high = self._skip[::2], self._skip[1::2]
        kept = ~((cells >= low) & (cells < high)).all(axis=1)
        padded = tuple(n + 2 for n in self._lattice.grid.shape)
        flat = np.ravel_multi_index(tuple((cells[kept] + 1).T), padded)
        return np.asarray(flat, np.int64), conductance[kept].astype(np.float64)


def _joined(
    parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
