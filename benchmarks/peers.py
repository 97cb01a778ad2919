"""The wave engine beside other codes: ``python -m benchmarks.peers [--small | --full]``.

One problem, one machine, one source, one exact field. The problem is ITRUSST benchmark 3 with the
bowl at 0.5 mm, or with ``--small`` the same bone before a bowl of 20 mm, which every code
finishes. Each code runs in a process of its own, and a peer in the environment that
``python scripts/make_peers.py`` made for it. Without ``--full`` a peer takes only some of its
time steps where it can be stopped; the times are then extrapolated, and no error is given.

The peers are given the source cell by cell as the wave engine has it, and the materials sampled
point by point: the bone is 13 cells, just its 6.5 mm, thick. Behind parallel layers the field
does not depend on where along the axis they lie, so that no code gains by the choice.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.field import compile_kernels, libraries
from insonate.core import Frame, Grid
from insonate.core.frames import affine_from
from insonate.core.provenance import versions
from insonate.field.born import BornOptions, fft, layered_medium, solve_born
from insonate.field.born.options import DEVICES
from insonate.field.born.profiles import Layers
from insonate.field.born.sources import PointsSource, bowl, surface_source, velocity_strength
from insonate.verification import itrusst
from insonate.verification.layered_beam import Bowl, field_behind

HERE = Path(__file__).parent
PLACE = HERE.parent / "build" / "peers"
SPACING_M = 0.5e-3
PEERS = {
    "k-wave": "k-Wave, NumPy backend",
    "babelviscofdtd": "BabelViscoFDTD, CPU",
}
"""Environment (and, as ``peer_NAME.py``, the script that runs in it) and what it is."""
STOPPABLE = {"k-wave": 12}
"""Time steps of the peers that are not run whole without ``--full``."""
LIMIT_S = 6 * 3600


@dataclass(frozen=True, eq=False)
class Problem:
    """A bowl before a slab, and where fields are compared.

    Parameters
    ----------
    name
        In words.
    grid
        Of all codes; its plane z = 0 is compared.
    bowl
        The source.
    layers
        Fluids and interfaces along x.
    periods
        What a code in time runs before its last period is taken as steady.
    behind_m
        From here on fields are compared.
    """

    name: str
    grid: Grid
    bowl: Bowl
    layers: tuple[tuple[Any, ...], tuple[float, ...]]
    periods: int
    behind_m: float

    @property
    def source(self) -> PointsSource:
        """The bowl as points."""
        at = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
        surface = bowl(*at, self.bowl.radius_of_curvature_m, self.bowl.aperture_m)
        return surface_source(surface, self.bowl.pressure_pa, itrusst.FREQUENCY_HZ)

    @property
    def plane(self) -> int:
        """Index of z = 0."""
        return round(-float(self.grid.origin_m[2]) / SPACING_M)


def full_problem() -> Problem:
    """Return ITRUSST benchmark 3, bowl: 250 × 142 × 142 cells; 46 periods are 138 mm in water."""
    shape = Bowl(64e-3, 64e-3, itrusst.SURFACE_PRESSURE_PA)
    return Problem(
        "ITRUSST 3, bowl", itrusst.grid(), shape, itrusst.FLAT[3], 46, itrusst.BEHIND_BONE_M
    )


def small_problem() -> Problem:
    """Return the same bone and aperture angle, 20 mm: 80 × 55 × 55 cells, 20 periods."""
    grid = Grid(
        (80, 55, 55),
        affine_from(np.eye(3) * SPACING_M, (-2.5e-3, -13.5e-3, -13.5e-3)),
        Frame.TRANSDUCER,
    )
    layers = ((itrusst.WATER, itrusst.CORTICAL, itrusst.WATER), (8e-3, 14.5e-3))
    return Problem(
        "20 mm bowl before 6.5 mm of bone",
        grid,
        Bowl(20e-3, 20e-3, itrusst.SURFACE_PRESSURE_PA),
        layers,
        20,
        16e-3,
    )


def write_problem(problem: Problem, path: Path) -> None:
    """Write what a peer needs: labels, materials, the source's area per volume at its cells."""
    fluids, interfaces = problem.layers
    x = problem.grid.axes()[0]
    labels = np.searchsorted(np.asarray(interfaces) - 1e-9, x, side="right").astype(np.uint8)
    medium = layered_medium(Layers((itrusst.WATER,)), problem.grid, itrusst.FREQUENCY_HZ)
    block = problem.source.blocks(medium)[0]
    strength = velocity_strength(
        problem.bowl.pressure_pa, itrusst.FREQUENCY_HZ, itrusst.WATER.sound_speed
    )
    density = (block.values * np.sqrt(itrusst.WATER.density) / strength).real
    # cells below a thousandth of the largest weight add nothing that can be seen
    inside = np.argwhere(np.abs(density) > 1e-3 * np.abs(density).max())
    np.savez(
        path,
        labels=np.broadcast_to(labels[:, None, None], problem.grid.shape),
        materials=np.array([(f.sound_speed, f.density, f.attenuation) for f in fluids]),
        cells=inside + np.asarray(block.first),
        weights=density[tuple(inside.T)],
        pressure_pa=problem.bowl.pressure_pa,
        frequency_hz=itrusst.FREQUENCY_HZ,
        spacing_m=SPACING_M,
        plane=problem.plane,
        periods=problem.periods,
    )


