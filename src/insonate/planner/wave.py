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
from insonate.field.has import has_transfer, head_shells
from insonate.field.has.transfer import ERROR as HAS_ERROR
from insonate.head import HeadModel

ENGINES = ("ray", "has", "born", "none")
"""What may set the phases."""
ZONES_BELOW = 4.0
"""How far the computed box reaches below the target, in Fresnel zones √(λ d₁d₂/(d₁+d₂)) of a wave to
the rim, which leaves the box half-way. Less cuts into what reaches the lowest elements, and into
what comes back from the other side of the skull (decision 18)."""
WATER_CELLS = 12
"""Cells of water between head and box: the shell of the incident field lies there."""
LEAST_WATER_CELLS = 4
"""At the least: where the shell touches the scalp, it is taken for water."""
NEAREST_CELLS = 4
"""From the box to the nearest element."""
WATCH_M = 10e-3
"""Half-width of the cube round the focus where the treatment field must have converged."""


@dataclass(frozen=True)
class WaveOptions:
    """How the wave engine is used for a plan.

    Parameters
    ----------
    points_per_wavelength
        In water: 5-12. At 6 the grid errs by about 1 % of |p|, at 4 by a quarter.
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
        if not 5 <= self.points_per_wavelength <= 12:
            raise SettingsError(
                f"The wave engine was asked for {self.points_per_wavelength:g} points per "
                "wavelength; 5 to 12 are allowed, and 6 is the default."
            )


@dataclass(frozen=True, eq=False)
class WaveArrival:
    """What each element sends to the target, by waves.

    Parameters
    ----------
    transfer
        Shape (N,), complex, 1: pressure at the target per pascal of the element's surface.
    factor
        Shape (N,), complex, 1: the waves' arrival over the ray's, 0 where no ray arrives.
    convergence, error_estimate, provenance
        Of the solve.
    """

    transfer: NDArray[np.complex128]
    factor: NDArray[np.complex128]
    convergence: Convergence
    error_estimate: float
    provenance: dict[str, str]

    def arriving(self, rays: Rays) -> Rays:
        """Return rays that arrive with the waves' amplitude and phase.

        For the rays of the plan these are the waves themselves; rays of a head that lies a little
        otherwise keep the difference that they make.
        """
        return replace(rays, transmission=rays.transmission * self.factor)


def wave_grid(
    head: HeadModel,
    elements: PlacedArray,
    target_m: NDArray[np.float64],
    points_per_wavelength: float,
) -> Grid:
    """Return the box that is computed in: the head above the target, and water round it.

    The water is as wide as the shell of the incident field, or less where the box's corners would
    come too near to elements. What still lies there is ``beside`` the box.

    Parameters
    ----------
    head
        The maps, and their frequency.
    elements
        The array round it.
    target_m
        Shape (3,), CT frame, m.
    points_per_wavelength
        In water.

    Raises
    ------
    PlanError
        When there is no head above the target.
    """
    spacing = WATER_SOUND_SPEED / head.frequency_hz / points_per_wavelength
    rim = float(np.linalg.norm(elements.centres - target_m, axis=1).mean())
    below = ZONES_BELOW * np.sqrt(WATER_SOUND_SPEED / head.frequency_hz * rim / 4)
    first, last = _head_above(head, target_m[2] - below)
    boxes = [
        _box(first, last, cells, spacing)
        for cells in range(WATER_CELLS, LEAST_WATER_CELLS - 1, -2)
    ]
    return min(boxes, key=lambda box: int(beside(box, elements).sum()))


def beside(grid: Grid, elements: PlacedArray) -> NDArray[np.bool_]:
    """Say which elements lie in a box or too near to it for the wave engine, shape (N,).

    Of a hemisphere these are a few at the rim, before the upright edges of the box. They keep
    their rays' phases, and are left out of the treatment's solved field.
    """
    radius = float(np.sqrt(elements.areas.max() / np.pi)) / float(grid.spacing_m[0])
    return grid.contains(elements.centres, -(NEAREST_CELLS + radius))


def without_beside(drive: Drive, elements: PlacedArray, grid: Grid) -> Drive:
    """Return a drive with the elements ``beside`` a box silent, and no other changed."""
    silent_beside = np.where(beside(grid, elements), 0.0, drive.pressure)
    return Drive(drive.frequency_hz, silent_beside, drive.states)


def _head_above(
    head: HeadModel, floor_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of the part of the head above a plane, shape (3,) each, m."""
    above = np.flatnonzero(head.grid.axes()[2] >= floor_m)
    body = np.argwhere(head.labels[:, :, above] != int(Tissue.WATER))
    if not len(body):
        raise PlanError(["There is no head above the target; check the frame of the target."])
    lift = np.array((0, 0, above[0]))
    first = head.grid.points_of(body.min(axis=0) + lift)
    first[2] = floor_m
    return first, head.grid.points_of(body.max(axis=0) + lift)


def _box(
    first: NDArray[np.float64], last: NDArray[np.float64], cells: int, spacing: float
) -> Grid:
    margin = cells * spacing
    start = first - np.array((margin, margin, 0.0))
    shape = np.ceil((last + margin - start) / spacing).astype(int) + 1
    affine = affine_from(np.eye(3) * spacing, start)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, Frame.CT)


