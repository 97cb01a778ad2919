"""A session that broke off goes on from its last event: its heat follows from the record."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.heat import ThermalOptions, advance, build_thermal_model
from insonate.heat.advance import Span, carry_on
from insonate.record import open_record
from insonate.session.interrupted import spans_of, state_at_last_event
from insonate.verification.bioheat import GaussianSource
from insonate.verification.thermal_subjects import brain_block, gaussian_heat, uniform_state

KILLED = """
import os, sys
from pathlib import Path
from insonate.events import Source
from insonate.events.documents import ClockTick, CoolingReading, PowerSet
from insonate.record import Recorder
recorder = Recorder(Path(sys.argv[1]))
def told(time, payload):
    recorder.append(payload, time_s=time, source=Source.SESSION)
def water(degc):
    return CoolingReading(water_degc=degc, flow_l_per_min=4.0, dissolved_oxygen_ppm=1.0)
told(0.0, water(15.0))
told(5.0, PowerSet(sonication=1, power_w=300.0, off_at_s=17.0))
told(8.0, water(15.2))
told(15.0, PowerSet(sonication=1, power_w=0.0))
told(60.0, water(18.0))
told(75.0, PowerSet(sonication=2, power_w=200.0, off_at_s=85.0))
told(100.0, ClockTick())
told(130.0, PowerSet(sonication=3, power_w=250.0, off_at_s=142.0))
told(134.0, ClockTick())
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def broken(tmp_path: Path):
    """The events of a process that was killed in its third sonication."""
    folder = tmp_path / "record"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)], check=False, env=dict(os.environ)
    )
    assert done.returncode == -9
    return open_record(folder).events


def test_what_was_done_is_read_from_the_events(broken) -> None:
    assert spans_of(broken) == (
        Span(0.0, 5.0, 15.0),
        Span(300.0, 10.0, 15.0),
        Span(0.0, 45.0, 15.0),
        Span(0.0, 15.0, 18.0),
        Span(200.0, 10.0, 18.0),
        Span(0.0, 45.0, 18.0),
        Span(250.0, 4.0, 18.0),
    )


def test_the_heat_goes_on_as_if_nothing_had_happened(broken) -> None:
    options = ThermalOptions(fine_half_width_m=6e-3)
    model = build_thermal_model(brain_block(24), np.zeros(3), options=options)
    source = gaussian_heat(model, GaussianSource(3.0e4, 2e-3), np.zeros(3))
    rest = uniform_state(model, 37.0)
    whole = carry_on(model, rest, source, [*spans_of(broken)[:-1], Span(250.0, 12.0, 18.0)])
    state = state_at_last_event(model, rest, source, broken)
    assert state.time_s == pytest.approx(134.0)
    assert state.power_w == 250.0
    state = advance(model, state, source, power_w=250.0, duration_s=8.0, water_degc=18.0)
    assert np.abs(state.fine_degc - whole.fine_degc).max() < 0.02
    assert state.fine_dose.max() == pytest.approx(whole.fine_dose.max(), rel=0.01)
    assert whole.fine_degc.max() > 45.0


def test_a_record_without_water_is_refused(broken) -> None:
    dry = [e for e in broken if e.payload.kind != "cooling_reading"]
    with pytest.raises(SettingsError, match="no reading of the cooling unit"):
        spans_of(dry)
