"""From a CT and landmarks to the head model that every later stage computes in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import TISSUES, SettingsError, Tissue, TissueProperties, Volume
from insonate.core.provenance import digest
from insonate.core.units import perfusion_per_s
from insonate.head.mappings import (
    DEFAULT_MAPPING,
    mapping_named,
    require_frequency,
    robust_maximum,
)
from insonate.head.model import HeadModel, Landmarks
from insonate.head.segmentation import segment

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class HeadOptions:
    """How a CT becomes a head model.

    Parameters
    ----------
    mapping
        Name of the CT mapping, one of ``MAPPINGS``.
    frequency_hz
        Of the attenuation maps; 200-1000 kHz.
    absorbed_share
        The part of the skull's attenuation that becomes heat, 0.15-1.0: what published tools
        assume spreads over this range (tissue table).

    Raises
    ------
    SettingsError
        When an option is outside its range.
    """

    mapping: str = DEFAULT_MAPPING
    frequency_hz: float = 650e3
    absorbed_share: float = TISSUES[Tissue.SKULL].absorbed_share.value

    def __post_init__(self) -> None:
        mapping_named(self.mapping)
        require_frequency(self.frequency_hz)
        share = TISSUES[Tissue.SKULL].absorbed_share
        if not share.low <= self.absorbed_share <= share.high:
            raise SettingsError(
                f"The absorbed share of bone is {self.absorbed_share:g}; published values lie "
                f"between {share.low:g} and {share.high:g}. Choose one of this range."
            )


def build_head(
    ct: Volume,
    landmarks: Landmarks,
    *,
    options: HeadOptions = HeadOptions(),
    notes: tuple[str, ...] = (),
    provenance: Mapping[str, str] | None = None,
) -> HeadModel:
    """Segment a CT and fill every property map.

    Soft tissue, air and water take the tissue table's values; bone takes density, sound speed
    and attenuation voxel by voxel from the CT mapping, and heat capacity by its density. Everything outside the head is water,
    as during a treatment.

    Parameters
    ----------
    ct
        HU, frame ``ct``, axis-aligned.
    landmarks
        Commissures and midline in the CT frame.
    options
        Mapping, frequency, absorbed share.
    notes, provenance
        Carried into the model.

    Raises
    ------
    ImageError
        When the image is no CT of one head (see ``segment``).
    """
    labels = segment(ct)
    hounsfield = ct.array.astype(np.float32)
    maps = _table_maps(labels, options)
    maps.update(_bone_acoustics(hounsfield, labels, maps, options))
    return HeadModel(
        grid=ct.grid,
        labels=labels,
        hounsfield=hounsfield,
        **maps,
        frequency_hz=options.frequency_hz,
        mapping=options.mapping,
        landmarks=landmarks,
        notes=notes,
        provenance={**(provenance or {}), **_own_provenance(ct, options)},
    )


def _own_provenance(ct: Volume, options: HeadOptions) -> dict[str, str]:
    return {
        "ct_digest": digest(ct.array),
        "mapping": options.mapping,
        "mapping_source": mapping_named(options.mapping).source,
        "absorbed_share_of_bone": f"{options.absorbed_share:g}",
    }


def _row(tissue: TissueProperties, options: HeadOptions) -> dict[str, float]:
    """Return one tissue's values for the maps, SI, attenuation at the frequency wanted."""
    f_mhz = options.frequency_hz / 1e6
    exponent = tissue.attenuation_exponent.value
    return {
        "density": tissue.density.value,
        "sound_speed": tissue.sound_speed.value,
        "attenuation": tissue.attenuation.value * f_mhz**exponent,
        "absorbed_share": tissue.absorbed_share.value,
        "heat_capacity": tissue.heat_capacity.value,
        "conductivity": tissue.conductivity.value,
        "perfusion": perfusion_per_s(tissue.perfusion.value, tissue.density.value),
    }


def _table_maps(labels: NDArray[np.int8], options: HeadOptions) -> dict[str, FloatMap]:
    rows = [_row(TISSUES[tissue], options) for tissue in Tissue]
    rows[Tissue.SKULL]["absorbed_share"] = options.absorbed_share
    columns = {name: np.array([row[name] for row in rows], np.float32) for name in rows[0]}
    return {name: column[labels] for name, column in columns.items()}


def _bone_acoustics(
    hounsfield: FloatMap,
    labels: NDArray[np.int8],
    maps: dict[str, FloatMap],
    options: HeadOptions,
) -> dict[str, Any]:
    bone = labels == Tissue.SKULL
    values = mapping_named(options.mapping).acoustics(
        hounsfield[bone],
        frequency_hz=options.frequency_hz,
        hounsfield_max=robust_maximum(hounsfield[bone]),
    )
    names = ("density", "sound_speed", "attenuation")
    filled = {name: maps[name].copy() for name in names}
    for name, value in zip(names, values, strict=True):
        filled[name][bone] = value
    filled["heat_capacity"] = maps["heat_capacity"].copy()
    filled["heat_capacity"][bone] = bone_heat_capacity(filled["density"][bone])
    return filled


def bone_heat_capacity(density: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the heat capacity of bone by its density, J/(kg K).

    A line from trabecular (1178 kg/m³, 2274 J/(kg K)) to cortical bone (1908, 1313), and their
    values beyond: marrow between the trabeculae holds more heat than mineral (IT'IS 4.1). ρC then
    hardly depends on density, while with one capacity for all bone the porous kind would
    warm twice as fast.
    """
    bone = TISSUES[Tissue.SKULL]
    ends = (bone.density.low, bone.density.high)
    values = (bone.heat_capacity.high, bone.heat_capacity.low)
    capacity: NDArray[np.float64] = np.interp(density, ends, values)
    return capacity
