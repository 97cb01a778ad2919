"""A fluid as sound knows it at one frequency."""

from dataclasses import dataclass

from insonate.core import SettingsError
from insonate.core.units import TWO_PI

SPEEDS = (100.0, 20000.0)
"""m/s: from the heaviest gases (SF₆ 134) to diamond (18 000); Kaye & Laby, section 2.4.1."""
DENSITIES = (0.05, 25000.0)
"""kg/m³: from hydrogen (0.09) to osmium (22 600); Kaye & Laby, section 2.2.1."""
ATTENUATIONS = (0.0, 1e5)
"""Np/m; at the upper end a wave of 1 MHz in water is gone within a hundredth of its length."""


@dataclass(frozen=True)
class Fluid:
    """Sound speed, density and attenuation of a homogeneous fluid.

    Parameters
    ----------
    sound_speed
        c, m/s.
    density
        ρ, kg/m³.
    attenuation
        α, Np/m, **at the frequency of the wave**; not negative.

    Raises
    ------
    SettingsError
        When a value is not physical.
    """

    sound_speed: float
    density: float
    attenuation: float = 0.0

    def __post_init__(self) -> None:
        rows = (
            (self.sound_speed, SPEEDS, "m/s"),
            (self.density, DENSITIES, "kg/m³"),
            (self.attenuation, ATTENUATIONS, "Np/m"),
        )
        if not all(low <= value <= high for value, (low, high), _ in rows):
            found = ", ".join(f"{value:g} {unit}" for value, _, unit in rows)
            allowed = ", ".join(f"{low:g}-{high:g} {unit}" for _, (low, high), unit in rows)
            raise SettingsError(
                f"A fluid of {found} is not physical; sound speed, density and attenuation must "
                f"lie in {allowed}."
            )

    def wavenumber(self, frequency_hz: float) -> complex:
        """Return k = ω/c + iα, 1/m: exp(ikx - iωt) travels to +x and decays."""
        return TWO_PI * frequency_hz / self.sound_speed + 1j * self.attenuation

    def compressibility(self, frequency_hz: float) -> complex:
        """Return κ = k²/(ρω²), 1/Pa; without loss this is 1/(ρc²)."""
        omega = TWO_PI * frequency_hz
        return self.wavenumber(frequency_hz) ** 2 / (self.density * omega**2)


WATER = Fluid(1500.0, 1000.0)
"""Water of the ITRUSST benchmarks (Aubry et al., J. Acoust. Soc. Am. 152:1003, 2022)."""
