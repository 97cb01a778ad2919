"""What stands round the patient: cooling water, cavitation detector, electronics, the patient's voice."""

from dataclasses import dataclass

import numpy as np

from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    PatientReport,
)
from insonate.events.presence import MotionReading
from insonate.plant.incidents import ELEMENTS, Behaviour, Incident, Room
from insonate.plant.scenario import Scenario

NO_INCIDENT = Room()
CAVITATION_NOISE_DB = 0.8  # standard deviation of a band's power over its own baseline
MOTION_NOISE_M = 0.05e-3  # navigators follow a head to about a tenth of a millimetre
CAVITATION_SLOPE_DB = 30.0  # rise per unit of relative pressure above the threshold


@dataclass(frozen=True)
class Exposure:
    """The sonication that runs, as the periphery feels it.

    Parameters
    ----------
    sonication
        Counted from 1; 0 where none has begun.
    power_w
        Acoustic power now.
    on_s
        Seconds of power so far.
    focal_pressure_pa
        True peak pressure at the focus.
    """

    sonication: int
    power_w: float
    on_s: float
    focal_pressure_pa: float


def water_temperature(scenario: Scenario, time_s: float) -> float:
    """Return the temperature (°C) of the circulating water after ``time_s``, 37 at most."""
    warmed = scenario.water_degc + scenario.water_drift_k_per_min * time_s / 60.0
    return min(warmed, BODY_TEMPERATURE_DEGC)


def read_cooling(
    scenario: Scenario, time_s: float, rng: np.random.Generator, room: Room = NO_INCIDENT
) -> CoolingReading:
    """Return what the cooling unit reports: thermistor and flow meter with their noise."""
    flow = scenario.water_flow_l_per_min if room.flows else 0.0
    return CoolingReading(
        water_degc=float(water_temperature(scenario, time_s) + 0.05 * rng.standard_normal()),
        flow_l_per_min=float(flow + 0.05 * rng.standard_normal()),
        dissolved_oxygen_ppm=scenario.dissolved_oxygen_ppm,
    )


def cavitation_level_db(scenario: Scenario, exposure: Exposure) -> float:
    """Return how loud the bubbles really are, dB over the detector's baseline."""
    excess = exposure.focal_pressure_pa / scenario.cavitation_pressure_pa - 1.0
    return CAVITATION_SLOPE_DB * max(excess, 0.0)


def listen(
    scenario: Scenario, exposure: Exposure, rng: np.random.Generator
) -> CavitationReading:
    """Return the cavitation detector's bands, dB over baseline.

    Below the threshold pressure there is noise alone; above it subharmonic, ultraharmonic and
    broadband rise together, the sign of bubbles (a documented caricature, not a bubble model).
    """
    rise = cavitation_level_db(scenario, exposure)
    sub, ultra, broad = CAVITATION_NOISE_DB * rng.standard_normal(3) + rise
    return CavitationReading(
        subharmonic_db=float(sub), ultraharmonic_db=float(ultra), broadband_db=float(broad)
    )


def read_motion(displacement_m: float, rng: np.random.Generator) -> MotionReading:
    """Return what the navigator echoes say of a displacement."""
    noise_m = MOTION_NOISE_M * rng.standard_normal()
    return MotionReading(displacement_m=float(abs(displacement_m + noise_m)))


def read_array(
    exposure: Exposure, rng: np.random.Generator, room: Room = NO_INCIDENT
) -> ArrayReading:
    """Return what the amplifiers report of themselves."""
    alive = 1.0 - room.faulty / ELEMENTS
    return ArrayReading(
        power_w=exposure.power_w * alive * float(1.0 + 0.005 * rng.standard_normal()),
        faulty_elements=room.faulty,
        reflected_share=float(abs(0.02 + 0.002 * rng.standard_normal())),
    )


def due(
    scenario: Scenario, exposure: Exposure, done: frozenset[Behaviour | Incident]
) -> Behaviour | None:
    """Return what the script says the patient does now, or None."""
    for behaviour in scenario.script:
        begun = exposure.sonication == behaviour.sonication and exposure.power_w > 0
        if begun and exposure.on_s >= behaviour.after_s and behaviour not in done:
            return behaviour
    return None


def incident_due(
    scenario: Scenario, exposure: Exposure, done: frozenset[Behaviour | Incident]
) -> Incident | None:
    """Return what goes wrong now, or None."""
    for incident in scenario.incidents:
        begun = exposure.sonication == incident.sonication and exposure.power_w > 0
        if begun and exposure.on_s >= incident.after_s and incident not in done:
            return incident
    return None


def voice(behaviour: Behaviour) -> PatientReport:
    """Return the report that a scripted behaviour makes."""
    return PatientReport(
        stop_pressed=behaviour.presses_stop,
        symptom=behaviour.symptom,
        severity=behaviour.severity,
        finding=behaviour.finding,
        where=behaviour.where,
        sedation=behaviour.sedation,
    )


def ask(scenario: Scenario) -> PatientReport:
    """Return the answers to the check between sonications: pain score, can communicate."""
    return PatientReport(pain_nrs=scenario.pain_nrs, can_communicate=True)
