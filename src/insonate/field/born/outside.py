"""Sources outside the grid: a helmet of elements round a head-sized box.

In the water round the head the incident field p is known in closed form. Let χ be 1 inside the
box and fall smoothly to 0 in a shell of water near its faces. Then χp obeys

    (∇² + k²)(χp) = 2∇χ·∇p + p∇²χ = -q,

so that the source q, which lives in the shell alone, makes exactly the incident field inside and
nothing outside; what the head scatters leaves through the shell untouched (total-field /
scattered-field form; Taflove & Hagness, Computational Electrodynamics, ch. 5).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.arrays import compiled_parallel, frozen
from insonate.field.born.medium import Medium
from insonate.field.born.sources import SourceBlock

MARGIN = 2
"""Cells between the grid's face and the shell."""
SHELL = 9
"""Cells over which χ falls."""

Line = NDArray[np.float64]
Axes = tuple[Line, Line, Line]
Fill = Callable[[NDArray[np.complex64], Axes, Axes], None]


@dataclass(frozen=True, eq=False)
class OutsideSource:
    """Monopoles in the water outside the grid.

    The shell should lie in water. Where the head goes on through a face (the neck), the incident
    wave is taken out in tissue instead; that happens behind the target, on its way out.

    Parameters
    ----------
    points
        Shape (M, 3), m, all outside the grid.
    strengths
        Shape (M,), q of each, Pa·m, as in ``PointsSource``.
    name
        For the provenance.
    """

    points: NDArray[np.float64]
    strengths: NDArray[np.complex128]
    name: str

    def __post_init__(self) -> None:
        points = frozen(self.points, np.float64)
        strengths = frozen(self.strengths, np.complex128)
        if points.shape != (len(strengths), 3) or not len(points):
            raise GeometryError(
                f"A source needs as many points (M, 3) as strengths (M,), not {points.shape} and "
                f"{strengths.shape}."
            )
        if not (np.isfinite(points).all() and np.isfinite(strengths).all()):
            raise GeometryError("The points and strengths of a source must be finite.")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "strengths", strengths)

    def blocks(self, medium: Medium) -> tuple[SourceBlock, ...]:
        """Put q into the shell.

        Raises
        ------
        GeometryError
            When a point lies inside the grid, or the grid is too small for the shell.
        """
        if medium.grid.contains(self.points, -SHELL).any():
            raise GeometryError(
                f"Points of the outside source '{self.name}' lie inside the grid or closer than "
                f"{SHELL} cells to it; give those as a PointsSource, or make the grid smaller."
            )

        def fill(values: NDArray[np.complex64], axes: Axes, windows: Axes) -> None:
            source = (self.points, self.strengths)
            _commutator(values, axes, windows, source, medium.background_wavenumber)

        return shell_blocks(medium, fill)


def shell_blocks(medium: Medium, fill: Fill) -> tuple[SourceBlock, ...]:
    """Put the source of an incident field into the shell inside a medium's faces.

    Parameters
    ----------
    medium
        On whose grid.
    fill
        Writes q = -(2∇χ·∇p + p∇²χ) into values at points of three axes, given χ and its first two
        derivatives along each.

    Raises
    ------
    GeometryError
        When the grid is too small for the shell.
    """
    if min(medium.grid.shape) < 4 * (MARGIN + SHELL):
        raise GeometryError(
            f"A grid of {medium.grid.shape} is too small for the shell of an outside source; "
            f"every axis needs at least {4 * (MARGIN + SHELL)} cells."
        )
    windows = [_window(n, medium.spacing) for n in medium.grid.shape]
    return tuple(_block(medium, windows, part, fill) for part in _parts(medium.grid.shape))


def _window(n: int, spacing: float) -> NDArray[np.float64]:
    """Return χ along an axis of n cells and its first two derivatives, shape (3, n)."""
    t = np.clip((np.arange(n) - MARGIN) / SHELL, 0, 1)
    window = np.stack([
        t**4 * (35 - 84 * t + 70 * t**2 - 20 * t**3),
        140 * t**3 * (1 - t) ** 3 / (SHELL * spacing),
        420 * t**2 * (1 - t) ** 2 * (1 - 2 * t) / (SHELL * spacing) ** 2,
    ])  # fmt: skip
    half = n // 2
    window[:, n - half :] = (window[:, ::-1] * np.array((1, -1, 1))[:, None])[:, n - half :]
    return window


def _parts(shape: tuple[int, int, int]) -> list[tuple[slice, slice, slice]]:
    """Cut the shell into slabs that do not overlap: first both x faces, then y, then z."""
    thick = MARGIN + SHELL + 1
    rest = [slice(0, n) for n in shape]
    parts = []
    for axis, n in enumerate(shape):
        for cut in (slice(0, thick), slice(n - thick, n)):
            part = [*rest[:axis], cut, *rest[axis + 1 :]]
            parts.append((part[0], part[1], part[2]))
        rest[axis] = slice(thick, n - thick)
    return parts


def _block(
    medium: Medium,
    windows: list[NDArray[np.float64]],
    part: tuple[slice, slice, slice],
    fill: Fill,
) -> SourceBlock:
    x, y, z = (line[p] for line, p in zip(medium.grid.axes(), part, strict=True))
    values = np.zeros((len(x), len(y), len(z)), np.complex64)
    a, b, c = (np.ascontiguousarray(w[:, p]) for w, p in zip(windows, part, strict=True))
    fill(values, (x, y, z), (a, b, c))
    values /= np.float32(np.sqrt(medium.background.density))
    return SourceBlock((part[0].start, part[1].start, part[2].start), values)


@compiled_parallel
def _commutator(
    values: NDArray[np.complex64],
    axes: tuple[Line, Line, Line],
    windows: tuple[Line, Line, Line],
    source: tuple[NDArray[np.float64], NDArray[np.complex128]],
    wavenumber: float,
) -> None:
    """Write q = -(2∇χ·∇p + p∇²χ) of the monopoles' field p."""
    x, y, z = axes
    wx, wy, wz = windows
    points, strengths = source
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
                for m in range(points.shape[0]):
                    dx, dy, dz = x[i] - points[m, 0], y[j] - points[m, 1], z[k] - points[m, 2]
                    inverse = 1 / np.sqrt(dx * dx + dy * dy + dz * dz)
                    slope = (gx * dx + gy * dy + gz * dz) * inverse
                    phase = wavenumber / inverse
                    c, s = np.cos(phase) * inverse, np.sin(phase) * inverse
                    a, b = curve - slope * inverse, slope * wavenumber
                    e_real, e_imag = c * a - s * b, c * b + s * a
                    q = strengths[m]
                    real += e_real * q.real - e_imag * q.imag
                    imag += e_real * q.imag + e_imag * q.real
                values[i, j, k] = complex(-real / (4 * np.pi), -imag / (4 * np.pi))
