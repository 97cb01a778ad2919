"""What a pressure field does: peak negative pressure, mechanical index, intensity, absorbed power.

A field is linear and of one frequency, so that the largest negative pressure of a period is the
amplitude |p|. Properties of tissue are read in the head's voxel nearest to each point of the field.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from insonate.core import GeometryError, Grid, SettingsError, Tissue
from insonate.field.model import PressureField
from insonate.head import HeadModel

Float32 = NDArray[np.float32]
Labels = NDArray[np.int8]

MECHANICAL_INDEX_LIMIT = 1.9
"""Of diagnostic ultrasound (FDA, Guidance for Diagnostic Ultrasound Systems, 2019; ITRUSST)."""
_PLANES = 16
"""Planes of the field that are worked on at a time."""


@dataclass(frozen=True)
class TissuePower:
    """Power that one tissue takes from the wave, W, averaged over a period.

    Parameters
    ----------
    lost_w
        All that the attenuation takes, scattering included.
    absorbed_w
        What of it becomes heat.
    """

    lost_w: float
    absorbed_w: float


@dataclass(frozen=True)
class SkullIntensity:
    """Intensity |p|²/(2ρc) in front of bone and behind it, W/m².

    Parameters
    ----------
    peak_w_per_m2, mean_w_per_m2
        Over the cells of water or soft tissue that touch bone.
    """

    peak_w_per_m2: float
    mean_w_per_m2: float


def peak_negative_pressure(field: PressureField) -> Float32:
    """Return the largest negative pressure of a period, Pa, as a positive number.

    Parameters
    ----------
    field
        Of one frequency; nonlinear steepening, which lowers it, is left out.

    Returns
    -------
    NDArray
        Shape of the field's grid.
    """
    amplitude: Float32 = np.abs(field.pressure).astype(np.float32, copy=False)
    return amplitude


def mechanical_index(peak_negative_pa: ArrayLike, frequency_hz: float) -> NDArray[np.float64]:
    """Return p₋/√f with p₋ in MPa and f in MHz (Apfel & Holland, Ultrasound Med. Biol. 17:179, 1991).

    Parameters
    ----------
    peak_negative_pa
        Peak negative pressure in place, Pa; no derating is applied, the field knows the tissue.
    frequency_hz
        Of the wave.

    Raises
    ------
    SettingsError
        When the frequency is not positive.
    """
    if not frequency_hz > 0:
        raise SettingsError(
            f"A mechanical index needs a frequency above 0 Hz, not {frequency_hz:g} Hz."
        )
    index: NDArray[np.float64] = (
        np.asarray(peak_negative_pa, np.float64) * 1e-6 / np.sqrt(frequency_hz * 1e-6)
    )
    return index


def intensity(
    pressure: ArrayLike, density: ArrayLike, sound_speed: ArrayLike
) -> NDArray[np.float64]:
    """Return |p|²/(2ρc), W/m²: the intensity of a plane wave of that amplitude.

    Parameters
    ----------
    pressure
        Complex or peak amplitude, Pa.
    density, sound_speed
        kg/m³, m/s.
    """
    squared = np.abs(np.asarray(pressure)).astype(np.float64) ** 2
    result: NDArray[np.float64] = squared / (
        2 * np.asarray(density, np.float64) * np.asarray(sound_speed, np.float64)
    )
    return result


def power_by_tissue(field: PressureField, head: HeadModel) -> dict[Tissue, TissuePower]:
    """Return the power that each tissue takes: water, scalp, skull, brain (and air, whose is 0).

    2αI = α|p|²/(ρc), summed over the cells of the field; of it ``absorbed_share`` becomes heat.

    Parameters
    ----------
    field
        CT frame, at the head's frequency.
    head
        What the sound travels in; outside its grid is water, which takes nothing.

    Raises
    ------
    GeometryError
        When the frames differ, or a grid is oblique.
    SettingsError
        When the attenuation is that of another frequency.
    """
    _require_same(field, head)
    lost, absorbed = np.zeros(len(Tissue)), np.zeros(len(Tissue))
    for planes, voxels, inside in _slabs(field.grid, head):
        labels = np.where(inside, head.labels[voxels], np.int8(Tissue.WATER))
        loss = _loss(field.pressure[planes], head, voxels) * inside
        heat = loss * head.absorbed_share[voxels]
        lost += np.bincount(labels.ravel(), loss.ravel(), len(Tissue))
        absorbed += np.bincount(labels.ravel(), heat.ravel(), len(Tissue))
    volume = field.grid.voxel_volume_m3
    return {
        tissue: TissuePower(float(lost[tissue]) * volume, float(absorbed[tissue]) * volume)
        for tissue in Tissue
    }


def share_in(powers: dict[Tissue, TissuePower], tissue: Tissue) -> float:
    """Return the share of all heat that one tissue takes, 0 to 1; 0 where nothing is absorbed."""
    total = sum(power.absorbed_w for power in powers.values())
    return powers[tissue].absorbed_w / total if total > 0 else 0.0


def skull_intensity(field: PressureField, head: HeadModel) -> SkullIntensity:
    """Return the intensity in the cells of water or soft tissue that touch bone.

    The wave that the bone sends back is in it: in front of bone the intensity of the standing
    wave lies up to four times above that of the incident one.

    Raises
    ------
    GeometryError
        When the frames differ, a grid is oblique, or no bone lies in the field.
    SettingsError
        When the head was made for another frequency.
    """
    _require_same(field, head)
    labels = labels_on(field.grid, head)
    bone = labels == int(Tissue.SKULL)
    beside = ndimage.binary_dilation(bone) & ~bone & (labels != int(Tissue.AIR))
    if not beside.any():
        raise GeometryError(
            "No bone lies in the field's grid, so there is no intensity at the skull; give a "
            "field that reaches the skull."
        )
    index = head.grid.indices_of(field.grid.points_of(np.argwhere(beside)))
    voxels = tuple(
        np.clip(np.round(i).astype(int), 0, n - 1)
        for i, n in zip(index.T, head.labels.shape, strict=True)
    )
    values = intensity(field.pressure[beside], head.density[voxels], head.sound_speed[voxels])
    return SkullIntensity(float(values.max()), float(values.mean()))


def labels_on(grid: Grid, head: HeadModel) -> Labels:
    """Return the head's tissue at the points of a grid, shape ``grid.shape``; water outside it."""
    labels = np.empty(grid.shape, np.int8)
    for planes, voxels, inside in _slabs(grid, head):
        labels[planes] = np.where(inside, head.labels[voxels], np.int8(Tissue.WATER))
    return labels


