"""A treatment that people follow: interrupted at any moment, and still the truth in the record."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from insonate.control import AutomaticOperator
from insonate.core import SettingsError
from insonate.events import Verb
from insonate.events import documents as doc
from insonate.record import open_record
from insonate.session import RehearsalSettings, replay_record
from insonate.session.case import rehearse_plan
from insonate.session.live import HEARTBEAT_S, Live
from insonate.thermometry import CLINICAL_3T

pytestmark = pytest.mark.usefixtures("one_thread")


PROTOCOL = replace(CLINICAL_3T, matrix=(128, 128))


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


class AtTheConsole:
    """Asks as the automatic operator does, through the console's own door."""

    who = "test operator"

    def __init__(self, settings, live):
        self._auto, self._live = AutomaticOperator(settings, patience_s=60.0), live

    def __call__(self, state, decisions, time_s):
        return self._live.command() or self._auto(state, decisions, time_s)

    def hear(self, report, state):
        return None


def rehearse(coarse, out, live, *, present=True):
    """Rehearse with a hand on the handle, or without one."""
    settings = RehearsalSettings(
        "cooperative", 1, PROTOCOL, operator=lambda s: AtTheConsole(s, live), live=live
    )
    over = threading.Event()

    def hold():
        while present and not over.wait(0.1):
            live.present()

    hand = threading.Thread(target=hold)
    hand.start()
    try:
        return rehearse_plan(coarse.case, settings, out)
    finally:
        over.set()
        hand.join()


def payloads(record, kind):
    return [e.payload for e in record.events if isinstance(e.payload, kind)]


class Presser:
    """Stops so many wall seconds after power went on, from another thread."""

    def __init__(self, after_s):
        self.after_s, self.live, self.pressed = after_s, None, 0

    def __call__(self, event, arrays):
        p = event.payload
        if isinstance(p, doc.PowerSet) and p.power_w > 0 and not self.pressed:
            self.pressed += 1
            threading.Timer(self.after_s, self.press).start()

    def press(self):
        self.live.ask(doc.OperatorCommand(verb=Verb.STOP, who="test", why="pressed"))


@pytest.mark.parametrize("after_s", [0.0, 0.013, 0.03])
def test_a_stop_from_another_thread_ends_power_then_and_there_in_record_and_in_truth(
    coarse, tmp_path, after_s
):
    presser = Presser(after_s)
    live = Live(100.0, told=presser)
    presser.live = live
    record = rehearse(coarse, tmp_path, live)
    stops = [e for e in record.events if getattr(e.payload, "verb", None) is Verb.STOP]
    off = next(
        e
        for e in record.events
        if e.cause == stops[0].sequence and e.payload.kind == "power_set"
    )
    assert off.payload.power_w == 0.0
    assert off.time_s == stops[0].time_s
    assert replay_record(tmp_path / "record").identical
    assert payloads(record, doc.SessionClosed)[0].outcome == "stopped"
    # the true drive delivered what the record says, to the last joule
    truth = next(e for e in record.events if e.payload.kind == "truth_curve")
    time_s, power = (record.array(truth.arrays[n]) for n in ("time", "power"))
    delivered = float(np.sum(np.diff(time_s) * power[:-1]))
    told = sum(p.energy_j for p in payloads(record, doc.SonicationEnded))
    assert delivered == pytest.approx(told, rel=1e-9, abs=1e-6)
    assert not [p for p in payloads(record, doc.GuardRefused) if p.guard == "clock"]


def test_a_missing_heartbeat_holds_the_treatment_and_afterwards_nobody_is_heard(
    coarse, tmp_path
):
    live = Live(200.0)
    record = rehearse(coarse, tmp_path, live, present=False)
    assert not payloads(record, doc.SonicationEnded), "power was on though nobody was there"
    assert "no sign of presence" in payloads(record, doc.SessionClosed)[0].sentence
    count = len(record.events)
    live.ask(doc.OperatorCommand(verb=Verb.STOP, who="test"))
    live.report(doc.PatientReport(stop_pressed=True))
    assert len(open_record(tmp_path / "record").events) == count


def test_a_heartbeat_that_ends_under_power_takes_the_power_off(coarse, tmp_path):
    live = Live(2.0)  # a sonication of ten seconds outlasts the heartbeat

    def told(event, arrays):
        p = event.payload
        if isinstance(p, doc.PowerSet) and p.power_w > 0:
            live.present = lambda: None  # the page is gone
        elif isinstance(p, doc.SonicationEnded):
            live.set_speed(20.0)

    live.told = told
    record = rehearse(coarse, tmp_path, live)
    ended = payloads(record, doc.SonicationEnded)
    assert ended[0].guard == "operator"
    assert len(ended) == 1
    assert replay_record(tmp_path / "record").identical


def test_the_clock_keeps_its_speed_slips_when_late_and_wakes_for_a_word():
    clock = Clock()
    live = Live(10.0, clock=clock)
    clock.now_s = 1.0
    assert live.now_s() == pytest.approx(10.0)
    live.set_speed(2.0)
    clock.now_s = 2.0
    assert live.now_s() == pytest.approx(12.0)
    clock.now_s = 60.0
    live.wait_until(12.0)  # woken: it returns at once
    live.wait_until(12.0)  # and so late that the clock slips
    assert live.now_s() == pytest.approx(12.0)
    assert not live.holds()
    live.present()
    clock.now_s += HEARTBEAT_S
    assert live.holds()
    clock.now_s += 0.01
    assert not live.holds()


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), 1e6])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(SettingsError, match="must lie between"):
        Live(speed)


def test_a_halt_is_never_queued_and_everything_else_is():
    heard = []

    class Treatment:
        def interrupt(self, payload, source):
            heard.append((payload.kind, source))

    live = Live()
    live.begin(Treatment(), 0.0)
    for verb in (Verb.STOP, Verb.PAUSE, Verb.ABORT, Verb.HOLD):
        live.ask(doc.OperatorCommand(verb=verb, who="test"))
    live.report(doc.PatientReport(stop_pressed=True))
    assert len(heard) == 5
    assert live.command() is None
    live.ask(doc.OperatorCommand(verb=Verb.APPROVE, who="test"))
    assert live.command().verb is Verb.APPROVE
