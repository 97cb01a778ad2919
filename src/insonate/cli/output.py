"""What the command line shows: progress bars, tables, sentences, JSON; and its exit codes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from insonate.core import CheckFailedError, InputError
from insonate.core.provenance import DISCLAIMER

EXIT_CHECK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

human = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
"""People read this: progress, warnings, errors. It is standard error, so that pipes stay clean.

Nothing is read as markup: a path may hold brackets."""

plain = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
"""Results go to standard output."""


def print_json(document: Any) -> None:
    """Print one JSON document to standard output, with nothing round it."""
    typer.echo(json.dumps(_known(document), indent=2, allow_nan=False, default=str))


def _known(value: Any) -> Any:
    """Return a document with null for every number that is not finite: JSON has none."""
    if isinstance(value, dict):
        return {key: _known(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_known(entry) for entry in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def print_disclaimer() -> None:
    """Say what this software is not."""
    human.print(Text(DISCLAIMER, style="bold"))


def say(label: str, style: str, sentence: str) -> None:
    """Tell people a sentence under a coloured label."""
    human.print(Text.assemble((f"{label}:", style), " ", sentence))


@contextmanager
def exit_codes(kept: Callable[[], str] | None = None) -> Iterator[None]:
    """Turn errors into one sentence and an exit code; a traceback means a bug of ours.

    ``kept`` says what of an interrupted run remains, for the message.
    """
    try:
        yield
    except InputError as error:
        say("Error", "bold red", str(error))
        raise typer.Exit(EXIT_BAD_INPUT) from error
    except CheckFailedError as error:
        say("Failed", "bold red", str(error))
        raise typer.Exit(EXIT_CHECK_FAILED) from error
    except KeyboardInterrupt:
        rest = kept() if kept else "Nothing was written."
        human.print(f"Interrupted. {rest}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


class StageBars:
    """One progress bar for each stage of a task, drawn on standard error."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: float, detail: str = "") -> None:
        """Draw ``stage`` at ``done`` (0 to 1), with what is going on now."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=1.0, detail="")
        self._bars.update(self._tasks[stage], completed=done, detail=detail)


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Callable[..., None]]:
    """Yield a callable that draws progress, or one that says nothing when ``quiet``."""
    bars = Progress(
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        console=human,
        disable=quiet,
    )
    with bars:
        yield StageBars(bars)
