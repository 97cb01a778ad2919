"""How the simulated patient differs from the plan, what happens, and how it must end: data.

A plan is made with table values; the patient of a rehearsal has others, drawn once from the
ranges over which the sources disagree. The controller never sees these numbers. Scenarios are the
files of ``plant/scenarios``; ``load_scenario`` reads anybody's.
"""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from insonate.core import SettingsError
from insonate.core.arrays import frozen
from insonate.events.documents import Point
from insonate.events.presence import Finding
from insonate.plan import Limits
from insonate.plant.incidents import STRICT, Behaviour, Incident, Mistake
from insonate.plant.symptoms import NEIGHBOURS, Neighbour
from insonate.plant.vessel import Vessel


def _limit_name(name: str) -> str:
    """Refuse a limit that no plan has."""
    known = tuple(f.name for f in fields(Limits))
    if name not in known:
        raise ValueError(f"there is no limit '{name}'; choose from {', '.join(known)}")
    return name


Outcome = Literal["lesion made", "no lesion", "stopped", "faulted", "aborted"]
Spread = Annotated[float, Field(ge=0.0, le=2.0)]
LimitName = Annotated[str, AfterValidator(_limit_name)]
Factor = Annotated[float, Field(gt=0.0, le=10.0)]


@validated(frozen=True, config=STRICT)
class Expectation:
    """How a scenario must end; ``sentence`` says why, in words.

    Parameters
    ----------
    outcome
        The one outcome that is right.
    guards
        At least one sonication is ended, or one start refused, by one of these guards.
    findings
        Each is reported by the patient.
    refused
        At least so many commands are refused.
    resteered_m
        The focus is moved at least so far, m.
    bleeds
        Whether the vessel bleeds.
    limits_broken
        The limits that what was seen breaks, these and no others: what fails by itself.
    """

    sentence: str
    outcome: Outcome
    guards: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    refused: Annotated[int, Field(ge=0)] = 0
    resteered_m: Annotated[float, Field(ge=0.0)] = 0.0
    bleeds: bool = False
    limits_broken: tuple[LimitName, ...] = ()


@validated(frozen=True, config=STRICT)
class Objectives:
    """What a trainee is scored against: see ``session.scoring``."""

    minutes: Annotated[float, Field(gt=0.0)] = 60.0
    energy_kj: Annotated[float, Field(gt=0.0)] = 40.0
    answer_within_s: Annotated[float, Field(gt=0.0)] = 5.0


@validated(frozen=True, config=STRICT)
class Scenario:
    """A kind of treatment to rehearse: spreads of the truth about the plan, and what happens.

    Parameters
    ----------
    name, description
        For lists and the record; the name is of small letters, digits and hyphens.
    practice
        "designed": the limits of the plan; "2012": no cavitation guard, no cap of 60 °C.
    guards_off
        Names of guards that are not asked, so that a cohort can tell what each prevents.
    beside
        Name of a scenario that is rehearsed beside this one, for the report to compare; or empty.
    registration_offset_m
        Where the array stands relative to the plan (CT frame, m), before the spread.
    registration_sigma_m
        Standard deviation along each axis of the array's true position about the planned one.
    brain_absorption_sigma, bone_share_sigma, perfusion_sigma, transmission_sigma
        Standard deviation of the natural logarithm of the true value over the planned one.
    brain_absorption, bone_share, transmission
        True value over planned value, before the spread.
    water_degc
        Circulating water.
    water_flow_l_per_min
        Its flow.
    water_drift_k_per_min
        How fast the water warms (0: the chiller keeps up).
    dissolved_oxygen_ppm
        Of the water.
    field_drift_ppm_per_min
        Drift of the scanner's field.
    breathing_ppm
        How far the breath changes the field in the middle of the head, ppm.
    head_wander_m, head_turn_rad
        How far the head has wandered and turned in the plane after a minute, m and rad.
    frames_lost
        Share of the thermometry frames that never arrive.
    signal_to_noise
        Of the brain in one thermometry image.
    cavitation_pressure_pa
        Peak focal pressure above which the cavitation signal rises.
    cavitation_share
        The same as a share of the pressure that the plan's treat sonication reaches, or None: so
        that a scenario is as loud in every head.
    pain_nrs
        Pain at the start on the numerical rating scale; a rehearsal does not change it.
    script
        What the patient does, whatever is heated.
    neighbours
        What lies beside this patient's target.
    vessel
        One that may bleed, or None.
    incidents, mistakes
        What fails, and what the operator does wrong.
    expect
        How it must end, or None.
    objectives
        What a trainee is scored against.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    description: str
    practice: Literal["designed", "2012"] = "designed"
    guards_off: tuple[str, ...] = ()
    beside: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")] = ""
    registration_offset_m: Point = (0.0, 0.0, 0.0)
    registration_sigma_m: Annotated[float, Field(ge=0.0, le=0.02)] = 0.5e-3
    brain_absorption_sigma: Spread = 0.15
    bone_share_sigma: Spread = 0.2
    perfusion_sigma: Spread = 0.2
    transmission_sigma: Spread = 0.1
    brain_absorption: Factor = 1.0
    bone_share: Factor = 1.0
    transmission: Factor = 1.0
    water_degc: Annotated[float, Field(ge=0.0, le=40.0)] = 15.0
    water_flow_l_per_min: Annotated[float, Field(ge=0.0)] = 4.0
    water_drift_k_per_min: float = 0.0
    dissolved_oxygen_ppm: Annotated[float, Field(ge=0.0)] = 1.5
    field_drift_ppm_per_min: float = 0.01
    breathing_ppm: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    head_wander_m: Annotated[float, Field(ge=0.0, le=0.02)] = 0.0
    head_turn_rad: Annotated[float, Field(ge=0.0, le=0.2)] = 0.0
    frames_lost: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    signal_to_noise: Annotated[float, Field(gt=0.0)] = 40.0
    cavitation_pressure_pa: Annotated[float, Field(gt=0.0)] = 5.8e6
    cavitation_share: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    pain_nrs: Annotated[int, Field(ge=0, le=10)] = 6
    script: tuple[Behaviour, ...] = ()
    neighbours: tuple[Neighbour, ...] = NEIGHBOURS
    vessel: Vessel | None = None
    incidents: tuple[Incident, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    expect: Expectation | None = None
    objectives: Objectives = Objectives()


_SCENARIO: TypeAdapter[Scenario] = TypeAdapter(Scenario)


def load_scenario(path: Path) -> Scenario:
    """Return the scenario in a TOML file.

    Raises
    ------
    SettingsError
        When it cannot be read; one sentence for each field that is unknown or impossible.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The scenario {path} cannot be read; give a TOML file in UTF-8."
        ) from error
    return read_scenario(text, path.name)


