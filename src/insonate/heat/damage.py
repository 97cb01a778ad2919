"""Damage by the rate of a reaction (Arrhenius), beside the thermal dose.

Ω = ∫ A e^{−E/RT} dt; a share 1 − e^{−Ω} of what was there is damaged. On a piece where T runs
linearly the integrand is taken at points of Gauss and Legendre, exact to rounding for pieces of a
few kelvin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import SettingsError

GAS_CONSTANT = 8.314462618  # J/(mol K), CODATA 2018
ZERO_CELSIUS_K = 273.15
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True)
class Kinetics:
    """A reaction: frequency factor A (1/s), activation energy E (J/mol), and where from."""

    frequency_per_s: float
    activation_j_per_mol: float
    source: str

    def rate(self, degc: ArrayLike) -> NDArray[np.float64]:
        """Return A e^{−E/RT} at a temperature (°C), 1/s."""
        kelvin = np.asarray(degc, dtype=np.float64) + ZERO_CELSIUS_K
        exponent = np.log(self.frequency_per_s) - self.activation_j_per_mol / (GAS_CONSTANT * kelvin)  # fmt: skip
        rate: NDArray[np.float64] = np.exp(exponent)
        return rate


HENRIQUES_1947 = Kinetics(
    3.1e98,
    6.28e5,
    "Henriques, Arch. Pathol. 43:489 (1947), skin; taken for brain in models of laser ablation",
)
"""Brain has no coefficients of its own that are agreed on; with these the rate doubles every 0.96 K at 50 °C."""


def arrhenius_damage(
    time_s: ArrayLike, temperature_degc: ArrayLike, kinetics: Kinetics = HENRIQUES_1947
) -> NDArray[np.float64]:
    """Return Ω of whole temperature curves.

    Parameters
    ----------
    time_s
        Shape (n,), s, not decreasing.
    temperature_degc
        Shape (n, ...), °C; straight lines between.
    kinetics
        Of which reaction.

    Returns
    -------
    NDArray
        Shape (...), Ω; 1 is 63 % damaged.

    Raises
    ------
    SettingsError
        When the shapes do not fit, time runs backwards, or something is NaN.
    """
    time = np.asarray(time_s, dtype=np.float64)
    curves = np.asarray(temperature_degc, dtype=np.float64)
    if time.ndim != 1 or curves.shape[:1] != time.shape or time.size < 1:
        raise SettingsError(
            f"Damage needs one temperature for each time: times have shape {time.shape}, "
            f"temperatures {curves.shape}."
        )
    if not (np.isfinite(time).all() and np.isfinite(curves).all()) or (np.diff(time) < 0).any():
        raise SettingsError(
            "Damage needs finite temperatures at finite times that do not run backwards."
        )
    step = np.diff(time).reshape(-1, *[1] * (curves.ndim - 1))
    middle, half = (curves[1:] + curves[:-1]) / 2, np.diff(curves, axis=0) / 2
    pieces = (
        weight / 2 * kinetics.rate(middle + node * half)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True)
    )
    total: NDArray[np.float64] = (step * sum(pieces)).sum(axis=0)
    return total


def damaged_share(omega: ArrayLike) -> NDArray[np.float64]:
    """Return 1 − e^{−Ω}: the share that is damaged."""
    share: NDArray[np.float64] = -np.expm1(-np.asarray(omega, dtype=np.float64))
    return share
