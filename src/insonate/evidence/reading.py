"""Studies from TOML files: those that are shipped, and those that a person adds."""

import tomllib
from collections.abc import Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from insonate.core import DataError, SettingsError
from insonate.evidence.study import Study


def shipped_studies() -> tuple[Study, ...]:
    """Return the studies that come with insonate, oldest first."""
    return checked_together(
        _read_all(resources.files("insonate.evidence") / "data" / "studies")
    )


def load_studies(paths: Iterable[Path], *, shipped: bool = True) -> tuple[Study, ...]:
    """Return studies from TOML files and folders of them, oldest first.

    Parameters
    ----------
    paths
        Files, or folders whose ``*.toml`` are read.
    shipped
        Whether the studies that come with insonate are among them.

    Raises
    ------
    SettingsError
        When a file cannot be read, or there is no study at all.
    DataError
        With one sentence for each fault of the files, or between them.
    """
    found = list(shipped_studies()) if shipped else []
    for path in paths:
        found += _read_all(path) if path.is_dir() else [_read_file(path)]
    if not found:
        raise SettingsError("There is no study to read; give TOML files, or a folder of them.")
    return checked_together(found)


def read_study(text: str, called: str) -> Study:
    """Return the study in a TOML text; ``called`` names it in messages.

    Raises
    ------
    DataError
        With one sentence for each field that is missing, unknown or impossible.
    """
    try:
        return Study.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise DataError([f"The study {called} is not TOML: {error}."]) from error
    except ValidationError as error:
        raise DataError([_fault(called, detail) for detail in error.errors()]) from error


def _fault(called: str, detail: ErrorDetails) -> str:
    """Return one sentence for one finding of pydantic."""
    place = ".".join(map(str, detail["loc"])) or "the whole"
    message = detail["msg"].removeprefix("Value error, ")
    if place.endswith(("where", "read_in")):
        return (
            f"The study {called} has a number without a source: '{place}' is missing or empty. Say "
            "where in the paper the number stands."
        )
    return f"The study {called} has a wrong '{place}': {message[0].lower()}{message[1:]}."


def _read_all(folder: Traversable | Path) -> list[Study]:
    files = sorted(
        (f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name
    )
    return [_read_file(file) for file in files]


def _read_file(path: Traversable | Path) -> Study:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The study {path} cannot be read; give a TOML file in UTF-8."
        ) from error
    return read_study(text, path.name)


def checked_together(studies: Iterable[Study]) -> tuple[Study, ...]:
    """Return studies oldest first, after what only all of them together can show.

    Raises
    ------
    DataError
        When a name is there twice, an overlap points nowhere, or two studies of one team do not
        say whether they overlap.
    """
    ordered = tuple(sorted(studies, key=lambda study: (study.year, study.name)))
    faults = [*_twice(ordered), *_dangling(ordered), *_silent_teams(ordered)]
    if faults:
        raise DataError(faults)
    return ordered


def _twice(studies: tuple[Study, ...]) -> Iterator[str]:
    names = [study.name for study in studies]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield f"There are {names.count(name)} studies called '{name}'; give each its own name."


def _dangling(studies: tuple[Study, ...]) -> Iterator[str]:
    names = {study.name for study in studies}
    for study in studies:
        for overlap in study.overlaps:
            if overlap.study not in names or overlap.study == study.name:
                yield (
                    f"The study '{study.name}' overlaps with '{overlap.study}', which is not another "
                    "study here; name one that is."
                )


def _silent_teams(studies: tuple[Study, ...]) -> Iterator[str]:
    said = {(s.name, o.study) for s in studies for o in s.overlaps}
    for i, first in enumerate(studies):
        for second in studies[i + 1 :]:
            pair = (first.name, second.name)
            if first.team == second.team and not said & {pair, pair[::-1]}:
                yield (
                    f"The studies '{pair[0]}' and '{pair[1]}' are of one team and neither says whether "
                    "the same people are in both; add an overlap with its reason, or name the teams "
                    "apart."
                )
