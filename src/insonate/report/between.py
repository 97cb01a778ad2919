"""Figure: each sonication between its frames, as measured, as estimated, and as it truly was."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from insonate.events import documents as doc
from insonate.events.sight import FocusEstimate
from insonate.report import canvas, words
from insonate.report.canvas import Picture
from insonate.report.story import Exposure, Story, frame_of

COLUMNS = 3
MOST = 9
"""Sonications that are drawn: the last ones, where there are more."""

LOOKED_AT_S = 30.0
"""After power on: what the frames of a sonication and of its cooling show."""

BAND = 1.645
"""Standard deviations of a 90 % band."""


def between_picture(story: Story) -> Picture | None:
    """Draw temperatures of each sonication; None where the record holds no estimate."""
    estimates = list(story.having(FocusEstimate))
    shown = [
        e
        for e in story.exposures
        if e.start_s is not None and any(p.sonication == e.number for _, p in estimates)
    ][-MOST:]
    if not shown:
        return None
    rows = -(-len(shown) // COLUMNS)
    figure = canvas.new_figure(0.6 + 2.7 * rows)
    axes = np.atleast_1d(figure.subplots(rows, COLUMNS, squeeze=False)).ravel()
    true = _true_curve(story)
    for place, (ax, e) in enumerate(zip(axes, shown, strict=False)):
        own = [(event.time_s, p) for event, p in estimates if p.sonication == e.number]
        _panel(ax, e, own, true)
        canvas.title(ax, f"{e.number}, {e.stage}")
        canvas.tidy(
            ax, "Time after power on (s)", "Temperature (°C)" if place % COLUMNS == 0 else ""
        )
    canvas.legend_above(axes[min(COLUMNS, len(shown)) - 1], 1)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    return Picture("between", canvas.svg_uri(figure), _alt(shown), _CAPTION)


_CAPTION = (
    "Between the frames. Blue bars: what each frame of MR thermometry measured, over the time that "
    "it took, ± 1 standard deviation. Green: the focus as the controller has it at every moment, "
    "from all frames so far and the power that was set, with its 90 % band. Purple dashes: the "
    "simulated truth, known only in simulation. Written in each panel: the dose of that sonication "
    "as the estimate has it, a 90 % interval."
)


def _alt(shown: list[Exposure]) -> str:
    said = (f"sonication {e.number}: {dose_words(e)}" for e in shown)
    return (
        "Measured, estimated and true focus between the frames. Dose: " + "; ".join(said) + "."
    )


def dose_words(exposure: Exposure) -> str:
    """Return the interval of the dose in words; a dash where there is none."""
    reviewed = exposure.reviewed
    if reviewed is None or reviewed.dose_low_cem43 is None:
        return words.DASH
    low, high = words.dose(reviewed.dose_low_cem43), words.dose(reviewed.dose_high_cem43)
    return f"{low} to {high}"


def _panel(
    ax: Axes,
    exposure: Exposure,
    estimates: list[tuple[float, FocusEstimate]],
    true: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
) -> None:
    start = exposure.start_s or 0.0
    times = np.array([t - start for t, _ in estimates])
    degc = np.array([p.focus_degc for _, p in estimates])
    half = BAND * np.array([p.sigma_k for _, p in estimates])
    ax.fill_between(times, degc - half, degc + half, color=canvas.MODEL, alpha=0.2, lw=0)
    ax.plot(times, degc, color=canvas.MODEL, lw=1.4, label="estimated, 90 % band")
    for n, event in enumerate(exposure.frames):
        f = frame_of(event)
        middle, half_s = (f.start_s + f.end_s) / 2 - start, (f.end_s - f.start_s) / 2
        ax.errorbar(
            middle, f.peak_degc, f.sigma_k, half_s, fmt="none", color=canvas.MEASURED, lw=1.5,
            label="measured, ± σ" if n == 0 else None,
        )  # fmt: skip
    if true is not None:
        near = (true[0] >= start) & (true[0] <= start + LOOKED_AT_S)
        ax.plot(true[0][near] - start, true[1][near], color=canvas.TRUTH, ls="--", lw=1.1,
                label="true (only in simulation)")  # fmt: skip
    ax.set_xlim(0.0, LOOKED_AT_S)
    top = max([*degc, *(frame_of(e).peak_degc for e in exposure.frames)])
    ax.set_ylim(36.0, max(top + 4.0, 44.0))
    ax.text(
        0.97, 0.95, f"{dose_words(exposure)} CEM43", transform=ax.transAxes, ha="right", va="top",
        fontsize=8, color=canvas.INK,
    )  # fmt: skip


def _true_curve(story: Story) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    found = [e for e, _ in story.having(doc.TruthCurve)]
    event = found[-1] if found else None
    time, focus = story.array(event, "time"), story.array(event, "focus")
    if time is None or focus is None or len(time) != len(focus):
        return None
    return np.asarray(time, np.float64), np.asarray(focus, np.float64)
