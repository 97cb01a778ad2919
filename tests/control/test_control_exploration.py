"""The search for unsafe states: it reaches everything, and finds mistakes that are planted."""

from dataclasses import replace

import pytest

from insonate.control.step import step
from insonate.events import State, Verb
from insonate.events.documents import GuardRefused, OperatorCommand
from insonate.verification.exploration import explore


def keeps_what_was_confirmed_over_a_stop(state, time_s, seen, settings):
    """As the controller did before a stop threw back."""
    after, decisions = step(state, time_s, seen, settings)
    if state.state is State.STOPPED and after.state is State.POSITIONED:
        kept = {n: getattr(state, n) for n in ("confirmed", "verified", "stage", "resteer_m")}
        return replace(after, **kept), tuple(d for d in decisions if d.kind != "resteered")
    return after, decisions


def goes_on_although_a_guard_refused(state, time_s, seen, settings):
    after, decisions = step(state, time_s, seen, settings)
    if state.state is State.SONICATING and any(isinstance(d, GuardRefused) for d in decisions):
        return replace(state, time_s=after.time_s, seen=after.seen), ()
    return after, decisions


def takes_every_review_as_done(state, time_s, seen, settings):
    if isinstance(seen, OperatorCommand) and seen.verb is Verb.CONFIRM and state.review:
        state = replace(state, review=state.review.model_copy(update={"stage_done": True}))
    return step(state, time_s, seen, settings)


def comes_back_from_the_end(state, time_s, seen, settings):
    after, decisions = step(state, time_s, seen, settings)
    return (replace(after, state=State.BASELINE) if state.state is State.FINISHED else after), (
        decisions
    )


def forgets_to_switch_off(state, time_s, seen, settings):
    after, decisions = step(state, time_s, seen, settings)
    if after.state is State.PAUSED:
        decisions = tuple(d for d in decisions if d.kind != "power_set")
    return after, decisions


def resumes_unheard(state, time_s, seen, settings):
    if isinstance(seen, OperatorCommand) and seen.verb is Verb.RESUME:
        state = replace(state, alarms=())
    return step(state, time_s, seen, settings)


def starts_unheard(state, time_s, seen, settings):
    if isinstance(seen, OperatorCommand) and seen.verb is Verb.SONICATE:
        state = replace(state, alarms=())
    return step(state, time_s, seen, settings)


@pytest.mark.parametrize(("wrong", "most", "word"), [
    (goes_on_although_a_guard_refused, 120, "although a guard says no"),
    (takes_every_review_as_done, 1000, "before its stages were done"),
    (comes_back_from_the_end, 5, "finished was left"),
    (forgets_to_switch_off, 120, "power on in paused"),
    (resumes_unheard, 300, "resumed although an alarm was not acknowledged"),
    (starts_unheard, 1500, "power although an alarm was not acknowledged"),
    (keeps_what_was_confirmed_over_a_stop, 1700, "before its stages were done"),
])  # fmt: skip
def test_a_planted_mistake_is_found_with_the_way_to_it(wrong, most, word):
    found = explore(wrong, most=most)
    assert any(word in fault for fault in found.unsafe)
    assert all(" > " in fault or fault for fault in found.unsafe)


def test_every_state_is_met_and_none_is_unsafe_on_the_way():
    found = explore(most=150)
    assert found.unsafe == ()
    assert found.moves == 150 * 28
    assert State.SONICATING in found.reached
    assert not found.treated  # so short a search does not say that it proved anything
