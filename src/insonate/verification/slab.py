"""Plane waves through parallel fluid layers, by transfer matrices."""

from dataclasses import dataclass

import numpy as np

TRANSFER_MATRIX = "Brekhovskikh, Waves in Layered Media (1980), §3: exact, every echo counted"


@dataclass(frozen=True)
class Layer:
    """A fluid: density (kg/m³), sound speed (m/s), attenuation (Np/m), thickness (m)."""

    density: float
    sound_speed: float
    attenuation: float = 0.0
    thickness_m: float = 0.0


def slab_transmission(
    before: Layer, layers: list[Layer], after: Layer, omega: float
) -> complex:
    """Return the pressure behind a stack over that of the incident wave, at normal incidence.

    Each layer maps (p, v) at its far face to (p, v) at its near face; ρ, c, and the complex
    k = ω/c + iα make its impedance Z = ρω/k. Time dependence exp(-iωt).
    """
    matrix = np.eye(2, dtype=complex)
    for layer in layers:
        k = omega / layer.sound_speed + 1j * layer.attenuation
        z, phase = layer.density * omega / k, k * layer.thickness_m
        matrix = matrix @ np.array(
            [
                [np.cos(phase), -1j * z * np.sin(phase)],
                [-1j * np.sin(phase) / z, np.cos(phase)],
            ]
        )
    z_before = before.density * before.sound_speed
    z_after = after.density * after.sound_speed
    pressure, velocity = matrix @ np.array([1.0, 1.0 / z_after])
    return complex(2.0 / (pressure + z_before * velocity))
