"""The medium in the scalar form: a potential U(x) and the square root of the density."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError, Grid, InputError, SettingsError
from insonate.core.arrays import frozen
from insonate.core.units import TWO_PI
from insonate.field.born.fluid import Fluid

LOWEST_HZ, HIGHEST_HZ = 1e3, 1e8
"""Far round all of focused ultrasound (0.2 to 10 MHz); beyond, float32 maps lose their digits."""
FEWEST_POINTS_PER_WAVELENGTH = 4.0
"""Below this the spectrum of the field itself does not fit under the grid's Nyquist."""
PASS, STOP = 0.8, 1.02
"""Where the low-pass of materials begins and ends, over its cut-off (decision 0013)."""
EXCESS = 0.058
"""b/(kw)⁴ of ``interface_excess``; fitted at 6 points per wavelength, holds from 4 to 12 (0013)."""
STIFFNESS, STIFF_FROM = 1.5, 0.4
"""What is added to -∇² at Nyquist, over Nyquist squared, and from which part of it (0013)."""


@dataclass(frozen=True, eq=False)
class Medium:
    """U and √ρ on a grid, band-limited at the grid's Nyquist wavenumber.

    With ψ = p/√ρ the wave equation ∇·(ρ⁻¹∇p) + ω²κp = -q/ρ becomes ∇²ψ + Uψ = -q/√ρ,
    where U = ω²ρκ - ρ^½ ∇² ρ^-½.

    Parameters
    ----------
    grid
        Axis-aligned, with the same spacing along all axes. Outside it the medium goes on as it
        is at the edge.
    frequency_hz
        Of the wave.
    potential
        U, shape ``grid.shape``, complex64, 1/m²; its imaginary part is never negative.
    root_density
        √ρ, shape ``grid.shape``, float32, (kg/m³)^½.
    background
        The fluid that absorbing layers and incident fields are reckoned in: the water.
    slowest, fastest
        Sound speeds (m/s) of the materials that the medium was made of.
    representation
        How the materials were put on the grid, in words.

    Raises
    ------
    GeometryError
        When shapes or spacing do not fit.
    InputError
        When a value is not finite, or the medium would make sound out of nothing.
    SettingsError
        When the grid has fewer than 4 points per wavelength anywhere.
    """

    grid: Grid
    frequency_hz: float
    potential: NDArray[np.complex64]
    root_density: NDArray[np.float32]
    background: Fluid
    slowest: float
    fastest: float
    representation: str

    def __post_init__(self) -> None:
        require_cubic(self.grid)
        require_points_per_wavelength(self.slowest, self.frequency_hz, self.spacing)
        for name, dtype in (("potential", np.complex64), ("root_density", np.float32)):
            value = frozen(getattr(self, name), dtype)
            if value.shape != self.grid.shape:
                raise GeometryError(
                    f"The map '{name}' of a medium has shape {value.shape}, its grid "
                    f"{self.grid.shape}; they must be the same."
                )
            object.__setattr__(self, name, value)
        self._require_physical()

    def _require_physical(self) -> None:
        finite = np.isfinite(self.potential).all() and np.isfinite(self.root_density).all()
        if not finite or not float(self.root_density.min()) > 0:
            raise InputError(
                "A medium must have finite values and a positive density everywhere; this one "
                "holds NaN, infinity or a density of zero. Mend the maps that it was made of."
            )
        gain = float(self.potential.imag.min())
        if gain < -1e-5 * abs(self.background_wavenumber) ** 2:
            raise InputError(
                f"A medium must not amplify sound; this one has Im U = {gain:.3g} 1/m² "
                "somewhere, a negative attenuation. Mend its attenuation map."
            )

    @property
    def spacing(self) -> float:
        """Distance between neighbouring points, m."""
        return float(self.grid.spacing_m[0])

    @property
    def background_wavenumber(self) -> float:
        """ω/c of the background, 1/m."""
        return TWO_PI * self.frequency_hz / self.background.sound_speed

    @property
    def bulk(self) -> tuple[float, float]:
        """Smallest and largest (ω/c)² of the materials, 1/m²."""
        omega = TWO_PI * self.frequency_hz
        return (omega / self.fastest) ** 2, (omega / self.slowest) ** 2

    @property
    def points_per_wavelength(self) -> float:
        """Points per wavelength in the slowest material."""
        return self.slowest / (self.frequency_hz * self.spacing)


def require_cubic(grid: Grid) -> None:
    """Raise when a grid is oblique, or its spacing differs from axis to axis."""
    spacing = grid.spacing_m
    if not grid.is_axis_aligned or not np.allclose(spacing, spacing[0], rtol=1e-6):
        raise GeometryError(
            "The wave solver needs an axis-aligned grid with one spacing; this one has "
            f"{spacing[0]:g} × {spacing[1]:g} × {spacing[2]:g} m. Resample the medium first."
        )


