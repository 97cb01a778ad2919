"""What came of it: scores over visits, responders, loss of relief, and what is missing.

Missing stays missing. Every share is told twice: among those who were seen, and among all who should have been
seen, where the missing count as not responding. No value is carried forward.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.evidence import exact_interval
from insonate.outcomes.columns import Row
from insonate.outcomes.instruments import INSTRUMENTS, Score
from insonate.outcomes.visits import AFTER, VISITS, expected_by

Scores = Mapping[tuple[str, str], float]
"""(patient, visit) to the score."""

RESPONSES = (30.0, 50.0)
"""Falls of pain that count as moderate and substantial, % (Dworkin and others 2008, IMMPACT)."""


@dataclass(frozen=True)
class Share:
    """How many of how many, with the exact 95 % interval; None where nobody was there."""

    events: int
    of: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Clopper and Pearson's."""
        return exact_interval(self.events, self.of) if self.of else None


@dataclass(frozen=True)
class Response:
    """Responders at a visit.

    ``seen`` among those with a score there and at baseline; ``all_due`` among everyone whose visit is
    due, the missing counted as not responding.
    """

    visit: str
    fall_percent: float
    seen: Share
    all_due: Share

    @property
    def missing(self) -> int:
        """How many are due and have no score."""
        return self.all_due.of - self.seen.of


def score_of(instrument: str, name: str) -> Score:
    """Return one score of an instrument.

    Raises
    ------
    SettingsError
        When there is none of that name.
    """
    known = INSTRUMENTS[instrument].scores if instrument in INSTRUMENTS else ()
    for score in known:
        if score.name == name:
            return score
    there = [f"{i.code}/{s.name}" for i in INSTRUMENTS.values() for s in i.scores]
    raise SettingsError(
        f"There is no score '{instrument}/{name}'; there are {', '.join(there)}."
    )


def scores(answers: Iterable[Row], instrument: str, name: str) -> dict[tuple[str, str], float]:
    """Return a score for every patient and visit that has one.

    Parameters
    ----------
    answers
        Rows of the table ``answers``.
    instrument, name
        As in ``instruments``: "bpi", "severity".
    """
    rule = score_of(instrument, name).rule
    sheets: dict[tuple[str, str], dict[str, float]] = {}
    for row in answers:
        if row["instrument"] == instrument and isinstance(row["value"], int | float):
            sheet = sheets.setdefault((str(row["patient"]), str(row["visit"])), {})
            sheet[str(row["item"])] = float(row["value"])
    made = {at: rule(sheet) for at, sheet in sheets.items()}
    return {at: value for at, value in made.items() if value is not None}


def falls(found: Scores) -> dict[tuple[str, str], float]:
    """Return the fall from baseline, % of the baseline, where both are known and it was above 0."""
    return {
        (patient, visit): 100.0 * (1.0 - value / found[patient, "baseline"])
        for (patient, visit), value in found.items()
        if visit != "baseline" and found.get((patient, "baseline"), 0.0) > 0.0
    }


def reaches(fall: float, wanted: float) -> bool:
    """Return whether a fall is at least as large as wanted, %; rounding decides nothing."""
    return fall >= wanted - 1e-9


def due(patients: Iterable[Row], today: date) -> dict[str, frozenset[str]]:
    """Return for each visit the patients whose window for it has closed."""
    table: dict[str, set[str]] = {code: set() for code in VISITS}
    for row in patients:
        treated = row["treated_on"]
        for code in expected_by(treated, today) if isinstance(treated, date) else ():
            table[code].add(str(row["patient"]))
    return {code: frozenset(names) for code, names in table.items()}


