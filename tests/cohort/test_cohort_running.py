"""Nothing is done twice and nothing is lost: dead workers, killed runs, full disks."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import LocalCluster

from insonate.cohort import Cohort, running, store, tasks
from insonate.cohort.design import told
from insonate.cohort.running import run_cohort, run_without_guards
from insonate.cohort.store import read_results, read_row, row_path, write_row
from insonate.core import RecordError, SettingsError

COHORT = Cohort(
    name="fake", seed=3, patients=24,
    heads=[{"name": "phantom", "spacing_mm": 2.0, "thickness": [0.8, 1.0, 1.2]}],
    draws={"bone_share": {"kind": "lognormal", "spread": 0.2, "source": "a test"}},
)  # fmt: skip


def quickly():
    """Return a treatment that takes no time; a function inside another one travels by value."""

    def treated(task):
        from insonate.cohort.design import told  # noqa: PLC0415 - it travels to the worker

        return told(task) | {"outcome": "lesion made", "true_peak_degc": 50.0 + 5 * task.drawn["bone_share"],
                             "reached": True, "within_limits": task.patient % 3 > 0, "bled": False}  # fmt: skip

    return treated


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",  # None would be port 8787, which another may have
        host="127.0.0.1",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def undisturbed(scheduler, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return run_cohort(COHORT, out, scheduler=scheduler, treat=quickly()).results.read_bytes()


def test_a_second_run_does_nothing_and_gives_the_same(scheduler, undisturbed, tmp_path):
    first = run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    assert (first.done, first.kept) == (24, 0)
    again = run_cohort(COHORT, tmp_path, scheduler="tcp://nowhere:1", treat=quickly())
    assert (again.done, again.kept) == (0, 24)
    assert again.results.read_bytes() == undisturbed
    rows = read_results(again.results)
    assert [row["patient"] for row in rows] == list(range(1, 25))
    assert [row["digest"] for row in rows] == [task.digest for task in tasks(COHORT)]


def test_more_patients_keep_those_who_were_treated(scheduler, tmp_path):
    run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    more = COHORT.model_copy(update={"patients": 30})
    done = run_cohort(more, tmp_path, scheduler=scheduler, treat=quickly())
    assert (done.done, done.kept) == (6, 24)


def test_a_damaged_result_is_made_anew(scheduler, undisturbed, tmp_path):
    run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    one, two = (row_path(tmp_path, task.digest) for task in tasks(COHORT)[:2])
    one.write_bytes(one.read_bytes()[:-20])
    two.unlink()
    done = run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    assert (done.done, done.kept) == (2, 22)
    assert done.results.read_bytes() == undisturbed


def test_a_dead_worker_loses_only_what_it_was_doing(undisturbed, tmp_path):
    """Patient 5 kills its worker the first time it is treated."""
    mark, quick = tmp_path / "died", quickly()

    def deadly(task, mark=mark, quick=quick):
        if task.patient == 5 and not mark.exists():
            mark.write_text("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return quick(task)

    before = dict(os.environ)
    done = run_cohort(COHORT, tmp_path / "out", workers=1, treat=deadly)
    assert dict(os.environ) == before  # or Numba refuses to go on here
    assert mark.exists()
    assert done.results.read_bytes() == undisturbed
    assert "127.0.0.1" in done.dashboard


KILLED = """
import sys, time
from pathlib import Path
from insonate.cohort.running import run_cohort
sys.path.insert(0, {tests!r})
from test_cohort_running import COHORT, quickly
if __name__ == "__main__":
    quick = quickly()
    def slow(task, quick=quick):
        time.sleep(0.15)
        return quick(task)
    run_cohort(COHORT, Path({out!r}), workers=1, treat=slow)
