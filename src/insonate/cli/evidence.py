"""The evidence on the command line: what is known, said in plain words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from insonate.cli import options as opt
from insonate.cli.output import exit_codes, plain, print_disclaimer, print_json

if TYPE_CHECKING:
    from insonate.evidence import Statement, Study


def evidence(
    add: Annotated[
        list[Path] | None,
        typer.Option(
            "--add", help="A study file (TOML), or a folder of them.", show_default=False
        ),
    ] = None,
    only_added: Annotated[
        bool, typer.Option("--only-added", help="Leave the studies that are shipped out.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of a study file instead.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Also write tables, plots and JSON here.", show_default=False
        ),
    ] = None,
    replace: opt.Replace = False,
    json: opt.Json = False,
) -> None:
    """Say what the studies show, pooled where that is allowed, and what they do not show."""
    from insonate.evidence import document, load_studies, state, study_schema, write_evidence

    if schema:
        print_json(study_schema())
        return
    print_disclaimer()
    with exit_codes():
        studies = load_studies(add or [], shipped=not only_added)
        folder = write_evidence(studies, out, replace=replace) if out is not None else None
        if json:
            print_json(document(studies))
        else:
            _print_tables(studies)
            _print_statement(state(studies))
    if folder is not None and not json:
        plain.print(f"Written: {folder}")


def _print_statement(statement: "Statement") -> None:
    for paragraph in statement.paragraphs:
        plain.print(f"\n{paragraph.heading}")
        for sentence in paragraph.sentences:
            plain.print(f"- {sentence.replace('**', '')}")


def _print_tables(studies: "tuple[Study, ...]") -> None:
    from insonate.evidence.tables import ANSWER_HEAD, STUDY_HEAD, answer_rows, study_rows

    for title, head, rows in (
        ("Studies", STUDY_HEAD, study_rows(studies)),
        ("Outcomes (* is in no pool)", ANSWER_HEAD, answer_rows(studies)),
    ):
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(*row)
        plain.print(table)
