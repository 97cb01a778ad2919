"""From Hounsfield units to the acoustics of bone: named mappings that disagree.

Published mappings differ by hundreds of m/s for the same CT. Disagreement is data: each mapping
keeps its name, and a head model says which one it was made with. All are fits to bone and are
applied to voxels labelled skull only. A voxel at the rim of the bone, or in fatty marrow, can lie
outside the range that a fit was made for, so what goes in is held inside ``hounsfield_range``,
and what comes out inside ``DENSITY_RANGE``, ``SOUND_SPEED_RANGE`` and ``ATTENUATION_RANGE``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import Quantity, SettingsError
from insonate.core.units import db_per_cm_to_np_per_m

HounsfieldArray = NDArray[np.float64]
Acoustics = tuple[HounsfieldArray, HounsfieldArray, HounsfieldArray]

DENSITY_RANGE = (1000.0, 3000.0)
"""Apparent density of bone (kg/m³): from water to the top of what CT-based fits report.

Setting. Bone itself ends near 2200 kg/m³ (Aubry 2003); the density of mcdannold2019 is an
apparent one, CT number plus about 1000, and goes higher.
"""

SOUND_SPEED_RANGE = (1400.0, 4000.0)
"""Sound speed (m/s) between fat and the fastest cortical bone of Connor et al. (2002)."""

ATTENUATION_RANGE = (0.0, 1000.0)
"""Attenuation (Np/m). Setting: 1000 Np/m loses 8.7 dB on each millimetre."""

FREQUENCY_RANGE_HZ = (200e3, 1000e3)
"""Frequencies that the mappings are used for; setting, round the 620-710 kHz of clinical arrays."""

ROBUST_MAXIMUM_PERCENTILE = 99.5
"""Percentile of the skull's HU that stands for its maximum where a mapping needs one.

Setting: the very maximum is a tooth, a filling or a ringing edge, and differs between kernels.
"""

MCDANNOLD_LOWEST_ATTENUATION_DENSITY = Quantity(
    1300.0,
    "kg/m³",
    "Setting: HU 283, below which a voxel is no longer called bone; McDannold's polynomial was "
    "fitted to bone and rises to 816 Np/m at the density of water",
)


@dataclass(frozen=True)
class CtMapping:
    """A named way from HU to density, sound speed and attenuation of bone.

    Parameters
    ----------
    name
        As in settings and reports.
    source
        The paper, and what of it is ours.
    hounsfield_range
        HU is held inside this range before the mapping is evaluated.
    formula
        (HU, frequency in MHz, maximum HU) to density (kg/m³), speed (m/s), attenuation (Np/m).
    """

    name: str
    source: str
    hounsfield_range: tuple[float, float]
    formula: Callable[[HounsfieldArray, float, float], Acoustics]

    def acoustics(
        self, hounsfield: ArrayLike, *, frequency_hz: float, hounsfield_max: float
    ) -> Acoustics:
        """Return density, sound speed and attenuation of bone.

        Parameters
        ----------
        hounsfield
            Any shape, HU.
        frequency_hz
            Of the attenuation; within ``FREQUENCY_RANGE_HZ``.
        hounsfield_max
            The skull's robust maximum (HU), see ``robust_maximum``; used by aubry2003 and
            marsac2017 alone.

        Returns
        -------
        density, sound_speed, attenuation
            Shape of ``hounsfield``: kg/m³, m/s, Np/m.

        Raises
        ------
        SettingsError
            When the frequency is out of range or ``hounsfield_max`` is no bone.
        """
        require_frequency(frequency_hz)
        _require_bone_maximum(hounsfield_max)
        held = np.clip(np.asarray(hounsfield, dtype=np.float64), *self.hounsfield_range)
        density, speed, attenuation = self.formula(held, frequency_hz / 1e6, hounsfield_max)
        return (
            np.clip(density, *DENSITY_RANGE),
            np.clip(speed, *SOUND_SPEED_RANGE),
            np.clip(attenuation, *ATTENUATION_RANGE),
        )


def require_frequency(frequency_hz: float) -> None:
    """Raise a ``SettingsError`` for a frequency that no mapping is made for."""
    low, high = FREQUENCY_RANGE_HZ
    if not low <= frequency_hz <= high:
        raise SettingsError(
            f"The frequency is {frequency_hz / 1e3:g} kHz; skull properties are known from "
            f"{low / 1e3:g} to {high / 1e3:g} kHz. Choose a frequency in this range."
        )


def _require_bone_maximum(hounsfield_max: float) -> None:
    if not 500.0 <= hounsfield_max <= 10_000.0:
        raise SettingsError(
            f"The skull's maximum is {hounsfield_max:g} HU; bone reaches between 500 and 10000. "
            "Check that the image is a CT in Hounsfield units."
        )


def robust_maximum(hounsfield: ArrayLike) -> float:
    """Return the 99.5th percentile of the skull's HU, which stands for its maximum."""
    return float(np.percentile(np.asarray(hounsfield), ROBUST_MAXIMUM_PERCENTILE))


