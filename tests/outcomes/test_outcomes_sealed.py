"""Backups that were changed, and a PostgreSQL that is not there."""

from pathlib import Path

import postgres
import pytest

from insonate.core import RecordError, SettingsError
from insonate.outcomes.backup import back_up, restore
from insonate.outcomes.registry import open_registry
from insonate.verification.malformed import good_rows, write_rows

PASSPHRASE = "correct horse battery"


@pytest.fixture
def registries(tmp_path):
    opened = [open_registry(str(tmp_path / f"{n}.db"), who="x", create=True) for n in "ab"]
    write_rows(good_rows(1), tmp_path / "in")
    opened[0].import_csv(tmp_path / "in")
    yield opened
    for registry in opened:
        registry.engine.dispose()


def test_another_passphrase_does_not_open_it(registries, tmp_path):
    back_up(registries[0], tmp_path / "b", PASSPHRASE)
    with pytest.raises(RecordError, match="the passphrase is another"):
        restore(registries[1], tmp_path / "b", PASSPHRASE + "!")


@pytest.mark.parametrize("at", [0, 9, 30, 60, -1])
def test_a_changed_bit_is_found(registries, tmp_path, at):
    back_up(registries[0], tmp_path / "b", PASSPHRASE)
    whole = bytearray((tmp_path / "b").read_bytes())
    whole[at] ^= 1
    (tmp_path / "b").write_bytes(whole)
    with pytest.raises(RecordError, match=r"no backup|does not open"):
        restore(registries[1], tmp_path / "b", PASSPHRASE)
    assert registries[1].rows("patients") == []


def test_a_torn_backup_is_found(registries, tmp_path):
    back_up(registries[0], tmp_path / "b", PASSPHRASE)
    whole = (tmp_path / "b").read_bytes()
    for length in (10, 40, len(whole) - 5):
        (tmp_path / "b").write_bytes(whole[:length])
        with pytest.raises(RecordError):
            restore(registries[1], tmp_path / "b", PASSPHRASE)


def test_a_backup_never_overwrites_and_needs_a_passphrase(registries, tmp_path):
    back_up(registries[0], tmp_path / "b", PASSPHRASE)
    with pytest.raises(SettingsError, match="never overwrites"):
        back_up(registries[0], tmp_path / "b", PASSPHRASE)
    with pytest.raises(SettingsError, match="12 or more"):
        back_up(registries[0], tmp_path / "c", "short")
    with pytest.raises(SettingsError, match="cannot be read"):
        restore(registries[1], tmp_path / "none", PASSPHRASE)


def test_without_postgresql_the_tests_fail_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(FileNotFoundError, match="apt-get install --yes postgresql"):
        postgres.binary("initdb")


def test_an_address_of_another_kind_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="begins with mysql://"):
        open_registry("mysql://x/y", who="x")
    with pytest.raises(SettingsError, match="There is no folder"):
        open_registry(str(tmp_path / "no" / "r.db"), who="x", create=True)
    with pytest.raises(SettingsError, match="cannot be reached"):
        open_registry(f"postgresql://x@/y?host={tmp_path}", who="x")
