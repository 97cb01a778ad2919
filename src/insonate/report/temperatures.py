"""Figure: what each sonication was expected to reach, and what thermometry showed."""

from matplotlib.axes import Axes

from insonate.plan.model import PEAK_GOALS_DEGC, Stage
from insonate.report import canvas, words
from insonate.report.canvas import Picture
from insonate.report.story import Exposure, Story


def temperatures_picture(story: Story) -> Picture | None:
    """Draw predicted and measured peaks, power and efficiency; None without sonications."""
    if not story.exposures:
        return None
    figure = canvas.new_figure(4.6)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.7, 1]})
    _peaks(left, story)
    _powers(right, story)
    return Picture("peaks", canvas.svg_uri(figure), _alt(story), _CAPTION)


_CAPTION = (
    "Left: peak temperature at the focus in each sonication. Orange bar: the range that was "
    "predicted before it, with the best guess as a line; blue dot: the hottest frame of MR "
    "thermometry with ± 1 standard deviation; shaded: the goal of its stage (align 41–45 °C, "
    "verify 46–50 °C, treat 54–60 °C). Right: acoustic power, with energy (kJ) and the measured "
    "heating per energy (K/kJ) written beside each bar."
)


def _alt(story: Story) -> str:
    said = []
    for e in story.exposures:
        expected = e.proposed.predicted_peak_degc if e.proposed else None
        said.append(
            f"sonication {e.number} ({e.stage}) predicted {words.quantity(expected, 'degC')}, "
            f"measured {words.quantity(e.peak_degc, 'degC')}"
        )
    return "Predicted and measured peak temperatures: " + "; ".join(said) + "."


def _peaks(ax: Axes, story: Story) -> None:
    for place, e in enumerate(story.exposures):
        _goal(ax, place, e.stage)
        _prediction(ax, place, e)
        _measurement(ax, place, e)
    cap = story.limit("focal_temperature")
    if cap is not None:
        ax.axhline(cap.value, color=canvas.LIMIT, lw=1.5, label=f"cap {cap.value:g} °C")
    canvas.title(ax, "Peak at the focus")
    canvas.tidy(ax, "", "Temperature (°C)")
    _numbered(ax, story)
    ax.set_ylim(36.5, max(62.5, ax.get_ylim()[1]))
    canvas.legend_above(ax, 4)


def _numbered(ax: Axes, story: Story) -> None:
    labels = [f"{e.number}\n{e.stage}" for e in story.exposures]
    ax.set_xticks(range(len(labels)), labels, fontsize=8.5)
    ax.set_xlim(-0.6, len(labels) - 0.4)
    ax.grid(visible=False, axis="x")


def _goal(ax: Axes, place: int, stage: str) -> None:
    if stage in PEAK_GOALS_DEGC:
        low, high = PEAK_GOALS_DEGC[Stage(stage)]
        ax.bar(place, high - low, 0.86, bottom=low, color="#DDE8E3", zorder=0, label="goal")


def _prediction(ax: Axes, place: int, exposure: Exposure) -> None:
    expected = exposure.proposed
    if expected is None:
        return
    low, high = expected.predicted_low_degc, expected.predicted_high_degc
    ax.bar(
        place - 0.17, high - low, 0.24, bottom=low, color=canvas.PREDICTED, alpha=0.55,
        label="predicted",
    )  # fmt: skip
    ax.hlines(
        expected.predicted_peak_degc, place - 0.29, place - 0.05, color="#8A5A00",
        lw=2,
    )  # fmt: skip


def _measurement(ax: Axes, place: int, exposure: Exposure) -> None:
    peak = exposure.peak_degc
    if peak is None:
        return
    ax.errorbar(
        place + 0.17, peak, exposure.sigma_k, fmt="o", ms=6, color=canvas.MEASURED, capsize=4,
        lw=1.6, label="measured ± σ",
    )  # fmt: skip
    ax.annotate(
        words.plain(peak, 1), (place + 0.17, peak), (0, -15), textcoords="offset points",
        ha="center", fontsize=8, color=canvas.MEASURED, path_effects=canvas.halo("white"),
    )  # fmt: skip


def _powers(ax: Axes, story: Story) -> None:
    powers = [e.power_w or 0.0 for e in story.exposures]
    colours = [canvas.STAGE_COLOURS.get(e.stage, canvas.FAINT) for e in story.exposures]
    ax.bar(range(len(powers)), powers, 0.6, color=colours)
    for place, (e, power) in enumerate(zip(story.exposures, powers, strict=True)):
        ax.annotate(
            _energy_words(e), (place, power), (0, 3), textcoords="offset points", ha="center",
            fontsize=7.5, color=canvas.INK,
        )  # fmt: skip
    canvas.title(ax, "Acoustic power")
    canvas.tidy(ax, "", "Power (W)")
    _numbered(ax, story)
    ax.set_ylim(0, max([*powers, 1.0]) * 1.2)


def _energy_words(exposure: Exposure) -> str:
    energy = exposure.ended.energy_j if exposure.ended else None
    heating = exposure.reviewed.k_per_kj if exposure.reviewed else None
    return f"{words.quantity(energy, 'J')}\n{words.quantity(heating, 'K/kJ')}"
