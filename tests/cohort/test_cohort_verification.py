"""The rows of ``insonate verify cohort`` pass, and fail on a wrong subject; a record becomes a row."""

import pytest

from insonate.cohort import tasks
from insonate.cohort.store import COLUMNS
from insonate.cohort.treating import measured
from insonate.report import summarise
from insonate.testing.records import treatment_record
from insonate.verification import cohort


def test_every_row_is_kept():
    assert [check.check for check in cohort.checks() if not check.passed] == []


def test_draws_of_another_spread_are_found():
    wider = cohort.SAMPLE.draws["brain_absorption"].model_copy(update={"spread": 0.19})
    other = {**cohort.SAMPLE.draws, "brain_absorption": wider}
    assert cohort.drawn_as_asked(lambda c: tasks(c.model_copy(update={"draws": other}))) < 1e-3


def test_faults_of_another_rate_are_found():
    rarer = {"faults": {"pump-stops": 0.15}}
    assert cohort.drawn_as_asked(lambda c: tasks(c.model_copy(update=rarer))) < 1e-3


def test_patients_who_follow_from_their_number_of_companions_are_found():
    def drawn(asked):
        return tasks(asked.model_copy(update={"seed": asked.patients}))

    assert cohort.moved_by_more_patients(drawn) == 50


def test_a_record_becomes_a_row():
    record = treatment_record()
    row = measured(record)
    summary = summarise(record)
    assert set(row) <= set(COLUMNS)
    assert row["energy_kj"] == pytest.approx(summary.energy_j / 1e3)
    assert row["sonications"] == len(summary.sonications)
    peaks = [s.true_peak_degc for s in summary.sonications if s.true_peak_degc is not None]
    assert row["true_peak_degc"] == max(peaks)
    assert row["reached"] is (max(peaks) >= 54.0)
    assert row["outcome"] == summary.outcome
