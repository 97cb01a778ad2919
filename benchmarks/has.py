"""How fast the one-way engine is, and how far from the wave engine: ``python -m benchmarks.has``.

The sample head as a rehearsal plans on it (voxels of 1 mm), 1024 elements round a point 75 mm below
the vertex, at 220 and 650 kHz. With ``--born`` also the wave engine's transfer of all elements on the
whole head at 220 kHz (minutes), and how both the one-way and the ray engine compare with it. Each
frequency runs in a process of its own; kernels are compiled before the clock starts.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from insonate.array import Drive, ElementState, PlacedArray, Placement, hemisphere, placed
from insonate.core import Frame, Grid, Tissue, Transform
from insonate.core.frames import affine_from
from insonate.core.provenance import versions
from insonate.core.units import TWO_PI
from insonate.field import trace_rays
from insonate.field.born import (
    BornOptions,
    element_transfer,
    head_medium,
    point_source,
    solve_born,
)
from insonate.field.has import HasOptions, has_field, has_transfer, head_shells
from insonate.head import HeadModel, HeadOptions, Landmarks, build_head
from insonate.images import crop_to_head, read_ct, resample_band_limited

SAMPLE = Path(__file__).parents[1] / "samples" / "cranium" / "ct.nii.gz"
WIDEST_DEG = 25.0
"""Elements beyond this incidence are off in a plan; they are left out of the comparison."""


def problem(frequency_hz: float) -> tuple[HeadModel, PlacedArray, np.ndarray]:
    """Return the sample head, the array round it, and the target."""
    ct = crop_to_head(resample_band_limited(read_ct(SAMPLE), 1e-3))
    marks = Landmarks(np.zeros(3), np.zeros(3), np.array((0, 0, 1.0)), 0.0, "not used")
    head = build_head(ct, marks, options=HeadOptions(frequency_hz=frequency_hz))
    x, y, z = head.grid.axes()
    brain = np.argwhere(head.labels == int(Tissue.BRAIN))
    low, high = brain.min(axis=0), brain.max(axis=0)
    middle = [line[(a + b) // 2] for line, a, b in zip((x, y), low, high, strict=False)]
    target = np.array((middle[0] + 9e-3, middle[1], z[high[2]] - 75e-3))
    pose = Transform(Frame.TRANSDUCER, Frame.CT, affine_from(np.eye(3), target))
    return head, placed(hemisphere(count=1024), Placement(pose, 0.0, 0.0)), target


def measure(frequency_hz: float) -> dict[str, object]:
    """Time shells, transfer and field; the second of two runs counts."""
    head, elements, target = problem(frequency_hz)
    grid = Grid.centred(target, 0.5e-3, (49, 49, 49), Frame.CT)
    for _ in range(2):
        marks = [(time.perf_counter(), time.process_time())]
        shells = head_shells(head, elements)
        marks.append((time.perf_counter(), time.process_time()))
        transfer = has_transfer(shells, elements)
        marks.append((time.perf_counter(), time.process_time()))
        phases = np.exp(-1j * np.angle(transfer))
        drive = Drive(frequency_hz, phases, (ElementState.ON,) * len(phases))
        field = has_field(shells, elements, drive, grid)
        marks.append((time.perf_counter(), time.process_time()))
    seconds = np.diff(np.array(marks), axis=0).round(1).tolist()
    return {
        "problem": f"sample head, {frequency_hz / 1e3:g} kHz",
        "shells": f"{field.provenance['shells']}; {field.provenance['nodes']} nodes",
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def against_born(frequency_hz: float) -> list[str]:
    """Compare the transfers of the one-way and the ray engine with the wave engine's."""
    head, elements, target = problem(frequency_hz)
    born, seen = born_transfer(head, elements, target)
    rays = trace_rays(head, elements.centres, elements.focus)
    seen &= np.degrees(rays.incidence_angle_rad) <= WIDEST_DEG
    seen &= ~rays.crosses_air
    rows = []
    engines = {"ray": ray_transfer(rays, elements)}
    for echoes in (0, 1, 2):
        options = HasOptions(echoes=echoes)
        shells = head_shells(head, elements, options=options)
        engines[f"has, {echoes} echoes"] = has_transfer(shells, elements, options=options)
    for name, found in engines.items():
        rows.append(comparison(name, found[seen], born[seen]))
    return rows


