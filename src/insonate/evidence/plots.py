"""Forest and funnel plots, with the disclaimer on them."""

from collections.abc import Sequence
from io import BytesIO
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from insonate.evidence.pooling import Estimate, Pooled
from insonate.evidence.proportions import PooledProportion, logits
from insonate.evidence.selection import Series
from insonate.evidence.study import MeanChange
from insonate.evidence.synthesis import Answer, Kind, series_interval
from insonate.report.canvas import FAINT, INK, LIMIT, MEASURED, new_figure

ENOUGH_FOR_A_FUNNEL = 10
"""Below ten studies asymmetry cannot be told from chance (Sterne and others 2011, BMJ 343:d4002)."""

_ROW_IN, _HEAD_IN = 0.34, 1.5
_WIDTH_IN = 8.6


def forest(answer: Answer) -> Figure:
    """Return a forest plot: every series with its interval, those left out pale, the pool below.

    Parameters
    ----------
    answer
        One with at least one series.
    """
    shown = [one for one in answer.series if series_interval(one) is not None]
    figure = new_figure(_HEAD_IN + _ROW_IN * (len(shown) + 2), _WIDTH_IN)
    axes = figure.add_subplot()
    for place, one in enumerate(shown):
        _draw_series(axes, -place, one, inside=one in answer.selection.pooled)
    labels = [_label(one, answer) for one in shown]
    if answer.estimate is not None:
        _draw_pool(axes, -len(shown), answer)
        labels.append("pooled, random effects")
    _finish(axes, labels, answer)
    return figure


def _draw_series(axes: Axes, at: float, series: Series, *, inside: bool) -> None:
    found = series_interval(series)
    if found is None:
        return
    value, low, high = (_scale(series) * number for number in found)
    colour = MEASURED if inside else FAINT
    axes.plot([low, high], [at, at], color=colour, linestyle="-" if inside else ":")
    size = 4.0 + 6.0 * min(1.0, series.row.of / 60.0)
    filled: Literal["full", "none"] = "full" if inside else "none"
    axes.plot([value], [at], "s", color=colour, markersize=size, fillstyle=filled)
    text = f"{value:.0f} ({low:.0f} to {high:.0f})"
    _write(axes, at, text, colour)


def _scale(series: Series) -> float:
    return 1.0 if isinstance(series.row, MeanChange) else 100.0


def _draw_pool(axes: Axes, at: float, answer: Answer) -> None:
    """Draw the pooled value as a diamond, and the prediction interval as a line through it."""
    estimate = answer.estimate
    if estimate is None:
        return
    scale = 1.0 if answer.question.kind is Kind.CHANGE else 100.0
    value, low, high = (scale * n for n in (estimate.value, estimate.low, estimate.high))
    if answer.prediction is not None:
        span = [scale * edge for edge in answer.prediction]
        axes.plot(span, [at, at], color=LIMIT, linewidth=2.5, alpha=0.6)
    axes.fill([low, value, high, value], [at, at + 0.3, at, at - 0.3], color=LIMIT)
    _write(axes, at, f"{value:.0f} ({low:.0f} to {high:.0f})", LIMIT)


def _write(axes: Axes, at: float, text: str, colour: str) -> None:
    axes.text(
        1.02,
        at,
        text,
        transform=axes.get_yaxis_transform(),
        va="center",
        color=colour,
        fontsize=8,
    )


def _label(series: Series, answer: Answer) -> str:
    star = "" if series in answer.selection.pooled else " *"
    row = series.row
    count = f"n = {row.of}" if isinstance(row, MeanChange) else f"{row.events}/{row.of}"
    return f"{series.study.label}{star}  {count}"


def _finish(axes: Axes, labels: Sequence[str], answer: Answer) -> None:
    axes.set_yticks([-place for place in range(len(labels))], labels, fontsize=8, color=INK)
    axes.set_ylim(-len(labels) + 0.4, 0.8)
    share = answer.question.kind is not Kind.CHANGE
    axes.set_xlabel("%, with 95 % intervals" if share else "mean, with 95 % intervals")
    if share:
        axes.set_xlim(-1, 101)
    title = answer.question.words
    starred = any(" *" in label for label in labels)
    note = "\n* not pooled: see the statement" if starred else ""
    axes.set_title(title + note, fontsize=10, loc="left")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.axvline(0.0, color=FAINT, linewidth=0.6)


def funnel(answer: Answer) -> Figure | None:
    """Return a funnel plot of the pooled series, or None below two that can be weighed.

    The estimate of each (logit of a share, or mean) over its standard error, with the region in which
    95 % would lie if nothing but chance parted them.
    """
    pooled = answer.pooled
    if pooled is None:
        return None
    values, errors = _coordinates(answer)
    normal = pooled.normal if isinstance(pooled, PooledProportion) else pooled
    figure = new_figure(3.6, _WIDTH_IN)
    axes = figure.add_subplot()
    _draw_funnel(axes, normal, values, errors)
    for one, x, y in zip(answer.selection.pooled, values, errors, strict=True):
        axes.annotate(one.study.label, (x, y), (5, 4), textcoords="offset points", fontsize=8)
    few = len(values) < ENOUGH_FOR_A_FUNNEL
    note = f"\n{len(values)} series: too few to see asymmetry" if few else ""
    axes.set_title(answer.question.words + note, fontsize=10, loc="left")
    share = answer.question.kind is not Kind.CHANGE
    axes.set_xlabel("logit of the share" if share else "mean")
    axes.set_ylabel("standard error")
    return figure


def _coordinates(answer: Answer) -> tuple[list[float], list[float]]:
    rows = [one.row for one in answer.selection.pooled]
    means = [row for row in rows if isinstance(row, MeanChange)]
    if means:
        return [m.mean for m in means], [(m.sd or 0.0) / m.of**0.5 for m in means]
    counts = [one.events for one in answer.selection.pooled]
    y, v, _ = logits(counts, [row.of for row in rows])
    return y.tolist(), np.sqrt(v).tolist()


def _draw_funnel(
    axes: Axes, normal: Pooled, values: Sequence[float], errors: Sequence[float]
) -> None:
    centre: Estimate = normal.mean
    deepest = 1.15 * max(errors)
    edge = 1.959964 * deepest
    axes.fill(
        [centre.value - edge, centre.value, centre.value + edge], [deepest, 0.0, deepest],
        color=FAINT, alpha=0.12,
    )  # fmt: skip
    axes.axvline(centre.value, color=LIMIT, linewidth=1.0)
    axes.plot(values, errors, "o", color=MEASURED)
    axes.set_ylim(deepest, 0.0)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()
