"""What the controller is shown of the focus: frames out of the port, and the estimate between them.

It does not matter which scanner fills the port. Three things that the controller's own model knows
are added to what a frame shows: the shape of the spot (partial volume), the power that was really
set, and, from both and all frames together, the temperature now with its dose as an interval.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import InputError
from insonate.events.documents import TemperatureFrame
from insonate.events.sight import FocusEstimate, StreamNoted
from insonate.heat.dose import DoseVariant, cem43
from insonate.heat.model import ThermalState
from insonate.plant.scanner import Scanned
from insonate.plant.twin import Twin
from insonate.thermometry import Course, Protocol, measure_focus, spot_bank, to_frame
from insonate.thermometry.frame import FrameContext, Measured
from insonate.thermometry.order import Note, NoteKind
from insonate.thermometry.partial_volume import Dilution, dilution
from insonate.thermometry.partial_volume import Reading as SpotReading
from insonate.thermometry.port import Arrived, FramePort
from insonate.thermometry.series import Reading
from insonate.thermometry.track import Track, driven, now, shown, spot_width_m

LEAST_RISE_K = 2.0
"""Smaller rises say too little about the model's heat (noise is 0.3-0.7 K)."""

FRAMES_KEPT = 4
"""The model's states are kept for so many frame times: a frame may come late."""

PLAN_LOG_SIGMA = 0.5
"""Of the plan's prediction of the rise, natural logarithm: sources of absorption differ five-fold."""

CALIBRATED_LOG_SIGMA = 0.3
"""The same once thermometry has calibrated the model: energy per kelvin rises by 20 % from one
sonication to the next (Huang et al., 2018), and a frame errs by a tenth."""

SHAPE_ERROR, GAIN_ERROR = 0.03, 0.04
"""Relative errors of a frame's peak beyond its noise: of each frame, and of all of a sonication in
common. A voxel and the model's shape of the spot give the peak to 2-10 % (docs/thermometry.md)."""

WIDTHS_M = (0.5e-3, 5e-3)
"""Spots narrower or wider than these are taken to be so wide."""

Shown = tuple[TemperatureFrame, Mapping[str, NDArray[Any]]]
Believed = list[tuple[ThermalState, float]]
"""States of the model within one frame, each with the time (s) that it stands for."""


@dataclass(frozen=True)
class Expected:
    """What the plan expects of one watt at the focus: rise (K/W) in a duration (s).

    ``step`` is the rise under one watt that stays on: times, s, and K/W; None where it is not known.
    """

    rise_k_per_w: float
    duration_s: float
    step: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None


@dataclass(frozen=True)
class _Moment:
    """A state of the model, the time (s) of its middle, and how long it stands for."""

    at_s: float
    state: ThermalState
    weight_s: float


@dataclass
class _Sonication:
    """One sonication as it is seen."""

    scanned: Scanned
    began_s: float
    baseline_degc: float
    reference: ThermalState
    track: Track
    course: list[tuple[float, float]] = field(default_factory=list)
    """Middle (s) and peak (°C) of every frame."""
    refused: str = ""
    """Why the latest frame could not be used; empty where it could."""


