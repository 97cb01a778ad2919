"""Make the pictures of docs/console.md from those that the browser tests keep.

Run `python -m pytest tests/console/test_console_browser.py` first: it leads a whole rehearsal on the sample head
and keeps a picture of every step in build/console-pictures.
"""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "console-pictures"
PICTURES = ROOT / "docs" / "pictures"
NAMES = {
    "1-images": "images",
    "2-head": "head",
    "3-target": "target",
    "4-plan": "plan",
    "5-power": "power",
    "5-stopped": "stopped",
    "6-report": "report",
}


def main() -> None:
    """Reduce each picture to 128 colours: a tenth of the size, the same to the eye."""
    for kept, name in NAMES.items():
        path = KEPT / f"{kept}-1280.png"
        if not path.is_file():
            raise SystemExit(f"{path} is missing; run the browser tests of the console first.")
        picture = Image.open(path).convert("RGB").quantize(128)
        picture.save(PICTURES / f"console-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
