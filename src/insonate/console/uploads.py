"""What a window uploads: bounded in size and number, named by us, looked at in a process with limits."""

import asyncio
import multiprocessing
import shutil
import sys
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from insonate.core import ImageError, InsonateError
from insonate.images import inspect_ct, read_ct, read_mr
from insonate.images.quality import require_whole_vault

MOST_FILES = 2000
"""Of one image: a CT of a head has 200-600 slices."""

MOST_BYTES = 2 * 1024**3
"""Of all files of one image."""

READING_S = 120.0
READING_BYTES = 8 * 1024**3
"""Time and memory of the process that looks at an image first."""

Kind = Literal["ct", "mr"]

_SPAWN = multiprocessing.get_context("spawn")


def clear(folder: Path, kind: Kind) -> None:
    """Delete what was uploaded of a kind."""
    shutil.rmtree(folder / "uploads" / kind, ignore_errors=True)


async def keep(
    folder: Path, kind: Kind, name: str, body: AsyncIterator[bytes], most: int
) -> Path:
    """Keep one file under a name of ours; the window's name gives the ending alone.

    Raises
    ------
    ImageError
        When there are too many files or too many bytes; nothing of this one is kept.
    """
    place = folder / "uploads" / kind
    place.mkdir(parents=True, exist_ok=True)
    there = sorted(place.iterdir())
    if len(there) >= MOST_FILES:
        raise ImageError(f"At most {MOST_FILES} files are taken for one image; give fewer.")
    left = min(most, MOST_BYTES - sum(path.stat().st_size for path in there))
    path = place / f"{len(there):05d}{_ending(name)}"
    try:
        with path.open("xb") as file:
            async for part in body:
                left -= len(part)
                _require(left, most)
                file.write(part)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _require(left: int, most: int) -> None:
    if left < 0:
        raise ImageError(
            f"The images are too large; at most {MOST_BYTES} bytes are taken in all, and {most} for "
            "one file."
        )


def _ending(name: str) -> str:
    lower = name.lower()
    return (
        ".nii.gz" if lower.endswith(".nii.gz") else ".nii" if lower.endswith(".nii") else ".dcm"
    )


def image_in(folder: Path, kind: Kind) -> Path:
    """Return the NIfTI file, or the folder of DICOM slices, that was uploaded.

    Raises
    ------
    ImageError
        When nothing was, or several volumes were.
    """
    place = folder / "uploads" / kind
    files = sorted(place.iterdir()) if place.is_dir() else []
    volumes = [path for path in files if ".nii" in path.name]
    if not files:
        raise ImageError(f"No {kind.upper()} was uploaded; drop a NIfTI file or DICOM slices.")
    if len(volumes) > 1 or (volumes and len(files) > 1):
        raise ImageError(
            f"{len(files)} files were uploaded of which {len(volumes)} are NIfTI; give one NIfTI "
            "file, or the slices of one DICOM series."
        )
    return volumes[0] if volumes else place


async def look(path: Path, kind: Kind) -> str:
    """Look at an image in a process with limits; return why it cannot be used, or nothing."""
    ours, theirs = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_look, args=(theirs, str(path), kind), daemon=True)
    process.start()
    theirs.close()
    try:
        return await asyncio.to_thread(_answer, ours)
    finally:
        process.kill()
        ours.close()


def _answer(pipe: Connection) -> str:
    try:
        if pipe.poll(READING_S + 20.0):
            answer: str = pipe.recv()
            return answer
    except (EOFError, OSError):
        return "The image could not be read: it needs too much memory or time, or is broken."
    return "The image could not be read in time."


def _look(pipe: Connection, path: str, kind: Kind) -> None:
    """Read an image under limits of memory, time and files; send why not, or nothing."""
    _limit()
    try:
        if kind == "ct":
            require_whole_vault(inspect_ct(read_ct(Path(path))))
        else:
            read_mr(Path(path))
    except InsonateError as error:
        pipe.send(str(error).replace(path, "the image"))
    except MemoryError:
        pipe.send("The image needs more memory than is allowed.")
    except Exception as error:  # noqa: BLE001 - whatever a broken file does to a reader
        pipe.send(f"The image is broken ({type(error).__name__}).")
    else:
        pipe.send("")


def _limit() -> None:
    if sys.platform == "win32":
        return  # there are no such limits there; the time is still bounded
    import resource  # noqa: PLC0415 - POSIX only

    resource.setrlimit(resource.RLIMIT_AS, (READING_BYTES, READING_BYTES))
    seconds = int(READING_S)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
