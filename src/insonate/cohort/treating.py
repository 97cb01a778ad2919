"""One virtual patient treated from plan to record, and what came of it as one row."""

import os
import tempfile
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from shutil import disk_usage
from typing import Any

import numba
import numpy as np

from insonate.cohort.design import Plan, Row, Task, Variant, told
from insonate.core import InputError, Volume
from insonate.core.frames import affine_from
from insonate.core.grid import Grid
from insonate.events import documents as doc
from insonate.head import PhantomOptions
from insonate.heat.options import ThermalOptions
from insonate.images import load_case, read_ct
from insonate.images.writing import write_volume
from insonate.record import Record
from insonate.report import summarise
from insonate.report.summary import SonicationSummary
from insonate.session import CaseSource, PlanSettings, PreparedCase, RehearsalSettings, prepare
from insonate.session.case import rehearse_plan

GOAL_DEGC = 54.0
"""The least peak of a treat sonication (``plan.PEAK_GOALS_DEGC``)."""

SCRATCH_BYTES = 2 * 1024**3
"""Free memory that a folder in it must have: the record of one patient has 20 MB."""

BONE_HU = 300.0
BODY_DEGC = 37.0

_COARSE = ThermalOptions(
    fine_half_width_m=8e-3, fine_spacing_m=0.5e-3, coarse_spacing_m=4e-3,
    power_step_s=1.0, first_step_s=0.4, step_tolerance_k=0.1,
)  # fmt: skip


def treat(task: Task) -> Row:
    """Return what came of one virtual patient; numbers alone decide it, no clock and no thread count.

    A head that cannot be planned is a result too: its row says why, and its numbers are empty.

    Parameters
    ----------
    task
        The patient.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        return told(task) | _treated(task)
    except InputError as error:
        return told(task) | {"refused": str(error)}
    finally:
        numba.set_num_threads(before)


def _treated(task: Task) -> Row:
    case = _prepared(task.variant.model_dump_json(), task.target, task.plan.model_dump_json())
    with tempfile.TemporaryDirectory(prefix="insonate-cohort-", dir=_scratch()) as name:
        path = Path(name) / "patient.toml"
        path.write_text(scenario_text(task), "utf-8")
        settings = RehearsalSettings(str(path), task.seed)
        record = rehearse_plan(case, settings, Path(name) / "out")
        return _planned(case) | measured(record) | beside_target(record, task.target)


@lru_cache(maxsize=2)
def _prepared(variant: str, target: str, plan: str) -> PreparedCase:
    """Return the plan of a head; patients of one head follow each other, so that it is made once."""
    head, how = Variant.model_validate_json(variant), Plan.model_validate_json(plan)
    settings = PlanSettings(
        target=target,
        element_count=how.element_count,
        engine=how.engine,
        absorbed_share=how.absorbed_share,
        mapping=head.mapping,
        heat=_heat(how),
    )
    with tempfile.TemporaryDirectory(prefix="insonate-head-") as name:
        return prepare(_source(head, Path(name)), settings)


def _heat(how: Plan) -> ThermalOptions:
    if how.coarse:
        return _COARSE
    return ThermalOptions(
        fine_half_width_m=1e-3 * how.fine_half_width_mm,
        coarse_spacing_m=1e-3 * how.coarse_spacing_mm,
        step_tolerance_k=0.05,
        error_tolerance_k=0.01,
        coarse_tolerance_k=0.1,
    )


def _scratch() -> str | None:
    """Return a folder in memory where there is one: what is read once and thrown away waits for no disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of this process's own is made in it
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    return str(memory) if usable and disk_usage(memory).free > SCRATCH_BYTES else None


