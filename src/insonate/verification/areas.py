"""All areas that ``insonate verify`` knows."""

from collections.abc import Iterator

from insonate.core import SettingsError
from insonate.verification import (
    born,
    control,
    exposure,
    field,
    head,
    heat,
    images,
    partial_volume,
    record,
    report,
    skull,
    solid_slab,
    thermometry,
)
from insonate.verification.check import Check, Checks


def _sound() -> Iterator[Check]:
    """Yield the checks of both acoustic engines."""
    yield from field.checks()
    yield from born.checks()
    yield from exposure.checks()
    yield from solid_slab.checks()


def _eye() -> Iterator[Check]:
    """Yield the checks of thermometry, partial volume included."""
    yield from thermometry.checks()
    yield from partial_volume.checks()


AREAS: dict[str, Checks] = {
    "images": images.checks,
    "head": head.checks,
    "field": _sound,
    "planner": skull.skull_checks,
    "heat": heat.checks,
    "thermometry": _eye,
    "control": control.checks,
    "record": record.checks,
    "report": report.checks,
}

SLOW: dict[str, Checks] = {"field": born.slow_checks}
"""Minutes to hours; run weekly and before a release."""


def run_checks(area: str | None = None, *, slow: bool = False) -> list[Check]:
    """Compute the checks of one area, or of all.

    Parameters
    ----------
    area
        One of ``AREAS``, or None for all.
    slow
        Whether the slow checks are computed, instead of the quick ones.

    Raises
    ------
    SettingsError
        When there is no such area, or it has no slow checks.
    """
    known = SLOW if slow else AREAS
    if area is not None and area not in known:
        kind = "slow area" if slow else "area"
        raise SettingsError(
            f"There is no {kind} '{area}' to verify; choose one of {', '.join(known)}."
        )
    wanted = known.values() if area is None else (known[area],)
    return [check for checks in wanted for check in checks()]
