"""Heads, targets and plans as volumes and views for a window."""

from math import degrees
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from insonate.console.models import (
    Distance,
    Fact,
    HeadView,
    Histogram,
    LimitView,
    PlannedSonication,
    PlanView,
    TargetView,
    VolumeView,
)
from insonate.core import TISSUES, Tissue, Volume
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.head import HeadModel, Landmarks, acpc_to_ct
from insonate.head.landmarks import commissure_distance_m
from insonate.images.quality import CtQuality
from insonate.images.writing import nifti_bytes
from insonate.plan import Stage, Target
from insonate.plan.targets import (
    SKULL_CLEARANCE,
    TARGET_NAMES,
    distance_to_tissue_m,
    target_faults,
)
from insonate.planner.regions import no_pass_regions
from insonate.session import PreparedCase
from insonate.session.prepare import Anatomy

LOOK_M = 60e-3
"""So far round a target its distances are looked for."""

SPREAD_LOG = 0.5
"""Of the plan's prediction of the rise: ``ControlSettings.predicted_log_sigma``."""

Stored = tuple[Volume, float, float]
"""A volume, and the lowest and highest value that a window shows."""


def store(folder: Path, name: str, shown: Stored, version: int) -> VolumeView:
    """Write a volume as NIfTI into ``folder``, whole or not at all, and return its view."""
    volume, low, high = shown
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.part"
    part.write_bytes(nifti_bytes(volume, f"insonate {name}; not for treating anyone"))
    part.replace(folder / f"{name}.nii")
    return VolumeView(name=name, unit=volume.unit, version=version, low=low, high=high)


def ct_shown(ct: Volume) -> Stored:
    """Return a CT as whole Hounsfield units."""
    values = np.clip(np.rint(ct.array), -1024, 3071).astype(np.int16)
    return Volume(values, ct.grid, "HU"), -200.0, 1800.0


def head_shown(anatomy: Anatomy) -> dict[str, Stored]:
    """Return what a head can show: CT, MR picture, tissues, where no beam may pass."""
    head = anatomy.head
    found = {"ct": ct_shown(Volume(head.hounsfield, head.grid, "HU"))}
    if anatomy.mr is not None:
        top = float(np.percentile(anatomy.mr.array, 99.5)) or 1.0
        values = np.clip(1000.0 * anatomy.mr.array / top, 0, 1500).astype(np.int16)
        found["mr"] = (Volume(values, anatomy.mr.grid, "1"), 0.0, 1000.0)
    found["labels"] = (Volume(head.labels, head.grid, "1"), 0.0, 4.0)
    regions = no_pass_regions(head)
    found["nopass"] = (Volume(regions.kind, head.grid, "1"), 0.0, 3.0)
    return found


def plan_shown(case: PreparedCase, peak_degc: NDArray[np.float32]) -> dict[str, Stored]:
    """Return what a plan can show: intensity of the treat sonication, and its peak temperature."""
    plan, brain = case.treatment, TISSUES[Tissue.BRAIN]
    impedance = brain.density.value * brain.sound_speed.value
    square = np.abs(plan.focal_field.pressure) ** 2 / (2 * impedance) * 1e-4
    watts = case.prescription.sonications[-1].power_w
    intensity = (square * watts).astype(np.float32)
    grid = plan.focal_field.grid
    heat = Volume(peak_degc.astype(np.float32), case.thermal.fine_grid, "°C")
    return {
        "field": (Volume(intensity, grid, "W/cm²"), 0.0, float(intensity.max())),
        "temperature": (heat, BODY_TEMPERATURE_DEGC, float(peak_degc.max())),
    }


def quality_facts(quality: CtQuality | None) -> tuple[Fact, ...]:
    """Return what a CT covers."""
    if quality is None:
        return ()
    spacing = " × ".join(f"{1e3 * s:.2f}" for s in quality.spacing_m)
    return (
        Fact(label="voxels of the CT", value=spacing, unit="mm"),
        Fact(label="values", value=f"{quality.hu_low:.0f} to {quality.hu_high:.0f}", unit="HU"),
        Fact(label="vault", value="whole" if quality.vault_closed else "CUT OFF"),
        Fact(label="above the vertex", value=f"{1e3 * quality.vertex_margin_m:.0f}", unit="mm"),
    )


