"""Scenarios in a whole rehearsal: what happens reaches the controller, truth stays outside."""

from dataclasses import replace

import pytest

from insonate.core import RecordError, SettingsError
from insonate.events import Source, State
from insonate.events import documents as doc
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.plan import Stage
from insonate.plant import SCENARIOS
from insonate.plant.scenario import scenario_named
from insonate.record import Recorder, open_record
from insonate.record.places import record_beside
from insonate.report.build import render_page
from insonate.session import (
    CaseSource,
    PlanSettings,
    RehearsalSettings,
    rehearse_case,
    replay_record,
)
from insonate.session import rehearse as module
from insonate.session.expectation import verdicts
from insonate.session.practice import goals_of, practised
from insonate.testing.records import treatment_record
from insonate.verification.record import sample_record

pytestmark = pytest.mark.usefixtures("one_thread")


class Nobody:
    """An operator that is never asked."""


class EnoughError(Exception):
    pass


def until(sonication):
    """A progress callback that ends a rehearsal when a sonication of that number is on its way."""

    def progress(stage, done, detail=""):
        if f"sonication {sonication}," in detail:
            raise EnoughError

    return progress


def of(record, *kinds):
    return [e for e in record.events if isinstance(e.payload, kinds)]


def test_the_designed_controller_ends_the_bleed_before_the_vessel_tears(coarse, tmp_path):
    record = coarse.rehearse(tmp_path, "bleed")
    assert all(v.met for v in verdicts(record.events, SCENARIOS["bleed"].expect))
    assert not of(record, doc.HarmObserved)
    loud = [e for e in of(record, doc.SonicationEnded) if e.payload.guard == "cavitation"]
    assert loud
    assert loud[0].payload.duration_s < 1.0
    assert replay_record(tmp_path / "record").identical


def test_the_practice_of_2012_has_no_ear_and_a_higher_cap(coarse):
    ours, theirs = SCENARIOS["bleed"], SCENARIOS["bleed-2012"]
    assert practised(coarse.case, ours) is coarse.case
    limits = practised(coarse.case, theirs).treatment.limits
    assert limits.focal_temperature.value == 65.0
    assert limits.cavitation_stop.value > 100.0
    assert limits.skull_temperature == coarse.case.treatment.limits.skull_temperature
    assert goals_of(theirs)[Stage.TREAT] == (56.0, 64.0)
    assert goals_of(ours)[Stage.TREAT] == (54.0, 60.0)


@pytest.mark.parametrize(
    ("scenario", "second"), [("bleed", "bleed-2012"), ("bleed-2012", None)]
)
def test_what_a_scenario_names_beside_it_is_rehearsed_on_the_same_head_and_compared(
    tmp_path, monkeypatch, scenario, second
):
    asked, drawn = [], []

    class Kept:
        folder, complete, missing = tmp_path, True, ()
        events = treatment_record().events

        def __init__(self, name):
            self.name = name

    def rehearse_plan(case, settings, out, **_):
        asked.append((case, settings, out))
        return Kept(settings.scenario)

    def render_report(record, path, other):
        drawn.append((record.name, other and other.name))
        return path

    for name, stand_in in (
        ("prepare", lambda *_: "a head"),
        ("rehearse_plan", rehearse_plan),
        ("render_report", render_report),
        ("summarise", lambda record: record.name),
    ):
        monkeypatch.setattr(f"insonate.session.case.{name}", stand_in)
    source, wish = CaseSource("phantom", None), PlanSettings()
    how = RehearsalSettings(scenario, 7, operator=Nobody, speed=1e9)
    done = rehearse_case(source, wish, how, tmp_path / "out")
    assert (done.summary, drawn) == (scenario, [(scenario, second)])
    assert asked[0] == ("a head", how, tmp_path / "out")
    again = [("a head", RehearsalSettings("bleed-2012", 7), tmp_path / "out" / "beside")]
    assert asked[1:] == (again if second else [])


def test_a_record_beside_another_is_found_and_its_room_is_asked_for(tmp_path, monkeypatch):
    assert record_beside(tmp_path / "record") is None
    sample_record(tmp_path / "beside" / "record")
    assert record_beside(tmp_path / "record") == tmp_path / "beside" / "record"
    with pytest.raises(RecordError, match="holds a finished record"):
        rehearse_case(
            CaseSource("phantom", None), PlanSettings(), RehearsalSettings(), tmp_path
        )


def test_a_scenario_beside_one_must_be_there(tmp_path):
    text = 'name = "mine"\ndescription = "d"\nbeside = "sunny"\n'
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SettingsError, match="no scenario 'sunny'"):
        scenario_named(str(tmp_path / "mine.toml"))
    (tmp_path / "mine.toml").write_text(text.replace("sunny", "bleed"))
    assert scenario_named(str(tmp_path / "mine.toml")).beside == "bleed"


