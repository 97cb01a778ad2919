"""The virtual scanner in time: references, then an image every few seconds, in changing planes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from insonate.core import SettingsError, Volume
from insonate.head import HeadModel
from insonate.heat.dose import DoseVariant
from insonate.heat.model import ThermalModel, ThermalState
from insonate.heat.readout import temperature_at
from insonate.thermometry import Protocol, SliceGeometry, acquire
from insonate.thermometry.anatomy import SliceAnatomy, regions_of, slice_anatomy
from insonate.thermometry.cells import Detail
from insonate.thermometry.geometry import Orientation
from insonate.thermometry.order import Stamp
from insonate.thermometry.port import Scan
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.regions import Regions
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.series import Series, SeriesOptions
from insonate.thermometry.spot import off_resonance_map

REFERENCES = 4  # images averaged before each sonication; σ falls by √(1 + 1/4) against one
SUBSAMPLES = 2  # sub-voxel cells along each axis: partial volume of a spot of two voxels
POINTS = 2  # along each axis of such a cell, near the focus
THROUGH = 6  # points through the slice there
DETAIL_M = 10e-3  # half the side of the square round the focus that is sampled so finely
FIELD_MAP_ECHO_S = 2e-3  # between the two echoes of the field map
SPOILT_NOISE = (
    0.5  # of an artefact, in units of the brain's magnitude: most of the phase is lost
)
SPLINE_CELLS = (
    8  # beyond the slice that a spline is made from: what lies farther off counts 1e-4
)
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
    corner: tuple[int, int]
    """First of the cells that are sampled finely."""
    cells_m: NDArray[np.float64]
    """Sampling points within these cells, (cells, cells, parts, parts, through, 3)."""


@dataclass(frozen=True, eq=False)
class _Warmth:
    """Temperatures of a slice: one for each voxel, and near the focus at points of every cell."""

    voxels: Floats
    cells: Floats

    def above(self, other: "_Warmth") -> "_Warmth":
        return _Warmth(self.voxels - other.voxels, self.cells - other.cells)


@dataclass(frozen=True, eq=False)
class Scanned:
    """One sonication's images: which, where they lie, and what displaces spins in them.

    Parameters
    ----------
    sonication
        Its number; that of the measurement, too.
    series
        As its first image finds it: protocol, masks, baseline.
    geometry
        The slice.
    off_resonance_hz
        Shape (nx, ny): its field map, Hz.
    """

    sonication: int
    series: Series
    geometry: SliceGeometry
    off_resonance_hz: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Running:
    """What the scanner itself remembers of its running series."""

    slice: _Slice
    scanned: Scanned
    reference: _Warmth
    images: int
    """How many were taken: the next one's number."""


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
    """Makes the images that an MR scanner would take of a warming head.

    It measures nothing: what its images show is found out by whoever they are given to, as with
    any other scanner.

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
        self._head, self._mr, self.target_m = head, mr, target_m
        self.protocol = protocol
        self._rng = rng
        self._slices: dict[Orientation, _Slice] = {}
        self._running: _Running | None = None
        self._model: ThermalModel | None = None
        self._watched: list[tuple[ThermalState, float]] = []
        self._tuned_s = 0.0
        self._walked_s, self._place = 0.0, np.zeros(3)

    def begin(
        self,
        sonication: int,
        model: ThermalModel,
        state: ThermalState,
        baseline_degc: float,
        receive: Callable[[Scan], None],
    ) -> Scanned:
        """Take the field map and the references of a sonication, in the plane that is its turn.

        The series can be asked for (``series``) before the first reference is received.
        """
        self._tuned_s = state.time_s
        # The plan's masks are laid on the head where the localiser of this series finds it.
        first_s = state.time_s - REFERENCES * self.protocol.frame_time_s
        self._walked_s, self._place = first_s, np.zeros(3)
        part = self._slice(CYCLE[(sonication - 1) % len(CYCLE)], model)
        at_rest = self._temperature(part, model, state)
        zero, frame_s = at_rest.above(at_rest), part.protocol.frame_time_s
        # The references span a breath, and end when power goes on.
        ends = [state.time_s - (REFERENCES - 1 - n) * frame_s for n in range(REFERENCES)]
        images = [self._image(part, zero, end) for end in ends]
        options = SeriesOptions(
            REFERENCES, baseline_degc, DoseVariant.SAPARETO, self._settings.how
        )
        series = Series(part.protocol, options, part.regions)
        field = self._field_map(part, zero, state.time_s)
        scanned = Scanned(sonication, series, part.geometry, field)
        self._running = _Running(part, scanned, at_rest, REFERENCES)
        self._watched = []
        for n, (image, end) in enumerate(zip(images, ends, strict=True)):
            receive(Scan(Stamp(sonication, n, 0), image, (end - frame_s, end)))
        return scanned

    def series(self, stamp: Stamp) -> Series:
        """Return the series that an image belongs to, as its first reference finds it.

        Raises
        ------
        SettingsError
            When no such series runs.
        """
        running = self._running
        if running is None or stamp.measurement != running.scanned.sonication:
            raise SettingsError(f"No series of measurement {stamp.measurement} is running.")
        return running.scanned.series

    def watch(self, model: ThermalModel, state: ThermalState, weight_s: float) -> None:
        """Let the running frame see the head as it is now, for ``weight_s`` of its time."""
        if self._running is None or weight_s <= 0:
            return
        self._model = model
        if self._watched and self._watched[-1][0] is state:
            weight_s += self._watched.pop()[1]
        self._watched.append((state, weight_s))

    def image(self, start_s: float, end_s: float) -> Scan | None:
        """Finish the running image; None without a series, or where it is lost in the scanner."""
        running = self._running
        if running is None or self._model is None or not self._watched:
            return None
        mean = mean_state(self._watched)
        warm = self._temperature(running.slice, self._model, mean)
        image = self._image(running.slice, warm.above(running.reference), end_s)
        self._watched = []
        stamp = Stamp(running.scanned.sonication, running.images, 0)
        self._running = replace(running, images=running.images + 1)
        lost = self._settings.missing + self._settings.late
        if lost > 0 and self._rng.uniform() < lost:
            return None
        return Scan(stamp, image, (start_s, end_s))

    def spoilt(self, scan: Scan) -> Scan:
        """Return an image as an artefact: so noisy that it says little."""
        noise = self._rng.standard_normal((2, *scan.image.shape)) * SPOILT_NOISE
        image = (scan.image + noise[0] + 1j * noise[1]).astype(np.complex64)
        return replace(scan, image=image)

    @property
    def geometry(self) -> SliceGeometry | None:
        """Where the running series lies, or None."""
        return None if self._running is None else self._running.slice.geometry

    def _slice(self, orientation: Orientation, model: ThermalModel) -> _Slice:
        if orientation not in self._slices:
            geometry = SliceGeometry.through(self.target_m, orientation, self.protocol)
            anatomy = slice_anatomy(self._head, geometry, mr=self._mr, subsamples=SUBSAMPLES)
            regions = regions_of(anatomy, self.target_m)
            corner, points = _detail(geometry, model)
            self._slices[orientation] = _Slice(
                geometry,
                anatomy,
                regions,
                self.protocol,
                geometry.points()[:, :, 0],
                corner,
                points,
            )
        return self._slices[orientation]

    def _image(self, part: _Slice, warm: _Warmth, time_s: float) -> NDArray[np.complex64]:
        # The scanner finds its centre frequency anew before each series.
        drift = self._settings.drift_ppm_per_min / 60.0 * (time_s - self._tuned_s)
        settings, detail = self._settings, Detail(part.corner, warm.cells)
        if not (settings.breathing_ppm or settings.motion_m or settings.rotation_rad):
            return acquire(
                part.anatomy,
                part.protocol,
                warm.voxels,
                detail=detail,
                drift_ppm=drift,
                rng=self._rng,
            )
        return acquire(
            part.anatomy,
            part.protocol,
            warm.voxels,
            detail=detail,
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

    def _field_map(self, part: _Slice, zero: _Warmth, time_s: float) -> NDArray[np.float32]:
        late = replace(part.protocol, echo_time_s=part.protocol.echo_time_s + FIELD_MAP_ECHO_S)
        early = self._image(part, zero, time_s)
        second = self._image(replace(part, protocol=late), zero, time_s)
        return off_resonance_map(early, second, (part.protocol, late))

    def _temperature(self, part: _Slice, model: ThermalModel, state: ThermalState) -> _Warmth:
        """Return the temperatures of the slice, °C.

        Near the focus they are sampled within sub-voxel cells, by cubic splines as the truth is;
        the rest of the slice once per voxel.
        """
        voxels = temperature_at(model, state, part.centres_m).astype(np.float32)
        cells = _splined(model, state.fine_degc, part.cells_m).astype(np.float32)
        return _Warmth(voxels, cells)


def _splined(
    model: ThermalModel, fine_degc: Floats, points_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate the fine grid at points within it by cubic splines, °C.

    Straight lines between cells of 1 mm take a tenth off a spot of 2.5 mm, between cells of 0.5 mm
    a twentieth.
    """
    index = model.fine_grid.indices_of(points_m).reshape(-1, 3).T
    low = np.maximum(np.floor(index.min(axis=1)).astype(int) - SPLINE_CELLS, 0)
    high = np.ceil(index.max(axis=1)).astype(int) + SPLINE_CELLS + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    values = fine_degc[box].astype(np.float64)
    flat = map_coordinates(values, index - low[:, None], order=3, mode="nearest")
    splined: NDArray[np.float64] = flat.reshape(points_m.shape[:-1])
    return splined


