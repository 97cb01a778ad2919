"""A whole rehearsal on a coarse phantom: what its record proves."""

import shutil
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest

from insonate.control import step
from insonate.core import RecordError, SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.events import Decision, Observation, Source, State, Verb
from insonate.events import documents as doc
from insonate.plant import SCENARIOS
from insonate.record import Recorder, open_record
from insonate.report import summarise
from insonate.session import replay_record
from insonate.session.case import BETWEEN_S, RehearsalSettings
from insonate.session.room import make_room, require_room

pytestmark = pytest.mark.usefixtures("one_thread")

DECISIONS, OBSERVATIONS = get_args(Decision), get_args(Observation)


def of(record, *kinds):
    return [e for e in record.events if isinstance(e.payload, kinds)]


def decisions(record):
    return [e.payload for e in of(record, *DECISIONS)]


class InterruptedTestError(Exception):
    pass


def stop_at(sonication, error=InterruptedTestError):
    """A progress callback that raises when a sonication of that number is on its way."""

    def progress(stage, done, detail=""):
        if f"sonication {sonication}," in detail:
            raise error

    return progress


def rewritten(record, folder, change):
    """Write a record's events again with ``change``; return the folder."""
    with Recorder(folder) as recorder:
        places = {}
        for event in record.events:
            payload = change(event)
            if payload is not None:
                cause = None if event.cause is None else places[event.cause]
                kept = recorder.append(
                    payload, time_s=event.time_s, source=event.source, cause=cause
                )
                places[event.sequence] = kept.sequence
    return folder


# --- the record of a whole treatment -----------------------------------------------------------


def test_a_rehearsal_ends_in_a_finished_record_with_a_lesion(run):
    record = run.record
    assert record.complete
    assert not record.missing
    closed = record.events[-1].payload
    assert closed.kind == "session_closed"
    assert closed.outcome == "lesion made"
    assert all(closed.limits_kept.values())
    stages = [e.payload.stage for e in of(record, doc.SonicationEnded)]
    order = ["align", "verify", "treat"]
    assert stages == sorted(stages, key=order.index)
    assert set(stages) == set(order)
    assert of(record, doc.SessionOpened)[0].payload.disclaimer == DISCLAIMER


def test_its_summary_comes_from_the_record_alone(run, tmp_path):
    alone = tmp_path / "copy"
    shutil.copytree(run.out / "record", alone)
    assert summarise(open_record(alone)) == summarise(run.record)


def test_energy_is_the_sum_of_power_times_time(run):
    """Power as it was set, integrated over the clock, gives every energy that was recorded."""
    sets = [(e.time_s, e.payload) for e in of(run.record, doc.PowerSet)]
    energies = {}
    for (start, power), (end, _) in pairwise([*sets, (run.record.events[-1].time_s, None)]):
        spent = power.power_w * (end - start)
        energies[power.sonication] = energies.get(power.sonication, 0.0) + spent
    ended = [e.payload for e in of(run.record, doc.SonicationEnded)]
    assert len(ended) >= 4
    for sonication in ended:
        assert sonication.energy_j == pytest.approx(energies[sonication.sonication], rel=1e-9)
    assert summarise(run.record).energy_j == pytest.approx(sum(energies.values()), rel=1e-9)
    curve = of(run.record, doc.TruthCurve)[0]
    time, power = (run.record.array(curve.arrays[name]) for name in ("time", "power"))
    stepped = float((power[:-1] * (time[1:] - time[:-1])).sum())
    assert stepped == pytest.approx(sum(energies.values()), rel=1e-6)


def test_every_sonication_ends_with_power_off(run):
    power = 0.0
    for event in of(run.record, doc.PowerSet, doc.SonicationEnded, doc.SessionClosed):
        if isinstance(event.payload, doc.PowerSet):
            power = event.payload.power_w
        elif isinstance(event.payload, doc.SessionClosed):
            assert power == 0.0
    ends = {e.payload.sonication: e.time_s for e in of(run.record, doc.SonicationEnded)}
    offs = {e.payload.sonication: e.time_s for e in of(run.record, doc.PowerSet)
            if e.payload.power_w == 0.0}  # fmt: skip
    assert ends == offs


def test_no_power_in_the_answer_in_which_a_guard_refused(run):
    refused = {e.cause for e in of(run.record, doc.GuardRefused)}
    powered = {e.cause for e in of(run.record, doc.PowerSet) if e.payload.power_w > 0}
    assert powered
    assert not refused & powered


def test_power_is_only_set_after_approval_of_just_that_sonication(run):
    approved = [
        e.sequence
        for e in of(run.record, doc.OperatorCommand)
        if e.payload.verb is Verb.APPROVE
    ]
    starts = [e.sequence for e in of(run.record, doc.PowerSet) if e.payload.power_w > 0]
    by_sonication = {run.record.events[s].payload.sonication: s for s in reversed(starts)}
    assert len(approved) == len(by_sonication)
    for approval, start in zip(approved, sorted(by_sonication.values()), strict=True):
        assert approval < start


