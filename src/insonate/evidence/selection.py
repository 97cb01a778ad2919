"""Which series may be pooled: nobody twice, nothing mixed, nothing without a spread.

Studies that may share people form a cluster. Of each cluster one series enters a pool, and which one is a
rule and no choice: the largest, the newest among equals. What the others saw is told beside the pool,
because a rule that looks only at size could hide the one bleed there was; for harm the pool is made a
second time with the worst series of each cluster.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from insonate.evidence.study import AdverseEvent, MeanChange, Responders, Sharing, Study

Row = Responders | MeanChange | AdverseEvent


@dataclass(frozen=True)
class Series:
    """One number of one study, as it may enter a pool."""

    study: Study
    row: Row

    @property
    def events(self) -> int:
        """How many, of a count; 0 of a mean."""
        return 0 if isinstance(self.row, MeanChange) else self.row.events

    @property
    def risk(self) -> float:
        """Share with the event."""
        return self.events / self.row.of


@dataclass(frozen=True)
class Selection:
    """What enters a pool, and what does not, with the reason.

    ``left_out`` are (series, sentence); ``worst`` has of each cluster the series with the largest
    share instead of the largest series.
    """

    pooled: tuple[Series, ...]
    worst: tuple[Series, ...]
    left_out: tuple[tuple[Series, str], ...]


def clusters(studies: Iterable[Study]) -> tuple[tuple[str, ...], ...]:
    """Return the names of studies that certainly or possibly share people, as groups."""
    groups = {study.name: {study.name} for study in studies}
    for study in studies:
        for overlap in study.overlaps:
            if overlap.people_shared is not Sharing.NONE and overlap.study in groups:
                joined = groups[study.name] | groups[overlap.study]
                groups.update(dict.fromkeys(joined, joined))
    unique = {frozenset(group) for group in groups.values()}
    return tuple(sorted(tuple(sorted(group)) for group in unique))


def select(found: Iterable[Series], studies: tuple[Study, ...]) -> Selection:
    """Return what of some series may be pooled.

    Parameters
    ----------
    found
        The series of one outcome.
    studies
        All studies, which say who may share people.
    """
    series = tuple(found)
    usable = [one for one in series if not _unusable(one)]
    left_out = [(one, _unusable(one)) for one in series if _unusable(one)]
    cluster_of = {name: group for group in clusters(studies) for name in group}
    grouped: dict[tuple[str, ...], list[Series]] = {}
    for one in usable:
        grouped.setdefault(cluster_of[one.study.name], []).append(one)
    pooled = [max(group, key=_size) for group in grouped.values()]
    worst = [max(group, key=lambda s: (s.risk, _size(s))) for group in grouped.values()]
    left_out += [pair for group in grouped.values() for pair in _shadowed(group)]
    return Selection(tuple(pooled), tuple(worst), tuple(left_out))


def _size(series: Series) -> tuple[int, int]:
    return series.row.of, series.study.year


def _shadowed(group: list[Series]) -> Iterator[tuple[Series, str]]:
    """Yield the series of a cluster that are not its largest."""
    largest = max(group, key=_size)
    for one in group:
        if one is not largest:
            yield (
                one,
                f"some of its people may be in {largest.study.label}, which is larger",
            )


def _unusable(series: Series) -> str:
    """Return why a series can be in no pool, or an empty text."""
    row = series.row
    if series.study.mixed:
        return "people with other conditions are among them"
    if isinstance(row, MeanChange) and row.sd is None:
        return "its mean has no standard deviation"
    if isinstance(row, AdverseEvent) and row.counts == "events":
        return "events were counted, not people"
    return ""
