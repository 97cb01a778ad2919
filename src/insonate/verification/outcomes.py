"""Checks of the registry: published rules of scoring, a printed survival curve, wrong imports refused."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from insonate.outcomes.follow_up import kaplan_meier
from insonate.outcomes.instruments import INSTRUMENTS, Instrument
from insonate.verification.check import Check, at_most
from insonate.verification.malformed import good_rows, let_in, write_rows

Sheet = Mapping[str, float]
Rule = Callable[[Sheet], float | None]

# Freireich and others 1963, Blood 21:699: weeks of remission under 6-mercaptopurine; False: still in it.
REMISSION = (
    (6, True), (6, True), (6, True), (6, False), (7, True), (9, False), (10, True), (10, False),
    (11, False), (13, True), (16, True), (17, False), (19, False), (20, False), (22, True), (23, True),
    (25, False), (32, False), (32, False), (34, False), (35, False),
)  # fmt: skip
PRINTED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def _mean_if(sheet: Sheet, codes: str, least: int) -> float | None:
    given = [sheet[c] for c in codes.split() if c in sheet]
    return float(np.mean(given)) if len(given) >= least else None


def _sum_if(sheet: Sheet, codes: str) -> float | None:
    wanted = codes.split()
    return float(np.sum([sheet[c] for c in wanted])) if set(wanted) <= set(sheet) else None


def _moca(sheet: Sheet) -> float | None:
    if not {"points", "education-years"} <= set(sheet):
        return None
    return float(np.clip(sheet["points"] + (sheet["education-years"] <= 12), 0, 30))


_DIMENSIONS = "mobility self-care usual-activities pain-discomfort anxiety-depression"
_DISABILITY = "home recreation social occupation sexual self-care life-support"
RULES: dict[tuple[str, str], Rule] = {
    ("nrs", "current"): lambda s: s.get("current"),
    ("nrs", "continuous"): lambda s: s.get("continuous"),
    ("nrs", "attacks"): lambda s: s.get("attacks"),
    ("vas", "current"): lambda s: s.get("current"),
    ("vas", "continuous"): lambda s: s.get("continuous"),
    ("vas", "attacks"): lambda s: s.get("attacks"),
    ("bpi", "severity"): lambda s: _mean_if(s, "worst least average now", 4),
    ("bpi", "interference"): lambda s: _mean_if(
        s, "activity mood walking work relations sleep enjoyment", 4
    ),
    ("pdi", "total"): lambda s: _sum_if(s, _DISABILITY),
    ("eq5d5l", "level-sum"): lambda s: _sum_if(s, _DIMENSIONS),
    ("eq5d5l", "vas"): lambda s: s.get("vas"),
    ("pgic", "change"): lambda s: s.get("change"),
    ("moca", "total"): _moca,
}
"""The published rules, written a second time and apart from the instruments."""


def sheets(instrument: Instrument, count: int, rng: np.random.Generator) -> Iterator[Sheet]:
    """Yield random answer sheets: whole, with missing items, and the extremes."""
    for number in range(count):
        drawn = {
            i.code: float(rng.integers(int(i.low), int(i.high) + 1)) for i in instrument.items
        }
        if number % 5 == 3:
            drawn = {i.code: (i.low, i.high)[number % 2] for i in instrument.items}
        kept = 1.0 if number % 2 else rng.random()
        yield {code: value for code, value in drawn.items() if rng.random() < kept}


def wrong_scores(rules: Mapping[tuple[str, str], Rule], count: int = 300) -> int:
    """Return how many of ``count`` sheets an instrument scores otherwise than its published rule."""
    rng = np.random.default_rng(8)
    wrong = 0
    for instrument in INSTRUMENTS.values():
        for sheet in sheets(instrument, count, rng):
            for name, value in instrument.score(sheet).items():
                rule = rules.get((instrument.code, name))
                wrong += rule is None or rule(sheet) != value
    return wrong


def checks() -> Iterator[Check]:
    """Yield every number of the area."""
    count = sum(len(i.scores) for i in INSTRUMENTS.values())
    yield at_most(
        "outcomes", f"{count} scores of {len(INSTRUMENTS)} instruments, 300 sheets each: scored otherwise",
        wrong_scores(RULES), 0, "1", "each instrument's own paper, its rule written a second time",
    )  # fmt: skip
    curve = kaplan_meier((float(week), lost) for week, lost in REMISSION)
    reached = dict(zip(curve.days.tolist(), curve.share.tolist(), strict=True))
    error = max(
        abs(reached.get(float(week), np.inf) - share) for week, share in PRINTED.items()
    )
    yield at_most(
        "outcomes", "Kaplan-Meier, 21 remissions, seven printed shares", error, 0.5e-3 * 1.001, "1",
        "Freireich 1963 as printed in Kleinbaum & Klein, Survival Analysis, chapter 2",
    )  # fmt: skip
    yield at_most(
        "outcomes", "of 500 wrong imports: let in, told without row, or left behind",
        len(refused_wrongly(500)), 0, "1", "types, ranges, dates, terms, formulas, doubles, strangers",
    )  # fmt: skip
    yield at_most(
        "outcomes", "rows that differ after export and import", _round_trip(), 0, "1",
        "the rows before the export",
    )  # fmt: skip


def refused_wrongly(count: int) -> list[str]:
    """Return what was wrong with the handling of ``count`` wrong imports into a SQLite registry."""
    from insonate.outcomes.columns import TABLES  # noqa: PLC0415 - the database is an extra
    from insonate.outcomes.registry import open_registry  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        registry = open_registry(
            f"{name}/registry.db", who="check", create=True, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
        )  # fmt: skip

        write_rows(good_rows(2, "SITE2"), Path(name) / "good")
        registry.import_csv(Path(name) / "good")

        def content() -> object:
            return [registry.rows(table) for table in TABLES], list(registry.trail())

        rng = np.random.default_rng(500)
        return let_in(registry.import_csv, content, Path(name) / "in", count, rng)


def _round_trip() -> int:
    from insonate.outcomes.columns import TABLES  # noqa: PLC0415 - the database is an extra
    from insonate.outcomes.exporting import export  # noqa: PLC0415
    from insonate.outcomes.registry import open_registry  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        first, second = (
            open_registry(f"{name}/{which}.db", who="check", create=True) for which in "ab"
        )
        write_rows(good_rows(20), Path(name) / "in")
        first.import_csv(Path(name) / "in")
        export(first, Path(name) / "out", "csv")
        second.import_csv(Path(name) / "out")
        pairs = [(first.rows(table), second.rows(table)) for table in TABLES]
        differ = sum(a != b for one, other in pairs for a, b in zip(one, other, strict=True))
        return differ + sum(not one for one, _ in pairs)
