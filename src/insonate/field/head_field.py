"""The field in and on the head: round the focus, on the skull, and everywhere on a coarse grid.

Round the focus the elements interfere, and each carries its own transmission and phase
(``ray_field``). Everywhere else, what heats is the energy that passes. There the field is the
mean square of the free field in water times what is lost on the way to the point. All beams run
to one focus, so the few elements whose beams pass a point come along the line through focus and
point. That line is marched from outside the head to the point, and what it meets counts for all
of them: the attenuation of every voxel, both
faces of the skull (at normal incidence; elements beyond the angle limit are off), and for points
beyond the focus the bone on the far side. Echoes inside the bone and what is reflected back into
the water are left out, so energy can only be lost, never made.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.array import Drive, PlacedArray
from insonate.array.model import WATER_DENSITY, WATER_SOUND_SPEED
from insonate.core import GeometryError, Grid, Tissue
from insonate.core.arrays import compiled, compiled_parallel, frozen
from insonate.field.model import Convergence, PressureField
from insonate.field.rayleigh import mean_square_pressure_at, pressure_at
from insonate.field.rays import Rays
from insonate.head import HeadModel

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

_SKULL = int(Tissue.SKULL)
_AIR = int(Tissue.AIR)
_WATER = int(Tissue.WATER)
WATER_IMPEDANCE = WATER_DENSITY * WATER_SOUND_SPEED
_SURFACE_POINTS = 20_000


def ray_field(
    elements: PlacedArray, drive: Drive, rays: Rays, grid: Grid, *, within_m: float = 40e-3
) -> PressureField:
    """Return the pressure round the focus: Rayleigh summation with each element's correction.

    Parameters
    ----------
    elements, drive, rays
        The placed array, what drives it, and what the skull does.
    grid
        CT frame; round the focus.
    within_m
        How far from the focus the summation is allowed: with one ray for each element, phase
        and transmission hold near the focus alone.

    Raises
    ------
    GeometryError
        When the grid reaches farther than ``within_m`` from the focus.
    """
    points = grid.points()
    farthest = float(np.linalg.norm(points - rays.focus, axis=-1).max())
    if grid.frame != "ct" or farthest > within_m:
        raise GeometryError(
            f"The grid of a focal field is in the frame '{grid.frame}' and reaches "
            f"{1e3 * farthest:.0f} mm from the focus; it must be in 'ct' and stay within "
            f"{1e3 * within_m:.0f} mm, because each element has one ray, to the focus."
        )
    pressure = pressure_at(points, elements, drive, rays)
    sentence = "One ray for each element and a direct sum: nothing to converge."
    return PressureField(
        frozen(pressure, np.complex64),
        grid,
        drive.frequency_hz,
        "ray",
        Convergence(converged=True, iterations=0, residual=0.0, sentence=sentence),
        float("nan"),
        {"elements_on": str(int(drive.active.sum()))},
    )


@dataclass(frozen=True, eq=False)
class SurfacePressure:
    """Pressure on the outer surface of the skull.

    Parameters
    ----------
    points
        Shape (M, 3), CT frame, m.
    pressure
        Shape (M,), complex, Pa: the incident wave in water (peak amplitude).
    """

    points: Float64
    pressure: NDArray[np.complex128]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen(self.points, np.float64))
        object.__setattr__(self, "pressure", frozen(self.pressure, np.complex128))

    @property
    def peak_pa(self) -> float:
        """Largest amplitude, Pa."""
        return float(np.abs(self.pressure).max())

    @property
    def mean_intensity_w_per_m2(self) -> float:
        """Mean of |p|²/(2ρc) of water over the points, W/m²."""
        square = float((np.abs(self.pressure) ** 2).mean())
        return square / (2 * WATER_DENSITY * WATER_SOUND_SPEED)


def outer_surface_pressure(
    head: HeadModel, elements: PlacedArray, drive: Drive
) -> SurfacePressure:
    """Return the incident pressure on the skull's outer surface, as in water.

    The surface is the outermost skull voxel towards each element's side: skull with soft tissue
    or water at the next voxel away from the focus, above the focus plane of the array. At most
    20 000 points, evenly thinned.

    Raises
    ------
    GeometryError
        When no skull faces the array.
    """
    points = _facing_points(head, elements)
    if not len(points):
        raise GeometryError(
            "No skull faces the array; check the segmentation and the placement of the focus."
        )
    points = points[:: max(1, len(points) // _SURFACE_POINTS)]
    return SurfacePressure(points, pressure_at(points, elements, drive))


def _facing_points(head: HeadModel, elements: PlacedArray) -> Float64:
    index = np.argwhere(head.labels == _SKULL)
    points = head.grid.points_of(index)
    outward = points - elements.focus
    above = outward @ elements.vertex_direction > 0
    points, outward = points[above], outward[above]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    beyond = points + 1.5 * head.grid.spacing_m.max() * outward
    next_index = np.floor(head.grid.indices_of(beyond) + 0.5).astype(np.intp)
    next_index = np.clip(next_index, 0, np.array(head.grid.shape) - 1)
    next_label = head.labels[tuple(next_index.T)]
    facing = (next_label == int(Tissue.SCALP)) | (next_label == _WATER)
    found: Float64 = points[facing]
    return found


def mean_square_in_head(
    points_m: ArrayLike, head: HeadModel, elements: PlacedArray, drive: Drive
) -> Float64:
    """Return the squared peak amplitude at points of the head, averaged over the fringes.

    Parameters
    ----------
    points_m
        Shape (..., 3), CT frame, m; a coarse grid (about 2 mm) away from the focus.
    head, elements, drive
        The maps, the placed array, and what drives it.

    Returns
    -------
    NDArray
        Shape (...), Pa², in the medium of the point: the absorbed power density is
        α_abs times this over ρc. In water and scalp the free field with the scalp's loss; in
        bone one face and the loss up to the point; in brain both faces and the whole loss; 0 in
        and behind air.
    """
    points = np.asarray(points_m, dtype=np.float64)
    flat = np.ascontiguousarray(points.reshape(-1, 3))
    free = mean_square_pressure_at(flat, elements, drive)
    factor = _loss_to(
        flat,
        np.ascontiguousarray(elements.focus),
        np.ascontiguousarray(elements.vertex_direction),
        (head.labels, head.attenuation, head.sound_speed, head.density),
        (np.array(head.grid.origin_m), 1.0 / head.grid.spacing_m),
    )
    return (free * factor).reshape(points.shape[:-1])


@compiled_parallel
def _loss_to(
    points: Float64,
    focus: Float64,
    vertex: Float64,
    maps: tuple[NDArray[np.int8], Float32, Float32, Float32],
    frame: tuple[Float64, Float64],
) -> Float64:
    """Return what of the free field's square is left at each point, shape (M,)."""
    factor = np.zeros(len(points))
    for m in numba.prange(len(points)):
        factor[m] = _loss_along(points[m], focus, vertex, maps, frame)
    return factor


