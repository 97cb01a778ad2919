"""One writer at a time: a lock that the system releases when its process ends, however it ends."""

import os
import sys
from pathlib import Path

from insonate.core import RecordError


def lock(folder: Path) -> int:
    """Return the handle of the folder's lock, held until it is closed.

    Raises
    ------
    RecordError
        When another writer holds it.
    """
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle)
    except OSError as error:
        os.close(handle)
        raise RecordError(
            f"Another program is writing the record in {folder}; one writer is allowed. "
            "Wait for it to end or choose another folder."
        ) from error
    return handle


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _acquire(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
