"""Killed writers and full disks: nothing told is lost, and a writer that loses is found."""

import os

import numpy as np
import pytest

from insonate.events import Source
from insonate.events.documents import PowerSet
from insonate.record import Recorder
from insonate.verification import endurance

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def tells_too_early(folder, told):
    """A writer that acknowledges what it has not written yet."""
    with Recorder(folder) as recorder:
        for number in range(10**6):
            os.write(told, f"{2 * number + 1000}\n".encode())
            power = PowerSet(sonication=1, power_w=float(number))
            recorder.append(power, time_s=float(number), source=Source.CONTROLLER)


def test_nothing_told_is_lost_when_the_writer_is_killed(tmp_path):
    assert endurance.killed(tmp_path, 8, np.random.default_rng(1)) == 0


def test_nothing_told_is_lost_on_a_full_disk_and_it_is_said(tmp_path):
    assert endurance.filled(tmp_path, 12, np.random.default_rng(1)) == 0


def test_a_writer_that_tells_too_early_is_found(tmp_path):
    rng = np.random.default_rng(1)
    assert endurance.killed(tmp_path / "a", 3, rng, tells_too_early) > 0
    assert endurance.filled(tmp_path / "b", 3, rng, tells_too_early) > 0
