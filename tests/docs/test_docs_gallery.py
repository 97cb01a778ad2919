"""The gallery's scripts run, and say what they promise."""

import re
import runpy
from pathlib import Path

import pytest

GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"


@pytest.mark.parametrize("script", sorted(GALLERY.glob("*.py")), ids=lambda p: p.name)
def test_a_gallery_script_runs(script, capsys):
    runpy.run_path(str(script))
    said = capsys.readouterr().out
    low, high, middle = map(
        float, re.search(r"dose (\d+) to (\d+) CEM43, middle (\d+)", said).groups()
    )
    assert 1 < low < middle < high


def test_the_example_is_as_short_as_it_says():
    text = (GALLERY / "dose_interval.py").read_text(encoding="utf-8")
    body = text[text.index("slice_, rng") :].splitlines()
    assert len([line for line in body if line.strip()]) <= 20
