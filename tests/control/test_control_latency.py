"""Power goes off in time, whoever is lost; a drive that is told nothing stays off."""

import math
import os
import signal
import time

import numpy as np
import pytest

from insonate.plant.deadman import SILENCE_S, Drive, attend, word
from insonate.verification import latency

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_every_kind_of_event_takes_power_off():
    assert np.isfinite(latency.stop_latencies(len(latency.STOPS))).all()


def test_an_event_that_leaves_power_on_counts_as_never(monkeypatch):
    monkeypatch.setitem(
        latency.STOPS, "pump", latency.STOPS["pump"].model_copy(update={"flow_l_per_min": 3.0})
    )
    assert math.isinf(latency.stop_latencies(len(latency.STOPS)).max())


def test_a_process_that_dies_or_hangs_takes_power_off():
    rng = np.random.default_rng(1)
    for how in (signal.SIGKILL, signal.SIGSTOP):
        times = latency.lost_process_latencies(3, rng, how)
        assert (times > 0.0).all()
        assert times.max() < 2.0  # the machine may be busy; the benchmark has the limit


def test_a_drive_obeys_and_goes_off_by_itself():
    on = Drive().hear(word(250.0, 10.0).decode(), 0.0)
    assert (on.power_w, on.why_off) == (250.0, "")
    assert on.look(SILENCE_S).power_w == 250.0
    assert on.look(SILENCE_S + 0.01).why_off == "silence"
    assert on.hear(word(250.0, 10.0).decode(), 9.99).look(10.0).why_off == "end"
    assert on.hear(word(0.0, 10.0).decode(), 0.01).why_off == "told"
    assert on.hear(word(250.0, 1.0).decode(), 2.0).power_w == 0.0


@pytest.mark.parametrize(
    "line",
    ["", "[]", "{}", '{"power_w": "much", "off_at_s": 1}', '{"power_w": NaN, "off_at_s": 9}'],
)
def test_what_a_drive_does_not_understand_takes_power_off(line):
    on = Drive(100.0, 10.0, 0.0, "")
    assert on.hear(line, 0.01).power_w == 0.0
    assert Drive().off("again") == Drive()


def test_a_pipe_in_pieces_is_followed_and_its_end_is_off():
    ear, mouth = os.pipe()
    text = word(100.0, time.monotonic() + 10.0)
    os.write(mouth, text[:7])
    os.write(mouth, text[7:] + word(0.0, 0.0))
    assert attend(ear, time.monotonic).why_off == "told"
    os.close(mouth)
    assert attend(ear, time.monotonic).power_w == 0.0
    os.close(ear)
