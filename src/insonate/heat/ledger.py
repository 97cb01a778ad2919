"""Where the heat went: what was absorbed, what blood, water and cut faces have carried off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.heat.kernels import Box, blood_loss, flat, weighted_sum
from insonate.heat.lattice import Field, Lattice
from insonate.heat.scheme import NOTHING, Register, Stepper


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
        self._blood: Field = lattice.sink * lattice.capacity
        self._volume = lattice.grid.voxel_volume_m3
        wet = [self._wet_cells(axis) for axis in range(3)]
        cut = [self._cut_cells(axis, end) for axis in range(3) for end in (0, -1)]
        self._wet = _joined(wet)
        self._cut = _joined(cut)

    def flows(self, field: Field, water: float) -> NDArray[np.float64]:
        """Return what (blood, water, cut faces) carry off now, W, by a padded rise (K)."""
        rows, blood = flat(self._lattice.rows), flat(self._blood)
        lost = blood_loss(rows, self._skip, blood, flat(field), self._lattice.grid.shape)
        none = np.array([0.0, float(self._wet[1].sum()) * water, 0.0])
        return self.change(field, lost) - none * self._volume

    def change(self, field: Field, blood: float) -> NDArray[np.float64]:
        """Return the same of a change of the rise; ``blood`` is Σ w ρ_b C_b U of it, W/m³."""
        line = flat(field)
        wet, cut = (weighted_sum(line, *part) for part in (self._wet, self._cut))
        return np.array([blood, wet, cut]) * self._volume

    def use(self, lattice: Lattice) -> None:
        """Go on with another perfusion of the same cells."""
        self._lattice, self._blood = lattice, lattice.sink * lattice.capacity

    def stored_j(self, field: Field) -> float:
        """Return the heat above body temperature, J."""
        lattice = self._lattice
        heat = lattice.capacity * field[1:-1, 1:-1, 1:-1]
        return _sum_outside(np.where(lattice.held, 0.0, heat), self._skip) * self._volume

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
        found = np.argwhere(live)
        cells = np.insert(found, axis, 0 if end == 0 else lattice.grid.shape[axis] - 1, axis=1)
        return self._kept(cells, g[live])

    def _kept(
        self, cells: NDArray[np.int64], conductance: Field
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        low, high = self._skip[::2], self._skip[1::2]
        kept = ~((cells >= low) & (cells < high)).all(axis=1)
        padded = tuple(n + 2 for n in self._lattice.grid.shape)
        places = np.ravel_multi_index(tuple((cells[kept] + 1).T), padded)
        return np.asarray(places, np.int64), conductance[kept].astype(np.float64)


class Book:
    """What both grids lose, stage by stage."""

    def __init__(self) -> None:
        self._losses: dict[tuple[int, bytes], Losses] = {}
        self._lost: dict[int, Register] = {}

    def begin(self, level: int, stepper: Stepper, water: float) -> None:
        """Take what one grid (0 the coarse one) loses now, under water of a rise (K)."""
        key = (level, stepper.skip.tobytes())
        if key not in self._losses:
            self._losses[key] = Losses(stepper.lattice, stepper.skip)
        losses = self._losses[key]
        losses.use(stepper.lattice)
        self._lost[level] = Register(losses.change)
        self._lost[level].start = losses.flows(stepper.rise, water)

    def registers(self, level: int) -> tuple[Register, ...]:
        """Return what follows the stages of one grid."""
        return (self._lost[level],)

    def enter(self, level: int) -> NDArray[np.floating]:
        """Return what (blood, water, cut faces) carried off in the last step of a grid, J."""
        lost = self._lost[level]
        lost.start = lost.end
        return lost.total


def absorbed_w(lattice: Lattice, heat: Field, skip: Box = NOTHING) -> float:
    """Return the power that a source gives to the cells outside a box, W/W."""
    live = np.where(lattice.held, np.float32(0.0), heat)
    return _sum_outside(live, skip) * lattice.grid.voxel_volume_m3


def _sum_outside(values: NDArray[np.floating], skip: Box) -> float:
    low, high = skip[::2], skip[1::2]
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return float(values.sum(dtype=np.float64) - values[box].sum(dtype=np.float64))


def _joined(
    parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each cell once, in the order of memory, with the sum of its faces' conductances."""
    cells = np.concatenate([p[0] for p in parts])
    weights = np.concatenate([p[1] for p in parts])
    each, of = np.unique(cells, return_inverse=True)
    total = np.bincount(of, weights, minlength=each.size)
    return np.asarray(each, np.int64), np.asarray(total, np.float64)
