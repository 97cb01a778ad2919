"""A study that a test can change."""

import tomllib
from importlib import resources

import pytest

from insonate.evidence.study import Study


@pytest.fixture
def raw():
    """The trial with a sham, as a dictionary."""
    folder = resources.files("insonate.evidence") / "data" / "studies"
    return tomllib.loads((folder / "ishaque-2024.toml").read_text("utf-8"))


@pytest.fixture
def new_study(raw):
    """Return a function that makes a study of a new team; keywords replace its fields."""

    def make(**fields):
        return Study.model_validate(
            raw | {"name": "new", "label": "New", "team": "new"} | fields
        )

    return make
