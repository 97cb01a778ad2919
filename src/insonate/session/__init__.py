"""The only place where parts are put together: prepare, rehearse, replay."""

from insonate.session.case import (
    RehearsalResult,
    RehearsalSettings,
    plan_case,
    rehearse_case,
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
    "plan_case",
    "prepare",
    "rehearse_case",
    "replay_record",
]
