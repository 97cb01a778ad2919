"""What makes the sound: points and surfaces inside the grid, as band-limited sources.

A source is q of ∇²p + k²p = -q: p = Σ q exp(ikR)/(4πR) in a homogeneous fluid. A point is put on
the grid as a Kaiser-windowed sinc, so that it may lie anywhere between grid points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import GeometryError
from insonate.core.arrays import frozen
from insonate.core.units import TWO_PI
from insonate.field.born.kernels import spread
from insonate.field.born.medium import Medium

HALF_WIDTH = 6
"""Cells on each side that a point is spread over."""
WINDOW_SHAPE = 6.0
"""β of the Kaiser window: side lobes at -63 dB, flat where |k| < 0.6 of Nyquist."""


@dataclass(frozen=True, eq=False)
class SourceBlock:
    """Part of the source on the grid: -q/√ρ in a box of cells.

    Parameters
    ----------
    first
        Index of the block's first cell in the medium's grid; may lie in the absorbing layer.
    values
        complex64, q/√ρ, Pa/m²/√(kg/m³).
    """

    first: tuple[int, int, int]
    values: NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class PointsSource:
    """Monopoles at points.

    Parameters
    ----------
    points
        Shape (M, 3), m, in the medium's frame, inside its grid.
    strengths
        Shape (M,), q of each, Pa·m.
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
                f"A source needs as many points (M, 3) as strengths (M,), not {points.shape} "
                f"and {strengths.shape}."
            )
        if not (np.isfinite(points).all() and np.isfinite(strengths).all()):
            raise GeometryError("The points and strengths of a source must be finite.")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "strengths", strengths)

    def blocks(self, medium: Medium) -> tuple[SourceBlock, ...]:
        """Put the source on the grid of a medium.

        Raises
        ------
        GeometryError
            When a point lies outside the grid.
        """
        outside = ~medium.grid.contains(self.points)
        if outside.any():
            worst = self.points[outside][0] * 1e3
            raise GeometryError(
                f"{int(outside.sum())} of {len(self.points)} points of the source '{self.name}' "
                f"lie outside the grid, the first at ({worst[0]:.1f}, {worst[1]:.1f}, "
                f"{worst[2]:.1f}) mm; make the grid larger, or give elements outside it as an "
                "OutsideSource."
            )
        return (self._block(medium),)

    def _block(self, medium: Medium) -> SourceBlock:
        index = medium.grid.indices_of(self.points)
        first = np.round(index.min(axis=0)).astype(int) - HALF_WIDTH
        last = np.round(index.max(axis=0)).astype(int) + HALF_WIDTH
        block = np.zeros(tuple(last - first + 1), np.complex64)
        weights = self.strengths / medium.spacing**3
        spread(block, index - first, weights, (HALF_WIDTH, WINDOW_SHAPE))
        if not np.isfinite(block).all():
            raise GeometryError(
                f"The source '{self.name}' is too strong for single precision; the field is "
                "linear in it, so scale it down."
            )
        block /= root_density_of(medium, tuple(first), block.shape)
        return SourceBlock((int(first[0]), int(first[1]), int(first[2])), block)


def root_density_of(
    medium: Medium, first: tuple[int, ...], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return √ρ of a block of cells, the edges continued."""
    index = [
        np.clip(np.arange(f, f + n), 0, m - 1)
        for f, n, m in zip(first, shape, medium.grid.shape, strict=True)
    ]
    return medium.root_density[np.ix_(*index)]


def point_source(position_m: ArrayLike, *, strength: complex = 1.0) -> PointsSource:
    """Return one monopole: p = strength · exp(ikR)/(4πR) in a homogeneous fluid."""
    return PointsSource(
        np.asarray(position_m, float).reshape(1, 3), np.array([strength]), "point"
    )


def velocity_strength(pressure_pa: complex, frequency_hz: float, sound_speed: float) -> complex:
    """Return q per area of a surface that moves with u = p/(ρc) in both its half-spaces.

    p(x) = -ik/(2π) ∫ p₀ exp(ikR)/R dS (Rayleigh; O'Neil, J. Acoust. Soc. Am. 21:516, 1949),
    hence q = -2ik p₀.
    """
    return -2j * TWO_PI * frequency_hz / sound_speed * pressure_pa


def piston(
    centre_m: ArrayLike, normal: ArrayLike, radius_m: float, *, points: int = 20000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (M, 3) and areas (M,) of a flat disc: an equal-area spiral."""
    along, across, up = _axes_of(normal)
    i = np.arange(points) + 0.5
    r = radius_m * np.sqrt(i / points)
    angle = np.pi * (1 + np.sqrt(5)) * i
    disc = np.outer(r * np.cos(angle), across) + np.outer(r * np.sin(angle), up)
    areas = np.full(points, np.pi * radius_m**2 / points)
    del along
    return np.asarray(centre_m, float) + disc, areas


def bowl(
    apex_m: ArrayLike,
    axis: ArrayLike,
    radius_of_curvature_m: float,
    aperture_m: float,
    *,
    points: int = 40000,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (M, 3) and areas (M,) of a spherical cap, an equal-area spiral.

    Parameters
    ----------
    apex_m
        The deepest point of the bowl.
    axis
        From the apex to the centre of curvature.
    radius_of_curvature_m, aperture_m
        Radius, and diameter of the rim.
    points
        How many.
    """
    along, across, up = _axes_of(axis)
    half = np.arcsin(aperture_m / 2 / radius_of_curvature_m)
    i = np.arange(points) + 0.5
    cosine = 1 - (1 - np.cos(half)) * i / points
    sine = np.sqrt(1 - cosine**2)
    angle = np.pi * (1 + np.sqrt(5)) * i
    unit = (
        np.outer(1 - cosine, along)
        + np.outer(sine * np.cos(angle), across)
        + np.outer(sine * np.sin(angle), up)
    )
    area = 2 * np.pi * radius_of_curvature_m**2 * (1 - np.cos(half)) / points
    return np.asarray(apex_m, float) + radius_of_curvature_m * unit, np.full(points, area)


def surface_source(
    surface: tuple[NDArray[np.float64], NDArray[np.float64]],
    pressure_pa: ArrayLike,
    frequency_hz: float,
    *,
    sound_speed: float = 1500.0,
    name: str = "surface",
) -> PointsSource:
    """Return a vibrating surface, or several, of ``pressure_pa`` = ρcu (one value or (M,))."""
    points, areas = surface
    strength = velocity_strength(1.0, frequency_hz, sound_speed)
    return PointsSource(points, strength * np.asarray(pressure_pa) * areas, name)


def _axes_of(axis: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    along = np.asarray(axis, float) / np.linalg.norm(axis)
    helper = np.eye(3)[int(np.argmin(np.abs(along)))]
    across = np.cross(along, helper)
    across /= np.linalg.norm(across)
    return along, across, np.cross(along, across)
