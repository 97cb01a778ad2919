"""From images to a plan: everything that is known before the first sonication."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from insonate.array import hemisphere
from insonate.core import Volume
from insonate.core.provenance import digest
from insonate.head import (
    HeadModel,
    Landmarks,
    build_head,
    landmarks_from,
    phantom_head,
)
from insonate.heat.build import build_thermal_model
from insonate.heat.model import ThermalModel
from insonate.heat.prediction import UnitResponse, unit_response
from insonate.images import (
    crop_to_head,
    inspect_ct,
    load_atlas,
    read_ct,
    read_mr,
    register,
    resample_band_limited,
    resample_to,
)
from insonate.images.atlas import ATLAS_LANDMARKS
from insonate.images.quality import CtQuality, require_whole_vault
from insonate.plan import (
    Prescription,
    Stage,
    Target,
    named_target,
    require_target_inside,
    target_at,
)
from insonate.planner import PlanOptions, TreatmentPlan, plan_treatment, prescribe
from insonate.planner.heating import FOCAL_HALF_WIDTH_M, Beam, Heating, heating
from insonate.planner.prescription import PrescriptionOptions, shortfalls
from insonate.session.inputs import CaseSource, PlanSettings
from insonate.session.progress import Progress, silent

HEAD_SPACING_M = 1e-3
"""Everything is planned on voxels of 1 mm; finer CTs are low-passed to it."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A head, a target, a plan, and what the plan is expected to do.

    Parameters
    ----------
    source, settings
        What was asked for.
    head
        The head model, CT frame.
    mr
        An MR image on the head's grid (the person's, or the atlas warped to the head), or None.
    treatment
        Elements, phases, focal field at 1 W.
    thermal, heating
        The thermal model, and where one watt becomes heat.
    responses
        For each stage's duration what one watt does, by the model.
    prescription
        The first guess of each sonication.
    notes
        Whole sentences for the user.
    """

    source: CaseSource
    settings: PlanSettings
    head: HeadModel
    mr: Volume | None
    treatment: TreatmentPlan
    thermal: ThermalModel
    heating: Heating
    responses: dict[Stage, UnitResponse]
    prescription: Prescription
    notes: tuple[str, ...]

    @property
    def target(self) -> Target:
        """Where the treatment aims."""
        return self.prescription.target


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A head before anything is planned in it.

    Parameters
    ----------
    head
        Its model.
    mr
        An MR picture on the same grid (the person's, or the atlas warped to the head), or None.
    quality
        What the CT covers; None for a phantom.
    """

    head: HeadModel
    mr: Volume | None
    quality: CtQuality | None = None


Seen = Callable[[Volume], None]
"""Shown the CT of a head as soon as it is read: frame CT, HU, cropped to the head."""


def unseen(ct: Volume) -> None:
    """Show it to nobody."""
    del ct


def prepare(
    source: CaseSource, settings: PlanSettings, progress: Progress = silent
) -> PreparedCase:
    """Read a head, build its model, place the array, plan, and predict.

    Parameters
    ----------
    source
        Which head.
    settings
        What is wanted of it.
    progress
        Told at each step.

    Raises
    ------
    InputError
        When an image, a setting or the geometry cannot be used; one sentence or more.
    """
    return plan_anatomy(read_anatomy(source, settings, progress), source, settings, progress)


def plan_anatomy(
    anatomy: Anatomy, source: CaseSource, settings: PlanSettings, progress: Progress = silent
) -> PreparedCase:
    """Place the array on a head that was read already, plan, and predict.

    Parameters
    ----------
    anatomy
        The head; its mapping and frequency must be those of ``settings``.
    source, settings, progress
        As in ``prepare``.

    Raises
    ------
    InputError
        When the target cannot be treated, or the geometry cannot be used.
    """
    target = _target(settings, anatomy.head)
    require_target_inside(anatomy.head, target)
    progress("Planning elements and phases", 0.1, "tracing rays")
    treatment = plan_treatment(
        anatomy.head,
        target,
        hemisphere(count=settings.element_count),
        options=PlanOptions(field_half_width_m=FOCAL_HALF_WIDTH_M, engine=settings.engine),
        progress=progress,
    )
    progress("Planning elements and phases", 1.0, f"{treatment.active_count} elements on")
    return _predicted(source, settings, anatomy, treatment, progress)


