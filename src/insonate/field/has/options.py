"""What may be chosen about a one-way solve."""

from dataclasses import dataclass

from insonate.core import SettingsError


@dataclass(frozen=True)
class HasOptions:
    """How the shells are made and marched through.

    Parameters
    ----------
    steps_per_wavelength
        Shells per wavelength in water, 4 to 40.
    echoes
        Rounds of echoes between shells that are counted, 0 to 8: each is one sweep back and
        one forth.
    lateral
        Largest harmonic over the water's wavenumber times the radius behind the bone: the sine
        of the widest angle from the radius that is carried there, 0.3 to 1.
    oversampling
        Nodes over the fewest that carry the largest harmonic, 1 to 2.
    points
        Points on each element's disc, 1 to 64.

    Raises
    ------
    SettingsError
        When a setting is out of its range.
    """

    steps_per_wavelength: float = 6.0
    echoes: int = 2
    lateral: float = 0.7
    oversampling: float = 1.25
    points: int = 19

    def __post_init__(self) -> None:
        ranges = {
            "steps_per_wavelength": (4, 40),
            "echoes": (0, 8),
            "lateral": (0.3, 1.0),
            "oversampling": (1, 2),
            "points": (1, 64),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(
                    f"The setting {name} of the one-way engine is {value:g}; allowed are "
                    f"{low:g} to {high:g}."
                )
