"""From a plan to a simulated patient who differs from it."""

from dataclasses import replace
from math import sqrt

import numpy as np

from insonate.array import placed
from insonate.core import Tissue
from insonate.events.documents import Point
from insonate.field import trace_rays
from insonate.heat.advance import initial_state
from insonate.heat.build import build_thermal_model
from insonate.plan import Stage
from insonate.planner import steer
from insonate.planner.heating import Beam, Heating, heating
from insonate.plant import (
    Forecast,
    Reality,
    ScannerSettings,
    Scenario,
    Twin,
    VirtualScanner,
    World,
    draw_reality,
    true_head,
    true_placement,
)
from insonate.plant.symptoms import mirrored
from insonate.session.prepare import PreparedCase
from insonate.thermometry import CLINICAL_3T, Protocol


def build_world(
    case: PreparedCase, scenario: Scenario, seed: int, *, protocol: Protocol = CLINICAL_3T
) -> tuple[World, Reality]:
    """Draw one patient and put them into a room.

    Parameters
    ----------
    case
        What was planned; the controller's model believes in it.
    scenario
        How the patient differs and behaves.
    seed
        Draws the patient and all noise; the same seed gives the same rehearsal.
    protocol
        Of the thermometry; its SNR is the scenario's.

    Returns
    -------
    World, Reality
        The world, and the truth that was drawn.
    """
    patient, images, readings = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3)
    )
    reality = draw_reality(scenario, patient)
    truth = _truth(case, reality, scenario)
    rest = initial_state(case.thermal, water_degc=scenario.water_degc)
    belief = Twin(case.thermal, rest, lambda _: case.heating)
    scanner = VirtualScanner(
        case.head,
        case.mr,
        case.target.point,
        replace(protocol, snr=scenario.signal_to_noise),
        ScannerSettings(
            drift_ppm_per_min=scenario.field_drift_ppm_per_min,
            breathing_ppm=scenario.breathing_ppm,
            motion_m=scenario.head_wander_m,
            rotation_rad=scenario.head_turn_rad,
            missing=scenario.frames_lost,
        ),
        images,
    )
    limits = case.treatment.limits
    if scenario.cavitation_share is not None:
        treat = case.prescription.sonications[-1]
        planned_pa = case.heating.peak_pressure_pa * sqrt(treat.power_w)
        scenario = replace(
            scenario, cavitation_pressure_pa=scenario.cavitation_share * planned_pa
        )
    if not case.target.name.endswith("right"):
        scenario = replace(scenario, neighbours=mirrored(scenario.neighbours))
    ends = {
        Tissue.SKULL: limits.skull_temperature.value,
        Tissue.SCALP: limits.scalp_temperature.value,
    }
    forecast = Forecast(case.responses[Stage.TREAT], ends)
    return World(truth, belief, scanner, forecast, scenario, readings), reality


def _truth(case: PreparedCase, reality: Reality, scenario: Scenario) -> Twin:
    plan = case.treatment
    head = true_head(case.head, reality)
    elements = placed(plan.array, true_placement(plan.placement, reality))
    rays = trace_rays(head, elements.centres, elements.focus)
    if plan.wave is not None:
        rays = plan.wave.arriving(rays)
    thermal = build_thermal_model(head, case.target.point, options=case.thermal.options)
    unsteered: list[Heating] = []

    def heating_at(shift_m: Point) -> Heating:
        drive = steer(plan.drive, plan.rays, shift_m) if any(shift_m) else plan.drive
        found = heating(
            head,
            thermal,
            Beam(elements, drive, rays, reality.transmission),
            centre_m=rays.focus + np.asarray(shift_m),
            coarse_square=unsteered[0].coarse_square if unsteered else None,
        )
        if not unsteered:
            unsteered.append(found)
        return found

    rest = initial_state(thermal, water_degc=scenario.water_degc)
    return Twin(thermal, rest, heating_at)
