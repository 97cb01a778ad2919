"""All areas that ``insonate verify`` knows."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from insonate.core import SettingsError
from insonate.verification import (
    artefacts,
    between_frames,
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


SLOW: dict[str, Checks] = {
    "field/device": born.device_checks,
    "field/has": has.slow_checks,
    "field/itrusst": born.benchmark_checks,
    "field/interfaces": born.moved_interface_checks,
    "field/shell": born.clinical_shell_checks,
    "field/curved": born.curved_checks,
    "field/masks": itrusst_masks.checks,
    "thermometry/between": between_frames.slow_checks,
    "control/random": control.slow_checks,
    "control/scenarios": scenarios.slow_checks,
    "record": record.slow_checks,
    "cohort": cohort.slow_checks,
}
"""Minutes to hours; run weekly and before a release. What stands before the slash is the area."""


def run_checks(
    area: str | None = None, *, slow: bool = False, data: Path | None = None
) -> Iterator[Check]:
    """Return the checks of one area, or of all, each computed when it is asked for.

    Parameters
    ----------
    area
        One of ``AREAS``, or None for all; with ``slow`` also a part of one, as in ``SLOW``.
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
        return iter(scanner_data.data_checks(data))
    known = SLOW if slow else AREAS
    missing = {name for name in known if left_out(name)}
    if area in missing:
        raise SettingsError(" ".join(left_out(area)))
    wanted = [
        checks
        for name, checks in known.items()
        if area in (None, name, name.split("/")[0]) and name not in missing
    ]
    if area is not None and not wanted:
        kind = "slow area" if slow else "area"
        names = sorted({*known, *(name.split("/")[0] for name in known)})
        raise SettingsError(
            f"There is no {kind} '{area}' to verify; choose one of {', '.join(names)}."
        )
    return (check for checks in wanted for check in checks())
