"""The registry on the command line: make, add, import, check, report, export, back up, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from insonate.cli import options as opt
from insonate.cli.output import exit_codes, plain, print_disclaimer, print_json
from insonate.core import CheckFailedError, SettingsError
from insonate.core.provenance import DISCLAIMER

if TYPE_CHECKING:
    from insonate.outcomes.registry import Registry

app = typer.Typer(
    name="registry",
    help="Eligibility, follow-up and adverse events of one site, under pseudonyms.\n\n"
    + DISCLAIMER,
    no_args_is_help=True,
)

Address = Annotated[
    str, typer.Argument(help="A SQLite file, or postgresql://USER@HOST/DATABASE.")
]
Who = Annotated[str, typer.Option("--by", help="Who does this, for the audit trail.")]
Passphrase = Annotated[
    str,
    typer.Option(
        "--passphrase", prompt=True, hide_input=True, envvar="INSONATE_PASSPHRASE",
        help="Of the backup; asked for when not given.", show_default=False,
    ),
]  # fmt: skip


def _open(address: str, who: str, *, create: bool = False) -> "Registry":
    try:
        from insonate.outcomes.registry import open_registry
    except ImportError as error:
        raise SettingsError(
            f"The registry needs the package {error.name}; install insonate[outcomes]."
        ) from error
    return open_registry(address, who=who, create=create)


@app.command()
def init(address: Address, who: Who = "operator") -> None:
    """Make a registry, or bring an older one to the newest schema."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, who, create=True)
        plain.print(
            f"The registry {address} is ready; it holds {len(registry.patients())} patients."
        )


@app.command()
def add(
    address: Address,
    table: Annotated[str, typer.Argument(help="patients, criteria, answers, missed, medication or events.")],
    cells: Annotated[list[str], typer.Argument(help="COLUMN=VALUE, as in the CSV of the table.")],
    who: Who = "operator",
    amend: Annotated[bool, typer.Option("--amend", help="Change a row that is there.")] = False,
) -> None:  # fmt: skip
    """Add one row, or change one."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, who)
        given = dict(_pair(cell) for cell in cells)
        row = registry.amend(table, given) if amend else registry.add(table, given)
    plain.print(f"{'Changed' if amend else 'Added'} in {table}: {row}")


def _pair(cell: str) -> tuple[str, str]:
    name, equals, value = cell.partition("=")
    if not equals:
        raise SettingsError(f"'{cell}' is not COLUMN=VALUE; write it like visit=month-3.")
    return name, value


@app.command(name="import")
def import_(
    address: Address,
    path: Annotated[
        Path, typer.Argument(help="A CSV called after its table, or a folder of them.")
    ],
    who: Who = "operator",
) -> None:
    """Import CSV, all or nothing: every row is checked before one is written."""
    print_disclaimer()
    with exit_codes():
        count = _open(address, who).import_csv(path)
    plain.print(f"{count} rows were imported.")


@app.command()
def check(address: Address, json: opt.Json = False) -> None:
    """List what is missing, out of its window or unlikely; fail if the audit trail is broken."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, "operator")
        from insonate.outcomes.checking import check_registry

        findings = check_registry(registry)
        rows = [(f.kind, f.patient, f.sentence) for f in findings]
        if json:
            keys = ("kind", "patient", "sentence")
            print_json([dict(zip(keys, row, strict=True)) for row in rows])
        else:
            table = Table("kind", "patient", "finding")
            for row in rows:
                table.add_row(*row)
            plain.print(table)
            plain.print(f"{len(rows)} findings.")
        if any(f.kind == "trail" for f in findings):
            raise CheckFailedError("The audit trail is not what was written.")


@app.command()
def report(
    address: Address,
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path(
        "registry.html"
    ),
    pain: Annotated[
        str, typer.Option(help="Instrument and score of the responders.")
    ] = "nrs/current",
) -> None:
    """Write the report: who, what came of it, what went wrong, what is not known."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, "operator")
        from insonate.outcomes.reporting import write_report

        instrument, _, score = pain.partition("/")
        path = write_report(registry, out, pain=(instrument, score))
    plain.print(f"Report: {path}")


@app.command()
def export(
    address: Address,
    out: Annotated[Path, typer.Option("--out", help="An empty folder.")] = Path(
        "registry-export"
    ),
    form: Annotated[str, typer.Option("--format", help="csv, parquet or fhir.")] = "csv",
) -> None:
    """Export everything but the audit trail, with a data dictionary."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, "operator")
        from insonate.outcomes.exporting import export as write

        files = write(registry, out, form)
    plain.print(f"{len(files)} files in {out}.")


@app.command()
def screen(
    given: Annotated[list[str] | None, typer.Argument(help="FIELD=VALUE; what is not given is unknown.", show_default=False)] = None,
    plan: Annotated[Path | None, typer.Option("--plan", help="plan.json of the head.", show_default=False)] = None,
    into: Annotated[str | None, typer.Option("--into", help="A registry that the verdicts go into.", show_default=False)] = None,
    patient: Annotated[str, typer.Option("--patient", help="Pseudonym, with --into.")] = "",
    basis: Annotated[str, typer.Option("--basis", help="What the facts come from, with --into.")] = "screening",
    who: Who = "operator",
    json: opt.Json = False,
) -> None:  # fmt: skip
    """Judge each criterion: met, not met or unknown, and where it comes from."""
    from insonate.outcomes import judge
    from insonate.outcomes import screening as screenings

    print_disclaimer()
    with exit_codes():
        found = screenings.screening_of(dict(_pair(cell) for cell in given or []))
        found = found if plan is None else screenings.with_plan(found, plan)
        judged = judge(found)
        if into is not None:
            registry = _open(into, who)
            for cells in screenings.criteria_cells(patient, judged, basis):
                registry.add("criteria", cells)
    if json:
        print_json(screenings.screening_document(judged))
        return
    table = Table("criterion", "verdict", "source")
    for one in judged:
        table.add_row(one.criterion.words, one.verdict.value, one.criterion.source)
    plain.print(table)
    plain.print(screenings.SUMMARY)


@app.command()
def card(
    address: Address,
    patient: Annotated[str, typer.Argument(help="Pseudonym of a simulated patient.")],
    number: Annotated[int, typer.Argument(help="Number of the adverse event.")],
    json: opt.Json = False,
) -> None:
    """Fill in a practice incident form, marked TRAINING; it cannot be sent."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, "operator")
        from insonate.outcomes import yellow_card

        found = [
            r
            for r in registry.rows("events")
            if (r["patient"], r["number"]) == (patient, number)
        ]
        if not found:
            raise SettingsError(f"There is no event {number} of a patient '{patient}'.")
        form = yellow_card(registry.patients()[patient], found[0])
    if json:
        print_json(form.document)
    else:
        plain.print(form.text)


@app.command()
def backup(address: Address, path: Path, passphrase: Passphrase) -> None:
    """Write an encrypted backup of everything, the audit trail included."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, "operator")
        from insonate.outcomes.backup import back_up

        count = back_up(registry, path, passphrase)
    plain.print(f"{count} rows in {path}.")


@app.command()
def restore(address: Address, path: Path, passphrase: Passphrase) -> None:
    """Fill a new registry from a backup."""
    print_disclaimer()
    with exit_codes():
        registry = _open(address, "operator", create=True)
        from insonate.outcomes.backup import restore as fill

        count = fill(registry, path, passphrase)
    plain.print(f"{count} rows were restored into {address}.")
