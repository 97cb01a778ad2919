"""The virtual scanner in time: references, then a frame every few seconds, in changing planes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError, Volume
from insonate.events.documents import TemperatureFrame
from insonate.head import HeadModel
from insonate.heat.dose import DoseVariant
from insonate.heat.model import ThermalModel, ThermalState
from insonate.heat.readout import temperature_at
from insonate.thermometry import Protocol, SliceGeometry, acquire, measure_focus
from insonate.thermometry.anatomy import SliceAnatomy, regions_of, slice_anatomy
from insonate.thermometry.frame import FrameContext, Measured, to_frame
from insonate.thermometry.geometry import Orientation
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.regions import Regions
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.series import Reading, Series, SeriesOptions, follow
from insonate.thermometry.spot import off_resonance_map

REFERENCES = 4  # images averaged before each sonication; σ falls by √(1 + 1/4) against one
SUBSAMPLES = 2  # sub-voxel cells along each axis: partial volume of a spot of two voxels
THROUGH = 3  # points through the slice
FIELD_MAP_ECHO_S = 2e-3  # between the two echoes of the field map
EDGE_M = 0.07  # from the middle of a head to its edge
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
    followed: Series
    reference_k: Floats
    off_resonance_hz: NDArray[np.float32]
    sonication: int


@dataclass(frozen=True)
class ScannerSettings:
    """What goes wrong in a real room, and how its images become temperatures.

    Parameters
    ----------
    drift_ppm_per_min
        Of the field.
    breathing_ppm
        Amplitude of the change of the field with the breath in the middle of the head, ppm; it is
        half as much again at the edges (van de Moortele et al., Magn. Reson. Med. 47:888, 2002).
    breath_s
        From breath to breath, s.
    motion_m, rotation_rad
        How far the head has wandered after a minute, standard deviations, m and rad.
    missing
        Share of the frames that never arrive.
    late
        Share of the frames that arrive with the next one's time only, and are dropped as late.
    how
        The method of reconstruction.

    Raises
    ------
    SettingsError
        When a share is none, or an amount is negative.
    """

    drift_ppm_per_min: float = 0.0
    breathing_ppm: float = 0.0
    breath_s: float = 4.2
    motion_m: float = 0.0
    rotation_rad: float = 0.0
    missing: float = 0.0
    late: float = 0.0
    how: Reconstruction = field(default_factory=Reconstruction)

    def __post_init__(self) -> None:
        shares = 0.0 <= self.missing <= 1.0 and 0.0 <= self.late <= 1.0
        amounts = min(self.breathing_ppm, self.motion_m, self.rotation_rad) >= 0
        if not (shares and amounts and self.breath_s > 0):
            raise SettingsError(
                f"A scanner with {self} cannot be: shares lie between 0 and 1, amounts are not "
                "negative, and breaths take time."
            )


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
    settings
        What goes wrong, and how its images become temperatures.
    rng
        All noise.
    """

    def __init__(
        self,
        head: HeadModel,
        mr: Volume | None,
        target_m: NDArray[np.float64],
        protocol: Protocol,
        settings: ScannerSettings,
        rng: np.random.Generator,
    ) -> None:
        self._settings = settings
        self._head, self._mr, self._target = head, mr, target_m
        self.protocol = protocol
        self._rng = rng
        self._slices: dict[Orientation, _Slice] = {}
        self._series: _Series | None = None
        self._sum: Floats | None = None
        self._weight = 0.0
        self._tuned_s = 0.0
        self._walked_s, self._place = 0.0, np.zeros(3)

    def begin(
        self,
        sonication: int,
        model: ThermalModel,
        state: ThermalState,
        baseline_degc: float,
    ) -> None:
        """Take the references of a sonication, in the plane that is its turn."""
        self._tuned_s = state.time_s
        # The plan's masks are laid on the head where the localiser of this series finds it.
        first_s = state.time_s - REFERENCES * self.protocol.frame_time_s
        self._walked_s, self._place = first_s, np.zeros(3)
        part = self._slice(CYCLE[(sonication - 1) % len(CYCLE)], model)
        at_rest = self._temperature(part, model, state)
        zero = np.zeros_like(at_rest)
        options = SeriesOptions(
            REFERENCES, baseline_degc, DoseVariant.SAPARETO, self._settings.how
        )
        followed = Series(part.protocol, options, part.regions)
        frame_s = part.protocol.frame_time_s
        for n in range(REFERENCES):
            # The references span a breath, and end when power goes on.
            end = state.time_s - (REFERENCES - 1 - n) * frame_s
            followed, _ = follow(followed, self._image(part, zero, end), (end - frame_s, end))
        field = self._field_map(part, zero, state.time_s)
        self._series = _Series(part, followed, at_rest, field, sonication)
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
        self._clear()
        lost = self._settings.missing + self._settings.late
        if lost > 0 and self._rng.uniform() < lost:
            return None
        followed, reading = follow(series.followed, image, (start_s, end_s))
        self._series = replace(series, followed=followed)
        return None if reading is None else self._document(self._series, reading)

    def _document(
        self, series: _Series, reading: Reading
    ) -> tuple[TemperatureFrame, Mapping[str, NDArray[Any]]] | None:
        """Read the focus of a map; None where nothing near the target is usable."""
        part = series.slice
        focus = measure_focus(
            reading.thermogram,
            part.geometry,
            part.protocol,
            self._target,
            off_resonance_hz=series.off_resonance_hz,
        )
        context = FrameContext(
            series.sonication,
            reading.frame,
            reading.start_s,
            reading.end_s,
            series.followed.options.baseline_degc,
            self._target,
        )
        seen = [focus.peak_k, focus.mean_k, focus.sigma_k, focus.off_target_k]
        if not np.isfinite(seen).all():
            return None
        measured = Measured(reading.thermogram, focus, reading.dose)
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
        drift = self._settings.drift_ppm_per_min / 60.0 * (time_s - self._tuned_s)
        settings = self._settings
        if not (settings.breathing_ppm or settings.motion_m or settings.rotation_rad):
            return acquire(part.anatomy, part.protocol, kelvin, drift_ppm=drift, rng=self._rng)
        return acquire(
            part.anatomy,
            part.protocol,
            kelvin,
            drift_ppm=self._field(drift, time_s),
            motion=self._wandered(time_s),
            rng=self._rng,
        )

    def _field(self, drift_ppm: float, time_s: float) -> NDArray[np.float64]:
        """Return the field's change with drift and breath, as ``acquire`` takes it."""
        breath = self._settings.breathing_ppm * np.sin(
            2 * np.pi * time_s / self._settings.breath_s
        )
        edge = 0.5 * breath / EDGE_M**2
        return np.array([drift_ppm + breath, 0.0, 0.0, edge, 0.0, edge])

    def _wandered(self, time_s: float) -> HeadMotion:
        """Return where the head is: where the localiser found it, then a random walk."""
        step_s = max(time_s - self._walked_s, 0.0)
        self._walked_s = max(time_s, self._walked_s)
        size = np.sqrt(step_s / 60.0) * np.array(
            [self._settings.motion_m, self._settings.motion_m, self._settings.rotation_rad]
        )
        self._place = self._place + size * self._rng.standard_normal(3)
        x, y, angle = map(float, self._place)
        return HeadMotion((x, y), float(np.clip(angle, -0.5, 0.5)))

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
