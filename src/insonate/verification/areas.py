"""All areas that ``insonate verify`` knows."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from insonate.core import SettingsError
from insonate.verification import (
    artefacts,
    born,
    cohort,
    control,
    evidence,
    exposure,
    field,
    frame_time,
    has,
    head,
    heat,
    images,
    itrusst_masks,
    outcomes,
    partial_volume,
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
    """Yield the checks of thermometry: closed forms, artefacts, between frames, partial volume."""
    yield from thermometry.checks()
    yield from artefacts.artefact_checks()
    yield from frame_time.frame_time_checks()
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
    "evidence": evidence.checks,
    "outcomes": outcomes.checks,
    "cohort": cohort.checks,
}

_NEEDS = {
    "outcomes": ("sqlalchemy", "alembic", "cryptography", "statsmodels"),
    "cohort": ("distributed", "pyarrow", "yaml"),
}
"""Packages of the extra of the same name, without which an area cannot be computed."""


def left_out(area: str | None = None) -> tuple[str, ...]:
    """Return a sentence for each area that is asked for, but whose extra is not installed.

    Parameters
    ----------
    area
        One of ``AREAS``, or None for all.
    """
    return tuple(
        f"The area '{name}' is left out: it needs insonate[{name}]."
        for name, packages in _NEEDS.items()
        if area in (None, name) and not all(find_spec(package) for package in packages)
    )


def _treated() -> Iterator[Check]:
    """Yield the slow checks of the controller, every scenario included."""
    yield from control.slow_checks()
    yield from scenarios.slow_checks()


SLOW: dict[str, Checks] = {
    "field": _slow_sound,
    "control": _treated,
    "record": record.slow_checks,
    "cohort": cohort.slow_checks,
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
        When there is no such area, it has no slow checks or none with data, or its extra is missing.
        Of all areas, one whose extra is missing is left out (``left_out``).
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
    missing = {name for name in known if left_out(name)}
    if area in missing:
        raise SettingsError(" ".join(left_out(area)))
    wanted = [known[name] for name in known if area in (None, name) and name not in missing]
    return [check for checks in wanted for check in checks()]
