"""Figures without global state, the colours that all of them share, and their embedding."""

import base64
import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke

from insonate.core.provenance import DISCLAIMER

# Okabe & Ito (2008), "Color Universal Design": eight colours that all kinds of colour vision
# tell apart. One meaning each, in every figure.
MEASURED = "#0072B2"
PREDICTED = "#E69F00"
MODEL = "#009E73"
SCALP = "#56B4E9"
TRUTH = "#A8487F"  # its reddish purple, darkened until text in it has contrast 4.5 on white
LIMIT = "#C44E00"  # its vermilion, darkened likewise
YELLOW = "#F0E442"
INK = "#1F2933"
FAINT = "#5B6770"
STAGE_COLOURS = {"align": "#56B4E9", "verify": "#E69F00", "treat": "#D55E00"}

DOSE_CONTOURS = {17.0: "#56B4E9", 100.0: "#009E73", 200.0: "#F0E442", 240.0: "#D55E00"}
"""CEM43 levels and their colours: damage threshold, day-1 T2, day-1 T1, classical."""

DOSE_RANGE = (0.1, 1e4)
"""CEM43 (min) from black to bright, in every dose picture."""

LESION_DEGC = 51.0
"""The isotherm that matched day-1 T2 best over 63 lesions (Bond & Elias 2018)."""

IMAGE_DPI = 150
WIDTH_IN = 10.4


@dataclass(frozen=True)
class Picture:
    """One figure of the report, embedded.

    ``uri`` is a data URI; ``alt`` says in words what a person who cannot see it should know.
    """

    identifier: str
    uri: str
    alt: str
    caption: str


def new_figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """Return an empty figure that carries the disclaimer and belongs to no global state."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.supxlabel(DISCLAIMER, fontsize=6.5, color=FAINT, x=0.01, ha="left")
    return figure


_GAP_IN, _TITLE_IN, _FOOT_IN, _SIDE_BAR_IN = 0.18, 0.34, 0.3, 0.95


def new_sheet(
    rows: int, *, below_in: float = 0.1, above_in: float = 0.0, side_bars: bool = False
) -> tuple[Figure, Any]:
    """Return a figure of ``rows`` by 3 square panels at fixed places, for pictures.

    Parameters
    ----------
    rows
        Rows of panels.
    below_in
        Free height under each row, inches: for colour bars.
    above_in
        Free height over the first row, inches: for a key.
    side_bars
        Whether room is left at the right of each row for a colour bar.

    Returns
    -------
    Figure, NDArray
        The figure and its axes, shape (rows, 3).
    """
    panel = (WIDTH_IN - 0.2 - 2 * _GAP_IN - side_bars * (_SIDE_BAR_IN - 0.1)) / 3
    row_in = _TITLE_IN + panel + below_in
    height = above_in + rows * row_in + _FOOT_IN
    figure = Figure(figsize=(WIDTH_IN, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.01, 0.08 / height, DISCLAIMER, fontsize=6.5, color=FAINT)
    axes = np.empty((rows, 3), dtype=object)
    for row, column in np.ndindex(rows, 3):
        left = 0.1 + column * (panel + _GAP_IN)
        bottom = height - above_in - row * row_in - _TITLE_IN - panel
        place = (left / WIDTH_IN, bottom / height, panel / WIDTH_IN, panel / height)
        axes[row, column] = figure.add_axes(place)
    return figure, axes


def side_bar(figure: Figure, mappable: Any, last: Axes, label: str) -> Any:
    """Draw a colour bar to the right of a row of panels whose last one is ``last``."""
    box = last.get_position()
    place = (box.x1 + 0.012, box.y0 + 0.1 * box.height, 0.011, 0.8 * box.height)
    return _labelled(figure.colorbar(mappable, cax=figure.add_axes(place)), label)


def under_bar(figure: Figure, mappable: Any, above: Axes, label: str) -> Any:
    """Draw a colour bar under a panel."""
    box = above.get_position()
    inch = 1 / figure.get_figheight()
    place = (box.x0 + 0.1 * box.width, box.y0 - 0.22 * inch, 0.8 * box.width, 0.12 * inch)
    made = figure.colorbar(mappable, cax=figure.add_axes(place), orientation="horizontal")
    return _labelled(made, label)


def _labelled(bar: Any, label: str) -> Any:
    bar.set_label(label, fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=FAINT)
    bar.outline.set_visible(False)
    return bar


def dose_ticks(bar: Any) -> None:
    """Label a dose bar with plain numbers."""
    bar.set_ticks(
        [0.1, 1, 10, 100, 1000, 10000], labels=["0.1", "1", "10", "100", "1000", "10⁴"]
    )
    bar.minorticks_off()


def legend_above(ax: Axes, columns: int) -> None:
    """Put the key on the line of the title, at its right; each label once."""
    handles, labels = ax.get_legend_handles_labels()
    kept = dict(zip(labels, handles, strict=True))
    if kept:
        ax.legend(
            kept.values(), kept.keys(), fontsize=7.8, frameon=False, loc="lower right",
            ncols=columns, bbox_to_anchor=(1.0, 0.99), borderaxespad=0.1, handlelength=1.6,
            columnspacing=1.2,
        )  # fmt: skip


def title(ax: Axes, text: str) -> None:
    """Give an axes its title: left, one calm size."""
    ax.set_title(text, fontsize=10, loc="left", color=INK, fontweight="bold")


def tidy(ax: Axes, across: str = "", up: str = "") -> None:
    """Give a plot its labels, light grid and small ticks."""
    ax.set_xlabel(across, fontsize=9, color=INK)
    ax.set_ylabel(up, fontsize=9, color=INK)
    ax.tick_params(labelsize=8.5, colors=FAINT)
    ax.grid(visible=True, color="#E3E7EA", lw=0.7)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#B8C0C6")


def halo(colour: str = "black", width: float = 2.0) -> list[AbstractPathEffect]:
    """Return a stroke that keeps a mark legible on any background."""
    return [withStroke(linewidth=width, foreground=colour)]


def png_uri(figure: Figure) -> str:
    """Return a figure as a PNG data URI."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=IMAGE_DPI, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def svg_uri(figure: Figure) -> str:
    """Return a figure as an SVG data URI, the same bytes for the same figure."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = _with_running_ids(text[text.index("<svg") :])
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()


def _with_running_ids(svg: str) -> str:
    """Replace the random identifiers that matplotlib draws afresh each time."""
    names = re.findall(r'id="([a-z][0-9a-f]{10})"', svg)
    for count, name in enumerate(dict.fromkeys(names)):
        svg = svg.replace(name, f"i{count}")
    return svg
