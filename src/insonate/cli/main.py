"""The command line: plan, rehearse, replay, report, verify, serve.

What a command needs is imported when it runs, so that ``--help`` answers at once.

Exit codes: 0 done, 1 a check failed, 2 bad input.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from insonate.cli import cohort as cohort_commands
from insonate.cli import options as opt
from insonate.cli import record as record_commands
from insonate.cli import registry as registry_commands
from insonate.cli import scenarios as scenario_commands
from insonate.cli.evidence import evidence
from insonate.cli.output import (
    exit_codes,
    plain,
    print_disclaimer,
    print_json,
    progress_bars,
    say,
)
from insonate.cli.scenarios import OperatorKind, print_ending
from insonate.cli.serve import serve
from insonate.cli.thermometry import thermometry
from insonate.core import CheckFailedError
from insonate.core.provenance import DISCLAIMER, versions

if TYPE_CHECKING:
    from insonate.report import Summary
    from insonate.session.case import RehearsalResult
    from insonate.verification import Check

app = typer.Typer(
    name="insonate",
    help="An open digital twin of transcranial MR-guided focused ultrasound.\n\n" + DISCLAIMER,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(record_commands.app, name="record")
app.add_typer(registry_commands.app, name="registry")
app.add_typer(cohort_commands.app, name="cohort")
app.command(name="scenarios")(scenario_commands.scenarios)


def _version(value: bool) -> None:
    if value:
        plain.print(f"insonate {versions()['insonate']}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command()
def plan(
    case: opt.Case = None,
    ct: opt.Ct = None,
    mr: opt.Mr = None,
    phantom: opt.Phantom = False,
    target: opt.TargetName = "cl-left",
    target_ras: opt.TargetRas = None,
    frequency_khz: opt.Frequency = 650.0,
    mapping: opt.Mapping = "mcdannold2019",
    absorbed_share: opt.AbsorbedShare = None,
    engine: opt.Engine = "ray",
    out: opt.Out = Path("build/plan"),
    replace: opt.Replace = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Plan a head: elements, phases, focal field, predicted heating; write plan.json and tables."""
    from insonate.session import PlanSettings, case_source, plan_case

    print_disclaimer()
    with exit_codes():
        source = case_source(case, ct, mr, phantom=phantom)
        settings = PlanSettings(
            target, target_ras, frequency_khz * 1e3, mapping, absorbed_share, engine=engine
        )
        with progress_bars(quiet=quiet) as progress:
            summary = plan_case(source, settings, out, progress=progress, replace=replace)
    if json:
        print_json(summary)
    else:
        _print_facts("Plan", summary)
        plain.print(f"Plan: {out / 'plan.json'}")


@app.command()
def rehearse(
    case: opt.Case = None,
    ct: opt.Ct = None,
    mr: opt.Mr = None,
    phantom: opt.Phantom = False,
    target: opt.TargetName = "cl-left",
    target_ras: opt.TargetRas = None,
    frequency_khz: opt.Frequency = 650.0,
    mapping: opt.Mapping = "mcdannold2019",
    absorbed_share: opt.AbsorbedShare = None,
    engine: opt.Engine = "ray",
    scenario: Annotated[
        str, typer.Option(help="A scenario by name (see `insonate scenarios`), or a TOML file.")
    ] = "cooperative",
    operator: Annotated[
        OperatorKind, typer.Option(help="Who operates: nobody, or you, asked here.")
    ] = OperatorKind.AUTO,
    speed: Annotated[
        float | None,
        typer.Option(help="So many times real time; 1: real time.", show_default="full speed"),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="Send the scanner's images through the MRD server, as live ones."
        ),
    ] = False,
    between: Annotated[
        float,
        typer.Option(
            help="Minutes from power off to the next request: questions, examination."
        ),
    ] = 8.0,
    seed: Annotated[int, typer.Option(help="Draws the simulated patient and all noise.")] = 1,
    out: opt.Out = Path("build/rehearsal"),
    replace: opt.Replace = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:
    """Rehearse a whole treatment on a head and end with a report and a record."""
    from insonate.cli.asking import AskingOperator
    from insonate.session import PlanSettings, RehearsalSettings, case_source, rehearse_case
    from insonate.session.operators import Unattended

    print_disclaimer()
    with exit_codes(lambda: f"If the treatment had begun, it stands in {out / 'record'}."):
        source = case_source(case, ct, mr, phantom=phantom)
        settings = PlanSettings(
            target, target_ras, frequency_khz * 1e3, mapping, absorbed_share, engine=engine
        )
        asking = operator is OperatorKind.ASK
        how = RehearsalSettings(
            scenario,
            seed,
            operator=AskingOperator if asking else Unattended,
            speed=speed,
            stream=stream,
            between_s=60.0 * between,
        )
        with progress_bars(quiet=quiet or asking) as progress:
            result = rehearse_case(
                source, settings, how, out, progress=progress, replace=replace
            )
    if json:
        _print_ending_as_json(result)
        return
    _print_treatment(result.summary)
    print_ending(result.score, result.verdicts)
    plain.print(f"Record: {result.record}")
    plain.print(f"Report: {result.report}")


