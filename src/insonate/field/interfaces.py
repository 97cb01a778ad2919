"""Plane waves at the faces of fluids: what passes.

Brekhovskikh, Waves in Layered Media (1980), §§2-3. With the oblique impedance
Z = ρ ω / (k cos θ) and a complex wavenumber k = ω/c + iα, one face passes

    t₁₂ = 2 Z₂ / (Z₁ + Z₂)

of the pressure and a plate between two fluids

    T = t₁₂ t₂₃ e^{iφ} / (1 + r₁₂ r₂₃ e^{2iφ}),    r₁₂ = (Z₂ - Z₁) / (Z₁ + Z₂),

where φ = k₂ d cos θ₂ is the phase (and loss) of one crossing: every echo inside the plate is
counted. Beyond the critical angle nothing passes here: what tunnels through a skull is far
below what the ray engine can claim.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Complex128 = NDArray[np.complex128]
Float64 = NDArray[np.float64]


def oblique_impedance(
    density: ArrayLike, speed: ArrayLike, cosine: ArrayLike, loss_per_radian: ArrayLike = 0.0
) -> Complex128:
    """Return ρ c / (cos θ · (1 + i α c / ω)), kg/(m² s).

    Parameters
    ----------
    density, speed
        kg/m³, m/s.
    cosine
        cos θ of the wave in this medium; values below 0.05 count as 0.05.
    loss_per_radian
        α c / ω, 1.
    """
    impedance = np.asarray(density, float) * np.asarray(speed, float)
    loss = 1.0 + 1j * np.asarray(loss_per_radian, float)
    result: Complex128 = impedance / (np.maximum(cosine, 0.05) * loss)
    return result


def refracted_cosine(cosine: ArrayLike, speed: ArrayLike, next_speed: ArrayLike) -> Float64:
    """Return cos θ behind a face by Snell's law; -1 at and beyond the critical angle."""
    c = np.asarray(cosine, float)
    sine = np.sqrt(np.maximum(0.0, 1.0 - c**2)) * np.asarray(next_speed, float) / speed
    inside = np.sqrt(np.maximum(0.0, 1.0 - sine**2))
    result: Float64 = np.where(sine < 1.0, inside, -1.0)
    return result


def face_transmission(before: ArrayLike, after: ArrayLike) -> Complex128:
    """Return the pressure that one face passes, 1, from the oblique impedances at its sides."""
    z1, z2 = np.asarray(before, complex), np.asarray(after, complex)
    result: Complex128 = 2.0 * z2 / (z1 + z2)
    return result


def plate_faces(
    before: ArrayLike, plate: ArrayLike, after: ArrayLike, crossing: ArrayLike
) -> Complex128:
    """Return T e^{-iφ} of a plate: both faces and all echoes, without the first crossing.

    Parameters
    ----------
    before, plate, after
        Oblique impedances.
    crossing
        e^{iφ}: phase and loss of one crossing of the plate.
    """
    z1, z2, z3 = (np.asarray(z, complex) for z in (before, plate, after))
    passes = face_transmission(z1, z2) * face_transmission(z2, z3)
    echo = (z2 - z1) / (z2 + z1) * (z3 - z2) / (z3 + z2)
    result: Complex128 = passes / (1.0 + echo * np.asarray(crossing) ** 2)
    return result
