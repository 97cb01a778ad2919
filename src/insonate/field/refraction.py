"""Fermat's path through a plate with curved faces: source → A → B → focus.

The path makes the travel time

    t(A, B) = |A - E| / c₁ + |B - A| / c₂ + |F - B| / c₃

stationary for A on the outer and B on the inner surface. In each round both surfaces are
replaced by their tangent planes, one Newton step in the four tangential coordinates is made, and
A and B are put back on the surfaces. Stationary means that both tangential components of
slowness are continuous: Snell's law, whose residual is returned. All rays go together.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from insonate.field.media import Media, outward_normals
from insonate.field.surfaces import onto_surface

Float64 = NDArray[np.float64]

ROUNDS = 25
CONVERGED = 1e-7
FIRST_STEP_M = 2e-3
"""Setting: the largest step of the first round; halved for a ray whenever Snell gets worse."""


@dataclass(frozen=True, eq=False)
class Ends:
    """What N paths are found between.

    ``source`` and ``focus`` (N, 3) m; ``levels`` (N, 2): HU of the outer and inner surface.
    """

    source: Float64
    focus: Float64
    levels: Float64

    def some(self, chosen: NDArray[np.intp]) -> "Ends":
        """Return the ends of some of the paths."""
        return Ends(self.source[chosen], self.focus[chosen], self.levels[chosen])


@dataclass(frozen=True, eq=False)
class Bends:
    """Where N paths are refracted: A and B (N, 3) m, and by how much Snell is missed (N,)."""

    outer: Float64
    inner: Float64
    residual: Float64


def fermat_paths(
    media: Media, ends: Ends, speeds: Float64, outer: Float64, inner: Float64
) -> Bends:
    """Find the refracted points of each path.

    Parameters
    ----------
    media
        The maps.
    ends
        Sources, foci, HU of the surfaces.
    speeds
        Shape (N, 3): before, in and behind the bone, m/s.
    outer, inner
        Shape (N, 3): first guesses on the surfaces, m.

    Returns
    -------
    Bends
        The best round of each path; the residual is |sin θ₁ - c₁/c₂ sin θ₂| of both faces
        together.
    """
    best = Bends(outer.copy(), inner.copy(), np.full(len(outer), np.inf))
    a, b, going = outer, inner, np.arange(len(outer))
    reach = np.full(len(outer), FIRST_STEP_M)
    for _ in range(ROUNDS):
        some = ends.some(going)
        normals = (outward_normals(media, a), outward_normals(media, b))
        frames = np.concatenate([tangents(normals[0]), tangents(normals[1])], axis=1)
        step, residual = _newton(some, speeds[going], a, b, frames)
        worse = residual > best.residual[going]
        reach[going[worse]] *= 0.5
        _keep_better(best, going, Bends(a, b, residual))
        step = _held(step, reach[going])
        rest = residual > CONVERGED
        if not rest.any():
            break
        a = a + np.einsum("ni,nij->nj", step[:, :2], frames[:, :2])
        b = b + np.einsum("ni,nij->nj", step[:, 2:], frames[:, 2:])
        a = onto_surface(media, a, normals[0], some.levels[:, 0])[rest]
        b = onto_surface(media, b, normals[1], some.levels[:, 1])[rest]
        going = going[rest]
    return _polished(media, ends, best)


def _polished(media: Media, ends: Ends, bends: Bends) -> Bends:
    """Put the points exactly on the surfaces: thickness counts to a hundredth of a millimetre."""
    put = partial(onto_surface, media, exactly=True)
    outer = put(bends.outer, outward_normals(media, bends.outer), ends.levels[:, 0])
    inner = put(bends.inner, outward_normals(media, bends.inner), ends.levels[:, 1])
    return Bends(outer, inner, bends.residual)


def _keep_better(best: Bends, going: NDArray[np.intp], now: Bends) -> None:
    better = now.residual < best.residual[going]
    where = going[better]
    best.outer[where], best.inner[where] = now.outer[better], now.inner[better]
    best.residual[where] = now.residual[better]


def _held(step: Float64, reach: Float64) -> Float64:
    longest = np.abs(step).max(axis=1)
    held: Float64 = step * np.minimum(1.0, reach / np.maximum(longest, 1e-12))[:, None]
    return held


def tangents(normals: Float64) -> Float64:
    """Return two unit vectors perpendicular to each normal and to each other, (N, 2, 3)."""
    helper = np.eye(3)[np.abs(normals).argmin(axis=1)]
    first = np.cross(normals, helper)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    return np.stack([first, np.cross(normals, first)], axis=1)


def _slowness_and_bend(start: Float64, end: Float64, speed: Float64) -> tuple[Float64, Float64]:
    """Return d̂/c and the Hessian of |end - start|/c with respect to one end."""
    v = end - start
    length = np.maximum(np.linalg.norm(v, axis=1), 1e-6)
    v = v / length[:, None]
    bend = (np.eye(3) - v[:, :, None] * v[:, None, :]) / (length * speed)[:, None, None]
    return v / speed[:, None], bend


def _newton(
    ends: Ends, speeds: Float64, outer: Float64, inner: Float64, frames: Float64
) -> tuple[Float64, Float64]:
    """Return the step in the four tangential coordinates (N, 4) and Snell's residual (N,)."""
    p1, h1 = _slowness_and_bend(ends.source, outer, speeds[:, 0])
    p2, h2 = _slowness_and_bend(outer, inner, speeds[:, 1])
    p3, h3 = _slowness_and_bend(inner, ends.focus, speeds[:, 2])
    at_outer, at_inner = frames[:, :2], frames[:, 2:]
    hessian = np.empty((len(outer), 4, 4))
    hessian[:, :2, :2] = at_outer @ (h1 + h2) @ at_outer.swapaxes(1, 2)
    hessian[:, :2, 2:] = -at_outer @ h2 @ at_inner.swapaxes(1, 2)
    hessian[:, 2:, :2] = hessian[:, :2, 2:].swapaxes(1, 2)
    hessian[:, 2:, 2:] = at_inner @ (h2 + h3) @ at_inner.swapaxes(1, 2)
    hessian += 1e-12 * np.eye(4)  # a flat field has no tangents: no step instead of no answer
    gradient = np.concatenate(
        [at_outer @ (p1 - p2)[:, :, None], at_inner @ (p2 - p3)[:, :, None]], axis=1
    )
    step = -np.linalg.solve(hessian, gradient)[:, :, 0]
    residual: Float64 = np.linalg.norm(gradient[:, :, 0], axis=1) * speeds[:, 0]
    return step, residual