def _predicted(
    source: CaseSource,
    settings: PlanSettings,
    anatomy: Anatomy,
    treatment: TreatmentPlan,
    progress: Progress,
) -> PreparedCase:
    name = "Predicting sound and heat"
    progress(name, 0.1, "thermal model")
    thermal = build_thermal_model(anatomy.head, treatment.target.point, options=settings.heat)
    progress(name, 0.3, "pressure in the head")
    beam = Beam(treatment.elements, treatment.drive, treatment.rays)
    heat = heating(anatomy.head, thermal, beam)
    durations = PrescriptionOptions().duration_s
    by_duration: dict[float, UnitResponse] = {}
    for done, duration in enumerate(sorted(set(durations.values()))):
        progress(name, 0.6 + 0.1 * done, f"response to {duration:.0f} s")
        by_duration[duration] = unit_response(thermal, heat.source, duration)
    responses = {stage: by_duration[durations[stage]] for stage in Stage}

    def k_per_kj(duration_s: float) -> float:
        return by_duration[duration_s].focus_k_per_kj

    prescription = prescribe(treatment.target, k_per_kj, treatment.limits)
    progress(name, 1.0)
    return PreparedCase(
        source=source,
        settings=settings,
        head=anatomy.head,
        mr=anatomy.mr,
        treatment=treatment,
        thermal=thermal,
        heating=heat,
        responses=responses,
        prescription=prescription,
        notes=(*treatment.notes, *shortfalls(prescription, k_per_kj)),
    )


def _phantom(source: CaseSource, settings: PlanSettings) -> Anatomy:
    return Anatomy(phantom_head(source.phantom, head_options=settings.head_options()), None)


def read_anatomy(
    source: CaseSource,
    settings: PlanSettings,
    progress: Progress = silent,
    *,
    seen: Seen = unseen,
) -> Anatomy:
    """Return the head of a CT, or the phantom where there is none.

    Parameters
    ----------
    source, settings, progress
        As in ``prepare``; of the settings the mapping, the frequency and the absorbed share count.
    seen
        Shown the CT before anything is registered or segmented.

    Raises
    ------
    InputError
        When an image cannot be used.
    """
    name = "Reading and registering images"
    if source.ct_path is None:
        return _phantom(source, settings)
    progress(name, 0.05, "CT")
    raw = read_ct(source.ct_path)
    quality = inspect_ct(raw)
    require_whole_vault(quality)
    ct = crop_to_head(resample_band_limited(raw, HEAD_SPACING_M))
    seen(ct)
    landmarks, mr, notes = _landmarks(ct, source, progress, name)
    progress(name, 1.0)
    progress("Building the head model", 0.2, "tissues")
    head = build_head(
        ct,
        landmarks,
        options=settings.head_options(),
        notes=(*source.notes, *quality.notes, quality.lower_extent, *notes),
        provenance={
            "ct_sha256": digest(raw.array),
            "ct_spacing_mm": " × ".join(f"{1e3 * s:.3g}" for s in quality.spacing_m),
        },
    )
    progress("Building the head model", 1.0)
    return Anatomy(head, mr, quality)


def _landmarks(
    ct: Volume, source: CaseSource, progress: Progress, name: str
) -> tuple[Landmarks, Volume, tuple[str, ...]]:
    """Find the commissures: atlas to CT, or atlas to the person's MR to CT."""
    atlas = load_atlas()
    if source.mr_path is None:
        progress(name, 0.3, "atlas to CT")
        found = register(ct, atlas, kind="affine")
        to_ct = found.transform
        picture = resample_to(atlas, ct.grid, to_ct)
        notes = (
            *found.notes,
            "The MR picture is the atlas, warped to this head; not the person.",
        )
    else:
        progress(name, 0.2, "MR to CT")
        mr = read_mr(source.mr_path)
        own = register(ct, mr, kind="rigid")
        progress(name, 0.6, "atlas to MR")
        found = register(mr, atlas, kind="affine")
        to_ct = own.transform @ found.transform
        picture = resample_to(mr, ct.grid, own.transform)
        notes = (*own.notes, *found.notes)
    marks = ATLAS_LANDMARKS
    landmarks = landmarks_from(
        to_ct,
        marks.anterior_commissure,
        marks.posterior_commissure,
        marks.superior,
        marks.error_m,
    )
    return landmarks, picture, notes


def _target(settings: PlanSettings, head: HeadModel) -> Target:
    if settings.target_ras_mm is not None:
        return target_at(np.asarray(settings.target_ras_mm) * 1e-3)
    return named_target(settings.target, head.landmarks)
