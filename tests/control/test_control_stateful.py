"""Treatments that hypothesis draws; ``python -m benchmarks.control stateful`` draws 10,000."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from insonate.control.step import step
from insonate.events import State
from insonate.testing.treatment import TreatmentMachine

QUICK = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def deaf_to_the_patient(state, time_s, seen, told):
    if state.state is State.SONICATING and seen.kind == "patient_report":
        return replace(state, time_s=max(state.time_s, time_s)), ()
    return step(state, time_s, seen, told)


class DeafMachine(TreatmentMachine):
    controller = staticmethod(deaf_to_the_patient)


def test_nothing_that_is_drawn_crosses_what_must_not_be_crossed():
    run_state_machine_as_test(TreatmentMachine, settings=QUICK)


def test_a_controller_that_does_not_hear_the_patient_is_found():
    # the same draws each time: whether a given fault is met must not depend on luck
    found = settings(QUICK, max_examples=200, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError, match="patient_report forbids it"):
        run_state_machine_as_test(DeafMachine, settings=found)
