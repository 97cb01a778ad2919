"""The page on heat: what was hot, for how long, how near to which limit, how sure we are."""

from dataclasses import dataclass
from math import pi

import numpy as np
from matplotlib.axes import Axes

from insonate.core.arrays import FloatArray
from insonate.events import documents as doc
from insonate.report import canvas, words
from insonate.report.canvas import Picture
from insonate.report.story import Story
from insonate.report.tables import Table
from insonate.report.words import DASH

HUANG_2018 = {"T2": (100.0, 6.2, 1.3), "T1": (200.0, 5.3, 1.2)}
"""Day-1 size (mm, mean and SD) on T2 and T1, and the CEM43 contour that matched it best, over 36
patients (Huang et al., Magn. Reson. Med. 2018)."""

RULE_S_PER_KJ, RULE_LEAST_S = 30.0, 60.0
"""Rule of thumb: half a minute for each kilojoule, a minute at least. Setting: clinics wait longer
the more energy was used; no formula is published."""


@dataclass(frozen=True)
class Place:
    """One line of the table: where, the model's curve, and what counts as hot (°C)."""

    name: str
    curve: str
    hot_degc: float
    limit: str
    dose_limit: str


PLACES = (
    Place("Focus", "focus", 54.0, "focal_temperature", ""),
    Place("Skull", "skull", 43.0, "skull_temperature", "skull_dose"),
    Place("Scalp", "scalp", 41.0, "scalp_temperature", "scalp_dose"),
)


def heat_table(story: Story) -> Table:
    """Return what was hot, for how long, and how near to its limit, by the model."""
    columns = (
        "Where", "Hottest (°C)", "After (min)", "Hot for (s)", "Limit (°C)", "Room left (K)",
        "Dose (CEM43)", "Dose limit (CEM43)",
    )  # fmt: skip
    rows = tuple(row for place in PLACES if (row := _place_row(story, place)) is not None)
    caption = (
        "By the controller's thermal model, which thermometry calibrates at the focus. Hot is 54 °C "
        "at the focus, 43 °C in bone, 41 °C in the scalp."
    )
    return Table("heat", caption, columns, rows, frozenset(range(1, 8)))


def _place_row(story: Story, place: Place) -> tuple[str, ...] | None:
    found = model_curve(story, place.curve)
    if found is None:
        return None
    time, degc = found
    limit, dose = story.limit(place.limit), _dose(story, place.curve)
    dose_limit = story.limit(place.dose_limit) if place.dose_limit else None
    room = None if limit is None else limit.value - float(degc.max())
    return (
        place.name,
        words.plain(float(degc.max()), 1),
        words.plain(float(time[degc.argmax()]) / 60, 1),
        words.plain(seconds_above(time, degc, place.hot_degc), 0),
        words.number(limit.value if limit else None, "degC"),
        words.plain(room, 1),
        words.dose(dose),
        words.number(dose_limit.value if dose_limit else None, "CEM43"),
    )


def model_curve(story: Story, name: str) -> tuple[FloatArray, FloatArray] | None:
    """Return the model's course of a place: (s, °C); None where none was recorded."""
    event = next((e for e, _ in reversed(list(story.having(doc.TruthCurve)))), None)
    time, values = story.array(event, "time"), story.array(event, f"model_{name}")
    if time is None or values is None or not len(time) or len(time) != len(values):
        return None
    return np.asarray(time, np.float64), np.asarray(values, np.float64)


def seconds_above(time: FloatArray, degc: FloatArray, hot: float) -> float:
    """Return for how long straight lines through a course lie above ``hot``, s."""
    low, high = np.minimum(degc[:-1], degc[1:]), np.maximum(degc[:-1], degc[1:])
    span = np.maximum(high - low, 1e-12)
    part = np.clip((high - hot) / span, 0.0, 1.0)
    return float((part * np.diff(time)).sum())


def _dose(story: Story, curve: str) -> float | None:
    if curve == "focus":
        lesion = story.lesion("measured")
        return lesion[1].peak_dose_cem43 if lesion else None
    last = story.last(doc.ModelEstimate)
    return getattr(last, f"{curve}_dose_cem43") if last else None


