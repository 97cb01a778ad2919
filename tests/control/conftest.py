"""A controller in any state, with every channel well."""

from dataclasses import replace

import pytest

from insonate.control.automatic import AutomaticOperator
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState, initial_state
from insonate.control.step import step
from insonate.events import State
from insonate.events.documents import ClockTick, Decision, PatientReport
from insonate.verification.control import Bench, prescription


class Room:
    """A bench, a controller and an automatic operator that a test can stop anywhere."""

    def __init__(self, bench: Bench | None = None, settings: ControlSettings | None = None):
        self.bench = bench or Bench(noise_k=0.05)
        self.settings = settings or ControlSettings(frame_time_s=self.bench.frame_s)
        self.state: ControllerState = initial_state(self.settings, prescription())
        self.operator = AutomaticOperator(self.settings)
        self.last: tuple[Decision, ...] = ()
        self.told: list[Decision] = []

    def see(self, observation, time_s=None):
        now = self.bench.time_s if time_s is None else time_s
        self.state, self.last = step(self.state, now, observation, self.settings)
        self.told.extend(self.last)
        for decision in self.last:
            self.bench.obey(decision)
        return self.last

    def advance(self, by_s=1.0):
        self.bench.advance(by_s)
        for observation in (PatientReport(), *self.bench.readings()):
            self.see(observation)

    def go_on(self):
        command = self.operator(self.state, self.last, self.bench.time_s)
        if command is not None:
            self.see(command)
        else:
            off_at = self.bench.off_at_s if self.bench.power_w > 0 else None
            tick = self.bench.frame_s
            self.advance(
                tick if off_at is None else min(tick, max(1e-3, off_at - self.bench.time_s))
            )

    def until(self, wanted: State, stage=None):
        for _ in range(500):
            if self.state.state is wanted and stage in {None, self.state.stage}:
                return self
            self.go_on()
        raise AssertionError(f"{wanted} was not reached: {self.state.state}")

    def kinds(self):
        return [d.kind for d in self.last]

    def of(self, kind):
        return [d for d in self.told if isinstance(d, kind)]


@pytest.fixture
def room():
    return Room()


@pytest.fixture
def make_room():
    return Room


__all__ = ["ClockTick", "Room", "replace"]
