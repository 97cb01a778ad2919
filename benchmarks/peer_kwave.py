"""Solve a problem of ``benchmarks.peers`` with k-wave-python's NumPy backend.

Run by the interpreter of its own environment: ``python peer_kwave.py PROBLEM.npz RESULT.npz STEPS``.
STEPS 0 runs all of them. Needs nothing of insonate.

The source vibrates in phase everywhere. So its pattern, k-space correction included, is formed
once and added with one factor per step: that spares k-Wave six of sixteen Fourier transforms a
step and a gigabyte of source signals, and is the same to rounding.
"""

import json
import resource
import sys
import time
import urllib.request
from importlib.metadata import version

import numpy as np


def no_download(*_):
    """Stop k-Wave from fetching its compiled code when imported; it takes this and goes on."""
    raise TimeoutError


urllib.request.urlretrieve = no_download

from kwave.kgrid import kWaveGrid  # noqa: E402 - after the download was stopped
from kwave.kmedium import kWaveMedium  # noqa: E402
from kwave.ksensor import kSensor  # noqa: E402
from kwave.ksource import kSource  # noqa: E402
from kwave.solvers.kspace_solver import Simulation  # noqa: E402

PML = 10
"""Cells, outside the grid, k-Wave's own choice for 3-D."""
STEPS_PER_PERIOD = 32
"""At 0.5 mm and 500 kHz a CFL number of 0.19 in water and 0.35 in bone."""
NEPERS_TO_DB_PER_CM = 20 / np.log(10) / 100


def simulation(problem):
    """Return the simulation, set up, and the number of steps of the whole."""
    frequency, spacing = float(problem["frequency_hz"]), float(problem["spacing_m"])
    labels = np.pad(problem["labels"], PML, mode="edge")
    speed, density, attenuation = problem["materials"].T
    megahertz = frequency * 1e-6
    medium = kWaveMedium(
        sound_speed=speed[labels].astype(np.float32),
        density=density[labels].astype(np.float32),
        # only α at one frequency counts, so the exponent is free: 1.5 is k-Wave's own default.
        # 2 (Stokes) is unstable at this time step; 1 leaves 3 % too little behind a lossy slab
        # however fine the grid, its operator |k|⁻¹ reaching across the interfaces
        alpha_coeff=(attenuation[labels] * NEPERS_TO_DB_PER_CM / megahertz**1.5).astype("f4"),
        alpha_power=1.5,
        alpha_mode="no_dispersion",
    )
    grid = kWaveGrid(labels.shape, [spacing] * 3)
    steps = STEPS_PER_PERIOD * int(problem["periods"])
    grid.setTime(steps, 1 / (frequency * STEPS_PER_PERIOD))
    plane = np.zeros(labels.shape, bool)
    plane[PML:-PML, PML:-PML, PML + int(problem["plane"])] = True
    sensor = kSensor(mask=plane, record=["p"])
    sensor.record_start_index = steps - STEPS_PER_PERIOD + 1
    made = Simulation(
        grid,
        medium,
        kSource(),
        sensor,
        device="cpu",
        pml_size=(PML,) * 3,
        pml_alpha=(2.0,) * 3,
        quiet=True,
        dtype=np.float32,
    )
    made.setup()
    add_source(made, problem, grid.dt, float(speed[0]))
    return made, steps


def add_source(made, problem, dt, speed):
    """Add p_source 2Δt/(3 c Δx) to each of the three parts of the density, as k-Wave scales it."""
    pattern = np.zeros(made.grid_shape, np.float32)
    cells = tuple(problem["cells"].T + PML)
    spacing = float(problem["spacing_m"])
    pressure = problem["weights"] * float(problem["pressure_pa"]) * spacing
    pattern[cells] = pressure * 2 * dt / (3 * speed * spacing)
    pattern = made._diff(pattern, made.source_kappa)  # noqa: SLF001 - see above
    omega = 2 * np.pi * float(problem["frequency_hz"])
    ramp = 3 / float(problem["frequency_hz"])

    def add(step, density):
        t = step * dt
        rise = 0.5 - 0.5 * np.cos(np.pi * min(t / ramp, 1.0))
        return density + np.float32(rise * np.sin(omega * t)) * pattern

    made._source_p_ops = [add] * 3  # noqa: SLF001


def main():
    """Run, and say what it took."""
    problem = np.load(sys.argv[1])
    few = int(sys.argv[3])
    wall, cpu = time.perf_counter(), time.process_time()
    made, steps = simulation(problem)
    run = min(few, steps) if few else steps
    setup = time.perf_counter() - wall, time.process_time() - cpu
    for _ in range(run):
        made.step()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if run == steps:
        series = np.asarray(made.sensor_data["p"])
        phase = np.exp(2j * np.pi * np.arange(STEPS_PER_PERIOD) / STEPS_PER_PERIOD)
        plane = 2 / STEPS_PER_PERIOD * series @ phase
        np.savez(sys.argv[2], plane=plane.reshape(problem["labels"].shape[:2]))
    whole = [s + (t - s) * steps / run for s, t in zip(setup, (wall, cpu), strict=True)]
    print(
        json.dumps(
            {
                "version": f"k-wave-python {version('k-wave-python')}, NumPy {np.__version__}",
                "steps": steps,
                "run": run,
                "wall_s": whole[0],
                "cpu_s": whole[1],
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
