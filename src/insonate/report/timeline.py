"""Figure: the whole session on one time axis."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from insonate.core.arrays import FloatArray
from insonate.events import documents as doc
from insonate.report import canvas, words
from insonate.report.canvas import Picture
from insonate.report.story import Story, frame_of

MOST_POINTS = 1500
"""Enough for a line of this width; more would only make the file larger."""


def timeline_picture(story: Story) -> Picture | None:
    """Draw temperatures, power, waits and people over the session; None where nothing ran."""
    if not story.exposures:
        return None
    figure = canvas.new_figure(8.6)
    axes = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [3, 3, 1.6, 1.6]})
    _focus(axes[0], story)
    _skull(axes[1], story)
    _power(axes[2], story)
    _people(axes[3], story)
    for ax in axes:
        end = max(story.end_s / 60, 1e-3)
        ax.set_xlim(-0.01 * end, 1.01 * end)
    axes[-1].set_xlabel("Session time (min)", fontsize=9)
    alt = (
        f"Timeline of {words.minutes(story.end_s)} with {len(story.exposures)} sonications: focus, "
        "skull, scalp and water temperature, power, waits, and what patient and operator did."
    )
    return Picture("timeline", canvas.svg_uri(figure), alt, _CAPTION)


_CAPTION = (
    "From the top: temperature at the focus (blue dots: MR thermometry, one dot for each frame); "
    "skull and scalp maxima by the controller's thermal model (solid), the water, and the caps "
    "as red lines; power with the cooling waits hatched; what patient, operator and guards did. "
    "Purple dashes are the simulated truth: known only in simulation, no decision read it."
)


def true_curve(story: Story, name: str) -> tuple[FloatArray, FloatArray] | None:
    """Return a true curve (min, value), thinned to what a line can show; peaks are kept."""
    found = [e for e, _ in story.having(doc.TruthCurve)]
    event = found[-1] if found else None
    time, values = story.array(event, "time"), story.array(event, name)
    if time is None or values is None or len(time) != len(values) or len(time) == 0:
        return None
    return thinned(np.asarray(time, np.float64) / 60, np.asarray(values, np.float64))


def thinned(time: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Keep the first, lowest and highest point of each of ``MOST_POINTS`` / 3 stretches."""
    if len(time) <= MOST_POINTS:
        return time, values
    kept: set[int] = {0, len(time) - 1}
    for part in np.array_split(np.arange(len(time)), MOST_POINTS // 3):
        kept |= {
            int(part[0]),
            int(part[values[part].argmin()]),
            int(part[values[part].argmax()]),
        }
    chosen = np.array(sorted(kept))
    return time[chosen], values[chosen]


def _draw_truth(ax: Axes, story: Story, name: str, label: str, style: str = "--") -> None:
    curve = true_curve(story, name)
    if curve is not None:
        ax.plot(*curve, color=canvas.TRUTH, lw=1.1, ls=style, label=label)


def _cap(ax: Axes, story: Story, name: str, style: str = "-") -> None:
    limit = story.limit(name)
    if limit is None:
        return
    ax.axhline(limit.value, color=canvas.LIMIT, lw=1.3, ls=style)
    ax.text(
        0.005, limit.value, f"{words.name(name)} cap {limit.value:g} °C", fontsize=7.5,
        color=canvas.LIMIT, ha="left", va="bottom", path_effects=canvas.halo("white"),
        transform=blended_transform_factory(ax.transAxes, ax.transData),
    )  # fmt: skip


def _focus(ax: Axes, story: Story) -> None:
    _draw_truth(ax, story, "focus", "true focus (known only in simulation)")
    for k, e in enumerate(story.exposures):
        frames = [(event.time_s, frame_of(event)) for event in e.frames]
        # A frame is over when its event is written; its middle stands for what it saw.
        times = [(t - (f.end_s - f.start_s) / 2) / 60 for t, f in frames]
        peaks, sigmas = [f.peak_degc for _, f in frames], [f.sigma_k for _, f in frames]
        ax.errorbar(
            times, peaks, sigmas, fmt="o-", ms=3.2, lw=1, color=canvas.MEASURED,
            label="measured ± σ" if k == 0 else None,
        )  # fmt: skip
    _cap(ax, story, "focal_temperature")
    canvas.title(ax, "Focus")
    canvas.tidy(ax, "", "Temperature (°C)")
    canvas.legend_above(ax, 3)


def _skull(ax: Axes, story: Story) -> None:
    estimates = [(e.time_s / 60, p) for e, p in story.having(doc.ModelEstimate)]
    if estimates:
        times = [t for t, _ in estimates]
        skull, scalp = (
            [getattr(p, f"{place}_max_degc") for _, p in estimates]
            for place in ("skull", "scalp")
        )
        ax.plot(times, skull, color=canvas.MODEL, lw=1.7, label="skull, model")
        ax.plot(times, scalp, color=canvas.PREDICTED, lw=1.7, label="scalp, model")
    water = [(e.time_s / 60, p.water_degc) for e, p in story.having(doc.CoolingReading)]
    if water:
        ax.plot(*zip(*water, strict=True), color=canvas.SCALP, lw=1.5, label="water, measured")
    _draw_truth(ax, story, "skull", "true skull (only in simulation)")
    _draw_truth(ax, story, "scalp", "true scalp (only in simulation)", ":")
    for name, style in (("skull_temperature", "-"), ("scalp_temperature", "--")):
        _cap(ax, story, name, style)
    _cap(ax, story, "water_temperature", ":")
    canvas.title(ax, "Skull, scalp, water")
    canvas.tidy(ax, "", "Temperature (°C)")
    ax.set_ylim(top=ax.get_ylim()[1] + 2)
    canvas.legend_above(ax, 5)


def _power(ax: Axes, story: Story) -> None:
    highest = max([e.power_w or 0.0 for e in story.exposures] + [1.0])
    for wait, (event, p) in enumerate(story.having(doc.WaitSet)):
        ax.axvspan(
            event.time_s / 60, p.until_s / 60, facecolor="#EEF2F4", edgecolor="#B8C0C6",
            hatch="///", lw=0, zorder=0, label="wait" if wait == 0 else None,
        )  # fmt: skip
    for e in story.exposures:
        if e.ended is None or e.start_s is None:
            continue
        start = e.start_s
        colour = canvas.STAGE_COLOURS.get(e.stage, canvas.FAINT)
        width = max(e.ended.duration_s / 60, story.end_s / 60 / 250)
        ax.bar(start / 60, e.ended.power_w, width, align="edge", color=colour)
        ax.annotate(
            f"{e.number} {e.stage}", (start / 60, e.ended.power_w), (0, 2), fontsize=7.5,
            textcoords="offset points", color=canvas.INK,
        )  # fmt: skip
    ax.set_ylim(0, highest * 1.3)
    canvas.title(ax, "Power")
    canvas.tidy(ax, "", "Acoustic (W)")
    canvas.legend_above(ax, 3)


Mark = tuple[float, str]


def _people(ax: Axes, story: Story) -> None:
    lanes: dict[str, list[Mark]] = {
        "guard": _refusals(story),
        "operator": [(e.time_s, p.verb) for e, p in story.having(doc.OperatorCommand)],
        "patient": [(e.time_s, patient_words(p)) for e, p in story.having(doc.PatientReport)],
    }
    styles = {"patient": ("o", canvas.TRUTH), "operator": ("s", canvas.FAINT)}
    for height, (lane, marks) in enumerate(lanes.items()):
        marker, colour = styles.get(lane, ("X", canvas.LIMIT))
        ax.plot([t / 60 for t, _ in marks], [height] * len(marks), marker, color=colour, ms=5)
        if lane != "operator":
            _write(ax, marks, height, story.end_s)
    ax.set_yticks(range(len(lanes)), list(lanes), fontsize=8.5)
    ax.set_ylim(-0.5, len(lanes) - 0.3)
    canvas.title(ax, "Patient, operator, guards")
    canvas.tidy(ax)


def _refusals(story: Story) -> list[Mark]:
    refused = [(e.time_s, p.guard) for e, p in story.having(doc.GuardRefused)]
    return refused + [
        (e.time_s, f"refused: {p.verb}") for e, p in story.having(doc.CommandRefused)
    ]


def _write(ax: Axes, marks: list[Mark], height: int, end_s: float) -> None:
    """Label marks that have room; the table below the figure holds them all."""
    free_from = -1.0
    for time, label in sorted(marks):
        if time < free_from:
            continue
        text = label if len(label) <= 34 else label[:33] + "…"
        ax.annotate(
            text, (time / 60, height), (-3, 5), textcoords="offset points", fontsize=7.5,
            va="bottom", color=canvas.INK, annotation_clip=True,
        )  # fmt: skip
        free_from = time + end_s * (0.02 + 0.0085 * len(text))


def patient_words(report: doc.PatientReport) -> str:
    """Return what the patient said or did, in one line."""
    said = []
    if report.stop_pressed:
        said.append("pressed stop")
    if report.symptom:
        severity = "" if report.severity == "none" else f"{report.severity} "
        said.append(f"{severity}{report.symptom}")
    if report.finding is not None:
        place = f" of the {report.where}" if report.where else ""
        said.append(f"{report.finding}{place}")
    if report.sedation != "none":
        said.append(f"{report.sedation} sedation")
    if report.pain_nrs is not None:
        said.append(f"pain {report.pain_nrs}/10")
    if not report.can_communicate:
        said.append("cannot communicate")
    return ", ".join(said) or "well"
