"""The other end: sends images or raw lines to an MRD server and takes temperatures back."""

import socket
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError
from insonate.streams.headers import header_xml
from insonate.streams.wire import (
    ACQUISITION_HEADER,
    IMAGE_HEADER,
    TICK_S,
    WINDOW_NAME,
    MessageId,
    MrdImage,
    close_bytes,
    image_bytes,
    line_bytes,
    meta_xml,
    read_message,
    text_bytes,
)
from insonate.thermometry import Protocol


@dataclass(frozen=True, eq=False)
class Answer:
    """What came back for a frame: maps (nx, ny), K, if it was no reference, and the notes."""

    delta_t_k: NDArray[np.float32] | None
    sigma_k: NDArray[np.float32] | None
    notes: tuple[str, ...]


class MrdClient:
    """A session with an MRD server; use it as a context.

    Parameters
    ----------
    host, port
        Where the server listens.
    protocol
        The header of the session.
    patience_s
        How long an answer is waited for, s.

    Raises
    ------
    ImageError
        When nobody listens there.
    """

    def __init__(
        self, host: str, port: int, protocol: Protocol, *, patience_s: float = 10.0
    ) -> None:
        self._protocol = protocol
        try:
            self._socket = socket.create_connection((host, port), timeout=patience_s)
        except OSError as error:
            raise ImageError(f"No MRD server answers at {host}:{port}: {error}.") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(
            text_bytes(MessageId.CONFIG_FILE, "thermometry")
            + text_bytes(MessageId.HEADER, header_xml(protocol))
        )

    def __enter__(self) -> "MrdClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(
        self,
        image: NDArray[np.generic],
        repetition: int,
        *,
        measurement: int = 1,
        slice_number: int = 0,
        window_s: tuple[float, float] | None = None,
    ) -> None:
        """Send one complex image, (nx, ny) or (coils, nx, ny), and wait for nothing.

        Where ``window_s`` is given, when its acquisition began and ended (s) goes with it.
        """
        coils = image[None] if image.ndim == 2 else image
        header = np.zeros((), IMAGE_HEADER)
        header["version"], header["data_type"], header["image_type"] = 1, 7, 5
        header["channels"], header["matrix_size"] = len(coils), (*coils.shape[1:], 1)
        nx, ny = self._protocol.matrix
        view = (nx * self._protocol.pixel_m, ny * self._protocol.pixel_m)
        header["field_of_view"] = (
            *(v * 1e3 for v in view),
            self._protocol.slice_thickness_m * 1e3,
        )
        header["measurement_uid"], header["repetition"] = measurement, repetition
        header["slice"] = slice_number
        attributes = ""
        if window_s is not None:
            start, end = map(float, window_s)
            header["acquisition_time_stamp"] = max(round(end / TICK_S), 0)
            attributes = meta_xml({WINDOW_NAME: f"{start!r} {end!r}"})
        header["read_dir"], header["phase_dir"], header["slice_dir"] = np.eye(3)
        voxels = coils.transpose(0, 2, 1)[:, None].astype("<c8")
        self._socket.sendall(image_bytes(header[()], voxels, attributes))

    def send_lines(
        self, kspace: NDArray[np.complex64], repetition: int, *, measurement: int = 1
    ) -> None:
        """Send the raw lines of one image, (nx, ny) or (coils, nx, ny)."""
        coils = kspace[None] if kspace.ndim == 2 else kspace
        header = np.zeros((), ACQUISITION_HEADER)
        header["version"], header["number_of_samples"] = 1, coils.shape[1]
        header["active_channels"] = header["available_channels"] = len(coils)
        header["measurement_uid"], header["repetition"] = measurement, repetition
        parts = []
        for line in range(coils.shape[2]):
            header["kspace_encode_step_1"] = line
            parts.append(line_bytes(header[()], coils[:, :, line].astype("<c8")))
        self._socket.sendall(b"".join(parts))

    def answer(self, *, notes: int = 0) -> Answer:
        """Wait for both maps of a frame, or for so many notes where none are to come.

        Raises
        ------
        ImageError
            When the server is silent or closes.
        """
        maps: list[NDArray[np.float32]] = []
        said: list[str] = []
        while len(maps) < 2 and not (notes and len(said) >= notes):
            kind, message = read_message(self._exactly)
            if isinstance(message, MrdImage):
                maps.append(np.asarray(message.voxels[0, 0].T, np.float32))
            elif isinstance(message, str):
                said.append(message)
            elif kind is MessageId.CLOSE:
                raise ImageError("The server closed the session. " + " ".join(said))
        both = maps if len(maps) == 2 else [None, None]
        return Answer(both[0], both[1], tuple(said))

    def finish(self) -> None:
        """End the session and wait until the server has understood."""
        self._socket.sendall(close_bytes())
        while read_message(self._exactly)[0] is not MessageId.CLOSE:
            pass

    def drain(self) -> None:
        """Read whatever comes back, and forget it, until the server goes: for who wants no answer."""
        self._socket.settimeout(None)
        with suppress(OSError):
            while self._socket.recv(1 << 20):
                pass

    def _exactly(self, count: int) -> bytes:
        parts, left = [], count
        while left:
            try:
                part = self._socket.recv(min(left, 1 << 20))
            except OSError as error:
                raise ImageError(f"The server does not answer: {error}.") from error
            if not part:
                raise ImageError("The server has gone away.")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
