"""The simulated patient, scanner, array, cooling and cavitation behind control's ports."""

from insonate.plant.scanner import ScannerSettings, VirtualScanner
from insonate.plant.scenario import (
    SCENARIOS,
    Expectation,
    Objectives,
    Reality,
    Scenario,
    draw_reality,
    scenario_named,
)
from insonate.plant.truth import true_head, true_placement
from insonate.plant.twin import Twin
from insonate.plant.world import Forecast, World

__all__ = [
    "SCENARIOS",
    "Expectation",
    "Forecast",
    "Objectives",
    "Reality",
    "ScannerSettings",
    "Scenario",
    "Twin",
    "VirtualScanner",
    "World",
    "draw_reality",
    "scenario_named",
    "true_head",
    "true_placement",
]
