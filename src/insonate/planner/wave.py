"""The skull's aberration from waves instead of rays: one reciprocal solve, one for the treatment.

Sound from the target to an element is what the element sends to the target (reciprocity). So one
solve with a point source at the target gives every element's amplitude and phase. Near the target
each element's wave is continued as if it came from the element itself, as the rays' is
(isoplanatic; Aubry et al., J. Acoust. Soc. Am. 113:84, 2003); that is what steering uses. The field of
the treatment itself is a second solve, with the array as its source.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from insonate.array import Drive, PlacedArray
from insonate.array.model import WATER_SOUND_SPEED
from insonate.core import Frame, Grid, PlanError, SettingsError, Tissue
from insonate.core.frames import affine_from
from insonate.core.units import TWO_PI
from insonate.field import Convergence, PressureField, Rays
from insonate.field.born import (
    ArraySource,
    BornOptions,
    Medium,
    element_transfer,
    head_medium,
    point_source,
    solve_born,
)
from insonate.field.born.options import Progress, silent
from insonate.head import HeadModel

BELOW_TARGET_M = 15e-3
"""How far the computed box reaches below the target: the spot, and what is behind it."""
WATER_CELLS = 12
"""Cells of water between head and box: the shell of the incident field lies there."""
WATCH_M = 10e-3
"""Half-width of the cube round the focus where the treatment field must have converged."""


@dataclass(frozen=True)
class WaveOptions:
    """How the wave engine is used for a plan.

    Parameters
    ----------
    points_per_wavelength
        In water: 4-12. At 6 the grid errs by about 1 % of |p|.
    tolerance
        Of the solves: largest change of |p| still expected, over the largest |p|.
    treatment_field
        Whether the field of the treatment is solved too.
    solver
        Everything else about a solve; its ``tolerance``, ``watch`` and ``focus_m`` are set here.
    """

    points_per_wavelength: float = 6.0
    tolerance: float = 2e-2
    treatment_field: bool = True
    solver: BornOptions = field(default_factory=BornOptions)

    def __post_init__(self) -> None:
        if not 4 <= self.points_per_wavelength <= 12:
            raise SettingsError(
                f"The wave engine was asked for {self.points_per_wavelength:g} points per "
                "wavelength; 4 to 12 are allowed, and 6 is the default."
            )


@dataclass(frozen=True, eq=False)
class WaveArrival:
    """What each element sends to the target, by waves.

    Parameters
    ----------
    transfer
        Shape (N,), complex, 1: pressure at the target per pascal of the element's surface.
    transmission
        Shape (N,), complex, 1: the same over what would arrive in water, less the phase of the
        ray's travel time; what ``Rays.transmission`` is.
    medium
        What was solved in.
    convergence, error_estimate, provenance
        Of the solve.
    """

    transfer: NDArray[np.complex128]
    transmission: NDArray[np.complex128]
    medium: Medium
    convergence: Convergence
    error_estimate: float
    provenance: dict[str, str]

    def arriving(self, rays: Rays) -> Rays:
        """Return rays that arrive with the waves' amplitude and phase; 0 stays 0."""
        passes = np.where(rays.transmission == 0, 0.0, self.transmission)
        return replace(rays, transmission=passes)


def wave_grid(
    head: HeadModel, target_m: NDArray[np.float64], points_per_wavelength: float
) -> Grid:
    """Return the box that is computed in: the head above the target, and water round it.

    Parameters
    ----------
    head
        The maps, and their frequency.
    target_m
        Shape (3,), CT frame, m.
    points_per_wavelength
        In water.
    """
    spacing = WATER_SOUND_SPEED / head.frequency_hz / points_per_wavelength
    floor = target_m[2] - BELOW_TARGET_M
    z = head.grid.axes()[2]
    above = np.flatnonzero(z >= floor)
    body = np.argwhere(head.labels[:, :, above] != int(Tissue.WATER))
    if not len(body):
        raise PlanError(["There is no head above the target; check the frame of the target."])
    first, last = (
        head.grid.points_of(end(body, axis=0) + np.array((0, 0, above[0])))
        for end in (np.min, np.max)
    )
    margin = WATER_CELLS * spacing
    first, last = first - margin, last + margin
    first[2] = floor
    shape = np.ceil((last - first) / spacing).astype(int) + 1
    affine = affine_from(np.eye(3) * spacing, first)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, Frame.CT)


