"""Curves over a session of hours in bounded memory: old points are thinned, peaks are kept."""

from collections.abc import Callable
from typing import Any

from insonate.events import Event
from insonate.events import documents as doc

MOST_POINTS = 2400
"""Of one curve; beyond it two neighbours become the one that is farther from the mean."""

Point = tuple[str, float, float]
"""Name of the curve, session time (s), value."""

UNITS = {
    "peak": "°C",
    "mean": "°C",
    "estimated": "°C",
    "now": "°C",
    "low": "°C",
    "high": "°C",
    "skull": "°C",
    "scalp": "°C",
    "water": "°C",
    "power": "W",
    "energy": "kJ",
    "subharmonic": "dB",
    "ultraharmonic": "dB",
    "broadband": "dB",
}
"""Every curve, and its unit."""


def _of_frame(p: doc.TemperatureFrame, t: float) -> tuple[Point, ...]:
    del t
    middle = 0.5 * (p.start_s + p.end_s)
    return (("peak", middle, p.peak_degc), ("mean", middle, p.mean_degc))


def _of_model(p: doc.ModelEstimate, t: float) -> tuple[Point, ...]:
    return (
        ("estimated", t, p.focus_degc),
        ("skull", t, p.skull_max_degc),
        ("scalp", t, p.scalp_max_degc),
    )


def _of_bubbles(p: doc.CavitationReading, t: float) -> tuple[Point, ...]:
    return (
        ("subharmonic", t, p.subharmonic_db),
        ("ultraharmonic", t, p.ultraharmonic_db),
        ("broadband", t, p.broadband_db),
    )


_POINTS: dict[type, Callable[[Any, float], tuple[Point, ...]]] = {
    doc.TemperatureFrame: _of_frame,
    doc.ModelEstimate: _of_model,
    doc.FocusEstimate: lambda p, t: (("now", t, p.focus_degc),),
    doc.CavitationReading: _of_bubbles,
    doc.CoolingReading: lambda p, t: (("water", t, p.water_degc),),
    doc.ArrayReading: lambda p, t: (("power", t, p.power_w),),
    doc.PowerSet: lambda p, t: (("power", t, p.power_w),),
}


def points_of(event: Event) -> tuple[Point, ...]:
    """Return what an event adds to the curves."""
    made = _POINTS.get(type(event.payload))
    return () if made is None else made(event.payload, event.time_s)


class Curves:
    """The curves of one session. It is an object because points are added to it."""

    def __init__(self) -> None:
        self._curves: dict[str, list[tuple[float, float]]] = {name: [] for name in UNITS}

    def add(self, points: tuple[Point, ...]) -> None:
        """Add points; a curve that grew too long is thinned."""
        for name, time_s, value in points:
            curve = self._curves[name]
            curve.append((time_s, value))
            if len(curve) > MOST_POINTS:
                self._curves[name] = thinned(curve)

    def all(self) -> dict[str, list[tuple[float, float]]]:
        """Return every curve by name."""
        return {name: list(curve) for name, curve in self._curves.items()}


def thinned(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return about half the points: of each two the one farther from the curve's mean."""
    mean = sum(value for _, value in curve) / len(curve)
    pairs = zip(curve[::2], curve[1::2], strict=False)
    kept = [max(pair, key=lambda point: abs(point[1] - mean)) for pair in pairs]
    return [*kept, curve[-1]]
