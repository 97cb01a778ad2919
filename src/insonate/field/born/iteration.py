"""The fixed point of the convergent Born series.

ψ = G(Vψ + s), where V = U - c - iε and G = 1/(|k|² - c - iε) in wavenumbers, is solved by

    ψ ← ψ + γ [G(Vψ + s) - ψ],   γ = iV/ε = 1 + i(U - c)/ε

(Osnabrugge, Leedumrongwatthanakun & Vellekoop, J. Comput. Phys. 322:113, 2016; Vettenburg &
Vellekoop, arXiv:2207.14222). It converges when |U - c| ≤ ε and Im U ≥ 0 everywhere, and moves
the wave by 2k/ε in one iteration: the smaller ε, the faster.

The largest |U - c| is reached only in the density term, in layers a cell or two thick at the
surfaces of bone. There a smaller step allows a smaller ε. With v = (U - c)/ε and ℓ = (|k|² - c)/ε,
a plane wave in a uniform medium is multiplied by 1 - γ i(ℓ - v)/(1 + iℓ) in one iteration; for
γ = β(1 + iv) the square of that is 1 - β(2 - β(1 + v²))(ℓ - v)²/(1 + ℓ²), below 1 for every ℓ when
β < 2/(1 + v²). β = 1 needs |v| < 1, the proven radius; β = 1/(1 + v²), that is γ = 1/(1 - iv), does
for every v. So the solve begins with a circle round the materials alone, with some room, and
takes γ = 1/(1 - iv) beyond it: half the radius, half the iterations. Between unlike media this
is no proof; so it is watched, and begins again with the proven radius should it ever grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.field.born.box import Padding
from insonate.field.born.fft import Transform
from insonate.field.born.kernels import advance, extent, farthest, propagate
from insonate.field.born.sources import SourceBlock

OPEN_RADIUS = 1.2
"""ε over the radius of the circle round the materials, when beginning fast."""
OPEN_LEAST = 0.36
"""The least ε over (ω/c)² of the background: what the absorber needs."""
OPEN_LIMIT = 0.95
"""|U - c|/ε beyond which β = 1/(1 + v²)."""
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
    padding: Padding
    squares: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    work: Box
    transform: Transform


@dataclass(frozen=True)
class Step:
    """One iteration's |Δψ| and |ψ|, both 2-norms."""

    changed: float
    total: float


def shifts(
    potential: Box, bulk: tuple[float, float], background_squared: float
) -> tuple[Shift, Shift]:
    """Return the fast shift and the proven one.

    Parameters
    ----------
    potential
        U in the whole box.
    bulk
        Smallest and largest (ω/c)² of the materials, without the density term, 1/m².
    background_squared
        (ω/c)² of the background.
    """
    low, high, _ = extent(potential)
    proven = 0.5 * (low + high)
    radius = 1.001 * farthest(potential, complex(proven))
    fast = max(OPEN_RADIUS * 0.5 * (bulk[1] - bulk[0]), OPEN_LEAST * background_squared)
    return (
        Shift(0.5 * (bulk[0] + bulk[1]), fast, OPEN_LIMIT * fast, "fast"),
        Shift(proven, radius, np.inf, "proven"),
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
        changed, total = advance(psi, problem.work, problem.potential, centre, (epsilon, limit))
        yield Step(float(np.sqrt(changed)), float(np.sqrt(total)))


def _add_sources(problem: Problem) -> None:
    for block in problem.sources:
        first = np.add(block.first, problem.padding.offset)
        where = tuple(slice(f, f + n) for f, n in zip(first, block.values.shape, strict=True))
        problem.work[where] += block.values
