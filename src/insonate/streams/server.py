"""The MRD server: a scanner or a client connects, sends images or raw lines, gets temperatures back.

Every client has a thread and a session of its own, so that none can harm another; whatever one
sends ends at worst its own session, with a sentence. Nothing for one and a half frame times is said
to be stale, once, and again when frames resume.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import InputError, SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.streams.conversation import Conversation
from insonate.streams.wire import (
    IMAGE_HEADER,
    MessageId,
    MrdImage,
    MrdLine,
    close_bytes,
    image_bytes,
    meta_xml,
    read_message,
    text_bytes,
)
from insonate.thermometry import Protocol
from insonate.thermometry.order import Note, NoteKind, Stamp
from insonate.thermometry.port import Arrived, Freshness, Said
from insonate.thermometry.series import Series, SeriesOptions

_TEMPERATURE, _SIGMA = 1, 2
"""Series numbers of the two maps that are sent back."""
_MOST_CLIENTS = 8


@dataclass(frozen=True)
class ServerOptions:
    """Where the server listens and how patient it is.

    Parameters
    ----------
    host, port
        Loopback unless told otherwise; port 0 takes a free one. 9002 is MRD's own.
    patience_s
        A client that is silent for so long is let go, s.

    Raises
    ------
    SettingsError
        When the port or the patience cannot be.
    """

    host: str = "127.0.0.1"
    port: int = 9002
    patience_s: float = 600.0

    def __post_init__(self) -> None:
        if not (0 <= self.port <= 65535 and 1.0 <= self.patience_s <= 86400.0):
            raise SettingsError(
                f"Port {self.port} with a patience of {self.patience_s:g} s cannot be; ports run "
                "from 0 to 65535, patience from 1 s to a day."
            )


class _LeftError(Exception):
    """The other side is gone."""


class MrdServer:
    """Serves until it is closed; use it as a context.

    Parameters
    ----------
    protocol, series
        The header, and how each slice is followed.
    options
        Where it listens.
    hear
        Called with every reading and note, from the client's thread, one at a time: most often
        the ``hear`` of a ``FramePort``.
    begin
        Gives the series of a slice's first image, where more is known of it than ``series``.

    Raises
    ------
    SettingsError
        When the port is taken.
    """

    def __init__(
        self,
        protocol: Protocol,
        series: SeriesOptions,
        options: ServerOptions,
        hear: Callable[[Said], None],
        *,
        begin: Callable[[Stamp], Series] | None = None,
    ) -> None:
        self._protocol, self._options = protocol, options
        self._begin = begin or (lambda _: Series(protocol, series))
        self._hear, self._one_at_a_time = hear, threading.Lock()
        self.images = 0
        """How many images and lines were dealt with so far, of all clients."""
        self._closing = threading.Event()
        self._clients: list[threading.Thread] = []
        try:
            self._socket = socket.create_server((options.host, options.port))
        except OSError as error:
            raise SettingsError(
                f"The server cannot listen on {options.host}:{options.port}: {error.strerror}."
            ) from error
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Let every client go and stop."""
        self._closing.set()
        self._thread.join()
        for client in self._clients:
            client.join()
        self._socket.close()

    def __enter__(self) -> "MrdServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError, OSError):
                client, _ = self._socket.accept()
                self._clients = [t for t in self._clients if t.is_alive()]
                if len(self._clients) >= _MOST_CLIENTS:
                    client.close()
                    continue
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._clients.append(thread)
                thread.start()

    def _say(self, what: Said) -> None:
        with self._one_at_a_time:
            self._hear(what)

    def _serve(self, client: socket.socket) -> None:
        """Talk to one client until it closes, leaves, or sends what is no MRD."""
        self._say(Note(NoteKind.JOINED, "A client connected."))
        with client:
            try:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._talk(client)
                client.sendall(close_bytes())
            except InputError as error:
                self._say(Note(NoteKind.BROKEN, str(error)))
                with suppress(OSError):
                    client.sendall(text_bytes(MessageId.TEXT, str(error)) + close_bytes())
            except (_LeftError, OSError) as error:
                self._say(Note(NoteKind.LEFT, f"The client left without a close: {error}."))

    def _talk(self, client: socket.socket) -> None:
        conversation = Conversation(self._protocol, self._begin)
        freshness = Freshness(self._protocol.frame_time_s, time.monotonic)
        waiting = _Waiting(freshness, self._say)
        watch = _Watch(client, self._options.patience_s, self._closing, waiting)
        while True:
            _, message = read_message(watch.exactly)
            if message is None:
                self._say(Note(NoteKind.LEFT, "The client closed the session."))
                return
            image = isinstance(message, MrdImage | MrdLine)
            if image:
                waiting.came()
            for said in conversation.hear(message):
                self._say(said)
                _answer(client, said)
            with self._one_at_a_time:
                self.images += image


