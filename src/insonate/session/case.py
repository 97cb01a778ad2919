"""One rehearsal from images to report, in one call."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from insonate.array import format_element_table
from insonate.control import (
    ControllerState,
    ControlSettings,
    initial_state,
    limits_kept,
    limits_worst,
    outcome,
)
from insonate.core import RecordError, SettingsError
from insonate.core.provenance import DISCLAIMER, versions
from insonate.events import Source
from insonate.events.documents import SessionClosed, SessionOpened
from insonate.plan import Stage
from insonate.plant import Reality, World, scenario_named
from insonate.record import Recorder, open_record
from insonate.record.reading import EVENTS_FILE, read_chain
from insonate.report import Summary, render_report, summarise
from insonate.session.describe import describe_head, describe_plan, plan_summary
from insonate.session.inputs import CaseSource, PlanSettings
from insonate.session.measured import measured_lesion
from insonate.session.prepare import PreparedCase, prepare
from insonate.session.progress import Progress, silent
from insonate.session.rehearse import Ended, Treatment
from insonate.session.replay import settings_to_json
from insonate.session.truths import record_curve, record_true_lesion
from insonate.session.world import build_world


@dataclass(frozen=True)
class RehearsalSettings:
    """How a rehearsal runs: the scenario by name, and the seed that draws patient and noise."""

    scenario: str = "cooperative"
    seed: int = 1

    def __post_init__(self) -> None:
        scenario_named(self.scenario)
        if self.seed < 0:
            raise SettingsError(
                f"The seed is {self.seed}; it must be a whole number of 0 or more."
            )


@dataclass(frozen=True)
class RehearsalResult:
    """Where record and report are, and the treatment in a few numbers."""

    record: Path
    report: Path
    summary: Summary


def rehearse_case(
    source: CaseSource,
    plan: PlanSettings,
    settings: RehearsalSettings,
    out: Path,
    *,
    progress: Progress = silent,
    replace: bool = False,
) -> RehearsalResult:
    """Plan a head, rehearse its treatment, and write record and report into ``out``.

    Parameters
    ----------
    source, plan
        Which head, and what is wanted.
    settings
        Scenario and seed.
    out
        Folder; gets ``record/`` and ``report.html``.
    progress
        Told at each step.
    replace
        Whether an earlier result in ``out`` may be deleted.

    Raises
    ------
    InputError
        When an input cannot be used, or ``out`` holds a finished record.
    """
    make_room(out, replace=replace)
    case = prepare(source, plan, progress)
    folder = out / "record"
    with Recorder(folder) as recorder:
        _run(case, settings, recorder, progress)
    progress("Writing the report", 0.1)
    record = open_record(folder)
    report = render_report(record, out / "report.html")
    progress("Writing the report", 1.0)
    return RehearsalResult(folder, report, summarise(record))


def make_room(out: Path, *, replace: bool) -> None:
    """Refuse a folder with a finished record, or empty it where that was asked for.

    Raises
    ------
    RecordError
        When there is a finished record and ``replace`` is not set, or ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise RecordError(f"{out} is a file; give a folder for --out.")
    folder = out / "record"
    if not (folder / EVENTS_FILE).is_file():
        return
    if replace:
        shutil.rmtree(folder)
        (out / "report.html").unlink(missing_ok=True)
    elif read_chain(folder).finished:
        raise RecordError(
            f"{folder} holds a finished record; a record is never written over. Choose another "
            "--out folder, or say --replace to delete it."
        )


def control_settings(case: PreparedCase, frame_time_s: float) -> ControlSettings:
    """Return what the controller is told of a plan."""
    response = case.responses[Stage.TREAT]
    return ControlSettings(
        limits=case.treatment.limits,
        frame_time_s=frame_time_s,
        durations_s={s.stage: s.duration_s for s in case.prescription.sonications},
        predicted_k_per_kj=response.focus_k_per_kj,
        predicted_duration_s=response.duration_s,
    )


def _run(
    case: PreparedCase, settings: RehearsalSettings, recorder: Recorder, progress: Progress
) -> None:
    scenario = scenario_named(settings.scenario)
    progress("Rehearsing the treatment", 0.0, "drawing the patient")
    world, reality = build_world(case, scenario, settings.seed)
    control = control_settings(case, world.frame_s)
    _open(case, settings, (control, reality), recorder)
    state = initial_state(control, case.prescription)
    ended = Treatment(world, recorder, state, control, progress).run()
    _close(world, ended, control, recorder)
    progress("Rehearsing the treatment", 1.0)


