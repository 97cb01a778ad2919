"""What the chosen engine makes of an array in place: phases, field, and the other engines beside it."""

from dataclasses import dataclass, replace

from insonate.array import Array, Drive, ElementState, PlacedArray
from insonate.core import Frame, Grid
from insonate.field import PressureField, Rays, ray_field
from insonate.field.born.options import Progress
from insonate.head import HeadModel
from insonate.planner.corrections import (
    BY_ARRIVALS,
    BY_SAME_ARRIVALS,
    Corrected,
    cropped,
    focus_of,
    judged_by_field,
)
from insonate.planner.phases import corrected_drive
from insonate.planner.wave import (
    WaveArrival,
    WaveOptions,
    one_way_arrival,
    renamed,
    solve_treatment,
    wave_arrival,
    wave_medium,
    without_beside,
)


@dataclass(frozen=True)
class SoundOptions:
    """Which engine sets the phases, how waves are solved, and how much of their field is kept.

    Parameters
    ----------
    engine
        "ray", "has", "born" or "none".
    wave
        Of the wave engine.
    near_m
        Half-width of the cube round the target whose solved field is kept.
    """

    engine: str
    wave: WaveOptions
    near_m: float


@dataclass(frozen=True, eq=False)
class Subject:
    """An array in place, what the skull does to it, and which elements are on."""

    array: Array
    elements: PlacedArray
    rays: Rays
    states: tuple[ElementState, ...]


@dataclass(frozen=True, eq=False)
class Sound:
    """What the chosen engine made of a subject.

    Parameters
    ----------
    rays
        As they arrive by that engine.
    wave
        Arrival by waves; None by rays.
    drive
        Corrected phases.
    field
        Solved near the target; None where it was not solved.
    corrections
        Every way to set the phases, judged.
    """

    rays: Rays
    wave: WaveArrival | None
    drive: Drive
    field: PressureField | None
    corrections: tuple[Corrected, ...]


def sound_of(
    head: HeadModel, subject: Subject, options: SoundOptions, progress: Progress
) -> Sound:
    """Set the phases, and judge them against those of the other engines.

    Raises
    ------
    PlanError
        When the wave engine does not converge.
    """
    array, elements, rays, states = (
        subject.array,
        subject.elements,
        subject.rays,
        subject.states,
    )
    none = corrected_drive(array, rays, states, correction="none")
    by_ray = corrected_drive(array, rays, states)
    if options.engine == "has":
        return _one_way(head, subject, {"none": none, "ray": by_ray}, progress)
    if options.engine != "born":
        drive = none if options.engine == "none" else by_ray
        judged = _judged({"none": none, "ray": by_ray}, elements, rays)
        return Sound(rays, None, drive, None, judged)
    progress("Sound in the head by waves", 0.0, "materials")
    medium = wave_medium(head, elements, rays.focus, options.wave)
    first = renamed(progress, "From the target to the elements")
    wave = wave_arrival(medium, elements, rays, options=options.wave, progress=first)
    arriving = wave.arriving(rays)
    drive = corrected_drive(array, arriving, states)
    judged = _judged({"none": none, "ray": by_ray, "born": drive}, elements, arriving)
    if not options.wave.treatment_field:
        return Sound(arriving, wave, drive, None, judged)
    second = renamed(progress, "From the elements to the target")
    whole = solve_treatment(
        medium, elements, drive, rays.focus, options=options.wave, progress=second
    )
    same = {"born": without_beside(drive, elements, medium.grid)}
    judged += _judged(same, elements, arriving, BY_SAME_ARRIVALS)
    judged += (judged_by_field("born", whole, head, rays.focus),)
    near = cropped(whole, rays.focus, options.near_m)
    return Sound(arriving, _with_second(wave, whole), drive, near, judged)


def _with_second(wave: WaveArrival, whole: PressureField) -> WaveArrival:
    """Return an arrival whose provenance also says what the solve of the treatment took."""
    what = ("iterations", "wall_s", "cpu_s", "source")
    told = {f"treatment field: {name}": whole.provenance[name] for name in what}
    return replace(wave, provenance={**wave.provenance, **told})


def _one_way(
    head: HeadModel, subject: Subject, others: dict[str, Drive], progress: Progress
) -> Sound:
    tell = renamed(progress, "From the target to the elements")
    wave = one_way_arrival(head, subject.elements, subject.rays, progress=tell)
    arriving = wave.arriving(subject.rays)
    drive = corrected_drive(subject.array, arriving, subject.states)
    judged = _judged({**others, "has": drive}, subject.elements, arriving)
    return Sound(arriving, wave, drive, None, judged)


def _judged(
    drives: dict[str, Drive], elements: PlacedArray, rays: Rays, judged_by: str = BY_ARRIVALS
) -> tuple[Corrected, ...]:
    half, spacing = 8e-3, 0.5e-3
    count = 2 * round(half / spacing) + 1
    grid = Grid.centred(rays.focus, spacing, (count, count, count), Frame.CT)
    return tuple(
        Corrected(name, judged_by, focus_of(ray_field(elements, drive, rays, grid), rays.focus))
        for name, drive in drives.items()
    )
