"""What the coarse grid conducts into the fine one, as a source in its outermost cells."""

import numpy as np
from numpy.typing import NDArray

from insonate.heat.lattice import Field, Lattice
from insonate.heat.scheme import Register

LINEAR_STEP = 20.0
"""The inflow is linear in time for steps up to this many 1/λ of the coarse grid (1.7 h²/D), and
constant over longer ones: the slope of a long step is made of modes that have decayed within it,
and from about 50/λ on the pair amplifies them. The constant is stable for every step."""


class Inflow:
    """Heat that enters the fine grid through its outer faces, linear in time over a step."""

    def __init__(self, fine: Lattice, coarse: Lattice, ratio: int) -> None:
        self._ratio, self._fastest = ratio, coarse.spectral_radius
        self._sides = [_edge_cells(fine, axis, end) for axis in range(3) for end in (0, -1)]
        self.take_nothing()

    def take_nothing(self) -> None:
        """Let nothing flow in."""
        self._mean: list[Field] = []
        self._slope: list[Field] = []
        self._begin, self._share = 0.0, 1.0

    def take_steady(self, flow: NDArray[np.floating]) -> None:
        """Let a constant flow through the faces come in."""
        self.take_nothing()
        self._mean = self._spread(flow)

    def take(self, register: Register, step: float) -> None:
        """Take what a register has counted over a step."""
        self.take_steady(register.total / np.float32(step))
        if self.linear(step):
            self._slope = self._spread(register.end - register.start)

    def linear(self, step: float) -> bool:
        """Say whether a step is short enough for what flows in to change within it."""
        return step * self._fastest <= LINEAR_STEP

    def during(self, begin: float, share: float) -> None:
        """Place the fine grid's step within the coarse one's, both as parts of it."""
        self._begin, self._share = begin, share

    def start(self, rate: Field) -> None:
        """Add what enters at the beginning of the fine step, K/s."""
        self._add(rate, self._mean, 1.0)
        self._add(rate, self._slope, self._begin - 0.5)

    def rise(self, field: Field, weight: float) -> None:
        """Add what enters more at the end of the fine step than at its beginning, times a weight."""
        self._add(field, self._slope, self._share * weight)

    def stop(self, rate: Field) -> None:
        """Take away what enters at the end of the coarse step."""
        self._add(rate, self._mean, -1.0)
        self._add(rate, self._slope, -0.5)

    def _add(self, field: Field, values: list[Field], weight: float) -> None:
        for (index, _), value in zip(self._sides, values, strict=False):
            field[index] += np.float32(weight) * value

    def _spread(self, flows: NDArray[np.float32]) -> list[Field]:
        """Share coarse faces among fine ones: W/m³ of a coarse cell to K/s of the fine cells."""
        spread, first, r = [], 0, self._ratio
        for _, inverse in self._sides:
            shape = tuple(max(n // r, 1) for n in inverse.shape)
            face = flows[first : first + np.prod(shape)].reshape(shape)
            first += face.size
            for axis, n in enumerate(inverse.shape):
                face = face if n == 1 else np.repeat(face, r, axis=axis)
            spread.append(face * inverse * np.float32(r))
        return spread


def _edge_cells(lattice: Lattice, axis: int, end: int) -> tuple[tuple[slice, ...], Field]:
    """Return the index (padded) of the outermost cells on one side, and their 1/ρC."""
    n = lattice.grid.shape[axis]
    index = [slice(1, -1)] * 3
    index[axis] = slice(1, 2) if end == 0 else slice(n, n + 1)
    inverse = np.take(lattice.inverse_capacity, [end], axis=axis)
    return tuple(index), inverse
