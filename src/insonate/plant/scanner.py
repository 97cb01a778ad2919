"""The virtual scanner in time: references, then a frame every few seconds, in changing planes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import Volume
from insonate.events.documents import TemperatureFrame
from insonate.head import HeadModel
from insonate.heat.dose import DoseVariant
from insonate.heat.model import ThermalModel, ThermalState
from insonate.heat.readout import temperature_at
from insonate.thermometry import Protocol, SliceGeometry, acquire, measure_focus, reconstruct
from insonate.thermometry.anatomy import SliceAnatomy, regions_of, slice_anatomy
from insonate.thermometry.baseline import Baseline, average_baselines
from insonate.thermometry.dose import DoseMap, accumulate_dose
from insonate.thermometry.frame import FrameContext, Measured, to_frame
from insonate.thermometry.geometry import Orientation
from insonate.thermometry.regions import Regions
from insonate.thermometry.spot import off_resonance_map
from insonate.thermometry.thermogram import Thermogram

REFERENCES = 4  # images averaged before each sonication; σ falls by √(1 + 1/4) against one
SUBSAMPLES = 2  # sub-voxel cells along each axis: partial volume of a spot of two voxels
THROUGH = 3  # points through the slice
FIELD_MAP_ECHO_S = 2e-3  # between the two echoes of the field map
CYCLE = (Orientation.AXIAL, Orientation.CORONAL, Orientation.SAGITTAL)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Slice:
    geometry: SliceGeometry
    anatomy: SliceAnatomy
    regions: Regions
    protocol: Protocol
    centres_m: NDArray[np.float64]
    """Of the voxels, (nx, ny, 3)."""
    window: tuple[slice, slice]
    """Sub-voxel cells that the model's fine grid fills."""
    cells_m: NDArray[np.float64]
    """Sampling points of the cells in the window, (cells, cells, through, 3)."""


@dataclass(frozen=True, eq=False)
class _Series:
    """One sonication's images: where, from what, and how far the dose has come."""

    slice: _Slice
    baseline: Baseline
    baseline_degc: float
    reference_k: Floats
    off_resonance_hz: NDArray[np.float32]
    sonication: int
    frames: int
    previous: Thermogram | None
    dose: DoseMap


