"""The server's end of the other process: started, spoken to, and missed when it dies."""

import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from insonate.console import worker

Hear = Callable[[str, Any], None]
"""Told of each message; called from the engine's own thread."""

_SPAWN = multiprocessing.get_context("spawn")


class Engine:
    """One process that computes.

    Parameters
    ----------
    folder
        Where it writes.
    hear
        Told of everything it says, and of ``("gone", None)`` when it ends.
    """

    def __init__(self, folder: Path, hear: Hear) -> None:
        self._folder, self._hear = folder, hear
        self._lock = threading.Lock()
        self._pipe: Connection | None = None
        self._process: Any = None

    def start(self) -> None:
        """Start the process."""
        ours, theirs = _SPAWN.Pipe()
        # no daemon: a treatment that runs is stopped and recorded to its end without the server
        self._process = _SPAWN.Process(target=worker.run, args=(theirs, str(self._folder)))
        self._process.start()
        theirs.close()
        self._pipe = ours
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()

    def _listen(self, pipe: Connection) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._hear(*pipe.recv())
        self._hear("gone", None)

    def say(self, word: str, content: Any = None) -> bool:
        """Send one message; return whether the process took it."""
        with self._lock:
            if self._pipe is None:
                return False
            try:
                self._pipe.send((word, content))
            except (OSError, ValueError):
                return False
            return True

    def end(self, patience_s: float = 20.0) -> None:
        """Say goodbye, and wait a while; what it records it finishes by itself, however long."""
        self.say("goodbye")
        if self._process is not None:
            self._process.join(timeout=patience_s)

    def kill(self) -> None:
        """End the process at once: for a computation that does not listen."""
        if self._process is not None:
            self._process.kill()
            self._process.join(timeout=5.0)

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return None if self._process is None else self._process.pid
