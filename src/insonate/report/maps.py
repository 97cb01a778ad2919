"""Figures: what MR thermometry showed at the hottest moment of each sonication."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from insonate.events import Event
from insonate.events import documents as doc
from insonate.report import canvas, views, words
from insonate.report.canvas import Picture
from insonate.report.story import Exposure, Story, frame_of
from insonate.report.views import View

HEAT = LinearSegmentedColormap.from_list(
    "heat", ["#3B0F70", "#8C2981", "#DE4968", "#FE9F6D", "#FCFDBF"]
)
"""The upper part of matplotlib's "magma" (van der Walt and Smith, 2015): even in lightness."""

RANGE_DEGC = (37.0, 60.0)
ZOOM_MM = 9.0
MARGIN_MM = 18.0


@dataclass(frozen=True, eq=False)
class Scene:
    """One sonication's hottest frame, and the dose at its last frame, turned for display."""

    exposure: Exposure
    frame: doc.TemperatureFrame
    temperature: View
    magnitude: View
    warm: View
    dose: View | None
    out_of_plane_mm: float
    """Distance of the target from the slice."""


def map_pictures(story: Story) -> list[Picture]:
    """Draw one figure for each sonication that has frames with arrays."""
    scenes = (_scene(story, e) for e in story.exposures)
    return [_picture(scene) for scene in scenes if scene is not None]


def _scene(story: Story, exposure: Exposure) -> Scene | None:
    hottest = exposure.hottest
    delta = _view(story, hottest, "delta_t")
    if hottest is None or delta is None:
        return None
    frame = frame_of(hottest)
    sigma, magnitude = (_view(story, hottest, name) for name in ("sigma", "magnitude"))
    least = 3.0 if sigma is None else np.fmax(3.0, 3 * sigma.values)
    rise = np.nan_to_num(delta.values)
    return Scene(
        exposure,
        frame,
        delta.like(delta.values + frame.baseline_degc),
        magnitude or delta.like(np.zeros(rise.shape)),
        delta.like(rise >= least),
        _view(story, exposure.frames[-1], "dose"),
        _out_of_plane_mm(frame, story),
    )


def _view(story: Story, event: Event | None, name: str) -> View | None:
    values = story.array(event, name)
    if event is None or values is None:
        return None
    return views.slice_view(values, frame_of(event).slice_affine, story.target_m)


def _out_of_plane_mm(frame: doc.TemperatureFrame, story: Story) -> float:
    matrix = np.asarray(frame.slice_affine).reshape(4, 4)
    normal = np.cross(matrix[:3, 0], matrix[:3, 1])
    distance = normal @ (story.target_m - matrix[:3, 3]) / np.linalg.norm(normal)
    return abs(float(distance)) * 1e3


def _picture(scene: Scene) -> Picture:
    figure, (axes,) = canvas.new_sheet(1, below_in=0.75, above_in=0.3)
    _overview(axes[0], scene)
    _temperature(figure, axes[1], scene)
    _dose(figure, axes[2], scene)
    _key(figure)
    exposure, frame = scene.exposure, scene.frame
    alt = (
        f"Thermometry of sonication {exposure.number}: hottest voxel "
        f"{words.quantity(frame.peak_degc, 'degC')} in the {frame.orientation} slice. The "
        "patient's left is on the right of axial and coronal pictures."
    )
    identifier = f"maps-{exposure.number}"
    return Picture(identifier, canvas.png_uri(figure), alt, _caption(scene))


def _caption(scene: Scene) -> str:
    exposure, frame = scene.exposure, scene.frame
    seen = frame.focus_offset_m
    hottest = _hottest(frame)
    parts = [
        f"Sonication {exposure.number} ({exposure.stage}), {frame.orientation} slice.",
        f"Frame {frame.frame} of {_frame_numbers(exposure)}: {hottest}.",
        "Left: the slice, coloured where the rise is above 3 K and 3 standard deviations.",
        "Middle: the yellow square close up. Right: dose summed up to the last frame.",
    ]
    if scene.out_of_plane_mm > 1.0:
        distance = words.plain(scene.out_of_plane_mm, 1)
        parts.append(f"The target lies {distance} mm outside this slice.")
    parts.append(
        f"Focus minus target, as measured: {words.offset(seen)} mm."
        if seen
        else "No focal spot was found in this frame."
    )
    return " ".join(parts)


def _hottest(frame: doc.TemperatureFrame) -> str:
    peak = f"{words.quantity(frame.peak_degc, 'degC')} ± {words.plain(frame.sigma_k, 2)} K"
    factor = frame.partial_volume_factor
    if factor == 1.0:
        return f"hottest credible voxel {peak}"
    voxel = frame.baseline_degc + (frame.peak_degc - frame.baseline_degc) / factor
    shown = words.quantity(voxel, "degC")
    return f"hottest credible voxel {shown}; with partial volume (× {factor:.2f}) {peak}"


def _frame_numbers(exposure: Exposure) -> str:
    first, last = (frame_of(exposure.frames[k]).frame for k in (0, -1))
    return f"{first}–{last}"


