"""The MRD server: the same maps as without it, and whatever a client sends it lives on."""

import io
import socket
import time
from dataclasses import replace

import ismrmrd
import ismrmrd.serialization
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import ImageError, SettingsError
from insonate.streams import MrdClient, MrdServer, Note, NoteKind, ServerOptions
from insonate.streams.conversation import Conversation
from insonate.streams.headers import contradictions, header_xml
from insonate.streams.wire import (
    ACQUISITION_HEADER,
    IMAGE_HEADER,
    MessageId,
    close_bytes,
    image_bytes,
    read_message,
    text_bytes,
)
from insonate.thermometry import acquire
from insonate.thermometry.order import Stamp, judge
from insonate.thermometry.port import Arrived
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.series import Series, SeriesOptions, follow
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

PROTOCOL = small_protocol(frame_time_s=0.2)
ANATOMY = ellipse_anatomy(PROTOCOL, texture=0.2)
HEAT = HotSpot(CENTRE_M, 15.0).cells(ANATOMY.geometry)
OPTIONS = SeriesOptions(references=2)
HERE = ServerOptions(port=0)


def images(protocol=PROTOCOL, count=5, seed=0):
    rng = np.random.default_rng(seed)
    cold = np.zeros(ANATOMY.geometry.shape)
    return [
        acquire(ANATOMY, protocol, cold if n < 2 else HEAT, drift_ppm=0.005 * n, rng=rng)
        for n in range(count)
    ]


IMAGES = images()


def conversation():
    return Conversation(PROTOCOL, lambda _: Series(PROTOCOL, OPTIONS))


def direct(protocol=PROTOCOL, pictures=IMAGES):
    series, readings = Series(protocol, OPTIONS), []
    for n, image in enumerate(pictures):
        window = (n * protocol.frame_time_s, (n + 1) * protocol.frame_time_s)
        series, reading = follow(series, image, window)
        readings.append(reading)
    return readings


@pytest.fixture
def heard():
    return []


@pytest.fixture
def server(heard):
    with MrdServer(PROTOCOL, OPTIONS, HERE, heard.append) as running:
        yield running


def kinds(heard):
    return [said.kind for said in heard if isinstance(said, Note)]


