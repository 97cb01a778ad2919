"""The rows of ``insonate verify cohort`` pass, and fail on a wrong subject; a record becomes a row."""

import numpy as np
import pytest

from insonate.cohort import tasks
from insonate.cohort.store import COLUMNS
from insonate.cohort.treating import BESIDE, beside_target, energy_growth, measured
from insonate.plant.symptoms import NEIGHBOURS
from insonate.report import summarise
from insonate.report.summary import SonicationSummary
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


def test_the_structures_beside_the_target_are_those_of_the_patient():
    offsets = {n.offset_m for n in NEIGHBOURS if "capsule" in n.name or "sensory" in n.name}
    assert {offset for _, offset in BESIDE.values()} == offsets


class Planes:
    """A record whose truth rises to the right by one a millimetre, and forward or up by 100 a millimetre."""

    def __init__(self, record):
        self.events, self._record = record.events, record

    def array(self, ref):
        count = self._record.array(ref).shape[0]
        at = (np.arange(count) - (count - 1) / 2) * self.spacing * 1e3
        return at[:, None] + 100 * at[None, :]

    @property
    def spacing(self):
        return next(e.payload.plane_spacing_m for e in self.events if getattr(e.payload, "basis", "") == "truth")  # fmt: skip


@pytest.mark.parametrize(("target", "side"), [("cl-right", 1), ("cl-left", -1)])
def test_the_structures_are_read_at_their_place_on_the_right_side(target, side):
    row = beside_target(Planes(treatment_record()), target)
    spacing = Planes(treatment_record()).spacing * 1e3
    for name, lateral, along in (
        ("capsule_genu", 8, 4), ("capsule_posterior", 9, -1), ("sensory_hand", 5, 3), ("sensory_foot", 8, 3),
    ):  # fmt: skip
        expected = side * lateral + 100 * along
        assert row[f"{name}_degc"] == pytest.approx(expected, abs=50.5 * spacing)


def sonication(stage, energy, peak):
    return SonicationSummary(1, stage, 1.0, 1.0, energy, None, peak, None, None)


def test_energy_growth_is_that_of_treat_sonications_alone():
    rows = [
        sonication("verify", 1e3, 47.0),
        sonication("treat", 10e3, 57.0),
        sonication("treat", 12e3, 57.0),
    ]
    assert energy_growth(rows) == pytest.approx(1.2)
    assert energy_growth(rows[:2]) is None
    assert energy_growth([*rows, sonication("treat", None, None)]) == pytest.approx(1.2)