def _overview(ax: Axes, scene: Scene) -> None:
    _anatomy(ax, scene)
    _coloured(ax, scene)
    _head_window(ax, scene)
    corner = (-ZOOM_MM, -ZOOM_MM)
    ax.add_patch(
        Rectangle(corner, 2 * ZOOM_MM, 2 * ZOOM_MM, fill=False, ec=canvas.YELLOW, lw=1)
    )
    _readout_arrow(ax, scene)
    views.scale_bar(ax, 50)
    canvas.title(ax, f"{scene.frame.orientation.capitalize()} slice")


def _head_window(ax: Axes, scene: Scene) -> None:
    """Show the usable tissue with a margin, not the empty space round it."""
    usable = np.isfinite(scene.temperature.values)
    if not usable.any():
        return
    low, high, bottom, top = scene.temperature.extent_mm
    spans = []
    for axis, centres in enumerate(scene.temperature.axes_mm()):
        inside = centres[usable.any(axis=1 - axis)]
        spans.append((float(inside[0]) - MARGIN_MM, float(inside[-1]) + MARGIN_MM))
    half = max(b - a for a, b in spans) / 2
    half = min(half, (high - low) / 2, (top - bottom) / 2)
    # The square stays inside the slice, so that no letter lies on its edge.
    across = np.clip(sum(spans[0]) / 2, low + half, high - half)
    up = np.clip(sum(spans[1]) / 2, bottom + half, top - half)
    views.window(ax, (across - half, across + half), (up - half, up + half))


def _anatomy(ax: Axes, scene: Scene) -> None:
    # Dimmed, so that colours and contours stand out from white matter.
    top = 1.5 * float(np.nanpercentile(scene.magnitude.values, 99.5)) or 1.0
    views.show(ax, scene.magnitude, cmap="gray", vmin=0, vmax=top)
    ax.set_facecolor("black")


def _coloured(ax: Axes, scene: Scene) -> AxesImage:
    low, high, bottom, top = scene.temperature.extent_mm
    shown = np.ma.masked_where(~scene.warm.values, scene.temperature.values)
    return ax.imshow(
        shown.T, origin="lower", cmap=HEAT, extent=(low, high, bottom, top),
        vmin=RANGE_DEGC[0], vmax=RANGE_DEGC[1],
    )  # fmt: skip


def _readout_arrow(ax: Axes, scene: Scene) -> None:
    """Show along which axis off-resonance shifts the picture."""
    frame = scene.frame
    along = views.readout_direction(scene.temperature, frame.slice_affine, frame.readout_axis)
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    middle = np.array((x0 + 0.16 * (x1 - x0), y0 + 0.16 * (y1 - y0)))
    half = 0.08 * abs(x1 - x0) * np.array(along)
    arrow = {"arrowstyle": "<->", "color": canvas.SCALP, "lw": 1.6}
    ax.annotate("", tuple(middle + half), tuple(middle - half), arrowprops=arrow)
    ax.text(
        x0 + 0.16 * (x1 - x0), y0 + 0.05 * (y1 - y0), "readout", ha="center", fontsize=7.5,
        color=canvas.SCALP, path_effects=canvas.halo(),
    )  # fmt: skip


def _temperature(figure: Figure, ax: Axes, scene: Scene) -> None:
    _anatomy(ax, scene)
    image = _coloured(ax, scene)
    views.contours(ax, scene.temperature, {canvas.LESION_DEGC: "white"}, "--")
    if scene.dose is not None:
        views.contours(ax, scene.dose, canvas.DOSE_CONTOURS)
    _close_up(ax)
    views.target_cross(ax)
    seen = scene.frame.focus_offset_m
    if seen is not None:
        across, up, _ = scene.temperature.project(seen)
        ax.plot(across, up, "o", ms=7, mfc="none", mec=canvas.SCALP, mew=1.7)
    canvas.title(ax, "Temperature, hottest frame")
    canvas.under_bar(figure, image, ax, "Temperature (°C)")


def _dose(figure: Figure, ax: Axes, scene: Scene) -> None:
    canvas.title(ax, "Thermal dose, last frame")
    if scene.dose is None:
        ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, ha="center", fontsize=9)
        ax.set_axis_off()
        return
    shown = scene.dose.like(np.clip(np.nan_to_num(scene.dose.values), *canvas.DOSE_RANGE))
    image = views.show(ax, shown, cmap="cividis", norm=LogNorm(*canvas.DOSE_RANGE))
    views.contours(ax, scene.dose, canvas.DOSE_CONTOURS)
    _close_up(ax)
    views.target_cross(ax)
    canvas.dose_ticks(canvas.under_bar(figure, image, ax, "Dose (CEM43, min)"))


def _close_up(ax: Axes) -> None:
    views.window(ax, (-ZOOM_MM, ZOOM_MM), (-ZOOM_MM, ZOOM_MM))
    views.scale_bar(ax, 5)


def _key(figure: Figure) -> None:
    """Explain marks and contours under the pictures."""
    handles = [
        Line2D([], [], color=colour, lw=2.2, label=f"{level:g} CEM43")
        for level, colour in canvas.DOSE_CONTOURS.items()
    ]
    handles += [
        Line2D([], [], color="#777777", lw=1.5, ls="--", label="51 °C (white dashes)"),
        Line2D([], [], color=canvas.INK, marker="+", ms=10, ls="", label="target"),
        Line2D(
            [], [], color=canvas.SCALP, marker="o", mfc="none", ms=7, ls="", label="focus seen"
        ),
    ]
    figure.legend(
        handles=handles, loc="upper left", ncols=len(handles), fontsize=8, frameon=False
    )
