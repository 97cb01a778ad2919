"""How fast three hours of heat are: ``python -m benchmarks.heat [--session] [--ensemble]``.

The sample head at 1 mm with 60 mm round the focus at 0.5 mm, twenty sonications in three hours,
their heat from the ray engine. Kernels are compiled before the clock starts.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from insonate.array import hemisphere
from insonate.core import Tissue
from insonate.core.provenance import versions
from insonate.field.head_field import mean_square_in_head
from insonate.head import HeadModel, Landmarks, build_head
from insonate.heat import (
    HeatSource,
    ThermalModel,
    ThermalOptions,
    build_thermal_model,
    initial_state,
)
from insonate.heat.advance import Course, advance
from insonate.heat.ensemble import band, draw_members, first_order, predict_members
from insonate.heat.prediction import unit_response
from insonate.heat.readout import focus_peak, heat_flows, scalp_max, skull_max
from insonate.heat.voxels import split_voxels
from insonate.images import crop_to_head, read_ct, resample_band_limited
from insonate.plan import Sonication, Stage, target_at
from insonate.planner import PlanOptions, TreatmentPlan, plan_treatment
from insonate.planner.heating import FOCAL_HALF_WIDTH_M, Beam, heating
from insonate.verification import thermal_subjects
from insonate.verification.bioheat import GaussianSource

SAMPLE = Path(__file__).parents[1] / "samples" / "cranium" / "ct.nii.gz"
WHOLE = ThermalOptions(coarse_spacing_m=1e-3, fine_half_width_m=30e-3)
SESSION_S = 3 * 3600.0
WATER_DEGC = 15.0
STAGES = ((43.0, 10.0, 3), (48.0, 10.0, 3), (57.0, 15.0, 14))
"""Peak aimed at (°C), duration (s), how many: twenty sonications."""


def sample_head() -> HeadModel:
    """Return the sample head on voxels of 1 mm; its landmarks are not needed here."""
    ct = crop_to_head(resample_band_limited(read_ct(SAMPLE), 1e-3))
    middle = ct.grid.points_of((np.array(ct.grid.shape) - 1) / 2)
    ahead = np.array([0.0, 0.012, 0.0])
    up = np.array([0.0, 0.0, 1.0])
    return build_head(
        ct, Landmarks(middle + ahead, middle - ahead, up, 0.05, "middle of the CT")
    )


def planned(head: HeadModel) -> TreatmentPlan:
    """Return a plan to 12 mm left of the middle of the brain."""
    brain = head.grid.points_of(np.argwhere(head.labels == int(Tissue.BRAIN))[::997])
    target = target_at(brain.mean(axis=0) + np.array([-12e-3, 0.0, -10e-3]))
    options = PlanOptions(field_half_width_m=FOCAL_HALF_WIDTH_M, compare_uncorrected=False)
    return plan_treatment(head, target, hemisphere(), options=options)


def source_of(plan: TreatmentPlan, model: ThermalModel) -> HeatSource:
    """Return the heat of one watt; |p|² far from the focus is taken every 2 mm."""
    grid = model.coarse_grid
    every = tuple(slice(0, n, 2) for n in grid.shape)
    square = mean_square_in_head(grid.points()[every], plan.head, plan.elements, plan.drive)
    whole = split_voxels(square, 2)[tuple(slice(0, n) for n in grid.shape)]
    beam = Beam(plan.elements, plan.drive, plan.rays)
    return heating(plan.head, model, beam, coarse_square=whole).source


def compile_kernels() -> None:
    """Heat something tiny, so that nothing is compiled while the clock runs."""
    head = thermal_subjects.hand_made_head(thermal_subjects.nested_ball(24, 4))
    model = build_thermal_model(
        head, np.zeros(3), options=ThermalOptions(fine_half_width_m=3e-3)
    )
    zero = np.zeros(model.fine_grid.shape, np.float32)
    source = HeatSource(zero, np.zeros(model.coarse_grid.shape, np.float32))
    state = initial_state(model, water_degc=WATER_DEGC, precool_s=5.0)
    advance(model, state, source, power_w=1.0, duration_s=2.0, water_degc=WATER_DEGC)


def run_session(*, book: bool) -> None:
    """Carry the sample head through three hours, and say what that took."""
    compile_kernels()
    head = sample_head()
    plan = planned(head)
    begin = time.perf_counter()
    model = build_thermal_model(head, plan.target.point, options=WHOLE)
    built = time.perf_counter() - begin
    source = source_of(plan, model)
    powers = _powers(model, source)
    clock = Clock()
    start = initial_state(model, water_degc=WATER_DEGC)
    cooled = clock.lap()
    course = Course(model, start, book=book)
    for sonication in powers:
        print(_sonicate(course, source, *sonication), flush=True)
    end = course.state()
    session = clock.lap()
    gained = heat_flows(model, end).stored_j - heat_flows(model, start).stored_j
    energy = end.energy
    miss = abs(energy.absorbed_j - gained - energy.carried_off_j) / energy.absorbed_j
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report = {
        "head": model.coarse_grid.shape,
        "fine": model.fine_grid.shape,
        "sonications": len(powers),
        "simulated_s": round(course.time_s, 1),
        "model_built_s": round(built, 1),
        "precool": cooled,
        "session": session,
        "times_real_time": round(course.time_s / session["wall_s"]),
        "peak_gib": round(peak, 2),
        "energy_balance": float(f"{miss:.1e}") if book else "not kept",
        "absorbed_kj": round(energy.absorbed_j / 1e3, 1),
        "focus_peak_degc": round(focus_peak(model, end, 5e-3).peak_degc, 1),
        "skull_peak_degc": round(skull_max(model, end).peak_degc, 1),
        "scalp_peak_degc": round(scalp_max(model, end).peak_degc, 1),
    }
    print(json.dumps(report, indent=2))


class Clock:
    """Wall and processor time between laps."""

    def __init__(self) -> None:
        self._last = (time.perf_counter(), time.process_time())

    def lap(self) -> dict[str, float]:
        """Return the seconds since the last lap."""
        now = (time.perf_counter(), time.process_time())
        wall, cpu = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        return {"wall_s": round(wall, 1), "cpu_s": round(cpu, 1)}


def _powers(model: ThermalModel, source: HeatSource) -> list[tuple[float, float]]:
    """Return power (W) and duration (s) of each sonication, by a small model of the focus."""
    found = []
    responses = {d: unit_response(model, source, d) for d in {d for _, d, _ in STAGES}}
    for peak, duration, count in STAGES:
        power = (peak - 37.0) / (responses[duration].focus_k_per_kj * duration * 1e-3)
        found += [(min(power, 1200.0), duration)] * count
    return found


def _sonicate(course: Course, source: HeatSource, power: float, duration: float) -> str:
    course.run(source, power_w=power, duration_s=duration, water_degc=WATER_DEGC)
    fine, _ = course.degc()
    rest = SESSION_S / sum(count for *_, count in STAGES) - duration
    course.run(source, power_w=0.0, duration_s=rest, water_degc=WATER_DEGC)
    return f"{power:6.0f} W {duration:4.0f} s  focus {float(fine.max()):5.1f} °C"


def run_ensemble(count: int = 200) -> None:
    """Predict one sonication for many members round the focus, and say what that took."""
    head = thermal_subjects.brain_block(48)
    model = build_thermal_model(
        head, np.zeros(3), options=ThermalOptions(fine_half_width_m=14e-3)
    )
    source = thermal_subjects.gaussian_heat(model, GaussianSource(4.0e4, 0.8e-3), np.zeros(3))
    state = thermal_subjects.uniform_state(model, 37.0)
    response = unit_response(model, source, 10.0)
    sonication = Sonication(Stage.TREAT, 20.0 / (response.focus_k_per_kj * 10e-3), 10.0)
    members = draw_members(count)
    clock = Clock()
    found = predict_members(model, state, source, response, members, sonication)
    spent = clock.lap()
    shares = first_order(members, found.peak_degc)
    report = {
        "members": count,
        **spent,
        "peak_degc_5_50_95": [round(v, 1) for v in band(found.peak_degc)],
        "lesion_mm3_5_50_95": [round(v, 1) for v in band(found.volume_mm3)],
        "first_order": {name: round(v, 2) for name, v in shares.items()},
    }
    print(json.dumps(report, indent=2))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ensemble", action="store_true", help="200 members round the focus")
    parser.add_argument("--session", action="store_true", help="three hours, the sample head")
    parser.add_argument("--no-book", action="store_true", help="do not sum what is carried off")
    chosen = parser.parse_args()
    print(" | ".join(f"{name} {version}" for name, version in versions().items()))
    if chosen.ensemble or not chosen.session:
        run_ensemble()
    if chosen.session or not chosen.ensemble:
        run_session(book=not chosen.no_book)


if __name__ == "__main__":
    main()
