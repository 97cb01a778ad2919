"""Shells of a head: the CT's maps, sampled where the shells' nodes are."""

from math import ceil, radians

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.array import PlacedArray
from insonate.array.model import WATER_DENSITY, WATER_SOUND_SPEED
from insonate.core import GeometryError, Tissue
from insonate.core.arrays import compiled, compiled_parallel
from insonate.core.units import TWO_PI
from insonate.field.born.box import smooth_step
from insonate.field.born.fluid import Fluid
from insonate.field.has.harmonics import cone
from insonate.field.has.options import HasOptions
from insonate.field.has.shells import Frustum, Shells, with_tilt
from insonate.head import HeadModel

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Complex64 = NDArray[np.complex64]

DEFAULTS = HasOptions()
WATER = Fluid(WATER_SOUND_SPEED, WATER_DENSITY)
RIM_INSIDE_RAD = radians(5.0)
RIM_WIDTH_RAD = radians(15.0)
"""Setting: the cone's rim begins this far beyond the outermost element, and is this wide."""
LEAST_RADIUS_M = 12e-3
"""Setting: bone nearer than this to the target leaves no homogeneous ball to focus in."""
GAP_M = 2e-3
"""Room between the bone and the first shell, and between the head and the last."""


def head_shells(
    head: HeadModel,
    elements: PlacedArray,
    *,
    target_m: ArrayLike | None = None,
    options: HasOptions = DEFAULTS,
) -> Shells:
    """Return a head's shells round a target, in the cone that an array's beams come through.

    Parameters
    ----------
    head
        The maps, at the frequency of the wave; air is filled with water.
    elements
        The placed array.
    target_m
        The centre of the shells, shape (3,), CT frame, m; the array's focus if None.
    options
        How fine.

    Raises
    ------
    GeometryError
        When the target is outside the head's grid, too near to bone, or no bone is in the cone.
    """
    target = np.asarray(elements.focus if target_m is None else target_m, np.float64)
    if target.shape != (3,) or not head.grid.contains(target, 1.0):
        raise GeometryError(
            f"The target {np.round(1e3 * target, 1).tolist()} mm lies outside the image; the "
            "one-way engine needs a point inside the brain."
        )
    rotation = _axes(elements, target)
    half = _half_angle(elements, target, rotation[:, 2])
    edges = _edges(head, elements, (target, rotation[:, 2], half), options)
    middle = 0.5 * float(edges[0] + edges[-1])
    degree = ceil(options.lateral * TWO_PI * head.frequency_hz / WATER_SOUND_SPEED * middle)
    sphere = cone(degree, half, oversampling=options.oversampling)
    angle = np.arccos(sphere.cosines)
    window = 1 - smooth_step((angle - (half - RIM_WIDTH_RAD)) / RIM_WIDTH_RAD)
    frustum = Frustum(
        target, head.grid.frame, rotation, sphere, window.astype(np.float32), edges
    )
    density, wavenumber = sampled(head, frustum)
    inner = _fluid_at(head, target)
    return with_tilt(frustum, head.frequency_hz, density, wavenumber, (inner, WATER))


def _axes(elements: PlacedArray, target: Float64) -> Float64:
    """Return local axes as columns; the last one points to the middle of the elements."""
    away = (elements.centres - target).mean(axis=0)
    pole = away / np.linalg.norm(away)
    across = np.cross(pole, np.eye(3)[np.abs(pole).argmin()])
    across = across / np.linalg.norm(across)
    return np.column_stack([across, np.cross(pole, across), pole])


def _half_angle(elements: PlacedArray, target: Float64, pole: Float64) -> float:
    away = elements.centres - target
    cosine = (away @ pole) / np.linalg.norm(away, axis=1)
    widest = float(np.arccos(np.clip(cosine.min(), -1, 1)))
    return float(min(widest + RIM_INSIDE_RAD + RIM_WIDTH_RAD, np.pi))


def _edges(
    head: HeadModel,
    elements: PlacedArray,
    seen: tuple[Float64, Float64, float],
    options: HasOptions,
) -> Float64:
    """Return radii from in front of the bone to behind the scalp, equally spaced."""
    target, pole, half = seen
    bone = _distances(head, head.labels == int(Tissue.SKULL), target, (pole, half))
    body = _distances(head, head.labels != int(Tissue.WATER), target, (pole, half))
    nearest = np.linalg.norm(elements.centres - target, axis=1).min() - GAP_M
    step = WATER_SOUND_SPEED / head.frequency_hz / options.steps_per_wavelength
    if not len(bone):
        raise GeometryError(
            "No bone lies between the target and the elements; check the segmentation, the "
            "target and the placement of the array."
        )
    first = float(bone.min()) - GAP_M - step
    if first < LEAST_RADIUS_M:
        raise GeometryError(
            f"The nearest bone is {1e3 * bone.min():.1f} mm from the target; the one-way engine "
            f"needs at least {1e3 * (LEAST_RADIUS_M + GAP_M) + 1e3 * step:.1f} mm of brain round it. Use the "
            "wave engine, or the ray engine."
        )
    last = min(float(body.max()) + GAP_M + step, float(nearest))
    count = ceil((last - first) / step)
    edges: Float64 = last + step * (np.arange(count + 1.0) - count)
    return edges


