"""The practice of 2012 beside the designed one: what a plan's limits were before the bleed.

Jeanmonod et al. (Neurosurg. Focus 32:E1, 2012): peaks of 51-64 °C, no cavitation detector; after one
bleed they listened for cavitation and kept peaks below 60 °C.
"""

from dataclasses import replace

from insonate.control import GUARDS
from insonate.core import Quantity, SettingsError
from insonate.plan import PEAK_GOALS_DEGC, Limits, Stage
from insonate.plant import Scenario
from insonate.session.prepare import PreparedCase

_SOURCE = "Jeanmonod et al., Neurosurg. Focus 32:E1 (2012): before the bleed"
UNHEARD_DB = 1e3
"""Louder than anything: a detector that is not there."""
HOTTEST_DEGC = 64.0
"""The hottest peak of that series."""


def limits_of_2012(limits: Limits) -> Limits:
    """Return the limits without a cavitation guard, and with the hottest peak of the series."""
    return replace(
        limits,
        focal_temperature=Quantity(HOTTEST_DEGC + 1.0, "degC", _SOURCE),
        cavitation_reduce=Quantity(UNHEARD_DB, "dB", f"{_SOURCE}; nobody listened"),
        cavitation_stop=Quantity(UNHEARD_DB, "dB", f"{_SOURCE}; nobody listened"),
    )


def practised(case: PreparedCase, scenario: Scenario) -> PreparedCase:
    """Return the case with the limits and goals of the scenario's practice."""
    if scenario.practice == "designed":
        return case
    treatment = replace(case.treatment, limits=limits_of_2012(case.treatment.limits))
    return replace(case, treatment=treatment)


def guards_off(scenario: Scenario) -> tuple[str, ...]:
    """Return the guards that the scenario leaves out.

    Raises
    ------
    SettingsError
        When one is not known.
    """
    names = [guard.name for guard in GUARDS]
    for name in scenario.guards_off:
        if name not in names:
            raise SettingsError(f"There is no guard '{name}'; choose among {', '.join(names)}.")
    return scenario.guards_off


def goals_of(scenario: Scenario) -> dict[Stage, tuple[float, float]]:
    """Return the wanted peaks of the scenario's practice, °C."""
    if scenario.practice == "designed":
        return dict(PEAK_GOALS_DEGC)
    return {**PEAK_GOALS_DEGC, Stage.TREAT: (56.0, HOTTEST_DEGC)}
