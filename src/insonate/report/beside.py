"""Two treatments of the same patient beside each other: what another practice would have done.

Made from two records alone. It was made for the bleed of 2012: the controller as designed beside the
practice before it; what it draws and tells holds for any two records.
"""

import numpy as np

from insonate.events import documents as doc
from insonate.report import canvas, words
from insonate.report.canvas import Picture
from insonate.report.story import Exposure, Story
from insonate.report.tables import Table
from insonate.report.timeline import true_curve
from insonate.report.words import DASH

COLOURS = (canvas.MEASURED, canvas.LIMIT)
"""Of this treatment, and of the one beside it."""


def named(story: Story) -> str:
    """Return the name of the scenario that a record rehearses."""
    return story.opened.scenario if story.opened is not None else "not named"


def beside_table(story: Story, other: Story) -> Table:
    """Return what differs: one row for each fact, one column for each record."""
    pair = (story, other)
    rows = [
        ("What was rehearsed", *(_described(one) for one in pair)),
        *(_limit_row(name, pair) for name in _limits_that_differ(story, other)),
        ("Sonications", *("; ".join(map(_driven, one.exposures)) or DASH for one in pair)),
        ("Hottest measured focus", *(words.quantity(_measured(one), "degC") for one in pair)),
        ("Hottest true focus", *(words.quantity(_true(one), "degC") for one in pair)),
        ("Loudest cavitation under power", *(words.quantity(_loudest(one), "dB") for one in pair)),
        ("Harm, known only in simulation", *(_harm(one) for one in pair)),
        ("Outcome", *(one.closed.outcome if one.closed else "not finished" for one in pair)),
    ]  # fmt: skip
    columns = ("", f"{named(story)} (this record)", f"{named(other)} (beside it)")
    caption = "The same patient, treated twice: this record and the one beside it."
    return Table("beside", caption, columns, tuple(rows))


def _described(story: Story) -> str:
    return story.opened.settings.get("scenario", DASH) if story.opened is not None else DASH


def _limits_that_differ(story: Story, other: Story) -> list[str]:
    mine, theirs = (
        {row.name: row.value for row in one.plan.limits} if one.plan is not None else {}
        for one in (story, other)
    )
    return [name for name, value in mine.items() if theirs.get(name, value) != value]


def _limit_row(name: str, pair: tuple[Story, Story]) -> tuple[str, ...]:
    limits = [one.limit(name) for one in pair]
    shown = (words.quantity(row.value, row.unit) if row is not None else DASH for row in limits)
    return (f"Limit: {words.name(name)}", *shown)


def _driven(e: Exposure) -> str:
    if e.ended is None:
        return f"{e.stage or DASH}: not begun"
    how = f" ({e.ended.guard})" if e.ended.guard else ""
    watts, seconds = (
        words.quantity(e.ended.power_w, "W"),
        words.quantity(e.ended.duration_s, "s"),
    )
    return f"{e.stage} {watts}, {seconds}: {e.ended.end_reason}{how}"


def _measured(story: Story) -> float | None:
    return max((e.peak_degc for e in story.exposures if e.peak_degc is not None), default=None)


def _true(story: Story) -> float | None:
    return max(
        (e.truth.peak_degc for e in story.exposures if e.truth is not None), default=None
    )


def _loudest(story: Story) -> float | None:
    """Return the loudest level that was heard while power was on, dB; None where none was."""
    loudest, on = None, False
    for event in story.events:
        match event.payload:
            case doc.PowerSet(power_w=power_w):
                on = power_w > 0.0
            case doc.CavitationReading() as heard if on:
                level = max(heard.subharmonic_db, heard.ultraharmonic_db, heard.broadband_db)
                loudest = level if loudest is None else max(loudest, level)
    return loudest


def _harm(story: Story) -> str:
    told = [
        f"{harm.sentence} ({words.clock(harm.at_s)})"
        for _, harm in story.having(doc.HarmObserved)
    ]
    return "✗ " + " ".join(told) if told else "✓ none"


def beside_sentence(story: Story, other: Story) -> str:
    """Return in one sentence what became of the patient under each practice."""
    found = [
        f"{named(one)}: {'harmed' if any(one.having(doc.HarmObserved)) else 'unharmed'}, "
        f"{one.closed.outcome if one.closed else 'not finished'}, true focus up to "
        f"{words.quantity(_true(one), 'degC')}"
        for one in (story, other)
    ]
    return f"{found[0]}. {found[1]}."


def beside_picture(story: Story, other: Story) -> Picture | None:
    """Draw the true focus of both treatments, and when harm was done; None without a truth."""
    curves = [true_curve(one, "focus") for one in (story, other)]
    if any(curve is None for curve in curves):
        return None
    figure = canvas.new_figure(3.6)
    ax = figure.subplots()
    for one, curve, colour in zip((story, other), curves, COLOURS, strict=True):
        if curve is None:
            continue
        ax.plot(*curve, color=colour, lw=1.3, label=named(one))
        for _, harm in one.having(doc.HarmObserved):
            degc = float(np.interp(harm.at_s / 60, *curve))
            ax.plot(harm.at_s / 60, degc, "X", ms=10, color=colour)
            ax.annotate("a vessel bleeds", (harm.at_s / 60, degc), (10, 0),
                        textcoords="offset points", fontsize=8.5, color=canvas.INK)  # fmt: skip
    limit = story.limit("focal_temperature")
    if limit is not None:
        ax.axhline(limit.value, color=canvas.FAINT, lw=1.0, ls="--")
    canvas.title(ax, "True focus")
    canvas.tidy(ax, "Session time (min)", "Temperature (°C)")
    canvas.legend_above(ax, 2)
    caption = (
        f"Known only in simulation: the true temperature at the focus in {named(story)} and in "
        f"{named(other)}, the same patient. Dashed: the cap of {named(story)}."
    )
    return Picture("beside", canvas.svg_uri(figure), beside_sentence(story, other), caption)
