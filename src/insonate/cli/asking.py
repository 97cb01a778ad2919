"""A person at the terminal as the operator of a rehearsal: asked where a decision is due."""

from collections.abc import Sequence

import typer

from insonate.cli.output import human
from insonate.control import ControllerState, ControlSettings, refusals
from insonate.control.table import legal_verbs
from insonate.events import Decision, State, Verb
from insonate.events.documents import (
    CommandRefused,
    GuardRefused,
    OperatorCommand,
    PatientReport,
)

WAIT = "wait"
_SUGGESTED = {
    State.PLANNED: "position",
    State.POSITIONED: "take baseline",
    State.BASELINE: "approve",
    State.ARMED: "sonicate",
    State.REVIEW: "confirm",
    State.PAUSED: "resume",
    State.STOPPED: "finish",
    State.FAULTED: "abort",
}
"""What is asked for when only Enter is pressed."""
_WITH_REASON = {Verb.RESUME, Verb.STOP, Verb.ABORT, Verb.PAUSE}
_HALTS = (Verb.PAUSE, Verb.STOP, Verb.ABORT, Verb.HOLD)


class AskingOperator:
    """Asks a person what to do: what fits the state, with what is proposed and what refuses.

    While power is on nobody is asked but upon a word of the patient; the terminal that is open
    counts as the handle in hand.
    """

    who = "trainee"

    def __init__(self, settings: ControlSettings) -> None:
        self._settings = settings

    def __call__(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> OperatorCommand | None:
        """Return what the person asks for; None to wait."""
        if state.state not in _SUGGESTED:
            return None
        self._tell(state, decisions, time_s)
        verbs = [str(verb) for verb in legal_verbs(state.state)]
        waits = state.state is State.ARMED and bool(refusals(state, self._settings))
        preset = WAIT if waits else _SUGGESTED[state.state]
        if state.alarms and str(Verb.ACKNOWLEDGE) in verbs:
            preset = str(Verb.ACKNOWLEDGE)
        said = _chosen("What now", [*verbs, WAIT], preset)
        return None if said == WAIT else self._command(Verb(said), state)

    def hear(self, report: PatientReport, state: ControllerState) -> OperatorCommand | None:
        """Return what the person does upon a word of the patient; None where power is off."""
        human.print(f"The patient: {report.symptom or 'presses stop'} ({report.severity}).")
        if state.state is not State.SONICATING:
            human.print("The power is off already.")
            return None
        said = _chosen("Go on, or", ["go on", *map(str, _HALTS)], "go on")
        return None if said == "go on" else self._command(Verb(said), state)

    def _tell(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> None:
        human.print(f"{time_s / 60:.1f} min, state {state.state}, stage {state.stage}.")
        for decision in decisions:
            if isinstance(decision, CommandRefused | GuardRefused):
                human.print(f"Refused: {decision.why}")
        for guard in state.alarms:
            human.print(f"Alarm that is not acknowledged: {guard}.")
        if state.review is not None:
            human.print(state.review.sentence)
        found = state.proposed
        if found is not None and state.state is State.BASELINE:
            human.print(
                f"Proposed: {found.stage}, {found.power_w:.0f} W for {found.duration_s:.0f} s, "
                f"expected {found.predicted_peak_degc:.1f} °C "
                f"({found.predicted_low_degc:.1f}-{found.predicted_high_degc:.1f})."
            )
        if state.state is State.ARMED:
            for refusal in refusals(state, self._settings):
                human.print(f"{refusal.guard.name} says no: {refusal.why}")

    def _command(self, verb: Verb, state: ControllerState) -> OperatorCommand:
        why = (
            typer.prompt("Why", default="as decided", err=True) if verb in _WITH_REASON else ""
        )
        power_w = None
        if verb is Verb.APPROVE and state.proposed is not None:
            wanted = state.proposed.power_w
            said = typer.prompt("Power in W", default=round(wanted), type=float, err=True)
            power_w = None if said == round(wanted) else said
        return OperatorCommand(verb=verb, who=self.who, why=why, power_w=power_w)


def _chosen(question: str, allowed: list[str], preset: str) -> str:
    """Return one of ``allowed``; asks again for anything else."""
    while True:
        said: str = typer.prompt(f"{question} ({', '.join(allowed)})", default=preset, err=True)
        if said.strip() in allowed:
            return said.strip()
        human.print(f"'{said}' does not fit; choose one of {', '.join(allowed)}.")
