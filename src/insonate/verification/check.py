"""A check: one number, its limit, and where the truth comes from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One verified number.

    Parameters
    ----------
    area
        The part of the software: "field", "heat", "thermometry".
    check
        What was compared, in words.
    value
        What was reached.
    limit
        What must be reached.
    unit
        Of value and limit.
    passed
        Whether the value keeps the limit.
    reference
        The closed form or the paper that it was compared with.
    """

    area: str
    check: str
    value: float
    limit: float
    unit: str
    passed: bool
    reference: str


Checks = Callable[[], Iterator[Check]]


def at_most(
    area: str, check: str, value: float, limit: float, unit: str, reference: str
) -> Check:
    """Return a check that passes when ``value <= limit``; NaN never passes."""
    return Check(area, check, float(value), limit, unit, bool(value <= limit), reference)


def at_least(
    area: str, check: str, value: float, limit: float, unit: str, reference: str
) -> Check:
    """Return a check that passes when ``value >= limit``; NaN never passes."""
    return Check(area, check, float(value), limit, unit, bool(value >= limit), reference)
