"""The fixed point: a Born series that converges in every passive medium, with any radius.

ψ = G(Vψ + s), where V = U - c - iε and G = 1/(|k|² - c - iε) in wavenumbers, is solved by

    ψ ← ψ + γ [G(Vψ + s) - ψ],   γ = β/(1 - iv),   v = (U - c)/ε.

Write ℓ = (|k|² - c)/ε, diagonal in wavenumbers as v is in space. Then the error e obeys
e ← e - β (1 - iv)⁻¹ i (1 + iℓ)⁻¹ (ℓ - v) e, and since, as operators and in this order,

    2i (ℓ - v) = (1 + iℓ)(1 - iv) - (1 - iℓ)(1 + iv),

η = (1 - iv) e obeys

    η ← (1 - β/2) η + (β/2) Z W η,   Z = (1 - iℓ)/(1 + iℓ),   W = (1 + iv)/(1 - iv).

ℓ is real, so Z only turns phases. |W| ≤ 1 wherever Im U ≥ 0, and < 1 where anything is lost. So
Z W never lengthens η, and the average of η and Z W η (0 < β < 2) converges: for every c and ε, in
every medium that does not amplify, however far U reaches. (β = 2 is Peaceman & Rachford's
alternating iteration, J. SIAM 3:28, 1955, β = 1 Douglas & Rachford's, Trans. AMS 82:421, 1956,
for the two operators ℓ and v; averaged maps: Mann, Proc. AMS 4:506, 1953.) The convergent Born
series (Osnabrugge, Leedumrongwatthanakun & Vellekoop, J. Comput. Phys. 322:113, 2016) has
γ = 1 + iv instead, and needs ε ≥ |U - c| everywhere.

What is left to choose is speed. Where U = c an iteration carries the wave by 2βk/ε, elsewhere by
1 + v² less: c near the water and the brain, ε small, and bone, where the paths are short, pays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.field.born.box import Padding
from insonate.field.born.fft import Transform
from insonate.field.born.kernels import advance, propagate
from insonate.field.born.sources import SourceBlock

RELAXATION = 1.8
"""β. At 2 what the grid barely carries would never decay (there Z W = -1)."""
CENTRE_SHARE = 0.15
"""c lies this far from the background's (ω/c)² to the one of the fastest material."""
RADIUS_SHARE = 0.5
"""ε over the largest |Re U - c| of the materials: where water and bone are equally fast
in the heads that were tried (decision 0017)."""
RADIUS_LEAST = 0.2
"""The least ε over (ω/c)² of the background, for media without contrast."""

Box = NDArray[np.complex64]


@dataclass(frozen=True)
class Shift:
    """Centre c and radius ε, 1/m²."""

    centre: float
    radius: float


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
    """One iteration's ‖Δη‖/β, which never grows, and ‖ψ‖; 2-norms."""

    changed: float
    total: float


def shift_for(bulk: tuple[float, float], background_squared: float) -> Shift:
    """Return the centre and radius that were found fastest.

    Parameters
    ----------
    bulk
        Smallest and largest (ω/c)² of the materials, without the density term, 1/m².
    background_squared
        (ω/c)² of the background.
    """
    low, high = min(bulk[0], background_squared), max(bulk[1], background_squared)
    centre = background_squared + CENTRE_SHARE * (low - background_squared)
    contrast = max(centre - low, high - centre)
    radius = max(RADIUS_SHARE * contrast, RADIUS_LEAST * background_squared)
    return Shift(centre, radius)


def iterate(problem: Problem, psi: Box, shift: Shift) -> Iterator[Step]:
    """Iterate from ψ = 0, for ever; ``psi`` is changed in place.

    Yields
    ------
    Step
        After each iteration.
    """
    epsilon, relaxation = np.float32(shift.radius), np.float32(RELAXATION)
    centre = np.full((1, 1, 1), shift.centre, np.complex64)
    shifted = np.full((1, 1, 1), shift.centre + 1j * shift.radius, np.complex64)
    psi[:] = 0
    problem.work[:] = 0
    while True:
        _add_sources(problem)
        problem.transform.forward()
        propagate(problem.work, problem.squares, shifted, np.float32(1 / psi.size))
        problem.transform.backward()
        changed, total = advance(
            psi, problem.work, problem.potential, centre, (epsilon, relaxation)
        )
        yield Step(float(np.sqrt(changed)), float(np.sqrt(total)))


def _add_sources(problem: Problem) -> None:
    for block in problem.sources:
        first = np.add(block.first, problem.padding.offset)
        where = tuple(slice(f, f + n) for f, n in zip(first, block.values.shape, strict=True))
        problem.work[where] += block.values