def _loss(
    pressure: NDArray[np.complex64], head: HeadModel, voxels: tuple[NDArray[np.intp], ...]
) -> NDArray[np.float64]:
    """Return α|p|²/(ρc), W/m³."""
    plane_wave = intensity(pressure, head.density[voxels], head.sound_speed[voxels])
    loss: NDArray[np.float64] = 2 * head.attenuation[voxels].astype(np.float64) * plane_wave
    return loss


def _slabs(
    grid: Grid, head: HeadModel
) -> Iterator[tuple[slice, tuple[NDArray[np.intp], ...], NDArray[np.bool_]]]:
    """Yield planes of a grid, the nearest voxels of the head, and which points it holds."""
    lines, held = [], []
    for at, voxels, n in zip(grid.axes(), head.grid.axes(), head.labels.shape, strict=True):
        step = voxels[1] - voxels[0] if n > 1 else 1.0
        index = np.floor((at - voxels[0]) / step + 0.5).astype(np.intp)
        held.append((index >= 0) & (index < n))
        lines.append(np.clip(index, 0, n - 1))
    for first in range(0, grid.shape[0], _PLANES):
        planes = slice(first, min(first + _PLANES, grid.shape[0]))
        inside = held[0][planes, None, None] & held[1][None, :, None] & held[2][None, None, :]
        yield planes, np.ix_(lines[0][planes], lines[1], lines[2]), inside


def _require_same(field: PressureField, head: HeadModel) -> None:
    if field.grid.frame != head.grid.frame or not (
        field.grid.is_axis_aligned and head.grid.is_axis_aligned
    ):
        raise GeometryError(
            f"The field is in the frame '{field.grid.frame}' and the head in "
            f"'{head.grid.frame}'; both must be axis-aligned in the same frame."
        )
    if abs(field.frequency_hz - head.frequency_hz) > 1e-6 * head.frequency_hz:
        raise SettingsError(
            f"The field is of {field.frequency_hz / 1e3:g} kHz and the head's attenuation of "
            f"{head.frequency_hz / 1e3:g} kHz; build the head for the field's frequency."
        )
