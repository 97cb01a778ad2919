"""The pages of hazards and states are what the code says; a guard without a test is found."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location(
        "pages", ROOT / "scripts/make_safety_pages.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_what_the_code_says(script):
    """Otherwise run ``python scripts/make_safety_pages.py``."""
    for path, text in script.pages().items():
        assert path.read_text("utf-8") == text


def test_a_guard_without_a_test_is_found(script, monkeypatch):
    lonely = replace(script.GUARDS[0], name="lonely")
    monkeypatch.setattr(script, "GUARDS", (*script.GUARDS, lonely))
    with pytest.raises(SystemExit, match="lonely"):
        script.hazards_page()


def test_every_hazard_has_a_guard_and_every_guard_its_row(script):
    text = script.hazards_page()
    for hazard in script.Hazard:
        assert any(guard.hazard is hazard for guard in script.GUARDS)
        assert hazard.value in text
    assert all(f"**{guard.name}**" in text for guard in script.GUARDS)


def test_the_diagram_has_every_arrow(script):
    arrows = {(b, a) for b, row in script.TABLE.items() for a in row.values()}
    drawn = {line for line in script.diagram().splitlines() if "->" in line}
    assert len(drawn) == len(arrows)
    picture = script.picture()
    assert picture.count('<path d="M') - 1 == sum(b is not a for b, a in arrows)
    assert all(f">{state}</text>" in picture for state in script.State)
