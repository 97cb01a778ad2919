"""Many virtual patients on Dask: nothing done twice, nothing lost that was done."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insonate.cohort.design import GUARD_NAMES, Cohort, Row, Task, tasks
from insonate.cohort.store import (
    LEFT_OUT,
    RESULTS,
    read_results,
    read_row,
    write_results,
    write_row,
)
from insonate.core import RecordError, SettingsError
from insonate.session.progress import Progress, silent

Treat = Callable[[Task], Row]

RETRIES = 3
"""So often a task is tried again when its worker dies."""

_KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "1073741824", "MALLOC_MMAP_THRESHOLD_": "1073741824"}
"""Memory that a worker has freed stays with it. Dask gives it back at once (64 KiB), and a treatment that makes and
drops arrays thousands of times then spends a third of its time on pages that the system has to clear."""

_ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
"""Set before a worker starts: a script that runs a cohort is imported by its workers before Dask sets anything else, and
Numba, which it may import, refuses another number later."""


@dataclass(frozen=True)
class Finished:
    """A cohort that was run: its table, how many tasks were done now and how many were there."""

    results: Path
    done: int
    kept: int
    dashboard: str


def run_cohort(
    cohort: Cohort,
    out: Path,
    *,
    scheduler: str = "local",
    workers: int = 2,
    progress: Progress = silent,
    treat: Treat | None = None,
) -> Finished:
    """Treat every patient of a cohort who has not been treated yet, and write the table of all.

    Parameters
    ----------
    cohort
        The cohort.
    out
        Folder of results; those that are there are kept.
    scheduler
        "local", "slurm", or the address of a running Dask scheduler.
    workers
        Of a local or slurm cluster; each has one thread.
    progress
        Told as results come.
    treat
        What is done for each patient; a whole rehearsal (``treating.treat``) when not said.

    Raises
    ------
    SettingsError
        When Dask is missing, or the scheduler cannot be reached.
    RecordError
        When a result cannot be written.
    """
    how = Running(scheduler, workers, progress, treat or _rehearsed)
    return _run(tasks(cohort), out / RESULTS, how)


def run_without_guards(
    cohort: Cohort,
    out: Path,
    *,
    scheduler: str = "local",
    workers: int = 2,
    progress: Progress = silent,
    treat: Treat | None = None,
) -> Finished:
    """Treat patients again without a guard that spoke, one guard at a time, and write the table of all.

    A guard that never spoke in a patient changes nothing in that patient: the controller is a pure function, and the
    same patient without it is the same treatment. So only those in whom it spoke are treated again.

    Parameters
    ----------
    cohort
        A cohort that was run to its end in the same folder.
    out, scheduler, workers, progress, treat
        As ``run_cohort``.

    Raises
    ------
    SettingsError, RecordError
        As ``run_cohort``; RecordError also when the cohort was not run.
    """
    spoke = {
        row["patient"]: row.get("guards_spoke") or "" for row in read_results(out / RESULTS)
    }
    wanted = [
        task.model_copy(update={"guards_off": (*task.guards_off, name)})
        for task in tasks(cohort)
        for name in spoke.get(task.patient, "").split(", ")
        if name in GUARD_NAMES
    ]
    how = Running(scheduler, workers, progress, treat or _rehearsed)
    return _run(tuple(wanted), out / LEFT_OUT, how)


@dataclass(frozen=True)
class Running:
    """By whom tasks are done, what is done for each, and who is told."""

    scheduler: str
    workers: int
    progress: Progress
    treat: Treat


def _run(wanted: tuple[Task, ...], table: Path, how: Running) -> Finished:
    """Do the tasks that have no result yet, and write the table of all."""
    out, progress = table.parent, how.progress
    left = by_head([task for task in wanted if read_row(out, task) is None])
    kept, done, dashboard = len(wanted) - len(left), 0, ""
    if left:
        with _own_environment(), _client(how.scheduler, how.workers) as client:
            dashboard = str(client.dashboard_link or "")
            progress("Treating", kept / len(wanted), dashboard)
            for row in _treated(client, left, how.treat):
                write_row(out, row)
                done += 1
                progress(
                    "Treating", (kept + done) / len(wanted), f"{kept + done} of {len(wanted)}"
                )
    found = [_result(out, task) for task in wanted]
    return Finished(write_results(out, found, table.name), done, kept, dashboard)


def _result(out: Path, task: Task) -> Row:
    """Return a result that was written."""
    row = read_row(out, task)
    if row is None:
        raise RecordError(
            f"The result of patient {task.patient} is gone from {out}; run the cohort again, it makes it anew."
        )
    return _as_read(row)


def _rehearsed(task: Task) -> Row:
    """Return what came of a whole rehearsal."""
    from insonate.cohort.treating import treat  # noqa: PLC0415 - what it takes is slow to import

    return treat(task)


def _as_read(row: Row) -> Row:
    """Return a row without columns that say nothing, so that one read back equals one just made."""
    return {name: value for name, value in row.items() if value is not None}


def by_head(left: list[Task]) -> list[Task]:
    """Return tasks in an order in which patients of one plan follow each other."""
    return sorted(left, key=lambda t: (t.variant.model_dump_json(), t.target, t.patient))


def _treated(client: Any, left: list[Task], treat: Treat) -> Iterator[Row]:
    """Yield results as they come; twins of one digest are done once."""
    twins: dict[str, list[Task]] = {}
    for task in left:
        twins.setdefault(task.digest, []).append(task)
    futures = [
        client.submit(treat, same[0], key=digest, retries=RETRIES, pure=True, priority=-rank)
        for rank, (digest, same) in enumerate(twins.items())
    ]
    for future, row in _distributed().as_completed(futures, with_results=True):
        for twin in twins[future.key]:
            yield row | {"patient": twin.patient}
        future.release()


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Cohorts need the package distributed; install insonate[cohort]."
        ) from error
    return distributed


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[Any]:
    """Yield a client of a cluster that was started for it, or that is there already."""
    dask = _distributed()
    from dask import config  # noqa: PLC0415 - with the extra

    if scheduler not in ("local", "slurm"):
        try:
            client = dask.Client(scheduler, timeout="15s")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"There is no Dask scheduler at '{scheduler}': {error}. Give local, slurm, or an address "
                "such as tcp://host:8786."
            ) from error
        with client:
            yield client
        return
    if scheduler == "slurm":
        cluster = _slurm(workers)
    else:
        with config.set({"distributed.nanny.pre-spawn-environ": _KEEP_MEMORY | _ONE_THREAD}):
            cluster = dask.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True,
                dashboard_address="127.0.0.1:0", host="127.0.0.1",
            )  # fmt: skip
    with cluster, dask.Client(cluster) as client:
        yield client


@contextmanager
def _own_environment() -> Iterator[None]:
    """Give the process its environment back: Dask leaves in it what it sets for workers, whenever one starts."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _slurm(workers: int) -> Any:
    try:
        from dask_jobqueue import SLURMCluster  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Slurm needs the package dask-jobqueue; install insonate[slurm]."
        ) from error
    cluster = SLURMCluster(cores=1, processes=1)
    cluster.scale(jobs=workers)
    return cluster
