"""Damage by Arrhenius' rate."""

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.heat.damage import GAS_CONSTANT, HENRIQUES_1947, arrhenius_damage, damaged_share


def test_a_constant_temperature_has_a_closed_form() -> None:
    rate = 3.1e98 * np.exp(-6.28e5 / (GAS_CONSTANT * (55.0 + 273.15)))
    assert arrhenius_damage([0.0, 4.0], [55.0, 55.0]) == pytest.approx(4.0 * rate, rel=1e-9)
    assert damaged_share(1.0) == pytest.approx(0.632, abs=1e-3)


def test_a_ramp_is_integrated_exactly() -> None:
    time = np.linspace(0.0, 10.0, 200_001)
    fine = HENRIQUES_1947.rate(np.interp((time[1:] + time[:-1]) / 2, [0, 10], [45.0, 57.0]))
    found = arrhenius_damage([0.0, 10.0], [[45.0, 45.0], [57.0, 45.0]])
    assert found[0] == pytest.approx(float((fine * np.diff(time)).sum()), rel=1e-6)
    assert found[1] < found[0]


def test_splitting_a_line_changes_nothing() -> None:
    whole = arrhenius_damage([0.0, 6.0], [44.0, 56.0])
    split = arrhenius_damage([0.0, 2.0, 6.0], [44.0, 48.0, 56.0])
    assert whole == pytest.approx(split, rel=1e-6)


def test_it_doubles_per_degree_much_as_the_dose_does() -> None:
    """R = 1/2 above 43 °C is the same law in another form: near 50 °C about a factor of two."""
    ratio = HENRIQUES_1947.rate(51.0) / HENRIQUES_1947.rate(50.0)
    assert 1.8 < ratio < 2.2


def test_bad_curves_are_refused() -> None:
    with pytest.raises(SettingsError, match="one temperature for each time"):
        arrhenius_damage([0.0, 1.0], [50.0])
    with pytest.raises(SettingsError, match="do not run backwards"):
        arrhenius_damage([1.0, 0.0], [50.0, 50.0])
    with pytest.raises(SettingsError, match="finite"):
        arrhenius_damage([0.0, 1.0], [50.0, np.nan])
