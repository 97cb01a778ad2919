"""Checks of virtual cohorts: what is drawn, what is written, and whether a run depends on how it was run."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from insonate.cohort import Cohort, Draw, Head, Plan, Task, tasks
from insonate.cohort.design import GUARD_NAMES
from insonate.plant import SCENARIOS
from insonate.plant.scenario import read_scenario
from insonate.verification.check import Check, at_least, at_most

Draws = Callable[[Cohort], tuple[Task, ...]]

SAMPLE = Cohort(
    name="check", seed=8, patients=2000,
    heads=(Head(name="phantom", thickness=(0.8, 1.0, 1.2)),),
    targets=("cl-left", "cl-right"),
    faults={"pump-stops": 0.2},
    draws={
        "brain_absorption": Draw(kind="lognormal", spread=0.15, source="check"),
        "registration_m": Draw(kind="normal", centre=0.0, spread=5e-4, source="check"),
    },
)  # fmt: skip


def drawn_as_asked(draw: Draws = tasks) -> float:
    """Return the smallest p-value of what 2,000 patients drew against what their file says."""
    found = draw(SAMPLE)
    absorption = np.log([t.drawn["brain_absorption"] for t in found]) / 0.15
    errors = np.array([t.registration_m for t in found]).ravel() / 5e-4
    faults = sum(t.scenario == "pump-stops" for t in found)
    left = sum(t.target == "cl-left" for t in found)
    thick = np.unique([t.variant.thickness for t in found], return_counts=True)[1]
    return float(
        min(
            stats.kstest(absorption, "norm").pvalue,
            stats.kstest(errors, "norm").pvalue,
            stats.binomtest(faults, len(found), 0.2).pvalue,
            stats.binomtest(left, len(found), 0.5).pvalue,
            stats.chisquare(thick).pvalue,
        )
    )


def moved_by_more_patients(draw: Draws = tasks) -> int:
    """Return how many of 50 patients are others because 50 more were asked for."""
    few, more = (draw(SAMPLE.model_copy(update={"patients": n})) for n in (50, 100))
    return sum(a.digest != b.digest for a, b in zip(few, more[:50], strict=True))


def changed_by_writing() -> int:
    """Return how many shipped scenarios are others after they were written with a patient's draws."""
    from insonate.cohort.treating import scenario_text  # noqa: PLC0415 - slow to import

    task = tasks(SAMPLE.model_copy(update={"patients": 1}))[0]
    changed = 0
    for name, shipped in SCENARIOS.items():
        made = read_scenario(scenario_text(task.model_copy(update={"scenario": name})), name)
        told = (shipped.script, shipped.incidents, shipped.neighbours, shipped.vessel)
        changed += told != (made.script, made.incidents, made.neighbours, made.vessel)
    return changed


def checks() -> Iterator[Check]:
    """Yield the quick checks of the area."""
    yield at_least(
        "cohort", "2,000 patients against their file: smallest p of five tests", drawn_as_asked(), 1e-3,
        "1", "Kolmogorov-Smirnov, binomial and chi-squared; one seed",
    )  # fmt: skip
    yield at_most(
        "cohort", "of 50 patients, changed by asking for 100", moved_by_more_patients(), 0, "1",
        "patient i follows from (seed, i)",
    )  # fmt: skip
    yield at_most(
        "cohort", f"of {len(SCENARIOS)} scenarios, changed by being written", changed_by_writing(), 0,
        "1", "the shipped ones",
    )  # fmt: skip


def slow_checks() -> Iterator[Check]:
    """Yield whether a run depends on its workers: four whole treatments, one worker and two."""
    from insonate.cohort.running import run_cohort  # noqa: PLC0415 - an extra

    small = SAMPLE.model_copy(
        update={
            "patients": 4,
            "heads": (Head(name="phantom", spacing_mm=2.0, thickness=(0.8, 1.2)),),
            "plan": Plan(element_count=256, coarse=True),
        }
    )
    with tempfile.TemporaryDirectory() as name:
        tables = [
            run_cohort(small, Path(name) / str(workers), workers=workers).results.read_bytes()
            for workers in (1, 2)
        ]
    yield at_most(
        "cohort", "four treatments by one worker and by two: tables that differ",
        tables[0] != tables[1], 0, "1", "byte for byte",
    )  # fmt: skip
    yield at_most(
        "cohort", "a treatment without the guards that never spoke in it: numbers that differ",
        changed_by_silent_guards(tasks(small)[0]), 0, "1", "the controller is a pure function",
    )  # fmt: skip


def changed_by_silent_guards(task: Task) -> int:
    """Return how many numbers of a treatment change when every guard that never spoke in it is left out."""
    from insonate.cohort.treating import treat  # noqa: PLC0415 - slow to import

    plain = treat(task)
    spoke = str(plain["guards_spoke"]).split(", ")
    silent = tuple(name for name in GUARD_NAMES if name not in spoke)
    without = treat(task.model_copy(update={"guards_off": silent}))
    told = {"digest", "guards_off"}
    return sum(plain[name] != without[name] for name in plain.keys() - told)
