"""The controller's state as an operator reads it: from its table and its guards, never a copy."""

from insonate.console.models import (
    AlarmView,
    Fact,
    GuardView,
    PatientView,
    ProposalView,
    Status,
)
from insonate.console.words import STATES
from insonate.control import GUARDS, ControllerState, ControlSettings, refusals
from insonate.control.state import Exposure, Readings
from insonate.control.table import legal_verbs
from insonate.events import Priority, State
from insonate.events.documents import SonicationProposed


def status_of(state: ControllerState, settings: ControlSettings) -> Status:
    """Return everything that an operator decides by."""
    named, following, usual = STATES[state.state]
    on = state.exposure if state.state is State.SONICATING else None
    verbs = legal_verbs(state.state)
    guards = _guards(state, settings)
    return Status(
        state=state.state,
        state_words=named,
        next_words=state.unreachable or following,
        verbs=verbs,
        suggested=usual if usual in verbs else None,
        stage=str(state.stage),
        sonication=state.sonication,
        time_s=state.time_s,
        entered_s=state.entered_s,
        power_w=on.power_w if on else 0.0,
        on_s=state.time_s - on.started_s if on else 0.0,
        off_at_s=on.off_at_s if on else None,
        energy_j=state.exposure.energy_j if state.exposure else 0.0,
        session_energy_j=state.session_energy_j,
        wait_until_s=state.wait_until_s,
        hold=state.hold,
        lesion=state.lesion,
        unreachable=state.unreachable,
        proposed=_proposal(state.proposed),
        approved=_proposal(state.approved),
        review=state.review.sentence if state.review else "",
        alarms=_alarms(state, guards),
        guards=guards,
        patient=_patient(state.seen),
        readings=_readings(state.seen, state.exposure),
    )


def _proposal(found: SonicationProposed | None) -> ProposalView | None:
    if found is None:
        return None
    return ProposalView(
        sonication=found.sonication,
        stage=found.stage,
        power_w=found.power_w,
        duration_s=found.duration_s,
        peak_degc=found.predicted_peak_degc,
        low_degc=found.predicted_low_degc,
        high_degc=found.predicted_high_degc,
        limited_by=found.limited_by,
    )


_LEFT_OUT = "left out by the scenario: it is not asked"


def _guards(state: ControllerState, settings: ControlSettings) -> tuple[GuardView, ...]:
    no = {refusal.guard.name: refusal.why for refusal in refusals(state, settings)}
    return tuple(
        GuardView(
            name=guard.name,
            holds=guard.name not in no and guard.name not in settings.guards_off,
            why=_LEFT_OUT if guard.name in settings.guards_off else no.get(guard.name, ""),
            clears=guard.clears,
            priority=str(guard.priority),
            protects=str(guard.hazard),
        )
        for guard in GUARDS
    )


def _alarms(state: ControllerState, guards: tuple[GuardView, ...]) -> tuple[AlarmView, ...]:
    """Return the alarms to be acknowledged, the most urgent first."""
    urgency = {str(priority): rank for rank, priority in enumerate(Priority)}
    raised = [guard for guard in guards if guard.name in state.alarms]
    return tuple(
        AlarmView(name=g.name, priority=g.priority, standing=not g.holds, why=g.why)
        for g in sorted(raised, key=lambda g: urgency[g.priority])
    )


def _patient(seen: Readings) -> PatientView | None:
    report = seen.patient
    if report is None:
        return None
    return PatientView(
        at_s=seen.patient_s or 0.0,
        pain_nrs=report.pain_nrs,
        symptom=report.symptom,
        severity=report.severity,
        finding=report.finding or "",
        where=report.where,
        sedation=report.sedation,
        can_communicate=report.can_communicate,
        stop_pressed=report.stop_pressed,
    )


def _readings(seen: Readings, exposure: Exposure | None) -> tuple[Fact, ...]:
    frame, model, water = seen.frame, seen.model, seen.cooling
    rows: tuple[tuple[str, float | None, str, str], ...] = (
        ("peak at the focus", frame.peak_degc if frame else None, "°C", ".1f"),
        ("its uncertainty (1 σ)", frame.sigma_k if frame else None, "K", ".1f"),
        ("mean of 3 × 3 voxels", frame.mean_degc if frame else None, "°C", ".1f"),
        ("focus by the model", model.focus_degc if model else None, "°C", ".1f"),
        ("skull maximum by the model", model.skull_max_degc if model else None, "°C", ".1f"),
        ("scalp maximum by the model", model.scalp_max_degc if model else None, "°C", ".1f"),
        ("dose at the focus", exposure.dose_cem43 if exposure else None, "CEM43", ".3g"),
        ("water", water.water_degc if water else None, "°C", ".1f"),
        ("water flow", water.flow_l_per_min if water else None, "L/min", ".1f"),
        ("dissolved oxygen", water.dissolved_oxygen_ppm if water else None, "ppm", ".1f"),
        ("power reported", seen.array.power_w if seen.array else None, "W", ".0f"),
        ("head motion", 1e3 * seen.motion.displacement_m if seen.motion else None, "mm", ".2f"),
    )
    return tuple(
        Fact(label=label, value="–" if value is None else format(value, form), unit=unit)
        for label, value, unit, form in rows
    )
