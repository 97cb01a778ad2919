"""The operator's seat: one at a time, taken over only by consent, lost by silence."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from insonate.console.models import SeatView

PRESENT_S = 2.0
"""The operator counts as there for so long after a sign of presence."""

ABANDONED_S = 20.0
"""After so long without a sign the seat is free for who asks."""


@dataclass
class OperatorSeat:
    """Who may change anything. It is an object because people come and go."""

    clock: Callable[[], float] = time.monotonic
    key: str = ""
    name: str = ""
    beat_s: float = float("-inf")
    asking_key: str = ""
    asking: str = ""
    given: dict[str, str] = field(default_factory=dict)

    def ask(self, name: str) -> tuple[str, bool]:
        """Return a key, and whether it has the seat now; otherwise the operator is asked."""
        key = secrets.token_urlsafe(18)
        if not self.taken:
            self._give(key, name)
            return key, True
        self.asking_key, self.asking = key, name
        return key, False

    def answer(self, *, give: bool) -> bool:
        """Give the seat to who asks for it, or keep it; return whether anybody asked."""
        if not self.asking_key:
            return False
        key, name = self.asking_key, self.asking
        self.asking_key = self.asking = ""
        if give:
            self._give(key, name)
        return True

    def _give(self, key: str, name: str) -> None:
        self.key, self.name, self.beat_s = key, name, self.clock()

    def holds(self, key: str) -> bool:
        """Return whether a key has the seat."""
        return bool(key) and secrets.compare_digest(key.encode(), self.key.encode())

    def beat(self, key: str) -> bool:
        """Take a sign of presence; return whether it was the operator's."""
        if not self.holds(key):
            return False
        self.beat_s = self.clock()
        return True

    @property
    def taken(self) -> bool:
        """Whether somebody has the seat and was there lately."""
        return bool(self.key) and self.clock() - self.beat_s <= ABANDONED_S

    @property
    def present(self) -> bool:
        """Whether the operator gave a sign of presence just now."""
        return bool(self.key) and self.clock() - self.beat_s <= PRESENT_S

    def view(self) -> SeatView:
        """Return what every window sees of it."""
        return SeatView(
            taken=self.taken, name=self.name, present=self.present, asking=self.asking
        )