def _source(head: Variant, folder: Path) -> CaseSource:
    """Return the head as a source; a varied CT is written into the folder first."""
    if head.case is None:
        return CaseSource("phantom", None, phantom=varied_phantom(head))
    loaded = load_case(Path(head.case))
    if (head.marrow, head.size) == (1.0, 1.0):
        return CaseSource(head.name, loaded.ct_path, loaded.mr_path, loaded.notes)
    varied = varied_ct(read_ct(loaded.ct_path), marrow=head.marrow, size=head.size)
    path = folder / "ct.nii.gz"
    write_volume(varied, path, {})
    note = f"The CT was varied: marrow × {head.marrow:g}, size × {head.size:g}."
    return CaseSource(head.name, path, None, (*loaded.notes, note))


def varied_phantom(head: Variant) -> PhantomOptions:
    """Return the phantom with its layers and its brain scaled."""
    plain = PhantomOptions(spacing_m=1e-3 * head.spacing_mm)
    layers = head.thickness * head.size
    x, y, z = plain.brain_semi_axes_m
    return PhantomOptions(
        spacing_m=plain.spacing_m,
        brain_semi_axes_m=(head.size * x, head.size * y, head.size * z),
        inner_table_m=layers * plain.inner_table_m,
        diploe_m=layers * plain.diploe_m,
        outer_table_m=layers * plain.outer_table_m,
        scalp_m=head.size * plain.scalp_m,
    )


def varied_ct(ct: Volume, *, marrow: float, size: float) -> Volume:
    """Return a CT whose marrow lies deeper below its tables, and whose head is larger or smaller.

    HU' = HU - (f - 1) (T - HU) where HU is above ``BONE_HU``, T the 99th percentile of bone; spacing and origin are
    scaled about the CT's own origin of coordinates.

    Parameters
    ----------
    ct
        HU.
    marrow, size
        The two factors.
    """
    array = np.asarray(ct.array, np.float32)
    bone = array > BONE_HU
    top = float(np.percentile(array[bone], 99.0)) if bone.any() else 0.0
    deeper = np.where(bone & (array < top), array - (marrow - 1.0) * (top - array), array)
    array = np.where(bone, np.maximum(deeper, BONE_HU), array).astype(np.float32)
    affine = affine_from(size * ct.grid.affine[:3, :3], size * ct.grid.origin_m)
    return Volume(array, Grid(ct.grid.shape, affine, ct.grid.frame), ct.unit)


def scenario_text(task: Task) -> str:
    """Return the patient's scenario as TOML: a shipped one, with what was drawn put into it."""
    folder = resources.files("insonate.plant") / "scenarios"
    base = tomllib.loads((folder / f"{task.scenario}.toml").read_text("utf-8"))
    base.pop("expect", None)
    base |= task.drawn
    base |= {"practice": task.practice, "guards_off": list(task.guards_off)}
    base |= {"registration_offset_m": list(task.registration_m)}
    base["registration_sigma_m"] = 0.0
    base |= {
        f"{name}_sigma": 0.0
        for name in ("brain_absorption", "bone_share", "transmission")
        if name in task.drawn
    }
    return "".join(f"{key} = {_toml(value)}\n" for key, value in base.items())


