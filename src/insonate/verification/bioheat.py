"""Closed forms of heat and of thermal dose."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad_vec


@dataclass(frozen=True)
class Medium:
    """A homogeneous tissue.

    ``conductivity`` W/(m K), ``capacity`` ρC in J/(m³ K), ``sink`` w ρ_b C_b/ρC in 1/s.
    """

    conductivity: float
    capacity: float
    sink: float = 0.0

    @property
    def diffusivity(self) -> float:
        """D = κ/ρC, m²/s."""
        return self.conductivity / self.capacity


@dataclass(frozen=True)
class GaussianSource:
    """q = ``peak`` exp(−r²/2a²), W/m³, with a = ``width_m``, switched on at time 0."""

    peak: float
    width_m: float


def gaussian_rise(
    medium: Medium, source: GaussianSource, radius_m: ArrayLike, time_s: float
) -> NDArray[np.float64]:
    """Return the rise (K) in an infinite medium that a Gaussian source has heated since time 0.

    Duhamel's integral of the spreading Gaussian (Carslaw & Jaeger, Conduction of Heat in Solids,
    2nd ed., section 10.3; perfusion as in Pennes' equation multiplies by e^{−ps}):

        U = q0/ρC ∫_0^t e^{−ps} (a²/(a² + 2Ds))^{3/2} exp(−r²/(2(a² + 2Ds))) ds.

    Parameters
    ----------
    medium, source
        Tissue and source.
    radius_m
        Shape (...), distance from the middle of the source, m.
    time_s
        Since power on, s; what is negative counts as 0.

    Returns
    -------
    NDArray
        Shape (...), K.
    """
    r2 = np.asarray(radius_m, dtype=np.float64) ** 2
    a2 = source.width_m**2

    def integrand(s: float) -> NDArray[np.float64]:
        spread = a2 + 2 * medium.diffusivity * s
        value: NDArray[np.float64] = (
            np.exp(-medium.sink * s - r2 / (2 * spread)) * (a2 / spread) ** 1.5
        )
        return value

    integral, _ = quad_vec(integrand, 0.0, max(time_s, 0.0), epsrel=1e-9)
    rise: NDArray[np.float64] = source.peak / medium.capacity * integral
    return rise


@dataclass(frozen=True)
class Layer:
    """One layer of a slab: thickness (m) and a medium with perfusion."""

    thickness_m: float
    medium: Medium


def layered_slab(
    layers: tuple[Layer, ...], exchange: float, water_rise: float, depth_m: ArrayLike
) -> NDArray[np.float64]:
    """Return the steady rise (K) in perfused layers that water cools at depth 0.

    In each layer κU'' = κμ²U with μ² = w ρ_b C_b/κ, so U = A e^{−μ(z−z0)} + B e^{μ(z−z1)} between
    its faces z0 and z1. Conditions: κU' = h(U − U_water) at the surface, U and κU' continuous
    between layers, U' = 0 behind the last one (Pennes 1948; Carslaw & Jaeger, section 4.5).

    Parameters
    ----------
    layers
        From the surface inwards; each perfused.
    exchange
        h, W/(m² K).
    water_rise
        Water minus arterial temperature, K.
    depth_m
        Shape (n,), m, within the layers.

    Returns
    -------
    NDArray
        Shape (n,), K over arterial blood.
    """
    matrix, right = np.zeros((2 * len(layers),) * 2), np.zeros(2 * len(layers))
    value, flux = _face_rows(layers[0], at_end=False)
    matrix[0, :2], right[0] = flux - exchange * value, -exchange * water_rise
    for i, (upper, lower) in enumerate(pairwise(layers)):
        here, there = _face_rows(upper, at_end=True), _face_rows(lower, at_end=False)
        for condition in range(2):
            matrix[2 * i + 1 + condition, 2 * i : 2 * i + 4] = np.concatenate(
                (here[condition], -there[condition])
            )
    matrix[-1, -2:] = _face_rows(layers[-1], at_end=True)[1]
    amplitudes = np.linalg.solve(matrix, right).reshape(-1, 2)
    depth = np.asarray(depth_m, dtype=np.float64)
    faces = np.cumsum([0.0, *(layer.thickness_m for layer in layers)])
    which = np.clip(np.searchsorted(faces, depth) - 1, 0, len(layers) - 1)
    mu = np.array([_decay(layer) for layer in layers])[which]
    down = amplitudes[which, 0] * np.exp(-mu * (depth - faces[which]))
    up = amplitudes[which, 1] * np.exp(mu * (depth - faces[which + 1]))
    rise: NDArray[np.float64] = down + up
    return rise


def _decay(layer: Layer) -> float:
    """Return μ = sqrt(w ρ_b C_b/κ), 1/m."""
    return float(np.sqrt(layer.medium.sink / layer.medium.diffusivity))


def _face_rows(
    layer: Layer, *, at_end: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coefficients of (A, B) in U and in κU' at one face of a layer."""
    mu = _decay(layer)
    far = float(np.exp(-mu * layer.thickness_m))
    down, up = (far, 1.0) if at_end else (1.0, far)
    return np.array([down, up]), layer.medium.conductivity * mu * np.array([-down, up])


def sonication_curve(time_s: ArrayLike) -> NDArray[np.float64]:
    """Return a clinical-looking focal temperature (°C): 10 s up to 57 °C, then back to 37 °C.

    It rises with the time constant 4 s, so that 57 °C is reached when power goes off after
    10 s, and falls with 5 s: T = 37 + 20 (1 − e^{−t/4})/(1 − e^{−10/4}), then
    37 + 20 e^{−(t−10)/5}.
    """
    t = np.asarray(time_s, dtype=np.float64)
    up = (1 - np.exp(-np.minimum(t, 10.0) / 4)) / (1 - np.exp(-10.0 / 4))
    curve: NDArray[np.float64] = 37.0 + 20.0 * up * np.exp(-np.maximum(t - 10.0, 0.0) / 5)
    return curve


FRAME_TABLE_CEM43 = {3.4: (748.0, 481.0, 383.0), 6.0: (212.0, 92.0, 59.0)}
"""Dose of ``sonication_curve`` (true: 668 CEM43) seen every 3.4 s and every 6 s from power on, as
sample-and-hold, as straight lines between frames, and with the mean of neighbouring frames."""


def steps(
    values: ArrayLike, times: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (times, values) of the staircase that holds ``values[i]`` over ``times[i:i+2]``."""
    edges = np.repeat(np.asarray(times, dtype=np.float64), 2)[1:-1]
    return edges, np.repeat(np.asarray(values, dtype=np.float64), 2)


def point_rise(
    medium: Medium, rise_m3_k: float, radius_m: ArrayLike, time_s: float
) -> NDArray[np.float64]:
    """Return the rise (K) that heat of a point has left after ``time_s``.

    U = Q/ρC (4πDt)^{−3/2} exp(−r²/4Dt − pt) (Carslaw & Jaeger, section 10.2, with perfusion).

    Parameters
    ----------
    medium
        Tissue.
    rise_m3_k
        Q/ρC, m³ K.
    radius_m
        Shape (...), m.
    time_s
        Since the heat was set free, s, positive.
    """
    r2 = np.asarray(radius_m, dtype=np.float64) ** 2
    spread = 4.0 * medium.diffusivity * time_s
    height = rise_m3_k / (np.pi * spread) ** 1.5
    rise: NDArray[np.float64] = height * np.exp(-r2 / spread - medium.sink * time_s)
    return rise
