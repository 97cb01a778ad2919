"""Flow and temperature of the water."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.heat import ThermalModel, ThermalState, advance
from insonate.heat.advance import SAME_WATER_K, Course
from insonate.heat.lattice import Material, Surroundings, build_lattice, with_exchange
from insonate.heat.readout import heat_flows
from insonate.heat.water import (
    STILL_EXCHANGE,
    WATER_HEAT_CAPACITY,
    WaterCircuit,
    at_flow,
    exchange_at,
    water_after,
)
from insonate.verification.thermal_subjects import hand_made_head


def test_the_exchange_grows_with_the_root_of_the_flow_and_never_vanishes() -> None:
    assert exchange_at(4.0, 500.0) == 500.0
    assert exchange_at(1.0, 500.0) == pytest.approx(250.0)
    assert exchange_at(0.0, 500.0) == STILL_EXCHANGE
    assert exchange_at(0.0, 60.0) == 60.0
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(SettingsError, match="The flow of the water is"):
            exchange_at(bad, 500.0)


def test_a_changed_exchange_is_as_if_built_so() -> None:
    labels = np.zeros((4, 3, 3), np.int8)
    grid = hand_made_head(labels).grid
    water = np.zeros((4, 3, 3), bool)
    water[3] = True
    ones = np.ones((4, 3, 3), np.float32)
    material = Material(ones * 0.4, ones * 4e6, ones * 0, water)
    built, wanted = (
        build_lattice(grid, material, Surroundings(h, "insulated")) for h in (500.0, 80.0)
    )
    found = with_exchange(built, 80.0)
    for a, b in zip(found.conductance, wanted.conductance, strict=True):
        assert np.allclose(a, b, rtol=1e-4)
    assert found.spectral_radius == pytest.approx(wanted.spectral_radius, rel=1e-4)
    with pytest.raises(SettingsError, match="both must be positive"):
        with_exchange(built, 0.0)


def test_still_water_takes_less_heat_and_lets_the_scalp_warm(
    model: ThermalModel, cooled: ThermalState
) -> None:
    still = at_flow(model, 0.0)
    assert at_flow(model, 4.0) is model
    ends = [
        advance(m, cooled, None, power_w=0.0, duration_s=300.0, water_degc=15.0)
        for m in (model, still)
    ]
    taken = [end.energy.water_j for end in ends]
    assert 0 < taken[1] < 0.8 * taken[0]
    gained = [heat_flows(m, e).stored_j for m, e in zip((model, still), ends, strict=True)]
    assert gained[1] > gained[0]


def test_water_that_drifts_does_not_shorten_the_steps(
    model: ThermalModel, cooled: ThermalState
) -> None:
    """The water round a scalp warms by millikelvins a minute; a chiller that fails is another thing."""

    def steps_after(degc: float) -> tuple[float, float]:
        course = Course(model, cooled)
        course.run(None, power_w=0.0, duration_s=600.0, water_degc=15.0)
        long = course.state().step_s
        course.run(None, power_w=0.0, duration_s=1.0, water_degc=degc)
        return long[0], course.state().step_s[0]

    long, drifted = steps_after(15.0 + 0.4 * SAME_WATER_K)
    _, jumped = steps_after(15.0 + 2.0 * SAME_WATER_K)
    assert drifted > 0.9 * long
    assert jumped < drifted


def test_drifting_water_gives_the_temperatures_that_short_steps_give(
    model: ThermalModel, cooled: ThermalState, monkeypatch
) -> None:
    def warmed() -> np.ndarray:
        course = Course(model, cooled)
        for minute in range(10):
            water = 15.0 + 0.02 * minute
            course.run(None, power_w=0.0, duration_s=60.0, water_degc=water)
        return course.degc()[1]

    long = warmed()
    monkeypatch.setattr(sys.modules[Course.__module__], "SAME_WATER_K", 0.0)
    short = warmed()
    assert not np.array_equal(long, short)
    assert np.abs(long - short).max() < 0.02


def test_water_warms_by_what_it_takes_and_flow_carries_it_off() -> None:
    circuit = WaterCircuit(5e-3)
    kelvin = 60.0 * 600.0 / (WATER_HEAT_CAPACITY * 5e-3)
    assert water_after(circuit, 15.0, 15.0, 0.0, 60.0, 600.0) == pytest.approx(15.0 + kelvin)
    steady = water_after(circuit, 15.0, 15.0, 4.0, 60.0, 1e5)
    assert steady == pytest.approx(15.0 + 60.0 / (4.0 / 60e3 * WATER_HEAT_CAPACITY))
    halves = water_after(circuit, 20.0, 15.0, 2.0, 30.0, 50.0)
    again = water_after(circuit, halves, 15.0, 2.0, 30.0, 50.0)
    assert again == pytest.approx(water_after(circuit, 20.0, 15.0, 2.0, 30.0, 100.0))
    assert water_after(circuit, 36.0, 15.0, 0.0, 1e5, 600.0) == 37.0
    for bad in (38.0, np.nan, -1.0):
        with pytest.raises(SettingsError, match="The water is at"):
            water_after(circuit, bad, 15.0, 0.0, 0.0, 1.0)
    with pytest.raises(SettingsError, match="must lie between 0"):
        replace(circuit, volume_m3=0.0)
