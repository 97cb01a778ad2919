"""How the simulated patient differs from the plan, and what they say and do.

A plan is made with table values; the patient of a rehearsal has others, drawn once from the
ranges over which the sources disagree. The controller never sees these numbers.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.core.arrays import frozen

Severity = Literal["none", "mild", "moderate", "severe"]


@dataclass(frozen=True)
class Behaviour:
    """What the patient does in one sonication.

    Parameters
    ----------
    sonication
        Counted from 1.
    after_s
        Seconds of power before it happens.
    symptom
        In the patient's words; empty for none.
    severity
        "none", "mild", "moderate" or "severe".
    presses_stop
        Whether the stop button is pressed.
    """

    sonication: int
    after_s: float
    symptom: str
    severity: Severity = "mild"
    presses_stop: bool = False


@dataclass(frozen=True)
class Scenario:
    """A kind of treatment to rehearse: spreads of the truth about the plan, and a script.

    Parameters
    ----------
    name, description
        For lists and the record.
    registration_offset_m
        Where the array stands relative to the plan (CT frame, m), before the spread.
    registration_sigma_m
        Standard deviation along each axis of the array's true position about the planned one.
    brain_absorption_sigma, bone_share_sigma, perfusion_sigma, transmission_sigma
        Standard deviation of the natural logarithm of the true value over the planned one.
    water_degc
        Circulating water.
    water_flow_l_per_min
        Its flow.
    water_drift_k_per_min
        How fast the water warms (0: the chiller keeps up).
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
    pain_nrs
        Pain at the start on the numerical rating scale; a rehearsal does not change it.
    script
        What the patient does.
    """

    name: str
    description: str
    registration_offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    registration_sigma_m: float = 0.5e-3
    brain_absorption_sigma: float = 0.15
    bone_share_sigma: float = 0.2
    perfusion_sigma: float = 0.2
    transmission_sigma: float = 0.1
    water_degc: float = 15.0
    water_flow_l_per_min: float = 4.0
    water_drift_k_per_min: float = 0.0
    field_drift_ppm_per_min: float = 0.01
    breathing_ppm: float = 0.0
    head_wander_m: float = 0.0
    head_turn_rad: float = 0.0
    frames_lost: float = 0.0
    signal_to_noise: float = 40.0
    cavitation_pressure_pa: float = 5.8e6
    pain_nrs: int = 6
    script: tuple[Behaviour, ...] = ()


SCENARIOS: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario(
            "cooperative",
            "An awake, cooperative patient; the skull and the brain differ from the plan as "
            "sources differ; nothing fails.",
            script=(
                Behaviour(2, 6.0, "warm feeling at the scalp", "mild"),
                Behaviour(4, 8.0, "slight dizziness, passes at once", "mild"),
            ),
        ),
        Scenario(
            "focus-shifted",
            "The array stands 1.8 mm from where it was planned: the focus must be found at low "
            "power and re-steered.",
            registration_offset_m=(1.2e-3, -1.0e-3, 0.9e-3),
            registration_sigma_m=0.0,
        ),
        Scenario(
            "patient-stops",
            "The patient presses the stop button eight seconds into the third sonication.",
            script=(
                Behaviour(
                    3, 8.0, "burning at the back of the head", "severe", presses_stop=True
                ),
            ),
        ),
        Scenario(
            "restless",
            "The patient breathes deeply and cannot lie quite still; one thermometry frame in "
            "twenty is lost.",
            breathing_ppm=0.01,
            head_wander_m=0.4e-3,
            head_turn_rad=2e-3,
            frames_lost=0.05,
        ),
        Scenario(
            "water-warms",
            "The chiller fails: the circulating water starts at 20 °C and warms by 1.5 °C a "
            "minute.",
            water_degc=20.0,
            water_drift_k_per_min=1.5,
        ),
    )
}
"""The scenarios that a rehearsal knows by name."""


def scenario_named(name: str) -> Scenario:
    """Return a scenario by its name.

    Raises
    ------
    SettingsError
        When there is none; the message lists those there are.
    """
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
        brain_absorption=factor(scenario.brain_absorption_sigma),
        bone_share=factor(scenario.bone_share_sigma),
        perfusion=factor(scenario.perfusion_sigma),
        transmission=factor(scenario.transmission_sigma),
    )
