"""The table: every pair, and what no path through it may do."""

from dataclasses import replace

import pytest

from insonate.control.moves import go
from insonate.control.state import ControllerState, ControlSettings, initial_state
from insonate.control.step import step
from insonate.control.table import TABLE, TRIGGERS, Cause, legal_verbs, next_state
from insonate.core import RefusedError
from insonate.events import State, Verb
from insonate.events.documents import CommandRefused, OperatorCommand, StateChanged
from insonate.verification.control import prescription, reachable_without, table_mismatches

SETTINGS = ControlSettings()
PAIRS = [(state, trigger) for state in State for trigger in TRIGGERS]


def bare(state: State) -> ControllerState:
    return replace(initial_state(SETTINGS, prescription()), state=state)


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_every_pair_goes_where_the_table_says_or_is_refused(state, trigger):
    after = TABLE[state].get(trigger)
    if after is None:
        with pytest.raises(RefusedError, match=str(state)):
            go(bare(state), trigger, SETTINGS)
        return
    moved, decisions = go(bare(state), trigger, SETTINGS)
    assert moved.state is after
    changes = [d for d in decisions if isinstance(d, StateChanged)]
    assert [(c.before, c.after, c.trigger) for c in changes] == [(state, after, str(trigger))]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("verb", list(Verb))
def test_an_illegal_command_is_refused_with_a_sentence_and_nothing_changes(state, verb):
    before = bare(state)
    command = OperatorCommand(verb=verb, who="test", why="test")
    after, decisions = step(before, 0.0, command, SETTINGS)
    if next_state(state, verb) is None:
        (refused,) = decisions
        assert isinstance(refused, CommandRefused)
        assert str(state) in refused.why
        assert after == before
    else:
        assert after.state in {state, next_state(state, verb)}


def test_power_is_reached_from_armed_alone_and_armed_by_approval_alone():
    into = {
        (s, t)
        for s, row in TABLE.items()
        for t, after in row.items()
        if after is State.SONICATING
    }
    assert into == {(State.ARMED, Verb.SONICATE), (State.SONICATING, Verb.HOLD)}
    arming = {t for row in TABLE.values() for t, after in row.items() if after is State.ARMED}
    assert arming == {Verb.APPROVE}


@pytest.mark.parametrize("verb", [Verb.POSITION, Verb.BASELINE, Verb.APPROVE, Verb.SONICATE])
def test_no_path_to_power_avoids_any_step_of_the_procedure(verb):
    assert State.SONICATING in reachable_without(set())
    assert State.SONICATING not in reachable_without({(state, verb) for state in State})


def test_after_power_nothing_is_armed_without_cooling_and_review_or_new_references():
    after = {TABLE[State.SONICATING][t] for t in TABLE[State.SONICATING]} - {State.SONICATING}
    assert after == {State.COOLING, State.PAUSED, State.STOPPED, State.FAULTED, State.FINISHED}
    assert (
        TABLE[State.PAUSED][Verb.RESUME]
        is TABLE[State.STOPPED][Verb.RESUME]
        is State.POSITIONED
    )
    assert set(TABLE[State.FAULTED].values()) == {State.PLANNED, State.FAULTED, State.FINISHED}


def test_finished_absorbs_and_power_can_always_be_stopped():
    assert TABLE[State.FINISHED] == {}
    assert legal_verbs(State.FINISHED) == ()
    row = TABLE[State.SONICATING]
    for trigger in (Verb.PAUSE, Verb.STOP, Verb.ABORT, *Cause):
        if trigger not in {Cause.COOLED, Cause.HELD}:
            assert row[trigger] is not State.SONICATING


def test_the_check_of_the_table_rejects_a_controller_that_skips_the_baseline():
    def wrong(state, time_s, observation, settings):
        after, decisions = step(state, time_s, observation, settings)
        if after.state is State.POSITIONED:
            after = replace(after, state=State.BASELINE)
        return after, decisions

    assert table_mismatches() == 0
    assert table_mismatches(wrong) > 0
