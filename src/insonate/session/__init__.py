"""The only place where parts are put together: prepare, rehearse, replay."""

from insonate.session.case import (
    RehearsalResult,
    RehearsalSettings,
    rehearse_case,
    write_plan,
)
from insonate.session.inputs import CaseSource, PlanSettings, case_source
from insonate.session.prepare import PreparedCase, prepare
from insonate.session.replay import replay_record

__all__ = [
    "CaseSource",
    "PlanSettings",
    "PreparedCase",
    "RehearsalResult",
    "RehearsalSettings",
    "case_source",
    "prepare",
    "rehearse_case",
    "replay_record",
    "write_plan",
]
