"""A PostgreSQL of the tests' own: made in a temporary folder, reached by a socket, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL = "apt-get install --yes postgresql"


def binary(name: str) -> Path:
    """Return one of PostgreSQL's programs.

    Raises
    ------
    FileNotFoundError
        With the command that installs it.
    """
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).is_file():
            return folder / name
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"The tests need PostgreSQL's {name}; run: {INSTALL}")
    return Path(found)


def _as_postgres() -> dict[str, str]:
    """Root may not run PostgreSQL; Debian's package brings a user for it."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of an empty server's database, without a name: add one to it."""
    folder = Path(tempfile.mkdtemp(prefix="insonate-pg-"))
    how = _as_postgres()
    try:
        if how:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        _run(
            [
                binary("initdb"),
                "-D",
                data,
                "-U",
                "tester",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
            how,
        )
        settings = f"-k {folder} -h '' -F -c max_connections=20"
        _run(
            [binary("pg_ctl"), "-D", data, "-l", folder / "log", "-w", "-o", settings, "start"],
            how,
        )
        try:
            yield f"postgresql://tester@/{{name}}?host={folder}"
        finally:
            _run([binary("pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop"], how)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(words, how) -> None:
    done = subprocess.run(
        [str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        cwd="/", check=False, **how,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr}")


def new_database(address: str, name: str) -> str:
    """Make a database on a server and return its address."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(address.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return address.format(name=name)