class VirtualScanner:
    """Makes what an MR scanner would show of a warming head.

    Parameters
    ----------
    head, mr
        Anatomy, and an MR image in the CT frame that lends its contrast, or None.
    target_m
        Shape (3,): the slices run through it (CT frame, m).
    protocol
        How it images.
    drift_ppm_per_min
        Of the field.
    rng
        All noise.
    """

    def __init__(
        self,
        head: HeadModel,
        mr: Volume | None,
        target_m: NDArray[np.float64],
        protocol: Protocol,
        drift_ppm_per_min: float,
        rng: np.random.Generator,
    ) -> None:
        self._head, self._mr, self._target = head, mr, target_m
        self.protocol = protocol
        self._drift = drift_ppm_per_min / 60.0
        self._rng = rng
        self._slices: dict[Orientation, _Slice] = {}
        self._series: _Series | None = None
        self._sum: Floats | None = None
        self._weight = 0.0
        self._tuned_s = 0.0

    def begin(
        self,
        sonication: int,
        model: ThermalModel,
        state: ThermalState,
        baseline_degc: float,
    ) -> None:
        """Take the references of a sonication, in the plane that is its turn."""
        self._tuned_s = state.time_s
        part = self._slice(CYCLE[(sonication - 1) % len(CYCLE)], model)
        at_rest = self._temperature(part, model, state)
        zero = np.zeros_like(at_rest)
        images = [self._image(part, zero, state.time_s) for _ in range(REFERENCES)]
        baseline = average_baselines(np.stack(images), part.protocol)
        dose = DoseMap.start(
            part.protocol.matrix, baseline_degc, state.time_s, DoseVariant.SAPARETO
        )
        field = self._field_map(part, zero, state.time_s)
        self._series = _Series(
            part, baseline, baseline_degc, at_rest, field, sonication, 0, None, dose
        )
        self._clear()

    def watch(self, model: ThermalModel, state: ThermalState, weight_s: float) -> None:
        """Let the running frame see the head as it is now, for ``weight_s`` of its time."""
        if self._series is None or weight_s <= 0:
            return
        change = self._temperature(self._series.slice, model, state) - self._series.reference_k
        self._sum = change * weight_s if self._sum is None else self._sum + change * weight_s
        self._weight += weight_s

    def frame(
        self, start_s: float, end_s: float
    ) -> tuple[TemperatureFrame, Mapping[str, NDArray[Any]]] | None:
        """Finish the running frame; None without a series, or where nothing near the target is usable."""
        series = self._series
        if series is None or self._sum is None:
            return None
        part = series.slice
        image = self._image(part, self._sum / np.float32(self._weight), end_s)
        thermogram = reconstruct(
            series.baseline,
            image,
            part.protocol,
            regions=part.regions,
            previous=series.previous,
        )
        focus = measure_focus(
            thermogram,
            part.geometry,
            part.protocol,
            self._target,
            off_resonance_hz=series.off_resonance_hz,
        )
        middle = 0.5 * (start_s + end_s)
        dose = accumulate_dose(
            series.dose, thermogram, baseline_degc=series.baseline_degc, time_s=middle
        )
        self._series = replace(series, frames=series.frames + 1, previous=thermogram, dose=dose)
        self._clear()
        context = FrameContext(
            series.sonication,
            series.frames,
            start_s,
            end_s,
            series.baseline_degc,
            self._target,
        )
        measured = Measured(thermogram, focus, dose)
        if not np.isfinite(
            [focus.peak_k, focus.mean_k, focus.sigma_k, focus.off_target_k]
        ).all():
            return None
        document, arrays = to_frame(measured, part.geometry, part.protocol, context)
        moved = {"readout_displacement_m": focus.displacement_m}
        return document.model_copy(update=moved), arrays

    def geometry(self) -> SliceGeometry | None:
        """Return where the running series lies, or None."""
        return None if self._series is None else self._series.slice.geometry

    def _clear(self) -> None:
        self._sum, self._weight = None, 0.0

    def _slice(self, orientation: Orientation, model: ThermalModel) -> _Slice:
        if orientation not in self._slices:
            geometry = SliceGeometry.through(self._target, orientation, self.protocol)
            anatomy = slice_anatomy(self._head, geometry, mr=self._mr, subsamples=SUBSAMPLES)
            regions = regions_of(anatomy, self._target)
            points = geometry.points(subsamples=SUBSAMPLES, through=THROUGH)
            window = _window(geometry, model)
            self._slices[orientation] = _Slice(
                geometry,
                anatomy,
                regions,
                self.protocol,
                geometry.points()[:, :, 0],
                window,
                points[window].copy(),
            )
        return self._slices[orientation]

    def _image(self, part: _Slice, kelvin: Floats, time_s: float) -> NDArray[np.complex64]:
        # The scanner finds its centre frequency anew before each series.
        drift = self._drift * (time_s - self._tuned_s)
        return acquire(part.anatomy, part.protocol, kelvin, drift_ppm=drift, rng=self._rng)

    def _field_map(self, part: _Slice, zero: Floats, time_s: float) -> NDArray[np.float32]:
        late = replace(part.protocol, echo_time_s=part.protocol.echo_time_s + FIELD_MAP_ECHO_S)
        early = self._image(part, zero, time_s)
        second = self._image(replace(part, protocol=late), zero, time_s)
        return off_resonance_map(early, second, (part.protocol, late))

    def _temperature(self, part: _Slice, model: ThermalModel, state: ThermalState) -> Floats:
        """Return the temperature (°C) at the slice's cells, shape (n nx, n ny, through).

        The fine grid is sampled in sub-voxel cells; the rest of the slice once per voxel.
        """
        coarse = temperature_at(model, state, part.centres_m)
        cells = coarse.repeat(SUBSAMPLES, axis=0).repeat(SUBSAMPLES, axis=1)
        everywhere = np.repeat(cells[:, :, None], THROUGH, axis=2).astype(np.float32)
        everywhere[part.window] = temperature_at(model, state, part.cells_m)
        return everywhere


def _window(geometry: SliceGeometry, model: ThermalModel) -> tuple[slice, slice]:
    """Return which cells of the slice lie in the square round the focus that the fine grid fills."""
    centre = geometry.index_of(model.focus_m)
    pixel = float(geometry.grid.spacing_m[0])
    half = 0.5 * float(model.fine_grid.spacing_m[0]) * (min(model.fine_grid.shape) - 1) / pixel
    low = [max(0, round((c - half + 0.5) * SUBSAMPLES)) for c in centre]
    high = [
        min(n * SUBSAMPLES, round((c + half + 0.5) * SUBSAMPLES))
        for c, n in zip(centre, geometry.shape, strict=True)
    ]
    return slice(low[0], high[0]), slice(low[1], high[1])
