"""Media from voxels: CT maps and labelled masks, resampled with a band-limiting kernel.

ρ and κ = 1/(ρc²) (with the attenuation) are filtered, never c: across an interface it is they that
the wave averages. Work goes plane by plane in slabs, so that memory stays bounded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import GeometryError, Grid, InputError, Tissue
from insonate.core.arrays import frozen
from insonate.core.units import TWO_PI
from insonate.field.born.fluid import WATER, Fluid
from insonate.field.born.medium import (
    Medium,
    density_cutoff,
    interface_excess,
    require_cubic,
    require_points_per_wavelength,
)
from insonate.field.born.room import require_room
from insonate.field.born.stencils import HALO, apply_bands, potential_from
from insonate.head import HeadModel

FloatMap = NDArray[np.float32]
Bands = tuple[NDArray[np.int64], NDArray[np.float32]]

SLAB = 32
"""Planes of the grid that are worked on at a time."""
SINC_HALF_WIDTH = 8
"""Half-width of the resampling kernel in its own samples."""
DECIMATION_REACH = 2 * SINC_HALF_WIDTH
"""Points of the finer grid that decimation reaches on each side."""
SINC_SHAPE = 6.5
"""β of its Kaiser window."""
HALF_AMPLITUDE = 0.93
"""Where the resampling kernel passes one half, over the cut-off (decision 0013)."""
PARTS = 8
"""Points per voxel at which a mask's uniform voxels are averaged."""


@dataclass(frozen=True, eq=False)
class VoxelMaps:
    """Density (kg/m³), sound speed (m/s) and attenuation (Np/m at the frequency) of voxels.

    Parameters
    ----------
    grid
        Axis-aligned voxels.
    density, sound_speed, attenuation
        Shape ``grid.shape``, float32.
    uniform
        Whether each voxel is a box of one material (a mask), and not a sample of a smooth map (a
        CT, which its scanner has band-limited). Boxes are filtered as boxes.

    Raises
    ------
    InputError
        When a value is not physical.
    """

    grid: Grid
    density: FloatMap
    sound_speed: FloatMap
    attenuation: FloatMap
    uniform: bool = False

    def __post_init__(self) -> None:
        for name, least in (("density", 100.0), ("sound_speed", 300.0), ("attenuation", 0.0)):
            value = frozen(getattr(self, name), np.float32)
            if value.shape != self.grid.shape:
                raise GeometryError(
                    f"The map '{name}' has shape {value.shape}, its grid {self.grid.shape}; "
                    "they must be the same."
                )
            if not (np.isfinite(value).all() and float(value.min()) >= least):
                raise InputError(
                    f"The map '{name}' holds NaN or values below {least:g}, which no fluid of a "
                    "head has; mend it, or fill air with water first."
                )
            object.__setattr__(self, name, value)


def head_maps(head: HeadModel, fill: Fluid = WATER) -> VoxelMaps:
    """Return the maps of a head; air inside it is filled with ``fill``.

    Air reflects nearly all sound; elements with air on their path are off, and the reflections
    of a sinus are not what a plan is made for.
    """
    air = head.mask(Tissue.AIR)
    return VoxelMaps(
        head.grid,
        np.where(air, np.float32(fill.density), head.density),
        np.where(air, np.float32(fill.sound_speed), head.sound_speed),
        np.where(air, np.float32(fill.attenuation), head.attenuation),
    )


def label_maps(labels: ArrayLike, grid: Grid, fluids: Mapping[int, Fluid]) -> VoxelMaps:
    """Return the maps of a labelled mask.

    Raises
    ------
    InputError
        When a label has no fluid.
    """
    mask = np.asarray(labels)
    missing = sorted(set(np.unique(mask).tolist()) - set(fluids))
    if missing:
        raise InputError(f"The labels {missing} have no fluid; give one for each label.")
    table = np.zeros((3, int(max(fluids)) + 1), np.float32)
    for label, fluid in fluids.items():
        table[:, label] = fluid.density, fluid.sound_speed, fluid.attenuation
    density, sound_speed, attenuation = (row[mask] for row in table)
    return VoxelMaps(grid, density, sound_speed, attenuation, uniform=True)