"""


def rows_in(out):
    return list((out / "rows").rglob("*.parquet"))


def test_a_killed_run_goes_on_where_it_was(scheduler, undisturbed, tmp_path):
    out, script = tmp_path / "out", tmp_path / "killed.py"
    script.write_text(KILLED.format(tests=str(Path(__file__).parent), out=str(out)), "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while len(rows_in(out)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(rows_in(out))
    assert 3 <= kept < 24
    done = run_cohort(COHORT, out, scheduler=scheduler, treat=quickly())
    assert done.kept == kept
    assert done.results.read_bytes() == undisturbed


def test_a_full_disk_keeps_what_was_written(scheduler, undisturbed, tmp_path, monkeypatch):
    room = iter(range(7))

    def fsync(handle):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.os, "fsync", fsync)
    with pytest.raises(RecordError, match="No space left on device"):
        run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    assert len(rows_in(tmp_path)) == 7
    assert list(tmp_path.rglob("*.part")) == []
    monkeypatch.undo()
    done = run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    assert (done.done, done.kept) == (17, 7)
    assert done.results.read_bytes() == undisturbed


def test_the_same_work_is_done_once(scheduler, tmp_path, monkeypatch):
    """Two patients of one digest: the second takes the result of the first."""
    one = tasks(COHORT)[0]
    twins = (one, one.model_copy(update={"patient": 2}))
    monkeypatch.setattr(running, "tasks", lambda cohort: twins)
    done = run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=quickly())
    rows = read_results(done.results)
    assert [row["patient"] for row in rows] == [1, 2]
    assert len(rows_in(tmp_path)) == 1


def test_no_scheduler_and_no_results_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(RecordError, match="run the cohort first"):
        read_results(tmp_path / "results.parquet")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(SettingsError, match=r"install insonate\[slurm\]"):
        run_cohort(COHORT, tmp_path, scheduler="slurm", treat=quickly())
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"install insonate\[cohort\]"):
        run_cohort(COHORT, tmp_path, treat=quickly())


def test_a_row_comes_back_as_it_was_written(tmp_path):
    task = tasks(COHORT)[0]
    row = told(task) | {"true_peak_degc": 0.1 + 0.2, "reached": False, "outcome": "=1"}
    write_row(tmp_path, row)
    found = read_row(tmp_path, task)
    assert {name: found[name] for name in row} == row
    other = task.model_copy(update={"seed": 1})
    assert read_row(tmp_path, other) is None


def test_a_head_that_cannot_be_planned_is_a_result(monkeypatch):
    from insonate.cohort.treating import treat  # noqa: PLC0415 - slow to import

    def refuse(*_):
        raise SettingsError("The target lies outside.")

    monkeypatch.setattr("insonate.cohort.treating._prepared", refuse)
    row = treat(tasks(COHORT)[0])
    assert row["refused"] == "The target lies outside."
    assert "outcome" not in row


def test_patients_are_treated_again_without_the_guards_that_spoke_in_them_alone(
    scheduler, tmp_path
):
    def speaking(task):
        from insonate.cohort.design import told  # noqa: PLC0415 - it travels to the worker

        spoke = {1: "cooling", 2: "cooling, clock, motion"}.get(task.patient, "")
        return told(task) | {
            "outcome": "lesion made",
            "guards_spoke": spoke,
            "bled": bool(task.guards_off),
        }

    run_cohort(COHORT, tmp_path, scheduler=scheduler, treat=speaking)
    again = run_without_guards(COHORT, tmp_path, scheduler=scheduler, treat=speaking)
    assert (again.done, again.kept, again.results.name) == (3, 0, "guards.parquet")
    rows = read_results(again.results)
    assert [(row["patient"], row["guards_off"]) for row in rows] == [
        (1, "cooling"), (2, "cooling"), (2, "motion"),
    ]  # fmt: skip
    assert all(row["bled"] for row in rows)
    assert not any(row["bled"] for row in read_results(tmp_path / "results.parquet"))
    twice = run_without_guards(COHORT, tmp_path, scheduler="tcp://nowhere:1", treat=speaking)
    assert (twice.done, twice.kept) == (0, 3)
    with pytest.raises(RecordError, match="run the cohort first"):
        run_without_guards(COHORT, tmp_path / "other", scheduler=scheduler, treat=speaking)
