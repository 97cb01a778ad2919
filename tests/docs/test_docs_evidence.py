"""The page of the evidence is what the studies say."""

import importlib.util
from pathlib import Path

import pytest

from insonate.core.provenance import DISCLAIMER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location(
        "evidence_page", ROOT / "scripts/make_evidence_page.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_studies_say(script):
    """Otherwise run ``python scripts/make_evidence_page.py``."""
    text = (ROOT / "docs/evidence.md").read_text("utf-8")
    assert text == script.page()
    assert DISCLAIMER in text


def test_a_study_less_changes_the_page(script, monkeypatch):
    before = script.page()
    fewer = script.shipped_studies()[:-1]
    monkeypatch.setattr(script, "shipped_studies", lambda: fewer)
    assert script.page() != before
