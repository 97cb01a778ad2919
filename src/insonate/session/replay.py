"""The same observations to the controller again: it must decide the same, to the last bit."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from pydantic import TypeAdapter, ValidationError

from insonate.control import ControlSettings, initial_state, step
from insonate.core import Frame, RecordError, SettingsError
from insonate.events import Observation
from insonate.events.documents import PlanDescribed, SessionOpened
from insonate.plan import Prescription, Sonication, Stage, Target
from insonate.record import Record, open_record
from insonate.record.replay import decisions_after

_SETTINGS: TypeAdapter[ControlSettings] = TypeAdapter(ControlSettings)


def settings_to_json(settings: ControlSettings) -> str:
    """Return the controller's settings as JSON, for the record."""
    return _SETTINGS.dump_json(settings).decode()


@dataclass(frozen=True)
class ReplayResult:
    """What a replay found.

    Parameters
    ----------
    identical
        Whether every decision is the recorded one.
    observations, decisions
        How many were replayed.
    first_difference
        The number of the observation after which the first decision differs, or None.
    sentence
        The same in words.
    """

    identical: bool
    observations: int
    decisions: int
    first_difference: int | None
    sentence: str


def replay_record(path: Path) -> ReplayResult:
    """Replay a record's observations through a new controller.

    Parameters
    ----------
    path
        The record's folder.

    Raises
    ------
    RecordError
        When the record cannot be read, was changed, or holds no plan.
    """
    record = open_record(path)
    settings, prescription = _told(record)
    state = initial_state(settings, prescription)
    seen = decided = 0
    pairs = list(decisions_after(record))
    for number, (event, recorded) in enumerate(pairs, start=1):
        observation = event.payload
        if not isinstance(observation, get_args(Observation)):
            continue
        state, decisions = step(state, event.time_s, observation, settings)
        seen, decided = seen + 1, decided + len(decisions)
        broke_off = number == len(pairs) and not record.complete
        if decisions[: len(recorded) if broke_off else None] != recorded:
            return _different(event.sequence, seen, decided)
    sentence = f"{seen} observations gave the same {decided} decisions as in the record."
    return ReplayResult(True, seen, decided, None, sentence)  # noqa: FBT003 - a record's field


def _different(sequence: int, seen: int, decided: int) -> ReplayResult:
    sentence = (
        f"After event {sequence} the controller decides otherwise than the record says; "
        "it was recorded by another version, or one of them is wrong."
    )
    return ReplayResult(False, seen, decided, sequence, sentence)  # noqa: FBT003


def _told(record: Record) -> tuple[ControlSettings, Prescription]:
    """Return what the controller was told when the record was made."""
    opened = next(
        (e.payload for e in record.events if isinstance(e.payload, SessionOpened)), None
    )
    plan = next(
        (e.payload for e in record.events if isinstance(e.payload, PlanDescribed)), None
    )
    if opened is None or plan is None or not opened.control:
        raise RecordError(
            f"The record in {record.folder} holds no plan, so nothing was decided that could be "
            "replayed; give a record that reached its plan."
        )
    try:
        settings = _SETTINGS.validate_json(opened.control)
    except (ValidationError, SettingsError) as error:
        raise RecordError(
            f"The controller's settings in the record in {record.folder} cannot be read; it was "
            "written by another version. Use the insonate that wrote it."
        ) from error
    sonications = tuple(
        Sonication(Stage(s.stage), s.power_w, s.duration_s) for s in plan.sonications
    )
    target = Target(
        plan.target_name,
        np.array(plan.target_m),
        Frame.CT,
        plan.target_error_m,
        plan.target_source,
    )
    return settings, Prescription(target, sonications, dict(settings.goals))
