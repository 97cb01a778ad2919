"""The smallest plant that a controller can treat: closed forms instead of a head."""

import math
from dataclasses import dataclass, field

import numpy as np

from insonate.control import AutomaticOperator, ControllerState, ControlSettings, initial_state
from insonate.control.step import step
from insonate.core import Frame
from insonate.events import Decision, Observation, State
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    ModelEstimate,
    PatientReport,
    Point,
    PowerSet,
    Resteered,
    TemperatureFrame,
)
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.plan import PEAK_GOALS_DEGC, Prescription, Sonication, Stage, Target

AFFINE = (1e-3, 0.0, 0.0, 0.0, 0.0, 1e-3, 0.0, 0.0, 0.0, 0.0, 3e-3, 0.0, 0.0, 0.0, 0.0, 1.0)
BODY_DEGC = 37.0


def prescription() -> Prescription:
    """Return a plain prescription for the bench: align, verify, treat."""
    target = Target("bench", np.zeros(3), Frame.CT, 1e-3, "bench of the controller's checks")
    sonications = (
        Sonication(Stage.ALIGN, 250.0, 10.0),
        Sonication(Stage.VERIFY, 400.0, 12.0),
        Sonication(Stage.TREAT, 700.0, 15.0),
    )
    return Prescription(target, sonications, PEAK_GOALS_DEGC)


@dataclass
class Bench:
    """A plant of closed forms: a focus that heats as ln(1 + t/τ), a skull with one time constant.

    Parameters
    ----------
    k_per_w
        Rise at the focus per watt and unit of ln(1 + t/τ), K/W.
    offset_m
        Where the focus lies off the target before steering, m.
    skull_k_per_kj
        Rise of the skull per kilojoule, K/kJ; the scalp has half of it.
    noise_k
        Standard deviation of the measured peak, K.
    """

    k_per_w: float = 0.0125
    offset_m: Point = (1.6e-3, -0.4e-3, 0.3e-3)
    skull_k_per_kj: float = 0.6
    noise_k: float = 0.3
    fall: float = 1.0
    """The efficiency of a sonication over that of the one before."""
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(6))
    tau_s: float = 1.45
    skull_s: float = 70.0
    frame_s: float = 3.4
    time_s: float = 0.0
    power_w: float = 0.0
    off_at_s: float | None = None
    sonication: int = 0
    started_s: float = 0.0
    rise_k: float = 0.0
    skull_rise_k: float = 0.0
    steered_m: Point = (0.0, 0.0, 0.0)
    frame: int = 0
    dose: float = 0.0
    hottest_degc: float = BODY_DEGC
    """The hottest that the focus has truly been."""
    middle_rise_k: float = 0.0
    """Rise in the middle of the latest tick: a frame shows about that."""

    def obey(self, decision: Decision) -> None:
        """Do what a decision asks of drive and steering."""
        if isinstance(decision, Resteered):
            self.steered_m = decision.total_m
        if not isinstance(decision, PowerSet):
            return
        if decision.power_w > 0.0 and self.power_w == 0.0:
            self.sonication, self.started_s = decision.sonication, self.time_s
            self.frame, self.dose, self.rise_k = 0, 0.0, 0.0
            self.k_per_w *= self.fall if decision.sonication > 1 else 1.0
        self.power_w, self.off_at_s = decision.power_w, decision.off_at_s

    def advance(self, by_s: float) -> None:
        """Let time pass: heat while power is on, cool otherwise."""
        before_k = self.rise_k
        self.time_s += by_s
        self.skull_rise_k *= math.exp(-by_s / self.skull_s)
        if self.power_w > 0.0:
            since = self.time_s - self.started_s
            gain = math.log1p(since / self.tau_s) - math.log1p(
                max(0.0, since - by_s) / self.tau_s
            )
            self.rise_k += self.k_per_w * self.power_w * gain
            self.skull_rise_k += self.skull_k_per_kj * self.power_w * by_s * 1e-3
        else:
            self.rise_k *= math.exp(-by_s / 8.0)
        self.hottest_degc = max(self.hottest_degc, BODY_DEGC + self.rise_k)
        self.middle_rise_k = (before_k + self.rise_k) / 2.0
        degc = BODY_DEGC + self.rise_k
        self.dose += (0.5 if degc >= 43.0 else 0.25) ** (43.0 - degc) * by_s / 60.0

    def readings(self) -> tuple[Observation, ...]:
        """Return what every channel shows now."""
        lag = max(0.0, self.power_w)
        return (
            OperatorPresent(who="bench"),
            CoolingReading(water_degc=16.0, flow_l_per_min=3.0, dissolved_oxygen_ppm=1.0),
            CavitationReading(subharmonic_db=0.5, ultraharmonic_db=0.2, broadband_db=0.1),
            self.estimate(),
            ArrayReading(power_w=lag, faulty_elements=3, reflected_share=0.05),
            MotionReading(displacement_m=0.05e-3),
            self.show(),
        )

    def estimate(self) -> ModelEstimate:
        """Return what a perfect thermal model would say."""
        return ModelEstimate(
            skull_max_degc=36.0 + self.skull_rise_k,
            scalp_max_degc=30.0 + self.skull_rise_k / 2.0,
            skull_dose_cem43=0.0,
            scalp_dose_cem43=0.0,
            skull_rise_k_per_kj=self.skull_k_per_kj,
            scalp_rise_k_per_kj=self.skull_k_per_kj / 2.0,
            focus_degc=BODY_DEGC + self.rise_k,
        )

    def show(self) -> TemperatureFrame:
        """Return the thermometry frame that ends now."""
        self.frame += 1
        x, y, z = (float(a + b) for a, b in zip(self.offset_m, self.steered_m, strict=True))
        peak = BODY_DEGC + self.middle_rise_k + float(self.rng.normal(0.0, self.noise_k))
        return TemperatureFrame(
            sonication=self.sonication,
            frame=self.frame,
            start_s=max(0.0, self.time_s - self.frame_s),
            end_s=self.time_s,
            orientation="axial",
            readout_axis=0,
            slice_affine=AFFINE,
            baseline_degc=BODY_DEGC,
            peak_degc=peak,
            mean_degc=peak - 0.5,
            sigma_k=self.noise_k,
            off_target_degc=38.0,
            peak_dose_cem43=self.dose,
            off_target_dose_cem43=0.01,
            focus_offset_m=(x, y, z) if self.rise_k > 2.0 else None,
            focus_sigma_m=0.2e-3 if self.rise_k > 2.0 else None,
            usable_share=0.9,
            drift_k=0.0,
        )