@compiled
def _loss_along(
    point: Float64,
    focus: Float64,
    vertex: Float64,
    maps: tuple[NDArray[np.int8], Float32, Float32, Float32],
    frame: tuple[Float64, Float64],
) -> float:
    """March from the point back to the array's side and return what is left of the square.

    Each piece of bone that was left behind passes 2 Z_b/(Z_1 + Z_b) · 2 Z_3/(Z_b + Z_3) of the
    pressure; the piece that the point lies in, its first face alone (normal incidence).
    """
    labels, attenuation, sound_speed, density = maps
    origin, per_metre = frame
    line, step = _backwards(point, focus, vertex), 0.5 / per_metre.max()
    loss, passed = 0.0, 1.0
    soft, bone, pieces_of_bone = WATER_IMPEDANCE, 0.0, 0
    leaving, first = False, True  # leaving: soft tissue lies between this bone and the point
    for n in range(100_000):
        i = int((point[0] + n * step * line[0] - origin[0]) * per_metre[0] + 0.5)
        j = int((point[1] + n * step * line[1] - origin[1]) * per_metre[1] + 0.5)
        k = int((point[2] + n * step * line[2] - origin[2]) * per_metre[2] + 0.5)
        nx, ny, nz = labels.shape
        if i < 0 or j < 0 or k < 0 or i >= nx or j >= ny or k >= nz:
            break
        tissue = labels[i, j, k]
        if tissue == _AIR:
            return 0.0
        if n > 0:  # half a step for each end would be finer than the voxels are
            loss += step * attenuation[i, j, k]
        impedance = density[i, j, k] * sound_speed[i, j, k]
        if tissue == _SKULL:
            leaving = leaving or not first
            bone += impedance
            pieces_of_bone += 1
        else:
            if pieces_of_bone > 0:
                passed *= _faces_of(impedance, bone / pieces_of_bone, soft, leaving)
                bone, pieces_of_bone, leaving = 0.0, 0, False
            soft, first = impedance, False
    if pieces_of_bone > 0:
        return 0.0  # the bone leaves the image: what is beyond it is not known
    return float(passed * passed * np.exp(-2.0 * loss))


@compiled
def _faces_of(before: float, bone: float, after: float, leaving: bool) -> float:  # noqa: FBT001
    """Return the pressure that a piece of bone passes: its first face, and its last if left."""
    entry = 2.0 * bone / (before + bone)
    return entry * 2.0 * after / (bone + after) if leaving else entry


@compiled
def _backwards(point: Float64, focus: Float64, vertex: Float64) -> Float64:
    """Return the unit vector from a point to where its sound comes from.

    Above the focus that is away from the focus, below it through the focus.
    """
    away = point - focus
    length = np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2)
    if length < 1e-9:
        return vertex
    above = away[0] * vertex[0] + away[1] * vertex[1] + away[2] * vertex[2]
    line: Float64 = away / length if above >= 0.0 else -away / length
    return line
