"""Looks at |p| on a coarse lattice while the iteration runs, and foretells what will still change.

The residual of an iteration says little about the pressure where it matters: while the wave is on
its way the residual is small and the field at the focus is zero. So convergence is judged by |p|.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.field.born.box import Padding
from insonate.field.born.machines import Readable
from insonate.field.born.medium import Medium
from insonate.field.born.options import BornOptions
from insonate.field.born.sources import SourceBlock

SPAN = 3
"""Looks over which a change is taken: long enough for what an iteration overshoots to even out."""
LEAST_RATE, MOST_RATE = 0.3, 0.9
"""Between these the rate of convergence over ``SPAN`` looks is believed."""
STRIDE = 3
"""Cells between watched points: half a wavelength at 6 points per wavelength."""


class Watch:
    """The amplitude where it is watched, now and a look ago.

    Parameters
    ----------
    medium, padding
        Where the grid lies in the box.
    sources
        Cells within one wavelength of a source are not watched, if any others are left.
    options
        ``watch`` and ``focus_m``.
    """

    def __init__(
        self,
        medium: Medium,
        padding: Padding,
        sources: tuple[SourceBlock, ...],
        options: BornOptions,
    ) -> None:
        lattice = _lattice(medium, options)
        mesh = np.meshgrid(*lattice, indexing="ij")
        keep = _far_from(sources, lattice, round(medium.points_per_wavelength))
        keep = keep if keep.any() else np.ones_like(keep)
        cells = [m[keep] for m in mesh]
        self._cells = tuple(c + o for c, o in zip(cells, padding.offset, strict=True))
        self._root = medium.root_density[tuple(cells)]
        self._focus = _nearest(cells, medium, options)
        quiet = np.zeros(len(cells[0]), np.complex64)
        self._looks: deque[NDArray[np.complex64]] = deque([quiet], maxlen=SPAN)
        self._moves: list[float] = []
        self._changes: list[tuple[float, float]] = []

    def look(self, psi: Readable) -> None:
        """Compare the pressure with that of a look ago, and with that of ``SPAN`` looks ago."""
        now: NDArray[np.complex64] = psi[self._cells] * self._root
        size, top = np.abs(now), float(np.abs(now).max())
        focus = int(size.argmax()) if self._focus is None else self._focus
        whole = max(float(np.linalg.norm(now)), 1e-30)
        moved = float(np.linalg.norm(now - self._looks[-1])) / whole
        change = np.abs(size - np.abs(self._looks[0]))
        of_all = float(change.max()) / top if top > 0 else np.inf
        of_focus = float(change[focus] / size[focus]) if size[focus] > 0 else np.inf
        self._moves.append(moved)
        self._changes.append((of_all, of_focus))
        self._looks.append(now)

    @property
    def expected_change(self) -> float:
        """Largest change of |p| still expected anywhere watched, over the largest |p|."""
        return self._expected(0)

    @property
    def expected_change_at_focus(self) -> float:
        """Change of |p| still expected at the focus, relative."""
        return self._expected(1)

    def _expected(self, which: int) -> float:
        """Continue the change over ``SPAN`` looks as a geometric series.

        Its rate is that of the norm of all changes, which falls smoothly, where single values of
        |p| waver with the waves that ring. Before a wave has arrived everything changes as much
        as it is large, so that the first looks never end a solve.
        """
        if len(self._moves) <= SPAN or not np.isfinite(self._changes[-1]).all():
            return np.inf
        fall = self._moves[-1] / max(self._moves[-1 - SPAN], 1e-30)
        rate = float(np.clip(fall, LEAST_RATE, MOST_RATE))
        return self._changes[-1][which] * rate / (1 - rate)


def _lattice(medium: Medium, options: BornOptions) -> list[NDArray[np.int64]]:
    slices = options.watch or (slice(None),) * 3
    lattice = [
        np.arange(n)[part][::STRIDE] for n, part in zip(medium.grid.shape, slices, strict=True)
    ]
    if any(len(line) == 0 for line in lattice):
        raise GeometryError(
            f"The watched part {options.watch} holds no point of a grid of {medium.grid.shape}."
        )
    return lattice


def _far_from(
    sources: tuple[SourceBlock, ...], lattice: list[NDArray[np.int64]], cells: int
) -> NDArray[np.bool_]:
    keep = np.ones([len(line) for line in lattice], bool)
    for block in sources:
        near = [
            (line > first - cells) & (line < first + n + cells)
            for line, first, n in zip(lattice, block.first, block.values.shape, strict=True)
        ]
        keep[np.ix_(*near)] = False
    return keep


def _nearest(
    cells: list[NDArray[np.int64]], medium: Medium, options: BornOptions
) -> int | None:
    if options.focus_m is None:
        return None
    if not medium.grid.contains(options.focus_m).all():
        raise GeometryError(
            f"The focus {options.focus_m} m lies outside the grid; give a point inside it."
        )
    wanted = medium.grid.indices_of(options.focus_m)
    distance = sum((c - w) ** 2 for c, w in zip(cells, wanted, strict=True))
    return int(np.argmin(np.asarray(distance)))