def voxel_medium(
    maps: VoxelMaps, grid: Grid, frequency_hz: float, *, background: Fluid = WATER
) -> Medium:
    """Resample voxels to a grid and form U.

    Parameters
    ----------
    maps
        What; beyond its grid lies ``background``.
    grid
        Where to compute: axis-aligned, one spacing, same frame.
    frequency_hz
        Of the wave, and of the attenuation.
    background
        The water round the head.

    Raises
    ------
    GeometryError
        When the frames differ, or a grid is oblique.
    """
    require_cubic(grid)
    if maps.grid.frame != grid.frame or not maps.grid.is_axis_aligned:
        raise GeometryError(
            f"The voxels are in the frame '{maps.grid.frame}' and the grid in '{grid.frame}'; "
            "both must be axis-aligned in the same frame."
        )
    spacing = float(grid.spacing_m[0])
    slowest = min(float(maps.sound_speed.min()), background.sound_speed)
    require_points_per_wavelength(slowest, frequency_hz, spacing)
    require_room(grid, slowest, frequency_hz)
    plan = _Resampling(maps, grid, frequency_hz, background)
    potential = np.empty(grid.shape, np.complex64)
    root_density = np.empty(grid.shape, np.float32)
    for planes, u, density in plan.slabs():
        potential[planes], root_density[planes] = u, np.sqrt(density)
    return Medium(
        grid=grid,
        frequency_hz=frequency_hz,
        potential=potential,
        root_density=root_density,
        background=background,
        slowest=slowest,
        fastest=max(float(maps.sound_speed.max()), background.sound_speed),
        representation=f"voxels of {maps.grid.spacing_m[0] * 1e3:g} mm, ρ and κ resampled with "
        f"a band-limiting kernel, U formed on a {plan.finer} times finer grid",
    )


class _Resampling:
    """The matrices that take voxels to a grid, one for each axis, and the slabs they make."""

    def __init__(
        self, maps: VoxelMaps, grid: Grid, frequency_hz: float, background: Fluid
    ) -> None:
        self._frequency = frequency_hz
        self._background = background
        self._grid = grid
        contrasts = _contrasts(maps, frequency_hz, background)
        spacing = float(grid.spacing_m[0])
        # voxels at least twice as coarse as the grid leave room for the products that make U
        self.finer = 1 if float(maps.grid.spacing_m.min()) >= 1.9 * spacing else 2
        self._step = spacing / self.finer
        slowest = min(float(maps.sound_speed.min()), background.sound_speed)
        cutoff = density_cutoff(slowest / (frequency_hz * spacing))
        finest = spacing / cutoff / HALF_AMPLITUDE
        # only where this filter made the interface's width: a scanner's is not known
        filtered = maps.uniform and float(maps.grid.spacing_m.max()) <= finest
        self._excess = interface_excess(finest, frequency_hz, slowest) if filtered else 0.0
        parts = PARTS if maps.uniform else 1
        self._reach = HALO + (self.finer - 1) * DECIMATION_REACH
        self._bands = [
            _sinc_bands(
                _fine_line(line, self._step, self.finer, self._reach),
                voxels,
                finest,
                parts,
            )
            for line, voxels in zip(grid.axes(), maps.grid.axes(), strict=True)
        ]
        # the last axis once for all slabs, while there are few lines along it
        self._contrasts = tuple(apply_bands(c, 2, *self._bands[2]) for c in contrasts)

    def slabs(self) -> Iterator[tuple[slice, NDArray[np.complex64], FloatMap]]:
        """Yield planes of the grid with their U and ρ."""
        n = self._grid.shape[0]
        for first in range(0, n, SLAB):
            last = min(first + SLAB, n)
            rows = slice(first * self.finer, (last - 1) * self.finer + 1 + 2 * self._reach)
            yield slice(first, last), *self._slab(rows, last - first)

    def _slab(self, rows: slice, planes: int) -> tuple[NDArray[np.complex64], FloatMap]:
        base = self._background
        kappa0 = base.compressibility(self._frequency)
        first, taps = self._bands[0]
        bands = ((first[rows], taps[rows]), self._bands[1])
        density, real, imag = (_resample(contrast, bands) for contrast in self._contrasts)
        density += np.float32(base.density)
        scale = (TWO_PI * self._frequency) ** 2 * base.compressibility(self._frequency).real
        # κ is carried relative to the background's, to stay within float32
        kappa = ((real + 1) + 1j * (imag + kappa0.imag / kappa0.real)).astype(np.complex64)
        potential = potential_from(
            density, kappa, np.float32(scale), np.float32(self._step), self._excess
        )
        inner = density[HALO:-HALO, HALO:-HALO, HALO:-HALO]
        if self.finer == 1:
            return potential, inner
        points = tuple(
            slice(DECIMATION_REACH, n - DECIMATION_REACH, self.finer) for n in inner.shape
        )
        counts = (planes, *self._grid.shape[1:])
        x, y, z = (_decimation_bands(n, self.finer) for n in counts)
        thin = (x, y, z)
        u = _resample(potential.real, thin) + 1j * _resample(potential.imag, thin)
        return (u.real + 1j * np.maximum(u.imag, 0)).astype(np.complex64), inner[points]


