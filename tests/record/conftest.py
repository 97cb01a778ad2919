import pytest

from insonate.verification.record import sample_record


@pytest.fixture
def written(tmp_path):
    """A finished record and the events that its writer was given back."""
    folder = tmp_path / "record"
    return folder, sample_record(folder)
