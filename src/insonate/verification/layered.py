"""Exact transmission of a plane wave through parallel lossy fluid layers (transfer matrices).

Brekhovskikh, Waves in Layered Media, ch. 1: pressure p and velocity u = (∂p/∂x)/(iωρ) at the first
face of a layer of thickness d follow from those at its last face,

    p₁ = cos(kd) p₂ - iZ sin(kd) u₂,   u₁ = -i sin(kd)/Z p₂ + cos(kd) u₂.

Time dependence exp(-iωt), k = ω/c + iα, Z = ρω/k.
"""

import numpy as np
from numpy.typing import NDArray

from insonate.core.units import TWO_PI
from insonate.field.born.fluid import Fluid


def transmission(
    layers: tuple[tuple[Fluid, float], ...],
    surroundings: tuple[Fluid, Fluid],
    frequency_hz: float,
) -> complex:
    """Return the transmitted over the incident pressure, from first to last face.

    Parameters
    ----------
    layers
        Fluid and thickness (m) of each, in the order that the wave meets them.
    surroundings
        The fluids before and behind.
    frequency_hz
        Of the wave; normal incidence.
    """
    before, behind = (_impedance(fluid, frequency_hz) for fluid in surroundings)
    state = np.array((1.0 + 0j, 1.0 / behind))
    for fluid, thickness in reversed(layers):
        state = _back(fluid, thickness, frequency_hz) @ state
    incident = 0.5 * (state[0] + before * state[1])
    return complex(1.0 / incident)


def _impedance(fluid: Fluid, frequency_hz: float) -> complex:
    return fluid.density * TWO_PI * frequency_hz / fluid.wavenumber(frequency_hz)


def _back(fluid: Fluid, thickness: float, frequency_hz: float) -> NDArray[np.complex128]:
    phase = fluid.wavenumber(frequency_hz) * thickness
    z = _impedance(fluid, frequency_hz)
    return np.array(
        ((np.cos(phase), -1j * z * np.sin(phase)), (-1j * np.sin(phase) / z, np.cos(phase)))
    )