def require_points_per_wavelength(
    slowest: float, frequency_hz: float, spacing_m: float
) -> None:
    """Raise when the slowest material has fewer than 4 points per wavelength."""
    if not LOWEST_HZ <= frequency_hz <= HIGHEST_HZ:
        raise SettingsError(
            f"A frequency of {frequency_hz:g} Hz cannot be computed; it must lie between "
            f"{LOWEST_HZ:g} and {HIGHEST_HZ:g} Hz."
        )
    found = slowest / (frequency_hz * spacing_m)
    if not found >= FEWEST_POINTS_PER_WAVELENGTH:
        finest = slowest / (frequency_hz * FEWEST_POINTS_PER_WAVELENGTH)
        raise SettingsError(
            f"At {frequency_hz / 1e3:g} kHz the slowest material ({slowest:g} m/s) has "
            f"{found:.2f} points per wavelength on a grid of {spacing_m * 1e3:g} mm; at least "
            f"{FEWEST_POINTS_PER_WAVELENGTH:g} are needed. Use a spacing of at most "
            f"{finest * 1e3:.3g} mm."
        )


def require_positive_density(low_passed: NDArray[np.floating[Any]]) -> None:
    """Raise when a jump of density rings below zero once it is band-limited."""
    least = float(low_passed.min())
    if not least > 0:
        raise InputError(
            f"Low-passed at the grid's Nyquist wavenumber, the density falls to {least:.3g} kg/m³ "
            "beside its largest jump; the wave engine holds jumps of up to about tenfold. Fill "
            "gas with water, as heads have it."
        )


def density_cutoff(points_per_wavelength: float) -> float:
    """Return where materials are rolled off, as a fraction of the grid's Nyquist wavenumber.

    1 up to 6 points per wavelength, then √(6/ppw). On a finer grid the whole band is not
    needed for the materials, and leaving part of it to the products that make U halves their
    truncation and keeps the density term, and with it the number of iterations, small
    (decision 0010 has the figures).
    """
    return float(min(1.0, np.sqrt(6.0 / points_per_wavelength)))


def roll_off(wavenumber_over_cutoff: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the low-pass window: 1 up to 0.8 of the cut-off, raised cosine to 0 at 1.02."""
    a, width = np.abs(wavenumber_over_cutoff), STOP - PASS
    slope = 0.5 * (1 + np.cos(np.pi * (np.clip(a, PASS, STOP) - PASS) / width))
    window: NDArray[np.float64] = np.where(a < PASS, 1.0, slope)
    return window


def interface_excess(width_m: float, frequency_hz: float, slowest: float) -> float:
    """Return b of the term b|∇ln ρ|² that makes a band-limited interface act like a sharp one.

    Filtered materials have the mean and every moment of the sharp ones, so that what passes an
    interface is right to the second order in k·width. The third order, ∫∫∫ρκρ, is not a mean: it
    makes the interface of width w heavier by (kw)³, and ∫b|∇ln ρ|² ∝ b/w takes that away
    with b = ``EXCESS`` (kw)⁴ (decision 0013).

    Parameters
    ----------
    width_m
        Spacing over cut-off: what the filter's width is proportional to.
    frequency_hz, slowest
        The wave, and the sound speed (m/s) of the slowest material.
    """
    return float(EXCESS * (TWO_PI * frequency_hz * width_m / slowest) ** 4)


def laplacian_symbol(
    wavenumber: NDArray[np.floating[Any]], spacing: float, points_per_wavelength: float
) -> NDArray[np.float64]:
    """Return -∇² along one axis in wavenumbers, stiffened where only products reach.

    The product Uψ on the grid is right up to Nyquist less the wavenumber of the wave; beyond
    that it holds what folded back. There waves of the medium do not live: a larger symbol weakens
    the answer to what folded. It is k² exactly up to 0.4 of Nyquist and to 1.2 times the wave.

    Parameters
    ----------
    wavenumber
        k along the axis, 1/m.
    spacing
        Of the grid, m.
    points_per_wavelength
        In the slowest material.
    """
    nyquist = np.pi / spacing
    start = max(STIFF_FROM, 2.4 / points_per_wavelength)
    beyond = np.clip((np.abs(wavenumber) / nyquist - start) / (1 - start), 0.0, None)
    symbol: NDArray[np.float64] = wavenumber**2 + STIFFNESS * nyquist**2 * beyond**4
    return symbol
