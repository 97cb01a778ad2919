"""The head and the plan as documents of the record, with the planes that a report shows."""

from dataclasses import asdict
from math import degrees
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.array import ElementState
from insonate.core import TISSUES, Grid, Quantity, Tissue, Volume, sample
from insonate.core.provenance import DISCLAIMER
from insonate.events.documents import (
    CorrectionRow,
    HeadDescribed,
    LimitRow,
    PlanDescribed,
    Point,
    SkullMetric,
    SonicationRow,
)
from insonate.field import pressure_at
from insonate.plan import Stage
from insonate.planner.corrections import Corrected
from insonate.planner.sdr import DEFINITIONS
from insonate.session.prepare import PreparedCase

PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}
"""The axes of RAS that the two indices of a plane run along."""

Arrays = dict[str, tuple[NDArray[Any], str]]

_PLANE_SPACING_M = 0.2e-3  # a tenth of a wavelength: the lobes are drawn smooth
_PLANE_COUNT = 121
_DEFINITIONS = {
    "workstation": "workstation-like",
    "older": "older",
    "skullgan": "SkullGAN form",
}


def point(vector: NDArray[np.floating]) -> Point:
    """Return a vector of three as a tuple of floats."""
    x, y, z = (float(v) for v in vector)
    return x, y, z


def cut(values: NDArray[Any], index: NDArray[np.int_], name: str) -> NDArray[Any]:
    """Cut a plane out of a volume, [first axis, second axis] as in ``PLANES``."""
    (normal,) = {0, 1, 2} - set(PLANES[name])
    return np.ascontiguousarray(np.take(values, int(index[normal]), axis=normal))


def describe_head(case: PreparedCase) -> tuple[HeadDescribed, Arrays]:
    """Return the head's document, and its planes through the target."""
    head = case.head
    index = np.rint(head.grid.indices_of(case.target.point)).astype(int)
    arrays: Arrays = {}
    for name in PLANES:
        arrays[f"ct_{name}"] = (cut(head.hounsfield, index, name), "HU")
        arrays[f"labels_{name}"] = (cut(head.labels, index, name), "1")
        if case.mr is not None:
            arrays[f"mr_{name}"] = (_picture(case.mr, head.grid, index, name), "1")
    litres = head.grid.voxel_volume_m3 * 1e6
    marks = head.landmarks
    document = HeadDescribed(
        name=case.source.name,
        mapping=head.mapping,
        shape=head.grid.shape,
        spacing_m=point(head.grid.spacing_m),
        plane_origin_m=point(head.grid.origin_m),
        ac_m=point(marks.anterior_commissure),
        pc_m=point(marks.posterior_commissure),
        landmark_error_m=marks.error_m,
        landmark_source=marks.source,
        skull_volume_ml=float(head.mask(Tissue.SKULL).sum()) * litres,
        brain_volume_ml=float(head.mask(Tissue.BRAIN).sum()) * litres,
        notes=head.notes,
        provenance=dict(head.provenance),
    )
    return document, arrays


def _picture(mr: Volume, grid: Grid, index: NDArray[np.int_], name: str) -> NDArray[np.float32]:
    if mr.grid.matches(grid):
        return cut(mr.array, index, name).astype(np.float32)
    first, second = PLANES[name]
    i, j = np.meshgrid(*(np.arange(grid.shape[a]) for a in (first, second)), indexing="ij")
    at = np.broadcast_to(index, (*i.shape, 3)).astype(float).copy()
    at[..., first], at[..., second] = i, j
    return sample(mr, grid.points_of(at)).astype(np.float32)


def describe_plan(case: PreparedCase) -> tuple[PlanDescribed, Arrays]:
    """Return the plan's document, its elements, and the predicted intensity round the target."""
    plan = case.treatment
    counts = plan.state_counts
    response = case.responses[Stage.TREAT]
    document = PlanDescribed(
        target_name=case.target.name,
        target_m=point(case.target.point),
        target_source=case.target.source,
        target_error_m=case.target.error_m,
        frequency_hz=plan.drive.frequency_hz,
        engine=plan.engine,
        array_name=plan.array.name,
        radius_of_curvature_m=plan.array.radius_of_curvature_m,
        state_names=tuple(state.value for state in counts),
        state_counts=tuple(counts.values()),
        skull_metrics=tuple(
            SkullMetric(name=_DEFINITIONS[n], value=v, definition=DEFINITIONS[n])
            for n, v in plan.skull_metrics.items()
            if np.isfinite(v)
        ),
        mean_angle_rad=plan.mean_angle_rad,
        mean_thickness_m=plan.mean_thickness_m,
        clearance_m=plan.placement.clearance_m,
        tilt_rad=plan.placement.tilt_rad,
        plane_spacing_m=_PLANE_SPACING_M,
        focal_pressure_pa_per_sqrt_w=plan.focal_pressure_pa_per_sqrt_w,
        focus_offset_m=point(plan.focus_offset_m),
        predicted_k_per_kj=response.focus_k_per_kj,
        predicted_duration_s=response.duration_s,
        transmission=plan.transmission,
        corrections=tuple(_correction(c) for c in plan.corrections),
        engine_provenance=dict(plan.wave.provenance) if plan.wave else {},
        sonications=tuple(
            SonicationRow(stage=s.stage.value, power_w=s.power_w, duration_s=s.duration_s)
            for s in case.prescription.sonications
        ),
        limits=limit_rows(plan.limits.rows()),
        notes=case.notes,
    )
    return document, {**_elements(case), **_beam(case), **_no_pass(case)}


