"""How fast thermometry is, on one thread at 256²: ``python -m benchmarks.thermometry``.

Each row is the time of one frame, its median, 95th and 99th percentile over many, with the caches
warm and every kernel compiled. The streams are measured over loopback, from the last byte of an
image that a client sends to the last byte of the temperature that comes back.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from pyigtl import TransformMessage

from insonate.core.provenance import versions
from insonate.streams import MrdClient, MrdServer, ServerOptions
from insonate.streams.igtl import TRANSFORM, IgtlSender
from insonate.thermometry import CLINICAL_3T, accumulate_dose, acquire, reconstruct
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.background import look, turned_phase
from insonate.thermometry.baseline import average_baselines
from insonate.thermometry.coils import image_of
from insonate.thermometry.dose import DoseMap
from insonate.thermometry.harmonic import smooth_background
from insonate.thermometry.port import Arrived, Said
from insonate.thermometry.reconstruct import Reconstruction, reconstruct_slices
from insonate.thermometry.series import SeriesOptions
from insonate.verification.thermal_slice import CENTRE_M, HotSpot, ellipse_anatomy

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row: what, how far it must reach, at which percentile."""

    what: str
    limit_ms: float
    percentile: int


ROWS = {
    "frame": Row("complex difference, drift, motion, dose, uncertainty, one coil", 5.0, 95),
    "kspace": Row("8 coils × 5 slices from k-space to temperature", 100.0, 95),
    "harmonic": Row("near-harmonic background after factorisation", 2.0, 95),
    "hybrid": Row("hybrid with 8 baselines", 100.0, 95),
    "mrd": Row("MRD image in, temperature out over loopback", 30.0, 99),
    "igtl": Row("MRD image in, OpenIGTLink temperature out over loopback", 30.0, 99),
}


def scene(coils: int = 1, count: int = 8):
    """Return protocol, masks, references and frames of a slice of 256²."""
    protocol = replace(CLINICAL_3T, coils=coils)
    anatomy = ellipse_anatomy(protocol, texture=0.2)
    rng, cold = np.random.default_rng(0), np.zeros(anatomy.geometry.shape)
    base = average_baselines(
        [acquire(anatomy, protocol, cold, rng=rng) for _ in range(count)], protocol
    )
    heat = HotSpot(CENTRE_M).cells(anatomy.geometry)
    frames = [acquire(anatomy, protocol, heat, drift_ppm=0.01 * n, rng=rng) for n in range(4)]
    return protocol, regions_of(anatomy, CENTRE_M), base, frames


def timed(call: Callable[[int], object], count: int) -> list[float]:
    """Return the times of ``count`` calls, ms, after ten that warm up."""
    for n in range(10):
        call(n)
    times = []
    for n in range(count):
        begin = time.perf_counter()
        call(n)
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def measure_frame(count: int) -> list[float]:
    """Reconstruct a frame with motion, drift and uncertainty, and add its dose."""
    protocol, regions, base, frames = scene()
    last = reconstruct(base, frames[0], protocol, regions=regions)
    start = DoseMap.start(protocol.matrix, 37.0, 0.0, "sapareto")
    dose = accumulate_dose(start, last, baseline_degc=37.0, time_s=3.4)

    def one(n: int) -> None:
        found = reconstruct(base, frames[n % 4], protocol, regions=regions, previous=last)
        accumulate_dose(dose, found, baseline_degc=37.0, time_s=6.8)

    return timed(one, count)


