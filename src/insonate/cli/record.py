"""The commands that look at a record: check, show, export."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from insonate.cli import options as opt
from insonate.cli.output import exit_codes, plain, print_disclaimer, print_json, say
from insonate.core import CheckFailedError
from insonate.core.provenance import DISCLAIMER

if TYPE_CHECKING:
    from insonate.events import Event

app = typer.Typer(
    help="Look at a record: prove it, show its events, export it.", no_args_is_help=True
)
Folder = Annotated[Path, typer.Argument(help="A record folder.")]


@app.command()
def check(record: Folder, json: opt.Json = False) -> None:
    """Prove every event and every array; say what is missing or was changed, and where."""
    from insonate.record import check_record

    print_disclaimer()
    with exit_codes():
        findings = check_record(record)
        if json:
            found = [asdict(finding) for finding in findings]
            print_json({"disclaimer": DISCLAIMER, "findings": found})
        for finding in () if json else findings:
            plain.print(f"{finding.where}: {finding.sentence}")
        if findings:
            raise CheckFailedError(f"{len(findings)} findings in {record}.")
    if not json:
        plain.print(f"The record in {record} is whole; nothing in it was changed.")


@app.command()
def show(
    record: Folder,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only events of this kind; may be repeated."),
    ] = None,
    since: Annotated[float, typer.Option(help="From this session time on, s.")] = 0.0,
    until: Annotated[float, typer.Option(help="Up to this session time, s.")] = float("inf"),
    json: opt.Json = False,
) -> None:
    """Show the events of a record, each with what it answers and all its values."""
    from insonate.record import open_record

    print_disclaimer()
    with exit_codes():
        opened = open_record(record)
        for sentence in opened.missing:
            say("Note", "yellow", sentence)
        chosen = [e for e in opened.events if _wanted(e, kind or [], (since, until))]
    if json:
        events = [event.model_dump(mode="json") for event in chosen]
        print_json({"disclaimer": DISCLAIMER, "events": events})
    else:
        plain.print(_table(chosen))
        plain.print(f"{len(chosen)} of {len(opened.events)} events.")


@app.command()
def export(
    record: Folder,
    out: Annotated[Path, typer.Option("--out", help="A new folder for what is written.")],
    form: Annotated[str, typer.Option("--format", help="jsonl, csv or bids.")] = "jsonl",
    identified: Annotated[
        bool, typer.Option("--identified", help="Keep dates, names and free text.")
    ] = False,
) -> None:
    """Write a record for others: de-identified, in a common format."""
    from insonate.record import open_record
    from insonate.record.export import export_record

    print_disclaimer()
    with exit_codes():
        opened = open_record(record)
        for sentence in opened.missing:
            say("Note", "yellow", sentence)
        plain.print(f"Export: {export_record(opened, out, form, identified=identified)}")


def _wanted(event: "Event", kinds: list[str], times_s: tuple[float, float]) -> bool:
    inside = times_s[0] <= event.time_s <= times_s[1]
    return inside and (not kinds or event.payload.kind in kinds)


def _table(events: "list[Event]") -> Table:
    table = Table("", "time s", "source", "answers", "kind", "values")
    for event in events:
        content = event.payload.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)
        shown = ", ".join(f"{name} {_short(value)}" for name, value in content.items())
        cause = "" if event.cause is None else str(event.cause)
        row = (str(event.sequence), f"{event.time_s:.2f}", str(event.source), cause)
        table.add_row(*row, event.payload.kind, shown)
    return table


def _short(value: object) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