def _correction(found: Corrected) -> CorrectionRow:
    return CorrectionRow(
        correction=found.correction,
        judged_by=found.judged_by,
        target_pa=found.focus.target_pa,
        peak_pa=found.focus.peak_pa,
        offset_m=point(found.focus.offset_m),
        side_lobe=found.focus.side_lobe,
        skull_share=found.skull_share,
    )


def limit_rows(rows: list[tuple[str, Quantity]]) -> tuple[LimitRow, ...]:
    """Return every limit with its unit and source."""
    return tuple(
        LimitRow(name=name, value=q.value, unit=q.unit, source=q.source) for name, q in rows
    )


def _elements(case: PreparedCase) -> Arrays:
    plan = case.treatment
    names = list(ElementState)
    states = np.array([names.index(s) for s in plan.states], np.int8)
    return {
        "element_positions": (plan.elements.centres, "m"),
        "element_states": (states, "1"),
        "element_sdr": (plan.ratios.workstation, "1"),
        "element_angle": (plan.rays.incidence_angle_rad, "rad"),
        "element_thickness": (plan.rays.thickness_m, "m"),
        "element_phase": (np.angle(plan.drive.pressure), "rad"),
        "element_amplitude": (np.abs(plan.drive.pressure), "Pa"),
    }


def _beam(case: PreparedCase) -> Arrays:
    """Return the intensity |p|²/(2ρc) of 1 W on planes through the target."""
    plan = case.treatment
    brain = TISSUES[Tissue.BRAIN]
    impedance = brain.density.value * brain.sound_speed.value
    half = (np.arange(_PLANE_COUNT) - (_PLANE_COUNT - 1) / 2) * _PLANE_SPACING_M
    arrays: Arrays = {}
    for name, (first, second) in PLANES.items():
        points = np.zeros((_PLANE_COUNT, _PLANE_COUNT, 3)) + case.target.point
        points[..., first] += half[:, None]
        points[..., second] += half[None, :]
        pressure = pressure_at(points, plan.elements, plan.drive, plan.rays)
        intensity = (np.abs(pressure) ** 2 / (2 * impedance)).astype(np.float32)
        arrays[f"intensity_{name}"] = (intensity, "W/m² per W")
    return arrays


def _no_pass(case: PreparedCase) -> Arrays:
    grid = case.head.grid
    index = np.rint(grid.indices_of(case.target.point)).astype(int)
    mask = case.treatment.regions.mask
    return {f"no_pass_{name}": (cut(mask, index, name), "1") for name in PLANES}


def _known(value: float) -> float | None:
    """Return a number, or None where there is none: JSON knows no NaN."""
    return value if np.isfinite(value) else None


def _named(found: Corrected) -> dict[str, Any]:
    return {
        "correction": found.correction,
        "judged_by": found.judged_by,
        "target_kpa": round(found.focus.target_pa / 1e3, 2),
        "peak_kpa": round(found.focus.peak_pa / 1e3, 2),
        "offset_mm": [round(1e3 * float(v), 2) for v in found.focus.offset_m],
        "side_lobe": round(found.focus.side_lobe, 3),
        "skull_share": None if found.skull_share is None else round(found.skull_share, 3),
    }


def plan_summary(case: PreparedCase) -> dict[str, Any]:
    """Return the plan in a few named numbers, in the units that people use."""
    plan = case.treatment
    response = case.responses[Stage.TREAT]
    x, y, z = 1e3 * case.target.point
    return {
        "disclaimer": DISCLAIMER,
        "case": case.source.name,
        "target": case.target.name,
        "target_ras_mm": [round(float(v), 2) for v in (x, y, z)],
        "frequency_khz": plan.drive.frequency_hz / 1e3,
        "mapping": case.head.mapping,
        "engine": plan.engine,
        "elements_on": plan.active_count,
        "elements": plan.array.count,
        "skull_density_ratio": _known(plan.skull_metrics["workstation"]),
        "mean_incidence_deg": degrees(plan.mean_angle_rad),
        "mean_thickness_mm": 1e3 * plan.mean_thickness_m,
        "clearance_mm": 1e3 * plan.placement.clearance_m,
        "focal_pressure_kpa_per_sqrt_w": plan.focal_pressure_pa_per_sqrt_w / 1e3,
        "corrections": [_named(c) for c in plan.corrections],
        "predicted_k_per_kj": response.focus_k_per_kj,
        "skull_k_per_kj": response.skull_k_per_kj,
        "sonications": [
            {k: str(v) if k == "stage" else round(v, 1) for k, v in asdict(s).items()}
            for s in case.prescription.sonications
        ],
        "notes": list(case.notes),
    }
