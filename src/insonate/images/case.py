"""A case: one head's images, told by a small file beside them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insonate.core import ImageError

_KNOWN = {"name", "ct", "mr", "notes"}


@dataclass(frozen=True)
class Case:
    """Where one head's images are.

    Parameters
    ----------
    name
        What the case is called in reports.
    ct_path
        A NIfTI file or a folder of DICOM slices; it exists.
    mr_path
        The same for an MR, or None.
    notes
        Whole sentences to be shown with every result.
    """

    name: str
    ct_path: Path
    mr_path: Path | None
    notes: tuple[str, ...]


def load_case(folder: Path) -> Case:
    """Read ``case.json`` of a folder, or make a case of the one image that is in it.

    ``case.json`` holds ``name``, ``ct``, optionally ``mr`` (file or folder names beside it) and
    ``notes`` (a list of sentences). Without it, a single NIfTI file is the CT, and otherwise
    the folder is a DICOM series.

    Parameters
    ----------
    folder
        The case's folder.

    Raises
    ------
    ImageError
        When the folder or a file of it is missing, or ``case.json`` is not as described.
    """
    if not folder.is_dir():
        raise ImageError(f"There is no folder {folder}; give the folder of a case.")
    description = folder / "case.json"
    if not description.is_file():
        return _undescribed(folder)
    content = _content(description)
    mr = content.get("mr")
    return Case(
        name=_text(content, "name", description),
        ct_path=_beside(folder, _text(content, "ct", description)),
        mr_path=None if mr is None else _beside(folder, _text(content, "mr", description)),
        notes=_sentences(content, description),
    )


def _undescribed(folder: Path) -> Case:
    images = sorted(p for p in folder.iterdir() if p.name.lower().endswith((".nii", ".nii.gz")))
    if len(images) > 1:
        names = ", ".join(p.name for p in images)
        raise ImageError(
            f"The folder {folder} has no case.json and {len(images)} images ({names}), so which "
            'is the CT is not known; write a case.json such as {"name": "A", "ct": "ct.nii.gz"}.'
        )
    return Case(folder.resolve().name, images[0] if images else folder, None, ())


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImageError(
            f"The file {path} is not readable JSON ({error}); correct or remove it."
        ) from error
    if not isinstance(content, dict):
        raise ImageError(
            f"The file {path} holds a {type(content).__name__}, but an object with name and ct "
            "is needed; correct or remove it."
        )
    unknown = sorted(set(content) - _KNOWN)
    if unknown:
        raise ImageError(
            f"The file {path} holds unknown entries ({', '.join(unknown)}); known are "
            f"{', '.join(sorted(_KNOWN))}. Remove or rename them."
        )
    return content


def _text(content: dict[str, Any], key: str, path: Path) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ImageError(
            f"The entry '{key}' of {path} is {value!r}, but must be a text that is not empty; "
            "write one."
        )
    return value


def _sentences(content: dict[str, Any], path: Path) -> tuple[str, ...]:
    notes = content.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ImageError(
            f"The entry 'notes' of {path} must be a list of sentences; put them in brackets."
        )
    return tuple(notes)


def _beside(folder: Path, name: str) -> Path:
    """Return the path of an image of the case; it may not lead out of the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ImageError(
            f"The case in {folder} names '{name}', which lies outside its folder; put the image "
            "beside case.json."
        )
    if not path.exists():
        raise ImageError(
            f"The case in {folder} names '{name}', but there is no such file; put it beside "
            "case.json or correct the name."
        )
    return path
