"""Whole treatments: random ones never do what must never be, and a wrong controller is found."""

import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import TypeAdapter

from insonate.control.automatic import AutomaticOperator
from insonate.control.guards import refusals
from insonate.control.state import ControllerState
from insonate.control.step import step
from insonate.events import State, Verb
from insonate.events.documents import OperatorCommand, PatientReport, PowerSet, StateChanged
from insonate.plan import Stage
from insonate.verification import control
from insonate.verification.control import (
    Bench,
    Witness,
    _trouble,
    checks,
    course,
    passing,
    random_treatment,
    treat,
    violations,
)

SCENES = course()


class RandomTreatment(RuleBasedStateMachine):
    """Any moment of a treatment, then anything: the witness must have nothing to say."""

    @initialize(at=st.integers(0, len(SCENES) - 1), seed=st.integers(0, 2**32 - 1))
    def begin(self, at, seed):
        self.scene = SCENES[at].copy()
        self.scene.bench.rng = self.rng = np.random.default_rng(seed)
        self.operator = AutomaticOperator(self.scene.witness.settings)

    @rule(tick=st.sampled_from([0.3, 1.0, 3.4, 20.0]))
    def the_usual(self, tick):
        scene = self.scene
        command = self.operator(scene.state, scene.last, scene.bench.time_s)
        seen = (command,) if command is not None else passing(scene.bench, tick)
        for observation in (PatientReport(), *seen):
            scene.show(observation, step)

    @rule()
    def trouble(self):
        self.scene.show(_trouble(self.rng, self.scene.bench), step)

    @rule(verb=st.sampled_from(list(Verb)), power=st.none() | st.floats(-10.0, 3000.0))
    def a_command(self, verb, power):
        command = OperatorCommand(verb=verb, who="hypothesis", why="random", power_w=power)
        self.scene.show(command, step)

    @rule(back=st.floats(0.1, 100.0))
    def a_lost_clock(self, back):
        self.scene.show(PatientReport(), step, self.scene.bench.time_s - back)

    @rule(factor=st.floats(0.2, 5.0))
    def another_efficiency(self, factor):
        self.scene.bench.k_per_w = 0.0125 * factor

    @invariant()
    def nothing_forbidden_happened(self):
        if hasattr(self, "scene"):
            scene = self.scene
            assert scene.witness.faults == []
            powered = scene.witness.power_w > 0.0
            assert scene.state.state is State.SONICATING or not powered
            if powered:
                assert refusals(scene.state, scene.witness.settings) == ()

    def teardown(self):
        if hasattr(self, "scene"):
            self.scene.show(OperatorCommand(verb=Verb.STOP, who="end"), step)
            assert self.scene.witness.power_w == 0.0
            assert self.scene.witness.faults == []


RandomTreatment.TestCase.settings = examples(
    max_examples=60, stateful_step_count=30, deadline=None
)
TestRandomTreatment = RandomTreatment.TestCase


def test_random_treatments_from_every_stage_do_nothing_forbidden():
    assert {scene.state.stage for scene in SCENES} == {"align", "verify", "treat"}
    assert violations(150) == []


# --- wrong controllers that the witness must find ---


def deaf_to_the_patient(state, time_s, observation, settings):
    if isinstance(observation, PatientReport):
        observation = PatientReport()
    return step(state, time_s, observation, settings)


def keeps_power_on(state, time_s, observation, settings):
    after, decisions = step(state, time_s, observation, settings)
    return after, tuple(
        d for d in decisions if not (isinstance(d, PowerSet) and d.power_w == 0)
    )


def skips_alignment(state, time_s, observation, settings):
    if state.state is State.BASELINE:
        state = replace(state, confirmed=True, verified=True, stage=Stage.TREAT)
        if state.proposed is not None:
            proposed = state.proposed.model_copy(update={"stage": "treat"})
            state = replace(state, proposed=proposed)
    return step(state, time_s, observation, settings)


def overdrives(state, time_s, observation, settings):
    after, decisions = step(state, time_s, observation, settings)
    return after, tuple(
        d.model_copy(update={"power_w": d.power_w * 10.0}) if isinstance(d, PowerSet) else d
        for d in decisions
    )


def never_looks_at_heat(state, time_s, observation, settings):
    if hasattr(observation, "peak_degc"):
        observation = observation.model_copy(update={"peak_degc": 40.0})
    return step(state, time_s, observation, settings)


