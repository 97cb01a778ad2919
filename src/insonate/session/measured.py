"""The lesion as thermometry saw it: areas in one slice, and what volume they suggest."""

from collections.abc import Sequence
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.events.documents import LesionDescribed, Point, TemperatureFrame

SEARCH_RADIUS_M = 10e-3  # beyond it a voxel is off target
_AXES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}

Seen = tuple[TemperatureFrame, NDArray[Any], NDArray[Any]]


def measured_lesion(frames: Sequence[Seen]) -> LesionDescribed | None:
    """Describe the lesion from the sonication with the largest measured dose.

    One slice shows an area A and two widths. The volume is that of an ellipsoid whose section
    is A and whose third diameter is taken as the larger of the two seen for an axial slice (the
    focus is longest along the beam, near the vertical) and the smaller one otherwise:
    V = 2/3 · A · d₃.

    Parameters
    ----------
    frames
        For each sonication its last frame, dose map (CEM43) and hottest map (°C).

    Returns
    -------
    LesionDescribed or None
        None where nothing was measured.
    """
    if not frames:
        return None
    frame, dose, hottest = max(frames, key=lambda seen: seen[0].peak_dose_cem43)
    near = _near_target(frame, dose.shape)
    dose = np.where(near, np.nan_to_num(dose), 0.0)
    hot = np.where(near, np.nan_to_num(hottest, nan=0.0), 0.0)
    widths = _widths(frame, dose >= 240.0)
    return LesionDescribed(
        basis="measured",
        peak_degc=float(hot.max()),
        peak_dose_cem43=float(dose.max()),
        volume_17_mm3=_volume(frame, dose >= 17.0),
        volume_100_mm3=_volume(frame, dose >= 100.0),
        volume_200_mm3=_volume(frame, dose >= 200.0),
        volume_240_mm3=_volume(frame, dose >= 240.0),
        volume_51_mm3=_volume(frame, hot >= 51.0),
        diameters_m=widths,
        centre_offset_m=frame.focus_offset_m,
        plane_spacing_m=_pixel(frame),
        target_inside=_at_target(frame, dose) >= 240.0,
        dose_variant="sapareto",
    )


def _pixel(frame: TemperatureFrame) -> float:
    affine = np.array(frame.slice_affine).reshape(4, 4)
    return float(np.linalg.norm(affine[:3, 0]))


def _near_target(frame: TemperatureFrame, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels near the middle of the slice, where the target is."""
    i, j = np.indices(shape)
    distance = np.hypot(i - shape[0] // 2, j - shape[1] // 2) * _pixel(frame)
    return np.asarray(distance <= SEARCH_RADIUS_M)


def _at_target(frame: TemperatureFrame, values: NDArray[Any]) -> float:
    del frame
    return float(values[values.shape[0] // 2, values.shape[1] // 2])


def _extents(frame: TemperatureFrame, region: NDArray[np.bool_]) -> tuple[float, float]:
    where = np.argwhere(region)
    if where.size == 0:
        return 0.0, 0.0
    span = (where.max(axis=0) - where.min(axis=0) + 1) * _pixel(frame)
    return float(span[0]), float(span[1])


def _third(frame: TemperatureFrame, first: float, second: float) -> float:
    seen = sqrt(first * second)
    return 2.0 * seen if frame.orientation == "axial" else min(first, second)


def _volume(frame: TemperatureFrame, region: NDArray[np.bool_]) -> float:
    first, second = _extents(frame, region)
    area = float(region.sum()) * _pixel(frame) ** 2
    equivalent = 2.0 * sqrt(area / pi)
    third = (
        _third(frame, equivalent, equivalent)
        if first == second
        else _third(frame, first, second)
    )
    return 2.0 / 3.0 * area * third * 1e9


def _widths(frame: TemperatureFrame, region: NDArray[np.bool_]) -> Point:
    first, second = _extents(frame, region)
    widths = [_third(frame, first, second)] * 3
    for axis, width in zip(_AXES[frame.orientation], (first, second), strict=True):
        widths[axis] = width
    x, y, z = widths
    return x, y, z
