"""How well a rehearsal was led, by the objectives of its scenario: from the record alone."""

from dataclasses import dataclass

from insonate.events import NEUROLOGICAL, Event
from insonate.events.documents import (
    HarmObserved,
    PatientReport,
    PowerSet,
    SessionClosed,
    SonicationEnded,
)
from insonate.plant import Scenario


@dataclass(frozen=True)
class Point:
    """One objective: what was wanted, what was found, and whether it was reached."""

    objective: str
    found: str
    reached: bool


def score(events: tuple[Event, ...], scenario: Scenario) -> tuple[Point, ...]:
    """Return a point for each objective: outcome, limits, harm, symptoms, time, energy.

    Time and energy count only where the outcome is as it should be: to end early is no merit where
    the treatment should have gone on.
    """
    wanted, told = scenario.objectives, [event.payload for event in events]
    closed = next((p for p in told if isinstance(p, SessionClosed)), None)
    wished = scenario.expect.outcome if scenario.expect is not None else "lesion made"
    outcome = "not finished" if closed is None else closed.outcome
    right = outcome == wished
    by_itself = set(scenario.expect.limits_broken if scenario.expect is not None else ())
    broken = {n for n, fine in closed.limits_kept.items() if not fine} if closed else {"all"}
    bled = any(isinstance(p, HarmObserved) for p in told)
    minutes = events[-1].time_s / 60.0 if events else 0.0
    energy_kj = sum(p.energy_j for p in told if isinstance(p, SonicationEnded)) / 1e3
    slowest_s = slowest_answer_s(events)
    return (
        Point(f"outcome: {wished}", outcome, right),
        Point(
            "every limit kept" + (", but for what fails by itself" if by_itself else ""),
            f"not kept: {', '.join(sorted(broken))}" if broken else "kept",
            broken <= by_itself,
        ),
        Point("no harm in truth", "a vessel bled" if bled else "none", not bled),
        Point(
            f"grave symptoms answered within {wanted.answer_within_s:g} s",
            "none came" if slowest_s is None else f"{slowest_s:.1f} s",
            slowest_s is None or slowest_s <= wanted.answer_within_s,
        ),
        Point(
            f"that outcome within {wanted.minutes:g} minutes",
            f"{minutes:.1f} minutes",
            right and minutes <= wanted.minutes,
        ),
        Point(
            f"that outcome with at most {wanted.energy_kj:g} kJ",
            f"{energy_kj:.1f} kJ",
            right and energy_kj <= wanted.energy_kj,
        ),
    )


def grave(report: PatientReport) -> bool:
    """Return whether a report must be answered: stop, silence, a finding, more than mild."""
    return (
        report.stop_pressed
        or not report.can_communicate
        or report.finding in NEUROLOGICAL
        or report.severity in {"moderate", "severe"}
    )


def slowest_answer_s(events: tuple[Event, ...]) -> float | None:
    """Return the longest time from a grave report under power to power off, s; None for none.

    A word of the operator, the guards or the patient's own stop: whatever took the power off.
    """
    slowest: float | None = None
    waiting_s, on = None, False
    for event in events:
        payload = event.payload
        if isinstance(payload, PowerSet):
            on = payload.power_w > 0.0
            if not on and waiting_s is not None:
                slowest = max(slowest or 0.0, event.time_s - waiting_s)
                waiting_s = None
        elif isinstance(payload, PatientReport) and on and waiting_s is None and grave(payload):
            waiting_s = event.time_s
    return slowest
