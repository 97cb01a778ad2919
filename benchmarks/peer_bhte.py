"""Solve the problem of ``benchmarks.heat_peers`` with BabelViscoFDTD's bioheat, OpenCL on the CPU.

Run by the interpreter of its own environment: ``python peer_bhte.py PROBLEM.npz RESULT.npz``. Needs
nothing of insonate.
"""

import contextlib
import json
import resource
import sys
import time
from importlib.metadata import version

import numpy as np

with contextlib.redirect_stdout(sys.stderr):
    import pyopencl
    from BabelViscoFDTD.tools import RayleighAndBHTE


def run(problem):
    """Return the temperatures at the end of power and of cooling."""
    heat, dt = problem["heat"], float(problem["step_s"])
    density, capacity, conductivity, perfusion = (float(v) for v in problem["tissue"])
    tissue = {
        "Conductivity": [conductivity], "Density": [density], "SpecificHeat": [capacity],
        "Perfusion": [perfusion], "SoS": [1500.0], "Attenuation": [5.0], "Absorption": [1.0],
        "InitTemperature": [37.0],
    }  # fmt: skip
    h = float(problem["spacing_m"])
    # it takes pressures; these make the heat that is wanted
    per_square = RayleighAndBHTE.getQCoeff(density, 1500.0, 5.0, capacity, 1.0, h, dt)
    pressure = np.sqrt(heat * dt / (density * capacity) / per_square).astype(np.float32)
    on, off = (round(float(t) / dt) for t in problem["times_s"])
    shape = heat.shape
    ends = []
    for steps in (on, on + off):
        found = RayleighAndBHTE.BHTE(
            pressure, np.zeros(shape, np.uint32), tissue, h, steps, on, shape[1] // 2,
            nFactorMonitoring=max(steps, 1), dt=dt, Backend="OpenCL",
        )  # fmt: skip
        ends.append(np.array(found[0]).reshape(shape))
    return ends, on + off


def main():
    """Run, and say what the longer of both runs took."""
    problem = np.load(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        name = pyopencl.get_platforms()[0].get_devices()[0].name
        RayleighAndBHTE.InitOpenCL(name)
        wall, cpu = time.perf_counter(), time.process_time()
        ends, steps = run(problem)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    on, off = (float(t) for t in problem["times_s"])
    share = (on + off) / (2 * on + off)  # power on was run twice
    np.savez(sys.argv[2], ends=np.stack(ends))
    print(
        json.dumps(
            {
                "version": f"BabelViscoFDTD {version('BabelViscoFDTD')}, pocl",
                "steps": steps,
                "wall_s": wall * share,
                "cpu_s": cpu * share,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
