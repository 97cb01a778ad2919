"""The rays of an array through a skull: one for each element."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError
from insonate.core.arrays import frozen
from insonate.core.units import TWO_PI

_VECTORS = ("centres", "outer_hits", "inner_hits", "straight_hits")
_FLAGS = ("hits_skull", "crosses_air", "leaves_grid")
_SCALARS = (
    "incidence_angle_rad", "critical_angle_rad", "thickness_m", "path_length_m", "travel_time_s",
    "attenuation_np", "bone_sound_speed", "snell_residual",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rays:
    """What each element's ray meets on its way to the focus (CT frame).

    Parameters
    ----------
    focus
        Shape (3,), m.
    frequency_hz
        Of transmission and attenuation.
    centres
        Shape (N, 3): where the rays start, m.
    outer_hits, inner_hits
        Shape (N, 3): the refracted path's points on the two surfaces of the skull, m; NaN where
        there is no skull.
    straight_hits
        Shape (N, 3): where the straight line meets the outer surface, m; NaN without skull.
    incidence_angle_rad
        Shape (N,): between the straight line and the outer surface's normal; NaN without skull.
    critical_angle_rad
        Shape (N,): asin(c outside / c of the bone on this ray); π/2 without skull.
    thickness_m
        Shape (N,): distance between the two surfaces along the refracted path; 0 without skull.
    path_length_m, travel_time_s
        Shape (N,): of the refracted path; time is ∫ ds / c.
    attenuation_np
        Shape (N,): ∫ α ds over all tissue.
    transmission
        Shape (N,), complex: pressure that passes over what would arrive without head: faces,
        echoes inside the skull, attenuation. Its argument is the echoes' alone; the phase of
        travelling is in ``travel_time_s``. 0 beyond the critical angle, and through air.
    bone_sound_speed
        Shape (N,): mean (of slowness) along the bone, m/s; NaN without skull.
    snell_residual
        Shape (N,): by how much Snell's law is missed, as a sine; 0 without skull.
    hits_skull, crosses_air, leaves_grid
        Shape (N,): flags; a ray leaves the grid when it is still in the head there.
    focus_sound_speed
        m/s, in the tissue at the focus.
    """

    focus: NDArray[np.float64]
    frequency_hz: float
    centres: NDArray[np.float64]
    outer_hits: NDArray[np.float64]
    inner_hits: NDArray[np.float64]
    straight_hits: NDArray[np.float64]
    incidence_angle_rad: NDArray[np.float64]
    critical_angle_rad: NDArray[np.float64]
    thickness_m: NDArray[np.float64]
    path_length_m: NDArray[np.float64]
    travel_time_s: NDArray[np.float64]
    attenuation_np: NDArray[np.float64]
    transmission: NDArray[np.complex128]
    bone_sound_speed: NDArray[np.float64]
    snell_residual: NDArray[np.float64]
    hits_skull: NDArray[np.bool_]
    crosses_air: NDArray[np.bool_]
    leaves_grid: NDArray[np.bool_]
    focus_sound_speed: float

    def __post_init__(self) -> None:
        n = len(self.centres)
        shapes: dict[str, tuple[int, ...]] = {"focus": (3,), "transmission": (n,)}
        shapes |= dict.fromkeys(_VECTORS, (n, 3)) | dict.fromkeys(_SCALARS + _FLAGS, (n,))
        for name, shape in shapes.items():
            value = frozen(getattr(self, name))
            if value.shape != shape:
                raise GeometryError(
                    f"The {name} of {n} rays must have shape {shape}, not {value.shape}."
                )
            object.__setattr__(self, name, value)

    @property
    def count(self) -> int:
        """Number of rays."""
        return len(self.centres)

    @property
    def distances_m(self) -> NDArray[np.float64]:
        """Straight distance from each element to the focus, shape (N,), m."""
        distance: NDArray[np.float64] = np.linalg.norm(self.focus - self.centres, axis=1)
        return distance

    def arrival_phase(self) -> NDArray[np.float64]:
        """Return ω t + arg T: the phase with which each element arrives, shape (N,), rad."""
        omega = TWO_PI * self.frequency_hz
        phase: NDArray[np.float64] = omega * self.travel_time_s + np.angle(self.transmission)
        return phase

    def phase_aberration(self) -> NDArray[np.float64]:
        """Return the arrival phase less that in a medium like the focus's, shape (N,), rad.

        With it the field near the focus is p(r) = Σ pₙ Aₙ/(iλ rₙ) Dₙ |Tₙ| exp(i(k rₙ + φₙ)).
        """
        wavenumber = TWO_PI * self.frequency_hz / self.focus_sound_speed
        aberration: NDArray[np.float64] = self.arrival_phase() - wavenumber * self.distances_m
        return aberration