# --- replay ------------------------------------------------------------------------------------


def test_questions_and_examination_take_their_time_after_every_sonication(run):
    ends = of(run.record, doc.SonicationEnded)
    asked = of(run.record, doc.OperatorCommand, doc.PatientReport)
    assert len(ends) > 3
    for end in ends:
        after = min(e.time_s for e in asked if e.sequence > end.sequence)
        assert after >= end.time_s + BETWEEN_S
    cooled = [
        e.time_s for e in of(run.record, doc.StateChanged) if e.payload.after is State.REVIEW
    ]
    # what the model asks for is told apart from what people take
    assert cooled[0] < ends[0].time_s + 0.5 * BETWEEN_S


@pytest.mark.parametrize("between_s", [-1.0, 3601.0, float("nan")])
def test_a_time_between_sonications_that_is_none_is_refused(between_s):
    with pytest.raises(SettingsError, match="between 0 and 3600 s"):
        RehearsalSettings(between_s=between_s)


def test_replay_gives_the_same_decisions(run):
    result = replay_record(run.out / "record")
    assert result.identical
    assert result.decisions == len(decisions(run.record)) > 20
    assert result.observations == len(of(run.record, *OBSERVATIONS))


def test_truth_never_reaches_the_controller(run, tmp_path):
    """Without a single word of truth, the same decisions follow."""

    def told(event):
        return None if event.source is Source.TRUTH else event.payload

    folder = rewritten(run.record, tmp_path / "untrue", told)
    assert not of(open_record(folder), doc.TruthObserved, doc.TruthCurve)
    result = replay_record(folder)
    assert result.identical
    assert result.decisions == len(decisions(run.record))


def test_the_controller_is_given_observations_alone(run, monkeypatch):
    seen = []

    def watched(state, time_s, observation, settings):
        seen.append(observation)
        return step(state, time_s, observation, settings)

    monkeypatch.setattr("insonate.session.replay.step", watched)
    replay_record(run.out / "record")
    assert seen
    assert all(isinstance(o, OBSERVATIONS) for o in seen)


def test_replay_sees_one_changed_decision(run, tmp_path):
    """The check is seen to fail: a record in which one power was a watt lower."""
    done = []

    def lie(event):
        payload = event.payload
        if isinstance(payload, doc.PowerSet) and payload.power_w > 0 and not done:
            done.append(event)
            return payload.model_copy(update={"power_w": payload.power_w - 1.0})
        return payload

    result = replay_record(rewritten(run.record, tmp_path / "lie", lie))
    assert not result.identical
    assert result.first_difference == done[0].cause


def test_replay_sees_one_changed_frame(run, tmp_path):
    hot = max(of(run.record, doc.TemperatureFrame), key=lambda e: e.payload.peak_degc)

    def lie(event):
        if event.sequence != hot.sequence:
            return event.payload
        return event.payload.model_copy(update={"peak_degc": event.payload.peak_degc + 5.0})

    assert not replay_record(rewritten(run.record, tmp_path / "lie", lie)).identical


def test_a_record_without_a_plan_cannot_be_replayed(run, tmp_path):
    def unplanned(event):
        return event.payload if event.sequence < 2 else None

    with pytest.raises(RecordError, match="holds no plan"):
        replay_record(rewritten(run.record, tmp_path / "bare", unplanned))


def test_settings_of_another_version_are_told_in_a_sentence(run, tmp_path):
    def foreign(event):
        if isinstance(event.payload, doc.SessionOpened):
            return event.payload.model_copy(update={"control": '{"limits": 3}'})
        return event.payload

    with pytest.raises(RecordError, match="another version"):
        replay_record(rewritten(run.record, tmp_path / "foreign", foreign))


# --- seeds and interruption --------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken_off(coarse, tmp_path_factory):
    """Seed 1 again, interrupted as Ctrl-C does it in the second sonication."""
    out = tmp_path_factory.mktemp("broken")
    with pytest.raises(KeyboardInterrupt):
        coarse.rehearse(out, progress=stop_at(2, KeyboardInterrupt))
    (out / "report.html").write_text("the report of the unfinished record")
    return out


def test_an_interrupted_rehearsal_leaves_an_unfinished_record_that_says_so(broken_off):
    record = open_record(broken_off / "record")
    assert not record.complete
    assert any("not closed" in sentence for sentence in record.missing)
    assert not summarise(record).complete
    assert "interrupted" in summarise(record).sentence
    assert replay_record(broken_off / "record").identical


def test_the_same_seed_decides_the_same_and_another_seed_otherwise(
    run, coarse, broken_off, tmp_path
):
    whole, again = decisions(run.record), decisions(open_record(broken_off / "record"))
    assert len(again) > 8
    assert again == whole[: len(again)]
    with pytest.raises(InterruptedTestError):
        coarse.rehearse(tmp_path, seed=2, progress=stop_at(2))
    other = decisions(open_record(tmp_path / "record"))
    assert other[: len(again)] != again[: len(other)]


