"""One small head for the tests of heat: a ball of brain in bone and scalp, in water."""

import numpy as np
import pytest
from numpy.typing import NDArray

from insonate.head.model import HeadModel
from insonate.heat import (
    HeatSource,
    ThermalModel,
    ThermalOptions,
    ThermalState,
    build_thermal_model,
    initial_state,
)
from insonate.verification.bioheat import GaussianSource
from insonate.verification.heat import WATER_DEGC
from insonate.verification.thermal_subjects import gaussian_heat, hand_made_head, nested_ball


@pytest.fixture(scope="session")
def focus() -> NDArray[np.float64]:
    """Right, anterior and inferior of the middle: no axis can be taken for another."""
    return np.array([4e-3, 2e-3, -3e-3])


@pytest.fixture(scope="session")
def head() -> HeadModel:
    return hand_made_head(nested_ball(44, 5))


@pytest.fixture(scope="session")
def model(head: HeadModel, focus: NDArray[np.float64]) -> ThermalModel:
    return build_thermal_model(head, focus, options=ThermalOptions(fine_half_width_m=7e-3))


@pytest.fixture(scope="session")
def source(model: ThermalModel, focus: NDArray[np.float64]) -> HeatSource:
    """About 0.05 K/W at the focus in 10 s."""
    return gaussian_heat(model, GaussianSource(3.0e4, 2e-3), focus)


@pytest.fixture(scope="session")
def cooled(model: ThermalModel) -> ThermalState:
    return initial_state(model, water_degc=WATER_DEGC, precool_s=600.0)
