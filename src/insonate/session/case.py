"""One rehearsal from images to report, in one call."""

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
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
from insonate.events.documents import LesionDescribed, SessionClosed, SessionOpened
from insonate.plan import Stage
from insonate.plant import Reality, World, scenario_named
from insonate.record import Record, Recorder, open_record
from insonate.record.places import BESIDE, RECORD
from insonate.record.writing import nobody
from insonate.report import Summary, render_report, summarise
from insonate.session.describe import describe_head, describe_plan, plan_summary
from insonate.session.expectation import Verdict, verdicts
from insonate.session.forecast import heat_forecast
from insonate.session.inputs import CaseSource, PlanSettings
from insonate.session.live import Live
from insonate.session.loopback import Loopback
from insonate.session.measured import measured_lesion
from insonate.session.operators import OperatorFor, Unattended
from insonate.session.pace import Pace
from insonate.session.practice import goals_of, guards_off, practised
from insonate.session.prepare import PreparedCase, prepare
from insonate.session.progress import Progress, silent
from insonate.session.rehearse import Ended, Manner, Treatment
from insonate.session.replay import settings_to_json
from insonate.session.room import (
    PLAN_FILES,
    REPORT,
    make_room,
    require_plan_room,
    require_room,
    set_report_aside,
)
from insonate.session.scoring import Point, score
from insonate.session.truths import record_curve, record_harm, record_true_lesion
from insonate.session.world import build_world
from insonate.thermometry import CLINICAL_3T, Protocol

BETWEEN_S = 480.0
"""Setting: about three hours (NICE HTG491) for 6-14 sonications (clinical series) are 13 to 30
minutes each, preparation included; eight minutes each leave an hour for that with 14."""


@dataclass(frozen=True)
class RehearsalSettings:
    """How a rehearsal runs.

    Parameters
    ----------
    scenario
        By name.
    seed
        Draws patient and noise, 0 or more.
    protocol
        Of the thermometry; its SNR is the scenario's.
    operator
        Makes whoever operates; presets to the automatic operator.
    speed
        Session seconds for each second of the wall; None: as fast as it can.
    live
        The people who look on, with a clock of their own; None where nobody does.
    stream
        Whether the scanner's images go through an MRD server on loopback, as live ones would.
    between_s
        How long at least after each sonication until anything is asked for, s, up to an hour: the
        patient is asked and examined, the maps are looked at. It counts only where nobody looks on.

    Raises
    ------
    SettingsError
        When there is no such scenario, the seed is negative, the speed not positive, or the time
        between sonications out of range.
    """

    scenario: str = "cooperative"
    seed: int = 1
    protocol: Protocol = CLINICAL_3T
    operator: OperatorFor = Unattended
    speed: float | None = None
    live: Live | None = None
    stream: bool = False
    between_s: float = BETWEEN_S

    def __post_init__(self) -> None:
        scenario_named(self.scenario)
        if not 0.0 <= self.between_s <= 3600.0:
            raise SettingsError(
                f"The time between sonications is {self.between_s:g} s; it must lie between 0 and "
                "3600 s."
            )
        Pace(self.speed)
        if self.seed < 0:
            raise SettingsError(
                f"The seed is {self.seed}; it must be a whole number of 0 or more."
            )


