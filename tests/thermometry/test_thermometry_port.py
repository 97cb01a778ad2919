"""The port: one queue for every scanner, and one and a half frame times of silence are told."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from insonate.thermometry import acquire
from insonate.thermometry.order import Note, NoteKind, Stamp
from insonate.thermometry.port import (
    MOST_SLICES,
    Direct,
    Follower,
    FramePort,
    Freshness,
    Scan,
)
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.series import Series, SeriesOptions
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

PROTOCOL = small_protocol()
ANATOMY = ellipse_anatomy(PROTOCOL, texture=0.2)
HEAT = HotSpot(CENTRE_M, 15.0).cells(ANATOMY.geometry)
RNG = np.random.default_rng(0)
COLD, HOT, FAR = (
    acquire(ANATOMY, PROTOCOL, kelvin, motion=HeadMotion((shift, 0.0)), rng=RNG)
    for kelvin, shift in ((HEAT * 0, 0.0), (HEAT, 0.0), (HEAT, 7e-3))
)


def begin(stamp):
    return Series(PROTOCOL, SeriesOptions(references=1))


def scan(number, image=HOT, measurement=1, place=0):
    window = (number * 3.4, (number + 1) * 3.4)
    return Scan(Stamp(measurement, number, place), image, window)


class Hand:
    """A clock that a test turns."""

    def __init__(self):
        self.time_s = 100.0

    def __call__(self):
        return self.time_s


def kinds(said):
    return [s.kind.value if isinstance(s, Note) else "frame" for s in said]


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def port(clock):
    return FramePort(PROTOCOL.frame_time_s, clock)


def test_references_say_nothing_and_frames_arrive_in_their_order(port):
    receiver = Direct(begin, port)
    for n in range(4):
        receiver.take(scan(n, COLD if n == 0 else HOT))
    taken = port.take()
    assert [a.stamp.repetition for a in taken] == [1, 2, 3]
    assert [a.reading.frame for a in taken] == [0, 1, 2]
    assert port.take() == ()


def test_silence_is_told_at_one_and_a_half_frame_times_once_and_so_is_the_resumption(
    port, clock
):
    receiver = Direct(begin, port)
    receiver.take(scan(0, COLD))
    port.expect()
    clock.time_s += 1.49 * 3.4
    assert (port.take(), port.stale) == ((), "")
    clock.time_s += 0.01 * 3.4
    assert "stale" in port.stale
    assert kinds(port.take()) == ["stale"]
    clock.time_s += 3.4
    assert port.take() == ()
    assert "5.1 s" in port.stale
    receiver.take(scan(1))
    assert kinds(port.take()) == ["resumed", "frame"]
    assert port.stale == ""


def test_a_server_s_own_clock_is_not_listened_to(port):
    for kind in (NoteKind.STALE, NoteKind.RESUMED, NoteKind.GAP):
        port.hear(Note(kind, "said by a server"))
    assert kinds(port.take()) == ["gap"]
    assert port.stale == ""


def test_nothing_is_stale_where_no_frame_is_due(port, clock):
    clock.time_s += 1e4
    assert port.stale == ""
    port.expect()
    port.rest()
    clock.time_s += 1e4
    assert port.stale == ""


def test_a_refused_frame_is_no_frame_that_came(port, clock):
    receiver = Direct(begin, port)
    receiver.take(scan(0, COLD))
    port.expect()
    clock.time_s += 3.4
    receiver.take(scan(1, FAR))
    clock.time_s += 0.5 * 3.4
    said = port.take()
    assert kinds(said) == ["frame", "refused", "stale"]
    assert "moved by" in said[1].sentence


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.full_like(HOT, np.nan), "NaN"),
        (np.abs(HOT), "real"),
        (HOT[:40], "another geometry"),
        (np.zeros_like(HOT), "empty"),
    ],
)
def test_a_bad_image_is_a_note_and_the_series_goes_on(image, sentence):
    follower = Follower(begin)
    list(follower.take(scan(0, COLD)))
    (note,) = follower.take(scan(1, image))
    assert note.kind is NoteKind.REFUSED
    assert sentence in note.sentence
    (arrived,) = follower.take(scan(2))
    assert np.nanmax(arrived.reading.thermogram.delta_t_k) > 10


def test_repeats_and_late_ones_are_dropped_gaps_and_restarts_are_noted():
    follower = Follower(begin)
    found = []
    for n in (0, 1, 1, 0, 4):
        found += follower.take(scan(n, COLD if n == 0 else HOT))
    found += follower.take(scan(0, COLD, measurement=2))
    found += follower.take(scan(1, HOT, measurement=2))
    assert kinds(found) == [
        "frame", "repeated", "reordered", "gap", "frame", "restarted", "frame",
    ]  # fmt: skip


def test_a_stream_of_too_many_slices_is_refused():
    follower = Follower(begin)
    for place in range(MOST_SLICES):
        assert list(follower.take(scan(0, COLD, place=place))) == []
    (note,) = follower.take(scan(0, COLD, place=MOST_SLICES))
    assert "more than 64 slices" in note.sentence


def test_a_port_may_be_filled_and_emptied_by_different_threads(port):
    follower = Follower(begin)
    list(follower.take(scan(0, COLD)))
    (arrived,) = follower.take(scan(1))
    threads = [
        threading.Thread(
            target=lambda k=k: [
                port.hear(replace(arrived, stamp=Stamp(k, n, 0))) for n in range(200)
            ]
        )
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    found = []
    while any(t.is_alive() for t in threads) or len(found) < 800:
        found += port.take()
    for k in range(4):
        numbers = [a.stamp.repetition for a in found if a.stamp.measurement == k]
        assert numbers == list(range(200))


def test_freshness_without_a_frame_ever_expects_none():
    clock = Hand()
    fresh = Freshness(2.0, clock)
    clock.time_s += 100.0
    assert fresh.look() is None
    assert fresh.came() is None
    clock.time_s += 3.0
    assert fresh.look().kind is NoteKind.STALE
