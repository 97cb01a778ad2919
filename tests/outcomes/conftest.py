"""A registry on each database, empty or with a few patients."""

from datetime import UTC, datetime
from itertools import count

import postgres
import pytest

from insonate.outcomes.registry import open_registry
from insonate.verification.malformed import good_rows, write_rows

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres_address():
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """The address of a database that holds nothing yet."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.db")
    server = request.getfixturevalue("postgres_address")
    return postgres.new_database(server, f"registry{next(_NUMBERS)}")


@pytest.fixture
def registry(address):
    opened = open_registry(address, who="tester", create=True, clock=lambda: NOW)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def filled(registry, tmp_path):
    write_rows(good_rows(), tmp_path / "in")
    registry.import_csv(tmp_path / "in")
    return registry
