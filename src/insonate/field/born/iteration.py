"""The fixed point of the convergent Born series.

ψ = G(Vψ + s), where V = U - c - iε and G = 1/(|k|² - c - iε) in wavenumbers, is solved by

    ψ ← ψ + γ [G(Vψ + s) - ψ],   γ = iV/ε = 1 + i(U - c)/ε

(Osnabrugge, Leedumrongwatthanakun & Vellekoop, J. Comput. Phys. 322:113, 2016; Vettenburg &
Vellekoop, arXiv:2207.14222). It converges when |U - c| ≤ ε and Im U ≥ 0 everywhere, and moves
the wave by 2k/ε in one iteration: the smaller ε, the faster.

The largest |U - c| is reached only in the density term, in layers a cell or two thick at the
surfaces of bone. There, at the top of the grid's band, G is small and γ = 1 (a plain Jacobi
step) contracts by itself. So the solve begins with ε of 0.65 of the radius and γ = 1 wherever
|U - c| > 0.9 ε, which halves the iterations; it is watched, and begins again with the proven
radius should the changes ever grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.field.born.fft import Transform
from insonate.field.born.kernels import advance, extent, farthest, propagate
from insonate.field.born.sources import SourceBlock

OPEN_RADIUS = 0.65
"""ε over the radius of the materials, when beginning fast (measured: 0.5 diverges)."""
OPEN_LIMIT = 0.9
"""|U - c|/ε beyond which γ = 1, when beginning fast."""
GROWTH = 10.0
"""The changes of an iteration over those of the first, at which it is given up as divergent."""

Box = NDArray[np.complex64]


@dataclass(frozen=True)
class Shift:
    """Centre c, radius ε, and |U - c| up to which γ follows U."""

    centre: float
    radius: float
    limit: float
    name: str


@dataclass(frozen=True, eq=False)
class Problem:
    """All that an iteration needs: U, source, transforms of the work box, wavenumbers."""

    potential: Box
    sources: tuple[SourceBlock, ...]
    offset: tuple[int, int, int]
    squares: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    work: Box
    transform: Transform


@dataclass(frozen=True)
class Step:
    """One iteration's |Δψ| and |ψ|, both 2-norms."""

    changed: float
    total: float


def shifts(potential: Box, background_squared: float) -> tuple[Shift, Shift]:
    """Return the fast shift and the proven one.

    c lies midway between the extremes of Re U: the smallest circle round the materials. ε of the
    proven one is the largest |U - c|, absorber included.
    """
    low, high, _ = extent(potential)
    centre = 0.5 * (low + high)
    proven = 1.001 * farthest(potential, complex(centre))
    materials = max(0.5 * (high - low), 0.62 * background_squared)
    fast = min(OPEN_RADIUS * materials, proven)
    return (
        Shift(centre, fast, OPEN_LIMIT * fast, "fast"),
        Shift(centre, proven, np.inf, "proven"),
    )


def iterate(problem: Problem, psi: Box, shift: Shift) -> Iterator[Step]:
    """Iterate from ψ = 0, for ever; ``psi`` is changed in place.

    Yields
    ------
    Step
        After each iteration.
    """
    epsilon = np.float32(shift.radius)
    centre = np.full((1, 1, 1), shift.centre, np.complex64)
    shifted = np.full((1, 1, 1), shift.centre + 1j * shift.radius, np.complex64)
    limit = np.float32(min(shift.limit, 1e18))
    psi[:] = 0
    problem.work[:] = 0
    while True:
        _add_sources(problem)
        problem.transform.forward()
        propagate(problem.work, problem.squares, shifted, np.float32(1 / psi.size))
        problem.transform.backward()
        changed, total = advance(
            psi, problem.work, problem.potential, centre, (epsilon, limit)
        )
        yield Step(float(np.sqrt(changed)), float(np.sqrt(total)))


def _add_sources(problem: Problem) -> None:
    for block in problem.sources:
        first = np.add(block.first, problem.offset)
        where = tuple(slice(f, f + n) for f, n in zip(first, block.values.shape, strict=True))
        problem.work[where] += block.values