@dataclass(frozen=True)
class Treated:
    """A treatment of the bench: the last state, every decision, and the time it took, s."""

    state: ControllerState
    decisions: tuple[Decision, ...]
    time_s: float


def treat(
    bench: Bench, settings: ControlSettings | None = None, *, tick_s: float = 0.0
) -> Treated:
    """Let the automatic operator treat the bench until it is finished, or for a day."""
    settings = settings or ControlSettings(frame_time_s=bench.frame_s)
    tick_s = tick_s or bench.frame_s
    state, operator = initial_state(settings, prescription()), AutomaticOperator(settings)
    told: list[Decision] = []
    last: tuple[Decision, ...] = ()
    state, _ = step(state, 0.0, PatientReport(), settings)
    while state.state is not State.FINISHED and bench.time_s < 86400.0:
        command = operator(state, last, bench.time_s)
        seen = (command,) if command is not None else passing(bench, tick_s)
        for observation in seen:
            state, last = step(state, bench.time_s, observation, settings)
            told.extend(last)
            for decision in last:
                bench.obey(decision)
    return Treated(state, tuple(told), bench.time_s)


def passing(bench: Bench, tick_s: float) -> tuple[Observation, ...]:
    """Return what is seen after one more tick, no later than the drive's own end."""
    off_at = bench.off_at_s if bench.power_w > 0.0 else None
    bench.advance(tick_s if off_at is None else min(tick_s, max(1e-3, off_at - bench.time_s)))
    return bench.readings()
