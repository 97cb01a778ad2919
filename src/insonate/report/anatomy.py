"""Figure: the head in three planes, with target, beam, no-pass regions and commissures."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from insonate.report import canvas, views, words
from insonate.report.canvas import Picture
from insonate.report.story import Story
from insonate.report.views import PLANES, View

BEAM_LEVELS = (0.25, 0.5)
"""Shares of the peak intensity: −6 dB and −3 dB (10 log10)."""

BONE_WINDOW_HU = (-250.0, 1750.0)
NEAR_PLANE_MM = 2.0
CLOSE_UP_MM = 7.0


def planes_picture(story: Story) -> Picture | None:
    """Draw CT (and MR, and the beam close up) in three planes; None where there is no CT."""
    rows = [kind for kind in ("ct", "mr") if _plane(story, kind, "axial") is not None]
    beam = _beam(story, "axial") is not None
    if not rows and not beam:
        return None
    figure, grid = canvas.new_sheet(len(rows) + beam, side_bars=True)
    for row, kind in zip(grid, rows, strict=False):
        _head_row(story, kind, figure, row)
    if beam:
        _beam_row(story, figure, grid[-1])
    return Picture("planes", canvas.png_uri(figure), _alt(story), _caption(rows, beam=beam))


def _plane(story: Story, kind: str, name: str) -> View | None:
    values = story.array(story.event_of_head, f"{kind}_{name}")
    return _head_view(story, values, name) if values is not None else None


def _head_view(story: Story, values: NDArray[Any], name: str) -> View | None:
    if story.head is None:
        return None
    first = np.asarray(story.head.plane_origin_m) - story.target_m
    return views.plane_view(values, name, first, story.head.spacing_m)


def _beam(story: Story, name: str) -> View | None:
    values = story.array(story.event_of_plan, f"intensity_{name}")
    if values is None or story.plan is None or not np.nanmax(values) > 0:
        return None
    share = np.nan_to_num(values / np.nanmax(values))
    return views.centred_view(share, name, story.plan.plane_spacing_m)


def _head_row(story: Story, kind: str, figure: Figure, row: Any) -> None:
    image: AxesImage | None = None
    for ax, name in zip(row, PLANES, strict=True):
        view = _plane(story, kind, name)
        if view is None:
            ax.set_axis_off()
            continue
        image = views.show(ax, view, cmap="gray", **_window(kind, view))
        views.square_window(ax, view, _side_mm(story))
        ax.set_facecolor("black")
        canvas.title(ax, f"{kind.upper()}, {name}")
        _draw_no_pass(story, ax, name)
        _draw_beam(story, ax, name, 0.9)
        _draw_commissures(story, ax, view)
        _cross_hair(ax, view)
        views.scale_bar(ax, 50)
    if image is not None:
        unit = "CT number (HU)" if kind == "ct" else "MR signal (arbitrary units)"
        canvas.side_bar(figure, image, row[-1], unit)


def _side_mm(story: Story) -> float:
    """Return the side of the square that holds each plane of the head: one scale for all."""
    if story.head is None:
        return 0.0
    sizes = zip(story.head.shape, story.head.spacing_m, strict=True)
    return max(n * spacing for n, spacing in sizes) * 1e3


def _window(kind: str, view: View) -> dict[str, float]:
    if kind == "ct":
        return {"vmin": BONE_WINDOW_HU[0], "vmax": BONE_WINDOW_HU[1]}
    return {"vmin": 0.0, "vmax": 1.2 * float(np.nanpercentile(view.values, 99.5)) or 1.0}


def _draw_no_pass(story: Story, ax: Axes, name: str) -> None:
    values = story.array(story.event_of_plan, f"no_pass_{name}")
    view = None if values is None else _head_view(story, values, name)
    if view is None or not view.values.any():
        return
    across, up = view.axes_mm()
    region = view.values.T.astype(float)
    filled = ax.contourf(across, up, region, [0.5, 1.5], colors="none", hatches=["/////"])
    filled.set_edgecolor(canvas.PREDICTED)
    filled.set_linewidth(0)
    ax.contour(across, up, region, [0.5], colors=canvas.PREDICTED, linewidths=1.2)


def _draw_beam(story: Story, ax: Axes, name: str, width: float) -> None:
    view = _beam(story, name)
    if view is not None:
        ax.contour(
            *view.axes_mm(), view.values.T, BEAM_LEVELS, colors=["#8FD3FF", "white"],
            linewidths=width, linestyles=["--", "-"],
        )  # fmt: skip


def _draw_commissures(story: Story, ax: Axes, view: View) -> None:
    if story.head is None:
        return
    for label, place in (("AC", story.head.ac_m), ("PC", story.head.pc_m)):
        across, up, out = view.project(np.asarray(place) - story.target_m)
        fill = canvas.YELLOW if abs(out) <= NEAR_PLANE_MM else "none"
        ax.plot(
            across,
            up,
            "o",
            ms=4.5,
            mfc=fill,
            mec=canvas.YELLOW,
            mew=1.0,
            path_effects=canvas.halo(),
        )
        ax.annotate(
            label, (across, up), (5, 4 if label == "AC" else -9), textcoords="offset points",
            fontsize=7.5, color=canvas.YELLOW, path_effects=canvas.halo(),
        )  # fmt: skip


def _cross_hair(ax: Axes, view: View, gap_mm: float = 7.0) -> None:
    """Draw lines through the target that leave the target itself free."""
    low, high, bottom, top = view.extent_mm
    style: dict[str, Any] = {"color": canvas.YELLOW, "lw": 0.7, "alpha": 0.75}
    for start, end in ((low, -gap_mm), (gap_mm, high)):
        ax.plot([start, end], [0, 0], **style)
    for start, end in ((bottom, -gap_mm), (gap_mm, top)):
        ax.plot([0, 0], [start, end], **style)


def _beam_row(story: Story, figure: Figure, row: Any) -> None:
    image: AxesImage | None = None
    for ax, name in zip(row, PLANES, strict=True):
        view = _beam(story, name)
        if view is None:
            ax.set_axis_off()
            continue
        image = views.show(ax, view, cmap="cividis", vmin=0, vmax=1)
        half = min(CLOSE_UP_MM, *(abs(edge) for edge in view.extent_mm))
        views.window(ax, (-half, half), (-half, half))
        _draw_beam(story, ax, name, 1.6)
        ax.plot(0, 0, "+", color=canvas.LIMIT, ms=9, mew=1.2)
        canvas.title(ax, f"Planned beam, {name}")
        views.scale_bar(ax, 2)
    if image is not None:
        canvas.side_bar(figure, image, row[-1], "Intensity (share of its peak)")


def _alt(story: Story) -> str:
    where = words.point(story.target_m)
    return (
        f"Axial, coronal and sagittal planes through the target at {where}, in the radiological "
        "convention: the patient's left is on the right of the picture."
    )


def _caption(rows: list[str], *, beam: bool) -> str:
    parts = [
        "Three planes through the target (gap of the yellow cross-hair).",
        "Radiological convention: the patient's left is on the right of the picture.",
        "AC, PC: commissures, filled within 2 mm of the plane, hollow if projected onto it.",
        "Orange hatching: no-pass regions, which no ray may cross.",
    ]
    if beam:
        parts.append(
            "Contours of the planned beam: 25 % (−6 dB, dashed blue) and 50 % (−3 dB, white) of its "
            "peak intensity; the lowest row shows it close up, with the target as a red cross."
        )
    if "mr" in rows:
        parts.append("The MR lies on the grid of the CT.")
    return " ".join(parts)