@pytest.mark.parametrize(("wrong", "word"), [
    (deaf_to_the_patient, "patient_report"), (keeps_power_on, "outside of sonicating"),
    (skips_alignment, "before its stages"), (overdrives, "above its cap"),
    (never_looks_at_heat, "temperature_frame"),
])  # fmt: skip
def test_the_witness_finds_a_wrong_controller(wrong, word):
    scenes = course()
    rng = np.random.default_rng(1)
    found = []
    for _ in range(120):
        scene = scenes[int(rng.integers(len(scenes)))].copy()
        scene.bench.k_per_w *= 2.0
        found += random_treatment(rng, scene, 16, wrong)
    assert any(word in fault for fault in found), set(found)


def test_the_witness_finds_power_without_an_end():
    witness = Witness(SCENES[0].witness.settings)
    change = StateChanged(before=State.ARMED, after=State.SONICATING, trigger="sonicate")
    witness.judge(0.0, PatientReport(), (change, PowerSet(sonication=1, power_w=10.0)))
    assert witness.faults == ["power on without an end"]


# --- whole treatments ---


@pytest.mark.parametrize("frame_s", [3.4, 6.0])
@pytest.mark.parametrize("tick_s", [0.0, 0.85])
def test_a_lesion_is_made_with_slow_and_fast_frames_and_any_tick(frame_s, tick_s):
    if tick_s:
        done = treat(Slow(frame_s=frame_s), tick_s=tick_s)
    else:
        done = treat(Bench(frame_s=frame_s))
    assert done.state.lesion
    assert done.state.worst.focal_temperature < 60.0


class Slow(Bench):
    """A bench whose frames come less often than its ticks."""

    shown_s = -100.0

    def readings(self):
        found = super().readings()
        if self.time_s - self.shown_s < self.frame_s - 1e-6 and self.power_w > 0.0:
            return found[:-1]
        self.shown_s = self.time_s
        return found


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2.0])
def test_a_plan_wrong_by_a_factor_is_corrected(factor):
    done = treat(Bench(k_per_w=0.0125 * factor, skull_k_per_kj=0.25))
    assert done.state.lesion
    assert done.state.worst.focal_temperature < 60.0


@pytest.mark.parametrize("seed", range(12))
def test_noise_of_a_degree_is_lived_with(seed):
    done = treat(Bench(noise_k=1.0, rng=np.random.default_rng(seed)))
    assert done.state.lesion
    assert done.state.worst.focal_temperature < 62.0


def test_decisions_and_states_are_repeated_exactly():
    one, two = treat(Bench()), treat(Bench())
    assert one.decisions == two.decisions
    assert one.state == two.state


@pytest.mark.parametrize("seed", range(4))
def test_another_machines_last_bits_change_no_decision(seed, monkeypatch):
    here = [treat(Bench(k_per_w=0.0125 * f, fall=0.9)).decisions for f in (0.6, 1.0, 1.6)]
    rng = np.random.default_rng(seed)

    def elsewhere(function):
        def found(*args):
            value = function(*args)
            return float(np.nextafter(value, rng.choice([-np.inf, value, np.inf])))

        return found

    theirs = SimpleNamespace(**vars(math))
    for name in ("exp", "expm1", "log", "log1p", "pow"):
        setattr(theirs, name, elsewhere(getattr(math, name)))
    for module in ("regulator", "settings", "state", "look", "review", "pid"):
        if hasattr(sys.modules[f"insonate.control.{module}"], "math"):
            monkeypatch.setattr(f"insonate.control.{module}.math", theirs)
    there = [treat(Bench(k_per_w=0.0125 * f, fall=0.9)).decisions for f in (0.6, 1.0, 1.6)]
    assert there == here


def test_every_state_survives_json_exactly_and_goes_on_alike():
    adapter = TypeAdapter(ControllerState)
    for scene in SCENES:
        again = adapter.validate_json(adapter.dump_json(scene.state))
        assert again == scene.state
        seen = (again, scene.bench.time_s, PatientReport(), scene.witness.settings)
        assert step(*seen) == step(scene.state, *seen[1:])


def test_all_checks_of_the_area_pass(monkeypatch):
    monkeypatch.setattr(control, "violations", lambda count: [])  # tested above, with fewer
    assert all(check.passed for check in checks())
