"""Virtual cohorts on the command line: run one, report it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insonate.cli import options as opt
from insonate.cli.output import exit_codes, plain, print_disclaimer, print_json, progress_bars
from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER

if TYPE_CHECKING:
    from insonate.cohort import Cohort

app = typer.Typer(
    name="cohort",
    help="Many virtual patients from one file.\n\n" + DISCLAIMER,
    no_args_is_help=True,
)

Results = Annotated[Path, typer.Argument(help="The folder of a cohort's results.")]


def _require_packages() -> None:
    try:
        import distributed  # noqa: F401
        import pyarrow  # noqa: F401, ICN001
        import yaml  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"Cohorts need the package {error.name}; install insonate[cohort]."
        ) from error


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="The cohort (YAML); see 'cohort schema'.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of results; what is there is kept.")] = Path("build/cohort"),
    scheduler: Annotated[str, typer.Option(help="local, slurm, or the address of a Dask scheduler.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Of a local or slurm cluster.")] = 2,
    practice: Annotated[
        str | None, typer.Option(help="Treat the same patients as designed, or as in 2012.", show_default=False)
    ] = None,
    guards: Annotated[
        bool, typer.Option("--guards", help="Treat patients again without each guard that spoke in them.")
    ] = False,
    quiet: opt.Quiet = False,
    json: opt.Json = False,
) -> None:  # fmt: skip
    """Treat every patient who has no result yet, and report."""
    print_disclaimer()
    with exit_codes(lambda: f"What was done stands in {out}; run it again to go on."):
        _require_packages()
        from insonate.cohort import load_cohort
        from insonate.cohort.reporting import write_report
        from insonate.cohort.running import run_cohort, run_without_guards
        from insonate.cohort.store import read_results

        asked = _practised(load_cohort(file), practice)
        with progress_bars(quiet=quiet) as progress:
            done = run_cohort(
                asked, out, scheduler=scheduler, workers=workers, progress=progress
            )
            again = (
                run_without_guards(
                    asked, out, scheduler=scheduler, workers=workers, progress=progress
                )
                if guards
                else None
            )
        page = write_report(
            read_results(done.results),
            out / "report.html",
            left_out=None if again is None else read_results(again.results),
        )
    told = {
        "results": str(done.results),
        "report": str(page),
        "done": done.done,
        "kept": done.kept,
    }
    if json:
        print_json({"disclaimer": DISCLAIMER, **told})
    else:
        plain.print(f"{done.done} patients were treated, {done.kept} had been already.")
        if again is not None:
            plain.print(
                f"{again.done + again.kept} treatments were repeated without one guard."
            )
        plain.print(f"Results: {done.results}")
        plain.print(f"Report: {page}")


def _practised(asked: "Cohort", practice: str | None) -> "Cohort":
    if practice not in (None, "designed", "2012"):
        raise SettingsError(f"There is no practice '{practice}'; choose designed or 2012.")
    return asked if practice is None else asked.model_copy(update={"practice": practice})


@app.command()
def report(
    results: Results,
    other: Annotated[
        Path | None,
        typer.Option("--against", help="The same patients under another practice.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The page.", show_default="beside the results")] = None,
) -> None:  # fmt: skip
    """Write the report of results that are there."""
    print_disclaimer()
    with exit_codes():
        _require_packages()
        from insonate.cohort.reporting import write_report
        from insonate.cohort.store import LEFT_OUT, RESULTS, read_results

        rows = read_results(results / RESULTS)
        against = None if other is None else read_results(other / RESULTS)
        again = read_results(results / LEFT_OUT) if (results / LEFT_OUT).exists() else None
        page = write_report(rows, out or results / "report.html", other=against, left_out=again)
    plain.print(f"Report: {page}")


@app.command()
def schema() -> None:
    """Print the JSON schema of a cohort file."""
    with exit_codes():
        _require_packages()
        from insonate.cohort import schema as cohort_schema

        print_json(cohort_schema())
