"""All areas that ``insonate verify`` knows."""

from collections.abc import Iterator
from pathlib import Path

from insonate.core import SettingsError
from insonate.verification import (
    artefacts,
    born,
    control,
    exposure,
    field,
    frame_time,
    has,
    head,
    heat,
    images,
    itrusst_masks,
    partial_volume,
    push,
    record,
    report,
    scanner_data,
    scenarios,
    skull,
    solid_slab,
    thermometry,
)
from insonate.verification.check import Check, Checks


def _sound() -> Iterator[Check]:
    """Yield the checks of the acoustic engines."""
    yield from field.checks()
    yield from born.checks()
    yield from has.checks()
    yield from exposure.checks()
    yield from solid_slab.checks()


def _slow_sound() -> Iterator[Check]:
    """Yield the slow checks of the acoustic engines: whole benchmarks."""
    yield from has.slow_checks()
    yield from born.slow_checks()
    yield from itrusst_masks.checks()


def _eye() -> Iterator[Check]:
    """Yield the checks of thermometry: closed forms, artefacts, between frames, partial volume, push."""
    yield from thermometry.checks()
    yield from artefacts.artefact_checks()
    yield from frame_time.frame_time_checks()
    yield from partial_volume.checks()
    yield from push.checks()


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


def _treated() -> Iterator[Check]:
    """Yield the slow checks of the controller, every scenario included."""
    yield from control.slow_checks()
    yield from scenarios.slow_checks()


SLOW: dict[str, Checks] = {
    "field": _slow_sound,
    "control": _treated,
    "record": record.slow_checks,
}
"""Minutes to hours; run weekly and before a release."""


def run_checks(
    area: str | None = None, *, slow: bool = False, data: Path | None = None
) -> list[Check]:
    """Compute the checks of one area, or of all.

    Parameters
    ----------
    area
        One of ``AREAS``, or None for all.
    slow
        Whether the slow checks are computed, instead of the quick ones.
    data
        A folder of real scanner phase: its checks instead; only thermometry has any.

    Raises
    ------
    SettingsError
        When there is no such area, or it has no slow checks or none with data.
    """
    if data is not None:
        if area not in (None, "thermometry") or slow:
            raise SettingsError("--data goes with the area thermometry alone, without --slow.")
        return list(scanner_data.data_checks(data))
    known = SLOW if slow else AREAS
    if area is not None and area not in known:
        kind = "slow area" if slow else "area"
        raise SettingsError(
            f"There is no {kind} '{area}' to verify; choose one of {', '.join(known)}."
        )
    wanted = known.values() if area is None else (known[area],)
    return [check for checks in wanted for check in checks()]
