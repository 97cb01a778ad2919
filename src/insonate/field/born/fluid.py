"""A fluid as sound knows it at one frequency."""

from dataclasses import dataclass

from insonate.core import SettingsError
from insonate.core.units import TWO_PI


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
        if not (self.sound_speed > 0 and self.density > 0 and self.attenuation >= 0):
            raise SettingsError(
                f"A fluid of {self.sound_speed:g} m/s, {self.density:g} kg/m³ and "
                f"{self.attenuation:g} Np/m is not physical; speed and density must be positive "
                "and the attenuation must not be negative."
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
