"""What the session says of the treatment at its end, from what the controller remembers."""

from dataclasses import asdict
from typing import Literal

from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState
from insonate.events.states import State

Outcome = Literal["lesion made", "no lesion", "stopped", "faulted", "aborted"]

_FLOORS = ("water_flow",)
"""Limits that are kept from above."""


def outcome(state: ControllerState) -> Outcome:
    """Return the treatment's outcome in one of five words."""
    if state.state is State.FAULTED:
        return "faulted"
    if state.lesion:
        return "lesion made"
    if state.aborted:
        return "aborted"
    return "stopped" if state.stopped else "no lesion"


def limits_worst(state: ControllerState) -> dict[str, float]:
    """Return the worst that was seen of each limited quantity, by the limit's name and unit.

    What was never seen is left out.
    """
    found = {name: value for name, value in asdict(state.worst).items() if value is not None}
    found["session_energy"] = state.session_energy_j
    if state.positioned_s is not None:
        found["session_time"] = state.time_s - state.positioned_s
    return found


def limits_kept(state: ControllerState, settings: ControlSettings) -> dict[str, bool]:
    """Return for each limit that something was seen of whether the worst kept it."""
    kept: dict[str, bool] = {}
    for name, worst in limits_worst(state).items():
        limit = float(getattr(settings.limits, name).value)
        kept[name] = worst >= limit if name in _FLOORS else worst <= limit * (1.0 + 1e-9)
    return kept
