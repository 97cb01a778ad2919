"""Solve a problem of ``benchmarks.peers`` with BabelViscoFDTD's CPU code.

Run by the interpreter of its own environment: ``python peer_babelviscofdtd.py PROBLEM.npz
RESULT.npz STEPS``; it has no way to stop after STEPS, and runs whole. Needs nothing of insonate.
"""

import contextlib
import importlib.util
import json
import resource
import sys
import time
from importlib.metadata import version

import numpy as np

# its CPU code imports its compiled part by a name that is found inside the package only
sys.path.append(importlib.util.find_spec("BabelViscoFDTD").submodule_search_locations[0])
with contextlib.redirect_stdout(sys.stderr):
    from BabelViscoFDTD.PropagationModel import PropagationModel

PML = 12
"""Cells of its absorbing layer, its default."""
CPU = 0
ADDITIVE_STRESS = 2


def run(problem):
    """Return the complex amplitude on the plane and the number of steps."""
    frequency, spacing = float(problem["frequency_hz"]), float(problem["spacing_m"])
    labels = np.pad(problem["labels"], PML, mode="edge").astype(np.uint32)
    speed, density, attenuation = problem["materials"].T
    none = np.zeros_like(speed)
    materials = np.stack([density, speed, none, attenuation, none], axis=1)
    weights = np.zeros(labels.shape)
    weights[tuple(problem["cells"].T + PML)] = problem["weights"]
    sensors = np.zeros(labels.shape, np.uint32)
    sensors[PML:-PML, PML:-PML, PML + int(problem["plane"])] = 1
    model = PropagationModel()
    fixed = {"SourceMap": (weights != 0).astype(np.uint32), "SensorMap": sensors}
    one = np.array([1])
    _, largest = model.StaggeredFDTD_3D_with_relaxation(
        labels, materials, frequency, fixed["SourceMap"], np.zeros((1, 1)), spacing, 1 / frequency,
        sensors, Ox=weights, CheckOnlyParams=True, TypeSource=ADDITIVE_STRESS,
    )  # fmt: skip
    per_period = 2 * int(np.ceil(1 / (frequency * largest) / 2))
    dt = 1 / (frequency * per_period)
    steps = per_period * int(problem["periods"])
    t = np.arange(steps) * dt
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(t * frequency / 3, 1))
    signal = rise * np.sin(2 * np.pi * frequency * t)
    # σ is minus the pressure; ∂p/∂t = 2 p₀ c W of a vibrating surface, W its area per volume
    signal *= 2 * float(problem["pressure_pa"]) * float(speed[0]) * dt
    found = model.StaggeredFDTD_3D_with_relaxation(
        labels, materials, frequency, fixed["SourceMap"], signal[None, :], spacing,
        (steps - 0.5) * dt, sensors, Ox=weights, Oy=one, Oz=one, NDelta=PML, DT=dt,
        COMPUTING_BACKEND=CPU, USE_SINGLE=True, TypeSource=ADDITIVE_STRESS, SelRMSorPeak=1,
        SelMapsRMSPeakList=["Pressure"], SelMapsSensorsList=["Sigmaxx"], SensorSubSampling=1,
        SensorStart=steps - per_period, SILENT=1,
    )  # fmt: skip
    series = found[0]["Sigmaxx"]
    # sensors are numbered with x running fastest
    phase = np.exp(2j * np.pi * np.arange(series.shape[1]) / per_period)
    plane = 2 / per_period * series @ phase
    return plane.reshape(problem["labels"].shape[:2], order="F"), steps


def main():
    """Run, and say what it took."""
    problem = np.load(sys.argv[1])
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(sys.stderr):
        plane, steps = run(problem)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.savez(sys.argv[2], plane=plane)
    print(
        json.dumps(
            {
                "version": f"BabelViscoFDTD {version('BabelViscoFDTD')}",
                "steps": steps,
                "run": steps,
                "wall_s": wall,
                "cpu_s": cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
