"""What all studies together say, outcome by outcome: pooled where that is allowed, told where not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from scipy import stats

from insonate.evidence.pooling import LEVEL, Estimate, Pooled, pool
from insonate.evidence.proportions import (
    PooledProportion,
    exact_interval,
    never_seen,
    pool_proportions,
)
from insonate.evidence.selection import Selection, Series, select
from insonate.evidence.study import AdverseEvent, MeanChange, Responders, Study

OUTCOMES = {
    "relief-50": "relief of at least 50 %",
    "relief-30": "relief of at least 30 %",
    "pain-relief-rated": "fall of pain, % of the pain before",
    "vas-improvement": "fall of the visual analogue score, % of the score before",
    "pain-interference-bpi": "fall of the brief pain inventory, % of the score before",
    "disability-pdi": "fall of the pain disability index, % of the score before",
    "any-serious": "any serious adverse event",
    "bleeding": "bleeding",
    "stroke": "stroke or ischaemia",
    "motor-deficit": "motor deficit",
    "sensory-deficit": "lasting sensory deficit",
    "speech-disorder": "speech disorder",
    "gait-disorder": "gait disorder",
    "cognitive-disorder": "cognitive disorder",
    "any-mild-or-moderate": "mild or moderate adverse events",
}
"""Words for the names in the files; another name is shown as it is."""

FOLLOWED_TERMS = (
    "any-serious", "bleeding", "stroke", "motor-deficit", "sensory-deficit", "speech-disorder",
    "gait-disorder", "cognitive-disorder",
)  # fmt: skip
"""Harm that is asked about whether or not a study tells it: bleeding and inadvertent neurological
damage are the key safety outcomes of NICE HTG491, 3.3."""


class Kind(StrEnum):
    """What kind of number an outcome is."""

    SHARE = "share"
    CHANGE = "mean change"
    HARM = "adverse event"


@dataclass(frozen=True)
class Question:
    """One outcome at one visit; harm has no visit."""

    kind: Kind
    name: str
    months: float | None

    @property
    def words(self) -> str:
        """The outcome and its visit in words."""
        what = OUTCOMES.get(self.name, self.name.replace("-", " "))
        return what if self.months is None else f"{what}, {visit_words(self.months)}"


@dataclass(frozen=True)
class Answer:
    """All that is known about one question.

    Parameters
    ----------
    question
        What is asked.
    series
        Every series that has a number, pooled or not.
    selection
        Which of them may be pooled.
    pooled
        The pooled mean (a change), or proportion (a share or harm), or None.
    worst
        For harm: pooled again with the worst series of each cluster, where that differs.
    upper
        For harm that no series at all saw: the largest risk that fits with that in the selected
        ones, one-sided 95 %.
    silent
        For harm: labels of usable studies that say nothing about it.
    """

    question: Question
    series: tuple[Series, ...]
    selection: Selection
    pooled: Pooled | PooledProportion | None
    worst: PooledProportion | None
    upper: float | None
    silent: tuple[str, ...]

    @property
    def events(self) -> int:
        """Events in the selected series."""
        return sum(one.events for one in self.selection.pooled)

    @property
    def of(self) -> int:
        """People or interventions in the selected series."""
        return sum(one.row.of for one in self.selection.pooled)

    @property
    def estimate(self) -> Estimate | None:
        """The pooled value with its interval: a share (0 to 1) or a mean."""
        if isinstance(self.pooled, PooledProportion):
            return self.pooled.proportion
        return None if self.pooled is None else self.pooled.mean

    @property
    def prediction(self) -> tuple[float, float] | None:
        """Where a new series is expected, or None."""
        return None if self.pooled is None else self.pooled.prediction


def visit_words(months: float) -> str:
    """Return a visit in words: days below a month, months up to a year, else years."""
    if months < 1:
        return f"{round(months * 30.4)} days"
    if months % 12 == 0:
        years = round(months / 12)
        return "1 year" if years == 1 else f"{years} years"
    return "1 month" if months == 1 else f"{months:g} months"


@lru_cache(maxsize=8)
def answers(studies: tuple[Study, ...]) -> tuple[Answer, ...]:
    """Return an answer for every outcome that some study has, and for all followed harm.

    Parameters
    ----------
    studies
        As ``reading.load_studies`` gives them.
    """
    return tuple(_answer(question, studies) for question in _questions(studies))


def _questions(studies: tuple[Study, ...]) -> tuple[Question, ...]:
    """Return the questions in the order in which they are told."""
    shares = {Question(Kind.SHARE, r.name, r.months) for s in studies for r in s.responders}
    changes = {Question(Kind.CHANGE, c.name, c.months) for s in studies for c in s.changes}
    terms = [e.term for s in studies for e in s.adverse_events]
    harm = dict.fromkeys([*FOLLOWED_TERMS, *terms])
    order = list(OUTCOMES)

    def place(question: Question) -> tuple[int, str, float]:
        known = order.index(question.name) if question.name in order else len(order)
        return known, question.name, question.months or 0.0

    told = sorted(shares, key=place) + sorted(changes, key=place)
    return (*told, *(Question(Kind.HARM, term, None) for term in harm))


def _rows(study: Study, question: Question) -> Iterator[Responders | MeanChange | AdverseEvent]:
    """Yield what a study has for a question."""
    if question.kind is Kind.HARM:
        yield from (e for e in study.adverse_events if e.term == question.name)
    else:
        known = study.responders if question.kind is Kind.SHARE else study.changes
        for row in known:
            if (row.name, row.months) == (question.name, question.months):
                yield row


def _answer(question: Question, studies: tuple[Study, ...]) -> Answer:
    series = tuple(Series(study, row) for study in studies for row in _rows(study, question))
    selection = select(series, studies)
    harm = question.kind is Kind.HARM
    seen = {one.study.name for one in series}
    silent = tuple(s.label for s in studies if harm and s.name not in seen and not s.mixed)
    total = sum(one.row.of for one in selection.pooled)
    none = harm and total > 0 and not any(one.events for one in series)
    differs = harm and selection.worst != selection.pooled
    return Answer(
        question=question,
        series=series,
        selection=selection,
        pooled=_pooled(selection.pooled, question.kind),
        worst=_pooled_counts(selection.worst) if differs else None,
        upper=never_seen(total) if none else None,
        silent=silent,
    )


def _pooled(series: tuple[Series, ...], kind: Kind) -> Pooled | PooledProportion | None:
    """Return the pool of some series, or None where fewer than two, or no event, allow none."""
    if kind is not Kind.CHANGE:
        return _pooled_counts(series)
    rows = [one.row for one in series if isinstance(one.row, MeanChange)]
    if len(rows) < 2:
        return None
    return pool([r.mean for r in rows], [(r.sd or 0.0) ** 2 / r.of for r in rows])


def _pooled_counts(series: tuple[Series, ...]) -> PooledProportion | None:
    events, of = [s.events for s in series], [s.row.of for s in series]
    if len(series) < 2 or sum(events) in (0, sum(of)):
        return None
    return pool_proportions(events, of)


def series_interval(series: Series) -> tuple[float, float, float] | None:
    """Return the value of one series with its 95 % interval, or None where it has no spread.

    A share is exact (Clopper-Pearson); a mean is Student's t on n - 1.
    """
    row = series.row
    if isinstance(row, MeanChange):
        if row.sd is None or row.of < 2:
            return None
        half = float(stats.t.ppf(0.5 + LEVEL / 2, row.of - 1)) * row.sd / row.of**0.5
        return row.mean, row.mean - half, row.mean + half
    if isinstance(row, AdverseEvent) and row.counts == "events":
        return None
    return (series.risk, *exact_interval(row.events, row.of))
