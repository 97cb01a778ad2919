"""How long it takes from an event to power off, and from a frame to a decision: on a real clock."""

import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic, perf_counter

import numpy as np

from insonate.control import AutomaticOperator, ControllerState, ControlSettings, initial_state
from insonate.control.step import step
from insonate.events import Finding, Observation, Source, State, Verb
from insonate.events.documents import (
    ArrayReading,
    CavitationReading,
    ClockTick,
    CoolingReading,
    OperatorCommand,
    PatientReport,
    PowerSet,
)
from insonate.events.presence import MotionReading
from insonate.plant.deadman import attend, word
from insonate.record import Recorder
from insonate.verification.bench import Bench, prescription

RENEWED_S = 0.005
"""The controller's process says so often what the power may be."""

STOPS: dict[str, Observation] = {
    "operator stop": OperatorCommand(verb=Verb.STOP, who="bench"),
    "operator pause": OperatorCommand(verb=Verb.PAUSE, who="bench"),
    "operator abort": OperatorCommand(verb=Verb.ABORT, who="bench"),
    "patient stop": PatientReport(stop_pressed=True),
    "finding": PatientReport(finding=Finding.DYSARTHRIA),
    "cavitation": CavitationReading(subharmonic_db=0, ultraharmonic_db=0, broadband_db=20),
    "pump": CoolingReading(water_degc=16, flow_l_per_min=0, dissolved_oxygen_ppm=1),
    "elements": ArrayReading(power_w=250.0, faulty_elements=60, reflected_share=0.1),
    "motion": MotionReading(displacement_m=2e-3),
    "silence": ClockTick(),
    "clock backwards": ClockTick(),
}  # fmt: skip
_WHEN = {"silence": 20.0, "clock backwards": -1.0}


def sonicating(bench: Bench, settings: ControlSettings) -> ControllerState:
    """Return the bench's first sonication, half a second after power went on."""
    state, operator = initial_state(settings, prescription()), AutomaticOperator(settings)
    for observation in (PatientReport(), *bench.readings()):
        state, _ = step(state, 0.0, observation, settings)
    while state.state is not State.SONICATING:
        command = operator(state, (), 0.0)
        for observation in bench.readings() if command is None else (command,):
            state, decisions = step(state, 0.0, observation, settings)
            for decision in decisions:
                bench.obey(decision)
    bench.advance(0.5)
    return state


def frame_latencies(count: int) -> np.ndarray:
    """Return the times that frames take to be answered under power, s."""
    settings, bench = ControlSettings(maximum_duration_s=30.0), Bench()
    state = sonicating(bench, settings)
    times = []
    for _ in range(count):
        frame = bench.show()
        began = perf_counter()
        step(state, bench.time_s, frame, settings)
        times.append(perf_counter() - began)
    return np.array(times)


def stop_latencies(count: int) -> np.ndarray:
    """Return the times from an event to the drive off, as a treatment does it, s.

    Every kind of ``STOPS`` in turn; the answer is recorded, forced to the disk, after the power is
    off. What does not take the power off counts as infinite.
    """
    settings, bench = ControlSettings(), Bench()
    on = sonicating(bench, settings)
    kinds, times = list(STOPS), []
    with tempfile.TemporaryDirectory() as folder, Recorder(Path(folder)) as recorder:
        for number in range(count):
            kind = kinds[number % len(kinds)]
            now = bench.time_s + _WHEN.get(kind, 0.0)
            began, off = perf_counter(), math.inf
            _, decisions = step(replace(on, time_s=bench.time_s), now, STOPS[kind], settings)
            for decision in decisions:
                if isinstance(decision, PowerSet) and decision.power_w == 0.0:
                    off = min(off, perf_counter())
            times.append(off - began)
            seen = recorder.append(STOPS[kind], time_s=max(now, 0.0), source=Source.SESSION)
            for decision in decisions:
                recorder.append(
                    decision,
                    time_s=max(now, 0.0),
                    source=Source.CONTROLLER,
                    cause=seen.sequence,
                )
    return np.array(times)


# --- a process that is lost --------------------------------------------------------------------


def _say_on(mouth: int) -> None:
    """Be a controller's process: let the power be on until killed."""
    while True:
        os.write(mouth, word(250.0, monotonic() + 30.0))
        time.sleep(RENEWED_S)


def lost_process_latencies(
    count: int, rng: np.random.Generator, how: int, say: Callable[[int], None] = _say_on
) -> np.ndarray:
    """Return the times from the loss of the controller's process to the drive off, s.

    Parameters
    ----------
    count
        So many processes are lost, each in a moment of its own.
    rng
        Draws the moments.
    how
        ``signal.SIGKILL`` (it dies) or ``signal.SIGSTOP`` (it hangs).
    say
        What the process does. POSIX only.
    """
    return np.array([_lost(float(rng.uniform(0.02, 0.05)), how, say) for _ in range(count)])


def _lost(after_s: float, how: int, say: Callable[[int], None]) -> float:
    ear, mouth = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(ear)
        try:
            say(mouth)
        finally:
            os._exit(0)
    os.close(mouth)
    # A second process loses the first one, so that the drive itself only attends.
    lost_at, tell = os.pipe()
    killer = os.fork()
    if killer == 0:
        time.sleep(after_s)
        moment = monotonic()
        os.kill(process, how)
        os.write(tell, repr(moment).encode())
        os._exit(0)
    os.close(tell)
    attend(ear, monotonic)
    off = monotonic()
    os.waitpid(killer, 0)
    moment = float(os.read(lost_at, 64))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(ear)
    os.close(lost_at)
    return off - moment


def p99_ms(times: np.ndarray) -> float:
    """Return the 99th percentile of times (s), in ms."""
    return float(np.quantile(times, 0.99)) * 1e3


POSIX = sys.platform != "win32"
"""Whether processes can be forked and stopped."""
