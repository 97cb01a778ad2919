"""Acoustic and thermal properties of tissues, each number with its source.

Attenuation is α(f) = ``attenuation`` · (f / 1 MHz)^``attenuation_exponent``.
Sources disagree; a range (low, high) is data, and is what ensembles draw from.
"""

from dataclasses import dataclass
from enum import IntEnum

from insonate.core.quantity import Quantity
from insonate.core.units import db_per_cm_to_np_per_m

ITIS = (
    "Hasgall et al., IT'IS database for thermal and electromagnetic parameters of biological "
    "tissues, version 4.1 (2022), as quoted by BabelBrain and PRESTUS"
)
ITRUSST = "Aubry et al., J. Acoust. Soc. Am. 152:1003 (2022), ITRUSST benchmark materials"


class Tissue(IntEnum):
    """Labels of a segmented head. The space outside the head is water during a treatment."""

    WATER = 0
    AIR = 1
    """Air inside the head: sinuses, mastoid cells, airways."""
    SCALP = 2
    """All soft tissue outside the skull."""
    SKULL = 3
    BRAIN = 4
    """All soft tissue inside the skull."""


@dataclass(frozen=True)
class TissueProperties:
    """One tissue: acoustic and thermal constants.

    ``density`` kg/m³, ``sound_speed`` m/s, ``attenuation`` Np/m at 1 MHz,
    ``absorbed_share`` of the attenuation that becomes heat, ``heat_capacity`` J/(kg K),
    ``conductivity`` W/(m K), ``perfusion`` mL/min/kg.
    """

    density: Quantity
    sound_speed: Quantity
    attenuation: Quantity
    attenuation_exponent: Quantity
    absorbed_share: Quantity
    heat_capacity: Quantity
    conductivity: Quantity
    perfusion: Quantity


def _soft(  # noqa: PLR0913, PLR0917 - one row of a table
    density: float,
    sound_speed: float,
    attenuation: Quantity,
    exponent: float,
    heat_capacity: float,
    conductivity: float,
    perfusion: Quantity,
    speed_source: str = ITRUSST,
) -> TissueProperties:
    return TissueProperties(
        Quantity(density, "kg/m³", ITIS),
        Quantity(sound_speed, "m/s", speed_source),
        attenuation,
        Quantity(exponent, "1", attenuation.source),
        Quantity(1.0, "1", "In soft tissue and fluids scattering is neglected (ITRUSST)."),
        Quantity(heat_capacity, "J/(kg K)", ITIS),
        Quantity(conductivity, "W/(m K)", ITIS),
        perfusion,
    )


_BRAIN_ATTENUATION = Quantity(
    db_per_cm_to_np_per_m(0.59),
    "Np/m at 1 MHz",
    "IT'IS 4.1: 0.59 dB/cm/MHz^1.2 (4.1 Np/m at 0.66 MHz); range from one hybrid-angular-"
    "spectrum code (0.8 Np/m at 0.66 MHz) to the conservative bracket 0.94 dB/cm/MHz",
    low=1.3,
    high=db_per_cm_to_np_per_m(0.94),
)

TISSUES: dict[Tissue, TissueProperties] = {
    Tissue.WATER: _soft(
        1000.0,
        1500.0,
        Quantity(0.0, "Np/m at 1 MHz", ITRUSST),
        2.0,
        4178.0,
        0.60,
        Quantity(0.0, "mL/min/kg", ITIS),
    ),
    Tissue.AIR: _soft(
        1.2,
        343.0,
        Quantity(0.0, "Np/m at 1 MHz", "Air transmits nothing here: rays through it are off."),
        2.0,
        1004.0,
        0.027,
        Quantity(0.0, "mL/min/kg", ITIS),
        "Dry air at 20 °C, ISO 9613-1",
    ),
    Tissue.SCALP: _soft(
        1109.0,
        1610.0,
        Quantity(db_per_cm_to_np_per_m(0.4), "Np/m at 1 MHz", ITRUSST),
        1.0,
        3391.0,
        0.37,
        Quantity(106.0, "mL/min/kg", ITIS),
    ),
    Tissue.SKULL: TissueProperties(
        Quantity(1908.0, "kg/m³", ITIS, low=1178.0, high=1908.0),
        Quantity(2800.0, "m/s", ITRUSST, low=2300.0, high=2800.0),
        Quantity(
            db_per_cm_to_np_per_m(8.0),
            "Np/m at 1 MHz",
            ITRUSST,
            low=db_per_cm_to_np_per_m(8.0),
            high=db_per_cm_to_np_per_m(16.0),
        ),
        Quantity(1.0, "1", ITRUSST),
        Quantity(
            0.28,
            "1",
            "Pinton et al., Med. Phys. 39:299 (2012): 2.7 of 13.3 dB/cm/MHz is absorption, as "
            "used by PRESTUS (0.28); 0.15 in BabelBrain, 1.0 in k-Plan",
            low=0.15,
            high=1.0,
        ),
        Quantity(1313.0, "J/(kg K)", ITIS, low=1313.0, high=2274.0),
        Quantity(0.32, "W/(m K)", ITIS, low=0.31, high=0.32),
        Quantity(10.0, "mL/min/kg", ITIS, low=10.0, high=30.0),
    ),
    Tissue.BRAIN: _soft(
        1046.0,
        1560.0,
        _BRAIN_ATTENUATION,
        1.2,
        3630.0,
        0.51,
        Quantity(559.0, "mL/min/kg", ITIS, low=196.0, high=809.0),
    ),
}
"""The table. Skull acoustics are only a fallback: a CT mapping gives them voxel by voxel."""

BLOOD_DENSITY = Quantity(1050.0, "kg/m³", ITIS)
BLOOD_HEAT_CAPACITY = Quantity(3617.0, "J/(kg K)", ITIS)