def error_of(problem: Problem, plane: NDArray[np.complexfloating[Any, Any]]) -> str:
    """Compare |p| on z = 0 behind the bone with the exact field, in words."""
    x, y, _ = problem.grid.axes()
    behind = x >= problem.behind_m - 1e-9
    exact = field_behind(
        problem.bowl, problem.layers, itrusst.FREQUENCY_HZ, (x[behind], np.abs(y))
    )
    found = itrusst.compare(plane[behind].astype(complex), exact.astype(np.complex64), 0.0)
    return f"{found.l2:.2%} | {found.linf:.2%} | {found.peak:+.2%} | {found.position_mm:g} mm"


def run_born(problem: Problem, library: str, where: str) -> dict[str, object]:
    """Solve with the wave engine."""
    compile_kernels(library, where)
    wall, cpu = time.perf_counter(), time.process_time()
    medium = layered_medium(Layers(*problem.layers), problem.grid, itrusst.FREQUENCY_HZ)
    options = BornOptions(fft=library, device=where)
    field = solve_born(medium, problem.source, options=options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    # the comparison needs memory of its own
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "solver": "born" if where == "cpu" else f"born on {field.provenance['device']}",
        "version": f"insonate {versions()['insonate']}, {field.provenance['fft']}",
        "steps": field.convergence.iterations,
        "cpu_s": cpu,
        "wall_s": wall,
        "peak_mb": peak,
        "error": error_of(problem, field.pressure[:, :, problem.plane]),
    }


def run_peer(problem: Problem, name: str, steps: int) -> dict[str, object]:
    """Solve with a peer, in its own environment; the row says why where that is not possible."""
    python, note = PLACE / name / "bin" / "python", PLACE / f"{name}.failed"
    if note.exists():
        return _not_run(name, f"could not be installed here: {note.read_text().strip()}")
    if not python.exists():
        return _not_run(name, "not installed; run scripts/make_peers.py")
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "problem.npz", Path(folder) / "result.npz"
        write_problem(problem, given)
        script = HERE / f"peer_{name.replace('-', '')}.py"
        command = [str(python), str(script), str(given), str(found), str(steps)]
        alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(  # noqa: S603 - our own script, in an environment of our own
            command, capture_output=True, text=True, check=False, env=alone, timeout=LIMIT_S
        )
        if done.returncode != 0:
            return _not_run(name, (done.stderr.strip().splitlines() or ["no reason given"])[-1])
        row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        finished = row["run"] == row["steps"]
        plane = np.load(found)["plane"] if finished else None
    error = (
        error_of(problem, plane) if finished else f"extrapolated from {row['run']} steps | | |"
    )
    return {**row, "solver": PEERS[name], "error": error}


def _not_run(name: str, reason: str) -> dict[str, object]:
    return {"solver": PEERS[name], "version": f"not run: {reason}", "error": "| | |"}


def kwave_binary() -> dict[str, object]:
    """Say whether k-Wave's C++ code is here: its package fetches it when first imported."""
    found = sorted((PLACE / "k-wave").glob("lib/*/site-packages/kwave/bin/*/*OMP"))
    reason = (
        f"{found[0].name} is here, but its input is k-Wave's own; run it by hand"
        if found
        else "the package fetches the compiled code from the network when first used, and it is "
        "not here"
    )
    return {"solver": "k-Wave, C++", "version": f"not run: {reason}", "error": "| | |"}


HEAD = (
    "| solver | version | steps | CPU s | wall s | peak MB | L2 | L∞ | peak | position |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def line_of(row: dict[str, Any]) -> str:
    """Return one line of the table."""
    times = [f"{row[key]:,.1f}" if key in row else "–" for key in ("cpu_s", "wall_s")]
    cells = [
        row["solver"],
        row["version"],
        row.get("steps", "–"),
        *times,
        row.get("peak_mb", "–"),
    ]
    return "| " + " | ".join(map(str, [*cells, row["error"]])) + " |"


def _own_process(arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.peers", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def main() -> None:
    """Run what was asked for, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="a problem that every code finishes")
    size.add_argument("--full", action="store_true", help="every peer runs whole: hours")
    parser.add_argument("--fft", action="append", choices=fft.LIBRARIES)
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--only", choices=(*PEERS, "born"), action="append")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    problem = small_problem() if asked.small else full_problem()
    if asked.one:
        print(json.dumps(run_born(problem, asked.one, asked.device)))
        return
    shape = " × ".join(map(str, problem.grid.shape))
    print(f"{problem.name}: {shape} cells of 0.5 mm, against the exact field behind the bone")
    print(HEAD, flush=True)
    wanted = asked.only or (*PEERS, "born")
    if "born" in wanted:
        for library in libraries(asked.fft, asked.device):
            more = ["--small"] if asked.small else []
            row = _own_process(["--one", library, "--device", asked.device, *more])
            print(line_of(row), flush=True)
    for name in PEERS:
        if name in wanted:
            whole = asked.small or asked.full
            steps = 0 if whole else STOPPABLE.get(name, -1)
            print(line_of(run_peer(problem, name, steps)), flush=True)
    if "k-wave" in wanted:
        print(line_of(kwave_binary()))


if __name__ == "__main__":
    main()
