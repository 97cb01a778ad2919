"""The options that several commands share, with their help."""

from pathlib import Path
from typing import Annotated

import typer

Case = Annotated[
    Path | None,
    typer.Argument(help="A case folder, such as samples/cranium.", show_default=False),
]
Ct = Annotated[
    Path | None,
    typer.Option(
        "--ct", help="A CT: NIfTI file or folder of DICOM slices.", show_default=False
    ),
]
Mr = Annotated[
    Path | None,
    typer.Option("--mr", help="T1 of the same person (goes with --ct).", show_default=False),
]
Phantom = Annotated[bool, typer.Option("--phantom", help="Use the built-in synthetic head.")]
TargetName = Annotated[
    str, typer.Option("--target", help="cl-left, cl-right, vim-left or vim-right.")
]
TargetRas = Annotated[
    tuple[float, float, float] | None,
    typer.Option("--target-ras", help="A point in the CT's RAS millimetres.", metavar="X Y Z"),
]
Frequency = Annotated[
    float, typer.Option("--frequency-khz", help="Frequency of the array, 200-1000 kHz.")
]
Mapping = Annotated[
    str, typer.Option("--mapping", help="From CT numbers to acoustic properties, by name.")
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="What sets the phases: ray, has (waves, one way; seconds), born (waves; minutes), none.",
    ),
]
AbsorbedShare = Annotated[
    float | None,
    typer.Option(
        "--absorbed-share",
        help="Share of the bone's attenuation that becomes heat, 0.15-1.",
        show_default="from the tissue table",
    ),
]
Out = Annotated[Path, typer.Option("--out", help="Folder for everything that is written.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Delete an earlier result in the --out folder first.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Draw no progress.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document to standard output.")
]
