"""How fast the wave engine is, and how exact: ``python -m benchmarks.field [--fft NAME] [--head]``.

``--device cuda`` takes the GPU. ITRUSST benchmarks 3 and 4 with the bowl at 0.5 mm against their exact fields; with ``--head`` also
one solve from a target in the sample head at 220 and 650 kHz; with ``--plan KHZ`` phases and
treatment field of the sample's plan instead. Each problem runs in a process of its
own, so that the peak of memory is its own; kernels are compiled before the clock starts.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from insonate.core import Frame, Grid, SettingsError, Tissue, Volume
from insonate.core.frames import affine_from
from insonate.core.provenance import versions
from insonate.field.born import (
    BornOptions,
    device,
    fft,
    head_medium,
    point_source,
    solve_born,
)
from insonate.field.born.options import DEVICES, Absorber
from insonate.field.born.profiles import uniform_medium
from insonate.head import HeadOptions, Landmarks, build_head
from insonate.verification import itrusst

SAMPLE = Path(__file__).parents[1] / "samples" / "cranium" / "ct.nii.gz"


def compile_kernels(library: str, where: str = "cpu") -> None:
    """Solve something tiny, so that nothing is compiled while the clock runs."""
    grid = Grid.centred((0, 0, 0), 0.5e-3, (16, 16, 16), Frame.TRANSDUCER)
    medium = uniform_medium(itrusst.WATER, grid, itrusst.FREQUENCY_HZ)
    options = BornOptions(
        max_iterations=2, fft=library, device=where, absorber=Absorber(cells=8)
    )
    solve_born(medium, point_source((0, 0, 0)), options=options)


def measure_itrusst(benchmark: int, library: str, where: str) -> dict[str, object]:
    """Solve one benchmark and compare it."""
    compile_kernels(library, where)
    wall, cpu = time.perf_counter(), time.process_time()
    medium = itrusst.medium(benchmark, itrusst.grid())
    options = BornOptions(fft=library, device=where)
    field = solve_born(medium, itrusst.source(1), options=options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = itrusst.compare(
        itrusst.on_plane(field), itrusst.exact(benchmark, 1), itrusst.BEHIND_BONE_M
    )
    return {
        "problem": f"ITRUSST {benchmark}, bowl",
        **_cost(wall, cpu),
        "iterations": field.convergence.iterations,
        "converged": field.convergence.converged,
        "fft": field.provenance["fft"],
        "box": field.provenance["box"],
        "error": f"L∞ {result.linf:.2%}, L2 {result.l2:.2%}, peak {result.peak:+.2%}, "
        f"{result.position_mm:g} mm",
    }


def measure_head(frequency_hz: float, library: str, where: str) -> dict[str, object]:
    """Solve once from a point in the sample head, cropped to what the beam crosses."""
    compile_kernels(library, where)
    image = nib.load(SAMPLE)
    affine = np.asarray(image.affine).copy()
    affine[:3] *= 1e-3
    ct = Volume(
        np.asarray(image.dataobj, np.float32), Grid(image.shape, affine, Frame.CT), "HU"
    )
    marks = Landmarks(np.zeros(3), np.zeros(3), np.array((0, 0, 1.0)), 0.0, "not used")
    head = build_head(ct, marks, options=HeadOptions(frequency_hz=frequency_hz))
    grid, target = crossed(head, frequency_hz)
    wall, cpu = time.perf_counter(), time.process_time()
    medium = head_medium(head, grid)
    made = time.perf_counter() - wall
    top = (slice(None), slice(None), slice(-8, -2))
    options = BornOptions(tolerance=2e-2, fft=library, device=where, watch=top)
    field = solve_born(medium, point_source(target), options=options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "problem": f"sample head, {frequency_hz / 1e3:g} kHz, medium {made:.1f} s",
        **_cost(wall, cpu),
        "iterations": field.convergence.iterations,
        "converged": field.convergence.converged,
        "fft": field.provenance["fft"],
        "box": field.provenance["box"],
        "error": field.convergence.sentence,
    }


def measure_plan(frequency_khz: float) -> dict[str, object]:
    """Plan the sample by waves through the command line; kernels are compiled or cached."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "insonate", "plan", str(SAMPLE.parent)),
            *("--engine", "born", "--frequency-khz", f"{frequency_khz:g}", "--quiet"),
            *("--out", f"{folder}/plan"),
        ]
        wall = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        wall = time.perf_counter() - wall
        plan = json.loads(Path(folder, "plan", "plan.json").read_text(encoding="utf-8"))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = plan["plan"]["engine_provenance"]
    second = {
        n: told[f"treatment field: {n}"] for n in ("iterations", "wall_s", "cpu_s", "source")
    }
    return {
        "problem": f"plan of the sample by waves, {frequency_khz:g} kHz",
        "box": told["box"],
        "fft": told["fft"],
        "phases": {name: told[name] for name in ("iterations", "wall_s", "cpu_s")},
        "treatment field": second,
        "elements that keep their rays": told["elements that keep their rays"],
        "whole plan": {
            "wall_s": round(wall, 1),
            "cpu_s": round(spent.ru_utime + spent.ru_stime, 1),
            "peak_mb": spent.ru_maxrss // 1024,
        },
        "corrections": plan["corrections"],
    }