class Sight:
    """Thermometry as the controller has it. It is an object because frames come.

    Parameters
    ----------
    port
        Where readings arrive.
    belief
        The controller's thermal model, never the truth.
    target_m
        Shape (3,), CT frame, m.
    expected
        What the plan expects.
    """

    def __init__(
        self, port: FramePort, belief: Twin, target_m: NDArray[np.float64], expected: Expected
    ) -> None:
        self.port = port
        self._belief, self._target, self._expected = belief, target_m, expected
        self._running: _Sonication | None = None
        self._moments: list[_Moment] = []
        self.seen: tuple[float, float] | None = None
        """Rise of the hottest frame, measured and by the model, K; None where none said enough."""
        low, high = WIDTHS_M
        source, spacing = belief.source.fine, belief.model.fine_grid.spacing_m
        heated = bool(source.max(initial=0.0) > 0)
        width = spot_width_m(source, spacing) if heated else low
        self._bank = spot_bank(min(max(width, low), high), step=expected.step)
        self.notes: list[StreamNoted] = []
        """What was said of the stream and not taken yet."""

    def begin(
        self, scanned: Scanned, began_s: float, baseline_degc: float, calibration: float | None
    ) -> None:
        """Begin a sonication; ``calibration`` is what thermometry asked of the model, if it did."""
        track = Track(self._course(calibration), baseline_degc)
        self._moments = []
        self._running = _Sonication(
            scanned,
            began_s,
            baseline_degc,
            self._belief.state,
            track,
            [(began_s, baseline_degc)],
        )
        self.port.expect()

    def _course(self, calibration: float | None) -> Course:
        factor = 1.0 if calibration is None else calibration
        course = replace(
            Course.begin(self._bank, 1), model_error=SHAPE_ERROR, gain_error=GAIN_ERROR
        )
        return course.expecting(
            factor * self._expected.rise_k_per_w,
            self._expected.duration_s,
            log_sigma=PLAN_LOG_SIGMA if calibration is None else CALIBRATED_LOG_SIGMA,
        )

    def believe(self, at_s: float, state: ThermalState, weight_s: float) -> None:
        """Keep what the model believes at ``at_s``, for the frames that show that time."""
        if weight_s <= 0:
            return
        self._moments.append(_Moment(at_s, state, weight_s))
        running = self._running
        if running is not None:
            frame_s = running.scanned.series.protocol.frame_time_s
            oldest = at_s - FRAMES_KEPT * frame_s
            self._moments = [m for m in self._moments if m.at_s >= oldest]

    def power(self, start_s: float, end_s: float, power_w: float) -> None:
        """Note the power, W, as it was really set."""
        running = self._running
        if running is not None and (power_w > 0 or running.track.power):
            running.track = driven(running.track, start_s, end_s, power_w)

    # --- what the controller takes ---

    def frames(self) -> tuple[Shown, ...]:
        """Return the frames that have come since the last time, as the controller sees them."""
        return tuple(self._frames())

    def _frames(self) -> Iterator[Shown]:
        for said in self.port.take():
            if isinstance(said, Note):
                self._noted(said)
                continue
            running = self._running
            if running is None or said.stamp.measurement != running.scanned.sonication:
                continue
            frame = self._frame(running, said)
            if frame is not None:
                yield frame

    def _noted(self, note: Note) -> None:
        self.notes.append(StreamNoted(what=note.kind.value, sentence=note.sentence))
        if self._running is not None and note.kind is NoteKind.REFUSED:
            self._running.refused = note.sentence

    def _frame(self, running: _Sonication, arrived: Arrived) -> Shown | None:
        reading = arrived.reading
        if reading.thermogram.refused:
            return None  # its note says why
        try:
            document, arrays = self._measured(running, reading)
        except InputError as error:
            self._noted(Note(NoteKind.REFUSED, str(error)))
            return None
        running.refused = ""
        return self._estimated(running, document), arrays

    def _measured(self, running: _Sonication, reading: Reading) -> Shown:
        """Read the focus of a map."""
        scanned, options = running.scanned, running.scanned.series.options
        protocol = scanned.series.protocol
        focus = measure_focus(
            reading.thermogram,
            scanned.geometry,
            protocol,
            self._target,
            off_resonance_hz=scanned.off_resonance_hz,
        )
        context = FrameContext(
            scanned.sonication,
            reading.frame,
            reading.start_s,
            reading.end_s,
            options.baseline_degc,
            self._target,
        )
        measured = Measured(reading.thermogram, focus, reading.dose)
        document, arrays = to_frame(measured, scanned.geometry, protocol, context)
        moved = {"readout_displacement_m": focus.displacement_m}
        return document.model_copy(update=moved), arrays

    def _estimated(self, running: _Sonication, frame: TemperatureFrame) -> TemperatureFrame:
        """Correct the peak for partial volume by the model's shape, and its dose with it."""
        believed = self._believed((frame.start_s, frame.end_s))
        diluted = Dilution(1.0, 0.0)
        if believed:
            diluted = dilution(
                self._belief.model,
                believed,
                running.reference,
                running.scanned.geometry,
                offset_m=_apparent(frame, running.scanned.series.protocol),
                seen=frame.focus_offset_m is not None,
                place_sigma_m=frame.focus_sigma_m or 0.0,
                reading=SpotReading(
                    running.scanned.series.protocol, frame.peak_degc - frame.baseline_degc
                ),
            )
        factor = diluted.factor
        rise = factor * (frame.peak_degc - frame.baseline_degc)
        peak = frame.baseline_degc + rise
        sigma = float(np.hypot(factor * frame.sigma_k, diluted.log_sigma * rise))
        self._compare(running, frame, peak, believed)
        window = (frame.start_s, frame.end_s)
        if running.track.power:
            running.track = shown(running.track, peak, sigma, window)
        running.course.append((0.5 * sum(window), peak))
        times, course = zip(*running.course, strict=True)
        dose = float(cem43(times, course, DoseVariant.SAPARETO))
        return frame.model_copy(
            update={
                "peak_degc": peak,
                "partial_volume_factor": factor,
                "sigma_k": sigma,
                "peak_dose_cem43": max(dose, frame.peak_dose_cem43),
            }
        )

    def _believed(self, window_s: tuple[float, float]) -> Believed:
        start, end = window_s
        return merged([(m.state, m.weight_s) for m in self._moments if start <= m.at_s <= end])

    def _compare(
        self,
        running: _Sonication,
        frame: TemperatureFrame,
        peak_degc: float,
        states: Believed,
    ) -> None:
        """Keep the hottest frame's rise, measured and by the model, for the calibration."""
        if not states:
            return
        total = sum(weight for _, weight in states)
        mean = sum(self._belief.focus_degc(s) * w for s, w in states) / total
        measured, believed = peak_degc - frame.baseline_degc, mean - running.baseline_degc
        enough = believed >= LEAST_RISE_K and frame.focus_offset_m is not None
        if enough and (self.seen is None or measured > self.seen[0]):
            self.seen = (measured, believed)

    def estimate(self, time_s: float) -> FocusEstimate | None:
        """Return the focus at ``time_s``; None before the first power."""
        running = self._running
        if running is None or not running.track.power:
            return None
        protocol = running.scanned.series.protocol
        found = now(running.track, time_s, protocol.frame_time_s)
        stale = self.port.stale
        return FocusEstimate(
            sonication=running.scanned.sonication,
            frames=running.track.frames,
            focus_degc=found.degc,
            sigma_k=found.sigma_k,
            ahead_degc=found.ahead_degc,
            dose_low_cem43=float(found.dose.low[0]),
            dose_middle_cem43=float(found.dose.median[0]),
            dose_high_cem43=float(found.dose.high[0]),
            credible=found.dose.credible,
            stale=stale,
            refused=running.refused,
        )

    def take_notes(self) -> tuple[StreamNoted, ...]:
        """Return what was said of the stream since the last time."""
        taken, self.notes = tuple(self.notes), []
        return taken


def _apparent(frame: TemperatureFrame, protocol: Protocol) -> NDArray[np.float64]:
    """Return where voxels would see the focus without its heat: with the static displacement."""
    if frame.focus_offset_m is None:
        return np.zeros(3)
    along = np.array(frame.slice_affine).reshape(4, 4)[:3, frame.readout_axis]
    pixel = float(np.linalg.norm(along))
    by_heat = (
        protocol.pixels_per_hz * protocol.hz_per_k * (frame.peak_degc - frame.baseline_degc)
    )
    shift = frame.readout_displacement_m / pixel - by_heat
    apparent: NDArray[np.float64] = np.array(frame.focus_offset_m) + shift * along
    return apparent


def merged(states: Believed) -> Believed:
    """Put neighbouring entries of one state together: the trapezoidal rule over a frame."""
    found: Believed = []
    for state, weight in states:
        if found and found[-1][0] is state:
            found[-1] = (state, found[-1][1] + weight)
        else:
            found.append((state, weight))
    return found
