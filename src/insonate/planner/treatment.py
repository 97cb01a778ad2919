"""The plan of one treatment: everything that is known before power goes on."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.array import Array, Drive, ElementState, PlacedArray, Placement, placed
from insonate.core import Frame, Grid, PlanError, SettingsError, Tissue
from insonate.core.frames import require_frame
from insonate.field import (
    PressureField,
    RayOptions,
    Rays,
    outer_surface_pressure,
    ray_field,
    trace_rays,
)
from insonate.field.born.options import Progress, silent
from insonate.field.head_field import SurfacePressure
from insonate.field.shear import FLUID_LIMIT_DEG, share_beyond_fluid_limit, shear_sentence
from insonate.head import HeadModel
from insonate.plan import Limits, Target
from insonate.planner.corrections import Corrected
from insonate.planner.elements import ElementOptions, select_elements
from insonate.planner.phases import corrected_drive
from insonate.planner.placement import place
from insonate.planner.regions import NoPassRegions, RegionOptions, no_pass_regions
from insonate.planner.sdr import LOW_SDR, SkullDensityRatios, skull_density_ratios
from insonate.planner.sound import SoundOptions, Subject, sound_of
from insonate.planner.wave import WaveArrival, WaveOptions, require_engine

ENOUGH_ELEMENTS = 700
"""Acceptable number of active elements; clinical cases have 948-977 of 1024."""
TOO_FEW_ELEMENTS = 500
"""Below this a plan is marked red."""


@dataclass(frozen=True)
class PlanOptions:
    """How a treatment is planned.

    Parameters
    ----------
    tilt_rad
        Of the array (see ``place``), or None to look for one.
    engine
        What sets the phases: "ray"; "has", waves one way; "born", waves; "none", as in water.
    elements, regions, rays, wave
        Options of the parts.
    field_spacing_m, field_half_width_m
        Of the focal field's grid, m: 0.1-2 mm, 2-22 mm.
    compare_uncorrected
        Whether the focus without correction is computed too.
    """

    tilt_rad: float | None = None
    elements: ElementOptions = field(default_factory=ElementOptions)
    regions: RegionOptions = field(default_factory=RegionOptions)
    rays: RayOptions = field(default_factory=RayOptions)
    wave: WaveOptions = field(default_factory=WaveOptions)
    engine: str = "ray"
    field_spacing_m: float = 0.5e-3
    field_half_width_m: float = 20e-3
    compare_uncorrected: bool = True

    def __post_init__(self) -> None:
        require_engine(self.engine)
        ranges = {"field_spacing_m": (0.1e-3, 2e-3), "field_half_width_m": (2e-3, 22e-3)}
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise SettingsError(
                    f"The setting {name} is {1e3 * getattr(self, name):g} mm; allowed are "
                    f"{1e3 * low:g}-{1e3 * high:g} mm."
                )


@dataclass(frozen=True, eq=False)
class TreatmentPlan:
    """What is known about a treatment before it begins; all fields are for 1 W acoustic power.

    Parameters
    ----------
    head, target, array, placement
        Who, where, with what, placed how.
    elements
        The array's elements in the CT frame.
    engine
        What set the phases.
    rays
        What the skull does to each element; amplitude and phase by waves where ``wave`` is.
    wave
        What the wave engine found; None for another engine.
    ratios
        Skull density ratios by three definitions.
    regions
        Where no beam may pass.
    drive
        Corrected phases, 1 W; its states say which element is off and why.
    focal_field
        Pressure round the target at 1 W.
    uncorrected_field
        The same without phase correction, on a coarser and smaller grid; None if not wanted.
    solved_field
        The treatment's pressure round the target by the wave engine; None if not solved.
    corrections
        The focus with each way of setting the phases.
    surface
        Incident pressure on the skull at 1 W.
    limits
        Caps and thresholds.
    notes
        Whole sentences: quality, warnings, what was chosen.
    """

    head: HeadModel
    target: Target
    array: Array
    placement: Placement
    elements: PlacedArray
    engine: str
    rays: Rays
    wave: WaveArrival | None
    ratios: SkullDensityRatios
    regions: NoPassRegions
    drive: Drive
    focal_field: PressureField
    uncorrected_field: PressureField | None
    solved_field: PressureField | None
    corrections: tuple[Corrected, ...]
    surface: SurfacePressure
    limits: Limits
    notes: tuple[str, ...]

    @property
    def states(self) -> tuple[ElementState, ...]:
        """On, or off with a reason, for each element."""
        return self.drive.states

    @property
    def state_counts(self) -> dict[ElementState, int]:
        """How many elements are in each state; every state is listed."""
        counts = Counter(self.drive.states)
        return {state: counts.get(state, 0) for state in ElementState}

    @property
    def active_count(self) -> int:
        """Number of elements that are on."""
        return int(self.drive.active.sum())

    @property
    def skull_metrics(self) -> dict[str, float]:
        """Each named skull density ratio, mean over the active elements."""
        active = self.drive.active
        return {n: self.ratios.mean(n, active) for n in ("workstation", "older", "skullgan")}

    @property
    def mean_angle_rad(self) -> float:
        """Mean incidence angle of the active elements, rad."""
        return float(self.rays.incidence_angle_rad[self.drive.active].mean())

    @property
    def mean_thickness_m(self) -> float:
        """Mean thickness of the skull along the active elements' paths, m."""
        return float(self.rays.thickness_m[self.drive.active].mean())

    @property
    def transmission(self) -> float:
        """Mean pressure transmission |T| of the active elements, 1."""
        return float(np.abs(self.rays.transmission[self.drive.active]).mean())

    @property
    def focal_pressure_pa_per_sqrt_w(self) -> float:
        """Peak pressure of the focal field at 1 W, Pa/√W."""
        return float(np.abs(self.focal_field.pressure).max())

    @property
    def focus_offset_m(self) -> NDArray[np.float64]:
        """Centre of the focal spot (mean of |p|² above half its peak) less target, (3,), m."""
        square = np.abs(self.focal_field.pressure.astype(np.complex128)) ** 2
        spot = square >= 0.5 * square.max()
        points = self.focal_field.grid.points()[spot]
        centre: NDArray[np.float64] = np.average(points, axis=0, weights=square[spot])
        return centre - self.target.point


