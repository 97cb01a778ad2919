"""A measured frame as the document that the controller and the record receive."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import SettingsError
from insonate.events.documents import TemperatureFrame
from insonate.thermometry.dose import DoseMap, credible_maximum
from insonate.thermometry.focus import FocusMeasurement
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.thermogram import Thermogram


@dataclass(frozen=True, eq=False)
class FrameContext:
    """What a frame belongs to.

    Parameters
    ----------
    sonication, frame
        Numbers of both.
    start_s, end_s
        When its acquisition began and ended, s.
    baseline_degc
        Temperature of the references, °C.
    target_m
        Shape (3,), CT frame, m.
    """

    sonication: int
    frame: int
    start_s: float
    end_s: float
    baseline_degc: float
    target_m: ArrayLike

    def __post_init__(self) -> None:
        if not self.end_s > self.start_s:
            raise SettingsError(
                f"A frame that began at {self.start_s:g} s cannot end at {self.end_s:g} s."
            )


@dataclass(frozen=True, eq=False)
class Measured:
    """One frame's results: the map, what was read from it, the dose so far."""

    thermogram: Thermogram
    focus: FocusMeasurement
    dose: DoseMap


def to_frame(
    measured: Measured, geometry: SliceGeometry, protocol: Protocol, context: FrameContext
) -> tuple[TemperatureFrame, dict[str, NDArray[Any]]]:
    """Fill the document of a frame.

    Parameters
    ----------
    measured
        Map, measurement and dose.
    geometry, protocol
        Where and how it was imaged.
    context
        What it belongs to.

    Returns
    -------
    TemperatureFrame, dict
        The document, and its arrays ``delta_t sigma mask magnitude dose``, each (nx, ny).

    Raises
    ------
    SettingsError
        When no voxel near the target, or none off target, is usable: such a frame does not say
        what must be known, and is treated as lost.
    """
    thermogram, focus, dose = measured.thermogram, measured.focus, measured.dose
    if not np.isfinite([focus.peak_k, focus.mean_k, focus.sigma_k, focus.off_target_k]).all():
        raise SettingsError(
            "No voxel near the target, or none off target, is usable in this frame; drop it as "
            "lost, and look at mask, signal and motion."
        )
    base = context.baseline_degc
    document = TemperatureFrame(
        sonication=context.sonication,
        frame=context.frame,
        start_s=context.start_s,
        end_s=context.end_s,
        orientation=geometry.orientation.value,
        readout_axis=1 if protocol.readout_axis else 0,
        slice_affine=tuple(float(x) for x in geometry.grid.affine.ravel()),
        baseline_degc=base,
        peak_degc=base + focus.peak_k,
        mean_degc=base + focus.mean_k,
        sigma_k=focus.sigma_k,
        off_target_degc=base + focus.off_target_k,
        peak_dose_cem43=_highest(dose, focus.near_target),
        off_target_dose_cem43=credible_maximum(dose, focus.off_target),
        focus_offset_m=_offset(focus, context),
        focus_sigma_m=focus.position_sigma_m,
        usable_share=focus.usable_share,
        drift_k=thermogram.drift_k,
    )
    return document, _arrays(measured)


def _arrays(measured: Measured) -> dict[str, NDArray[Any]]:
    return {
        "delta_t": measured.thermogram.delta_t_k,
        "sigma": measured.thermogram.sigma_k,
        "mask": measured.thermogram.mask,
        "magnitude": measured.thermogram.magnitude,
        "dose": measured.dose.cem43,
    }


def _highest(dose: DoseMap, where: NDArray[np.bool_]) -> float:
    return float(dose.cem43[where].max()) if where.any() else 0.0


def _offset(
    focus: FocusMeasurement, context: FrameContext
) -> tuple[float, float, float] | None:
    if focus.position_m is None:
        return None
    x, y, z = focus.position_m - np.asarray(context.target_m, dtype=np.float64)
    return float(x), float(y), float(z)
