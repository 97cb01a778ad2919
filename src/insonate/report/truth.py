"""Figures of what is known only in simulation: truth against measurement, the true lesion."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from insonate.events import Event
from insonate.events import documents as doc
from insonate.report import canvas, views, words
from insonate.report.canvas import Picture
from insonate.report.story import Exposure, Story, frame_of
from insonate.report.views import PLANES, View


def truth_picture(story: Story) -> Picture | None:
    """Draw true against measured peaks and focus offsets; None where no truth was recorded."""
    pairs = [e for e in story.exposures if e.truth is not None and e.peak_degc is not None]
    if not pairs:
        return None
    figure = canvas.new_figure(4.3)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.35]})
    _against(left, pairs)
    _offsets(right, pairs)
    caption = (
        "Known only in simulation. Left: measured and true peak temperature at the focus, with "
        "measured minus true written above; thermometry averages over its voxels and over a "
        "frame's time, so it tends to read low. Right: where the focus was relative to "
        "the target, along right (R), anterior (A) and superior (S), as measured (blue, ± 1 "
        "standard deviation) and in truth (purple)."
    )
    return Picture("truth", canvas.svg_uri(figure), _alt(pairs), caption)


def peak_error_k(exposure: Exposure) -> float | None:
    """Return measured minus true peak, K; None where one of them is not known."""
    if exposure.truth is None or exposure.peak_degc is None:
        return None
    return exposure.peak_degc - exposure.truth.peak_degc


def _alt(pairs: list[Exposure]) -> str:
    said = (f"sonication {e.number}: {words.signed(peak_error_k(e), 1)} K" for e in pairs)
    return "Measured minus true peak temperature. " + "; ".join(said) + "."


def _against(ax: Axes, pairs: list[Exposure]) -> None:
    for place, e in enumerate(pairs):
        if e.truth is None or e.peak_degc is None:
            continue
        true, seen = e.truth.peak_degc, e.peak_degc
        ax.plot([place + 0.12] * 2, [true, seen], color="#B8C0C6", lw=1.2, zorder=0)
        ax.errorbar(
            place - 0.12, seen, e.sigma_k, fmt="o", ms=6, color=canvas.MEASURED, capsize=3,
            label="measured ± σ",
        )  # fmt: skip
        ax.plot(place + 0.12, true, "D", ms=6, color=canvas.TRUTH, label="true")
        ax.annotate(
            f"{words.signed(peak_error_k(e), 1)} K", (place, max(true, seen)), (0, 9),
            textcoords="offset points", fontsize=8, color=canvas.INK, ha="center",
        )  # fmt: skip
    ax.set_xticks(range(len(pairs)), [f"{e.number}\n{e.stage}" for e in pairs], fontsize=8.5)
    ax.set_xlim(-0.6, len(pairs) - 0.4)
    ax.margins(y=0.15)
    canvas.title(ax, "Peak")
    canvas.tidy(ax, "", "Temperature (°C)")
    ax.grid(visible=False, axis="x")
    canvas.legend_above(ax, 2)


def _offsets(ax: Axes, pairs: list[Exposure]) -> None:
    for k, e in enumerate(pairs):
        _offset_of_one(ax, k, e, labelled=k == 0)
    ax.axhline(0, color=canvas.INK, lw=0.8)
    ticks = [k + 0.25 * (a - 1) for k in range(len(pairs)) for a in range(3)]
    ax.set_xticks(ticks, list("RAS") * len(pairs), fontsize=8)
    for k, e in enumerate(pairs):
        ax.annotate(
            f"{e.number} {e.stage}", (k, 0), (0, -26), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="top", fontsize=8.5, color=canvas.INK,
        )  # fmt: skip
    canvas.title(ax, "Focus minus target")
    canvas.tidy(ax, "\n", "Offset (mm)")
    ax.grid(visible=False, axis="x")
    canvas.legend_above(ax, 2)


def _offset_of_one(ax: Axes, place: int, exposure: Exposure, *, labelled: bool) -> None:
    seen = exposure.reviewed.focus_offset_m if exposure.reviewed else None
    across = place + 0.25 * (np.arange(3) - 1)
    if exposure.truth is not None:
        true = np.asarray(exposure.truth.focus_offset_m) * 1e3
        label = "true (known only in simulation)" if labelled else None
        ax.plot(across + 0.05, true, "D", ms=5, color=canvas.TRUTH, label=label)
    if seen is not None:
        sigma = frame_of(exposure.hottest).focus_sigma_m if exposure.hottest else None
        label = "measured ± σ" if labelled else None
        ax.errorbar(
            across - 0.05, np.asarray(seen) * 1e3, (sigma or 0.0) * 1e3, fmt="o", ms=5,
            color=canvas.MEASURED, capsize=2, lw=1.2, label=label,
        )  # fmt: skip


def lesion_picture(story: Story) -> Picture | None:
    """Draw the true dose in three planes through the target; None where none was recorded."""
    found = story.lesion("truth")
    if found is None or _dose_view(story, *found, "axial") is None:
        return None
    event, lesion = found
    figure, (axes,) = canvas.new_sheet(1, side_bars=True)
    image: Any = None
    for ax, name in zip(axes, PLANES, strict=True):
        view = _dose_view(story, event, lesion, name)
        if view is None:
            ax.set_axis_off()
            continue
        image = _draw(ax, view, _peak_view(story, event, lesion, name))
        canvas.title(ax, f"True dose, {name}")
    canvas.dose_ticks(canvas.side_bar(figure, image, axes[-1], "Dose (CEM43, min)"))
    inside = "inside" if lesion.target_inside else "outside"
    caption = (
        "Known only in simulation. The dose that the tissue really got, in planes through the "
        "target (white cross). Contours: 17 (light blue), 100 (green), 200 (yellow) and 240 CEM43 "
        f"(red), and 51 °C (white dashes). The target is {inside} the 240 CEM43 region."
    )
    alt = f"True thermal dose in three planes; the target is {inside} the lesion."
    return Picture("lesion", canvas.png_uri(figure), alt, caption)


def _dose_view(
    story: Story, event: Event, lesion: doc.LesionDescribed, name: str
) -> View | None:
    values = story.array(event, f"dose_{name}")
    return None if values is None else views.centred_view(values, name, lesion.plane_spacing_m)


def _peak_view(
    story: Story, event: Event, lesion: doc.LesionDescribed, name: str
) -> View | None:
    values = story.array(event, f"peak_{name}")
    return None if values is None else views.centred_view(values, name, lesion.plane_spacing_m)


def _draw(ax: Axes, dose: View, peak: View | None) -> Any:
    shown = dose.like(np.clip(np.nan_to_num(dose.values), *canvas.DOSE_RANGE))
    image = views.show(ax, shown, cmap="cividis", norm=LogNorm(*canvas.DOSE_RANGE))
    views.contours(ax, dose, canvas.DOSE_CONTOURS)
    if peak is not None:
        views.contours(ax, peak, {canvas.LESION_DEGC: "white"}, "--")
    half = min(9.0, *(abs(edge) for edge in dose.extent_mm))
    views.window(ax, (-half, half), (-half, half))
    views.scale_bar(ax, 5)
    views.target_cross(ax)
    return image