def head_view(name: str, anatomy: Anatomy) -> HeadView:
    """Return a head that is ready."""
    head, marks = anatomy.head, anatomy.head.landmarks
    litres = head.grid.voxel_volume_m3 * 1e6
    counts = {t: float((head.labels == int(t)).sum()) * litres for t in Tissue}
    facts = (
        *quality_facts(anatomy.quality),
        Fact(label="brain", value=f"{counts[Tissue.BRAIN]:.0f}", unit="mL"),
        Fact(label="skull", value=f"{counts[Tissue.SKULL]:.0f}", unit="mL"),
        Fact(label="air in the head", value=f"{counts[Tissue.AIR]:.0f}", unit="mL"),
        Fact(label="CT mapping", value=head.mapping),
        Fact(label="frequency", value=f"{head.frequency_hz / 1e3:.0f}", unit="kHz"),
        Fact(label="AC–PC", value=f"{1e3 * commissure_distance_m(marks):.1f}", unit="mm"),
        Fact(label="commissures known to", value=f"± {1e3 * marks.error_m:.1f}", unit="mm"),
        Fact(label="found by", value=marks.source),
    )
    mr = "There is no MR picture of this head." if anatomy.mr is None else ""
    return HeadView(
        name=name,
        ready=True,
        facts=facts,
        notes=head.notes,
        ac_mm=_mm(marks.anterior_commissure),
        pc_mm=_mm(marks.posterior_commissure),
        registered=anatomy.mr is not None,
        mr_words=mr,
        target_names=TARGET_NAMES,
    )