def _contrasts(
    maps: VoxelMaps, frequency_hz: float, background: Fluid
) -> tuple[FloatMap, FloatMap, FloatMap]:
    """Return ρ - ρ₀ and (κ - κ₀)/Re κ₀, real and imaginary; all 0 in the background."""
    omega = TWO_PI * frequency_hz
    kappa0 = background.compressibility(frequency_hz)
    wavenumber = omega / maps.sound_speed.astype(np.float64) + 1j * maps.attenuation
    kappa = (wavenumber**2 / (maps.density * omega**2) - kappa0) / kappa0.real
    density = maps.density - np.float32(background.density)
    return density, kappa.real.astype(np.float32), kappa.imag.astype(np.float32)


def _fine_line(
    line: NDArray[np.float64], step: float, finer: int, reach: int
) -> NDArray[np.float64]:
    count = (len(line) - 1) * finer + 1 + 2 * reach
    fine: NDArray[np.float64] = line[0] + (np.arange(count) - reach) * step
    return fine


def _kaiser_sinc(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(1 - (distance / SINC_HALF_WIDTH) ** 2, 0, None)
    window = np.i0(SINC_SHAPE * np.sqrt(inside)) / np.i0(SINC_SHAPE) * (inside > 0)
    kernel: NDArray[np.float64] = np.sinc(distance) * window
    return kernel


def _sinc_bands(
    fine: NDArray[np.float64], voxels: NDArray[np.float64], finest: float, parts: int
) -> Bands:
    """Return the bands that take voxels to points; nothing finer than ``finest`` passes.

    Each voxel counts as ``parts`` samples across it: one for a sample, several for a box.
    """
    voxel = float(voxels[1] - voxels[0]) if len(voxels) > 1 else finest
    width = max(voxel, finest)
    reach = int(np.ceil(SINC_HALF_WIDTH * width / voxel)) + (parts > 1)
    first = np.floor((fine - voxels[0]) / voxel).astype(np.int64) - reach + 1
    at = voxels[0] + (first[:, None] + np.arange(2 * reach)) * voxel
    offsets = ((np.arange(parts) + 0.5) / parts - 0.5) * voxel
    kernels = [_kaiser_sinc((fine[:, None] - at - offset) / width) for offset in offsets]
    taps = np.mean(kernels, axis=0) * (voxel / width)
    return first, taps.astype(np.float32)


def _decimation_bands(n: int, finer: int) -> Bands:
    """Return the bands that low-pass a finer line at the grid's Nyquist, and thin it."""
    reach = finer * SINC_HALF_WIDTH
    taps = _kaiser_sinc((np.arange(2 * reach + 1) - reach) / finer)
    first = finer * np.arange(n, dtype=np.int64) + DECIMATION_REACH - reach
    return first, np.tile(taps / taps.sum(), (n, 1)).astype(np.float32)


def _resample(values: FloatMap, bands: tuple[Bands, ...]) -> FloatMap:
    """Apply bands along the first axes; what lies beyond the values counts as 0."""
    values = np.ascontiguousarray(values)
    for axis, (first, taps) in enumerate(bands):
        values = apply_bands(values, axis, first, taps)
    return values


def head_medium(head: HeadModel, grid: Grid, *, background: Fluid = WATER) -> Medium:
    """Return a head's medium at the head's own frequency; see ``voxel_medium``."""
    return voxel_medium(
        head_maps(head, background), grid, head.frequency_hz, background=background
    )