def measure_kspace(count: int) -> list[float]:
    """Reconstruct five slices of eight coils from raw data."""
    protocol, regions, base, frames = scene(coils=8, count=2)
    axes = (-2, -1)
    raw = np.fft.fftshift(
        np.fft.fft2(np.fft.ifftshift(frames[1], axes=axes), norm="ortho"), axes=axes
    )
    stack = np.stack([raw] * 5).astype(np.complex64)

    def one(_: int) -> None:
        reconstruct_slices([base] * 5, image_of(stack), protocol, regions=[regions] * 5)

    return timed(one, max(count // 10, 20))


def measure_harmonic(count: int) -> list[float]:
    """Continue the background of one frame with the factors of its series."""
    _, regions, base, frames = scene()
    phase, _ = turned_phase(look(frames[1], base.signal, regions))
    solver = smooth_background(regions, base)
    return timed(lambda _: solver.rows @ solver.nodes(phase[solver.at]), count)


def measure_hybrid(count: int) -> list[float]:
    """Fit eight references, drift and heat to one frame."""
    protocol, regions, base, frames = scene()
    how = Reconstruction(method="hybrid")

    def one(n: int) -> None:
        reconstruct(base, frames[n % 4], protocol, regions=regions, options=how)

    return timed(one, max(count // 4, 20))


def measure_mrd(count: int) -> list[float]:
    """Send images to a server over loopback and take both maps back."""
    protocol, _, _, frames = scene(count=1)
    options = SeriesOptions(references=3)
    with (
        MrdServer(protocol, options, ServerOptions(port=0), lambda _: None) as server,
        MrdClient("127.0.0.1", server.port, protocol) as client,
    ):
        numbers = iter(range(10**6))
        for _ in range(3):
            client.send(frames[0], next(numbers))

        def one(n: int) -> None:
            client.send(frames[n % 4], next(numbers))
            client.answer()

        return timed(one, count)


def measure_igtl(count: int) -> list[float]:
    """Send images to a server over loopback and wait for the dose as OpenIGTLink."""
    protocol, _, _, frames = scene(count=1)
    options, size = SeriesOptions(references=3), 256 * 256 * 4 + 58 + 72
    with IgtlSender(port=0) as sender:

        def pass_on(said: Said) -> None:
            if isinstance(said, Arrived):
                sender.send(said.reading)

        with (
            MrdServer(protocol, options, ServerOptions(port=0), pass_on) as server,
            MrdClient("127.0.0.1", server.port, protocol) as client,
            socket.create_connection(("127.0.0.1", sender.port)) as slicer,
        ):
            while sender.listeners < 1:
                time.sleep(0.01)
            numbers = iter(range(10**6))
            for _ in range(3):
                client.send(frames[0], next(numbers))
            transform = len(TransformMessage(np.eye(4), device_name=TRANSFORM).pack())

            def one(n: int) -> None:
                client.send(frames[n % 4], next(numbers))
                left = transform + 3 * size
                while left:
                    left -= len(slicer.recv(min(left, 1 << 20)))
                client.answer()

            return timed(one, count)


MEASURES = {
    "mrd": measure_mrd,
    "igtl": measure_igtl,
    "frame": measure_frame,
    "kspace": measure_kspace,
    "harmonic": measure_harmonic,
    "hybrid": measure_hybrid,
}


def measure(name: str, count: int) -> dict[str, object]:
    """Measure one row in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    times = MEASURES[name](count)
    middle, p95, p99 = np.percentile(times, [50, 95, 99])
    row = ROWS[name]
    reached = {95: p95, 99: p99}[row.percentile]
    return {
        "what": row.what,
        "p50": round(float(middle), 2),
        "p95": round(float(p95), 2),
        "p99": round(float(p99), 2),
        "limit": f"p{row.percentile} ≤ {row.limit_ms:g}",
        "kept": "kept" if reached <= row.limit_ms else "MISSED",
        "cpu_s": round(time.process_time() - cpu, 1),
        "wall_s": round(time.perf_counter() - wall, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Run what was asked for, each row in a process of its own, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "rows", nargs="*", choices=[*ROWS, []], help="All of them when left out."
    )
    parser.add_argument("--count", type=int, default=300, help="Frames of each row.")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.count)))
        return
    print(" | ".join(f"{name} {version}" for name, version in versions().items()))
    print("| what | p50 ms | p95 ms | p99 ms | limit | | CPU s | wall s | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in asked.rows or ROWS:
        command = [sys.executable, "-m", "benchmarks.thermometry", "--one", name,
                   "--count", str(asked.count)]  # fmt: skip
        done = subprocess.run(  # noqa: S603
            command,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        print(
            "| " + " | ".join(str(v) for v in json.loads(done.stdout).values()) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
