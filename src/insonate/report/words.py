"""Numbers and names as a reader wants them: with unit, never NaN, in plain words."""

from collections.abc import Iterable, Sequence
from math import degrees, isfinite, log10

DASH = "–"
"""Stands for "not recorded"."""

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

_SHOWN = {
    "degC": (1.0, "°C", 1),
    "m": (1e3, "mm", 2),
    "W": (1.0, "W", 0),
    "J": (1e-3, "kJ", 2),
    "s": (1.0, "s", 1),
    "min": (1.0, "min", 1),
    "K": (1.0, "K", 1),
    "dB": (1.0, "dB", 1),
    "CEM43": (1.0, "CEM43", 1),
    "K/kJ": (1.0, "K/kJ", 2),
    "L/min": (1.0, "L/min", 1),
    "frames": (1.0, "frame times", 1),
    "1": (1.0, "", 3),
}


def shown_unit(unit: str) -> str:
    """Return the unit that a value recorded in ``unit`` is shown in."""
    return _SHOWN.get(unit, (1.0, unit, 2))[1]


def number(value: float | None, unit: str = "1") -> str:
    """Return a value recorded in ``unit`` as shown, without its unit; a dash for None or NaN."""
    factor, _, digits = _SHOWN.get(unit, (1.0, unit, 2))
    return plain(None if value is None else value * factor, digits)


def quantity(value: float | None, unit: str) -> str:
    """Return a value with the unit that it is shown in; a dash where there is none."""
    text = number(value, unit)
    return text if text == DASH else f"{text} {shown_unit(unit)}".strip()


def plain(value: float | None, digits: int) -> str:
    """Return a number with a fixed count of digits; a true minus sign; a dash for no number."""
    if value is None or not isfinite(value):
        return DASH
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def dose(value: float | None) -> str:
    """Return a thermal dose in CEM43: whole above 100, in powers of ten above 100 000."""
    if value is not None and isfinite(value) and value >= 1e5:
        tens = int(log10(value))
        return f"{value / 10**tens:.1f} × 10{str(tens).translate(_RAISED)}"
    return plain(value, 0 if value is not None and value >= 100 else 1)


def angle(value_rad: float | None) -> str:
    """Return an angle in degrees, one digit."""
    return plain(None if value_rad is None else degrees(value_rad), 1)


def offset(point_m: Sequence[float] | None) -> str:
    """Return a displacement as "R +0.2, A −0.1, S +0.3" in mm; each part holds together."""
    if point_m is None:
        return DASH
    parts = zip("RAS", point_m, strict=True)
    return ", ".join(f"{axis}\u00a0{signed(value * 1e3, 1)}" for axis, value in parts)


def signed(value: float | None, digits: int) -> str:
    """Return a number that always shows its sign."""
    text = plain(value, digits)
    if value is None or text == DASH or text.startswith("−"):
        return text
    return f"+{text}" if float(text) else text


def point(point_m: Iterable[float]) -> str:
    """Return a point in mm as "(R, A, S)" coordinates."""
    return "(" + ", ".join(plain(v * 1e3, 1) for v in point_m) + ") mm"


def clock(time_s: float | None) -> str:
    """Return a session time as minutes and seconds: 125.4 s → "2:05"."""
    if time_s is None or not isfinite(time_s):
        return DASH
    return f"{int(time_s // 60)}:{int(time_s % 60):02d}"


def minutes(time_s: float) -> str:
    """Return a length of time in plain words."""
    if time_s < 90:
        return f"{plain(time_s, 0)} s"
    if time_s < 5400:
        return f"{plain(time_s / 60, 0)} min"
    return f"{int(time_s // 3600)} h {int(time_s % 3600 // 60)} min"


def name(identifier: str) -> str:
    """Return an identifier as words: "skull_temperature" → "skull temperature"."""
    return identifier.replace("_", " ")


def prose(text: str) -> str:
    """Return a sentence of the record with its units as a reader writes them."""
    return text.replace(" degC", " °C")


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 1 "sonication", 2 "sonications"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
