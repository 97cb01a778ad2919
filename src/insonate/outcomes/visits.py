"""Follow-up at fixed visits, and which visit a day belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

_YEARS = 10


@dataclass(frozen=True)
class Visit:
    """A planned visit: days after the procedure, and how early and late it may be, days.

    The windows are settings of this registry, wide enough for a clinic and narrow enough that no two
    meet.
    """

    code: str
    words: str
    day: int
    early: int
    late: int

    def due(self, treated_on: date) -> date:
        """Return the day on which it is planned."""
        return treated_on + timedelta(days=self.day)

    def closes(self, treated_on: date) -> date:
        """Return the last day of its window; after it a visit that was not made is missing."""
        return self.due(treated_on) + timedelta(days=self.late)

    def holds(self, treated_on: date, day: date) -> bool:
        """Return whether a day lies in its window."""
        away = (day - self.due(treated_on)).days
        return -self.early <= away <= self.late


def _table() -> Mapping[str, Visit]:
    first = (
        Visit("baseline", "baseline", 0, 90, 0),
        Visit("day-1", "1 day", 1, 0, 2),
        Visit("week-1", "1 week", 7, 3, 7),
        Visit("month-1", "1 month", 30, 10, 21),
        Visit("month-3", "3 months", 91, 30, 30),
        Visit("month-6", "6 months", 183, 45, 45),
        Visit("month-12", "1 year", 365, 60, 90),
    )
    later = (
        Visit(f"year-{year}", f"{year} years", round(365.25 * year), 120, 180)
        for year in range(2, _YEARS + 1)
    )
    return MappingProxyType({visit.code: visit for visit in (*first, *later)})


VISITS: Mapping[str, Visit] = _table()
"""Every planned visit by its code, in order: baseline to 10 years."""

AFTER = tuple(code for code in VISITS if code != "baseline")


def expected_by(treated_on: date, today: date) -> tuple[str, ...]:
    """Return the codes of the visits whose window has closed by a day, baseline included."""
    return tuple(code for code, visit in VISITS.items() if visit.closes(treated_on) < today)
