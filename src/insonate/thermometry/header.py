"""A protocol from a document: every field asked for by name, nothing guessed."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from insonate.core import SettingsError
from insonate.thermometry.protocol import PRESETS, Protocol

_WHOLE = {"phase_sign", "readout_axis", "readout_polarity", "coils"}
_WORDS = {"name", "source"}


def protocol_from(
    document: Mapping[str, Any], facts: Mapping[str, float] | None = None
) -> Protocol:
    """Build a protocol from a JSON document, completed and checked by what the files say.

    Parameters
    ----------
    document
        Fields of ``Protocol`` by name; ``preset`` names one to start from.
    facts
        What the images themselves say, SI, by the same names (``matrix_x``, ``matrix_y`` for
        the matrix): they fill what the document leaves out and must not contradict it.

    Raises
    ------
    SettingsError
        When a field is missing, unknown, of another type, or contradicted; all in one message.
    """
    given: dict[str, Any] = dict(document)
    preset = given.pop("preset", None)
    if preset is not None and preset not in list(PRESETS):
        raise SettingsError(
            f"There is no preset '{preset}'; choose one of {', '.join(PRESETS)}."
        )
    known = _seen(facts or {})
    names = [f.name for f in fields(Protocol)]
    base = asdict(PRESETS[preset]) if preset is not None else {}
    merged = {**base, **known, **given}
    faults = [f"There is no field '{n}' in a header." for n in given if n not in names]
    faults += [_absence(n) for n in names if n not in merged]
    faults += [
        f"The header says {n} = {given[n]}, the images {known[n]}."
        for n in known
        if n in given and _differs(given[n], known[n])
    ]
    if faults:
        raise SettingsError(" ".join(faults))
    return Protocol(**{name: _typed(name, merged[name]) for name in names})


def _differs(given: Any, known: Any) -> bool:
    """Return whether two values contradict; vendors round, and what is no number is said later."""
    if isinstance(known, tuple):
        return isinstance(given, list | tuple) and list(given) != list(known)
    return isinstance(given, int | float) and abs(given - known) > 0.02 * abs(known)


def _seen(facts: Mapping[str, float]) -> dict[str, Any]:
    known: dict[str, Any] = {n: v for n, v in facts.items() if not n.startswith("matrix_")}
    if "matrix_x" in facts:
        known["matrix"] = (int(facts["matrix_x"]), int(facts["matrix_y"]))
    return known


def _absence(name: str) -> str:
    hint = {
        "prf_ppm_per_k": " (published coefficients run from -0.0090 to -0.0103; the choice moves a "
        "dose four-fold)",
        "phase_sign": " (+1 where a higher frequency turns the phase forward, else -1)",
        "bandwidth_hz_per_pixel": " (Hz per pixel, not of the whole view)",
    }.get(name, "")
    return f"The header lacks '{name}'{hint}."


def _typed(name: str, value: Any) -> Any:
    try:
        if name in _WORDS:
            return str(value)
        if name == "matrix":
            nx, ny = (int(n) for n in value)
            return nx, ny
        return int(value) if name in _WHOLE else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingsError(
            f"The header's {name} is {value!r}; it must be a number."
        ) from error