def test_a_new_run_sets_an_unfinished_record_aside_with_its_report(
    coarse, broken_off, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(broken_off, out)
    before = (out / "record" / "events.jsonl").read_bytes()
    with pytest.raises(InterruptedTestError):
        coarse.rehearse(out, progress=stop_at(1))
    aside = out / "record" / "events.unfinished-1.jsonl"
    assert aside.read_bytes() == before
    assert not (out / "report.html").exists()
    assert "unfinished" in (out / "report.unfinished-1.html").read_text()
    assert not open_record(out / "record").complete


# --- room for a result -------------------------------------------------------------------------


def test_a_finished_record_is_refused_and_left_as_it_is(run):
    before = sorted(p.name for p in run.out.rglob("*"))
    for ask in (require_room, make_room):
        with pytest.raises(RecordError, match="never written over"):
            ask(run.out, replace=False)
    assert sorted(p.name for p in run.out.rglob("*")) == before


def test_replace_deletes_what_insonate_wrote_and_nothing_else(run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(run.out, out)
    mine = [
        out / "notes.txt",
        out / "record" / "diary.txt",
        out / "record" / "arrays" / "a.csv",
    ]
    for path in mine:
        path.write_text("mine")
    make_room(out, replace=True)
    left = {p for p in out.rglob("*") if p.is_file()}
    assert left == {*mine, out / "record" / ".lock"}


def test_replace_leaves_what_is_no_record_of_insonate(tmp_path):
    (tmp_path / "record").mkdir()
    foreign = tmp_path / "record" / "events.jsonl"
    foreign.write_text("somebody else's\n")
    with pytest.raises(RecordError, match="no record of insonate"):
        make_room(tmp_path, replace=True)
    assert foreign.read_text() == "somebody else's\n"


def test_replace_does_not_delete_a_record_that_is_being_written(tmp_path):
    with Recorder(tmp_path / "record"), pytest.raises(RecordError, match="Another program"):
        make_room(tmp_path, replace=True)
    assert (tmp_path / "record" / "events.jsonl").exists()


def test_a_damaged_record_is_refused(run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(run.out / "record", out / "record")
    events = out / "record" / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b'"seed":1', b'"seed":2'))
    with pytest.raises(RecordError, match="damaged"):
        require_room(out, replace=False)


# --- scenarios ---------------------------------------------------------------------------------


def test_the_patients_stop_takes_power_off_in_the_same_answer(coarse, tmp_path):
    record = coarse.rehearse(tmp_path, "patient-stops")
    (stop,) = [e for e in of(record, doc.PatientReport) if e.payload.stop_pressed]
    answers = [e.payload for e in record.events if e.cause == stop.sequence]
    assert any(isinstance(a, doc.PowerSet) and a.power_w == 0.0 for a in answers)
    assert any(isinstance(a, doc.StateChanged) and a.after is State.STOPPED for a in answers)
    later = record.events[stop.sequence :]
    assert not [e for e in later if isinstance(e.payload, doc.PowerSet) and e.payload.power_w]
    verbs = {e.payload.verb for e in later if isinstance(e.payload, doc.OperatorCommand)}
    assert verbs == {Verb.ACKNOWLEDGE, Verb.FINISH}  # nobody resumes but a person
    closed = record.events[-1].payload
    assert (closed.outcome, record.complete) == ("stopped", True)
    assert "stopped" in closed.sentence
    assert replay_record(tmp_path / "record").identical


def test_warm_water_holds_the_treatment_and_the_record_says_why(coarse, tmp_path, monkeypatch):
    soon = replace(SCENARIOS["water-warms"], water_degc=24.5)  # passes 25 °C after 20 s
    monkeypatch.setitem(SCENARIOS, "water-warms", soon)
    record = coarse.rehearse(tmp_path, "water-warms")
    limit = next(
        r.value
        for r in of(record, doc.PlanDescribed)[0].payload.limits
        if r.name == "water_temperature"
    )
    warm = False
    for event in of(record, doc.CoolingReading, doc.PowerSet):
        if isinstance(event.payload, doc.CoolingReading):
            warm = event.payload.water_degc > limit
        assert not (warm and isinstance(event.payload, doc.PowerSet) and event.payload.power_w)
    assert warm
    assert len(of(record, doc.SonicationEnded)) == 1
    closed = record.events[-1].payload
    assert closed.outcome == "no lesion"
    assert "The water" in closed.sentence


def test_a_shifted_array_is_found_and_steered_back(coarse, tmp_path):
    with pytest.raises(InterruptedTestError):
        coarse.rehearse(tmp_path, "focus-shifted", progress=stop_at(3))
    record = open_record(tmp_path / "record")
    total = of(record, doc.Resteered)[-1].payload.total_m
    assert [1e3 * v for v in total] == pytest.approx([-1.2, 1.0, -0.9], abs=0.3)