def size_table(story: Story) -> Table:
    """Return what the measured dose predicts for the pictures of the next day."""
    found = story.lesion("measured")
    columns = ("Picture", "Contour (CEM43)", "Predicted (mm)", "Published (mm)", "Read as")
    if found is None:
        return Table("day-one", "", columns, ())
    volumes = {100.0: found[1].volume_100_mm3, 200.0: found[1].volume_200_mm3}
    rows = tuple(
        (
            f"Day-1 {name}",
            words.plain(contour, 0),
            words.plain(ball_diameter(volumes[contour]), 1),
            f"{mean} ± {spread}",
            _reading(ball_diameter(volumes[contour]), mean, spread),
        )
        for name, (contour, mean, spread) in HUANG_2018.items()
    )
    caption = (
        "Size on the day after: diameter of a ball with the volume within the contour, beside mean "
        "and standard deviation of 36 patients (Huang 2018)."
    )
    return Table("day-one", caption, columns, rows, frozenset({1, 2}))


def neighbour_table(story: Story) -> Table:
    """Return what the structures beside the target were given, by the model."""
    found = story.lesion("measured")
    heated = found[1].neighbours if found else ()
    rows = tuple(
        (
            n.name,
            words.number(n.distance_m, "m"),
            words.plain(n.peak_degc, 1),
            words.dose(n.dose_cem43),
            _spared(n.dose_cem43),
        )
        for n in heated
    )
    columns = ("Structure", "From the target (mm)", "Hottest (°C)", "Dose (CEM43)", "Read as")
    caption = (
        "Structures to avoid, at places that a textbook gives them relative to the target, not those "
        "of this person. Brain was spared below 17 CEM43 and destroyed from about 240."
    )
    return Table("neighbours", caption, columns, rows, frozenset({1, 2, 3}))


SPARED_CEM43, DESTROYED_CEM43 = 17.0, 240.0
"""CEM43: lower threshold of damage in brain (McDannold et al. 2004; Yarmolenko et al. 2011), and the
classical one of coagulation (Sapareto & Dewey 1984)."""


def _spared(dose: float) -> str:
    if dose < SPARED_CEM43:
        return "spared"
    return "at risk" if dose < DESTROYED_CEM43 else "destroyed"


def ball_diameter(volume: float) -> float:
    """Return the diameter of a ball of a volume, in the unit of its side."""
    return float((6.0 * volume / pi) ** (1 / 3))


def _reading(size: float, mean: float, spread: float) -> str:
    if abs(size - mean) <= 2 * spread:
        return "as published lesions are"
    return "smaller than published lesions" if size < mean else "larger than published lesions"


def wait_table(story: Story) -> Table:
    """Return the waits that the model asked for, beside the rule of thumb."""
    waits = [(e.time_s, p.until_s - e.time_s) for e, p in story.having(doc.WaitSet)]
    rows = []
    for exposure in story.exposures:
        if exposure.ended is None or exposure.start_s is None:
            continue
        after = exposure.start_s + exposure.ended.duration_s
        asked = next((w for t, w in waits if after - 1.0 <= t <= after + 120.0), None)
        energy = exposure.ended.energy_j
        rows.append(
            (
                str(exposure.number),
                words.number(energy, "J"),
                words.plain(asked, 0),
                words.plain(rule_of_thumb_s(energy), 0),
            )
        )
    columns = ("No.", "Energy (kJ)", "Wait by the model (s)", "Rule of thumb (s)")
    caption = (
        "How long to wait after each sonication: the shortest wait that keeps every limit by the "
        "model, and a rule of thumb, half a minute for each kilojoule."
    )
    return Table("waits", caption, columns, tuple(rows), frozenset({1, 2, 3}))


def rule_of_thumb_s(energy_j: float) -> float:
    """Return the wait by the rule of thumb, s."""
    return max(RULE_LEAST_S, RULE_S_PER_KJ * energy_j * 1e-3)


def sure_picture(story: Story) -> Picture | None:
    """Draw the bands before and after measuring, and what was then true."""
    forecast = story.last(doc.HeatForecast)
    if forecast is None:
        return None
    figure = canvas.new_figure(3.4)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [3, 2]})
    _bands(left, story, forecast)
    _shares(right, forecast)
    return Picture("sure", canvas.svg_uri(figure), _alt(forecast), _CAPTION)


