"""What is wanted, never how: target, sonications, limits."""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, GeometryError, Quantity
from insonate.core.arrays import frozen


class Stage(StrEnum):
    """The three stages of the treatment, in their order."""

    ALIGN = "align"
    VERIFY = "verify"
    TREAT = "treat"


@dataclass(frozen=True, eq=False)
class Target:
    """A point to be heated, in a named frame.

    Parameters
    ----------
    name
        "cl-left", "vim-right", "by hand".
    point
        Shape (3,), m.
    frame
        The frame of the point.
    error_m
        One standard deviation of its position, m.
    source
        Where the point comes from: paper, atlas, hand.
    """

    name: str
    point: NDArray[np.float64]
    frame: Frame
    error_m: float
    source: str

    def __post_init__(self) -> None:
        point = frozen(self.point, np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise GeometryError(
                f"The target {self.name} must be one finite point, not {self.point}."
            )
        object.__setattr__(self, "point", point)


@dataclass(frozen=True)
class Sonication:
    """One exposure: acoustic power (W), duration (s), stage."""

    stage: Stage
    power_w: float
    duration_s: float

    @property
    def energy_j(self) -> float:
        """Acoustic energy, J."""
        return self.power_w * self.duration_s


@dataclass(frozen=True)
class Prescription:
    """The ordered intent of one treatment.

    Parameters
    ----------
    target
        Where.
    sonications
        The first guess of each sonication, in order; powers are adapted as the treatment
        measures what they do.
    peak_goal_degc
        For each stage the wanted range (low, high) of the peak temperature at the focus, °C.
    """

    target: Target
    sonications: tuple[Sonication, ...]
    peak_goal_degc: dict[Stage, tuple[float, float]]


PROCEDURE = "the staged procedure: align about 41-45 °C, verify 46-50 °C, treat 54-60 °C"

PEAK_GOALS_DEGC: dict[Stage, tuple[float, float]] = {
    Stage.ALIGN: (41.0, 45.0),
    Stage.VERIFY: (46.0, 50.0),
    Stage.TREAT: (54.0, 60.0),
}
"""Peak temperature wanted at the focus in each stage (°C)."""


@dataclass(frozen=True)
class Limits:
    """Every cap and threshold, each with unit and source. What is crossed stops the power.

    Field names end with what they bound; units are in each ``Quantity``.
    """

    focal_temperature: Quantity = Quantity(
        60.0, "degC", "Jeanmonod et al., Neurosurg. Focus 32:E1 (2012): kept below 60 °C after a bleed"
    )  # fmt: skip
    off_target_dose: Quantity = Quantity(
        17.0, "CEM43", "lower threshold of damage in brain; McDannold et al. (2004), Yarmolenko (2011)"
    )  # fmt: skip
    skull_temperature: Quantity = Quantity(
        47.0,
        "degC",
        "Setting, not a published threshold: 16 CEM43 (ITRUSST bone limit) in one minute is 47 °C",
    )
    scalp_temperature: Quantity = Quantity(
        43.0, "degC", "Setting: the onset of thermal dose (CEM43) in skin, IEC 60601-2-37"
    )
    skull_dose: Quantity = Quantity(
        16.0, "CEM43", "ITRUSST consensus (Aubry et al. 2023): non-significant risk in bone"
    )
    scalp_dose: Quantity = Quantity(
        21.0, "CEM43", "ITRUSST consensus (Aubry et al. 2023): non-significant risk in skin"
    )
    power: Quantity = Quantity(
        1200.0, "W", "Setting: above the acoustic powers of clinical series"
    )
    energy: Quantity = Quantity(36.1e3, "J", "Clinical series: ablation energies 3.3-36.1 kJ")
    session_energy: Quantity = Quantity(
        250e3, "J", "Setting: 6-14 sonications of clinical energies"
    )
    focus_offset: Quantity = Quantity(1.0e-3, "m", "Setting: focus confirmed within 1 mm")
    water_temperature: Quantity = Quantity(
        25.0, "degC", "Setting: circulating water of clinical systems 10-25 °C"
    )
    water_flow: Quantity = Quantity(
        1.0, "L/min", "Setting: the pump must be felt to run; a floor, not a cap"
    )
    cavitation_reduce: Quantity = Quantity(
        6.0, "dB", "Setting: above this channel's own baseline"
    )
    cavitation_stop: Quantity = Quantity(
        12.0, "dB", "Setting: above this channel's own baseline"
    )
    frame_age: Quantity = Quantity(1.5, "frames", "Setting: stale after 1.5 frame times")
    session_time: Quantity = Quantity(4.0 * 3600, "s", "Clinical sessions take about 3 hours")

    def rows(self) -> list[tuple[str, Quantity]]:
        """Return (name, quantity) for every limit, in order."""
        return [(f.name, getattr(self, f.name)) for f in fields(self)]
