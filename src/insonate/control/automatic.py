"""An operator without hands: so that a rehearsal runs unattended, and ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from insonate.control.guards import Refusal, refusals
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState
from insonate.control.table import legal_verbs
from insonate.events.documents import CommandRefused, Decision, OperatorCommand
from insonate.events.states import State, Verb

_NEXT = {
    State.PLANNED: (Verb.POSITION, "next in order"),
    State.POSITIONED: (Verb.BASELINE, "next in order"),
    State.PAUSED: (Verb.RESUME, "nothing stands against going on"),
    State.STOPPED: (Verb.FINISH, "the treatment was stopped"),
    State.FAULTED: (Verb.ABORT, "a fault needs a person"),
}


@dataclass(frozen=True)
class AutomaticOperator:
    """Position, take the baseline, approve, sonicate when guards allow, confirm, finish.

    It never overrides: it approves what is proposed, waits for guards that time can clear, and
    finishes where they cannot. After a stop it finishes, after a fault it aborts.

    Parameters
    ----------
    settings
        What the controller was told; the guards are asked with them.
    patience_s
        It waits for a guard at most so long, s.
    who
        Its name in the record.
    """

    settings: ControlSettings
    patience_s: float = 1800.0
    who: str = "automatic operator"

    def __call__(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> OperatorCommand | None:
        """Return the next command, or None where there is nothing to ask for now.

        Parameters
        ----------
        state, decisions
            The controller's last answer.
        time_s
            Time now, s.
        """
        asked = self._wish(state, time_s)
        if asked is None:
            return None
        refused = {d.verb for d in decisions if isinstance(d, CommandRefused)}
        if asked[0] not in refused:
            return self._command(*asked)
        return None if Verb.FINISH in refused else self._command(Verb.FINISH, "was refused")

    def _command(self, verb: Verb, why: str) -> OperatorCommand:
        return OperatorCommand(verb=verb, who=self.who, why=why)

    def _wish(self, state: ControllerState, time_s: float) -> tuple[Verb, str] | None:
        """Return what it would ask for in this state, and why."""
        if state.alarms and Verb.ACKNOWLEDGE in legal_verbs(state.state):
            return Verb.ACKNOWLEDGE, f"heard: {', '.join(state.alarms)}"
        match state.state:
            case State.BASELINE:
                return self._ask(state)
            case State.ARMED:
                return self._start(state, time_s)
            case State.REVIEW:
                return self._after(state)
        return _NEXT.get(state.state)

    def _ask(self, state: ControllerState) -> tuple[Verb, str]:
        """Return to approve the proposal, or to finish where there is none."""
        if state.proposed is None:
            return Verb.FINISH, state.unreachable
        return Verb.APPROVE, "as proposed"

    def _start(self, state: ControllerState, time_s: float) -> tuple[Verb, str] | None:
        """Return to sonicate, to wait (None) or to finish."""
        no = refusals(state, self.settings)
        if not no:
            return Verb.SONICATE, "every guard says yes"
        if _may_pass(no) and time_s - state.entered_s < self.patience_s:
            return None
        return Verb.FINISH, " ".join(refusal.why for refusal in no)

    def _after(self, state: ControllerState) -> tuple[Verb, str]:
        """Return to confirm, or to finish where the lesion is made or cannot be."""
        if state.lesion:
            return Verb.FINISH, "the lesion is made"
        if state.unreachable:
            return Verb.FINISH, state.unreachable
        return Verb.CONFIRM, "as reviewed"


def _may_pass(no: Sequence[Refusal]) -> bool:
    """Return whether time alone may clear the refusals; what is not known yet may."""
    unknown = any(refusal.guard.name == "readings" for refusal in no)
    return unknown or all(refusal.guard.waiting_helps for refusal in no)