_CAPTION = (
    "Left: what an ensemble predicts for the strongest sonication, 5th to 95th percentile with the "
    "median as a tick: by the plan alone, and after the sonications before it were measured. The "
    "blue dot is what thermometry then measured; the purple diamond the truth, known only in "
    "simulation. Right: how much of the first band each unknown explains alone."
)


def _alt(forecast: doc.HeatForecast) -> str:
    prior, posterior = forecast.peak_prior_degc, forecast.peak_posterior_degc
    return (
        f"Sonication {forecast.sonication}: by the plan {prior.low:.1f} to {prior.high:.1f} °C, after "
        f"{words.plural(forecast.learnt_from, 'measured sonication')} {posterior.low:.1f} to "
        f"{posterior.high:.1f} °C."
    )


def _bands(ax: Axes, story: Story, forecast: doc.HeatForecast) -> None:
    rows = (
        ("focus, plan", forecast.peak_prior_degc, canvas.PREDICTED),
        ("focus, after measuring", forecast.peak_posterior_degc, canvas.MODEL),
        ("skull, plan", forecast.skull_prior_degc, canvas.PREDICTED),
        ("skull, after measuring", forecast.skull_posterior_degc, canvas.MODEL),
    )
    for height, (_, band, colour) in enumerate(rows):
        ax.barh(
            height, band.high - band.low, left=band.low, height=0.42, color=colour, alpha=0.75
        )
        ax.plot([band.middle] * 2, [height - 0.21, height + 0.21], color=canvas.INK, lw=1.6)
    exposure = next((e for e in story.exposures if e.number == forecast.sonication), None)
    if exposure is not None and exposure.peak_degc is not None:
        ax.plot(exposure.peak_degc, 1, "o", color=canvas.MEASURED, label="measured")
    if exposure is not None and exposure.truth is not None:
        values = (exposure.truth.peak_degc, exposure.truth.skull_max_degc)
        ax.plot(values, (1, 3), "D", color=canvas.TRUTH, label="truth (only in simulation)")
    for middle, name in ((0.5, "focal_temperature"), (2.5, "skull_temperature")):
        limit = story.limit(name)
        if limit is not None:
            ax.plot([limit.value] * 2, [middle - 0.9, middle + 0.9], color=canvas.LIMIT, lw=1.5)
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows], fontsize=8.5)
    ax.invert_yaxis()
    canvas.title(ax, f"Sonication {forecast.sonication}")
    canvas.tidy(ax, "Temperature (°C); red: limit")
    canvas.legend_above(ax, 2)


def _shares(ax: Axes, forecast: doc.HeatForecast) -> None:
    largest = sorted(forecast.sensitivities.items(), key=lambda item: item[1])[-5:]
    names = [name.removesuffix("_m").replace("_", " ") for name, _ in largest]
    ax.barh(names, [100 * share for _, share in largest], color=canvas.FAINT, height=0.55)
    ax.set_xlim(0, 100)
    canvas.title(ax, "What the plan's band comes from")
    canvas.tidy(ax, "Share of the variance (%)")


def sure_sentence(story: Story) -> str:
    """Say in one sentence how sure the prediction was and became."""
    forecast = story.last(doc.HeatForecast)
    if forecast is None:
        return ""
    prior, posterior = forecast.peak_prior_degc, forecast.peak_posterior_degc
    start = (
        f"Before anything was measured the plan expected {words.plain(prior.low, 0)}-"
        f"{words.plain(prior.high, 0)} °C at the focus in sonication {forecast.sonication} (nine in "
        "ten members)"
    )
    if not forecast.learnt_from:
        return f"{start}; nothing was measured before it."
    return (
        f"{start}; after {words.plural(forecast.learnt_from, 'measured sonication')} it was "
        f"{words.plain(posterior.low, 0)}-{words.plain(posterior.high, 0)} °C."
    )


def verdict(story: Story) -> str:
    """Say in one sentence what was hot and how near to its limit."""
    parts = []
    for place in PLACES:
        found, limit = model_curve(story, place.curve), story.limit(place.limit)
        if found is None or limit is None:
            continue
        worst = float(found[1].max())
        room = limit.value - worst
        side = (
            f"{words.plain(room, 1)} K below"
            if room >= 0
            else f"{words.plain(-room, 1)} K above"
        )
        parts.append(f"{place.name.lower()} {words.plain(worst, 1)} °C, {side} its limit")
    return f"Hottest by the model: {'; '.join(parts)}." if parts else DASH
