"""Every patient's course, every patient's fall, and how long relief lasts."""

from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from insonate.outcomes.follow_up import RESPONSES, Scores, Survival, falls
from insonate.outcomes.visits import VISITS
from insonate.report.canvas import FAINT, LIMIT, MEASURED, new_figure

_WIDTH_IN = 8.6


def course(found: Scores) -> Figure:
    """Return a spaghetti plot: a line for each patient, broken where a visit in between is missing.

    Parameters
    ----------
    found
        Scores by patient and visit.
    """
    codes = [code for code in VISITS if any(visit == code for _, visit in found)]
    place = {code: at for at, code in enumerate(codes)}
    lines: dict[str, list[tuple[int, float]]] = {}
    for (patient, visit), value in found.items():
        lines.setdefault(patient, []).append((place[visit], value))
    figure = new_figure(3.8, _WIDTH_IN)
    axes = figure.add_subplot()
    pieces = [p for points in lines.values() for p in unbroken(sorted(points)) if len(p) > 1]
    opacity = max(0.05, min(0.6, 20.0 / max(1, len(lines))))
    axes.add_collection(LineCollection(pieces, colors=MEASURED, alpha=opacity, linewidths=1.0))
    at, values = zip(*(p for points in lines.values() for p in points), strict=True)
    axes.plot(at, values, ".", color=MEASURED, alpha=opacity)
    axes.set_xticks(range(len(codes)), [VISITS[code].words for code in codes])
    axes.set_ylabel("score")
    axes.set_title(f"{len(lines)} patients; a gap is a missing visit", fontsize=10, loc="left")
    return figure


def unbroken(points: list[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """Return points cut into runs of visits that follow each other."""
    runs: list[list[tuple[int, float]]] = []
    for point in points:
        if runs and point[0] == runs[-1][-1][0] + 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def waterfall(found: Scores, visit: str, *, missing: int) -> Figure:
    """Return every patient's change at a visit, worst first, with the missing as a gap at the right.

    Parameters
    ----------
    found
        Scores by patient and visit.
    visit
        The visit.
    missing
        How many are due and have no score.
    """
    changes = sorted(
        (-fall for (_, v), fall in falls(found).items() if v == visit), reverse=True
    )
    figure = new_figure(3.6, _WIDTH_IN)
    axes = figure.add_subplot()
    colours = [MEASURED if change <= -RESPONSES[0] else FAINT for change in changes]
    axes.bar(range(len(changes)), changes, color=colours, width=0.9)
    for fall in RESPONSES:
        axes.axhline(-fall, color=LIMIT, linewidth=0.8, linestyle=":")
    axes.set_xlim(-1, len(changes) + missing)
    if missing:
        axes.axvspan(len(changes) - 0.5, len(changes) + missing, color=FAINT, alpha=0.15)
        axes.text(
            len(changes) + missing / 2, 0.0, f"{missing} missing", ha="center", va="bottom"
        )
    axes.set_xticks([])
    axes.set_ylabel("change from baseline, %")
    axes.set_title(f"{VISITS[visit].words}: {len(changes)} patients", fontsize=10, loc="left")
    return figure


def survival(curve: Survival) -> Figure:
    """Return a Kaplan-Meier curve with its 95 % interval and the numbers at risk."""
    figure = new_figure(3.6, _WIDTH_IN)
    axes = figure.add_subplot()
    days = [0.0, *curve.days.tolist()]
    axes.step(days, [1.0, *curve.share.tolist()], where="post", color=MEASURED)
    axes.fill_between(
        days, [1.0, *curve.low.tolist()], [1.0, *curve.high.tolist()],
        step="post", color=MEASURED, alpha=0.15,
    )  # fmt: skip
    axes.set_ylim(0.0, 1.02)
    axes.set_xlabel("days since relief was first seen")
    axes.set_ylabel("share that still has it")
    title = f"{curve.count} who once had relief, {curve.events} lost it; a loss is seen at the next visit"
    axes.set_title(title, fontsize=10, loc="left")
    return figure