def mcdannold_speed_and_attenuation(density: ArrayLike) -> tuple[Any, Any]:
    """Return sound speed (m/s) and attenuation (Np/m at 660 kHz) from apparent density (kg/m³).

    McDannold et al., Phys. Rev. Res. 1:033205 (2019), polynomials with the coefficients as
    printed (rounded). Below 1300 kg/m³ the attenuation keeps its value there (401 Np/m).
    """
    rho = np.asarray(density, dtype=np.float64)
    slowness = 1.24e-3 - 7.63e-7 * rho + 1.69e-10 * rho**2 + 5.31e-16 * rho**3
    c = 1 / (slowness - 2.79e-18 * rho**4)
    r = np.maximum(rho, MCDANNOLD_LOWEST_ATTENUATION_DENSITY.value)
    alpha = 5.71e3 - 9.02 * r + 5.40e-3 * r**2 - 1.41e-6 * r**3 + 1.36e-10 * r**4
    return c, alpha


def _mcdannold_density(hu: HounsfieldArray) -> HounsfieldArray:
    rho: HounsfieldArray = np.clip(1.01237 * hu + 1013.67, *DENSITY_RANGE)
    return rho


def _mcdannold2019(hu: HounsfieldArray, f_mhz: float, _hu_max: float) -> Acoustics:
    rho = _mcdannold_density(hu)
    c, alpha_660_khz = mcdannold_speed_and_attenuation(rho)
    return rho, c, alpha_660_khz * (f_mhz / 0.66)


def _porous_attenuation(porosity: HounsfieldArray, f_mhz: float) -> HounsfieldArray:
    low, high = db_per_cm_to_np_per_m(0.2), db_per_cm_to_np_per_m(8.0)
    alpha: HounsfieldArray = (low + (high - low) * np.sqrt(porosity)) * f_mhz
    return alpha


def _aubry2003(hu: HounsfieldArray, f_mhz: float, hu_max: float) -> Acoustics:
    phi = np.clip(1 - hu / hu_max, 0, 1)
    rho = 1000 * phi + 2200 * (1 - phi)
    c = 1500 * phi + 3100 * (1 - phi)
    return rho, c, _porous_attenuation(phi, f_mhz)


def _marsac2017(hu: HounsfieldArray, f_mhz: float, hu_max: float) -> Acoustics:
    phi = np.clip(1 - hu / hu_max, 0, 1)
    rho_min, rho_max = 1000.0, 2700.0
    rho = rho_min + (rho_max - rho_min) * (1 - phi)
    c = 1500 + 1500 * (rho - rho_min) / (rho_max - rho_min)
    return rho, c, _porous_attenuation(phi, f_mhz)


def _webb2018(hu: HounsfieldArray, f_mhz: float, _hu_max: float) -> Acoustics:
    alpha = 100 * 26 * f_mhz**1.3 * np.exp(-0.0016 * hu)
    return _mcdannold_density(hu), 0.75 * hu + 1320, alpha


def _kplan(hu: HounsfieldArray, f_mhz: float, _hu_max: float) -> Acoustics:
    rho = np.interp(hu, [-990.0, 60.0, 1000.0, 1950.0], [1.2, 1060.0, 1530.0, 2150.0])
    alpha = np.full_like(rho, db_per_cm_to_np_per_m(13.3) * f_mhz)
    return rho, 1.33 * rho + 167, alpha


DEFAULT_MAPPING = "mcdannold2019"

_ALL = (
    CtMapping(
        "mcdannold2019",
        "McDannold et al., Phys. Rev. Res. 1:033205 (2019): fitted to clinical thermometry of 72 "
        "patients at 660 kHz; attenuation proportional to frequency",
        (0.0, 3000.0),
        _mcdannold2019,
    ),
    CtMapping(
        "aubry2003",
        "Aubry et al., J. Acoust. Soc. Am. 113:84 (2003): mixture of water and bone by porosity, "
        "0.2 to 8 dB/cm/MHz",
        (0.0, 3000.0),
        _aubry2003,
    ),
    CtMapping(
        "marsac2017",
        "Marsac et al., Int. J. Hyperthermia 33:635 (2017): density and sound speed; attenuation "
        "is aubry2003's, with the same porosity",
        (0.0, 3000.0),
        _marsac2017,
    ),
    CtMapping(
        "webb2018",
        "Webb et al., IEEE TUFFC 65:1111 (2018): GE, 120 kVp, BonePlus; other scanners and "
        "kernels differ. Density is mcdannold2019's. Attenuation 2600 f^1.3 exp(-0.0016 HU) of the "
        "same group; setting: HU below 300 counts as 300, as there is no bone",
        (300.0, 3000.0),
        _webb2018,
    ),
    CtMapping(
        "kplan",
        "k-Plan, its CT conversion: piecewise linear density, c = 1.33 ρ + 167, 13.3 dB/cm/MHz",
        (0.0, 1950.0),
        _kplan,
    ),
)

MAPPINGS: dict[str, CtMapping] = {mapping.name: mapping for mapping in _ALL}
"""Every mapping by name; ``mcdannold2019`` is the default."""


def mapping_named(name: str) -> CtMapping:
    """Return a mapping by name; an unknown name is a ``SettingsError`` that lists the names."""
    if name not in MAPPINGS:
        raise SettingsError(
            f"There is no CT mapping '{name}'; there are {', '.join(MAPPINGS)}. Choose one."
        )
    return MAPPINGS[name]
