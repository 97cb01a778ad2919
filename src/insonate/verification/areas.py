"""All areas that ``insonate verify`` knows."""

from insonate.core import SettingsError
from insonate.verification import control, field, head, heat, record, report, thermometry
from insonate.verification.check import Check, Checks

AREAS: dict[str, Checks] = {
    "head": head.checks,
    "field": field.checks,
    "heat": heat.checks,
    "thermometry": thermometry.checks,
    "control": control.checks,
    "record": record.checks,
    "report": report.checks,
}


def run_checks(area: str | None = None) -> list[Check]:
    """Compute the checks of one area, or of all.

    Raises
    ------
    SettingsError
        When there is no such area.
    """
    if area is not None and area not in AREAS:
        raise SettingsError(
            f"There is no area '{area}' to verify; choose one of {', '.join(AREAS)}."
        )
    wanted = AREAS.values() if area is None else (AREAS[area],)
    return [check for checks in wanted for check in checks()]
