"""One client's session: messages in, readings and notes out. No socket is seen here."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError, InputError
from insonate.streams.headers import contradictions
from insonate.streams.lines import LineGatherer
from insonate.streams.wire import TICK_S, WINDOW_NAME, Message, MrdImage, MrdLine
from insonate.thermometry import Protocol
from insonate.thermometry.order import Note, NoteKind, Stamp
from insonate.thermometry.port import Follower, Said, Scan, with_header
from insonate.thermometry.series import Series

_WINDOW = re.compile(rf"<name>{WINDOW_NAME}</name>\s*<value>(\S+) (\S+)</value>")


@dataclass
class Conversation:
    """What a session has come to. It is an object because messages arrive.

    Parameters
    ----------
    protocol
        The header, as the operator gave it.
    begin
        Gives the series of a slice's first image; a new measurement begins another.
    """

    protocol: Protocol
    begin: Callable[[Stamp], Series]
    _lines: LineGatherer | None = None
    _follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self._follower = Follower(self.begin)

    def hear(self, message: Message) -> Iterator[Said]:
        """Take a message; yield what it leads to. A bad frame is a note, never an error.

        Raises
        ------
        ImageError
            When a session's header contradicts the protocol: nothing of it can be used.
        """
        if isinstance(message, str) and "<ismrmrdHeader" in message:
            faults = contradictions(message, self.protocol)
            if faults:
                raise ImageError(" ".join(faults) + " Give the protocol of this scan.")
        elif isinstance(message, MrdImage | MrdLine):
            try:
                yield from self._frame(message)
            except InputError as error:
                yield Note(NoteKind.REFUSED, str(error))

    def _frame(self, message: MrdImage | MrdLine) -> Iterator[Said]:
        if isinstance(message, MrdImage):
            header, image = message.header, _complex_slice(message)
            stamp = Stamp(*(int(header[n]) for n in ("measurement_uid", "repetition", "slice")))
            window = _written(message.attributes) or self._window(
                stamp, int(header["acquisition_time_stamp"])
            )
            for said in self._follower.take(Scan(stamp, image, window)):
                yield with_header(said, header)
            return
        self._lines = self._lines or LineGatherer(self.protocol)
        whole = self._lines.add(message)
        if whole is not None:
            stamp, picture, ticks = whole
            yield from self._follower.take(Scan(stamp, picture, self._window(stamp, ticks)))

    def _window(self, stamp: Stamp, ticks: int) -> tuple[float, float]:
        """Return when a frame was taken: by its own stamp, or where there is none by its number."""
        frame = self.protocol.frame_time_s
        end = ticks * TICK_S if ticks else (stamp.repetition + 1) * frame
        return end - frame, end


def _written(attributes: str) -> tuple[float, float] | None:
    """Return the window that an image's attributes name, or None where they name none."""
    found = _WINDOW.search(attributes)
    if found is None:
        return None
    try:
        start, end = float(found[1]), float(found[2])
    except ValueError:
        start = end = float("nan")
    if not (np.isfinite([start, end]).all() and end > start):
        raise ImageError(
            f"The image's attribute {WINDOW_NAME} is '{found[1]} {found[2]}'; it must be two times "
            "in seconds, the later one second."
        )
    return start, end


def _complex_slice(message: MrdImage) -> NDArray[np.generic]:
    """Return the voxels as [i, j] or [coil, i, j], i along the readout."""
    voxels = message.voxels
    if voxels.shape[1] != 1:
        raise ImageError(
            f"An image of {voxels.shape[1]} partitions came; send each as a slice of its own."
        )
    flat = voxels[:, 0].transpose(0, 2, 1)
    return flat[0] if len(flat) == 1 else flat
