"""What the controller remembers: frozen data, nothing hidden."""

import math
from dataclasses import dataclass, field

from insonate.control.settings import ControlSettings, efficiency_shape
from insonate.core import SettingsError
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    ModelEstimate,
    PatientReport,
    Point,
    SonicationProposed,
    SonicationReviewed,
    TemperatureFrame,
)
from insonate.events.presence import MotionReading
from insonate.events.sight import FocusEstimate
from insonate.events.states import EndReason, State
from insonate.plan import Prescription, Sonication, Stage

ABSOLUTE_ZERO_DEGC = -273.15
"""Colder than any frame."""


@dataclass(frozen=True)
class Readings:
    """The last word of every channel, and when it arrived (s); None where none came yet."""

    frame: TemperatureFrame | None = None
    cooling: CoolingReading | None = None
    cooling_s: float | None = None
    cavitation: CavitationReading | None = None
    cavitation_s: float | None = None
    model: ModelEstimate | None = None
    model_s: float | None = None
    array: ArrayReading | None = None
    array_s: float | None = None
    patient: PatientReport | None = None
    patient_s: float | None = None
    motion: MotionReading | None = None
    """Since the last reference images; None until it spoke after them."""
    motion_s: float | None = None
    focus: FocusEstimate | None = None
    """The focus between the frames; None where nobody estimates it."""
    operator_s: float | None = None
    """The operator's last sign of presence."""
    skull_rest_degc: float | None = None
    """Coolest skull maximum that the model has shown, °C."""
    scalp_rest_degc: float | None = None


@dataclass(frozen=True)
class Exposure:
    """One sonication, as it was commanded and as it was seen.

    ``power_w`` is what is set now; ``asked_w`` what was approved. ``mid_s`` and ``last_degc``
    are the middle and the peak of the latest frame, ``slope_k_per_s`` the rise up to it.
    """

    sonication: int
    stage: Stage
    asked_w: float
    power_w: float
    duration_s: float
    started_s: float
    accounted_s: float
    """Energy is accounted up to this time."""
    power_set_s: float
    energy_j: float = 0.0
    ended_s: float | None = None
    end_reason: EndReason | None = None
    guard: str = ""
    frames: int = 0
    frame_end_s: float | None = None
    mid_s: float = 0.0
    last_degc: float = 0.0
    slope_k_per_s: float = 0.0
    error_ks: float = 0.0
    """Integral of how far the peak lay below the focal cap less the margin, K s: for a PID."""
    baseline_degc: float | None = None
    peak_degc: float | None = None
    sigma_k: float = 0.0
    dose_cem43: float = 0.0
    offset_m: Point | None = None
    offset_at_degc: float = ABSOLUTE_ZERO_DEGC
    """Peak of the frame that the offset was taken from."""

    @property
    def off_at_s(self) -> float:
        """Time at which the drive goes off by itself, s."""
        return self.started_s + self.duration_s


@dataclass(frozen=True)
class Efficiency:
    """Belief about ln(K/kJ) at the reference duration: mean, spread, sonications behind it."""

    log_mean: float
    log_sigma: float
    measured: tuple[float, ...] = ()
    """K/kJ of each reviewed sonication, as measured."""
    trend: float = 0.0
    """Change of ln(K/kJ) from one sonication to the next, as it was seen to fall; never above 0."""

    @property
    def ahead(self) -> float:
        """Mean of ln(K/kJ) that is expected of the next sonication."""
        return self.log_mean + self.trend


@dataclass(frozen=True)
class Worst:
    """The worst that was seen of each limited quantity, in the limit's unit."""

    focal_temperature: float = 0.0
    off_target_dose: float = 0.0
    skull_temperature: float = 0.0
    scalp_temperature: float = 0.0
    skull_dose: float = 0.0
    scalp_dose: float = 0.0
    power: float = 0.0
    energy: float = 0.0
    water_temperature: float = 0.0
    water_flow: float | None = None
    """Least flow while power was on; None where it never was."""
    cavitation_reduce: float = 0.0
    cavitation_stop: float = 0.0
    frame_age: float = 0.0
    """Longest time without a fresh frame under power, frames."""
    focus_offset: float | None = None
    """Of a focus that was accepted, within the slice that showed it, m."""


@dataclass(frozen=True)
class ControllerState:
    """Everything that the controller remembers; ``step`` returns a new one.

    ``sonication`` counts from 1 with each start. ``exposure`` is the sonication that runs or ran
    last, ``review`` its review until it is confirmed.
    """

    efficiency: Efficiency
    prescribed: tuple[Sonication, ...]
    state: State = State.PLANNED
    time_s: float = 0.0
    entered_s: float = 0.0
    stage: Stage = Stage.ALIGN
    sonication: int = 0
    stage_count: int = 0
    """Sonications in a row in this stage."""
    confirmed: bool = False
    verified: bool = False
    treated: int = 0
    """Treat sonications that reached their goal."""
    sure_cem43: float = 0.0
    """Low ends of the dose of all treat sonications together, each no more than its goal."""
    lesion: bool = False
    proposed: SonicationProposed | None = None
    approved: SonicationProposed | None = None
    exposure: Exposure | None = None
    reviewed: int = 0
    """Number of the last sonication that was reviewed."""
    review: SonicationReviewed | None = None
    resteer_m: Point = (0.0, 0.0, 0.0)
    session_energy_j: float = 0.0
    positioned_s: float | None = None
    wait_until_s: float = 0.0
    off_s: float = 0.0
    """When power last went off, s."""
    hold: bool = False
    resume_approved: bool = False
    aborted: bool = False
    stopped: bool = False
    """The treatment was stopped and has not been resumed."""
    alarms: tuple[str, ...] = ()
    """Guards whose latching alarm was raised and is not acknowledged yet, in their order."""
    said_no: tuple[str, ...] = ()
    """Guards that said no at the last tick while armed: each is told once, when it begins."""
    loud_w: float | None = None
    """Lowest power at which cavitation ended a sonication, W."""
    unreachable: str = ""
    """Why no further sonication can be proposed; empty while one can."""
    seen: Readings = field(default_factory=Readings)
    worst: Worst = field(default_factory=Worst)


def initial_state(settings: ControlSettings, prescription: Prescription) -> ControllerState:
    """Return the state before anything happened: planned, nothing confirmed, power off.

    The prescription's first sonication is the first guess of power; what it implies, or
    ``settings.predicted_k_per_kj``, is the first belief about the efficiency.

    Raises
    ------
    SettingsError
        When the prescription has no sonication, or one without positive power and duration.
    """
    first = _first(prescription)
    mid = sum(settings.goals[first.stage]) / 2.0 - settings.body_temperature_degc
    k_per_kj, duration_s = mid / (first.energy_j * 1e-3), first.duration_s
    if settings.predicted_k_per_kj is not None:
        k_per_kj, duration_s = settings.predicted_k_per_kj, settings.predicted_duration_s
    log_mean = math.log(k_per_kj / efficiency_shape(duration_s, settings))
    belief = Efficiency(log_mean, settings.predicted_log_sigma)
    return ControllerState(efficiency=belief, prescribed=prescription.sonications)


def _first(prescription: Prescription) -> Sonication:
    """Return the first sonication; all must have positive power and duration."""
    wrong = [s for s in prescription.sonications if not (s.power_w > 0.0 < s.duration_s)]
    if wrong or not prescription.sonications:
        raise SettingsError(
            f"The prescription has {len(prescription.sonications)} sonications, of which "
            f"{len(wrong)} lack a positive power and duration; it needs one or more, all with both."
        )
    return prescription.sonications[0]
