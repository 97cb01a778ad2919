"""A plane wave through a solid plate between fluids, exactly: what a fluid model of bone misses.

In the solid u = ∇φ + ∇×(ψŷ) (Brekhovskikh, Waves in Layered Media (1980), §§7-9): a compressional
and a shear wave each way. With kₓ along the plate, ρω² = (λ+2μ)k_l² = μk_s² and time dependence
exp(-iωt), a wave that runs to ±z has

    φ:  u_z = ±ik_zl,   σ_zz = -(ρω² - 2μkₓ²),   σ_xz = ∓2μkₓk_zl
    ψ:  u_z = ikₓ,      σ_zz = ∓2μkₓk_zs,        σ_xz = μ(k_zs² - kₓ²).

At both faces u_z and σ_zz = -p go on into the fluid and σ_xz vanishes: six equations for what
is sent back, what passes and the four waves in the plate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core.units import TWO_PI, db_per_cm_to_np_per_m
from insonate.field.born.fluid import WATER, Fluid
from insonate.field.shear import AMPLITUDE_MISSED, FLUID_LIMIT_DEG, PHASE_MISSED_RAD
from insonate.verification.check import Check, at_most

AREA = "field"
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Solid:
    """An isotropic lossy solid at one frequency.

    Parameters
    ----------
    compressional
        Density, speed and attenuation of its compressional wave.
    shear_speed
        m/s.
    shear_attenuation
        Np/m at the frequency.
    """

    compressional: Fluid
    shear_speed: float
    shear_attenuation: float


def cortical_bone(frequency_hz: float) -> Solid:
    """Return cortical bone: the ITRUSST material, and shear of 1500 m/s and 329 Np/m/MHz.

    Compressional: Aubry et al., J. Acoust. Soc. Am. 152:1003 (2022), attenuation in proportion to
    the frequency. Shear: within 1500 ± 140 m/s, and the proportional attenuation that packages
    use, 72-247 Np/m at 220-750 kHz, where White et al., Ultrasound Med. Biol. 32:1085 (2006)
    measured 94-213 Np/m at 0.2-0.9 MHz.
    """
    alpha = db_per_cm_to_np_per_m(8.0) * frequency_hz * 1e-6
    return Solid(Fluid(2800.0, 1850.0, alpha), 1500.0, 329.0 * frequency_hz * 1e-6)


def fluid_plate(
    plate: Fluid,
    thickness_m: float,
    angle_rad: float,
    frequency_hz: float,
    *,
    around: Fluid = WATER,
) -> tuple[complex, complex]:
    """Return what a fluid plate sends back and passes, face to face, of the pressure.

    Parameters
    ----------
    plate, thickness_m
        The plate.
    angle_rad
        Of incidence, in the fluid around it.
    frequency_hz
        Of the wave.
    around
        The fluid on both sides; lossless.
    """
    k_around, k_plate = around.wavenumber(frequency_hz), plate.wavenumber(frequency_hz)
    across = k_around * np.sin(angle_rad)
    k_1, k_2 = k_around * np.cos(angle_rad), _upright(k_plate, across)
    ratio = plate.density * k_1 / (around.density * k_2)
    phase = k_2 * thickness_m
    passed = 1 / (np.cos(phase) - 0.5j * (ratio + 1 / ratio) * np.sin(phase))
    back = -0.5j * (ratio - 1 / ratio) * np.sin(phase) * passed
    return complex(back), complex(passed)


def solid_plate(
    plate: Solid,
    thickness_m: float,
    angle_rad: float,
    frequency_hz: float,
    *,
    around: Fluid = WATER,
) -> tuple[complex, complex]:
    """Return what a solid plate sends back and passes, face to face, of the pressure.

    Parameters
    ----------
    plate, thickness_m
        The plate.
    angle_rad
        Of incidence, in the fluid around it.
    frequency_hz
        Of the wave.
    around
        The fluid on both sides; lossless.
    """
    omega = TWO_PI * frequency_hz
    k_around = around.wavenumber(frequency_hz)
    across, k_1 = k_around * np.sin(angle_rad), k_around * np.cos(angle_rad)
    waves, decay = _waves(plate, across, omega), _crossing(plate, across, omega, thickness_m)
    down, up = waves[:, :2], waves[:, 2:]
    admittance = 1j * k_1 / (around.density * omega**2)
    matrix = np.zeros((6, 6), complex)
    # unknowns: sent back, down (φ, ψ; amplitude at the first face), up (at the last), passed
    matrix[:3, 0] = (admittance, 1.0, 0.0)
    matrix[:3, 1:3], matrix[:3, 3:5] = down, up * decay
    matrix[3:, 1:3], matrix[3:, 3:5] = down * decay, up
    matrix[3:, 5] = (-admittance, 1.0, 0.0)
    right = np.zeros(6, complex)
    right[:3] = (admittance, -1.0, 0.0)
    solution = _balanced_solve(matrix, right)
    return complex(solution[0]), complex(solution[5])


def _upright(wavenumber: complex, across: complex) -> complex:
    """Return k_z = √(k² - kₓ²) of the wave that decays along +z."""
    k_z = np.sqrt(complex(wavenumber**2 - across**2))
    return complex(k_z if k_z.imag >= 0 else -k_z)


def _shear_wavenumber(plate: Solid, omega: float) -> complex:
    return omega / plate.shear_speed + 1j * plate.shear_attenuation


def _waves(plate: Solid, across: complex, omega: float) -> Complex:
    """Return u_z, σ_zz, σ_xz (rows) of φ and ψ down, φ and ψ up (columns)."""
    density = plate.compressional.density
    shear = _shear_wavenumber(plate, omega)
    k_l = _upright(plate.compressional.wavenumber(omega / TWO_PI), across)
    k_s = _upright(shear, across)
    mu = density * omega**2 / shear**2
    bulk, bend = -(density * omega**2 - 2 * mu * across**2), mu * (k_s**2 - across**2)
    columns = []
    for way in (1, -1):
        columns.append((way * 1j * k_l, bulk, -way * 2 * mu * across * k_l))
        columns.append((1j * across, -way * 2 * mu * across * k_s, bend))
    return np.array(columns).T


def _crossing(plate: Solid, across: complex, omega: float, thickness_m: float) -> Complex:
    """Return exp(ik_z d) of φ and ψ."""
    wavenumbers = (
        _upright(plate.compressional.wavenumber(omega / TWO_PI), across),
        _upright(_shear_wavenumber(plate, omega), across),
    )
    return np.exp(1j * np.array(wavenumbers) * thickness_m)


def _balanced_solve(matrix: Complex, right: Complex) -> Complex:
    """Solve with rows and columns scaled: displacements and stresses differ by 10¹⁵."""
    rows = np.abs(matrix).max(axis=1)
    scaled = matrix / rows[:, None]
    columns = np.abs(scaled).max(axis=0)
    solution: Complex = np.linalg.solve(scaled / columns, right / rows) / columns
    return solution


@dataclass(frozen=True)
class Missed:
    """What the fluid model misses at one angle, over a range of thicknesses.

    Parameters
    ----------
    angle_rad, frequency_hz
        Of the wave.
    solid, fluid
        Root of the mean |T|² of either.
    amplitude
        Mean of |T_fluid| over that of |T_solid|, less 1.
    phase_rad
        Root mean square of the phase between them.
    coherent
        |Σ T_solid* T_fluid| / √(Σ|T_solid|² Σ|T_fluid|²): what is left of the focus, 0 to 1.
    """

    angle_rad: float
    frequency_hz: float
    solid: float
    fluid: float
    amplitude: float
    phase_rad: float
    coherent: float


THICKNESSES_M = np.linspace(5.5e-3, 7.5e-3, 41)
"""6.5 mm of cortical bone, and a millimetre to either side: echoes in one plate are an accident."""


def missed(
    angle_rad: float, frequency_hz: float, thicknesses_m: NDArray[np.float64] = THICKNESSES_M
) -> Missed:
    """Compare cortical bone as a solid and as a fluid, at one angle."""
    bone = cortical_bone(frequency_hz)
    pairs = [
        (
            solid_plate(bone, float(d), angle_rad, frequency_hz)[1],
            fluid_plate(bone.compressional, float(d), angle_rad, frequency_hz)[1],
        )
        for d in thicknesses_m
    ]
    solid, fluid = np.array(pairs).T
    squares = np.sqrt(np.mean(np.abs(solid) ** 2)), np.sqrt(np.mean(np.abs(fluid) ** 2))
    return Missed(
        angle_rad,
        frequency_hz,
        float(squares[0]),
        float(squares[1]),
        float(np.mean(np.abs(fluid)) / np.mean(np.abs(solid)) - 1),
        float(np.sqrt(np.mean(np.angle(fluid / solid) ** 2))),
        float(abs(np.mean(np.conj(solid) * fluid)) / (squares[0] * squares[1])),
    )


ANGLES_RAD = np.radians(np.arange(0.0, 41.0, 4.0))
Plate = Callable[[Solid, float, float, float], tuple[complex, complex]]


def fluid_limit_error(plate: Plate = solid_plate) -> float:
    """Return the largest difference from the fluid plate when shear is all but taken away."""
    bone = cortical_bone(500e3).compressional
    weak = Solid(bone, 1.0, 0.0)
    differences = [
        np.subtract(plate(weak, 6.5e-3, angle, 500e3), fluid_plate(bone, 6.5e-3, angle, 500e3))
        for angle in ANGLES_RAD
    ]
    return float(np.abs(differences).max())


def energy_error(plate: Plate = solid_plate) -> float:
    """Return the largest | |R|² + |T|² - 1 | of a plate without loss."""
    lossless = Solid(Fluid(2800.0, 1850.0), 1500.0, 0.0)
    amplitudes = [np.abs(plate(lossless, 6.5e-3, angle, 500e3)) for angle in ANGLES_RAD]
    return float(np.abs(np.square(amplitudes).sum(axis=1) - 1).max())


def limit_error(table: tuple[tuple[float, float], ...] = FLUID_LIMIT_DEG) -> float:
    """Return the largest miss below the stated limits, over what is allowed there."""
    worst = 0.0
    for frequency, limit in table:
        for angle in np.radians(np.linspace(0, limit, 6)[1:]):
            found = missed(float(angle), frequency)
            amplitude = abs(found.amplitude) / AMPLITUDE_MISSED
            worst = max(worst, amplitude, found.phase_rad / PHASE_MISSED_RAD)
    return worst


def checks() -> Iterator[Check]:
    """Yield the quick checks."""
    source = "Brekhovskikh, Waves in Layered Media (1980), §§7-9"
    yield at_most(
        AREA, "solid plate, shear taken away, against the fluid plate", fluid_limit_error(), 1e-5,
        "1", "closed form of a fluid plate",
    )  # fmt: skip
    yield at_most(
        AREA, "solid plate without loss, |R|² + |T|² - 1", energy_error(), 1e-10, "1", source
    )
    yield at_most(
        AREA, "fluid model of bone below its angle limits, over what is allowed (10 %, 15°)",
        limit_error(), 1.0, "1", "exact solid plate, cortical bone of 5.5-7.5 mm, 220-750 kHz",
    )  # fmt: skip
