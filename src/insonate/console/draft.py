"""Coarse grids for practice on a slow machine, and for tests: answers in seconds, rough numbers."""

from dataclasses import replace

from insonate.head import PhantomOptions
from insonate.heat.options import ThermalOptions
from insonate.session import CaseSource, PlanSettings
from insonate.thermometry import CLINICAL_3T, Protocol

PHANTOM = PhantomOptions(spacing_m=2e-3)
HEAT = ThermalOptions(
    fine_half_width_m=8e-3,
    fine_spacing_m=0.5e-3,
    coarse_spacing_m=4e-3,
    power_step_s=1.0,
    first_step_s=0.4,
    step_tolerance_k=0.1,
)
ELEMENTS = 256


def coarse_source(source: CaseSource) -> CaseSource:
    """Return a head whose phantom is coarse; a CT stays what it is."""
    return replace(source, phantom=PHANTOM)


def coarse_settings(settings: PlanSettings) -> PlanSettings:
    """Return settings of a quick plan."""
    return replace(settings, element_count=ELEMENTS, heat=HEAT)


def protocol_for(settings: PlanSettings) -> Protocol:
    """Return the thermometry of a rehearsal: of smaller images where the plan is coarse."""
    coarse = settings.element_count == ELEMENTS
    return replace(CLINICAL_3T, matrix=(128, 128)) if coarse else CLINICAL_3T