def born_transfer(
    head: HeadModel, elements: PlacedArray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the wave engine's transfer, and for which elements: those outside its box."""
    spacing = 1500.0 / head.frequency_hz / 6
    body = head.grid.points_of(np.argwhere(head.labels != int(Tissue.WATER)))
    first, last = body.min(axis=0) - 8 * spacing, body.max(axis=0) + 8 * spacing
    n = [int(v) for v in np.ceil((last - first) / spacing) + 1]
    grid = Grid((n[0], n[1], n[2]), affine_from(np.eye(3) * spacing, first), Frame.CT)
    options = BornOptions(tolerance=1e-2)
    field = solve_born(head_medium(head, grid), point_source(target), options=options)
    print(field.convergence.sentence, f"{field.provenance['cpu_s']} CPU s", file=sys.stderr)
    radius = float(np.sqrt(elements.areas.max() / np.pi))
    outside = ~grid.contains(elements.centres, -radius / spacing)
    index = tuple(np.floor(head.grid.indices_of(target) + 0.5).astype(int))
    source = (1.0, float(head.density[index]))
    transfer = element_transfer(field, source, elements, on=outside)
    return transfer, outside


def ray_transfer(rays, elements: PlacedArray) -> np.ndarray:
    """Return the ray engine's transfer: its Rayleigh sum at the focus, element by element."""
    k = TWO_PI * rays.frequency_hz / 1500.0
    curve = k * elements.areas / (4 * np.pi * rays.distances_m)
    travel = TWO_PI * rays.frequency_hz * rays.travel_time_s + curve
    spread = -1j * k * elements.areas / (TWO_PI * rays.distances_m)
    return spread * rays.transmission * np.exp(1j * travel)


def comparison(name: str, found: np.ndarray, born: np.ndarray) -> str:
    """Return one row: amplitudes, phases, and the share of the focus that phases reach."""
    weight = np.abs(born)
    turn = found * np.conj(born)
    mean = np.angle((weight * np.exp(1j * np.angle(turn))).sum())
    rest = np.angle(turn * np.exp(-1j * mean))
    rms = np.degrees(np.sqrt((weight * rest**2).sum() / weight.sum()))
    reached = np.abs((np.exp(-1j * np.angle(found)) * born).sum())
    return (
        f"| {name} | {len(born)} | {np.abs(found).sum() / weight.sum():.3f} | {rms:.1f}° | "
        f"{reached / weight.sum():.3f} | {np.abs(found).sum() / reached - 1:+.1%} |"
    )


def main() -> None:
    """Run what was asked for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--born", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(float(asked.one))))
        return
    print(" | ".join(f"{name} {version}" for name, version in versions().items()))
    print("| problem | shells | shells, transfer, field: wall s (CPU s) | peak MB |")
    print("|---|---|---|---|")
    for frequency in ("220e3", "650e3"):
        command = [sys.executable, "-m", "benchmarks.has", "--one", frequency]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        row = json.loads(done.stdout)
        spent = ", ".join(f"{wall} ({cpu})" for wall, cpu in row["seconds"])
        print(
            f"| {row['problem']} | {row['shells']} | {spent} | {row['peak_mb']} |", flush=True
        )
    if asked.born:
        print("\nAgainst `born`, 220 kHz, elements of at most 25° incidence:\n")
        print(
            "| engine | elements | Σ|T| over born's | phase, rms | focus reached by its phases | focus foretold |"
        )
        print("|---|---|---|---|---|---|")
        print("\n".join(against_born(220e3)))


if __name__ == "__main__":
    main()
