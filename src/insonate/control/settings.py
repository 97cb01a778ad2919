"""What the controller is told once: every cap, goal, patience and tolerance; frozen data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from insonate.core import SettingsError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.plan import PEAK_GOALS_DEGC, Limits, Stage

REFERENCE_DURATION_S = 10.0
"""Efficiencies of different durations are compared at this one; any value would do."""

_DURATIONS_S = {Stage.ALIGN: 10.0, Stage.VERIFY: 12.0, Stage.TREAT: 15.0}
_COUNTS = {Stage.ALIGN: 4, Stage.VERIFY: 3, Stage.TREAT: 4}


@dataclass(frozen=True)
class ControlSettings:
    """Everything that the controller is told once.

    Values without a paper are settings of this software; none is a clinical recommendation.

    Parameters
    ----------
    limits
        Every cap and threshold.
    goals
        For each stage the wanted (low, high) of the measured peak, °C.
    dose_goal_cem43
        Peak dose that counts as a lesion; 240 CEM43 is the classical threshold.
    frame_time_s
        Time between thermometry frames, s (clinical: 3.4-6 s).
    durations_s
        Duration of a stage's sonications where the prescription has none, s.
    maximum_duration_s
        No sonication is planned longer, s.
    sonications
        At most so many sonications in a row in one stage.
    maximum_sonications
        At most so many in all; clinical series have 6-14.
    body_temperature_degc
        Brain at rest, °C.
    tolerance_m
        The focus counts as confirmed within this distance; never above ``limits.focus_offset``.
    refine_m
        In align a focus farther off than this is moved and aligned once more, though it is within
        the tolerance; thermometry places it to 0.1-0.2 mm.
    lesion_sonications
        So many treat sonications must reach their goal before the lesion counts as made; one that
        falls short counts in part, by the low end of its dose.
    steering_range_m
        The focus is not moved electronically farther than this, m.
    predicted_k_per_kj
        The plan's prediction at ``predicted_duration_s``; None takes it from the prescription.
    predicted_duration_s
        See above, s.
    predicted_log_sigma
        Standard deviation of the natural logarithm of the plan's prediction, 1.
    heating_time_s
        Radial diffusion time w²/(4D) of the focal spot, s: w = 0.9 mm, D = 1.4e-7 m²/s.
    goal_margin_k
        A sonication ends this far below the top of its goal, K.
    skull_margin_k
        Proposals keep skull and scalp this far below their limits, K.
    minimum_wait_s, maximum_wait_s
        Shortest and longest wait after a sonication, s.
    cooling_time_s
        First guess of the time in which the skull's excess falls to 1/e, s.
    cooled_within_k
        The focus counts as cooled within this of the body's temperature, K.
    reading_age_s
        A reading of water, cavitation, array, model or motion older than this says nothing, s.
    operator_age_s
        The operator's last sign of presence may be so old, s.
    patient_age_s
        Before power the patient's last word may be so old, s.
    motion_m
        The head may lie so far from its reference images: half the focus's tolerance, m.
    maximum_dissolved_oxygen_ppm
        Water with more gas in it bubbles where it should couple; clinical systems keep it
        below about 2 ppm.
    maximum_fall_k
        At full power the measured peak may fall by so much, and five of its standard deviations,
        before the thermometry is not believed, K.
    minimum_usable_share
        Thermometry with fewer usable brain voxels is not trusted.
    maximum_sigma_k
        Thermometry noisier than this at the peak is not trusted, K.
    maximum_faulty_elements
        More faulty elements than this are a fault (about 5 % of 1024).
    maximum_reflected_share
        More electrical reflection than this is a fault.
    cavitation_factor
        Power is multiplied by this when cavitation asks to reduce it.
    drive_lag_s
        The array's report may lag behind what it was told by this, s.
    regulator
        What lowers the power within a sonication: the model-predictive estimate, or a PID.
    drive_tolerance
        The array may report so much more power than it was told, 1.
    guards_off
        Names of guards that are not asked, to learn from simulated patients what each prevents.
        Only a scenario of a simulated patient sets it; it stands in the record, and every surface
        that shows guards says so.
    """

    limits: Limits = field(default_factory=Limits)
    goals: Mapping[Stage, tuple[float, float]] = field(
        default_factory=lambda: dict(PEAK_GOALS_DEGC)
    )
    dose_goal_cem43: float = 240.0
    frame_time_s: float = 3.4
    durations_s: Mapping[Stage, float] = field(default_factory=lambda: dict(_DURATIONS_S))
    maximum_duration_s: float = 30.0
    sonications: Mapping[Stage, int] = field(default_factory=lambda: dict(_COUNTS))
    maximum_sonications: int = 14
    body_temperature_degc: float = BODY_TEMPERATURE_DEGC
    tolerance_m: float = 1.0e-3
    refine_m: float = 0.3e-3
    lesion_sonications: int = 2
    steering_range_m: float = 10.0e-3
    predicted_k_per_kj: float | None = None
    predicted_duration_s: float = REFERENCE_DURATION_S
    predicted_log_sigma: float = 0.5
    heating_time_s: float = 1.45
    goal_margin_k: float = 1.0
    skull_margin_k: float = 0.5
    minimum_wait_s: float = 30.0
    maximum_wait_s: float = 1800.0
    cooling_time_s: float = 60.0
    cooled_within_k: float = 1.0
    reading_age_s: float = 10.0
    operator_age_s: float = 5.0
    patient_age_s: float = 900.0
    motion_m: float = 0.5e-3
    maximum_dissolved_oxygen_ppm: float = 3.0
    maximum_fall_k: float = 3.0
    minimum_usable_share: float = 0.5
    maximum_sigma_k: float = 2.0
    maximum_faulty_elements: int = 50
    maximum_reflected_share: float = 0.3
    cavitation_factor: float = 0.7
    drive_lag_s: float = 1.0
    drive_tolerance: float = 0.1
    guards_off: tuple[str, ...] = ()
    regulator: Literal["predictive", "pid"] = "predictive"

    def __post_init__(self) -> None:
        faults = [*_not_positive(self), *_stage_faults(self)]
        if self.tolerance_m > self.limits.focus_offset.value:
            faults.append(
                f"The tolerance {self.tolerance_m} m is above the limit of the focus's offset, "
                f"{self.limits.focus_offset.value} m; it may only be below."
            )
        if self.regulator not in {"predictive", "pid"}:
            faults.append(f"The regulator is '{self.regulator}'; it must be predictive or pid.")
        if not 0.0 < self.cavitation_factor < 1.0:
            faults.append(
                f"The factor at cavitation is {self.cavitation_factor}; it must lie in 0-1."
            )
        if faults:
            raise SettingsError(" ".join(faults))


def _not_positive(settings: ControlSettings) -> list[str]:
    """Return a sentence for each number that is not finite and positive."""
    numbers = {f.name: getattr(settings, f.name) for f in fields(settings)}
    return [
        f"The setting {name} is {value}; it must be a positive number."
        for name, value in numbers.items()
        if isinstance(value, int | float) and not (math.isfinite(value) and value > 0.0)
    ]


def _stage_faults(settings: ControlSettings) -> list[str]:
    """Return a sentence for each stage whose goal, duration or count is missing or wrong."""
    faults = [
        f"The setting {name} lacks the stage {stage}; each stage needs a value."
        for name in ("goals", "durations_s", "sonications")
        for stage in Stage
        if stage not in getattr(settings, name)
    ]
    top = settings.limits.focal_temperature.value
    faults += [
        f"The goal of {stage} is {low}-{high} °C; it must rise, lie above the body's "
        f"{settings.body_temperature_degc} °C and not above the limit of {top} °C."
        for stage, (low, high) in settings.goals.items()
        if not settings.body_temperature_degc < low < high <= top
    ]
    longest = settings.maximum_duration_s
    faults += [
        f"The duration of {stage} is {duration} s; it must lie between 0 and {longest} s."
        for stage, duration in settings.durations_s.items()
        if not 0.0 < duration <= longest
    ]
    faults += [
        f"The number of sonications of {stage} is {count}; it must be 1 or more."
        for stage, count in settings.sonications.items()
        if count < 1
    ]
    return faults


def heating_shape(duration_s: float, settings: ControlSettings) -> float:
    """Return the rise at the focus per watt, up to a factor: ln(1 + d/τ).

    A long Gaussian source of radius w in a medium of diffusivity D, at its centre:
    T(d) = q w²/(4 ρ C D) · ln(1 + 4 D d / w²) (Parker, J. Acoust. Soc. Am. 74:1180, 1983).
    """
    return math.log1p(duration_s / settings.heating_time_s)


def efficiency_shape(duration_s: float, settings: ControlSettings) -> float:
    """Return the efficiency of a duration over that of the reference duration, 1."""
    per_joule = heating_shape(duration_s, settings) / duration_s
    reference = heating_shape(REFERENCE_DURATION_S, settings) / REFERENCE_DURATION_S
    return per_joule / reference
