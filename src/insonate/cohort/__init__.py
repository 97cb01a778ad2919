"""Virtual cohorts: many patients from one file, treated on Dask, nothing done twice.

What runs one is in ``cohort.running``, what reports it in ``cohort.reporting``; both need the extra
``insonate[cohort]``. This much is what a worker has to import.
"""

from insonate.cohort.design import (
    Cohort,
    Draw,
    Head,
    Plan,
    Task,
    Variant,
    load_cohort,
    schema,
    tasks,
)

__all__ = [
    "Cohort",
    "Draw",
    "Head",
    "Plan",
    "Task",
    "Variant",
    "load_cohort",
    "schema",
    "tasks",
]