def mean_state(watched: Sequence[tuple[ThermalState, float]]) -> ThermalState:
    """Return the first of some states with the temperatures that all have on average over time.

    What a slice shows is linear in them, so that the mean is taken before the slice is read.
    """
    if len(watched) == 1:
        return watched[0][0]
    total = sum(weight for _, weight in watched)
    fine, coarse = (
        sum(getattr(state, name) * np.float32(weight / total) for state, weight in watched)
        for name in ("fine_degc", "coarse_degc")
    )
    return replace(watched[0][0], fine_degc=fine, coarse_degc=coarse)


def _detail(
    geometry: SliceGeometry, model: ThermalModel
) -> tuple[tuple[int, int], NDArray[np.float64]]:
    """Return the first cell near the focus, and the sampling points within all cells there.

    They lie in the middles of equal parts, four along each edge of a voxel and six through the
    slice. Two and three, wherever they lie, take 3 % off a spot of 1.5 mm.
    """
    spacing = float(model.fine_grid.spacing_m[0])
    reach = min(DETAIL_M, 0.5 * spacing * (min(model.fine_grid.shape) - 1))
    pixel, centre = float(geometry.grid.spacing_m[0]), geometry.index_of(model.focus_m)
    low = [max(0, round((c - reach / pixel + 0.5) * SUBSAMPLES)) for c in centre]
    high = [
        min(n * SUBSAMPLES, round((c + reach / pixel + 0.5) * SUBSAMPLES))
        for c, n in zip(centre, geometry.shape, strict=True)
    ]
    each = SUBSAMPLES * POINTS
    points = geometry.points(subsamples=each, through=THROUGH)
    x, y = (slice(a * POINTS, b * POINTS) for a, b in zip(low, high, strict=True))
    a, b = high[0] - low[0], high[1] - low[1]
    within = points[x, y].reshape(a, POINTS, b, POINTS, THROUGH, 3).swapaxes(1, 2)
    return (low[0], low[1]), np.ascontiguousarray(within)
