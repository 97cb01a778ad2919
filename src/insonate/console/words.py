"""The sentences that the server says: states, steps, events."""

from collections.abc import Callable
from typing import Any

from insonate.events import Event, State, Verb
from insonate.events import documents as doc

STATES: dict[State, tuple[str, str, Verb | None]] = {
    State.PLANNED: (
        "Planned",
        "Place the head in the frame and the array on its target: position.",
        Verb.POSITION,
    ),
    State.POSITIONED: (
        "Positioned",
        "Take the reference images that motion and temperature are measured against.",
        Verb.BASELINE,
    ),
    State.BASELINE: (
        "Reference images taken",
        "Look at the proposed sonication, change it if need be, and approve it.",
        Verb.APPROVE,
    ),
    State.ARMED: (
        "Armed",
        "Start the sonication once every guard holds, or approve other numbers.",
        Verb.SONICATE,
    ),
    State.SONICATING: (
        "POWER IS ON",
        "Watch temperature, guards and patient; stop whenever in doubt.",
        None,
    ),
    State.COOLING: ("Cooling", "Wait until focus, skull and scalp have cooled.", None),
    State.REVIEW: (
        "Review",
        "Look at what the sonication showed, ask the patient, and confirm; or finish.",
        Verb.CONFIRM,
    ),
    State.PAUSED: ("Paused", "Resume with a reason, or finish.", Verb.RESUME),
    State.STOPPED: (
        "STOPPED",
        "To go on: approve, then resume with a reason. Otherwise finish.",
        Verb.FINISH,
    ),
    State.FAULTED: ("Fault", "Find the cause; resume with a reason, or abort.", Verb.ABORT),
    State.FINISHED: ("Finished", "The treatment is over; read the report.", None),
}
"""For each state its name, what comes next, and what is usually asked for."""

ENGINES: dict[str, tuple[str, float]] = {
    "ray": ("rays", 6.0),
    "has": ("waves, one way", 40.0),
    "born": ("waves, both ways", 400.0),
    "none": ("no correction", 6.0),
}
"""Engines in words, and how long a plan takes on a machine with two cores, s."""

QUIET = frozenset(
    {
        "clock_tick",
        "cooling_reading",
        "cavitation_reading",
        "model_estimate",
        "array_reading",
        "motion_reading",
        "operator_present",
        "temperature_frame",
        "focus_estimate",
        "session_opened",
        "head_described",
        "plan_described",
        "truth_observed",
        "truth_curve",
        "harm_observed",
        "lesion_described",
        "heat_forecast",
    }
)
"""What is no entry of the log: readings are curves, and the truth is for the report."""


def _said_by_patient(report: doc.PatientReport) -> str:
    if report.stop_pressed:
        return "The patient presses stop."
    words = [] if report.pain_nrs is None else [f"pain {report.pain_nrs} of 10"]
    if report.symptom or report.finding:
        finding = f" ({report.finding})" if report.finding and report.symptom else ""
        where = f", {report.where}" if report.where else ""
        words.append(f"{report.symptom or report.finding}{finding}{where}, {report.severity}")
    if not report.can_communicate:
        words.append("cannot communicate")
    if report.sedation != "none":
        words.append(f"sedation {report.sedation}")
    return f"The patient: {'; '.join(words) or 'all is well'}."


def _proposed(p: doc.SonicationProposed) -> str:
    return (
        f"Proposed: {p.stage}, {p.power_w:.0f} W for {p.duration_s:.0f} s; expected "
        f"{p.predicted_peak_degc:.1f} °C ({p.predicted_low_degc:.1f}–{p.predicted_high_degc:.1f})."
    )


def _ended(p: doc.SonicationEnded) -> str:
    by = f" ({p.guard})" if p.guard else ""
    return (
        f"Sonication {p.sonication} ended: {p.end_reason}{by}; {p.energy_j / 1e3:.2f} kJ in "
        f"{p.duration_s:.1f} s."
    )


def _asked(p: doc.OperatorCommand) -> str:
    numbers = "" if p.power_w is None else f", {p.power_w:.0f} W"
    numbers += "" if p.duration_s is None else f", {p.duration_s:.0f} s"
    return f"The operator asks: {p.verb}{numbers}{f' ({p.why})' if p.why else ''}."


def _moved(p: doc.Resteered) -> str:
    x, y, z = (1e3 * v for v in p.shift_m)
    return f"Focus moved electronically by ({x:.1f}, {y:.1f}, {z:.1f}) mm."


_SAID: dict[type, Callable[[Any], str]] = {
    doc.StateChanged: lambda p: f"{STATES[p.before][0]} → {STATES[p.after][0]} ({p.trigger}).",
    doc.SonicationProposed: _proposed,
    doc.PowerSet: lambda p: f"Power {p.power_w:.0f} W." if p.power_w > 0 else "Power off.",
    doc.SonicationEnded: _ended,
    doc.SonicationReviewed: lambda p: p.sentence,
    doc.GuardRefused: lambda p: (
        f"{p.guard.capitalize()} says no. {p.why} Clears with: {p.clears}."
    ),
    doc.AlarmAcknowledged: lambda p: (
        f"Alarm of {p.guard} acknowledged; its cause is {'still there' if p.standing else 'gone'}."
    ),
    doc.CommandRefused: lambda p: f"Refused: {p.why}",
    doc.WaitSet: lambda p: f"Wait until {p.until_s:.0f} s: {p.because}",
    doc.Resteered: _moved,
    doc.OperatorCommand: _asked,
    doc.PatientReport: _said_by_patient,
    doc.StreamNoted: lambda p: p.sentence,
    doc.SessionClosed: lambda p: f"Closed: {p.outcome}. {p.sentence}",
}


def said(event: Event) -> str:
    """Return an event of the log as a sentence."""
    payload = event.payload
    words = _SAID.get(type(payload))
    return f"{payload.kind.replace('_', ' ')}." if words is None else words(payload)


def alarm(event: Event) -> str:
    """Return the priority of an event's alarm, or nothing."""
    payload = event.payload
    if isinstance(payload, doc.GuardRefused):
        return str(payload.priority)
    if isinstance(payload, doc.PatientReport) and (
        payload.stop_pressed or payload.severity in {"moderate", "severe"}
    ):
        return "high"
    return "low" if isinstance(payload, doc.CommandRefused) else ""