def read_scenario(text: str, called: str) -> Scenario:
    """Return the scenario in a TOML text; ``called`` names it in messages.

    Raises
    ------
    SettingsError
        As ``load_scenario``.
    """
    try:
        return _SCENARIO.validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The scenario {called} is not TOML: {error}.") from error
    except ValidationError as error:
        faults = [
            f"The scenario {called} has a wrong '{'.'.join(map(str, e['loc']))}': "
            f"{e['msg'][0].lower()}{e['msg'][1:]}."
            for e in error.errors()
        ]
        raise SettingsError(" ".join(faults)) from error


@cache
def _shipped() -> dict[str, Scenario]:
    folder = resources.files("insonate.plant").joinpath("scenarios")
    files = sorted(
        (f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name
    )
    found = [read_scenario(f.read_text("utf-8"), f.name) for f in files]
    return {scenario.name: scenario for scenario in found}


SCENARIOS: dict[str, Scenario] = _shipped()
"""The scenarios that a rehearsal knows by name."""


def scenario_named(name: str) -> Scenario:
    """Return a scenario by its name, or from a TOML file; what it names beside it must be there.

    Raises
    ------
    SettingsError
        When there is none; the message lists those there are.
    """
    if name.endswith(".toml"):
        found = load_scenario(Path(name))
        if found.beside:
            _shipped_named(found.beside)
        return found
    return _shipped_named(name)


def _shipped_named(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise SettingsError(
            f"There is no scenario '{name}'; choose one of {', '.join(sorted(SCENARIOS))}."
        )
    return SCENARIOS[name]


@dataclass(frozen=True, eq=False)
class Reality:
    """The truth of one simulated patient.

    Parameters
    ----------
    registration_m
        Shape (3,), m: where the array really stands, relative to the plan (CT frame).
    brain_absorption, bone_share, perfusion, transmission
        True value over planned value.
    """

    registration_m: NDArray[np.float64]
    brain_absorption: float
    bone_share: float
    perfusion: float
    transmission: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "registration_m", frozen(self.registration_m, np.float64))


def draw_reality(scenario: Scenario, rng: np.random.Generator) -> Reality:
    """Draw the truth of one patient from the spreads of a scenario."""

    def factor(spread: float) -> float:
        return float(np.exp(spread * rng.standard_normal()))

    return Reality(
        registration_m=np.asarray(scenario.registration_offset_m)
        + rng.standard_normal(3) * scenario.registration_sigma_m,
        brain_absorption=scenario.brain_absorption * factor(scenario.brain_absorption_sigma),
        bone_share=scenario.bone_share * factor(scenario.bone_share_sigma),
        perfusion=factor(scenario.perfusion_sigma),
        transmission=scenario.transmission * factor(scenario.transmission_sigma),
    )


__all__ = [
    "SCENARIOS",
    "Behaviour",
    "Expectation",
    "Objectives",
    "Reality",
    "Scenario",
    "draw_reality",
    "load_scenario",
    "read_scenario",
    "scenario_named",
]
