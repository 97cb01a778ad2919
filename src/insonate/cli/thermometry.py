"""``insonate thermometry``: files or a live stream to temperature and dose."""

import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insonate.cli import options as opt
from insonate.cli.output import exit_codes, plain, print_disclaimer, print_json
from insonate.core import SettingsError
from insonate.core.provenance import DISCLAIMER

if TYPE_CHECKING:
    from insonate.thermometry.series import SeriesOptions

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        help="A folder of DICOM images, or magnitude and phase as two NIfTI files.",
        show_default=False,
    ),
]
Header = Annotated[
    Path | None,
    typer.Option("--header", help="JSON with the fields of the protocol.", show_default=False),
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", help="A named protocol to start from.", show_default=False),
]


def thermometry(
    files: Files = None,
    listen: Annotated[
        bool, typer.Option("--listen", help="Serve MRD instead of reading files.")
    ] = False,
    header: Header = None,
    preset: Preset = None,
    method: Annotated[
        str,
        typer.Option(
            help="mean, nearest, modes, harmonic, referenceless, referenceless-harmonic, hybrid."
        ),
    ] = "mean",
    references: Annotated[int, typer.Option(help="Unheated images at the start.")] = 4,
    baseline_degc: Annotated[float, typer.Option(help="Their temperature, °C.")] = 37.0,
    drift_order: Annotated[int, typer.Option(help="0, 1 or 2.")] = 1,
    phase: Annotated[
        str,
        typer.Option(help="radians, siemens, siemens-raw, milliradians, degrees, full-range."),
    ] = "radians",
    host: Annotated[str, typer.Option(help="Where the server listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the MRD server; 0 takes a free one.")] = 9002,
    igtl_port: Annotated[
        int | None,
        typer.Option(help="Send OpenIGTLink to 3D Slicer; 18944 is usual.", show_default=False),
    ] = None,
    out: opt.Out = Path("build/thermometry"),
    json: opt.Json = False,
) -> None:
    """Measure temperature and dose from complex MR images: from files, or live."""
    from insonate.thermometry.reconstruct import Reconstruction
    from insonate.thermometry.series import SeriesOptions

    print_disclaimer()
    with exit_codes():
        how = Reconstruction(method=method, drift_order=drift_order)  # type: ignore[arg-type]
        options = SeriesOptions(references, baseline_degc, how=how)
        if listen == bool(files):
            raise SettingsError("Give either files or --listen.")
        if listen:
            _listen((header, preset), options, (host, port, igtl_port), out)
        else:
            _measure(files or [], (header, preset), options, (phase, out, json))


def _measure(
    files: list[Path],
    header: tuple[Path | None, str | None],
    options: "SeriesOptions",
    rest: tuple[str, Path, bool],
) -> None:
    from insonate.session.thermometry import Line, measure_files

    convention, out, json = rest
    lines: list[Line] = []

    def show(line: Line) -> None:
        lines.append(line)
        if not json:
            plain.print(line.sentence)

    paths = measure_files(files, header, options, out, convention=convention, show=show)
    if json:
        written = [str(p) for p in paths]
        frames = [asdict(line) for line in lines]
        print_json({"disclaimer": DISCLAIMER, "written": written, "frames": frames})
    else:
        plain.print(f"Maps and curves: {out}")


def _listen(
    header: tuple[Path | None, str | None],
    options: "SeriesOptions",
    where: tuple[str, int, int | None],
    out: Path,
) -> None:
    from insonate.session.listening import Listening, listen
    from insonate.session.thermometry import header_from
    from insonate.streams import ServerOptions

    host, port, igtl_port = where
    protocol = header_from(*header, {})
    place = Listening(ServerOptions(host, port), igtl_port)
    paths = listen(protocol, options, place, out, show=plain.print, until=threading.Event())
    plain.print(f"Maps and curves: {out}" if paths else "No frame came; nothing was written.")
