"""How bright each tissue is in a spoiled gradient echo at 3 T, each number with its source."""

from dataclasses import dataclass
from math import cos, exp, sin

from insonate.core import Quantity, Tissue
from insonate.thermometry.protocol import Protocol

_WANSAPURA = (
    "Wansapura et al., J. Magn. Reson. Imaging 9:531 (1999), 3 T: mean of grey and white matter"
)
_STANISZ = "Stanisz et al., Magn. Reson. Med. 54:507 (2005), skeletal muscle at 3 T"
_BATH = "Setting: water that flows and is stirred loses its phase; what is left is faint"


@dataclass(frozen=True)
class Relaxation:
    """What a tissue's signal depends on.

    ``t1`` and ``t2_star`` in s, ``proton_density`` relative to water.
    """

    t1: Quantity
    t2_star: Quantity
    proton_density: Quantity


RELAXATION: dict[Tissue, Relaxation] = {
    Tissue.BRAIN: Relaxation(
        Quantity(1.08, "s", _WANSAPURA, low=0.832, high=1.331),
        Quantity(46e-3, "s", _WANSAPURA, low=41.6e-3, high=51.8e-3),
        Quantity(
            0.77, "1", "Water content 0.70 (white) to 0.83 (grey): Neeb et al. 2006", 0.70, 0.83
        ),
    ),
    Tissue.SCALP: Relaxation(
        Quantity(1.41, "s", _STANISZ),
        Quantity(
            25e-3, "s", "Setting: below T2 of muscle (50 ms, Stanisz 2005); fat is suppressed"
        ),
        Quantity(0.70, "1", "Setting: water content of skin and muscle; fat is suppressed"),
    ),
    Tissue.SKULL: Relaxation(
        Quantity(0.25, "s", "Du & Bydder, NMR Biomed. 26:489 (2013): cortical bone at 3 T"),
        Quantity(0.4e-3, "s", "Du & Bydder, NMR Biomed. 26:489 (2013): cortical bone at 3 T"),
        Quantity(0.20, "1", "Du & Bydder, NMR Biomed. 26:489 (2013): about 20 % water"),
    ),
    Tissue.AIR: Relaxation(
        Quantity(1.0, "s", "No protons: any value does"),
        Quantity(1e-3, "s", "No protons: any value does"),
        Quantity(0.0, "1", "No protons"),
    ),
    Tissue.WATER: Relaxation(
        Quantity(2.6, "s", "Krynicki, Physica 32:167 (1966): pure water at 15-20 °C"),
        Quantity(20e-3, "s", _BATH),
        Quantity(1.0, "1", "Definition"),
    ),
}
"""The table; T1 and T2* hold at 3 T."""


def gradient_echo_signal(tissue: Tissue, protocol: Protocol) -> float:
    """Return the magnitude of the spoiled gradient echo of a tissue, relative to water's M₀.

    M = PD sin θ (1 − E₁) / (1 − E₁ cos θ) e^(−TE/T2*), E₁ = e^(−TR/T1)
    (Haacke et al., Magnetic Resonance Imaging, 2nd ed., eq. 18.14).
    """
    r = RELAXATION[tissue]
    E1 = exp(-protocol.repetition_time_s / r.t1.value)
    steady = (1.0 - E1) / (1.0 - E1 * cos(protocol.flip_rad))
    decay = exp(-protocol.echo_time_s / r.t2_star.value)
    return r.proton_density.value * sin(protocol.flip_rad) * steady * decay
