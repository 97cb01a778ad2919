"""How fast a rehearsal runs: as fast as it can, or so many times faster than a clock on the wall."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from insonate.core import SettingsError


@dataclass(frozen=True)
class Pace:
    """Waits until the wall's clock has come as far as the session's.

    Parameters
    ----------
    speed
        Session seconds for each second of the wall; None: never wait.
    clock, sleep
        The wall's clock, s, and how to wait.

    Raises
    ------
    SettingsError
        When the speed is not a positive number.
    """

    speed: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    began_s: float = field(init=False)

    def __post_init__(self) -> None:
        if self.speed is not None and not 0.0 < self.speed < float("inf"):
            raise SettingsError(
                f"The speed is {self.speed:g}; it must be a positive number, 1 for real time."
            )
        object.__setattr__(self, "began_s", self.clock())

    def keep(self, session_s: float) -> None:
        """Return when the wall's clock shows what belongs to ``session_s``."""
        if self.speed is None:
            return
        left = session_s / self.speed - (self.clock() - self.began_s)
        if left > 0.0:
            self.sleep(left)
