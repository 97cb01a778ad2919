"""Who asks the controller for something in a rehearsal: nobody, a person, or somebody who errs."""

from collections.abc import Callable, Sequence
from typing import Protocol

from insonate.control import AutomaticOperator, ControllerState, ControlSettings
from insonate.events import Decision
from insonate.events.documents import OperatorCommand, PatientReport
from insonate.plant.incidents import Mistake


class Operator(Protocol):
    """Who is asked what is to be done next."""

    @property
    def who(self) -> str:
        """A pseudonym for the record."""

    def __call__(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> OperatorCommand | None:
        """Return the next command, or None where there is nothing to ask for now."""

    def hear(self, report: PatientReport, state: ControllerState) -> OperatorCommand | None:
        """Return what to do upon a word of the patient under power, or None to go on."""


OperatorFor = Callable[[ControlSettings], Operator]
"""Makes the operator of one treatment."""


class Unattended:
    """The automatic operator: what the patient says is answered by the guards alone."""

    def __init__(self, settings: ControlSettings) -> None:
        self._operator = AutomaticOperator(settings)
        self.who = self._operator.who

    def __call__(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> OperatorCommand | None:
        """Return what the automatic operator asks for."""
        return self._operator(state, decisions, time_s)

    def hear(self, report: PatientReport, state: ControllerState) -> OperatorCommand | None:
        """Go on: what must end a sonication ends it by itself."""
        del report, state
        return None


class ErringOperator:
    """An operator who makes each mistake of a scenario once. It remembers which are made.

    Parameters
    ----------
    operator
        Who does the rest.
    mistakes
        What is done wrong, and where.
    """

    def __init__(self, operator: Operator, mistakes: tuple[Mistake, ...]) -> None:
        self._operator, self._left = operator, list(mistakes)
        self.who, self._mistaken = operator.who, False

    def __call__(
        self, state: ControllerState, decisions: Sequence[Decision], time_s: float
    ) -> OperatorCommand | None:
        """Return the next mistake that fits, or what the operator asks for."""
        for mistake in self._left:
            if mistake.state is state.state:
                self._left.remove(mistake)
                self._mistaken = True
                return OperatorCommand(
                    verb=mistake.verb,
                    who=self.who,
                    why="a mistake of the scenario",
                    power_w=mistake.power_w,
                    duration_s=mistake.duration_s,
                )
        # A refusal of what was a mistake is no reason to give up.
        answer, self._mistaken = () if self._mistaken else decisions, False
        return self._operator(state, answer, time_s)

    def hear(self, report: PatientReport, state: ControllerState) -> OperatorCommand | None:
        """Return what the operator does upon a word of the patient."""
        return self._operator.hear(report, state)
