"""From a predicted heating efficiency to the first guess of each sonication."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from insonate.core import PlanError, SettingsError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.plan import PEAK_GOALS_DEGC, Limits, Prescription, Sonication, Stage, Target

Efficiency = Callable[[float], float]
"""Duration (s) to the predicted peak temperature rise per energy at the focus, K/kJ."""


@dataclass(frozen=True)
class PrescriptionOptions:
    """What is aimed at.

    Parameters
    ----------
    duration_s
        Of each stage, s, 1-60. Setting, durations of clinical sonications.
    peak_goal_degc
        Wanted peak temperature of each stage, °C; its middle is aimed at.
    base_degc
        Temperature before power goes on, °C.
    """

    duration_s: Mapping[Stage, float] = field(
        default_factory=lambda: {Stage.ALIGN: 10.0, Stage.VERIFY: 10.0, Stage.TREAT: 20.0}
    )
    peak_goal_degc: Mapping[Stage, tuple[float, float]] = field(
        default_factory=lambda: dict(PEAK_GOALS_DEGC)
    )
    base_degc: float = BODY_TEMPERATURE_DEGC

    def __post_init__(self) -> None:
        for stage in Stage:
            duration = self.duration_s.get(stage, float("nan"))
            if not 1.0 <= duration <= 60.0:
                raise SettingsError(
                    f"The {stage} sonication lasts {duration} s; allowed are 1-60 s."
                )
            low, high = self.peak_goal_degc.get(stage, (float("nan"), float("nan")))
            if not self.base_degc < low <= high:
                raise SettingsError(
                    f"The goal of the {stage} stage is {low}-{high} °C; it must lie above the "
                    f"{self.base_degc:g} °C that the tissue has, and begin with its low end."
                )


def prescribe(
    target: Target,
    k_per_kj: Efficiency,
    limits: Limits | None = None,
    *,
    options: PrescriptionOptions = PrescriptionOptions(),
) -> Prescription:
    """Return one sonication for each stage: align, verify, treat.

    power = rise wanted / (K per kJ at this duration · duration), never above the caps on power
    and energy, and never aimed above the cap on the focal temperature.

    Parameters
    ----------
    target
        Where.
    k_per_kj
        Predicted efficiency for a duration.
    limits
        Caps; the defaults where None.
    options
        Durations and goals.

    Raises
    ------
    PlanError
        When the prediction is not a positive number.
    """
    sonications = tuple(
        Sonication(
            stage,
            _power(stage, k_per_kj, limits or Limits(), options),
            options.duration_s[stage],
        )
        for stage in Stage
    )
    return Prescription(target, sonications, dict(options.peak_goal_degc))


def shortfalls(
    prescription: Prescription,
    k_per_kj: Efficiency,
    *,
    base_degc: float = BODY_TEMPERATURE_DEGC,
) -> tuple[str, ...]:
    """Return a sentence for each sonication that is predicted to miss its goal."""
    sentences = []
    for s in prescription.sonications:
        peak = base_degc + _efficiency(k_per_kj, s.duration_s) * s.energy_j / 1e3
        low = prescription.peak_goal_degc[s.stage][0]
        if peak < low - 1e-6:
            sentences.append(
                f"The {s.stage} sonication is predicted to reach {peak:.1f} °C, below its goal "
                f"of {low:.0f} °C: the caps on power or energy allow {s.power_w:.0f} W for "
                f"{s.duration_s:.0f} s."
            )
    return tuple(sentences)


def _power(
    stage: Stage, k_per_kj: Efficiency, limits: Limits, options: PrescriptionOptions
) -> float:
    duration = options.duration_s[stage]
    goal = sum(options.peak_goal_degc[stage]) / 2
    rise = min(goal, limits.focal_temperature.value) - options.base_degc
    wanted = 1e3 * rise / (_efficiency(k_per_kj, duration) * duration)
    return min(wanted, limits.power.value, limits.energy.value / duration)


def _efficiency(k_per_kj: Efficiency, duration_s: float) -> float:
    value = k_per_kj(duration_s)
    if not 0 < value < float("inf"):
        raise PlanError(
            [
                (
                    f"The predicted heating is {value} K/kJ; it must be a positive number. Nothing "
                    "reaches the focus: choose another target or placement."
                )
            ]
        )
    return value