def until(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_stream_gives_the_maps_of_the_images_bit_for_bit(server, heard):
    wanted = direct()
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        for n, image in enumerate(IMAGES):
            client.send(image, n)
            if wanted[n] is not None:
                answer = client.answer()
                found = wanted[n].thermogram
                assert np.array_equal(answer.delta_t_k, found.delta_t_k, equal_nan=True)
                assert np.array_equal(answer.sigma_k, found.sigma_k, equal_nan=True)
        client.finish()
    readings = [s.reading for s in heard if isinstance(s, Arrived)]
    assert np.array_equal(readings[-1].dose.cem43, wanted[-1].dose.cem43)
    assert kinds(heard) == [NoteKind.JOINED, NoteKind.LEFT]


@pytest.mark.parametrize("coils", [1, 4])
def test_raw_lines_give_the_same_maps_as_images(coils):
    protocol = replace(PROTOCOL, coils=coils)
    pictures = images(protocol, 3)
    wanted = direct(protocol, pictures)[-1].thermogram
    with (
        MrdServer(protocol, OPTIONS, HERE, lambda _: None) as server,
        MrdClient("127.0.0.1", server.port, protocol) as client,
    ):
        for n, image in enumerate(pictures):
            axes = (-2, -1)
            raw = np.fft.fftshift(
                np.fft.fft2(np.fft.ifftshift(image, axes=axes), norm="ortho"), axes=axes
            )
            client.send_lines(raw, n)
        answer = client.answer()
    assert answer.delta_t_k == pytest.approx(wanted.delta_t_k, abs=2e-3, nan_ok=True)


def test_images_of_the_reference_library_are_understood(server):
    stream = io.BytesIO()
    serializer = ismrmrd.serialization.ProtocolSerializer(stream)
    for n, image in enumerate(IMAGES[:3]):
        picture = ismrmrd.Image.from_array(
            np.ascontiguousarray(image.T[None, None]), transpose=False
        )
        picture.repetition, picture.measurement_uid = n, 1
        serializer.serialize(picture)
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        client._socket.sendall(stream.getvalue())
        answer = client.answer()
    assert np.array_equal(answer.delta_t_k, direct()[2].thermogram.delta_t_k, equal_nan=True)


def test_our_headers_have_the_library_s_layout():
    import ctypes  # noqa: PLC0415

    for ours, theirs in (
        (IMAGE_HEADER, ismrmrd.ImageHeader),
        (ACQUISITION_HEADER, ismrmrd.AcquisitionHeader),
    ):
        assert ours.itemsize == ctypes.sizeof(theirs)
        for name, _ in theirs._fields_:
            if name in ours.fields:
                assert ours.fields[name][1] == getattr(theirs, name).offset


def test_what_comes_back_is_read_by_the_library(heard):
    talk = conversation()
    from insonate.streams.server import answers  # noqa: PLC0415
    from insonate.streams.wire import MrdImage  # noqa: PLC0415

    header = np.zeros((), IMAGE_HEADER)
    for n, image in enumerate(IMAGES[:3]):
        header["repetition"] = n
        message = MrdImage(header.copy()[()], image.T[None, None])
        heard.extend(talk.hear(message))
    content = answers(heard[-1])[0]
    picture = ismrmrd.Image.from_bytes(content[2:])
    assert np.array_equal(
        picture.data[0, 0].T, heard[-1].reading.thermogram.delta_t_k, equal_nan=True
    )
    assert "Not a medical device" in picture.attribute_string


def test_a_stall_is_told_within_one_and_a_half_frame_times_and_so_is_the_resumption(
    server, heard
):
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        client.send(IMAGES[0], 0)
        until(lambda: len(heard) >= 1)
        begin = time.monotonic()
        until(lambda: NoteKind.STALE in kinds(heard))
        assert 0.25 < time.monotonic() - begin < 0.3 + 0.15
        time.sleep(0.2)
        assert kinds(heard).count(NoteKind.STALE) == 1
        client.send(IMAGES[1], 1)
        until(lambda: NoteKind.RESUMED in kinds(heard))


def test_repeats_reorders_gaps_and_restarts_are_said_and_survived(server, heard):
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        for n in (0, 1, 1, 0, 4):
            client.send(IMAGES[min(n, 2)], n)
        client.answer()
        client.send(IMAGES[0], 0, measurement=2)
        client.send(IMAGES[1], 1, measurement=2)
        client.send(IMAGES[2], 2, measurement=2)
        client.answer()
        client.finish()
    found = [k for k in kinds(heard) if k not in {NoteKind.STALE, NoteKind.RESUMED}]
    assert found == ["joined", "repeated", "reordered", "gap", "restarted", "left"]
    frames = [s.reading.frame for s in heard if isinstance(s, Arrived)]
    assert frames == [0, 0]


def test_a_bad_frame_is_refused_and_the_next_is_measured(server, heard):
    bad = IMAGES[2].copy()
    bad[3, 3] = np.nan
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        client.send(IMAGES[0], 0)
        client.send(IMAGES[1], 1)
        for n, (image, sentence) in enumerate(
            [(bad, "NaN"), (IMAGES[2][:40], "another geometry"), (np.abs(IMAGES[2]) + 0j, "lost its phase")]
        ):  # fmt: skip
            client.send(image.astype(np.complex64), 2 + n)
            assert sentence in client.answer(notes=1).notes[0]
        client.send(IMAGES[2], 9)
        assert np.nanmax(client.answer().delta_t_k) > 10
    far = acquire(
        ANATOMY, PROTOCOL, HEAT, motion=HeadMotion((7e-3, 0.0)), rng=np.random.default_rng(1)
    )
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        client.send(IMAGES[0], 0)
        client.send(IMAGES[1], 1)
        client.send(far, 2)
        assert np.isnan(client.answer().delta_t_k).all()
    until(lambda: any("moved by" in s.sentence for s in heard if isinstance(s, Note)))


def test_a_header_that_contradicts_ends_the_session_with_a_sentence(server, heard):
    other = replace(PROTOCOL, echo_time_s=8e-3)
    with MrdClient("127.0.0.1", server.port, other) as client, pytest.raises(ImageError, match="TE is 8"):  # fmt: skip
        client.answer()
    until(lambda: NoteKind.BROKEN in kinds(heard))


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 400,
        (1022).to_bytes(2, "little") + b"\xff" * 206,
        (1008).to_bytes(2, "little") + b"\0" * 340,
        (5).to_bytes(2, "little") + b"\xff\xff\xff\x7f",
        text_bytes(MessageId.HEADER, "<ismrmrdHeader><oops>"),
        text_bytes(MessageId.HEADER, '<!DOCTYPE a [<!ENTITY b "c">]><ismrmrdHeader>&b;</ismrmrdHeader>'),
        b"",
    ],
)  # fmt: skip
def test_garbage_ends_its_own_session_alone(server, heard, content):
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as good:
        good.send(IMAGES[0], 0)
        with socket.create_connection(("127.0.0.1", server.port)) as bad:
            bad.sendall(content)
            bad.shutdown(socket.SHUT_WR)
            until(lambda: {NoteKind.BROKEN, NoteKind.LEFT} & set(kinds(heard)))
        good.send(IMAGES[1], 1)
        good.send(IMAGES[2], 2)
        assert np.nanmax(good.answer().delta_t_k) > 10


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_a_message_or_one_error(content):
    stream = io.BytesIO(content)

    def exactly(count):
        part = stream.read(count)
        if len(part) < count:
            raise EOFError
        return part

    talk = conversation()
    try:
        while True:
            _, message = read_message(exactly)
            list(talk.hear(message))
    except (EOFError, ImageError):
        pass