def _open(
    case: PreparedCase,
    settings: RehearsalSettings,
    told: tuple[ControlSettings, Reality],
    recorder: Recorder,
) -> None:
    control, reality = told
    opened = SessionOpened(
        case=case.source.name,
        simulated=True,
        disclaimer=DISCLAIMER,
        scenario=settings.scenario,
        seed=settings.seed,
        versions=versions(),
        settings={
            "target": case.target.name,
            "frequency": f"{case.settings.frequency_hz / 1e3:g} kHz",
            "ct mapping": case.settings.mapping,
            "elements": str(case.settings.element_count),
            "absorbed share of bone": _share(case),
            "scenario": scenario_named(settings.scenario).description,
            "truth (known only in simulation)": _words(reality),
            "control": settings_to_json(control),
        },
    )
    recorder.append(opened, time_s=0.0, source=Source.SESSION)
    for document, arrays in (describe_head(case), describe_plan(case)):
        recorder.append(document, time_s=0.0, source=Source.SESSION, arrays=arrays)


def _share(case: PreparedCase) -> str:
    share = case.settings.absorbed_share
    return "tissue table" if share is None else f"{share:g}"


def _words(reality: Reality) -> str:
    x, y, z = 1e3 * reality.registration_m
    return (
        f"array shifted by ({x:.2f}, {y:.2f}, {z:.2f}) mm; brain absorption × "
        f"{reality.brain_absorption:.2f}, bone share × {reality.bone_share:.2f}, perfusion × "
        f"{reality.perfusion:.2f}, transmission × {reality.transmission:.2f}"
    )


def _close(world: World, ended: Ended, control: ControlSettings, recorder: Recorder) -> None:
    state, now = ended.state, world.time_s
    record_curve(world, recorder)
    lesion = measured_lesion(world.belief, ended.frames)
    if lesion is not None:
        recorder.append(lesion, time_s=now, source=Source.SESSION)
    record_true_lesion(world, recorder)
    closed = SessionClosed(
        outcome=outcome(state),
        sentence=_sentence(state),
        limits_kept=limits_kept(state, control),
        limits_worst=limits_worst(state),
    )
    recorder.append(closed, time_s=now, source=Source.SESSION)


def _sentence(state: ControllerState) -> str:
    minutes = state.time_s / 60
    if state.lesion:
        return (
            f"A lesion was made after {state.sonication} sonications in {minutes:.0f} minutes, "
            "by what thermometry measured."
        )
    why = state.unreachable or "The treatment ended before a lesion was made."
    return f"No lesion was made in {state.sonication} sonications: {why}"


def write_plan(case: PreparedCase, out: Path, *, replace: bool = False) -> dict[str, Any]:
    """Write plan.json, phases.csv and elements.txt; return the plan's summary.

    Raises
    ------
    RecordError
        When there is a plan already and ``replace`` is not set, or ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise RecordError(f"{out} is a file; give a folder for --out.")
    if (out / "plan.json").exists() and not replace:
        raise RecordError(
            f"{out} holds a plan already; choose another --out folder, or say --replace."
        )
    out.mkdir(parents=True, exist_ok=True)
    summary = plan_summary(case)
    document, _ = describe_plan(case)
    _write(out / "phases.csv", _phases(case))
    _write(out / "elements.txt", format_element_table(case.treatment.array))
    content = {"disclaimer": DISCLAIMER, **summary, "plan": document.model_dump(mode="json")}
    _write(out / "plan.json", json.dumps(content, indent=2))
    return summary


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)  # noqa: PTH105 - the atomic form


def _phases(case: PreparedCase) -> str:
    plan = case.treatment
    lines = [f"# {DISCLAIMER}", "element,state,phase_rad,amplitude_pa_at_1_w,sdr,angle_deg"]
    rows = zip(
        plan.states,
        np.angle(plan.drive.pressure),
        np.abs(plan.drive.pressure),
        plan.ratios.workstation,
        np.degrees(plan.rays.incidence_angle_rad),
        strict=True,
    )
    for number, (state, phase, amplitude, sdr, angle) in enumerate(rows, start=1):
        lines.append(
            f"{number},{state.value},{phase:.6f},{amplitude:.6g},{sdr:.4f},{angle:.3f}"
        )
    return "\n".join(lines) + "\n"