def test_every_scenario_that_is_shipped_names_one_that_is_there_and_none_beside_that():
    named = [s.beside for s in SCENARIOS.values() if s.beside]
    assert named == ["bleed-2012"]
    assert not SCENARIOS["bleed-2012"].beside


def test_a_bleed_is_said_in_the_report_and_known_only_in_simulation():
    whole = treatment_record()
    harm = doc.HarmObserved(
        harm="haemorrhage", sonication=4, at_s=300.0, sentence="A vessel bled."
    )
    last = whole.events[-1]
    told = last.model_copy(update={"payload": harm, "source": Source.TRUTH})
    closed = last.model_copy(update={"sequence": last.sequence + 1})
    page = render_page(replace(whole, events=(*whole.events[:-1], told, closed)))
    assert "A vessel bled." in page
    assert "A vessel bled." not in render_page(whole)


def test_a_head_that_slips_is_seen_by_the_navigator_and_everything_begins_anew(
    coarse, tmp_path
):
    with pytest.raises(EnoughError):
        coarse.rehearse(tmp_path, "patient-moves", progress=until(3))
    record = open_record(tmp_path / "record")
    far = [e.payload.displacement_m for e in of(record, MotionReading)]
    assert max(far) == pytest.approx(2.0e-3, abs=0.3e-3)
    assert far[-1] < 0.3e-3  # new references were taken
    changes = [e.payload for e in of(record, doc.StateChanged)]
    assert any(c.trigger == "head moved" and c.after is State.PAUSED for c in changes)
    assert of(record, doc.SonicationProposed)[-1].payload.stage == "align"


def test_wrong_commands_are_refused_and_a_free_handle_ends_the_sonication(coarse, tmp_path):
    with pytest.raises(EnoughError):
        coarse.rehearse(tmp_path, "operator-errs", progress=until(3))
    record = open_record(tmp_path / "record")
    assert len(of(record, doc.CommandRefused)) >= 3
    ended = {e.payload.sonication: e.payload.guard for e in of(record, doc.SonicationEnded)}
    assert ended[2] == "operator"
    start = next(e.time_s for e in of(record, doc.PowerSet) if e.payload.sonication == 2)
    end = next(e.time_s for e in of(record, doc.SonicationEnded) if e.payload.sonication == 2)
    held = [e.time_s for e in of(record, OperatorPresent) if start < e.time_s < end]
    assert max(held) <= start + 3.0


def test_the_hand_tingles_where_its_relay_is_hot_and_power_is_off_in_the_same_answer(
    coarse, tmp_path
):
    record = coarse.rehearse(tmp_path, "paraesthesia")
    said = [e for e in of(record, doc.PatientReport) if e.payload.finding == "paraesthesia"]
    assert said[0].payload.where == "hand"
    answer = [e.payload for e in record.events if e.cause == said[0].sequence]
    assert any(isinstance(a, doc.PowerSet) and a.power_w == 0.0 for a in answer)
    assert record.events[-1].payload.outcome == "stopped"


def test_a_record_that_cannot_be_written_takes_the_power_off(coarse, tmp_path, monkeypatch):
    worlds, real = [], Recorder.append

    class Watched(module.Treatment):
        def __init__(self, world, *rest):
            worlds.append(world)
            super().__init__(world, *rest)

    def full(self, payload, **how):
        if worlds and worlds[0].power_w > 0.0 and worlds[0].time_s > 5.0:
            raise RecordError("The disk is full.")
        return real(self, payload, **how)

    monkeypatch.setattr("insonate.session.case.Treatment", Watched)
    monkeypatch.setattr(Recorder, "append", full)
    with pytest.raises(RecordError, match="disk is full"):
        coarse.rehearse(tmp_path)
    assert worlds[0].power_w == 0.0


def test_a_guard_left_out_stands_in_the_record_and_replays(coarse, tmp_path):
    path = tmp_path / "deaf.toml"
    path.write_text(
        'name = "deaf"\ndescription = "Nobody listens."\nguards_off = ["cavitation"]\n', "utf-8"
    )
    with pytest.raises(EnoughError):
        coarse.rehearse(tmp_path, str(path), progress=until(1))
    record = open_record(tmp_path / "record")
    opened = of(record, doc.SessionOpened)[0].payload
    assert opened.settings["guards left out"] == "cavitation"
    assert '"guards_off":["cavitation"]' in opened.control
    path.write_text('name = "deaf"\ndescription = "x"\nguards_off = ["hearing"]\n', "utf-8")
    with pytest.raises(SettingsError, match="no guard 'hearing'; choose among drive"):
        coarse.rehearse(tmp_path / "none", str(path))