@settings(max_examples=40, deadline=None)
@given(st.integers(0, IMAGE_HEADER.itemsize + 10), st.binary(min_size=1, max_size=6))
def test_a_damaged_image_is_read_or_refused(place, damage):
    header = np.zeros((), IMAGE_HEADER)
    header["data_type"], header["channels"], header["matrix_size"] = 7, 1, (80, 72, 1)
    content = bytearray(image_bytes(header[()], IMAGES[0].T[None, None]))
    content[place : place + len(damage)] = damage
    stream = io.BytesIO(bytes(content))

    def exactly(count):
        part = stream.read(count)
        if len(part) < count:
            raise EOFError
        return part

    talk = conversation()
    try:
        _, message = read_message(exactly)
        said = list(talk.hear(message))
        assert all(isinstance(s, Note) for s in said)
    except (EOFError, ImageError):
        pass


def test_the_order_of_frames_is_judged():
    first = Stamp(1, 3, 0)
    assert judge(None, first) == (True, None)
    assert judge(first, Stamp(1, 4, 0)) == (True, None)
    for now, taken, kind in (
        (Stamp(1, 3, 0), False, NoteKind.REPEATED),
        (Stamp(1, 2, 0), False, NoteKind.REORDERED),
        (Stamp(1, 7, 0), True, NoteKind.GAP),
        (Stamp(2, 0, 0), True, NoteKind.RESTARTED),
    ):
        found, note = judge(first, now)
        assert found is taken
        assert note.kind is kind


def test_a_header_says_what_the_protocol_says():
    assert contradictions(header_xml(PROTOCOL), PROTOCOL) == ()
    assert ismrmrd.xsd.CreateFromDocument(header_xml(PROTOCOL)).encoding[0].reconSpace.matrixSize.x == 80  # fmt: skip
    for change, word in (
        ({"field_strength_t": 1.5}, "H1resonanceFrequency_Hz"),
        ({"repetition_time_s": 0.05}, "TR"),
        ({"coils": 8}, "receiverChannels"),
        ({"matrix": (96, 72)}, "matrixSize/x"),
        ({"slice_thickness_m": 5e-3}, "fieldOfView_mm/z"),
    ):
        assert any(
            word in fault
            for fault in contradictions(header_xml(PROTOCOL), replace(PROTOCOL, **change))
        )


def test_a_port_that_is_taken_is_said(server):
    with pytest.raises(SettingsError, match="cannot listen"):
        MrdServer(PROTOCOL, OPTIONS, ServerOptions(port=server.port), print)
    with pytest.raises(SettingsError, match="65535"):
        ServerOptions(port=70000)


def test_nobody_there_is_said():
    with pytest.raises(ImageError, match="No MRD server answers"):
        MrdClient("127.0.0.1", 1, PROTOCOL)


def test_a_closing_server_lets_its_clients_go(heard):
    server = MrdServer(PROTOCOL, OPTIONS, HERE, heard.append)
    with MrdClient("127.0.0.1", server.port, PROTOCOL) as client:
        client.send(IMAGES[0], 0)
        until(lambda: heard)
        server.close()
        with pytest.raises(ImageError, match=r"gone away|closed the session|does not answer"):
            client.answer()
    assert kinds(heard)[-1] is NoteKind.LEFT
    assert close_bytes() == b"\x04\x00"