def arrival(
    head: HeadModel,
    elements: PlacedArray,
    rays: Rays,
    *,
    options: WaveOptions = WaveOptions(),
    progress: Progress = silent,
) -> WaveArrival:
    """Solve once from the target, and bring the wave to every element.

    Parameters
    ----------
    head
        The maps at the frequency of the treatment.
    elements, rays
        Placed array, and the rays to the target (for the phase of travel).
    options
        Grid and tolerance.
    progress
        Told while it runs.

    Returns
    -------
    WaveArrival

    Raises
    ------
    PlanError
        When the solve does not converge.
    SettingsError
        When it does not fit into memory.
    """
    target = np.asarray(rays.focus, np.float64)
    grid = wave_grid(head, target, options.points_per_wavelength)
    progress("wave medium", 0.0)
    medium = head_medium(head, grid)
    # convergence is judged where the wave leaves towards the array
    top = (slice(None), slice(None), slice(-8, -2))
    solver = replace(options.solver, tolerance=options.tolerance, watch=top, focus_m=None)
    solved = solve_born(medium, point_source(target), options=solver, progress=progress)
    _require_converged(solved)
    index = tuple(np.round(grid.indices_of(target)).astype(int))
    density = float(medium.root_density[index]) ** 2
    transfer = element_transfer(
        solved, (1.0, density), (elements.centres, elements.normals, elements.areas)
    )
    return WaveArrival(
        transfer,
        transfer / _in_water(elements, rays),
        medium,
        solved.convergence,
        solved.error_estimate,
        solved.provenance,
    )


def _in_water(elements: PlacedArray, rays: Rays) -> NDArray[np.complex128]:
    """Return A/(iλr) exp(i(curvature + ωt)): what would arrive in water, with the ray's phase."""
    distance = rays.distances_m
    wavenumber = TWO_PI * rays.frequency_hz / WATER_SOUND_SPEED
    amplitude = elements.areas * wavenumber / (TWO_PI * distance)
    curvature = wavenumber * elements.areas / (4 * np.pi * distance)
    phase = curvature - np.pi / 2 + TWO_PI * rays.frequency_hz * rays.travel_time_s
    arriving: NDArray[np.complex128] = amplitude * np.exp(1j * phase)
    return arriving


def treatment_field(
    medium: Medium,
    elements: PlacedArray,
    drive: Drive,
    focus_m: NDArray[np.float64],
    *,
    options: WaveOptions = WaveOptions(),
    progress: Progress = silent,
) -> PressureField:
    """Solve for the field of a driven array in the head.

    Parameters
    ----------
    medium
        As ``WaveArrival.medium``.
    elements, drive
        The array, outside the medium's grid.
    focus_m
        Round which convergence is judged, shape (3,), CT frame, m.
    options, progress
        As ``arrival``.

    Returns
    -------
    PressureField
        On the medium's grid, Pa.

    Raises
    ------
    PlanError
        When the solve does not converge.
    """
    index = np.round(medium.grid.indices_of(focus_m)).astype(int)
    half = int(np.ceil(WATCH_M / medium.spacing))
    x, y, z = (
        slice(max(int(i) - half, 0), min(int(i) + half + 1, n))
        for i, n in zip(index, medium.grid.shape, strict=True)
    )
    solver = replace(options.solver, tolerance=options.tolerance, watch=(x, y, z), focus_m=None)
    source = ArraySource(elements, drive, f"array, {int(drive.active.sum())} elements on")
    solved = solve_born(medium, source, options=solver, progress=progress)
    _require_converged(solved)
    return solved


def _require_converged(solved: PressureField) -> None:
    if not solved.convergence.converged:
        raise PlanError([f"The wave engine gave no field. {solved.convergence.sentence}"])
