"""Phases, element selection, skull metrics, and power for a prescribed peak."""

from insonate.planner.elements import ElementOptions, select_elements
from insonate.planner.phases import corrected_drive, steer
from insonate.planner.placement import place
from insonate.planner.prescription import prescribe
from insonate.planner.regions import no_pass_regions
from insonate.planner.treatment import PlanOptions, TreatmentPlan, plan_treatment

__all__ = [
    "ElementOptions",
    "PlanOptions",
    "TreatmentPlan",
    "corrected_drive",
    "no_pass_regions",
    "place",
    "plan_treatment",
    "prescribe",
    "select_elements",
    "steer",
]
