"""A screening from what a person gives, and from the plan of the head."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from insonate.core import DataError, SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.outcomes.eligibility import Judged, Screening, Verdict
from insonate.outcomes.terms import DIAGNOSES

_BODY_DEGC = 37.0
_TREAT_GOAL_DEGC = 54.0
"""The least peak of a treat sonication (``plan.PEAK_GOALS_DEGC``)."""

_TEXTS = {"diagnosis"}
_FLAGS = {
    "opioid_failed", "intervention_failed", "can_lie_in_mr", "bleeding_risk", "bleed_or_tumour_seen",
    "can_report", "target_in_reach",
}  # fmt: skip
SUMMARY = (
    "That every criterion is met does not make a person suitable: NICE HTG491 says that this procedure "
    "should not be used."
)


def screening_of(given: Mapping[str, str]) -> Screening:
    """Return a screening from texts; what is not given stays unknown.

    Parameters
    ----------
    given
        Field to value: numbers as they are, flags as yes or no.

    Raises
    ------
    DataError
        With one sentence for each field that is unknown or cannot be read.
    """
    names = {field.name for field in fields(Screening)}
    faults = [
        f"There is no field '{name}' of a screening; there are {', '.join(sorted(names))}."
        for name in given
        if name not in names
    ]
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name in names:
            try:
                values[name] = _value(name, text)
            except ValueError as error:
                faults.append(f"'{name}' is '{text}': {error}.")
    if faults:
        raise DataError(faults)
    return Screening(**values)


def _value(name: str, text: str) -> str | float | bool:
    if name in _TEXTS:
        if text not in DIAGNOSES:
            raise ValueError(f"choose one of {', '.join(DIAGNOSES)}")
        return text
    if name in _FLAGS:
        if text not in ("yes", "no"):
            raise ValueError("write yes or no")
        return text == "yes"
    try:
        value = float(text)
    except ValueError:
        raise ValueError("write a number") from None
    if not 0.0 <= value < 1e4:
        raise ValueError("it must be a number from 0 to 9999")
    return value


def with_plan(screening: Screening, path: Path) -> Screening:
    """Return a screening with what a plan says of the head: density ratio, and whether the target is in reach.

    In reach: the treat sonication is predicted to reach 54 °C, and the skull to stay below its cap, inside the
    plan's own limits.

    Parameters
    ----------
    screening
        What is known otherwise.
    path
        plan.json, as ``insonate plan`` writes it.

    Raises
    ------
    SettingsError
        When the file is no plan.
    """
    try:
        plan = json.loads(path.read_text("utf-8"))
        kj = [
            s["power_w"] * s["duration_s"] / 1e3
            for s in plan["sonications"]
            if s["stage"] == "treat"
        ]
        caps = {row["name"]: row["value"] for row in plan["plan"]["limits"]}
        focus = _BODY_DEGC + plan["predicted_k_per_kj"] * kj[0]
        skull = _BODY_DEGC + plan["skull_k_per_kj"] * kj[0]
        reached = focus >= _TREAT_GOAL_DEGC - 1e-6 and skull <= caps["skull_temperature"]
        ratio = plan["skull_density_ratio"]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, IndexError) as error:
        raise SettingsError(
            f"{path} is no plan; give the plan.json that 'insonate plan' writes."
        ) from error
    return replace(screening, skull_density_ratio=ratio, target_in_reach=bool(reached))


def criteria_cells(patient: str, judged: Iterable[Judged], basis: str) -> list[dict[str, str]]:
    """Return the rows of the table ``criteria`` for a patient."""
    return [
        {
            "patient": patient,
            "criterion": one.criterion.code,
            "verdict": one.verdict.value,
            "basis": basis if one.verdict is not Verdict.UNKNOWN else "not known",
        }
        for one in judged
    ]


def screening_document(judged: Iterable[Judged]) -> dict[str, Any]:
    """Return verdicts and sources as one document."""
    return {
        "disclaimer": DISCLAIMER,
        "summary": SUMMARY,
        "criteria": [
            {
                "criterion": one.criterion.code,
                "words": one.criterion.words,
                "verdict": one.verdict.value,
                "source": one.criterion.source,
            }
            for one in judged
        ],
    }