def crossed(head, frequency_hz: float) -> tuple[Grid, np.ndarray]:
    """Return the part of the head above a target 75 mm below the vertex, and the target."""
    x, y, z = head.grid.axes()
    brain = np.argwhere(head.labels == int(Tissue.BRAIN))
    low, high = brain.min(axis=0), brain.max(axis=0)
    middle = [line[(a + b) // 2] for line, a, b in zip((x, y), low, high, strict=False)]
    target = np.array((middle[0] + 9e-3, middle[1], z[high[2]] - 75e-3))
    floor = int(head.grid.indices_of(target)[2])
    body = np.argwhere(head.labels[:, :, floor:] != int(Tissue.WATER))
    spacing = 1500.0 / frequency_hz / 6
    margin = 8 * spacing
    first = np.array([x[body[:, 0].min()], y[body[:, 1].min()], target[2] - 15e-3])
    last = np.array(
        [
            line[i]
            for line, i in zip(
                (x, y, z), body.max(axis=0) + np.array((0, 0, floor)), strict=True
            )
        ]
    )
    first[:2] -= margin
    shape = np.ceil((last + margin - first) / spacing).astype(int) + 1
    affine = affine_from(np.eye(3) * spacing, first)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, Frame.CT), target


def _cost(wall: float, cpu: float) -> dict[str, object]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"cpu_s": round(cpu, 1), "wall_s": round(wall, 1), "peak_mb": peak}


def libraries(asked: list[str] | None, where: str) -> tuple[str, ...]:
    """Return the FFT libraries to measure; a GPU has its own. Ends in words where none is."""
    if where == "cpu":
        return tuple(asked or fft.available())
    try:
        device.cuda_backend()
    except SettingsError as error:
        sys.exit(str(error))
    return ("auto",)


def _own_process(*arguments: str) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.field", "--one", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    result: dict[str, object] = json.loads(done.stdout)
    return result


def main() -> None:
    """Run what was asked for, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fft", action="append", choices=fft.LIBRARIES)
    parser.add_argument("--head", action="store_true")
    parser.add_argument("--plan", type=float, metavar="KHZ", help="plan the sample by waves")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        what, library, where = asked.one
        number = float(what)
        run = (
            measure_itrusst(int(number), library, where)
            if number < 10
            else measure_head(number, library, where)
        )
        print(json.dumps(run))
        return
    print(" | ".join(f"{name} {version}" for name, version in versions().items()))
    if asked.plan:
        print(json.dumps(measure_plan(asked.plan), indent=2))
        return
    problems = ["3", "4", *(["220e3", "650e3"] if asked.head else [])]
    print(
        "| problem | FFT | box | iterations | CPU s | wall s | peak MB | against the exact field |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for library in libraries(asked.fft, asked.device):
        for problem in problems:
            row = _own_process(problem, library, asked.device)
            names = (
                "problem",
                "fft",
                "box",
                "iterations",
                "cpu_s",
                "wall_s",
                "peak_mb",
                "error",
            )
            print("| " + " | ".join(str(row[name]) for name in names) + " |", flush=True)


if __name__ == "__main__":
    main()
