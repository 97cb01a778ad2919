"""Figures: the array seen from the feet, coloured by state, density ratio and phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from insonate.core.arrays import FloatArray
from insonate.report import canvas, views, words
from insonate.report.canvas import Picture
from insonate.report.story import Story

STATE_STYLES = (
    ("o", "#8FA3B0"), ("s", "#0072B2"), ("^", "#D55E00"), ("D", "#CC79A7"), ("v", "#E69F00"),
    ("X", "#000000"), ("P", "#009E73"), ("*", "#56B4E9"),
)  # fmt: skip
"""Shape and colour of each state, in the order of ``state_names``."""


@dataclass(frozen=True, eq=False)
class Elements:
    """Element data as the plan recorded it; ``place`` (N, 2) is polar, degrees (R, A)."""

    place: FloatArray
    states: NDArray[Any]
    on_index: int
    """The state that means "driven"."""
    sdr: NDArray[Any] | None
    angle: NDArray[Any] | None
    thickness: NDArray[Any] | None
    phase: NDArray[Any] | None

    @property
    def on(self) -> NDArray[np.bool_]:
        """Which elements are driven, shape (N,)."""
        return np.asarray(self.states == self.on_index)


def azimuthal(positions_m: FloatArray, target_m: FloatArray) -> FloatArray:
    """Map elements to a plane that keeps the angle from the array's axis.

    Parameters
    ----------
    positions_m
        Shape (N, 3), CT frame, m.
    target_m
        The focus, shape (3,), m.

    Returns
    -------
    NDArray
        Shape (N, 2): degrees from the axis, towards the patient's right and front (azimuthal
        equidistant projection; Snyder, USGS Professional Paper 1395 (1987), eq. 25-2).
    """
    direction = positions_m - target_m
    direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    axis = direction.mean(axis=0)
    axis = axis / np.linalg.norm(axis)
    right = np.array((1.0, 0.0, 0.0)) - axis[0] * axis
    right = right / np.linalg.norm(right)
    ahead = np.cross(axis, right)
    polar = np.degrees(np.arccos(np.clip(direction @ axis, -1, 1)))
    turn = np.arctan2(direction @ ahead, direction @ right)
    return np.asarray(np.stack((polar * np.cos(turn), polar * np.sin(turn)), axis=1))


def elements_of(story: Story) -> Elements | None:
    """Return the element data of the record; None where positions or states are missing."""
    event = story.event_of_plan
    positions = story.array(event, "element_positions")
    states = story.array(event, "element_states")
    if positions is None or states is None:
        return None
    named = (f"element_{n}" for n in ("sdr", "angle", "thickness", "phase"))
    place = azimuthal(np.asarray(positions, np.float64), story.target_m)
    names = story.plan.state_names if story.plan else ()
    on_index = names.index("on") if "on" in names else 0
    return Elements(place, states, on_index, *(story.array(event, n) for n in named))


def array_picture(story: Story, elements: Elements) -> Picture:
    """Draw the array three times: by state, by density ratio, by phase."""
    figure, grid = canvas.new_sheet(1, below_in=_below_in(story))
    _by_state(grid[0, 0], elements, story)
    _by_value(figure, grid[0, 1], elements, "sdr")
    _by_value(figure, grid[0, 2], elements, "phase")
    return Picture("array", canvas.png_uri(figure), _alt(story), _CAPTION)


def _below_in(story: Story) -> float:
    """Return the room under the panels: for a colour bar, or for the list of states."""
    return max(0.75, 0.2 + 0.165 * sum(count > 0 for _, count in _counts(story)))


_CAPTION = (
    "The elements round the head, drawn like an axial picture (patient's left on the right): the "
    "centre is the array's axis, the distance from it the angle from that axis (rings at 30, 60 "
    "and 90°). Left: why each element is on or off, by colour and shape. Middle: skull density "
    "ratio (SDR) under each element; low values (dark) let little sound through; small dots have "
    "none. Right: the phase that each driven element gets so that all arrive together; "
    "small dots are off."
)


def _alt(story: Story) -> str:
    counts = _counts(story)
    return (
        "Maps of the array's elements. " + "; ".join(f"{n}: {c}" for n, c in counts if c) + "."
    )


def _counts(story: Story) -> list[tuple[str, int]]:
    if story.plan is None:
        return []
    return list(zip(story.plan.state_names, story.plan.state_counts, strict=False))


def _dish(ax: Axes, text: str) -> None:
    for ring in (30, 60, 90):
        turn = np.linspace(0, 2 * np.pi, 181)
        ax.plot(ring * np.cos(turn), ring * np.sin(turn), color="#D5DBDF", lw=0.7, zorder=0)
        ax.text(
            0.71 * ring, -0.71 * ring, f"{ring}°", fontsize=7, color=canvas.INK, ha="center",
            va="center", path_effects=canvas.halo("white", 2.5),
        )  # fmt: skip
    ax.set_aspect("equal")
    views.window(ax, (-106, 106), (-106, 106))
    views.mark_sides(ax, 0, 1, colour=canvas.INK)
    ax.set_axis_off()
    canvas.title(ax, text)


def _by_state(ax: Axes, elements: Elements, story: Story) -> None:
    _dish(ax, "State")
    for k, (label, count) in enumerate(_counts(story)):
        if count == 0:
            continue
        marker, colour = STATE_STYLES[k % len(STATE_STYLES)]
        x, y = elements.place[elements.states == k].T
        size = 8 if k == elements.on_index else 15
        ax.scatter(
            x, y, s=size, marker=marker, color=colour, lw=0, label=f"{count}  {label}"
        )  # fmt: skip
    if not _counts(story):
        return
    ax.legend(
        loc="upper left", bbox_to_anchor=(0.0, 0.0), fontsize=7.5, frameon=False,
        handletextpad=0.3, labelspacing=0.35, borderpad=0,
    )  # fmt: skip


_VALUES: dict[str, tuple[str, str, tuple[float, float]]] = {
    "sdr": ("viridis", "Skull density ratio (1)", (0.0, 1.0)),
    "phase": ("twilight", "Phase (rad)", (-np.pi, np.pi)),
}


def _by_value(figure: Figure, ax: Axes, elements: Elements, name: str) -> None:
    colours, label, (low, high) = _VALUES[name]
    _dish(ax, label)
    values = elements.sdr if name == "sdr" else elements.phase
    if values is None:
        ax.text(0, 0, "not recorded", ha="center", fontsize=9, color=canvas.FAINT)
        return
    if name == "phase":
        values = np.angle(np.exp(1j * values))
    known = np.isfinite(values) & (elements.on | (name == "sdr"))
    x, y = elements.place.T
    ax.scatter(x[~known], y[~known], s=3, color="#C4CBD0", lw=0)
    dots = ax.scatter(
        x[known], y[known], c=values[known], s=13, cmap=colours, vmin=low, vmax=high, lw=0
    )
    bar = canvas.under_bar(figure, dots, ax, label)
    if name == "phase":
        bar.set_ticks([-np.pi, 0, np.pi], labels=["−π", "0", "π"])


def histogram_picture(story: Story, elements: Elements) -> Picture:
    """Draw how density ratio, incidence angle and thickness are spread over the elements."""
    figure = canvas.new_figure(3.2)
    axes = figure.subplots(1, 3)
    for ax, (values, label, factor) in zip(axes, _spreads(elements), strict=True):
        _histogram(ax, elements, values, factor)
        canvas.tidy(ax, label, "Elements")
        ax.grid(visible=False, axis="x")
    _metric_lines(axes[0], story)
    _mean_line(axes[1], np.degrees(story.plan.mean_angle_rad) if story.plan else None, "°")
    _mean_line(axes[2], story.plan.mean_thickness_m * 1e3 if story.plan else None, " mm")
    for ax in axes:
        canvas.legend_above(ax, 2)
    caption = (
        "How the skull differs from element to element. Blue: driven elements; grey: elements "
        "that are off but have a skull on their path. Lines: the means that the plan states."
    )
    alt = (
        "Histograms of skull density ratio, incidence angle and skull thickness over elements."
    )
    return Picture("spreads", canvas.svg_uri(figure), alt, caption)


def _spreads(elements: Elements) -> list[tuple[NDArray[Any] | None, str, float]]:
    return [
        (elements.sdr, "Skull density ratio (1)", 1.0),
        (elements.angle, "Incidence angle (°)", 180 / np.pi),
        (elements.thickness, "Skull thickness (mm)", 1e3),
    ]


def _histogram(
    ax: Axes, elements: Elements, values: NDArray[Any] | None, factor: float
) -> None:
    known = None if values is None else np.isfinite(values)
    if values is None or known is None or not known.any():
        ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, ha="center", fontsize=9)
        return
    edges = _edges(values[known] * factor)
    both = [values[known & elements.on] * factor, values[known & ~elements.on] * factor]
    labels = ["on", "off" if len(both[1]) else "_"]
    ax.hist(both, edges, stacked=True, color=[canvas.MEASURED, "#B8C0C6"], label=labels)


def _edges(values: NDArray[Any]) -> Sequence[float]:
    """Return the edges of the bars; density ratios always run from 0 to 1."""
    if values.min() >= 0 and values.max() <= 1:
        return [k / 50 for k in range(51)]
    return [float(edge) for edge in np.histogram_bin_edges(values, bins=32)]


def _metric_lines(ax: Axes, story: Story) -> None:
    metrics = story.plan.skull_metrics if story.plan else ()
    for metric, style in zip(metrics, ("-", "--", ":", "-."), strict=False):
        label = f"{words.name(metric.name)} {words.number(metric.value)}"
        ax.axvline(metric.value, color=canvas.LIMIT, ls=style, lw=1.5, label=label)


def _mean_line(ax: Axes, value: float | None, unit: str) -> None:
    if value is not None and np.isfinite(value):
        ax.axvline(
            value, color=canvas.LIMIT, lw=1.5, label=f"mean {words.plain(value, 1)}{unit}"
        )
