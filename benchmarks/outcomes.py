"""The registry at size: ``python -m benchmarks.outcomes [--rows 100000] [--address URL]``.

Import, check and report of follow-up rows; each step prints CPU s and wall s, the end the peak memory and
the versions. The goal is 30 s and 1 GiB for 100,000 rows.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from insonate.core.provenance import versions
from insonate.outcomes.checking import check_registry
from insonate.outcomes.columns import TABLES
from insonate.outcomes.instruments import INSTRUMENTS
from insonate.outcomes.registry import open_registry
from insonate.outcomes.reporting import write_report
from insonate.outcomes.visits import VISITS
from insonate.verification.malformed import Rows, write_rows

TREATED = date(2020, 1, 15)
SHEETS = ("nrs", "bpi", "pdi", "eq5d5l")


def main() -> None:
    """Print what the steps cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--address", default="", help="of an empty PostgreSQL database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(follow_up(given.rows, np.random.default_rng(8)), folder / "in")
        address = given.address or str(folder / "registry.db")
        registry = open_registry(
            address, who="bench", create=True, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
        )
        steps: dict[str, Callable[[], object]] = {
            "import": lambda: registry.import_csv(folder / "in"),
            "check": lambda: len(check_registry(registry)),
            "report": lambda: write_report(registry, folder / "report.html").stat().st_size,
        }
        told = {step: _timed(run) for step, run in steps.items()}
        registry.engine.dispose()
    whole = sum(entry["wall_s"] for entry in told.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "rows": given.rows, "database": "PostgreSQL" if given.address else "SQLite", "steps": told,
        "wall_s": round(whole, 2), "peak_mb": round(peak), "versions": versions(),
    }, indent=2))  # fmt: skip


def _timed(run: Callable[[], object]) -> dict[str, object]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return {
        "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "result": result,
    }


def follow_up(count: int, rng: np.random.Generator) -> Rows:
    """Return patients and at least ``count`` answers: four instruments at seven visits, a tenth missing."""
    rows: Rows = {name: [] for name in TABLES}
    number = 0
    while len(rows["answers"]) < count:
        number += 1
        name = f"SITE1-{number:06d}"
        rows["patients"].append({
            "patient": name, "birth_year": "1960", "sex": "female", "diagnosis": "phantom-limb",
            "pain_since": "2010-01-01", "treated_on": str(TREATED), "simulated": "yes", "record": "",
        })  # fmt: skip
        for visit in list(VISITS.values())[:7]:
            if rng.random() > 0.1:
                rows["answers"] += _sheets(
                    name, visit.code, TREATED + timedelta(visit.day), rng
                )
    return rows


def _sheets(name: str, visit: str, day: date, rng: np.random.Generator) -> list[dict[str, str]]:
    items = [(code, item) for code in SHEETS for item in INSTRUMENTS[code].items]
    return [
        {
            "patient": name, "visit": visit, "taken_on": str(day), "instrument": code,
            "item": item.code, "value": str(rng.integers(int(item.low), int(item.high) + 1)),
        }
        for code, item in items
    ]  # fmt: skip


if __name__ == "__main__":
    main()
