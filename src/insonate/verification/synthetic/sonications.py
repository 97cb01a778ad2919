"""Synthetic sonications: what controller, scanner and truth would write about each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import FloatArray
from insonate.events import Source
from insonate.events import documents as doc
from insonate.events.states import State, Verb
from insonate.verification.synthetic.pictures import PIXELS, Slice, slice_of, spot
from insonate.verification.synthetic.scribe import Exposure, Scribe, TreatmentOptions

FRAME_TIME_S = 3.4


def _changed(scribe: Scribe, before: State, after: State, trigger: str) -> None:
    scribe.add(doc.StateChanged(before=before, after=after, trigger=trigger), Source.CONTROLLER)


def course(times: FloatArray, exposure: Exposure) -> FloatArray:
    """Return the rise (K) at times after power on: up with 6 s, down with 9 s."""
    full = 1 - np.exp(-exposure.duration_s / 6.0)
    up = (1 - np.exp(-times.clip(0) / 6.0)) / full
    down = np.exp(-(times - exposure.duration_s).clip(0) / 9.0)
    return np.asarray(exposure.rise_k * np.where(times < exposure.duration_s, up, down))


def sonicate(
    scribe: Scribe, options: TreatmentOptions, number: int, exposure: Exposure
) -> None:
    """Write everything that one sonication leaves in a record."""
    scribe.clock_s += 60.0
    _propose(scribe, number, exposure)
    start = scribe.clock_s
    scribe.add(doc.PowerSet(sonication=number, power_w=exposure.power_w), Source.CONTROLLER)
    view = slice_of(exposure.orientation, np.asarray(options.target_m))
    dose, peak = np.zeros((PIXELS, PIXELS)), 0.0
    during = int(exposure.duration_s // FRAME_TIME_S)
    for k in range(during + 3):
        if k == during:
            scribe.clock_s = start + exposure.duration_s
            _end(scribe, number, exposure)
        scribe.clock_s = start + (k + 1) * FRAME_TIME_S
        peak = max(peak, _frame(scribe, (number, k, exposure), view, dose))
    _review(scribe, number, exposure, peak, dose)
    _truth(scribe, number, exposure, view, dose)
    scribe.clock_s = start + 150.0


def _propose(scribe: Scribe, number: int, exposure: Exposure) -> None:
    if number == 1:
        _changed(scribe, State.POSITIONED, State.BASELINE, "baseline taken")
        scribe.add(
            doc.CommandRefused(
                verb=Verb.SONICATE, why="Nothing was approved; approve the proposal first."
            ),
            Source.CONTROLLER,
        )
    expected = 37.0 + exposure.rise_k * (1.08 if number % 2 else 0.95)
    scribe.add(
        doc.SonicationProposed(
            sonication=number,
            stage=exposure.stage,
            power_w=exposure.power_w,
            duration_s=exposure.duration_s,
            predicted_peak_degc=expected,
            predicted_low_degc=expected - 0.12 * exposure.rise_k,
            predicted_high_degc=expected + 0.12 * exposure.rise_k,
            k_per_kj=(expected - 37.0) / exposure.power_w / exposure.duration_s * 1e3,
            limited_by="skull_temperature" if number == 5 else "",
        ),
        Source.CONTROLLER,
    )
    scribe.add(
        doc.OperatorCommand(verb=Verb.APPROVE, who="rehearsal", why="as planned"),
        Source.OPERATOR,
    )
    _changed(scribe, State.BASELINE, State.ARMED, "approved")


def _frame(
    scribe: Scribe, which: tuple[int, int, Exposure], view: Slice, dose: FloatArray
) -> float:
    number, k, exposure = which
    rng = np.random.default_rng(100 * number + k)
    middle = np.array([(k + 0.5) * FRAME_TIME_S])
    offset = (0.0006, -0.0004, 0.0008) if number == 1 else (0.0002, -0.0001, 0.0003)
    shape = spot(view.offsets - np.asarray(offset), (3.6e-3, 3.6e-3, 7.0e-3))
    rise = float(course(middle, exposure)[0])
    delta = rise * shape + rng.normal(0, 0.45, shape.shape)
    temperature = 37.0 + delta
    rate = np.where(temperature >= 43, 0.5, 0.25) ** (43 - temperature)
    dose += np.where(view.brain, rate, 0.0) * FRAME_TIME_S / 60
    frame = _frame_document(which, scribe.clock_s, view, rise)
    seen = bool(rise > 3)
    frame = frame.model_copy(
        update={
            "peak_dose_cem43": float(dose.max()),
            "focus_offset_m": offset if seen else None,
            "focus_sigma_m": 0.0003 if seen else None,
        }
    )
    arrays: dict[str, tuple[NDArray[Any], str]] = {
        "delta_t": (np.where(view.brain, delta, np.nan).astype(np.float32), "K"),
        "sigma": (np.full(shape.shape, 0.45, np.float32), "K"),
        "mask": (view.brain, "1"),
        "magnitude": (view.magnitude, "1"),
        "dose": (dose.astype(np.float32).copy(), "CEM43"),
    }
    scribe.add(frame, Source.SCANNER, arrays)
    _readings(scribe, number, rise)
    return frame.peak_degc


def _frame_document(
    which: tuple[int, int, Exposure], end_s: float, view: Slice, rise: float
) -> doc.TemperatureFrame:
    number, k, exposure = which
    return doc.TemperatureFrame(
        sonication=number,
        frame=k,
        start_s=end_s - FRAME_TIME_S,
        end_s=end_s,
        orientation=exposure.orientation,
        readout_axis=0,
        slice_affine=tuple(view.affine.ravel()),
        baseline_degc=37.0,
        peak_degc=37.0 + rise,
        mean_degc=37.0 + 0.85 * rise,
        sigma_k=0.45,
        off_target_degc=37.9,
        peak_dose_cem43=0.0,
        off_target_dose_cem43=0.2,
        usable_share=0.93,
        drift_k=0.1 * number,
    )


def _readings(scribe: Scribe, number: int, rise: float) -> None:
    scribe.add(
        doc.CoolingReading(water_degc=15.2, flow_l_per_min=9.5, dissolved_oxygen_ppm=1.1),
        Source.COOLING,
    )
    scribe.add(
        doc.ModelEstimate(
            skull_max_degc=37.0 + 0.32 * rise + 0.3 * number,
            scalp_max_degc=33.0 + 0.25 * rise + 0.2 * number,
            skull_dose_cem43=0.2 * number,
            scalp_dose_cem43=0.01 * number,
            skull_rise_k_per_kj=0.6,
            scalp_rise_k_per_kj=0.4,
            focus_degc=37.0 + rise,
        ),
        Source.MODEL,
    )


def _end(scribe: Scribe, number: int, exposure: Exposure) -> None:
    scribe.add(doc.PowerSet(sonication=number, power_w=0.0), Source.CONTROLLER)
    scribe.add(
        doc.SonicationEnded(
            sonication=number,
            stage=exposure.stage,
            power_w=exposure.power_w,
            duration_s=exposure.duration_s,
            energy_j=exposure.power_w * exposure.duration_s,
            end_reason=exposure.end_reason,
        ),
        Source.CONTROLLER,
    )


def _review(
    scribe: Scribe, number: int, exposure: Exposure, peak: float, dose: FloatArray
) -> None:
    scribe.add(
        doc.SonicationReviewed(
            sonication=number,
            stage=exposure.stage,
            peak_degc=peak,
            rise_k=peak - 37.0,
            k_per_kj=(peak - 37.0) / exposure.power_w / exposure.duration_s * 1e3,
            dose_cem43=float(dose.max()),
            focus_offset_m=(0.0006, -0.0004, 0.0008) if number == 1 else (0.0002, -1e-4, 3e-4),
            stage_done=number != 4,
            sentence=f"The focus reached {peak:.1f} °C.",
        ),
        Source.CONTROLLER,
    )
    if number == 1:
        shift = (-0.0006, 0.0004, -0.0008)
        scribe.add(doc.Resteered(shift_m=shift, total_m=shift), Source.CONTROLLER)
    if number == 3:
        scribe.add(
            doc.PatientReport(pain_nrs=3, symptom="warmth behind the ear", severity="mild"),
            Source.PATIENT,
        )
    if number == 4:
        scribe.add(
            doc.GuardRefused(
                guard="skull cooled",
                why="The skull is expected at 41.2 °C, above 39.0 °C.",
                clears="Wait until the skull has cooled.",
            ),
            Source.CONTROLLER,
        )
    until = scribe.clock_s + 90.0
    scribe.add(doc.WaitSet(until_s=until, because="the skull must cool"), Source.CONTROLLER)


def _truth(
    scribe: Scribe, number: int, exposure: Exposure, view: Slice, dose: FloatArray
) -> None:
    peak = 37.0 + 1.06 * exposure.rise_k
    shape = spot(view.offsets - np.array((0.0003, 0.0, 0.0005)), (3.2e-3, 3.2e-3, 6.4e-3))
    scribe.add(
        doc.TruthObserved(
            sonication=number,
            peak_degc=peak,
            off_target_degc=38.1,
            skull_max_degc=37.0 + 0.36 * exposure.rise_k,
            scalp_max_degc=33.0 + 0.27 * exposure.rise_k,
            peak_dose_cem43=1.3 * float(dose.max()),
            focus_offset_m=(0.0005, -0.0004, 0.0010) if number == 1 else (0.0003, 0.0, 0.0005),
        ),
        Source.TRUTH,
        {
            "temperature_peak": ((37 + (peak - 37) * shape).astype(np.float32), "degC"),
            "dose": ((1.3 * dose).astype(np.float32), "CEM43"),
        },
    )
