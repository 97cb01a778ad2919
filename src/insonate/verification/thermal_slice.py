"""Slices with known answers, and the closed forms of thermometry.

Everything here is written from the equations alone, with none of ``insonate.thermometry``'s own
conversions, so that a wrong sign or a wrong constant there shows.
"""

from dataclasses import dataclass, replace
from math import exp, log, pi

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid
from insonate.core.frames import affine_from
from insonate.thermometry import CLINICAL_3T, Protocol, SliceAnatomy, SliceGeometry
from insonate.thermometry.anatomy import smooth_receive_phase
from insonate.thermometry.geometry import Orientation

SUBSAMPLES = 2
CENTRE_M = np.array([12.0e-3, -9.0e-3, 21.0e-3])
"""Centre of the slices: not the origin, so that a lost offset shows."""


def small_protocol(**changes: object) -> Protocol:
    """Return the clinical protocol on 80 × 72 voxels: enough to see everything, quick."""
    return replace(CLINICAL_3T, **{"matrix": (80, 72), **changes})  # type: ignore[arg-type]


def phase_of(kelvin: NDArray[np.float64], protocol: Protocol) -> NDArray[np.float64]:
    """Return s 2π γ α B₀ TE ΔT, rad (Ishihara et al. 1995; γ/2π of CODATA 2018)."""
    hz = 42.577478518e6 * protocol.field_strength_t * protocol.prf_ppm_per_k * 1e-6 * kelvin
    return protocol.phase_sign * 2.0 * pi * hz * protocol.echo_time_s


def dose_of_ramp(low_degc: float, high_degc: float, duration_s: float) -> float:
    """Return the CEM43 of a linear rise through 43 °C without a floor (Sapareto & Dewey 1984).

    ∫ R^(43−T) dt with dT/dt constant: (1 − 4^(low−43)) / ln 4 + (2^(high−43) − 1) / ln 2, times
    the minutes per kelvin.
    """
    below = (1.0 - exp(log(4.0) * (low_degc - 43.0))) / log(4.0)
    above = (exp(log(2.0) * (high_degc - 43.0)) - 1.0) / log(2.0)
    return (below + above) * duration_s / 60.0 / (high_degc - low_degc)


def air_sphere(
    points: NDArray[np.float64], radius: float, contrast: float
) -> NDArray[np.float64]:
    """Return ΔB/B₀ round a sphere of susceptibility difference ``contrast`` in a field along z.

    Outside Δχ/3 (a/r)³ (3 cos²θ − 1), inside 0 with the sphere of Lorentz (Haacke et al.,
    Magnetic Resonance Imaging, 2nd ed., table 25.2).
    """
    r2 = np.maximum((points**2).sum(axis=-1), 1e-30)
    angular = 3.0 * points[..., 2] ** 2 / r2 - 1.0
    field: NDArray[np.float64] = contrast / 3.0 * (radius**2 / r2) ** 1.5 * angular
    return np.where(r2 > radius**2, field, 0.0)


@dataclass(frozen=True, eq=False)
class HotSpot:
    """A Gaussian rise of temperature: centre (CT frame, m), peak (K), standard deviation (m)."""

    centre_m: NDArray[np.float64]
    peak_k: float = 20.0
    width_m: float = 2.0e-3

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rise at points, shape (..., 3) to (...), K."""
        r2 = ((points - self.centre_m) ** 2).sum(axis=-1)
        rise: NDArray[np.float64] = self.peak_k * np.exp(-0.5 * r2 / self.width_m**2)
        return rise

    def cells(self, geometry: SliceGeometry) -> NDArray[np.float64]:
        """Return the rise at the cells of a slice, as the scanner takes it."""
        return self.at(geometry.points(subsamples=SUBSAMPLES, through=3, exact=True))

    def voxel_mean(self, geometry: SliceGeometry, index: NDArray[np.float64]) -> float:
        """Return the mean over one voxel and the thickness, round a fractional index (i, j)."""
        offsets = (np.arange(5) + 0.5) / 5 - 0.5
        di, dj, dk = np.meshgrid(offsets, offsets, offsets, indexing="ij")
        within = np.stack([index[0] + di, index[1] + dj, dk], axis=-1)
        return float(self.at(geometry.grid.points_of(within)).mean())


def ellipse_anatomy(
    protocol: Protocol,
    orientation: Orientation = Orientation.AXIAL,
    *,
    off_resonance_hz: float = 0.0,
    texture: float = 0.0,
    subsamples: int = SUBSAMPLES,
) -> SliceAnatomy:
    """Return an ellipse of brain in water, off-centre so that mirroring it shows.

    Parameters
    ----------
    protocol
        Matrix and pixels.
    orientation
        Of the slice through ``CENTRE_M``.
    off_resonance_hz
        Static offset at the centre; it falls off to two thirds and one third at opposite edges.
    texture
        Depth of a wave in the magnitude, 0-0.5.
    subsamples
        Cells along each edge of a voxel.
    """
    geometry = SliceGeometry.through(CENTRE_M, orientation, protocol)
    fine = tuple(n * subsamples for n in protocol.matrix)
    u, v = np.meshgrid(*(np.linspace(-1, 1, n) for n in fine), indexing="ij")
    brain = ((u - 0.08) / 0.8) ** 2 + ((v + 0.05) / 0.85) ** 2 < 1.0
    hz = off_resonance_hz * (1.0 - u**2 / 3.0 + (u + v) / 6.0)
    zero = np.zeros(brain.shape)
    return SliceAnatomy(
        geometry=geometry,
        subsamples=subsamples,
        brain=brain.astype(np.float32),
        scalp=zero.astype(np.float32),
        water=(~brain).astype(np.float32),
        texture=(1.0 + texture * np.sin(9.0 * u) * np.cos(7.0 * v)).astype(np.float32),
        off_resonance_ppm=(hz / (protocol.larmor_hz * 1e-6)).astype(np.float32),
        through_gradient_ppm_per_m=zero.astype(np.float32),
        receive_phase=smooth_receive_phase(geometry.shape),
    )


def centred_cube(count: int) -> Grid:
    """Return a cube of ``count`` voxels of 1 mm round the origin."""
    shape = (count, count, count)
    corner = np.full(3, -(count - 1) / 2 * 1e-3)
    return Grid(shape, affine_from(np.eye(3) * 1e-3, corner), Frame.CT)
