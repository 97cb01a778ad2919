"""A virtual cohort at size: ``python -m benchmarks.cohort [--patients 100] [--case samples/cranium]``.

Whole treatments with the ray engine, by one worker and by two; prints wall s, CPU s of all processes,
peak memory and versions. The goals are 100 patients in 20 minutes on two cores, and two workers
at least 1.8 times as fast as one.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from insonate.cohort import Cohort, Draw, Head, Plan
from insonate.cohort.running import run_cohort
from insonate.core.provenance import versions

_SETTING = "benchmark: spreads of the shipped scenarios"


def main() -> None:
    """Print what one and two workers take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument(
        "--case", type=Path, default=None, help="a case folder; the phantom without"
    )
    parser.add_argument("--coarse", action="store_true", help="coarse heat and 256 elements")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    cohort = _cohort(given.patients, given.case, coarse=given.coarse)
    told = [_timed(cohort, workers) for workers in given.workers]
    first, last = told[0], told[-1]
    print(json.dumps({
        "patients": given.patients, "coarse": given.coarse, "runs": told,
        "times_as_fast": round(float(first["wall_s"]) / float(last["wall_s"]), 2),
        "versions": versions(),
    }, indent=2))  # fmt: skip


def _cohort(patients: int, case: Path | None, *, coarse: bool) -> Cohort:
    spacing = 2.0 if coarse else 1.0
    return Cohort(
        name="bench", seed=1, patients=patients,
        heads=(Head(name="head", case=case.resolve() if case else None, spacing_mm=spacing),),
        draws={
            "brain_absorption": Draw(kind="lognormal", spread=0.15, source=_SETTING),
            "bone_share": Draw(kind="lognormal", spread=0.2, source=_SETTING),
            "transmission": Draw(kind="lognormal", spread=0.1, source=_SETTING),
            "registration_m": Draw(kind="normal", centre=0.0, spread=5e-4, source=_SETTING),
        },
        plan=Plan(element_count=256, coarse=True) if coarse else Plan(),
    )  # fmt: skip


def _timed(cohort: Cohort, workers: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        run_cohort(cohort, Path(name), workers=workers)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    return {
        "workers": workers,
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(cpu, 1),
        "peak_mb_of_a_worker": round(spent.ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
