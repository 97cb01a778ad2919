"""What may be chosen about a solve."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.field.born.fft import LIBRARIES


class Progress(Protocol):
    """Told while a solve runs; must return at once."""

    def __call__(self, stage: str, done: float, detail: str = "") -> None:
        """``stage`` in words, ``done`` from 0 to 1, ``detail`` what is going on now."""


def silent(stage: str, done: float, detail: str = "") -> None:
    """Say nothing."""
    del stage, done, detail


WAVELENGTHS = 19 / 6
"""Thickness of the absorber, in wavelengths of the background."""
LEAST_CELLS = 19
"""Of the absorber, on coarse grids."""


@dataclass(frozen=True)
class Absorber:
    """The layer round the grid that takes up what leaves it.

    Parameters
    ----------
    cells
        Thickness on each side, or 0 for ``WAVELENGTHS``, whatever the grid. At 6 points per
        wavelength 19 cells send 0.3 %, 24 send 0.1 % of a wave at up to 40° back, and 0.5 and
        0.3 % at 55°.
    strength
        Largest Im U over the square of the background's wavenumber.
    """

    cells: int = 0
    strength: float = 0.6

    def __post_init__(self) -> None:
        if 0 < self.cells < 8 or self.cells < 0 or not 0 < self.strength <= 2:
            raise SettingsError(
                f"An absorber of {self.cells} cells and strength {self.strength:g} does not "
                "absorb; take at least 8 cells (0, the default, is 3.2 wavelengths) and a strength "
                "in (0, 2]."
            )

    def cells_for(self, points_per_wavelength: float) -> int:
        """Return how many cells it is thick on a grid.

        As many cells on a finer grid would be fewer wavelengths, and send more back: 19 cells at
        12 points per wavelength cost 4 % behind a curved bone (decision 19).
        """
        return self.cells or max(LEAST_CELLS, round(WAVELENGTHS * points_per_wavelength))


DEVICES = ("cpu", "cuda")
"""What a solve runs on."""


@dataclass(frozen=True, eq=False)
class BornOptions:
    """How a solve goes and when it ends.

    Parameters
    ----------
    tolerance
        Largest change of |p| still expected, over the largest |p| of what is watched.
    max_iterations
        After as many the field is returned as not converged.
    absorber
        The layer round the grid.
    watch
        Three slices of the medium's grid: where convergence is judged. The whole grid, less
        one wavelength round points of a source, if None.
    focus_m
        The point whose |p| the error estimate is for; the largest watched |p| if None.
    fft
        "auto", or the name of a library; of the CPU.
    device
        "cpu", or "cuda": a GPU, through CuPy.
    threads
        0: all.
    memory_limit_bytes
        0: what the machine has free.
    """

    tolerance: float = 5e-3
    max_iterations: int = 3000
    absorber: Absorber = Absorber()
    watch: tuple[slice, slice, slice] | None = None
    focus_m: NDArray[np.float64] | None = None
    fft: str = "auto"
    device: str = "cpu"
    threads: int = 0
    memory_limit_bytes: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1 or self.max_iterations < 1:
            raise SettingsError(
                f"A tolerance of {self.tolerance:g} in {self.max_iterations} iterations cannot "
                "be reached; the tolerance lies between 0 and 1, and one iteration is the least."
            )
        if self.threads < 0 or self.memory_limit_bytes < 0:
            raise SettingsError(
                "The numbers of threads and of bytes must be 0 (all that there are) or more, not "
                f"{self.threads} and {self.memory_limit_bytes}."
            )
        for what, value, known in (
            ("FFT library", self.fft, ("auto", *LIBRARIES)),
            ("device", self.device, DEVICES),
        ):
            if value not in known:
                raise SettingsError(
                    f"There is no {what} '{value}'; choose one of {', '.join(known)}."
                )
