"""A layered slab under cooled water, in time: the eigenfunction series.

In layer i, C ∂U/∂t = κU'' − C p U. The departure from the steady state U∞ is Σ a_n φ_n(z) e^{−λ_n t}
with κφ'' = C (p − λ) φ in each layer, κφ' = hφ at the surface, φ and κφ' continuous between layers
and φ' = 0 behind the last one. The φ_n are orthogonal with the weight C (Özışık, Heat Conduction,
2nd ed., chapter 8), and for U = 0 at the start a_n = −∫C φ_n U∞ / ∫C φ_n².
"""

from math import cos, cosh, sin, sinh, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from insonate.verification.bioheat import Layer, Medium, layered_slab

Layers = tuple[Layer, ...]

MODES = 80
_POINTS = 4000  # midpoints for the integrals over the slab
_SAMPLES = 30  # of the flux for each mode that is expected


def transient_slab(
    layers: Layers, exchange: float, water_rise: float, depth_m: ArrayLike, time_s: float
) -> NDArray[np.float64]:
    """Return the rise (K) in layers that were at rest until water touched them.

    Parameters
    ----------
    layers, exchange, water_rise
        As in ``bioheat.layered_slab``; each layer perfused.
    depth_m
        Shape (n,), m, within the layers.
    time_s
        Since the water came, s.
    """
    depth = np.asarray(depth_m, dtype=np.float64)
    total = sum(layer.thickness_m for layer in layers)
    middles = (np.arange(_POINTS) + 0.5) * total / _POINTS
    capacity = _at(layers, middles, [layer.medium.capacity for layer in layers])
    steady = layered_slab(layers, exchange, water_rise, middles)
    rise = layered_slab(layers, exchange, water_rise, depth)
    for decay in eigenvalues(layers, exchange, MODES):
        mode = _mode(layers, exchange, decay, middles)
        amplitude = -(capacity * mode * steady).sum() / (capacity * mode**2).sum()
        rise = rise + amplitude * np.exp(-decay * time_s) * _mode(
            layers, exchange, decay, depth
        )
    return rise


def eigenvalues(layers: Layers, exchange: float, count: int) -> list[float]:
    """Return the ``count`` slowest decay rates, 1/s: where no flux is left at the far end."""
    span = sum(layer.thickness_m / sqrt(layer.medium.diffusivity) for layer in layers)
    slowest = min(layer.medium.sink for layer in layers)
    roots = np.arange(1, (count + 2) * _SAMPLES) * np.pi / span / _SAMPLES
    rates = slowest + roots**2

    def flux(rate: float) -> float:
        value, flow = 1.0, exchange
        for layer in layers:
            value, flow = _across(layer.medium, layer.thickness_m, rate, (value, flow))
        return flow

    flows = [flux(float(r)) for r in rates]
    found = [
        float(brentq(flux, rates[i], rates[i + 1], xtol=1e-15, rtol=1e-13))
        for i in range(len(rates) - 1)
        if flows[i] * flows[i + 1] < 0
    ]
    return found[:count]


def _across(
    medium: Medium, depth: float, rate: float, begin: tuple[float, float]
) -> tuple[float, float]:
    """Carry (φ, κφ') over a depth within one layer."""
    value, flow = begin
    square = (rate - medium.sink) / medium.diffusivity
    k = sqrt(abs(square)) or 1e-12
    kappa = medium.conductivity * k
    if square > 0:
        c, s = cos(k * depth), sin(k * depth)
        return value * c + flow / kappa * s, flow * c - kappa * value * s
    c, s = cosh(k * depth), sinh(k * depth)
    return value * c + flow / kappa * s, flow * c + kappa * value * s


def _mode(
    layers: Layers, exchange: float, rate: float, depth: NDArray[np.float64]
) -> NDArray[np.float64]:
    values = np.empty(depth.shape)
    state, top = (1.0, exchange), 0.0
    for layer in layers:
        bottom = top + layer.thickness_m
        here = (depth >= top) & (depth <= bottom)
        values[here] = [
            _across(layer.medium, float(z) - top, rate, state)[0] for z in depth[here]
        ]
        state, top = _across(layer.medium, layer.thickness_m, rate, state), bottom
    return values


def _at(layers: Layers, depth: NDArray[np.float64], values: list[float]) -> NDArray[np.float64]:
    faces = np.cumsum([layer.thickness_m for layer in layers])
    return np.asarray(values)[np.minimum(np.searchsorted(faces, depth), len(layers) - 1)]
