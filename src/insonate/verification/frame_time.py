"""What frames of seconds say of a heating of seconds: the temperature now, and the dose.

The case is a sonication of 10 s to 57 °C that warms with a time constant of 4 s and cools with one
of 5 s; its dose is 668 CEM43. Every frame is a mean over its whole time, and the frames begin at any
phase of the heating. The filter is told the power alone; the time constants are not in its bank.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import exp

import numpy as np
from numpy.typing import NDArray

from insonate.heat.dose import cem43
from insonate.thermometry.bank import PowerPiece, spot_bank
from insonate.thermometry.between import (
    Course,
    DoseInterval,
    dose_interval,
    observe_frame,
    rise_at,
)
from insonate.verification.check import Check, at_least, at_most

AREA = "thermometry"
BASE_DEGC = 37.0
POWER = (PowerPiece(0.0, 10.0, 300.0),)
END_S = 40.0
FRAME_TIMES_S = (3.4, 4.8, 6.0)
PHASES = (0.0, 0.25, 0.5, 0.75)
SIGMA_K = 0.3
"""Of one frame: SNR 40, four references."""

Interval = Callable[[Course], DoseInterval]


def true_rise(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rise above 37 °C of the case, K."""
    up = 20.0 / (1.0 - exp(-2.5)) * (1.0 - np.exp(-np.maximum(time_s, 0.0) / 4.0))
    down = 20.0 * np.exp(-(time_s - 10.0) / 5.0)
    return np.where(time_s <= 10.0, up, down)


def true_dose() -> float:
    """Return the dose of the case, CEM43."""
    time = np.linspace(0.0, END_S, 16001)
    return float(cem43(time, BASE_DEGC + true_rise(time), "sapareto"))


def frame_mean(start_s: float, end_s: float) -> float:
    """Return the mean of the rise over a frame, K."""
    step = (end_s - start_s) / 400
    middles = np.linspace(start_s + 0.5 * step, end_s - 0.5 * step, 400)
    return float(true_rise(middles).mean())


def followed(
    frame_s: float, phase: float, rng: np.random.Generator | None = None
) -> Iterator[tuple[Course, float]]:
    """Yield what is believed after each frame, and when it ended; noise from ``rng``."""
    course, start = Course.begin(spot_bank(), 1), -phase * frame_s
    while start + frame_s <= 24.0:
        window = (start, start + frame_s)
        noise = 0.0 if rng is None else SIGMA_K * rng.standard_normal()
        course = observe_frame(course, [frame_mean(*window) + noise], [SIGMA_K], window, POWER)
        start += frame_s
        yield course, start


def interval(course: Course) -> DoseInterval:
    """Return the 90 % interval of the dose until the end of the case."""
    return dose_interval(course, POWER, END_S, baseline_degc=BASE_DEGC)


@dataclass(frozen=True)
class Judged:
    """How intervals did: worst midpoint without noise, share of true doses inside with noise."""

    midpoint_error: float
    outside: int
    coverage: float


def judge(runs: int = 30, interval: Interval = interval) -> Judged:
    """Judge the intervals over frame times and phases."""
    true, errors, outside, inside = true_dose(), [], 0, []
    for frame_s, phase in product(FRAME_TIMES_S, PHASES):
        *_, (course, _) = followed(frame_s, phase)
        found = interval(course)
        errors.append(abs(float(found.middle[0]) / true - 1.0))
        outside += not found.low[0] <= true <= found.high[0]
    rng = np.random.default_rng(4)
    for frame_s in FRAME_TIMES_S:
        for _ in range(runs):
            *_, (course, _) = followed(frame_s, float(rng.uniform()), rng)
            found = interval(course)
            inside.append(bool(found.low[0] <= true <= found.high[0]))
    return Judged(max(errors), outside, float(np.mean(inside)))


def now_error_k(frame_s: float = 3.4, *, hold: bool = False) -> float:
    """Return the RMS error of the temperature at the end of a frame, K, while it warms and cools.

    Parameters
    ----------
    frame_s
        From frame to frame.
    hold
        Take the last frame's mean for the temperature now instead: the wrong subject.
    """
    squares = []
    for phase in PHASES:
        for course, end in followed(frame_s, phase):
            if end > frame_s:
                now = float(rise_at(course, POWER, end)[0][0])
                shown = frame_mean(end - frame_s, end) if hold else now
                squares.append((shown - float(true_rise(np.array(end)))) ** 2)
    return float(np.sqrt(np.mean(squares)))


def frame_time_checks() -> Iterator[Check]:
    """Yield the checks of what lies between frames, computed now."""
    case = "10 s to 57 °C, frames of 3.4, 4.8, 6 s"
    closed = "the case's own curve, Sapareto & Dewey 1984"
    judged = judge()
    yield at_most(
        AREA, f"dose of {case}: midpoint, worst error", judged.midpoint_error, 0.15, "1", closed
    )
    name = f"dose of {case}: true dose outside the 90 % interval"
    yield at_most(AREA, name, judged.outside, 0, "of 12", closed)
    name = f"dose of {case}: true dose in the 90 % interval, σ 0.3 K"
    yield at_least(AREA, name, judged.coverage, 0.85, "1", closed)
    yield at_most(
        AREA,
        "temperature at the end of a frame of 3.4 s, RMS error",
        now_error_k(),
        0.6,
        "K",
        closed,
    )
