"""The heat of a session that broke off, from the events that it left.

A record is forced to the disk event by event, so its last one tells how far the session came. The
thermal state is not stored; it follows from what was done: power from the events that set it, water
from the readings of the cooling unit.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from insonate.core import SettingsError
from insonate.events import Event
from insonate.events.documents import CoolingReading, PowerSet
from insonate.heat.advance import Span, carry_on
from insonate.heat.model import HeatSource, ThermalModel, ThermalState

SAME_WATER_K = 0.5
"""Readings closer than this are noise of one temperature of the water. Setting."""


def spans_of(events: Iterable[Event]) -> tuple[Span, ...]:
    """Return what the events of a session say was done, from time 0 to the last of them.

    Power that was set goes off by itself at the time that was set with it, if nothing was set
    before. Before the first reading the water is that of the first one.

    Parameters
    ----------
    events
        In their order.

    Returns
    -------
    tuple of Span

    Raises
    ------
    SettingsError
        When no event tells the temperature of the water.
    """
    told = list(events)
    end = max((event.time_s for event in told), default=0.0)
    power = _powers(told, end)
    water = _waters(told)
    times = sorted({0.0, end, *(t for t, _ in power), *(t for t, _ in water)})
    spans = [
        Span(_at(power, begin), then - begin, _at(water, begin))
        for begin, then in pairwise(t for t in times if t <= end)
    ]
    return tuple(_joined(spans))


def state_at_last_event(
    model: ThermalModel, start: ThermalState, source: HeatSource, events: Iterable[Event]
) -> ThermalState:
    """Return how warm the head was when a session broke off.

    Parameters
    ----------
    model, start, source
        The head, how warm it was at time 0, its heat for each watt.
    events
        All that the record holds.

    Returns
    -------
    ThermalState
        A session can go on from it.

    Raises
    ------
    SettingsError
        When no event tells the temperature of the water.
    """
    return carry_on(model, start, source, spans_of(events))


def _powers(events: Sequence[Event], end: float) -> list[tuple[float, float]]:
    """Return (time, power from then on), W."""
    sets = [(e.time_s, e.payload) for e in events if isinstance(e.payload, PowerSet)]
    steps = [(0.0, 0.0)]
    for i, (time, payload) in enumerate(sets):
        steps.append((time, payload.power_w))
        following = sets[i + 1][0] if i + 1 < len(sets) else end
        if (
            payload.power_w > 0
            and payload.off_at_s is not None
            and payload.off_at_s < following
        ):
            steps.append((payload.off_at_s, 0.0))
    return steps


def _waters(events: Sequence[Event]) -> list[tuple[float, float]]:
    """Return (time, water from then on), °C, where it has changed."""
    read = [(e.time_s, e.payload.water_degc) for e in events if isinstance(e.payload, CoolingReading)]  # fmt: skip
    if not read:
        raise SettingsError(
            "The record has no reading of the cooling unit, so nobody knows how cold the water was; "
            "a session can be continued from a record that has at least one."
        )
    steps = [(0.0, read[0][1])]
    for time, degc in read:
        if abs(degc - steps[-1][1]) > SAME_WATER_K:
            steps.append((time, degc))
    return steps


def _at(steps: Sequence[tuple[float, float]], time: float) -> float:
    """Return the value of a staircase just after a time."""
    return [value for begin, value in steps if begin <= time][-1]


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Join neighbours in which nothing changed."""
    last: Span | None = None
    for span in spans:
        if last is not None and (last.power_w, last.water_degc) == (
            span.power_w,
            span.water_degc,
        ):
            span = Span(last.power_w, last.duration_s + span.duration_s, last.water_degc)  # noqa: PLW2901 - the longer one
        elif last is not None:
            yield last
        last = span
    if last is not None:
        yield last
