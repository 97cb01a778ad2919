"""The controller: one table, guards that must all say yes, a regulator; pure, no I/O, no clock."""

from insonate.control.automatic import AutomaticOperator
from insonate.control.guards import GUARDS, refusals
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, initial_state
from insonate.control.step import step
from insonate.control.summary import limits_kept, limits_worst, outcome

__all__ = [
    "GUARDS",
    "AutomaticOperator",
    "ControlSettings",
    "ControllerState",
    "initial_state",
    "limits_kept",
    "limits_worst",
    "outcome",
    "refusals",
    "step",
]
