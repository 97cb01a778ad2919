"""Whether a rehearsal ended as its scenario says that it must: from the record alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from insonate.events import Event
from insonate.events.documents import (
    CommandRefused,
    GuardRefused,
    HarmObserved,
    PatientReport,
    Resteered,
    SessionClosed,
    SonicationEnded,
)
from insonate.plant import Expectation


@dataclass(frozen=True)
class Verdict:
    """One thing that was expected: in words, what was found, and whether it is so."""

    expected: str
    found: str
    met: bool


def verdicts(events: tuple[Event, ...], expect: Expectation) -> tuple[Verdict, ...]:
    """Return a verdict on each thing that a scenario expects of a record."""
    return tuple(_verdicts(events, expect))


def _verdicts(events: tuple[Event, ...], expect: Expectation) -> Iterator[Verdict]:
    told = [event.payload for event in events]
    closed = next((p for p in told if isinstance(p, SessionClosed)), None)
    outcome = "not finished" if closed is None else closed.outcome
    yield Verdict(f"ends as: {expect.outcome}", outcome, outcome == expect.outcome)
    if expect.guards:
        said = {p.guard for p in told if isinstance(p, GuardRefused)}
        said |= {p.guard for p in told if isinstance(p, SonicationEnded)} - {""}
        yield _all("a guard says no", expect.guards, said)
    if expect.findings:
        heard = {str(p.finding) for p in told if isinstance(p, PatientReport) and p.finding}
        yield _all("the patient reports", tuple(map(str, expect.findings)), heard)
    if expect.refused:
        count = sum(isinstance(p, CommandRefused | GuardRefused) for p in told)
        wanted = f"at least {expect.refused} refusals"
        yield Verdict(wanted, str(count), count >= expect.refused)
    if expect.resteered_m:
        far = max(
            (math.hypot(*p.total_m) for p in told if isinstance(p, Resteered)), default=0.0
        )
        wanted = f"the focus is moved by {expect.resteered_m * 1e3:.1f} mm or more"
        yield Verdict(wanted, f"{far * 1e3:.2f} mm", far >= expect.resteered_m)
    bled = any(isinstance(p, HarmObserved) for p in told)
    yield Verdict(
        "bleeds" if expect.bleeds else "no bleeding", _yes(bled), bled is expect.bleeds
    )
    broken = {n for n, kept in closed.limits_kept.items() if not kept} if closed else {"all"}
    wanted = (
        f"breaks: {', '.join(expect.limits_broken)}" if expect.limits_broken else "keeps all"
    )
    found = ", ".join(sorted(broken)) or "all kept"
    yield Verdict(f"of the limits {wanted}", found, broken == set(expect.limits_broken))


def _all(what: str, wanted: tuple[str, ...], found: set[str]) -> Verdict:
    words = ", ".join(sorted(found)) or "none"
    return Verdict(f"{what}: {', '.join(wanted)}", words, set(wanted) <= found)


def _yes(bled: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "a vessel bled" if bled else "none bled"
