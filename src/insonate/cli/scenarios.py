"""The scenarios of rehearsals: the list, and how one ended."""

from enum import StrEnum
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from insonate.cli import options as opt
from insonate.cli.output import plain, print_disclaimer, print_json
from insonate.core.provenance import DISCLAIMER

if TYPE_CHECKING:
    from insonate.session.expectation import Verdict
    from insonate.session.scoring import Point


class OperatorKind(StrEnum):
    """Who operates a rehearsal."""

    AUTO = "auto"
    ASK = "ask"


def scenarios(json: opt.Json = False) -> None:
    """List the scenarios that a rehearsal knows by name, and how each must end."""
    from insonate.plant import SCENARIOS

    print_disclaimer()
    rows = [
        (name, s.description, s.expect.sentence if s.expect is not None else "")
        for name, s in SCENARIOS.items()
    ]
    if json:
        keys = ("name", "description", "expectation")
        listed = [dict(zip(keys, row, strict=True)) for row in rows]
        print_json({"disclaimer": DISCLAIMER, "scenarios": listed})
        return
    table = Table("name", "what happens", "how it must end")
    for row in rows:
        table.add_row(*row)
    plain.print(table)


def print_ending(score: "tuple[Point, ...]", verdicts: "tuple[Verdict, ...]") -> None:
    """Print how a rehearsal was led, and whether it ended as its scenario says."""
    table = Table("objective", "found", "")
    for point in score:
        mark = Text("reached", "green") if point.reached else Text("missed", "bold red")
        table.add_row(point.objective, point.found, mark)
    plain.print(table)
    reached = sum(point.reached for point in score)
    plain.print(f"{reached} of {len(score)} objectives were reached.")
    for verdict in (v for v in verdicts if not v.met):
        plain.print(f"Not as the scenario says: {verdict.expected}; found: {verdict.found}.")
