"""A transducer array and what drives it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError, SettingsError
from insonate.core.arrays import frozen

WATER_DENSITY = 1000.0  # kg/m³, ITRUSST benchmark water
WATER_SOUND_SPEED = 1500.0  # m/s, ITRUSST benchmark water


class ElementState(StrEnum):
    """Whether an element is driven, and if not, why not."""

    ON = "on"
    NO_SKULL = "no skull on the path (gap in the bone)"
    ANGLE = "incidence angle too large"
    AIR = "air on the path"
    NO_PASS = "path crosses a no-pass region"
    GEOMETRY = "path leaves the image or misses the head"
    FAULT = "element fault"
    BY_HAND = "switched off by hand"


@dataclass(frozen=True, eq=False)
class Array:
    """Elements of a focused array, in the transducer frame.

    The transducer frame has its origin at the geometric focus and +z from the focus to the
    vertex of the dish, so a hemisphere's elements have z >= 0.

    Parameters
    ----------
    name
        What it is, for reports.
    centres
        Shape (N, 3), m.
    normals
        Shape (N, 3), unit vectors, the direction of radiation (towards the focus).
    areas
        Shape (N,), m².
    radius_of_curvature_m
        Distance of the elements from the geometric focus.
    """

    name: str
    centres: NDArray[np.float64]
    normals: NDArray[np.float64]
    areas: NDArray[np.float64]
    radius_of_curvature_m: float

    def __post_init__(self) -> None:
        n = len(self.centres)
        wanted = {"centres": (n, 3), "normals": (n, 3), "areas": (n,)}
        for name, shape in wanted.items():
            value = frozen(getattr(self, name), np.float64)
            if value.shape != shape or n == 0 or not np.isfinite(value).all():
                raise GeometryError(
                    f"The {name} of an array of {n} elements must be finite with shape {shape}, "
                    f"not {value.shape}."
                )
            object.__setattr__(self, name, value)
        if (self.areas <= 0).any():
            raise GeometryError("Every element of an array must have a positive area.")

    @property
    def count(self) -> int:
        """Number of elements."""
        return len(self.centres)


@dataclass(frozen=True, eq=False)
class Drive:
    """What each element does: a complex surface pressure, or nothing with a reason.

    Parameters
    ----------
    frequency_hz
        Continuous wave.
    pressure
        Shape (N,), complex128, Pa: the element's surface velocity times ρc of water; the
        time dependence is exp(-iωt).
    states
        One ``ElementState`` for each element; everything but ON has pressure 0.
    """

    frequency_hz: float
    pressure: NDArray[np.complex128]
    states: tuple[ElementState, ...]

    def __post_init__(self) -> None:
        pressure = frozen(self.pressure, np.complex128)
        if pressure.shape != (len(self.states),) or not np.isfinite(pressure).all():
            raise SettingsError(
                f"A drive of {len(self.states)} states needs as many finite pressures; "
                f"it has shape {pressure.shape}."
            )
        off = np.array([s is not ElementState.ON for s in self.states])
        if (pressure[off] != 0).any():
            raise SettingsError("An element that is off must have pressure 0.")
        object.__setattr__(self, "pressure", pressure)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which elements are on, shape (N,)."""
        return np.array([s is ElementState.ON for s in self.states])

    def acoustic_power_w(self, array: Array) -> float:
        """Return the radiated power Σ |p|² A / (2ρc), W (plane-wave radiation impedance)."""
        intensity = np.abs(self.pressure) ** 2 / (2 * WATER_DENSITY * WATER_SOUND_SPEED)
        return float((intensity * array.areas).sum())
