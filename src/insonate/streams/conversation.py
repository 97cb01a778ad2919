"""One client's session: messages in, readings and notes out. No socket is seen here."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError, InputError
from insonate.streams.headers import contradictions
from insonate.streams.lines import LineGatherer
from insonate.streams.order import Note, NoteKind, Stamp, judge
from insonate.streams.wire import TICK_S, Message, MrdImage, MrdLine
from insonate.thermometry import Protocol
from insonate.thermometry.series import Reading, Series, SeriesOptions, follow

MOST_SLICES = 64


@dataclass(frozen=True, eq=False)
class Measured:
    """A reading, which slice it is of, and the header of its image, if it came as one."""

    slice: int
    reading: Reading
    header: NDArray[np.void] | None


Said = Measured | Note


@dataclass
class Conversation:
    """What a session has come to. It is an object because messages arrive.

    Parameters
    ----------
    protocol
        The header, as the operator gave it.
    options
        How each slice is followed.
    """

    protocol: Protocol
    options: SeriesOptions
    _series: dict[int, Series] = field(default_factory=dict)
    _last: dict[int, Stamp] = field(default_factory=dict)
    _lines: LineGatherer | None = None

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
            yield from self._follow(stamp, image, int(header["acquisition_time_stamp"]), header)
            return
        self._lines = self._lines or LineGatherer(self.protocol)
        whole = self._lines.add(message)
        if whole is not None:
            yield from self._follow(*whole, None)

    def _follow(
        self,
        stamp: Stamp,
        image: NDArray[np.generic],
        ticks: int,
        header: NDArray[np.void] | None,
    ) -> Iterator[Said]:
        taken, note = judge(self._last.get(stamp.slice), stamp)
        if note is not None:
            yield note
        if not taken:
            return
        if stamp.slice not in self._last and len(self._last) >= MOST_SLICES:
            raise ImageError(f"The stream has more than {MOST_SLICES} slices.")
        self._last[stamp.slice] = stamp
        series = self._series.get(stamp.slice)
        if series is None or (note is not None and note.kind is NoteKind.RESTARTED):
            series = Series(self.protocol, self.options)
        after, reading = follow(series, image, self._window(stamp, ticks))
        self._series[stamp.slice] = after
        if reading is not None:
            yield Measured(stamp.slice, reading, header)
            if reading.thermogram.refused:
                yield Note(NoteKind.REFUSED, reading.thermogram.refused)

    def _window(self, stamp: Stamp, ticks: int) -> tuple[float, float]:
        """Return when a frame was taken: by its own stamp, or where there is none by its number."""
        frame = self.protocol.frame_time_s
        end = ticks * TICK_S if ticks else (stamp.repetition + 1) * frame
        return end - frame, end


def _complex_slice(message: MrdImage) -> NDArray[np.generic]:
    """Return the voxels as [i, j] or [coil, i, j], i along the readout."""
    voxels = message.voxels
    if voxels.shape[1] != 1:
        raise ImageError(
            f"An image of {voxels.shape[1]} partitions came; send each as a slice of its own."
        )
    flat = voxels[:, 0].transpose(0, 2, 1)
    return flat[0] if len(flat) == 1 else flat
