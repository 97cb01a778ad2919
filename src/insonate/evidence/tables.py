"""The studies as tables and as one document, for people and for programs."""

from dataclasses import asdict
from typing import Any

from insonate.core.provenance import DISCLAIMER, versions
from insonate.evidence.pooling import Estimate
from insonate.evidence.proportions import PooledProportion
from insonate.evidence.selection import Series
from insonate.evidence.statement import state
from insonate.evidence.study import MeanChange, Study, Unit
from insonate.evidence.synthesis import Answer, answers, series_interval

STUDY_HEAD = ("study", "design", "treated", "sham", "follow-up", "indication", "read")
BIAS_HEAD = ("study", "domain", "risk of bias", "reason")
ANSWER_HEAD = ("outcome", "series", "pooled", "95 % interval", "new series", "I²")


def study_rows(studies: tuple[Study, ...]) -> list[tuple[str, ...]]:
    """Return one row for each study, under ``STUDY_HEAD``."""
    return [
        (
            study.label,
            study.design.value,
            _treated(study),
            str(study.sample.controls or "-"),
            "-" if study.follow_up is None else f"{study.follow_up.months:g} months",
            study.indication,
            study.read.value,
        )
        for study in studies
    ]


def _treated(study: Study) -> str:
    if study.sample.unit is Unit.PATIENTS:
        return str(study.sample.treated)
    people = study.sample.patients
    return f"{study.sample.treated} in {people or 'an unknown number of'} people"


def bias_rows(studies: tuple[Study, ...]) -> list[tuple[str, ...]]:
    """Return one row for each study and domain, under ``BIAS_HEAD``."""
    return [
        (study.label, bias.domain, bias.judgement.value, bias.reason)
        for study in studies
        for bias in study.bias
    ]


def answer_rows(studies: tuple[Study, ...]) -> list[tuple[str, ...]]:
    """Return one row for each outcome that some study has, under ``ANSWER_HEAD``."""
    return [_answer_row(answer) for answer in answers(studies) if answer.series]


def _answer_row(answer: Answer) -> tuple[str, ...]:
    series = "; ".join(_count(one, answer) for one in answer.series)
    estimate = answer.estimate
    if estimate is None:
        return answer.question.words, series, "-", "-", "-", "-"
    scale = 100.0 if isinstance(answer.pooled, PooledProportion) else 1.0
    normal = (
        answer.pooled.normal if isinstance(answer.pooled, PooledProportion) else answer.pooled
    )
    expected = answer.prediction
    return (
        answer.question.words,
        series,
        f"{scale * estimate.value:.1f} %",
        f"{scale * estimate.low:.1f} to {scale * estimate.high:.1f}",
        "-" if expected is None else f"{scale * expected[0]:.1f} to {scale * expected[1]:.1f}",
        "-" if normal is None or normal.count < 3 else f"{100 * normal.i2:.0f} %",
    )


def _count(series: Series, answer: Answer) -> str:
    mark = "" if series in answer.selection.pooled else "*"
    row = series.row
    counted = f"{row.mean:g}" if isinstance(row, MeanChange) else f"{row.events}/{row.of}"
    return f"{series.study.label}{mark} {counted}"


def document(studies: tuple[Study, ...]) -> dict[str, Any]:
    """Return everything as one document: statement, answers, studies, versions.

    Shares are 0 to 1; changes in their own unit.
    """
    return {
        "disclaimer": DISCLAIMER,
        "statement": [asdict(paragraph) for paragraph in state(studies).paragraphs],
        "answers": [_answer_document(answer) for answer in answers(studies)],
        "studies": [study.model_dump(mode="json") for study in studies],
        "versions": versions(),
    }


def _answer_document(answer: Answer) -> dict[str, Any]:
    worst = None if answer.worst is None else answer.worst.proportion
    return {
        "outcome": answer.question.name,
        "words": answer.question.words,
        "kind": answer.question.kind.value,
        "months": answer.question.months,
        "series": [_series_document(one) for one in answer.series],
        "pooled_studies": [one.study.name for one in answer.selection.pooled],
        "left_out": {one.study.name: reason for one, reason in answer.selection.left_out},
        "estimate": _estimate_document(answer.estimate),
        "prediction": answer.prediction,
        "with_the_worst_series": _estimate_document(worst),
        "largest_risk_that_fits_with_none": answer.upper,
        "says_nothing": answer.silent,
        "model": None if answer.pooled is None else asdict(answer.pooled),
    }


def _series_document(series: Series) -> dict[str, Any]:
    found = series_interval(series)
    return {
        "study": series.study.name,
        **series.row.model_dump(mode="json"),
        "interval": None if found is None else found[1:],
    }


def _estimate_document(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
