"""``insonate serve``: the operator's console in a browser."""

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insonate.cli import options as opt
from insonate.cli.output import exit_codes, plain, print_disclaimer, say
from insonate.core import SettingsError

if TYPE_CHECKING:
    from insonate.console.serve import Addresses

SAMPLE = Path("samples/cranium")
"""Offered where it lies in the current folder and nothing else was given."""


def serve(
    case: opt.Case = None,
    ct: opt.Ct = None,
    mr: opt.Mr = None,
    host: Annotated[
        str, typer.Option(help="Where the server listens; another address lets others in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
    draft: Annotated[
        bool, typer.Option("--draft", help="Coarse grids: answers in seconds, rough numbers.")
    ] = False,
    registry: Annotated[
        str,
        typer.Option(
            help="A registry whose report the page shows: a SQLite file, or postgresql://…",
            show_default=False,
        ),
    ] = "",
    out: opt.Out = Path("build/console"),
) -> None:
    """Serve the operator's console: a page where a treatment is planned, watched and stopped."""
    print_disclaimer()
    with exit_codes(lambda: f"What was recorded lies in {out}."):
        _require_extra()
        from insonate.console.serve import LOOPBACK, ServeOptions
        from insonate.console.serve import serve as run
        from insonate.session import case_source

        if case is None and ct is None and SAMPLE.is_dir():
            case = SAMPLE
        if registry:
            from insonate.console.registry import registry_report

            registry_report(registry)  # what cannot be read is said now
        given = None
        if case is not None or ct is not None:
            given = case_source(case, ct, mr, phantom=False)
        if host not in LOOPBACK:
            say(
                "Warning",
                "yellow",
                "Whoever reaches this address and has the link can operate.",
            )

        def tell(addresses: "Addresses") -> None:
            plain.print(f"Operate: {addresses.operate}")
            plain.print(f"Observe: {addresses.observe}")
            plain.print("End with Ctrl+C; a treatment that runs is stopped and recorded.")
            if open_browser:
                webbrowser.open(addresses.operate)

        run(ServeOptions(out, given, host, port, draft, registry), tell)


def _require_extra() -> None:
    missing = [name for name in ("fastapi", "uvicorn", "websockets") if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"The console needs {', '.join(missing)}, which this installation lacks. Run: "
            "pip install 'insonate[console]'"
        )