@dataclass(frozen=True, eq=False)
class _Waiting:
    """Says that a client's frames are stale, and that they have resumed."""

    freshness: Freshness
    say: Callable[[Said], None]

    def came(self) -> None:
        """Note that a frame came."""
        self._say(self.freshness.came())

    def look(self) -> None:
        """Look at the clock."""
        self._say(self.freshness.look())

    def _say(self, note: Note | None) -> None:
        if note is not None:
            self.say(note)


class _Watch:
    """Reads exactly so many bytes, looking at the clock while it waits."""

    def __init__(
        self,
        client: socket.socket,
        patience_s: float,
        closing: threading.Event,
        waiting: _Waiting,
    ) -> None:
        self._client, self._patience = client, patience_s
        self._closing, self._waiting = closing, waiting
        self._client.settimeout(0.05)

    def exactly(self, count: int) -> bytes:
        """Return ``count`` bytes; raise when the client is gone or silent for too long."""
        parts, left, since = [], count, time.monotonic()
        while left:
            try:
                part = self._client.recv(min(left, 1 << 20))
            except TimeoutError:
                self._waiting.look()
                if self._closing.is_set():
                    raise _LeftError("the server closes") from None
                if time.monotonic() - since > self._patience:
                    raise _LeftError(f"nothing came for {self._patience:g} s") from None
                continue
            if not part:
                raise _LeftError("the connection is closed")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


def _answer(client: socket.socket, said: Said) -> None:
    """Send a reading back as two images, a note as text."""
    client.settimeout(5.0)
    if isinstance(said, Note):
        client.sendall(text_bytes(MessageId.TEXT, f"{said.kind}: {said.sentence}"))
    else:
        client.sendall(b"".join(answers(said)))
    client.settimeout(0.05)


def answers(measured: Arrived) -> tuple[bytes, bytes]:
    """Return a reading as two MRD images: ΔT and its standard deviation, K, NaN where masked."""
    found = measured.reading.thermogram
    header = _header(measured)
    maps = (
        (_TEMPERATURE, found.delta_t_k, "ΔT"),
        (_SIGMA, found.sigma_k, "standard deviation"),
    )
    first, second = (
        _map_bytes(header, number, values, f"{what}, K, frame {measured.reading.frame}")
        for number, values, what in maps
    )
    return first, second


def _header(measured: Arrived) -> NDArray[np.void]:
    header = np.zeros((), IMAGE_HEADER) if measured.header is None else measured.header.copy()
    nx, ny = measured.reading.thermogram.delta_t_k.shape
    header["version"], header["data_type"], header["image_type"] = 1, 5, 3
    header["channels"], header["matrix_size"] = 1, (nx, ny, 1)
    header["slice"] = measured.stamp.slice
    header["image_index"] = measured.reading.frame + 1
    return header[()]


def _map_bytes(
    header: NDArray[np.void], number: int, values: NDArray[np.float32], what: str
) -> bytes:
    own = header.copy()
    own["image_series_index"] = number
    meta = meta_xml({"ImageComment": f"{what}. {DISCLAIMER}"})
    return image_bytes(own, values.T[None, None], meta)
