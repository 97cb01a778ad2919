"""Who may be suitable: each criterion met, not met or unknown, and where that comes from.

The criteria are those that the trials of this procedure print. That all are met does not make a person
suitable: the guidance says that the procedure should not be used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from insonate.core import Quantity
from insonate.outcomes.terms import DIAGNOSES

_TRIAL = "ClinicalTrials.gov NCT03111277 (the trial of Maryland), inclusion criteria"

LEAST_MONTHS = Quantity(6.0, "months", f"{_TRIAL}: pain for more than 6 months")
LEAST_DRUGS = Quantity(3.0, "drugs", f"{_TRIAL}: at least three pain medications failed")
LEAST_NRS = Quantity(5.0, "points of 10", f"{_TRIAL}: average score above 5 for 30 days")
AGES = Quantity(21.0, "years", f"{_TRIAL}: older than 21 and younger than 75", 21.0, 75.0)
LEAST_SDR = Quantity(
    0.40, "1", "Setting: the manufacturer's recommended least skull density ratio in the tremor trials; half of "
    "one national series lay below it",
)  # fmt: skip


class Verdict(StrEnum):
    """What is known of a criterion."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"


VERDICTS = tuple(verdict.value for verdict in Verdict)


@dataclass(frozen=True)
class Screening:
    """What is known before a decision; None is not known, and never counts as good.

    Parameters
    ----------
    diagnosis
        One of ``terms.DIAGNOSES``.
    age_years, pain_months, average_nrs
        Age; duration; mean numeric rating of a month.
    drugs_failed, opioid_failed
        Pain drugs tried in vain; whether an opioid was among them.
    intervention_failed
        Whether another intervention (block, stimulator, injection) was tried in vain.
    can_lie_in_mr
        No implant, size or claustrophobia against MR.
    bleeding_risk
        Anticoagulants that cannot be stopped, or a coagulation disorder.
    bleed_or_tumour_seen
        On the MR.
    can_report
        Awake, able to report and to press a stop button.
    skull_density_ratio
        From the plan of this head.
    target_in_reach
        Whether the plan reaches the target inside every limit.
    """

    diagnosis: str | None = None
    age_years: float | None = None
    pain_months: float | None = None
    average_nrs: float | None = None
    drugs_failed: int | None = None
    opioid_failed: bool | None = None
    intervention_failed: bool | None = None
    can_lie_in_mr: bool | None = None
    bleeding_risk: bool | None = None
    bleed_or_tumour_seen: bool | None = None
    can_report: bool | None = None
    skull_density_ratio: float | None = None
    target_in_reach: bool | None = None


@dataclass(frozen=True)
class Criterion:
    """One criterion: in words, where it comes from, and how it is judged."""

    code: str
    words: str
    source: str
    judge: Callable[[Screening], bool | None]


@dataclass(frozen=True)
class Judged:
    """A criterion with its verdict."""

    criterion: Criterion
    verdict: Verdict


def _known(value: object, met: bool) -> bool | None:  # noqa: FBT001 - it passes on a comparison
    return None if value is None else met


def _not(value: bool | None) -> bool | None:  # noqa: FBT001 - it negates a flag
    return None if value is None else not value


def _refractory(s: Screening) -> bool | None:
    """Return whether enough drugs, an opioid among them, and one intervention were tried in vain."""
    parts = (
        _known(s.drugs_failed, (s.drugs_failed or 0) >= LEAST_DRUGS.value),
        s.opioid_failed,
        s.intervention_failed,
    )
    if False in parts:
        return False
    return None if None in parts else True


_CRITERIA = (
    Criterion(
        "diagnosis", "a neuropathic pain of the guidance's or the trials' groups", "NICE HTG491, 2.1; the trials",
        lambda s: _known(s.diagnosis, s.diagnosis in DIAGNOSES),
    ),
    Criterion(
        "age", "older than 21 and younger than 75 years", AGES.source,
        lambda s: _known(s.age_years, AGES.low < (s.age_years or 0.0) < AGES.high),
    ),
    Criterion(
        "duration", "pain for more than 6 months", LEAST_MONTHS.source,
        lambda s: _known(s.pain_months, (s.pain_months or 0.0) > LEAST_MONTHS.value),
    ),
    Criterion(
        "severity", "average pain above 5 of 10 for a month", LEAST_NRS.source,
        lambda s: _known(s.average_nrs, (s.average_nrs or 0.0) > LEAST_NRS.value),
    ),
    Criterion(
        "refractory", "three drugs, an opioid among them, and one intervention tried in vain", _TRIAL,
        _refractory,
    ),
    Criterion(
        "mr-possible", "can lie in the MR scanner", "NICE HTG491, 2.4: inside an MRI scanner",
        lambda s: s.can_lie_in_mr,
    ),
    Criterion(
        "no-bleeding-risk", "no anticoagulant that cannot be stopped, no coagulation disorder",
        "NICE HTG491, 3.3: bleeding is a key safety outcome", lambda s: _not(s.bleeding_risk),
    ),
    Criterion(
        "clean-mr", "no bleed and no tumour on the MR", "NICE HTG491, 3.3: bleeding is a key safety outcome",
        lambda s: _not(s.bleed_or_tumour_seen),
    ),
    Criterion(
        "can-report", "awake and able to report", "NICE HTG491, 2.4: awake, reports to the operator",
        lambda s: s.can_report,
    ),
    Criterion(
        "skull", "skull density ratio of at least 0.40", LEAST_SDR.source,
        lambda s: _known(s.skull_density_ratio, (s.skull_density_ratio or 0.0) >= LEAST_SDR.value),
    ),
    Criterion(
        "in-reach", "the plan reaches the target inside every limit", "the plan of this head",
        lambda s: s.target_in_reach,
    ),
)  # fmt: skip

CRITERIA: Mapping[str, Criterion] = MappingProxyType({c.code: c for c in _CRITERIA})
"""Every criterion by its code."""


def judge(screening: Screening) -> tuple[Judged, ...]:
    """Return every criterion with its verdict; what is not known is unknown, never met."""
    words = {True: Verdict.MET, False: Verdict.NOT_MET, None: Verdict.UNKNOWN}
    return tuple(Judged(c, words[c.judge(screening)]) for c in CRITERIA.values())
