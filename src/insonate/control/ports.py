"""What a plant or a bench offers to a treatment: structural types of one to three methods.

The controller itself is a pure function and calls none of these; the session moves
observations from the ports to ``step`` and decisions from ``step`` to the ports. A simulation,
a phantom on a bench and a replay offer the same.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    CoolingReading,
    ModelEstimate,
    PatientReport,
    Point,
    TemperatureFrame,
)
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.events.sight import FocusEstimate, StreamNoted

Frame = tuple[TemperatureFrame, Mapping[str, NDArray[Any]]]
"""A thermometry frame and the arrays that lie beside it, by name."""


class Clock(Protocol):
    """The session's monotonic clock, real or simulated."""

    def now_s(self) -> float:
        """Return the time, s; never less than before."""

    def advance_to(self, time_s: float) -> None:
        """Return when the clock shows ``time_s`` (a simulation gets there at once)."""


class DrivePort(Protocol):
    """The transducer array's electronics."""

    def set_power(self, power_w: float, off_at_s: float | None) -> None:
        """Set the acoustic power, W; 0 is off, at once.

        The drive goes off by itself at ``off_at_s``, whatever becomes of the controller.
        """

    def steer(self, total_m: Point) -> None:
        """Move the focus electronically to target + ``total_m`` (CT frame, m)."""

    def reading(self) -> ArrayReading:
        """Return what the electronics report now."""


class ScannerPort(Protocol):
    """The MR scanner."""

    def take_baseline(self) -> None:
        """Take the reference images."""

    def motion(self) -> MotionReading:
        """Return how far the head lies from where the reference images saw it."""


class SightPort(Protocol):
    """Thermometry: the frames of a virtual scanner or of a live stream, and what lies between them.

    Both scanners fill the same queue (``thermometry.port.FramePort``); where a frame is due and
    none came for one and a half frame times, the estimate says so.
    """

    def frames(self) -> tuple[Frame, ...]:
        """Return the frames that have come since the last time, in their order."""

    def estimate(self, time_s: float) -> FocusEstimate | None:
        """Return the focus at ``time_s``, s; None before the first power."""

    def take_notes(self) -> tuple[StreamNoted, ...]:
        """Return what was said of the stream since the last time."""


class CoolingPort(Protocol):
    """The water round the scalp, and the hydrophone in it."""

    def water(self) -> CoolingReading:
        """Return temperature, flow and dissolved gas now."""

    def cavitation(self) -> CavitationReading:
        """Return the passive detector's levels now."""


class PatientPort(Protocol):
    """The awake patient."""

    def report(self) -> PatientReport | None:
        """Return what the patient says or does, or None for silence."""


class OperatorPort(Protocol):
    """The handle that the operator holds while power may be on."""

    def present(self) -> OperatorPresent | None:
        """Return a sign of presence, or None while the handle is free."""


class ModelPort(Protocol):
    """The thermal model of skull and scalp, driven by the power really set."""

    def estimate(self) -> ModelEstimate:
        """Return the model's belief now."""
