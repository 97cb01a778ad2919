"""What the run-time of a treatment bears: ``python -m benchmarks.control [PART] [--count N]``.

Parts: ``latency`` (event → power off, frame → decision, a lost process), ``stateful`` (treatments
drawn by hypothesis), ``record`` (killed writers, full disks), ``replay`` (rehearsals replayed),
``speed`` (a whole rehearsal against its own clock), ``decide`` (model-predictive estimate and PID). Without a part, all of them. Prints one JSON line for each figure, with cost and versions.
"""

import argparse
import json
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from insonate.core.provenance import versions
from insonate.verification import endurance, latency

Figure = dict[str, object]


def measured_latency(count: int) -> Iterator[Figure]:
    """Latencies; the limit of each is 50 ms."""
    stops = latency.stop_latencies(count)
    yield _figure("event to power off, p99", latency.p99_ms(stops), 50.0, "ms", len(stops))
    frames = latency.frame_latencies(count)
    yield _figure("frame to decision, p99", latency.p99_ms(frames), 50.0, "ms", len(frames))
    rng, few = np.random.default_rng(4), max(20, count // 50)
    for how, word in ((signal.SIGKILL, "dies"), (signal.SIGSTOP, "hangs")):
        lost = latency.lost_process_latencies(few, rng, how)
        what = f"controller's process {word} to drive off, p99"
        yield _figure(what, latency.p99_ms(lost), 50.0, "ms", few)


def measured_stateful(count: int) -> Iterator[Figure]:
    """Treatments drawn by hypothesis; raises where one of them crosses a line."""
    from hypothesis import HealthCheck, settings  # noqa: PLC0415 - a tool of tests
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

    from insonate.testing.treatment import TreatmentMachine  # noqa: PLC0415

    how = settings(
        max_examples=count,
        stateful_step_count=20,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(TreatmentMachine, settings=how)
    yield _figure("hypothesis sequences with a line crossed", 0, 0, "1", count)


def measured_record(count: int) -> Iterator[Figure]:
    """Killed writers and full disks."""
    rng = np.random.default_rng(9)
    with tempfile.TemporaryDirectory() as name:
        for what, part in (("kill -9", endurance.killed), ("disk full", endurance.filled)):
            lost = part(Path(name), count, rng)
            yield _figure(f"{what}: records that lost something", lost, 0, "1", count)


def measured_replay(count: int) -> Iterator[Figure]:
    """Rehearsals of all scenarios with many seeds, and whether their records replay the same."""
    from insonate.verification.scenarios import rehearse_all  # noqa: PLC0415 - compiles kernels

    found = list(rehearse_all(count))
    differ = sum(not one.same for one in found)
    yield _figure("rehearsals that replay otherwise", differ, 0, "1", count)
    unmet = [f"{r.scenario} (seed {r.seed})" for r in found if r.unmet]
    yield {
        **_figure("rehearsals that end unexpectedly", len(unmet), 0, "1", count),
        "which": unmet,
    }


def measured_speed(count: int) -> Iterator[Figure]:
    """Whole rehearsals of the built-in phantom with the ray engine, as the command line runs them."""
    from insonate.session import (  # noqa: PLC0415 - compiles kernels
        CaseSource,
        PlanSettings,
        RehearsalSettings,
        prepare,
    )
    from insonate.session.case import rehearse_plan  # noqa: PLC0415

    case = prepare(CaseSource("phantom", None), PlanSettings())
    for seed in range(1, 1 + count):
        with tempfile.TemporaryDirectory() as name:
            began = time.perf_counter()
            record = rehearse_plan(case, RehearsalSettings(seed=seed), Path(name))
            wall = time.perf_counter() - began
        ratio = record.events[-1].time_s / wall
        yield {
            "figure": "rehearsal against its own clock",
            "value": ratio,
            "limit": 100.0,
            "unit": "1",
            "kept": ratio >= 100.0,
            "seed": seed,
            "session_s": record.events[-1].time_s,
            "wall_s": wall,
        }


def measured_deciding(count: int) -> Iterator[Figure]:
    """Hottest focus, lesions and energy by the model-predictive estimate and by a PID."""
    from insonate.control import ControlSettings  # noqa: PLC0415 - its own part
    from insonate.verification.deciding import led  # noqa: PLC0415

    for settings in (ControlSettings(), ControlSettings(regulator="pid")):
        found = led(settings, count)
        what = f"{settings.regulator}: hottest true focus"
        yield {
            **_figure(what, max(found.hottest_degc), 60.0, "degC", count),
            "lesions": found.lesions,
            "mean_energy_kj": float(np.mean(found.energy_j)) / 1e3,
        }


PARTS: dict[str, tuple[Callable[[int], Iterator[Figure]], int]] = {
    "latency": (measured_latency, 10_000),
    "stateful": (measured_stateful, 10_000),
    "record": (measured_record, 500),
    "replay": (measured_replay, 100),
    "speed": (measured_speed, 1),
    "decide": (measured_deciding, 200),
}
"""Each part and its usual count."""


def _figure(what: str, value: float, limit: float, unit: str, count: int) -> Figure:
    return {
        "figure": what,
        "value": value,
        "limit": limit,
        "unit": unit,
        "kept": bool(value <= limit),
        "count": count,
    }


def main() -> None:
    """Print the figures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=list(PARTS))
    parser.add_argument("--count", type=int, help="how often, instead of the usual count")
    asked = parser.parse_args()
    print(json.dumps({"versions": versions()}))
    for name in [asked.part] if asked.part else list(PARTS):
        part, usual = PARTS[name]
        cpu, wall = time.process_time(), time.perf_counter()
        for figure in part(asked.count or usual):
            print(json.dumps({"part": name, **figure}), flush=True)
        cost = {
            "part": name,
            "cpu_s": round(time.process_time() - cpu, 2),
            "wall_s": round(time.perf_counter() - wall, 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        print(json.dumps(cost), flush=True)


if __name__ == "__main__":
    main()
