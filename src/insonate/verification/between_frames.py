"""What the controller had of the focus between the frames of a rehearsal, against the truth.

Both are in the record: the estimate at every quarter frame, and the true curve, which nothing that
decided has read.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from insonate.events.documents import SonicationEnded, TemperatureFrame, TruthCurve
from insonate.events.sight import FocusEstimate
from insonate.heat.dose import cem43
from insonate.record import Record
from insonate.session import RehearsalSettings
from insonate.session.case import rehearse_plan
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.scenarios import PROTOCOL, coarse_case

AREA = "thermometry"
BAND = 1.645
"""Standard deviations of a 90 % band."""
LEAST_DOSE = 1.0
"""CEM43: smaller doses are not judged; nothing depends on them."""


@dataclass(frozen=True)
class Moment:
    """One estimate, with the last frame's peak and the truth, all at one time.

    Parameters
    ----------
    estimate
        As the controller had it.
    last_degc
        Peak of the latest frame, °C; None before the first.
    true_degc
        The true focus, °C.
    true_dose_cem43
        The true dose of this sonication so far.
    under_power
        Whether power was on.
    """

    estimate: FocusEstimate
    last_degc: float | None
    true_degc: float
    true_dose_cem43: float
    under_power: bool


def estimates_of(record: Record) -> Iterator[Moment]:
    """Yield every estimate of a rehearsal beside the truth."""
    time, focus = _true_curve(record)
    ended = {
        e.payload.sonication: e.time_s
        for e in record.events
        if isinstance(e.payload, SonicationEnded)
    }
    last: dict[int, float] = {}
    start: dict[int, float] = {}
    for event in record.events:
        payload = event.payload
        if isinstance(payload, TemperatureFrame):
            last[payload.sonication] = payload.peak_degc
            start.setdefault(payload.sonication, payload.start_s)
        elif isinstance(payload, FocusEstimate):
            now, number = event.time_s, payload.sonication
            since = start.get(number, now)
            part = (time >= since - 1e-9) & (time <= now + 1e-9)
            dose = float(cem43(time[part], focus[part], "sapareto")) if part.any() else 0.0
            true = float(np.interp(now, time, focus))
            on = now < ended.get(number, np.inf)
            yield Moment(payload, last.get(number), true, dose, on)


def _true_curve(record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    curve = next(e for e in record.events if isinstance(e.payload, TruthCurve))
    time, focus = (
        np.asarray(record.array(curve.arrays[n]), np.float64) for n in ("time", "focus")
    )
    return time, focus


@dataclass(frozen=True)
class Judged:
    """How the estimates of some rehearsals did, once a frame had been seen.

    Parameters
    ----------
    estimate_rms_k, last_frame_rms_k
        RMS error of the estimate, and of the latest frame taken for the temperature now, K.
    inside_band
        Share of the true temperatures within the estimate's 90 % band.
    dose_inside
        Share of the sonications whose true dose lies in the last interval.
    dose_error
        Median of the relative error of the interval's middle.
    """

    estimate_rms_k: float
    last_frame_rms_k: float
    inside_band: float
    dose_inside: float
    dose_error: float


def judged(records: Iterable[Record]) -> Judged:
    """Judge the estimates of rehearsals that are finished."""
    errors, late, inside = [], [], []
    doses: list[tuple[bool, float]] = []
    for record in records:
        final: dict[int, Moment] = {}
        for moment in estimates_of(record):
            if moment.last_degc is None:
                continue
            error = moment.estimate.focus_degc - moment.true_degc
            errors.append(error)
            late.append(moment.last_degc - moment.true_degc)
            inside.append(abs(error) <= BAND * moment.estimate.sigma_k)
            final[moment.estimate.sonication] = moment
        doses += [_dose(m) for m in final.values() if m.true_dose_cem43 >= LEAST_DOSE]
    within = [ok for ok, _ in doses]
    return Judged(
        float(np.sqrt(np.mean(np.square(errors)))),
        float(np.sqrt(np.mean(np.square(late)))),
        float(np.mean(inside)),
        float(np.mean(within)) if doses else float("nan"),
        float(np.median([error for _, error in doses])) if doses else float("nan"),
    )


def _dose(moment: Moment) -> tuple[bool, float]:
    estimate, true = moment.estimate, moment.true_dose_cem43
    ok = estimate.dose_low_cem43 <= true <= estimate.dose_high_cem43
    return ok, abs(estimate.dose_middle_cem43 / true - 1.0)


def checks_of(records: Iterable[Record], case: str) -> Iterator[Check]:
    """Yield what the controller had between the frames of rehearsals, against their truth."""
    found = judged(records)
    truth = "truth of the rehearsal"
    name = f"{case}: RMS error of the temperature now"
    yield at_most(AREA, name, found.estimate_rms_k, 1.0, "K", truth)
    name = f"{case}: the latest frame taken for now (naive, must fail)"
    yield at_least(AREA, name, found.last_frame_rms_k, 2.0, "K", truth)
    name = f"{case}: true temperature in the 90 % band"
    yield at_least(AREA, name, found.inside_band, 0.8, "1", truth)
    name = f"{case}: true dose in the 90 % interval"
    yield at_least(AREA, name, found.dose_inside, 0.8, "1", truth)


def slow_checks() -> Iterator[Check]:
    """Yield what the controller had between the frames of three rehearsals on a coarse phantom."""
    case = coarse_case()
    with tempfile.TemporaryDirectory() as name:
        records = [
            rehearse_plan(
                case, RehearsalSettings(seed=seed, protocol=PROTOCOL), Path(name, str(seed))
            )
            for seed in (1, 2, 3)
        ]
        yield from checks_of(records, "three rehearsals, coarse phantom")
