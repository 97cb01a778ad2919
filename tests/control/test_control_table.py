"""The table: every pair, and what no path through it may do."""

from dataclasses import replace

import pytest

from insonate.control.moves import go
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, initial_state
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
    arming = {
        (s, t) for s, row in TABLE.items() for t, after in row.items() if after is State.ARMED
    }
    stays = {(State.ARMED, Verb.APPROVE), (State.ARMED, Verb.ACKNOWLEDGE)}
    assert arming == {(State.BASELINE, Verb.APPROVE), *stays}


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


S, V, C = State, Verb, Cause
EVERYWHERE = set(State) - {S.FINISHED}
AT_REST = EVERYWHERE - {S.SONICATING}
"""States in which power is off and the treatment is not over."""
HALTING = EVERYWHERE - {S.PLANNED, S.STOPPED, S.FAULTED}
WANTED = {
    V.POSITION: dict.fromkeys(
        (S.PLANNED, S.POSITIONED, S.BASELINE, S.ARMED, S.REVIEW), S.POSITIONED
    ),
    V.BASELINE: dict.fromkeys((S.POSITIONED, S.BASELINE, S.ARMED), S.BASELINE),
    V.APPROVE: {S.BASELINE: S.ARMED, S.ARMED: S.ARMED, S.STOPPED: S.STOPPED},
    V.SONICATE: {S.ARMED: S.SONICATING},
    V.CONFIRM: {S.REVIEW: S.BASELINE, S.PAUSED: S.PAUSED},
    V.PAUSE: dict.fromkeys(HALTING, S.PAUSED),
    V.HOLD: {s: s for s in (S.SONICATING, S.COOLING, S.REVIEW)},
    V.STOP: {**dict.fromkeys(HALTING | {S.STOPPED}, S.STOPPED), S.FAULTED: S.FAULTED},
    V.ABORT: dict.fromkeys(EVERYWHERE, S.FINISHED),
    V.FINISH: dict.fromkeys(AT_REST, S.FINISHED),
    V.RESUME: {S.PAUSED: S.POSITIONED, S.STOPPED: S.POSITIONED, S.FAULTED: S.PLANNED},
    V.ACKNOWLEDGE: {s: s for s in AT_REST - {S.PLANNED, S.COOLING, S.REVIEW}},
    C.ENDED: {S.SONICATING: S.COOLING},
    C.GUARD: {S.SONICATING: S.COOLING},
    C.PATIENT: dict.fromkeys(HALTING | {S.STOPPED}, S.STOPPED),
    C.MOVED: {**dict.fromkeys(HALTING, S.PAUSED), S.POSITIONED: S.POSITIONED},
    C.FAULT: dict.fromkeys(EVERYWHERE - {S.FAULTED}, S.FAULTED),
    C.COOLED: {S.COOLING: S.REVIEW},
    C.HELD: {S.REVIEW: S.PAUSED},
}
"""The table by its columns, written from what each trigger is for, not from the table."""


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_each_trigger_leads_where_it_is_meant_to_and_nowhere_else(trigger):
    assert {s: TABLE[s][trigger] for s in State if trigger in TABLE[s]} == WANTED[trigger]
    assert [next_state(s, trigger) for s in State] == [WANTED[trigger].get(s) for s in State]


def test_what_an_operator_may_ask_for_is_in_the_order_of_the_verbs():
    assert legal_verbs(S.ARMED) == (
        V.POSITION, V.BASELINE, V.APPROVE, V.SONICATE, V.PAUSE, V.STOP, V.ABORT, V.FINISH, V.ACKNOWLEDGE)  # fmt: skip
    assert (*Verb, *Cause) == TRIGGERS


def test_the_check_of_the_table_rejects_a_controller_that_skips_the_baseline():
    def wrong(state, time_s, observation, settings):
        after, decisions = step(state, time_s, observation, settings)
        if after.state is State.POSITIONED:
            after = replace(after, state=State.BASELINE)
        return after, decisions

    assert table_mismatches() == 0
    assert table_mismatches(wrong) > 0
