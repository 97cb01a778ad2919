"""Pressure to absorbed power to temperature, dose and lesion; skull and scalp."""

from insonate.heat.advance import advance, initial_state
from insonate.heat.build import build_thermal_model
from insonate.heat.lesion import Lesion, predict_lesion
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.options import ThermalOptions
from insonate.heat.source import heat_source

__all__ = [
    "HeatSource",
    "Lesion",
    "ThermalModel",
    "ThermalOptions",
    "ThermalState",
    "advance",
    "build_thermal_model",
    "heat_source",
    "initial_state",
    "predict_lesion",
]
