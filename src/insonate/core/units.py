"""Units at the borders; inside, everything is SI.

Every constant says where it comes from.
"""

from math import log, pi

MM = 1e-3
"""Metres in a millimetre."""

NEPER_IN_DB = 20.0 / log(10.0)
"""Decibels in one neper, 20/ln 10 = 8.685889638..., never rounded."""

PROTON_GYROMAGNETIC_RATIO_HZ_PER_T = 42.577478518e6
"""Proton gyromagnetic ratio over 2π, CODATA 2018."""

BODY_TEMPERATURE_DEGC = 37.0
"""Arterial blood and brain at rest, the convention of the thermal-dose literature."""

TWO_PI = 2.0 * pi


def db_per_cm_to_np_per_m(attenuation_db_per_cm: float) -> float:
    """Convert an attenuation from dB/cm to Np/m.

    1 dB/cm = 100 / (20/ln 10) Np/m.
    """
    return attenuation_db_per_cm * 100.0 / NEPER_IN_DB


def perfusion_per_s(perfusion_ml_per_min_per_kg: float, density_kg_per_m3: float) -> float:
    """Convert a perfusion from mL/min/kg of tissue to m³ of blood per m³ of tissue per second.

    1 mL/min/kg = 1e-6/60 m³/s/kg; times the tissue's density (IT'IS tissue database's form).
    """
    return perfusion_ml_per_min_per_kg * 1e-6 / 60.0 * density_kg_per_m3
