"""Intent as frozen data: what is wanted, never how."""

from insonate.plan.model import (
    PEAK_GOALS_DEGC,
    Limits,
    Prescription,
    Sonication,
    Stage,
    Target,
)

__all__ = ["PEAK_GOALS_DEGC", "Limits", "Prescription", "Sonication", "Stage", "Target"]