def _distances(
    head: HeadModel, where: NDArray[np.bool_], target: Float64, seen: tuple[Float64, float]
) -> Float64:
    """Return the distances (m) of voxels that lie in the cone."""
    pole, half = seen
    away = head.grid.points_of(np.argwhere(where)) - target
    distance: Float64 = np.linalg.norm(away, axis=1)
    seen_from: Float64 = distance[away @ pole > np.cos(half) * distance]
    return seen_from


def _fluid_at(head: HeadModel, point: Float64) -> Fluid:
    index = tuple(np.floor(head.grid.indices_of(point) + 0.5).astype(int))
    values = (head.sound_speed[index], head.density[index], head.attenuation[index])
    return Fluid(*(float(v) for v in values))


def sampled(head: HeadModel, frustum: Frustum) -> tuple[Float32, Complex64]:
    """Return ρ (kg/m³) and k (1/m) at the nodes of all shells, shape (N, J, azimuths).

    ρ and κ are interpolated, never c: across a face it is they that a wave averages; by cubic
    convolution, because what a linear interpolation blurs lets 15 % more through.
    """
    omega = TWO_PI * head.frequency_hz
    shape = (len(frustum.radii), *frustum.sphere.shape)
    density, wavenumber = np.empty(shape, np.float32), np.empty(shape, np.complex64)
    maps = _contrasts(
        head.labels == int(Tissue.AIR),
        (head.density, head.sound_speed, head.attenuation),
        omega,
    )
    start = head.grid.indices_of(frustum.centre)
    per_metre = 1 / head.grid.spacing_m
    _sample(
        (density, wavenumber),
        maps,
        (start, per_metre),
        (frustum.radii, frustum.directions()),
        omega,
    )
    return density, wavenumber


@compiled_parallel
def _contrasts(
    air: NDArray[np.bool_], maps: tuple[Float32, Float32, Float32], omega: float
) -> tuple[Float32, Complex64]:
    """Return ρ - ρ₀ and κ/κ₀ - 1 of every voxel; 0 in water and air."""
    density, speed, attenuation = maps
    rho = np.zeros(density.shape, np.float32)
    kappa = np.zeros(density.shape, np.complex64)
    for i in numba.prange(density.shape[0]):
        for j in range(density.shape[1]):
            for k in range(density.shape[2]):
                if not air[i, j, k]:
                    rho[i, j, k] = density[i, j, k] - WATER_DENSITY
                    ratio = WATER_SOUND_SPEED * complex(
                        1 / speed[i, j, k], attenuation[i, j, k] / omega
                    )
                    kappa[i, j, k] = ratio * ratio * WATER_DENSITY / density[i, j, k] - 1
    return rho, kappa


@compiled_parallel
def _sample(
    out: tuple[Float32, Complex64],
    maps: tuple[Float32, Complex64],
    frame: tuple[Float64, Float64],
    nodes: tuple[Float64, Float64],
    omega: float,
) -> None:
    density, wavenumber = out
    start, per_metre = frame
    radii, directions = nodes
    for n in numba.prange(len(radii)):
        for j in range(directions.shape[0]):
            for a in range(directions.shape[1]):
                x = start[0] + radii[n] * directions[j, a, 0] * per_metre[0]
                y = start[1] + radii[n] * directions[j, a, 1] * per_metre[1]
                z = start[2] + radii[n] * directions[j, a, 2] * per_metre[2]
                rho, kappa = _cubic(maps, x, y, z)
                density[n, j, a] = WATER_DENSITY + rho
                kappa = complex(
                    kappa.real, max(kappa.imag, 0.0)
                )  # no gain where the cubic rings
                relative = (1 + kappa) * (1 + rho / WATER_DENSITY)
                wavenumber[n, j, a] = omega / WATER_SOUND_SPEED * np.sqrt(relative)


@compiled
def _cubic(
    maps: tuple[Float32, Complex64], x: float, y: float, z: float
) -> tuple[float, complex]:
    """Interpolate both maps at an index by Keys's cubic convolution; 0 beyond them.

    Keys, IEEE Trans. Acoust. Speech Signal Process. 29:1153 (1981), a = -1/2.
    """
    rho, kappa = maps
    nx, ny, nz = rho.shape
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if i < 1 or j < 1 or k < 1 or i >= nx - 2 or j >= ny - 2 or k >= nz - 2:
        return 0.0, 0j
    if _uniform(rho, i, j, k):
        return rho[i, j, k], kappa[i, j, k]
    wx, wy, wz = _taps(x - i), _taps(y - j), _taps(z - k)
    density, stiffness = 0.0, 0j
    for a in range(4):
        for b in range(4):
            for c in range(4):
                weight = wx[a] * wy[b] * wz[c]
                density += weight * rho[i + a - 1, j + b - 1, k + c - 1]
                stiffness += weight * kappa[i + a - 1, j + b - 1, k + c - 1]
    return density, stiffness


@compiled
def _uniform(values: Float32, i: int, j: int, k: int) -> bool:
    """Say whether the 64 voxels round a point are of one tissue."""
    for a in range(i - 1, i + 3):
        for b in range(j - 1, j + 3):
            for c in range(k - 1, k + 3):
                if values[a, b, c] != values[i, j, k]:
                    return False
    return True


@compiled
def _taps(t: float) -> tuple[float, float, float, float]:
    """Return the weights of the points at -1, 0, 1, 2 for a point at t."""
    return (
        0.5 * t * (-1 + t * (2 - t)),
        1 + 0.5 * t * t * (-5 + 3 * t),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (t - 1),
    )
