"""A drive at the end of a pipe that is on only while it is told to: for bench phantoms.

The controller's process says again and again what the power may be. A process that dies closes the
pipe; one that hangs falls silent. Both take the power off, and so does the end that was set with
the power. Nobody has to notice anything.
"""

import json
import os
import select
from collections.abc import Callable
from dataclasses import dataclass, replace

SILENCE_S = 0.03
"""The drive goes off after so long without a word: the rest of 50 ms is left to the system."""


@dataclass(frozen=True)
class Drive:
    """What the drive does now.

    Parameters
    ----------
    power_w
        Set power, W.
    off_at_s
        It goes off by itself at this time, whatever is said.
    told_s
        When it was last told anything.
    why_off
        Why it went off: "told", "end", "silence", "pipe closed"; empty while it is on.
    """

    power_w: float = 0.0
    off_at_s: float = 0.0
    told_s: float = 0.0
    why_off: str = "told"

    def off(self, why: str) -> "Drive":
        """Return the drive off; what switched it off first stands."""
        return self if self.power_w == 0.0 else replace(self, power_w=0.0, why_off=why)

    def hear(self, line: str, now_s: float) -> "Drive":
        """Return the drive after one word: a JSON object with ``power_w`` and ``off_at_s``.

        What cannot be understood takes the power off.
        """
        try:
            word = json.loads(line)
            power_w, off_at_s = float(word["power_w"]), float(word["off_at_s"])
        except (ValueError, KeyError, TypeError):
            return self.off("not understood")
        if not (power_w > 0.0 and off_at_s > now_s):
            return self.off("told")
        return Drive(power_w, off_at_s, now_s, "")

    def look(self, now_s: float, silence_s: float = SILENCE_S) -> "Drive":
        """Return the drive as time passes."""
        if now_s >= self.off_at_s:
            return self.off("end")
        return self.off("silence") if now_s - self.told_s > silence_s else self


def word(power_w: float, off_at_s: float) -> bytes:
    """Return what the controller's process says to the drive."""
    return json.dumps({"power_w": power_w, "off_at_s": off_at_s}).encode() + b"\n"


def attend(handle: int, clock: Callable[[], float], silence_s: float = SILENCE_S) -> Drive:
    """Follow a pipe until power that was on has gone off, or the pipe is closed.

    Parameters
    ----------
    handle
        The end of the pipe to be read.
    clock
        A monotonic clock, s.
    silence_s
        Longest silence that keeps the power on.
    """
    drive, was_on, text = Drive(), False, b""
    while not (was_on and drive.power_w == 0.0):
        ready, _, _ = select.select([handle], [], [], silence_s / 4.0)
        part = os.read(handle, 1 << 16) if ready else None
        if part == b"":
            return drive.off("pipe closed")
        *lines, text = (text + (part or b"")).split(b"\n")
        for line in lines:
            drive = drive.hear(line.decode("utf-8", "replace"), clock())
            was_on = was_on or drive.power_w > 0.0
        drive = drive.look(clock(), silence_s)
    return drive
