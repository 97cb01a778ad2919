"""What the evidence says, in plain words, made from the studies alone.

Nothing here is written for a certain result: a study that is added changes the sentences by being there.
No sentence recommends, praises or predicts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from insonate.core.provenance import DISCLAIMER
from insonate.evidence.pooling import Pooled
from insonate.evidence.proportions import PooledProportion, as_proportion, rule_of_three
from insonate.evidence.selection import Series, clusters
from insonate.evidence.study import Design, Judgement, MeanChange, Read, Study, Unit
from insonate.evidence.synthesis import Answer, Kind, answers, series_interval

GUIDANCE = (
    "NICE (HTG491, 2018, unchanged in 2026) says that this procedure should not be used, because of "
    "serious safety concerns and very limited evidence of efficacy."
)
CLOSING = (
    "These are numbers about groups that were treated at few centres, mostly without a control. They "
    "say nothing about what would happen to one person."
)


@dataclass(frozen=True)
class Paragraph:
    """A heading and its sentences."""

    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """The evidence in plain words."""

    paragraphs: tuple[Paragraph, ...]

    @property
    def text(self) -> str:
        """The statement as Markdown."""
        parts = [f"**{DISCLAIMER}**"]
        for paragraph in self.paragraphs:
            rows = "\n".join(f"- {sentence}" for sentence in paragraph.sentences)
            parts.append(f"### {paragraph.heading}\n\n{rows}")
        return "\n\n".join(parts) + "\n"


def state(studies: tuple[Study, ...]) -> Statement:
    """Return what some studies say together, in plain words.

    Parameters
    ----------
    studies
        As ``reading.load_studies`` gives them.
    """
    found = answers(studies)
    paragraphs = (
        Paragraph("What there is", (GUIDANCE, *_what_there_is(studies))),
        Paragraph("Against a sham", tuple(_controlled(studies))),
        Paragraph("Pain", tuple(_told(found, (Kind.SHARE, Kind.CHANGE)))),
        Paragraph("Harm", tuple(_told(found, (Kind.HARM,)))),
        Paragraph("How far this can be believed", (*_limits(studies), CLOSING)),
    )
    return Statement(paragraphs)


def percent(share: float) -> str:
    """Return a share as a percentage, with a digit more below 10 %."""
    value = 100.0 * share
    return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"


def _plural(count: int, word: str, plural: str | None = None) -> str:
    return f"{count} {word if count == 1 else plural or word + 's'}"


def _what_there_is(studies: tuple[Study, ...]) -> Iterator[str]:
    teams = {study.team for study in studies}
    designs = [
        _plural(sum(s.design is d for s in studies), d.value, _PLURALS[d])
        for d in Design
        if any(s.design is d for s in studies)
    ]
    yield (
        f"{_plural(len(studies), 'report')} from {_plural(len(teams), 'team')}: "
        f"{', '.join(designs)}."
    )
    by_name = {study.name: study for study in studies}
    for group in (g for g in clusters(studies) if len(g) > 1):
        labels = ", ".join(by_name[name].label for name in group)
        yield (
            f"{labels} come from one team and may describe some of the same people; no pool below "
            "holds more than one of them."
        )
    once = sum(_most_people(g, by_name) for g in clusters(studies))
    controls = sum(study.sample.controls for study in studies)
    yield (
        f"People who were treated for neuropathic pain, nobody counted twice: about {once}; given a "
        f"sham: {controls}."
    )


_PLURALS = {
    Design.CASE_SERIES: "case series",
    Design.SINGLE_ARM_TRIAL: "single-arm trials",
    Design.SHAM_CONTROLLED_TRIAL: "randomised sham-controlled trials",
}


def _most_people(group: tuple[str, ...], by_name: dict[str, Study]) -> int:
    """Return the people of the largest unmixed study of a cluster."""
    sizes = [
        by_name[name].sample.patients or by_name[name].sample.treated
        for name in group
        if not by_name[name].mixed
    ]
    return max(sizes, default=0)


def _controlled(studies: tuple[Study, ...]) -> Iterator[str]:
    trials = [s for s in studies if s.design is Design.SHAM_CONTROLLED_TRIAL]
    if not trials:
        yield "No study here compares with a sham. A response to sham cannot be told from an effect."
    for trial in trials:
        yield (
            f"{trial.label} treated {trial.sample.treated} and gave {trial.sample.controls} a sham: "
            f"{trial.finding.rstrip('.')} ({trial.finding_where})."
        )
    if 0 < sum(s.sample.treated + s.sample.controls for s in trials) < 100:
        yield "That few people neither show an effect nor rule one out."


def _told(found: tuple[Answer, ...], kinds: tuple[Kind, ...]) -> Iterator[str]:
    wanted = [answer for answer in found if answer.question.kind in kinds]
    for answer in wanted:
        if answer.series:
            yield " ".join(_sentences(answer))
    unheard = [a.question.words for a in wanted if not a.series]
    if unheard:
        yield (
            f"No study that was read says anything about: {', '.join(unheard)}. That is not the same as "
            "none having happened."
        )


def _sentences(answer: Answer) -> Iterator[str]:
    """Yield all sentences about one question."""
    yield f"**{answer.question.words.capitalize()}.**"
    yield from (_one_series(one) for one in answer.selection.pooled)
    yield from _pool_sentences(answer)
    yield from _zero_sentences(answer)
    for one, reason in answer.selection.left_out:
        yield f"Not pooled: {_short(one)}, because {reason}."
    if answer.silent:
        yield f"Says nothing about it: {', '.join(answer.silent)}."


def _one_series(series: Series) -> str:
    found = series_interval(series)
    if found is None:
        return f"{_short(series)}."
    value, low, high = found
    if isinstance(series.row, MeanChange):
        return f"{_short(series)} (95 % interval of the mean {low:.0f} to {high:.0f})."
    return f"{_short(series)}, {percent(value)} (exact 95 % interval {percent(low)} to {percent(high)})."


def _short(series: Series) -> str:
    """Return a series in a few words, with what was counted."""
    row, study = series.row, series.study
    if isinstance(row, MeanChange):
        spread = "" if row.sd is None else f" ± {row.sd:g}"
        return f"{study.label}: mean {row.mean:g}{spread} ({row.of})"
    counted = " interventions" if study.sample.unit is Unit.INTERVENTIONS else ""
    what = "events in " if getattr(row, "counts", "people") == "events" else "of "
    return f"{study.label}: {row.events} {what}{row.of}{counted}"


def _pool_sentences(answer: Answer) -> Iterator[str]:
    pooled, estimate = answer.pooled, answer.estimate
    if pooled is None or estimate is None:
        if len(answer.selection.pooled) == 1:
            yield "One series that can be used: there is nothing to pool."
        return
    if isinstance(pooled, PooledProportion):
        yield (
            f"Pooled ({pooled.normal.count} series, random effects): {percent(estimate.value)}, 95 % "
            f"interval {percent(estimate.low)} to {percent(estimate.high)}."
        )
        yield from _half_sentences(pooled)
        yield _heterogeneity(pooled.normal)
    else:
        yield (
            f"Pooled ({pooled.count} series, random effects): {estimate.value:.0f}, 95 % interval "
            f"{estimate.low:.0f} to {estimate.high:.0f}."
        )
        yield _heterogeneity(pooled)
    yield _new_series(answer)


def _half_sentences(pooled: PooledProportion) -> Iterator[str]:
    """Yield what was done about series without an event, and what it does."""
    if pooled.corrected:
        other = as_proportion(pooled.binomial)
        yield (
            f"{_plural(pooled.corrected, 'series has', 'series have')} no event (or only events): half an "
            "event was added to each of them, which pulls the share towards one half. Without that, the "
            f"counts as they are give {percent(other.value)} ({percent(other.low)} to "
            f"{percent(other.high)})."
        )


def _heterogeneity(pooled: Pooled) -> str:
    if pooled.count < 3:
        return "Two series cannot show whether centres differ."
    return (
        f"Variation between series: I² {percent(pooled.i2)}, Q {pooled.q:.1f} on {pooled.count - 1} "
        f"degrees of freedom (p {pooled.q_p:.2f}); {pooled.count} series hardly show it either way."
    )


def _new_series(answer: Answer) -> str:
    expected = answer.prediction
    if expected is None:
        return "Below three series nothing can be said about where a new one would lie."
    if answer.question.kind is Kind.CHANGE:
        return f"A new series is expected between {expected[0]:.0f} and {expected[1]:.0f}."
    return (
        f"A new series is expected between {percent(expected[0])} and {percent(expected[1])}."
    )


def _zero_sentences(answer: Answer) -> Iterator[str]:
    """Yield what a zero means: never seen, or seen only where the pool does not look."""
    if answer.question.kind is not Kind.HARM or not answer.selection.pooled:
        return
    if answer.upper is not None:
        yield (
            f"Never reported in {answer.of}: the risk may still be as high as {percent(answer.upper)} (exact, "
            f"one-sided 95 %; rule of three {percent(rule_of_three(answer.of))}). Nothing is "
            "estimated from zeros alone."
        )
    elif answer.events == 0:
        seen = [one for one, _ in answer.selection.left_out if one.events]
        yield (
            f"None in the {answer.of} that count once, **but it has happened**: "
            f"{'; '.join(map(_short, seen))}."
        )
    if answer.worst is not None:
        worst = answer.worst.proportion
        yield (
            "With the worst instead of the largest series of each team: "
            f"{percent(worst.value)} ({percent(worst.low)} to {percent(worst.high)})."
        )


def _limits(studies: tuple[Study, ...]) -> Iterator[str]:
    unread = [s for s in studies if s.read is not Read.FULL_TEXT]
    if unread:
        second = sum(s.read is Read.SECOND_HAND for s in unread)
        yield (
            f"Of {_plural(len(studies), 'report')}, {len(unread)} were read only as an abstract or second "
            f"hand ({second}). Numbers may be missing or wrong for that alone."
        )
    uncontrolled = [s for s in studies if s.design is not Design.SHAM_CONTROLLED_TRIAL]
    if uncontrolled:
        yield (
            f"{len(uncontrolled)} of {len(studies)} have no control group. Pain that is rated by people who "
            "know that they were treated may fall after a sham as well."
        )
    serious = [s for s in studies if any(b.judgement is Judgement.SERIOUS for b in s.bias)]
    yield (
        f"{len(serious)} of {len(studies)} have a serious risk of bias in at least one domain, as judged "
        "here by one reader from what was read; a second reader is needed before anyone relies on it."
    )
    yield "Studies that were never published cannot be counted, and few small ones cannot show it."
