"""Who operates, how fast it runs, how it is scored, and whether it ended as expected."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from insonate.cli import asking
from insonate.cli.asking import AskingOperator
from insonate.control import ControlSettings, initial_state
from insonate.control.step import step
from insonate.core import SettingsError
from insonate.events import Event, Finding, Source, State, Verb
from insonate.events import documents as doc
from insonate.plant import SCENARIOS, Expectation
from insonate.plant.incidents import Mistake
from insonate.session import RehearsalSettings
from insonate.session.expectation import verdicts
from insonate.session.operators import ErringOperator, Unattended
from insonate.session.pace import Pace
from insonate.session.scoring import grave, score, slowest_answer_s
from insonate.verification.bench import Bench, passing, prescription

COOPERATIVE = SCENARIOS["cooperative"]
WALL = datetime(2026, 1, 1, tzinfo=UTC)


def events(*told):
    """Return events from (time, payload) pairs."""
    return tuple(
        Event(sequence=n, time_s=t, wall=WALL, source=Source.SESSION, payload=p)
        for n, (t, p) in enumerate(told)
    )


def closed(outcome="lesion made", **kept):
    return doc.SessionClosed(outcome=outcome, sentence="s.", limits_kept=kept, limits_worst={})


def ended(energy_j=10e3, guard=""):
    return doc.SonicationEnded(
        sonication=1, stage="treat", power_w=1.0, duration_s=1.0, energy_j=energy_j,
        end_reason="a guard said no", guard=guard,
    )  # fmt: skip


ON = doc.PowerSet(sonication=1, power_w=100.0, off_at_s=9.0)
OFF = doc.PowerSet(sonication=1, power_w=0.0)
SEVERE = doc.PatientReport(symptom="x", severity="severe")
BLED = doc.HarmObserved(harm="haemorrhage", sonication=1, at_s=1.0, sentence="s.")


def reached(*told, scenario=COOPERATIVE):
    return [point.reached for point in score(events(*told), scenario)]


# --- scoring ---


def test_a_good_treatment_reaches_every_objective():
    good = ((0.0, ON), (2.0, SEVERE), (2.5, OFF), (3.0, ended()), (600.0, closed(power=True)))
    assert reached(*good) == [True] * 6


@pytest.mark.parametrize(("told", "missed"), [
    (((0.0, closed("aborted")),), {0, 4, 5}), (((0.0, closed(power=False)),), {1}),
    (((0.0, BLED), (0.0, closed())), {2}), (((3601.0, closed()),), {4}),
    (((0.0, ended(41e3)), (0.0, closed())), {5}), ((), {0, 1, 4, 5}),
    (((0.0, ON), (1.0, SEVERE), (6.5, OFF), (9.0, closed())), {3}),
])  # fmt: skip
def test_each_objective_is_missed_for_its_reason(told, missed):
    assert {i for i, fine in enumerate(reached(*told)) if not fine} == missed


def test_a_limit_that_fails_by_itself_is_no_fault_of_the_trainee_any_other_is():
    for broken, fine in (("water_flow", True), ("energy", False)):
        told = ((0.0, closed("no lesion", **{broken: False})),)
        assert reached(*told, scenario=SCENARIOS["pump-stops"])[1] is fine


def test_only_grave_words_under_power_wait_for_an_answer():
    mild = doc.PatientReport(symptom="warm", severity="mild")
    assert not grave(mild)
    for word in (
        SEVERE,
        doc.PatientReport(stop_pressed=True),
        doc.PatientReport(can_communicate=False),
        doc.PatientReport(finding=Finding.ATAXIA),
    ):
        assert grave(word)
    assert slowest_answer_s(events((0.0, SEVERE), (1.0, OFF))) is None
    assert slowest_answer_s(events((0.0, ON), (1.0, mild), (4.0, OFF))) is None
    twice = events((0.0, ON), (1.0, SEVERE), (2.0, SEVERE), (4.0, OFF), (5.0, OFF))
    assert slowest_answer_s(twice) == 3.0


# --- expectations ---


def test_each_expectation_is_judged_and_found_wrong_where_it_is():
    wish = Expectation(
        sentence="s.", outcome="stopped", guards=("motion", "drive"), refused=2,
        findings=(Finding.ATAXIA,), resteered_m=1e-3, bleeds=True, limits_broken=("water_flow",),
    )  # fmt: skip
    refused = doc.GuardRefused(guard="motion", why="w", clears="c")
    moved = doc.Resteered(shift_m=(1e-3, 0, 0), total_m=(1.1e-3, 0, 0))
    good = (
        (0.0, refused), (0.0, doc.CommandRefused(verb=Verb.STOP, why="w")), (0.0, ended(guard="drive")),
        (0.0, doc.PatientReport(finding=Finding.ATAXIA)), (0.0, moved), (0.0, BLED),
        (0.0, closed("stopped", power=True, water_flow=False)),
    )  # fmt: skip
    assert all(v.met for v in verdicts(events(*good), wish))
    assert not any(v.met for v in verdicts((), wish))
    for left_out in range(len(good)):
        told = good[:left_out] + good[left_out + 1 :]
        assert not all(v.met for v in verdicts(events(*told), wish))
    plain = Expectation(sentence="s.", outcome="stopped")
    assert len(verdicts((), plain)) == 3
    for wrong in ({"energy": False}, {"water_flow": False, "energy": False}, {}):
        told = (*good[:-1], (0.0, closed("stopped", **wrong)))
        assert [v.met for v in verdicts(events(*told), wish)][-1] is False


def test_an_expectation_of_a_limit_that_no_plan_has_is_refused():
    with pytest.raises(ValidationError, match="there is no limit 'flow'; choose from"):
        Expectation(sentence="s.", outcome="stopped", limits_broken=("flow",))


# --- operators ---


class Nobody:
    who = "nobody"

    def __init__(self):
        self.given = []

    def __call__(self, state, decisions, time_s):
        self.given.append(tuple(decisions))

    def hear(self, report, state):
        return "heard"


def test_each_mistake_is_made_once_and_its_refusal_does_not_discourage():
    state = initial_state(ControlSettings(), prescription())
    nobody = Nobody()
    operator = ErringOperator(
        nobody, (Mistake(state=State.PLANNED, verb=Verb.SONICATE, power_w=9.0),)
    )
    wrong = operator(state, (), 0.0)
    assert (wrong.verb, wrong.power_w) == (Verb.SONICATE, 9.0)
    refusal = doc.CommandRefused(verb=Verb.SONICATE, why="no")
    for _ in range(2):
        assert operator(state, (refusal,), 0.0) is None
    assert nobody.given == [(), (refusal,)]
    assert operator.hear(SEVERE, state) == "heard"


def test_unattended_it_is_the_automatic_operator_and_patients_are_answered_by_guards():
    operator = Unattended(ControlSettings())
    state = initial_state(ControlSettings(), prescription())
    assert operator(state, (), 0.0).verb is Verb.POSITION
    assert operator.hear(SEVERE, state) is None


def led(monkeypatch, answers):
    """Lead the bench through a treatment by a person who gives ``answers``, then Enter alone."""
    said, given = [], list(answers)

    def prompt(question, default, **_):
        said.append(question)
        return given.pop(0) if given else default

    monkeypatch.setattr(asking.typer, "prompt", prompt)
    told, bench = ControlSettings(), Bench()
    operator, state, last = AskingOperator(told), initial_state(told, prescription()), ()
    seen = [doc.PatientReport()]
    decided = []
    for _ in range(1000):
        if state.state is State.FINISHED:
            break
        for observation in seen:
            state, answer = step(state, bench.time_s, observation, told)
            last = answer or last
            decided += answer
            for decision in answer:
                bench.obey(decision)
        busy = state.state in {State.SONICATING, State.COOLING}
        command = None if busy else operator(state, last, bench.time_s)
        if state.lesion and command is not None:
            command = doc.OperatorCommand(verb=Verb.FINISH, who="test")
        seen = (command,) if command is not None else passing(bench, 3.4)
    return state, said, decided


def test_a_person_who_presses_enter_alone_makes_the_lesion(monkeypatch, capsys):
    state, said, _ = led(monkeypatch, [])
    assert state.lesion
    shown = capsys.readouterr().err
    for words in ("Proposed: align, 250 W", "state armed", "says no", "reached"):
        assert words in shown
    assert any("Power in W" in question for question in said)


def test_what_does_not_fit_is_asked_again_and_own_numbers_reach_the_controller(
    monkeypatch, capsys
):
    answers = ["heal", "position", "take baseline", "approve", 200.0, "wait"]
    _, _, decided = led(monkeypatch, answers)
    assert "'heal' does not fit" in capsys.readouterr().err
    assert next(d.power_w for d in decided if d.kind == "power_set" and d.power_w) == 200.0


def test_a_word_of_the_patient_is_shown_and_answered(monkeypatch, capsys):
    operator, state = (
        AskingOperator(ControlSettings()),
        initial_state(ControlSettings(), prescription()),
    )
    assert operator.hear(SEVERE, state) is None
    assert "off already" in capsys.readouterr().err
    assert operator(replace(state, state=State.COOLING), (), 0.0) is None
    on = replace(state, state=State.SONICATING)
    answers = iter(["go on", "stop", "because"])
    monkeypatch.setattr(asking.typer, "prompt", lambda *_, **__: next(answers))
    assert operator.hear(SEVERE, on) is None
    stopped = operator.hear(SEVERE, on)
    assert (stopped.verb, stopped.why) == (Verb.STOP, "because")
    refused = (doc.CommandRefused(verb=Verb.FINISH, why="It does not fit."),)
    monkeypatch.setattr(asking.typer, "prompt", lambda *_, default, **__: default)
    operator(state, refused, 0.0)
    assert "Refused: It does not fit." in capsys.readouterr().err


# --- pace ---


def test_a_pace_waits_for_the_wall_and_none_never_does():
    now, slept = [100.0], []

    def sleep(by_s):
        slept.append(by_s)
        now[0] += by_s

    pace = Pace(2.0, lambda: now[0], sleep)
    pace.keep(10.0)
    pace.keep(10.0)
    now[0] += 100.0
    pace.keep(20.0)
    assert slept == [5.0]
    Pace(None, sleep=sleep).keep(1e9)
    assert slept == [5.0]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_speed_is_told(speed):
    with pytest.raises(SettingsError, match="1 for real time"):
        RehearsalSettings(speed=speed)
