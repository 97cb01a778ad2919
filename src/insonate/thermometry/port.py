"""The one way in: images of a scanner, live or virtual, become readings and wait to be taken.

A virtual scanner and the server of a live stream do the same with an image: they give it as a
``Scan`` to a ``Follower``, and what the follower says of it to a ``FramePort``. Whoever controls
takes from the port, and need not know which scanner filled it. Where frames are due and none
comes, the port says so after one and a half frame times, by the clock that it was given: that on
the wall, or that of a simulation.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError, InputError
from insonate.thermometry.order import Note, NoteKind, Stamp, judge
from insonate.thermometry.series import Reading, Series, follow

STALE_FRAMES = 1.5
"""Frame times without a frame after which what is known is old."""

MOST_SLICES = 64
_SAME_S = 1e-9
"""Times that were added up in different orders are the same within this."""


@dataclass(frozen=True, eq=False)
class Scan:
    """One image on its way from a scanner.

    Parameters
    ----------
    stamp
        Its place in the stream.
    image
        Shape (nx, ny), with several coils (coils, nx, ny), complex.
    window_s
        When its acquisition began and ended, s.
    """

    stamp: Stamp
    image: NDArray[np.generic]
    window_s: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Arrived:
    """A reading, where its image stood in the stream, and the header that it came with, if any."""

    stamp: Stamp
    reading: Reading
    header: NDArray[np.void] | None = None


Said = Arrived | Note
"""What follows from an image: a reading, or a sentence about it."""


class Receiver(Protocol):
    """What a scanner gives its images to."""

    def take(self, scan: Scan) -> None:
        """Take one image; what follows from it has arrived at the port when this returns."""


class Follower:
    """Follows the slices of a stream. It is an object because images come.

    Parameters
    ----------
    begin
        Gives the series that the first image of a slice and measurement belongs to.
    """

    def __init__(self, begin: Callable[[Stamp], Series]) -> None:
        self._begin = begin
        self._series: dict[int, Series] = {}
        self._last: dict[int, Stamp] = {}

    def take(self, scan: Scan) -> Iterator[Said]:
        """Take an image; yield what it leads to. A bad one is a note, never an error."""
        try:
            yield from self._take(scan)
        except InputError as error:
            yield Note(NoteKind.REFUSED, str(error))

    def _take(self, scan: Scan) -> Iterator[Said]:
        stamp = scan.stamp
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
            series = self._begin(stamp)
        after, reading = follow(series, scan.image, scan.window_s)
        self._series[stamp.slice] = after
        if reading is not None:
            yield Arrived(stamp, reading)
            if reading.thermogram.refused:
                yield Note(NoteKind.REFUSED, reading.thermogram.refused)


class Freshness:
    """Knows since when a frame is due, and says once that what is known is old.

    Parameters
    ----------
    frame_time_s
        From frame to frame, s.
    clock
        The time now, s; never less than before.
    """

    def __init__(self, frame_time_s: float, clock: Callable[[], float]) -> None:
        self._limit, self._clock = STALE_FRAMES * frame_time_s, clock
        self._since: float | None = None
        self.sentence = ""
        """Why what is known is old; empty while it is not."""

    def expect(self) -> None:
        """Begin to wait for frames: one is due from now on."""
        self._since, self.sentence = self._clock(), ""

    def rest(self) -> None:
        """Wait no longer: no frame is due."""
        self._since, self.sentence = None, ""

    def came(self) -> Note | None:
        """Note that a frame came; return the note that they come again, if they were stale."""
        stale = bool(self.sentence)
        self.expect()
        return Note(NoteKind.RESUMED, "Frames come again.") if stale else None

    def look(self) -> Note | None:
        """Return the note that what is known is old, once."""
        if self._since is None or self.sentence:
            return None
        age = self._clock() - self._since
        if age < self._limit - _SAME_S:
            return None
        self.sentence = f"No frame has come for {age:.1f} s; the temperature is stale."
        return Note(NoteKind.STALE, self.sentence)


class FramePort:
    """Where readings and notes wait until they are taken, in the order in which they came.

    It may be filled from one thread and emptied from another.

    Parameters
    ----------
    frame_time_s
        From frame to frame, s.
    clock
        The time now, s, as ``Freshness``.
    """

    def __init__(self, frame_time_s: float, clock: Callable[[], float]) -> None:
        self._fresh = Freshness(frame_time_s, clock)
        self._waiting: deque[Said] = deque()
        self._lock = threading.Lock()

    def hear(self, said: Said) -> None:
        """Let a reading or a note wait; a usable reading is a frame that came.

        What a server says of staleness is by a clock of its own, and is not repeated.
        """
        if isinstance(said, Note) and said.kind in {NoteKind.STALE, NoteKind.RESUMED}:
            return
        with self._lock:
            if isinstance(said, Arrived) and not said.reading.thermogram.refused:
                self._put(self._fresh.came())
            self._put(said)

    def expect(self) -> None:
        """Begin to wait for frames: one is due from now on."""
        with self._lock:
            self._fresh.expect()

    def rest(self) -> None:
        """Wait no longer: no frame is due."""
        with self._lock:
            self._fresh.rest()

    def take(self) -> tuple[Said, ...]:
        """Return what has come since the last time, and that nothing has, where it is due."""
        with self._lock:
            self._put(self._fresh.look())
            taken = tuple(self._waiting)
            self._waiting.clear()
            return taken

    @property
    def stale(self) -> str:
        """Why what is known is old, a sentence; empty while it is not, or no frame is due."""
        with self._lock:
            self._put(self._fresh.look())
            return self._fresh.sentence

    def _put(self, said: Said | None) -> None:
        if said is not None:
            self._waiting.append(said)


class Direct:
    """A receiver without a wire between: every image is followed where it was made.

    Parameters
    ----------
    begin
        As ``Follower``.
    port
        Where what follows from the images arrives.
    """

    def __init__(self, begin: Callable[[Stamp], Series], port: FramePort) -> None:
        self._follower, self._port = Follower(begin), port

    def take(self, scan: Scan) -> None:
        """Take one image."""
        for said in self._follower.take(scan):
            self._port.hear(said)


def with_header(said: Said, header: NDArray[np.void] | None) -> Said:
    """Return what was said with the header that its image came with."""
    return replace(said, header=header) if isinstance(said, Arrived) else said