def _print_ending_as_json(result: "RehearsalResult") -> None:
    """Print summary, score and verdicts as one document."""
    ending = {
        "score": [asdict(point) for point in result.score],
        "expectation": [asdict(verdict) for verdict in result.verdicts],
    }
    print_json({**asdict(result.summary), **ending})


@app.command()
def replay(
    record: Annotated[Path, typer.Argument(help="A record folder.")],
    json: opt.Json = False,
) -> None:
    """Feed a record's observations to the controller again; its decisions must be the same."""
    from insonate.session import replay_record

    print_disclaimer()
    with exit_codes():
        result = replay_record(record)
        if json:
            print_json({"disclaimer": DISCLAIMER, **asdict(result)})
        else:
            plain.print(result.sentence)
        if not result.identical:
            raise CheckFailedError("The replay differs from the record.")


@app.command()
def report(
    record: Annotated[Path, typer.Argument(help="A record folder.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write.", show_default="report.html beside it"),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            help="A record of the same patient to compare with.",
            show_default="the one that a rehearsal left beside it, if it did",
        ),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Rebuild the report from a record alone; with another one beside it, where there is one."""
    from insonate.record import open_record
    from insonate.record.places import record_beside
    from insonate.report import render_report, summarise

    print_disclaimer()
    with exit_codes():
        opened = open_record(record)
        for sentence in opened.missing:
            say("Note", "yellow", sentence)
        other = beside or record_beside(record)
        second = None if other is None else open_record(other)
        path = render_report(opened, out or record.parent / "report.html", second)
        if json:
            print_json({"report": str(path), **asdict(summarise(opened))})
        else:
            plain.print(f"Report: {path}")


@app.command()
def verify(
    area: Annotated[
        str | None,
        typer.Argument(
            help="One area only, such as field; with --slow also a part of one: field/shell.",
            show_default="all areas",
        ),
    ] = None,
    slow: Annotated[
        bool,
        typer.Option(
            "--slow", help="The slow checks instead, told one by one: minutes to hours."
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Thermometry on real phase instead: a folder of magnitude and phase NIfTI files.",
            show_default=False,
        ),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Compute every verified number now and compare it with its limit."""
    from insonate.verification.areas import left_out, run_checks

    print_disclaimer()
    with exit_codes():
        for sentence in left_out() if area is None else ():
            say("Note", "yellow", sentence)
        checks = []
        for check in run_checks(area, slow=slow, data=data):
            checks.append(check)
            if slow:
                _say_check(check)
        if json:
            print_json([asdict(c) for c in checks])
        else:
            plain.print(_check_table(checks))
        failed = [c for c in checks if not c.passed]
        if failed:
            raise CheckFailedError(
                f"{len(failed)} of {len(checks)} checks did not reach their limit: "
                + "; ".join(c.check for c in failed)
                + "."
            )
    if not json:
        plain.print(f"{len(checks)} checks, all within their limits.")


app.command()(thermometry)
app.command()(evidence)
app.command()(serve)


def _say_check(check: "Check") -> None:
    """Tell people of one check as soon as it is computed: the slow ones take hours together."""
    label, style = ("kept", "green") if check.passed else ("MISSED", "bold red")
    found = f"{check.value:.4g} of {check.limit:.4g} {check.unit}"
    say(label, style, f"{check.area}, {check.check}: {found}")


def _check_table(checks: "list[Check]") -> Table:
    table = Table("area", "check", "value", "limit", "unit", "", "reference")
    for c in checks:
        mark = Text("kept", "green") if c.passed else Text("MISSED", "bold red")
        table.add_row(
            c.area, c.check, f"{c.value:.4g}", f"{c.limit:.4g}", c.unit, mark, c.reference
        )
    return table


def _print_facts(title: str, facts: dict[str, object]) -> None:
    table = Table(title=title, show_header=False)
    for name, value in facts.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), shown)
    plain.print(table)


def _print_treatment(summary: "Summary") -> None:
    table = Table(
        "", "stage", "power W", "energy kJ", "predicted °C", "measured °C", "ended by"
    )
    for s in summary.sonications:
        cells = (s.power_w, (s.energy_j or 0.0) / 1e3, s.predicted_peak_degc, s.peak_degc)
        shown = ("-" if c is None else f"{c:.1f}" for c in cells)
        table.add_row(str(s.sonication), s.stage, *shown, s.end_reason or "-")
    plain.print(table)
    plain.print(summary.sentence)
    broken = summary.limits_broken
    plain.print(
        f"Limits not kept: {', '.join(broken)}."
        if broken
        else f"All {summary.limits_judged} limits that were judged were kept."
    )


def run() -> None:
    """Run the command line."""
    app()
