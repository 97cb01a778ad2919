"""Between the frames, in a whole rehearsal: the estimate in the record, and the one port."""

import numpy as np
import pytest

from insonate.core import ImageError
from insonate.events import Source
from insonate.events import documents as doc
from insonate.events.sight import FocusEstimate, StreamNoted
from insonate.record import open_record
from insonate.report.build import render_page
from insonate.session import loopback, replay_record
from insonate.thermometry.port import FramePort
from insonate.verification.between_frames import judged

pytestmark = pytest.mark.usefixtures("one_thread")


class EnoughError(Exception):
    pass


def until(sonication):
    def progress(stage, done, detail=""):
        if f"sonication {sonication}," in detail:
            raise EnoughError

    return progress


def of(record, *kinds):
    return [e for e in record.events if isinstance(e.payload, kinds)]


def told(record):
    """Everything that was seen and decided, without the wall's clock and who connected."""
    events = [e for e in record.events[1:] if getattr(e.payload, "what", "") != "joined"]
    return [(e.time_s, e.source, e.payload, dict(e.arrays)) for e in events]


def test_every_quarter_frame_under_power_has_an_estimate(run):
    estimates = [e.payload for e in of(run.record, FocusEstimate)]
    frames = of(run.record, doc.TemperatureFrame)
    assert len(estimates) >= 3 * len(frames)
    assert all(e.source is Source.MODEL for e in of(run.record, FocusEstimate))
    for number in {p.sonication for p in estimates}:
        learnt = [p.frames for p in estimates if p.sonication == number]
        assert learnt[0] == 0
        assert learnt == sorted(learnt)
        assert learnt[-1] == sum(f.payload.sonication == number for f in frames)


def test_the_estimate_is_nearer_to_the_truth_than_the_last_frame_is(run):
    found = judged([run.record])
    assert found.estimate_rms_k < 0.6 * found.last_frame_rms_k
    assert found.inside_band >= 0.8


def test_the_dose_interval_is_in_the_review(run):
    reviews = [e.payload for e in of(run.record, doc.SonicationReviewed)]
    assert len(reviews) >= 4
    for review in reviews:
        assert 0.0 < review.dose_low_cem43 < review.dose_high_cem43


def test_the_report_shows_measured_estimated_and_true(run):
    page = render_page(run.record)
    assert "Measured, estimated and true focus between the frames" in page
    assert "Dose, 90 % (CEM43)" in page


def test_a_rehearsal_through_the_mrd_server_is_the_same_bit_for_bit(coarse, tmp_path):
    for name, stream in (("direct", False), ("stream", True)):
        with pytest.raises(EnoughError):
            coarse.rehearse(tmp_path / name, stream=stream, progress=until(2))
    direct, streamed = (open_record(tmp_path / n / "record") for n in ("direct", "stream"))
    assert len(of(direct, doc.TemperatureFrame)) >= 5
    assert told(streamed) == told(direct)
    arrays = [e.arrays for e in of(direct, doc.TemperatureFrame)]
    assert all(np.isfinite(streamed.array(a["sigma"])).any() for a in arrays)
    assert replay_record(tmp_path / "stream" / "record").identical


def test_another_wire_would_be_noticed(coarse, tmp_path, monkeypatch):
    """The comparison is seen to fail: a server that loses the last bit of each image."""
    take = loopback.Loopback.take

    def worse(self, scan):
        image = scan.image.astype(np.complex64)
        image.real.view(np.uint32)[...] &= 0xFFFFFFFE
        take(self, type(scan)(scan.stamp, image, scan.window_s))

    monkeypatch.setattr(loopback.Loopback, "take", worse)
    for name, stream in (("direct", False), ("stream", True)):
        with pytest.raises(EnoughError):
            coarse.rehearse(tmp_path / name, stream=stream, progress=until(2))
    direct, streamed = (open_record(tmp_path / n / "record") for n in ("direct", "stream"))
    assert told(streamed) != told(direct)


@pytest.mark.parametrize("stream", [False, True])
def test_lost_frames_are_told_at_one_and_a_half_frame_times(coarse, tmp_path, stream):
    with pytest.raises(EnoughError):
        coarse.rehearse(tmp_path, "frame-lost", stream=stream, progress=until(3))
    record = open_record(tmp_path / "record")
    (ended,) = [
        e for e in of(record, doc.SonicationEnded) if e.payload.guard == "thermometry age"
    ]
    (stale,) = [e for e in of(record, FocusEstimate) if e.payload.stale][:1]
    frames = [e.payload for e in of(record, doc.TemperatureFrame) if e.time_s <= ended.time_s]
    assert ended.time_s - frames[-1].end_s == pytest.approx(1.5 * 3.4, abs=1e-6)
    assert stale.time_s == ended.time_s
    notes = [e.payload.what for e in of(record, StreamNoted)]
    assert "stale" in notes
    assert "gap" in notes


def test_an_artefact_is_refused_with_its_sentence_and_ends_power(coarse, tmp_path):
    with pytest.raises(EnoughError):
        coarse.rehearse(tmp_path, "frame-corrupt", progress=until(3))
    record = open_record(tmp_path / "record")
    (refused,) = [e for e in of(record, FocusEstimate) if e.payload.refused][:1]
    ends = [e.payload for e in of(record, doc.SonicationEnded)]
    assert ends[1].guard == "thermometry quality"
    notes = [e.payload for e in of(record, StreamNoted) if e.payload.what == "refused"]
    assert notes[0].sentence == refused.payload.refused
    assert len(notes[0].sentence) > 20


def test_a_server_that_is_silent_is_said(coarse, monkeypatch):
    class Silent:
        images, port = 0, 1

        def close(self):
            pass

    class Nobody:
        def send(self, *_, **__):
            pass

        def drain(self):
            pass

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(loopback, "MrdServer", lambda *_, **__: Silent())
    monkeypatch.setattr(loopback, "MrdClient", lambda *_: Nobody())
    monkeypatch.setattr(loopback, "PATIENCE_S", 0.01)
    scanner = type("S", (), {"protocol": None, "series": None})()
    scan = type("I", (), {"image": None, "window_s": None,
                          "stamp": type("T", (), {"repetition": 0, "measurement": 1, "slice": 0})()})()  # fmt: skip
    with (
        loopback.Loopback(scanner, FramePort(3.4, lambda: 0.0)) as wire,
        pytest.raises(ImageError, match="did not take an image"),
    ):
        wire.take(scan)


def test_frames_of_a_finished_sonication_teach_nothing_about_the_next(run):
    """The first estimate of a sonication rests on the plan, not on the frames before."""
    estimates = of(run.record, FocusEstimate)
    first = {}
    for event in estimates:
        first.setdefault(event.payload.sonication, event.payload)
    assert len(first) == len(of(run.record, doc.SonicationEnded))
    assert {(payload.frames, payload.refused) for payload in first.values()} == {(0, "")}