def _toml(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return repr(value)


def _planned(case: PreparedCase) -> Row:
    plan = case.treatment
    on = [state.name == "ON" for state in plan.states]
    return {
        "sdr": float(np.nanmean(plan.ratios.workstation[np.asarray(on)])) if any(on) else None,
        "thickness_mm": 1e3 * plan.mean_thickness_m,
        "elements_on": plan.active_count,
        "predicted_k_per_kj": next(iter(case.responses.values())).focus_k_per_kj,
    }


BESIDE: dict[str, tuple[str, tuple[float, float, float]]] = {
    "capsule_genu": ("axial", (8e-3, 4e-3, 0.0)),
    "capsule_posterior": ("coronal", (9e-3, 0.0, -1e-3)),
    "sensory_hand": ("axial", (5e-3, 3e-3, -2e-3)),
    "sensory_foot": ("axial", (8e-3, 3e-3, -1e-3)),
}
"""Structures beside a thalamic target (``plant.symptoms``): plane of the record, and lateral, anterior,
superior, m. Both of the capsule lie on their plane; the sensory relays lie 1-2 mm below the axial one, nearer to
the focus, so that what is read for them is at most too high."""

_AXES = {"axial": (0, 1), "coronal": (0, 2)}


def beside_target(record: Record, target: str) -> Row:
    """Return the true peak and dose at the structures beside a target, over the whole session."""
    truth = next(
        (
            (event, event.payload)
            for event in reversed(record.events)
            if isinstance(event.payload, doc.LesionDescribed) and event.payload.basis == "truth"
        ),
        None,
    )
    if truth is None:
        return {}
    event, lesion = truth
    side = -1.0 if target.endswith("left") else 1.0
    row: Row = {}
    for name, (plane, offset) in BESIDE.items():
        if f"dose_{plane}" not in event.arrays:
            continue
        first, second = _AXES[plane]
        mirrored = (side * offset[0], offset[1], offset[2])
        for what, unit in (("peak", "degc"), ("dose", "cem43")):
            values = record.array(event.arrays[f"{what}_{plane}"])
            middle = (values.shape[0] - 1) // 2
            at = [
                middle + round(mirrored[axis] / lesion.plane_spacing_m)
                for axis in (first, second)
            ]
            row[f"{name}_{unit}"] = float(values[at[0], at[1]])
    return row


def energy_growth(sonications: Sequence[SonicationSummary]) -> float | None:
    """Return how much more energy per degree a treat sonication takes than the one before, mean of ratios."""
    per_k = [
        s.energy_j / (s.peak_degc - BODY_DEGC)
        for s in sonications
        if s.stage == "treat"
        and s.energy_j
        and s.peak_degc is not None
        and s.peak_degc > BODY_DEGC
    ]
    ratios = [b / a for a, b in pairwise(per_k)]
    return float(np.mean(ratios)) if ratios else None


def measured(record: Record) -> Row:
    """Return what a record says came of a treatment; true values are known only in simulation."""
    summary = summarise(record)
    truths = [e.payload for e in record.events if isinstance(e.payload, doc.TruthObserved)]
    hottest = max(truths, key=lambda t: t.peak_degc, default=None)
    broken = [limit.name for limit in summary.truth if limit.kept is False]
    peak = None if hottest is None else hottest.peak_degc
    lesions = [e.payload for e in record.events if isinstance(e.payload, doc.LesionDescribed)]
    lesion = next((found for found in lesions if found.basis == "truth"), None)
    refused = {
        e.payload.guard for e in record.events if isinstance(e.payload, doc.GuardRefused)
    }
    return {
        "outcome": summary.outcome,
        "guards_spoke": ", ".join(sorted(refused)),
        "sonications": len(summary.sonications),
        "energy_kj": summary.energy_j / 1e3,
        "largest_energy_kj": max((s.energy_j or 0.0 for s in summary.sonications), default=0.0) / 1e3,
        "measured_peak_degc": summary.peak_degc,
        "true_peak_degc": peak,
        "reached": None if peak is None else bool(peak >= GOAL_DEGC),
        "within_limits": not broken and not summary.limits_broken,
        "limits_broken": ", ".join([*summary.limits_broken, *(f"true {n}" for n in broken)]),
        "true_skull_degc": max((t.skull_max_degc for t in truths), default=None),
        "true_scalp_degc": max((t.scalp_max_degc for t in truths), default=None),
        "true_off_target_degc": max((t.off_target_degc for t in truths), default=None),
        "targeting_error_mm": None if hottest is None else 1e3 * float(np.linalg.norm(hottest.focus_offset_m)),
        "true_lesion_mm3": summary.true_lesion_volume_mm3,
        "true_volume_100_mm3": None if lesion is None else lesion.volume_100_mm3,
        "true_volume_200_mm3": None if lesion is None else lesion.volume_200_mm3,
        "energy_per_k_growth": energy_growth(summary.sonications),
        "bled": any(isinstance(e.payload, doc.HarmObserved) for e in record.events),
        "minutes": summary.duration_s / 60.0,
    }  # fmt: skip
