"""Encrypted backups: everything of a registry in one file, the same for SQLite and PostgreSQL.

File: 8 bytes of magic, 16 of salt, 12 of nonce, then AES-256-GCM over zlib over JSON lines; the magic is
authenticated. The key is scrypt(passphrase, salt, n = 2^15, r = 8, p = 1) (RFC 7914).
"""

import json
import os
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from insonate.core import RecordError, SettingsError
from insonate.outcomes.columns import TABLES, Kind, Row
from insonate.outcomes.database import AUDIT, SQL, newest_version, writing
from insonate.outcomes.registry import Registry, canonical

_MAGIC = b"INSREG1\n"
_SALT, _NONCE = 16, 12
LEAST_PASSPHRASE = 12


def back_up(registry: Registry, path: Path, passphrase: str) -> int:
    """Write everything, the audit trail included, and return how many rows.

    Raises
    ------
    SettingsError
        When the passphrase is short, or the file is there already.
    """
    _require_passphrase(passphrase)
    if path.exists():
        raise SettingsError(
            f"{path} is there already; a backup never overwrites. Give another name."
        )
    lines = [canonical({"schema": newest_version(), "tables": list(TABLES)})]
    lines += [canonical([name, row]) for name in TABLES for row in registry.rows(name)]
    lines += [canonical(["audit", row]) for row in registry.trail()]
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    packed = zlib.compress("\n".join(lines).encode(), level=6)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, packed, _MAGIC)
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(_MAGIC + salt + nonce + sealed)
    beside.replace(path)
    return len(lines) - 1


def restore(registry: Registry, path: Path, passphrase: str) -> int:
    """Fill an empty registry from a backup, and return how many rows.

    Raises
    ------
    RecordError
        When the file is damaged, foreign, of another schema, or the passphrase is another.
    SettingsError
        When the registry is not empty.
    """
    head, entries = _opened(path, passphrase)
    if head["schema"] != newest_version():
        raise RecordError(
            f"The backup {path} has the schema {head['schema']}, this insonate {newest_version()}; restore "
            "it with the insonate that wrote it."
        )
    if registry.rows("patients") or any(True for _ in registry.trail()):
        raise SettingsError("The registry is not empty; a backup is restored into a new one.")
    grouped: dict[str, list[Row]] = {name: [] for name in (*TABLES, "audit")}
    for name, row in entries:
        grouped[name].append(_typed(name, row))
    with writing(registry.engine) as connection:
        for name, rows in grouped.items():
            if rows:
                connection.execute(sa.insert(AUDIT if name == "audit" else SQL[name]), rows)
    return len(entries)


def _require_passphrase(passphrase: str) -> None:
    if len(passphrase) < LEAST_PASSPHRASE:
        raise SettingsError(
            f"The passphrase has {len(passphrase)} characters; give {LEAST_PASSPHRASE} or more."
        )


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())


def _opened(
    path: Path, passphrase: str
) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """Return head and rows of a backup."""
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"The backup {path} cannot be read; give a backup file.") from error
    if not whole.startswith(_MAGIC):
        raise RecordError(f"{path} is no backup of a registry.")
    at = len(_MAGIC)
    salt, nonce, sealed = whole[at : at + _SALT], whole[at + _SALT : at + _SALT + _NONCE], whole[at + _SALT + _NONCE :]  # fmt: skip
    try:
        packed = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _MAGIC)
    except (InvalidTag, ValueError) as error:
        raise RecordError(
            f"The backup {path} does not open: the passphrase is another, or the file was changed."
        ) from error
    head, *lines = zlib.decompress(packed).decode().split("\n")
    return json.loads(head), [tuple(json.loads(line)) for line in lines]


def _typed(name: str, row: dict[str, Any]) -> Row:
    """Return a row with its dates as dates again."""
    if name == "audit":
        return row
    dates = [c.name for c in TABLES[name].columns if c.kind is Kind.DATE]
    return {k: date.fromisoformat(v) if k in dates and v else v for k, v in row.items()}