def _mm(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (round(1e3 * float(v), 2) for v in point)
    return x, y, z


def target_view(head: HeadModel, target: Target) -> TargetView:
    """Return a target with its distances to what is to be avoided, and what speaks against it."""
    inside = head.grid.contains(target.point)
    distances = [
        _distance(head, target, "skull", (Tissue.SKULL,)),
        _distance(head, target, "air", (Tissue.AIR,)),
        _distance(head, target, "outside of the head", (Tissue.SCALP, Tissue.WATER)),
    ]
    return TargetView(
        name=target.name,
        point_mm=_mm(target.point),
        acpc_mm=_mm(_acpc(target.point, head.landmarks)),
        error_mm=round(1e3 * target.error_m, 2),
        source=target.source,
        distances=tuple(distances if inside else ()),
        faults=tuple(target_faults(head, target, clearance_m=SKULL_CLEARANCE.value)),
    )


def _acpc(point: NDArray[np.float64], marks: Landmarks) -> NDArray[np.float64]:
    return np.asarray(acpc_to_ct(marks).inverse().apply(point), np.float64)


def _distance(
    head: HeadModel, target: Target, to: str, tissues: tuple[Tissue, ...]
) -> Distance:
    if not head.grid.contains(target.point):
        return Distance(to=to, mm=None, least_mm=None)
    found = distance_to_tissue_m(head, target.point, tissues, within_m=LOOK_M)
    least = None if Tissue.SCALP in tissues else 1e3 * SKULL_CLEARANCE.value
    known = round(1e3 * found, 1) if np.isfinite(found) else None
    return Distance(to=to, mm=known, least_mm=least)


def plan_view(case: PreparedCase, seconds: float) -> PlanView:
    """Return the plan in numbers."""
    plan, counts = case.treatment, case.treatment.state_counts
    return PlanView(
        facts=_plan_facts(case),
        notes=case.notes,
        histograms=_histograms(case),
        sonications=_sonications(case),
        limits=tuple(
            LimitView(name=name.replace("_", " "), value=q.value, unit=q.unit, source=q.source)
            for name, q in plan.limits.rows()
        ),
        state_names=tuple(state.value for state in counts),
        state_counts=tuple(counts.values()),
        seconds=seconds,
    )


def _plan_facts(case: PreparedCase) -> tuple[Fact, ...]:
    plan, response = case.treatment, case.responses[Stage.TREAT]
    offset = 1e3 * float(np.linalg.norm(plan.focus_offset_m))
    rows = (
        ("engine", plan.engine, ""),
        ("frequency", f"{plan.drive.frequency_hz / 1e3:.0f}", "kHz"),
        ("elements on", f"{plan.active_count} of {plan.array.count}", ""),
        ("skull density ratio (workstation)", f"{plan.skull_metrics['workstation']:.2f}", ""),
        ("mean angle on the skull", f"{degrees(plan.mean_angle_rad):.1f}", "°"),
        ("mean thickness of the skull", f"{1e3 * plan.mean_thickness_m:.1f}", "mm"),
        ("least room to the head", f"{1e3 * plan.placement.clearance_m:.1f}", "mm"),
        ("tilt of the array", f"{degrees(plan.placement.tilt_rad):.1f}", "°"),
        ("pressure at the focus", f"{plan.focal_pressure_pa_per_sqrt_w / 1e3:.1f}", "kPa/√W"),
        ("centre of the focus off target", f"{offset:.2f}", "mm"),
        ("predicted rise at the focus", f"{response.focus_k_per_kj:.2f}", "K/kJ"),
        ("predicted rise of the skull", f"{response.skull_k_per_kj:.2f}", "K/kJ"),
    )
    return tuple(Fact(label=label, value=value, unit=unit) for label, value, unit in rows)


def _histograms(case: PreparedCase) -> tuple[Histogram, ...]:
    plan = case.treatment
    on = plan.drive.active
    made = []
    for label, unit, values in (
        ("skull density ratio", "1", plan.ratios.workstation[on]),
        ("angle on the skull", "°", np.degrees(plan.rays.incidence_angle_rad[on])),
        ("thickness of the skull", "mm", 1e3 * plan.rays.thickness_m[on]),
    ):
        known = values[np.isfinite(values)]
        counts, edges = np.histogram(known, bins=20)
        made.append(
            Histogram(
                label=label,
                unit=unit,
                edges=tuple(float(e) for e in edges),
                counts=tuple(int(c) for c in counts),
            )
        )
    return tuple(made)


def _sonications(case: PreparedCase) -> tuple[PlannedSonication, ...]:
    rows = []
    for wanted in case.prescription.sonications:
        response = case.responses[wanted.stage]
        rise = wanted.energy_j * 1e-3 * response.focus_k_per_kj
        low, high = (float(rise * np.exp(s * SPREAD_LOG)) for s in (-1.0, 1.0))
        skull = wanted.power_w * float(response.skull.max(initial=0.0))
        rows.append(
            PlannedSonication(
                stage=str(wanted.stage),
                power_w=wanted.power_w,
                duration_s=wanted.duration_s,
                peak_degc=BODY_TEMPERATURE_DEGC + rise,
                low_degc=BODY_TEMPERATURE_DEGC + low,
                high_degc=BODY_TEMPERATURE_DEGC + high,
                skull_degc=BODY_TEMPERATURE_DEGC + skull,
            )
        )
    return tuple(rows)


def elements_of(case: PreparedCase) -> dict[str, list[float] | list[int]]:
    """Return the array's elements for drawing: positions in mm, state, SDR, angle in degrees."""
    plan = case.treatment
    names = list(plan.state_counts)
    return {
        "position_mm": np.round(1e3 * plan.elements.centres, 2).ravel().tolist(),
        "state": [names.index(s) for s in plan.states],
        "sdr": _rounded(plan.ratios.workstation, 3),
        "angle_deg": _rounded(np.degrees(plan.rays.incidence_angle_rad), 1),
    }


def _rounded(values: NDArray[np.float64], digits: int) -> list[float]:
    known = np.where(np.isfinite(values), values, -1.0)
    return [float(v) for v in np.round(known, digits)]