@dataclass(frozen=True)
class RehearsalResult:
    """Where record and report are, the treatment in a few numbers, how it was led and ended."""

    record: Path
    report: Path
    summary: Summary
    score: tuple[Point, ...]
    verdicts: tuple[Verdict, ...]


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

    Where the scenario names another beside it, the same patient is treated a second time, into
    ``out/beside``, by the automatic operator, and the report compares.

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
        Whether an earlier result in ``out`` may be deleted, once the new plan is made.

    Raises
    ------
    InputError
        When an input cannot be used, or ``out`` holds a finished record.
    """
    require_room(out, replace=replace)
    require_room(out / BESIDE, replace=replace)
    case = prepare(source, plan, progress)
    make_room(out, replace=replace)
    make_room(out / BESIDE, replace=replace)
    record = rehearse_plan(case, settings, out, progress=progress)
    other = _rehearse_beside(case, settings, out / BESIDE, progress)
    progress("Writing the report", 0.1)
    report = render_report(record, out / REPORT, other)
    progress("Writing the report", 1.0)
    scenario = scenario_named(settings.scenario)
    points = score(record.events, scenario)
    found = verdicts(record.events, scenario.expect) if scenario.expect is not None else ()
    return RehearsalResult(record.folder, report, summarise(record), points, found)


def _rehearse_beside(
    case: PreparedCase, settings: RehearsalSettings, out: Path, progress: Progress
) -> Record | None:
    """Rehearse the scenario that the first one names, if it names one: the same head and seed."""
    name = scenario_named(settings.scenario).beside
    if not name:
        return None
    again = RehearsalSettings(
        name, settings.seed, settings.protocol, between_s=settings.between_s
    )
    return rehearse_plan(case, again, out, progress=progress)


def rehearse_plan(
    case: PreparedCase,
    settings: RehearsalSettings,
    out: Path,
    *,
    progress: Progress = silent,
) -> Record:
    """Rehearse the treatment of a plan, and write its record into ``out``.

    A record there that broke off is set aside, with its report.

    Raises
    ------
    RecordError
        When the record cannot be written, or a finished one is in the way.
    """
    folder = out / RECORD
    told = nobody if settings.live is None else settings.live.told
    with Recorder(folder, told=told) as recorder:
        if recorder.set_aside is not None:
            set_report_aside(out, recorder.set_aside)
        _run(case, settings, recorder, progress)
    return open_record(folder)


def control_settings(
    case: PreparedCase, frame_time_s: float, goals: dict[Stage, tuple[float, float]]
) -> ControlSettings:
    """Return what the controller is told of a plan."""
    response = case.responses[Stage.TREAT]
    return ControlSettings(
        limits=case.treatment.limits,
        goals=goals,
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
    case = practised(case, scenario)
    world, reality = build_world(case, scenario, settings.seed, protocol=settings.protocol)
    control = replace(
        control_settings(case, world.frame_s, goals_of(scenario)),
        guards_off=guards_off(scenario),
    )
    _open(case, settings, (control, reality), recorder)
    state = initial_state(control, case.prescription)
    pace = Pace(settings.speed)
    manner = Manner(settings.operator, pace, progress, settings.live, settings.between_s)
    with ExitStack() as stack:
        if settings.stream:
            world.receiver = stack.enter_context(Loopback(world.scanner, world.port))
        ended = Treatment(world, recorder, state, control, manner).run()
    progress("Rehearsing the treatment", 0.98, "how sure the model was")
    forecast = heat_forecast(case, world, ended.frames)
    if forecast is not None:
        recorder.append(forecast, time_s=world.time_s, source=Source.MODEL)
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
        scenario=scenario_named(settings.scenario).name,
        seed=settings.seed,
        versions=versions(),
        settings={
            "target": case.target.name,
            "frequency": f"{case.settings.frequency_hz / 1e3:g} kHz",
            "ct mapping": case.settings.mapping,
            "elements": str(case.settings.element_count),
            "absorbed share of bone": _share(case),
            "scenario": scenario_named(settings.scenario).description,
            "from power off to the next request at least": f"{settings.between_s:g} s",
            "truth (known only in simulation)": _words(reality),
            **_left_out(control),
        },
        control=settings_to_json(control),
    )
    recorder.append(opened, time_s=0.0, source=Source.SESSION)
    for document, arrays in (describe_head(case), describe_plan(case)):
        recorder.append(document, time_s=0.0, source=Source.SESSION, arrays=arrays)


def _left_out(control: ControlSettings) -> dict[str, str]:
    """Return the line that says which guards are not asked; none where all are."""
    return {"guards left out": ", ".join(control.guards_off)} if control.guards_off else {}


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
    record_harm(world, recorder)
    neighbours = world.scenario.neighbours
    lesion = measured_lesion(world.believed_in_hindsight(), ended.frames, neighbours)
    if lesion is not None:
        recorder.append(lesion, time_s=now, source=Source.SESSION)
    record_true_lesion(world, recorder)
    closed = SessionClosed(
        outcome=outcome(state),
        sentence=_sentence(state, ended.why, lesion),
        limits_kept=limits_kept(state, control),
        limits_worst=limits_worst(state),
    )
    recorder.append(closed, time_s=now, source=Source.SESSION)


def _sentence(state: ControllerState, why: str, lesion: LesionDescribed | None) -> str:
    minutes = state.time_s / 60
    if state.lesion and lesion is not None:
        return (
            f"By thermometry and its model the dose goal was reached: a lesion of "
            f"{lesion.volume_240_mm3:.1f} mm³ above 240 CEM43 and {lesion.volume_17_mm3:.1f} mm³ "
            f"above 17 CEM43, in {state.sonication} sonications and {minutes:.0f} minutes."
        )
    reason = (state.unreachable or why).removesuffix(".")
    told = f": {reason}" if reason else ""
    return f"No lesion was made in {state.sonication} sonications{told}."


def plan_case(
    source: CaseSource,
    plan: PlanSettings,
    out: Path,
    *,
    progress: Progress = silent,
    replace: bool = False,
) -> dict[str, Any]:
    """Plan a head; write plan.json, phases.csv and elements.txt; return the plan's summary.

    Parameters
    ----------
    source, plan
        Which head, and what is wanted.
    out
        Folder for the files.
    progress
        Told at each step.
    replace
        Whether an earlier plan in ``out`` may be written over.

    Raises
    ------
    InputError
        When an input cannot be used, ``out`` holds a plan, or it cannot be written.
    """
    require_plan_room(out, replace=replace)
    case = prepare(source, plan, progress)
    summary = plan_summary(case)
    document, _ = describe_plan(case)
    content = {**summary, "plan": document.model_dump(mode="json")}
    texts = (
        json.dumps(content, indent=2, allow_nan=False),
        _phases(case),
        f"# {DISCLAIMER}\n{format_element_table(case.treatment.array)}",
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        # plan.json last: where it is, the others are whole
        for name, text in reversed(list(zip(PLAN_FILES, texts, strict=True))):
            _write(out / name, text)
    except OSError as error:
        raise RecordError(
            f"The plan cannot be written to {out}: {error.strerror}. Choose another --out folder."
        ) from error
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
