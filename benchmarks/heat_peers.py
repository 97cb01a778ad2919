"""The bioheat beside other codes: ``python -m benchmarks.heat_peers``.

One problem, one machine, one exact answer: a perfused block of brain on cells of 0.5 mm, heated for 10 s
by a Gaussian source of 2.5 mm and left to cool for 20 s. Errors are those within 9 mm of its middle, at
the end of power and of cooling, over the highest rise (Duhamel's integral). Peers run in the
environments that ``python scripts/make_peers.py`` made, one process each.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import Tissue
from insonate.core.provenance import versions
from insonate.core.tissue import TISSUES
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat import ThermalModel, ThermalOptions, build_thermal_model
from insonate.heat.advance import Course
from insonate.verification import bioheat, thermal_subjects
from insonate.verification.bioheat import GaussianSource

HERE = Path(__file__).parent
PLACE = HERE.parent / "build" / "peers"
SPACING_M = 0.5e-3
CELLS = 96
TIMES_S = (10.0, 20.0)
SOURCE = GaussianSource(peak=1.0e7, width_m=2.5e-3)
PEER_STEPS_S = (0.1,)
"""s: its default; up to h²/6D = 0.31 s are stable on these cells."""
HEAD = "| solver | version | steps | CPU s | wall s | peak MB | error |\n|---|---|---:|---:|---:|---:|---:|"


def thermal_model() -> ThermalModel:
    """Return the block as one grid: the fine one covers only the middle, with the same cells."""
    options = ThermalOptions(
        fine_spacing_m=SPACING_M, coarse_spacing_m=SPACING_M, fine_half_width_m=12e-3
    )
    head = thermal_subjects.brain_block(CELLS, SPACING_M)
    return build_thermal_model(head, np.zeros(3), options=options)


def error_of(model: ThermalModel, ends: list[NDArray[np.floating[Any]]]) -> float:
    """Return the largest departure from the exact rise within 9 mm, over the highest rise."""
    distance = np.linalg.norm(model.coarse_grid.points(), axis=-1)
    near, line = distance < 9e-3, np.linspace(0.0, 9e-3, 181)
    medium = thermal_subjects.tissue_medium(Tissue.BRAIN)
    worst, peak, time_s = 0.0, 0.0, 0.0
    for duration, degc in zip(TIMES_S, ends, strict=True):
        time_s += duration
        exact = bioheat.gaussian_rise(medium, SOURCE, line, time_s)
        exact = exact - bioheat.gaussian_rise(medium, SOURCE, line, time_s - TIMES_S[0])
        rise = degc[near] - BODY_TEMPERATURE_DEGC
        peak = max(peak, float(exact.max()))
        worst = max(worst, float(np.abs(rise - np.interp(distance[near], line, exact)).max()))
    return worst / peak


def run_own(model: ThermalModel) -> dict[str, Any]:
    """Solve with insonate, steps chosen by error; dose is accumulated as ever."""
    source = thermal_subjects.gaussian_heat(model, SOURCE, np.zeros(3))
    state = thermal_subjects.uniform_state(model, BODY_TEMPERATURE_DEGC)
    Course(model, state).run(source, power_w=1.0, duration_s=1.0, water_degc=37.0)  # compiles
    course, ends = Course(model, state), []
    wall, cpu = time.perf_counter(), time.process_time()
    for power, duration in zip((1.0, 0.0), TIMES_S, strict=True):
        course.run(source, power_w=power, duration_s=duration, water_degc=37.0)
        fine, coarse = course.degc()
        whole = coarse.copy()
        whole[model.region] = fine
        ends.append(whole)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "solver": "insonate",
        "version": f"insonate {versions()['insonate']}",
        "cpu_s": cpu,
        "wall_s": wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "error": error_of(model, ends),
    }


def run_bhte(model: ThermalModel, step_s: float) -> dict[str, Any]:
    """Solve with BabelViscoFDTD's bioheat; the row says why where that is not possible."""
    name = f"BabelViscoFDTD bioheat, OpenCL on the CPU, {step_s:g} s"
    python, note = PLACE / "babelviscofdtd/bin/python", PLACE / "babelviscofdtd.failed"
    if note.exists() or not python.exists():
        why = note.read_text().strip() if note.exists() else "run scripts/make_peers.py"
        return {"solver": name, "version": f"not run: {why}"}
    brain = TISSUES[Tissue.BRAIN]
    tissue = (brain.density, brain.heat_capacity, brain.conductivity, brain.perfusion)
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "problem.npz", Path(folder) / "result.npz"
        np.savez(
            given,
            heat=thermal_subjects.gaussian_heat(model, SOURCE, np.zeros(3)).coarse,
            tissue=[q.value for q in tissue],
            spacing_m=SPACING_M,
            step_s=step_s,
            times_s=TIMES_S,
        )
        alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [str(python), str(HERE / "peer_bhte.py"), str(given), str(found)]
        done = subprocess.run(  # noqa: S603 - our own script, in an environment of our own
            command, capture_output=True, text=True, check=False, env=alone
        )
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            return {"solver": name, "version": f"not run: {why}"}
        row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        ends = list(np.load(found)["ends"])
    return {**row, "solver": name, "error": error_of(model, ends)}


def line_of(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    times = [f"{row[key]:.1f}" if key in row else "–" for key in ("cpu_s", "wall_s")]
    error = f"{row['error']:.2%}" if "error" in row else ""
    cells = [
        row["solver"],
        row["version"],
        row.get("steps", "–"),
        *times,
        row.get("peak_mb", "–"),
    ]
    return "| " + " | ".join(map(str, [*cells, error])) + " |"


def main() -> None:
    """Run all, and print one table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    model = thermal_model()
    quick = replace(model, options=replace(model.options, fold_tolerance_k=0.0))
    print(HEAD, flush=True)
    print(line_of(run_own(quick)), flush=True)
    for step_s in PEER_STEPS_S:
        print(line_of(run_bhte(model, step_s)), flush=True)
    none = (
        "not run: its Python package has no diffusion solver (kWaveDiffusion is in MATLAB only)"
    )
    print(line_of({"solver": "k-wave-python 0.6.2", "version": none}))


if __name__ == "__main__":
    main()