def plan_treatment(
    head: HeadModel,
    target: Target,
    array: Array,
    *,
    options: PlanOptions = PlanOptions(),
    limits: Limits | None = None,
    progress: Progress = silent,
) -> TreatmentPlan:
    """Plan a treatment: place the array, trace the rays, choose elements, set phases.

    Parameters
    ----------
    head
        Its attenuation's frequency is the frequency of the treatment.
    target
        In the CT frame, in the brain.
    array
        In the transducer frame.
    options, limits
        How it is planned; what must never be crossed (the defaults where None).
    progress
        Told while waves are solved.

    Raises
    ------
    PlanError
        When the target is not in the brain, the head does not fit, no element is left, or the wave
        engine does not converge.
    """
    _require_target(head, target)
    placement = place(array, head, target.point, tilt_rad=options.tilt_rad)
    elements = placed(array, placement)
    rays = trace_rays(head, elements.centres, elements.focus, options=options.rays)
    ratios = skull_density_ratios(head, rays)
    regions = no_pass_regions(head, options=options.regions)
    states = select_elements(
        rays, regions, options=options.elements, air=ratios.air_between_peaks
    )
    how = SoundOptions(options.engine, options.wave, options.field_half_width_m)
    sound = sound_of(head, Subject(array, elements, rays, states), how, progress)
    grid = _focal_grid(target, options.field_half_width_m, options.field_spacing_m)
    subject = Subject(array, elements, sound.rays, states)
    return TreatmentPlan(
        head=head,
        target=target,
        array=array,
        placement=placement,
        elements=elements,
        engine=options.engine,
        rays=sound.rays,
        wave=sound.wave,
        ratios=ratios,
        regions=regions,
        drive=sound.drive,
        focal_field=ray_field(elements, sound.drive, sound.rays, grid),
        uncorrected_field=_uncorrected(subject, options),
        solved_field=sound.field,
        corrections=sound.corrections,
        surface=outer_surface_pressure(head, elements, sound.drive),
        limits=limits or Limits(),
        notes=(
            *head.notes,
            *placement.notes,
            *regions.reasons,
            *_warnings(ratios, sound.drive),
            *_fluid_notes(rays, sound.drive),
        ),
    )


def _fluid_notes(rays: Rays, drive: Drive) -> list[str]:
    """Say how many elements look where a fluid is no model of bone, where that is known."""
    low, high = FLUID_LIMIT_DEG[0][0], FLUID_LIMIT_DEG[-1][0]
    if not low <= drive.frequency_hz <= high:
        return []
    share = share_beyond_fluid_limit(rays.incidence_angle_rad, drive.active, drive.frequency_hz)
    return [shear_sentence(share, drive.frequency_hz)] if share > 0 else []


def _require_target(head: HeadModel, target: Target) -> None:
    require_frame(target.frame, Frame.CT, f"The target {target.name}")
    where = 1e3 * target.point
    point_words = (
        f"The target {target.name} at ({where[0]:.1f}, {where[1]:.1f}, {where[2]:.1f}) mm"
    )
    if not head.grid.contains(target.point, 1.0):
        raise PlanError([f"{point_words} lies outside the CT; choose a point in the brain."])
    index = np.floor(head.grid.indices_of(target.point) + 0.5).astype(int)
    tissue = Tissue(int(head.labels[tuple(index)]))
    if tissue is not Tissue.BRAIN:
        raise PlanError(
            [
                (
                    f"{point_words} lies in {tissue.name.lower()}, not in the brain; check the frame "
                    "and the signs (x to the right, y anterior, z superior) or choose another point."
                )
            ]
        )


def _focal_grid(target: Target, half_width_m: float, spacing_m: float) -> Grid:
    n = 2 * round(half_width_m / spacing_m) + 1
    return Grid.centred(target.point, spacing_m, (n, n, n), Frame.CT)


def _uncorrected(subject: Subject, options: PlanOptions) -> PressureField | None:
    if not options.compare_uncorrected:
        return None
    rays = subject.rays
    drive = corrected_drive(subject.array, rays, subject.states, correction="none")
    n = 2 * round(min(10e-3, options.field_half_width_m) / 1e-3) + 1
    grid = Grid.centred(rays.focus, 1e-3, (n, n, n), Frame.CT)
    return ray_field(subject.elements, drive, rays, grid)


def _warnings(ratios: SkullDensityRatios, drive: Drive) -> list[str]:
    notes = []
    active = int(drive.active.sum())
    if active < TOO_FEW_ELEMENTS:
        notes.append(
            f"Red: only {active} elements can be driven; below {TOO_FEW_ELEMENTS} a treatment "
            "is not advised."
        )
    elif active < ENOUGH_ELEMENTS:
        notes.append(
            f"Amber: {active} elements can be driven; {ENOUGH_ELEMENTS} or more are wanted."
        )
    ratio = ratios.mean("workstation", drive.active)
    if not ratio >= LOW_SDR:
        notes.append(
            f"Amber: the skull density ratio (workstation) is {ratio:.2f}, below the threshold "
            f"of {LOW_SDR:.2f}: this skull may heat more and its focus less."
        )
    return notes
