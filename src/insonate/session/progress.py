"""How a long task tells how far it is; the command line draws it, tests ignore it."""

from typing import Protocol


class Progress(Protocol):
    """Told at every step; must return at once."""

    def __call__(self, stage: str, done: float, detail: str = "") -> None:
        """``stage`` in words, ``done`` from 0 to 1, ``detail`` what is going on now."""


def silent(stage: str, done: float, detail: str = "") -> None:
    """Say nothing."""
    del stage, done, detail
