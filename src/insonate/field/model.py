"""A pressure field, and how far it can be believed."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError, Grid
from insonate.core.arrays import frozen


@dataclass(frozen=True)
class Convergence:
    """How a field was reached: a direct sum has 0 iterations and residual 0."""

    converged: bool
    iterations: int
    residual: float
    sentence: str


@dataclass(frozen=True, eq=False)
class PressureField:
    """Complex pressure of a continuous wave.

    Parameters
    ----------
    pressure
        Shape ``grid.shape``, complex64, Pa; peak amplitude, time dependence exp(-iωt).
    grid
        Where.
    frequency_hz
        Of the wave.
    engine
        Name of the engine that computed it.
    convergence
        How it was reached.
    error_estimate
        Relative error of |p| at the focus, 1; NaN where an engine cannot tell.
    provenance
        Libraries, settings, times.
    """

    pressure: NDArray[np.complex64]
    grid: Grid
    frequency_hz: float
    engine: str
    convergence: Convergence
    error_estimate: float
    provenance: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pressure = frozen(self.pressure, np.complex64)
        if pressure.shape != self.grid.shape:
            raise GeometryError(
                f"The pressure has shape {pressure.shape}, its grid {self.grid.shape}; they must "
                "be the same."
            )
        object.__setattr__(self, "pressure", pressure)
