"""The report of a cohort: what it answers, on what that hangs, and what it cannot know."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from insonate.cohort.answers import (
    MAXIMA,
    SPLIT_BY,
    WORDS,
    compare,
    groups,
    influences,
    share_of,
    silent_guards,
    spread,
    succeeded,
    treated,
    without_guards,
)
from insonate.cohort.design import Row
from insonate.evidence.plots import png
from insonate.outcomes.page import page, picture, table
from insonate.outcomes.reporting import share_words
from insonate.report.canvas import FAINT, LIMIT, MEASURED, new_figure

CANNOT_KNOW = (
    "A simulation knows only what was put into it. These patients are heads and numbers: whether heat in this "
    "place relieves anybody's pain, how often a real vessel bleeds, and what a person loses with the tissue, "
    "is not in it. Intervals are those of drawing patients from this file; that the file is right is not "
    "in them."
)


def write_report(
    rows: list[Row],
    path: Path,
    *,
    other: list[Row] | None = None,
    left_out: list[Row] | None = None,
) -> Path:
    """Write the report as one HTML page and return its path.

    Parameters
    ----------
    rows
        As ``store.read_results``.
    path
        The page.
    other
        The same patients under another practice, to be compared pair by pair.
    left_out
        The same patients without the guards that spoke, one guard at a time.
    """
    parts = [
        f"<p><strong>{escape(CANNOT_KNOW)}</strong></p>",
        *_reached(rows),
        *_numbers(treated(rows)),
        *_hangs_on(treated(rows)),
        *(_guarded(rows, left_out) if left_out is not None else ()),
        *(_compared(rows, other) if other is not None else ()),
    ]
    path.write_text(page("Cohort", f"Virtual cohort of {len(rows)} patients", parts), "utf-8")
    return path


def _reached(rows: list[Row]) -> Iterator[str]:
    yield "<h2>How many reach 54 °C in the target within every limit</h2>"
    yield f"<p>{escape(share_words(share_of(rows)))} (exact 95 % interval).</p>"
    refused = Counter(str(row["refused"]) for row in rows if row.get("refused") is not None)
    if refused:
        yield "<p>Could not be planned, and count as not reaching it:</p>"
        yield table(("why", "patients"), refused.most_common())
    yield table(
        ("outcome", "patients"), Counter(r["outcome"] for r in treated(rows)).most_common()
    )
    for name in SPLIT_BY:
        found = groups(treated(rows), name)
        if found:
            yield table(
                (WORDS[name], "reach it"), [(g.words, share_words(g.share)) for g in found]
            )


def _numbers(rows: list[Row]) -> Iterator[str]:
    yield "<h2>How hot, how much, how far off</h2>"
    head = ("", "5 % are below", "half are below", "95 % are below", "largest")
    yield table(head, [(WORDS[n], *(f"{v:.3g}" for v in spread(rows, n))) for n in MAXIMA])
    if rows:
        yield picture(
            png(scatter(rows)), "True peak over largest energy, by skull density ratio"
        )


def scatter(rows: list[Row]) -> Figure:
    """Return the true peak over the largest energy; broken limits are crosses."""
    figure = new_figure(3.8, 8.6)
    axes = figure.add_subplot()
    for good, mark, colour, words in (
        (True, "o", MEASURED, "within every limit"),
        (False, "x", LIMIT, "a limit was broken"),
    ):
        some = [
            r
            for r in rows
            if bool(r["within_limits"]) is good and r["true_peak_degc"] is not None
        ]
        x = [r["largest_energy_kj"] for r in some]
        axes.plot(
            x,
            [r["true_peak_degc"] for r in some],
            mark,
            color=colour,
            label=f"{words} ({len(some)})",
        )
    axes.axhline(54.0, color=FAINT, linestyle=":", linewidth=0.9)
    axes.set_xlabel(WORDS["largest_energy_kj"])
    axes.set_ylabel(WORDS["true_peak_degc"])
    axes.legend(fontsize=8, loc="best")
    return figure


def _hangs_on(rows: list[Row]) -> Iterator[str]:
    yield "<h2>What the answers hang on</h2>"
    yield (
        "<p>Spearman's rank correlation of what was drawn with what came of it. Below about "
        f"{2 / np.sqrt(max(len(rows), 1)):.2f} it is not told from none with {len(rows)} patients.</p>"
    )
    outcomes = ("true_peak_degc", "largest_energy_kj", "true_skull_degc", "targeting_error_mm")
    columns = {name: influences(rows, name) for name in outcomes}
    names = sorted({n for found in columns.values() for n in found})
    body = [
        (n, *(f"{columns[o][n]:+.2f}" if n in columns[o] else "-" for o in outcomes))
        for n in names
    ]
    yield table(("drawn", *(WORDS[o] for o in outcomes)), body)
    yield from _mapped(rows)


def _mapped(rows: list[Row]) -> Iterator[str]:
    """Yield what becomes of the answers with another mapping of CT to sound; nothing where there is one."""
    mappings = sorted({str(row["mapping"]) for row in rows if row.get("mapping")})
    if len(mappings) < 2:
        return
    columns = ("predicted_k_per_kj", "largest_energy_kj", "true_peak_degc", "true_skull_degc")
    yield "<p>By the mapping of CT to speed, density and attenuation, of the plan and of the truth alike (medians):</p>"
    body = []
    for name in mappings:
        some = [row for row in rows if row.get("mapping") == name]
        found = (f"{spread(some, column)[1]:.3g}" for column in columns)
        body.append((name, len(some), share_words(share_of(some)), *found))
    yield table(("mapping", "patients", "reach it", *(WORDS[c] for c in columns)), body)


def _guarded(rows: list[Row], left_out: list[Row]) -> Iterator[str]:
    yield "<h2>What each guard prevents</h2>"
    yield (
        "<p>Every patient in whom a guard spoke was treated again without it, all else the same; where it never spoke the "
        "treatment is the same without it. What follows a stop is not the stop alone: a treatment that goes on reaches more, "
        "and risks more. A guard that spoke and changes nothing here was backed by another one, or by an operator who "
        "waited; that is no proof that it could go.</p>"
    )
    head = (
        "guard left out", "spoke in", "bled: with it, without", "broke a limit: with it, without",
        "reached 54 °C: with it, without", "limits broken only without it",
        "largest rise of the true peak, K", "of the skull, K",
    )  # fmt: skip
    body = [
        (
            found.guard, found.spoke, _pair(found.bled), _pair(found.broke), _pair(found.reached),
            ", ".join(f"{name} ({count})" for name, count in found.limits) or "-",
            _kelvin(found.hotter_k), _kelvin(found.skull_k),
        )
        for found in without_guards(rows, left_out)
    ]  # fmt: skip
    yield table(head, body) if body else "<p>No guard spoke.</p>"
    silent = ", ".join(silent_guards(rows)) or "none"
    yield f"<p>Never spoke, so that this cohort says nothing of them: {escape(silent)}.</p>"


def _pair(counts: tuple[int, int]) -> str:
    return f"{counts[0]}, {counts[1]}"


def _kelvin(rise: float | None) -> str:
    return "-" if rise is None else f"{rise:.1f}"


def _compared(rows: list[Row], other: list[Row]) -> Iterator[str]:
    practices = [
        " and ".join(sorted({str(r["practice"]) for r in treated(some)}))
        for some in (rows, other)
    ]
    yield f"<h2>The same patients under another practice: {escape(practices[0])} and {escape(practices[1])}</h2>"
    head = (
        "",
        "pairs",
        practices[0],
        practices[1],
        f"only {practices[0]}",
        f"only {practices[1]}",
    )
    found = compare(rows, other)
    yield table(
        head,
        [(p.words, p.count, p.first, p.second, p.only_first, p.only_second) for p in found],
    )
    yield f"<p>Reached within every limit: {share_words(share_of(other, succeeded))} of the others.</p>"
