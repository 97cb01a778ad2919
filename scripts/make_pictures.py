"""Make the pictures of the README and the documentation from a finished record.

Run it after a rehearsal, with the record's folder:

    insonate rehearse samples/cranium --out build/rehearsal --replace
    python scripts/make_pictures.py build/rehearsal/record

Each picture is the report's own, with fewer pixels and at most 128 colours, so that it is small
enough to be committed; every one carries the disclaimer.
"""

import argparse
import base64
import io
import sys
from pathlib import Path

from PIL import Image

from insonate.record import open_record
from insonate.report import anatomy, canvas, elements, maps, temperatures, timeline
from insonate.report.canvas import Picture
from insonate.report.story import Story

WIDTH_PIXELS = 1100
COLOURS = 128
LARGEST_BYTES = 300_000
OUT = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def pictures(story: Story) -> dict[str, Picture]:
    """Return the pictures that are committed, by file name; drawn by the report's functions."""
    array = elements.elements_of(story)
    drawn = {
        "planes": anatomy.planes_picture(story),
        "array": elements.array_picture(story, array) if array is not None else None,
        "peaks": temperatures.temperatures_picture(story),
        "thermometry": next(reversed(maps.map_pictures(story)), None),
        "session": timeline.timeline_picture(story),
    }
    missing = [name for name, picture in drawn.items() if picture is None]
    if missing:
        sys.exit(f"The record lacks what these pictures need: {', '.join(missing)}.")
    return {name: picture for name, picture in drawn.items() if picture is not None}


def small(uri: str) -> bytes:
    """Return a picture as a small PNG."""
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    height = round(image.height * WIDTH_PIXELS / image.width)
    image = image.resize((WIDTH_PIXELS, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.quantize(COLOURS).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write every picture, or stop where one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="folder of a finished record")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    canvas.svg_uri = canvas.png_uri  # some are drawn as SVG; a README wants PNG
    for name, picture in pictures(Story(open_record(given.record))).items():
        data = small(picture.uri)
        if len(data) > LARGEST_BYTES:
            sys.exit(
                f"{name}.png has {len(data)} bytes; at most {LARGEST_BYTES} are committed."
            )
        (given.out / f"{name}.png").write_bytes(data)
        print(f"{given.out / name}.png: {len(data) // 1000} kB")


if __name__ == "__main__":
    main()