def wave_medium(
    head: HeadModel,
    elements: PlacedArray,
    target_m: NDArray[np.float64],
    options: WaveOptions = WaveOptions(),
) -> Medium:
    """Return what sound travels in on its way between array and target (see ``wave_grid``)."""
    grid = wave_grid(head, elements, target_m, options.points_per_wavelength)
    return head_medium(head, grid)


def wave_arrival(
    medium: Medium,
    elements: PlacedArray,
    rays: Rays,
    *,
    options: WaveOptions = WaveOptions(),
    progress: Progress = silent,
) -> WaveArrival:
    """Solve once from the target, and bring the wave to every element.

    Parameters
    ----------
    medium
        The head above the target.
    elements, rays
        Placed array, and the rays to the target.
    options
        Tolerance and solver.
    progress
        Told while it runs.

    Raises
    ------
    PlanError
        When the solve does not converge.
    SettingsError
        When it does not fit into memory.
    """
    target = np.asarray(rays.focus, np.float64)
    # convergence is judged where the wave leaves towards the array
    top = (slice(None), slice(None), slice(-8, -2))
    solver = replace(options.solver, tolerance=options.tolerance, watch=top, focus_m=None)
    solved = solve_born(medium, point_source(target), options=solver, progress=progress)
    _require_converged(solved)
    index = tuple(np.round(medium.grid.indices_of(target)).astype(int))
    density = float(medium.root_density[index]) ** 2
    far = ~beside(medium.grid, elements)
    by_ray = rays.transmission * _in_water(elements, rays)
    by_wave = element_transfer(solved, (1.0, density), elements, on=far)
    transfer = np.where(far, by_wave, by_ray)
    told = {**solved.provenance, "elements that keep their rays": str(int((~far).sum()))}
    factor = _over_rays(transfer, elements, rays)
    return WaveArrival(transfer, factor, solved.convergence, solved.error_estimate, told)


def one_way_arrival(
    head: HeadModel, elements: PlacedArray, rays: Rays, *, progress: Progress = silent
) -> WaveArrival:
    """March once from the target to every element with the one-way engine.

    Parameters
    ----------
    head
        The maps at the frequency of the treatment.
    elements, rays
        Placed array, and the rays to the target.
    progress
        Told while it runs.

    Raises
    ------
    GeometryError
        When an element lies inside the shells round the head.
    """
    transfer = has_transfer(
        head_shells(head, elements, target_m=rays.focus), elements, progress=progress
    )
    done = Convergence(
        converged=True,
        iterations=1,
        residual=0.0,
        sentence="Marched through the head once: nothing to converge.",
    )
    factor = _over_rays(transfer, elements, rays)
    return WaveArrival(transfer, factor, done, HAS_ERROR, {"engine": "one way"})


def _over_rays(
    transfer: NDArray[np.complex128], elements: PlacedArray, rays: Rays
) -> NDArray[np.complex128]:
    """Return a transfer over that of the rays; 0 where no ray arrives."""
    by_ray = rays.transmission * _in_water(elements, rays)
    return np.divide(transfer, by_ray, out=np.zeros_like(transfer), where=by_ray != 0)


def _in_water(elements: PlacedArray, rays: Rays) -> NDArray[np.complex128]:
    """Return A/(iλr) exp(i(curvature + ωt)): what would arrive in water, with the ray's phase."""
    distance = rays.distances_m
    wavenumber = TWO_PI * rays.frequency_hz / WATER_SOUND_SPEED
    amplitude = elements.areas * wavenumber / (TWO_PI * distance)
    curvature = wavenumber * elements.areas / (4 * np.pi * distance)
    phase = curvature - np.pi / 2 + TWO_PI * rays.frequency_hz * rays.travel_time_s
    arriving: NDArray[np.complex128] = amplitude * np.exp(1j * phase)
    return arriving


def solve_treatment(
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
        The head above the target.
    elements, drive
        The array, outside the medium's grid.
    focus_m
        Round which convergence is judged, shape (3,), CT frame, m.
    options, progress
        As ``wave_arrival``.

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
    driven = without_beside(drive, elements, medium.grid)
    count = int((np.abs(driven.pressure) > 0).sum())
    source = ArraySource(elements, driven, f"array, {count} elements on")
    solved = solve_born(medium, source, options=solver, progress=progress)
    _require_converged(solved)
    return solved


def _require_converged(solved: PressureField) -> None:
    if not solved.convergence.converged:
        raise PlanError([f"The wave engine gave no field. {solved.convergence.sentence}"])


def require_engine(engine: str) -> None:
    """Raise when there is no such engine.

    Raises
    ------
    SettingsError
        With the names that there are.
    """
    if engine not in ENGINES:
        raise SettingsError(
            f"There is no acoustic engine '{engine}' for phases; choose one of "
            f"{', '.join(ENGINES)}."
        )


def renamed(progress: Progress, name: str) -> Progress:
    """Return a progress that tells everything under one name."""

    def tell(stage: str, done: float, detail: str = "") -> None:
        del stage
        progress(name, done, detail)

    return tell
