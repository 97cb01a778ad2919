"""Intent as frozen data: what is wanted, never how."""

from insonate.plan.model import (
    PEAK_GOALS_DEGC,
    Limits,
    Prescription,
    Sonication,
    Stage,
    Target,
)
from insonate.plan.targets import (
    TARGET_NAMES,
    named_target,
    require_target_inside,
    target_at,
)

__all__ = [
    "PEAK_GOALS_DEGC",
    "TARGET_NAMES",
    "Limits",
    "Prescription",
    "Sonication",
    "Stage",
    "Target",
    "named_target",
    "require_target_inside",
    "target_at",
]