def responders(
    found: Scores, due_at: Mapping[str, frozenset[str]], fall_percent: float
) -> tuple[Response, ...]:
    """Return the responders at every visit after the procedure that somebody is due at.

    Parameters
    ----------
    found
        Scores of pain.
    due_at
        As ``due`` gives them.
    fall_percent
        The fall that counts, % of the baseline.
    """
    fall = falls(found)
    responses = []
    for visit in AFTER:
        names = due_at[visit] | {p for p, v in fall if v == visit}
        if names:
            seen = [fall[p, visit] for p in names if (p, visit) in fall]
            reached = sum(reaches(value, fall_percent) for value in seen)
            shares = Share(reached, len(seen)), Share(reached, len(names))
            responses.append(Response(visit, fall_percent, *shares))
    return tuple(responses)


@dataclass(frozen=True)
class Survival:
    """A Kaplan-Meier curve.

    Parameters
    ----------
    days
        Shape (k,): when somebody had the event.
    share
        Shape (k,): share without it from then on.
    low, high
        Shape (k,): 95 % interval, on the scale of log(-log S).
    at_risk
        Shape (k,): how many were at risk just before.
    count, events
        How many there were, and how many had the event.
    """

    days: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    count: int
    events: int


def loss_of_relief(
    found: Scores, patients: Mapping[str, Row], fall_percent: float = RESPONSES[0]
) -> list[tuple[float, bool]]:
    """Return (days of relief, whether it was lost) of everyone who once had relief.

    Time runs from the first visit with the fall. It is lost at the first later visit without it,
    which is later than it was lost; whoever kept it is followed to the last visit with a score.

    Parameters
    ----------
    found
        Scores of pain.
    patients
        Rows of the table ``patients`` by pseudonym.
    fall_percent
        The fall that counts as relief.
    """
    fall = falls(found)
    courses: dict[str, list[tuple[int, bool]]] = {}
    for (patient, visit), value in fall.items():
        if patient in patients:
            courses.setdefault(patient, []).append(
                (VISITS[visit].day, reaches(value, fall_percent))
            )
    return [spell for course in courses.values() for spell in _spell(sorted(course))]


def _spell(course: list[tuple[int, bool]]) -> list[tuple[float, bool]]:
    """Return the first spell of relief of a course of (day, relief), or nothing."""
    begins = next((i for i, (_, relief) in enumerate(course) if relief), None)
    if begins is None:
        return []
    later = course[begins:]
    lost = next((day for day, relief in later if not relief), None)
    end = later[-1][0] if lost is None else lost
    return [(float(end - later[0][0]), lost is not None)] if end > later[0][0] else []


def kaplan_meier(times: Iterable[tuple[float, bool]]) -> Survival:
    """Return the share still without the event over time (Kaplan & Meier 1958).

    Computed by statsmodels; the interval is 95 % on the scale of log(-log S) with Greenwood's error.

    Parameters
    ----------
    times
        (days, whether the event came); without it the time is censored.

    Raises
    ------
    SettingsError
        When there is nobody, or statsmodels is missing.
    """
    rows = list(times)
    if not rows:
        raise SettingsError("There is nobody whose time could be told.")
    try:
        from statsmodels.duration.survfunc import SurvfuncRight  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Kaplan-Meier curves need the package statsmodels; install insonate[outcomes]."
        ) from error
    day, event = np.array([t for t, _ in rows]), np.array([e for _, e in rows], dtype=int)
    fitted = SurvfuncRight(day, event)
    share, error_of = (
        np.asarray(fitted.surv_prob, float),
        np.asarray(fitted.surv_prob_se, float),
    )
    low, high = _log_log_interval(share, error_of)
    return Survival(
        days=np.asarray(fitted.surv_times, float),
        share=share,
        low=low,
        high=high,
        at_risk=np.asarray(fitted.n_risk, np.int64),
        count=len(rows),
        events=int(event.sum()),
    )


def _log_log_interval(
    share: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return S^exp(±1.96 se / (S ln S)); where S is 0 or 1 the interval is S itself."""
    inside = (share > 0.0) & (share < 1.0)
    s = np.where(inside, share, 0.5)
    width = np.exp(1.959964 * np.where(inside, error, 0.0) / np.abs(s * np.log(s)))
    return np.where(inside, s**width, share), np.where(inside, s ** (1.0 / width), share)
