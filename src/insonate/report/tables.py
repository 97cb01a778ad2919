"""The tables of the report, as rows of text with their units in the heading."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from insonate.events import Event
from insonate.events import documents as doc
from insonate.events.sight import FocusEstimate
from insonate.report import words
from insonate.report.between import dose_words
from insonate.report.story import Story
from insonate.report.summary import LimitSummary, Summary
from insonate.report.timeline import patient_words
from insonate.report.truth import peak_error_k
from insonate.report.words import DASH

ROUTINE = (
    doc.ClockTick,
    doc.CoolingReading,
    doc.CavitationReading,
    doc.ArrayReading,
    doc.ModelEstimate,
    FocusEstimate,
    doc.MotionReading,
    doc.OperatorPresent,
)
"""Readings that come every second or so; the log counts them."""

MOST_LOGGED = 3000
"""Rows of the log; more would make the page slow, and the record holds them all."""


@dataclass(frozen=True)
class Table:
    """A table of text.

    ``numeric`` names the columns (by index) that are aligned as numbers.
    """

    identifier: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


def sonication_table(story: Story) -> Table:
    """Return one row for each sonication."""
    columns = (
        "No.", "Stage", "Start (min:s)", "Power (W)", "Duration (s)", "Energy (kJ)",
        "Predicted (°C)", "Measured (°C)", "σ (K)", "Heating (K/kJ)", "Dose (CEM43)",
        "Dose, 90 % (CEM43)", "Focus − target (mm)", "Ended because",
    )  # fmt: skip
    rows = tuple(_sonication_row(story, k) for k in range(len(story.exposures)))
    numeric = frozenset({0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
    caption = "Sonications as they were driven and as thermometry saw them."
    return Table("sonications", caption, columns, rows, numeric)


def _sonication_row(story: Story, index: int) -> tuple[str, ...]:
    e = story.exposures[index]
    ended, proposed, reviewed = e.ended, e.proposed, e.reviewed
    why = f"{ended.end_reason}{f' ({ended.guard})' if ended.guard else ''}" if ended else DASH
    limit = proposed.limited_by if proposed else ""
    limited = f"; reduced by {words.name(limit)}" if limit else ""
    return (
        str(e.number),
        e.stage or DASH,
        words.clock(e.start_s),
        words.number(e.power_w, "W"),
        words.number(ended.duration_s if ended else None, "s"),
        words.number(ended.energy_j if ended else None, "J"),
        words.number(proposed.predicted_peak_degc if proposed else None, "degC"),
        words.number(e.peak_degc, "degC"),
        words.plain(e.sigma_k, 2),
        words.number(reviewed.k_per_kj if reviewed else None, "K/kJ"),
        words.dose(reviewed.dose_cem43 if reviewed else None),
        dose_words(e),
        words.offset(reviewed.focus_offset_m if reviewed else None),
        why + limited,
    )


VERDICTS = {True: "✓ kept", False: "✗ not kept", None: "– not judged"}
"""Word and sign, so that nobody needs the colour."""


def limit_table(story: Story, summary: Summary) -> Table:
    """Return one row for each limit: value, worst, verdict, source."""
    sources = {row.name: row.source for row in story.plan.limits} if story.plan else {}
    rows = tuple(_limit_row(limit, sources.get(limit.name, DASH)) for limit in summary.limits)
    caption = (
        "Limits of this treatment, the worst value that was met, and where each comes from."
    )
    columns = ("Limit", "Value", "Worst met", "Unit", "Verdict", "Source")
    return Table("limits", caption, columns, rows, frozenset({1, 2}))


def _limit_row(limit: LimitSummary, source: str) -> tuple[str, ...]:
    unit, value, worst = limit.unit, limit.value, limit.worst
    if unit == "s" and value >= 600:
        unit, value, worst = "min", value / 60, None if worst is None else worst / 60
    return (
        words.name(limit.name),
        words.number(value, unit),
        words.number(worst, unit),
        words.shown_unit(unit),
        VERDICTS[limit.kept],
        source,
    )


_HEARD = {True: "Heard; its cause is still there.", False: "Heard; its cause is gone."}


def refusal_table(story: Story) -> Table:
    """Return what guards and the state machine refused."""
    rows = [
        (e.time_s, "guard", words.name(p.guard), words.prose(p.why), words.prose(p.clears),
         f"{p.priority}, latching" if p.latching else str(p.priority))
        for e, p in story.having(doc.GuardRefused)
    ]  # fmt: skip
    rows += [
        (e.time_s, "command", p.verb.value, words.prose(p.why), DASH, DASH)
        for e, p in story.having(doc.CommandRefused)
    ]
    rows += [
        (e.time_s, "alarm", words.name(p.guard), _HEARD[p.standing], DASH, "acknowledged")
        for e, p in story.having(doc.AlarmAcknowledged)
    ]
    columns = ("Time (min:s)", "Kind", "Name", "Why it was refused", "What clears it", "Alarm")
    caption = (
        "What guards and the treatment's order of steps refused; alarms in the words of "
        "IEC 60601-1-8, without a claim of conformity."
    )
    return Table("refusals", caption, columns, _timed(rows), frozenset({0}))


def patient_table(story: Story) -> Table:
    """Return what the patient reported."""
    rows = [
        (e.time_s, patient_words(p), words.plain(p.pain_nrs, 0), p.severity)
        for e, p in story.having(doc.PatientReport)
    ]
    columns = ("Time (min:s)", "Report", "Pain (0–10)", "Severity")
    return Table(
        "patient", "What the awake patient reported.", columns, _timed(rows), frozenset({0, 2})
    )


def _timed(rows: Iterable[tuple[float, *tuple[str, ...]]]) -> tuple[tuple[str, ...], ...]:
    return tuple((words.clock(row[0]), *row[1:]) for row in sorted(rows, key=lambda r: r[0]))


def truth_table(story: Story) -> Table:
    """Return true against measured values of each sonication."""
    rows = []
    for e in story.exposures:
        if e.truth is None:
            continue
        rows.append(
            (
                str(e.number),
                words.number(e.peak_degc, "degC"),
                words.number(e.truth.peak_degc, "degC"),
                words.signed(peak_error_k(e), 1),
                words.offset(e.reviewed.focus_offset_m if e.reviewed else None),
                words.offset(e.truth.focus_offset_m),
                words.number(e.truth.skull_max_degc, "degC"),
                words.number(e.truth.scalp_max_degc, "degC"),
                words.dose(e.truth.peak_dose_cem43),
            )
        )
    columns = (
        "No.", "Measured (°C)", "True (°C)", "Error (K)", "Measured focus (mm)",
        "True focus (mm)", "True skull (°C)", "True scalp (°C)", "True dose (CEM43)",
    )  # fmt: skip
    caption = "Known only in simulation: truth beside what was measured."
    return Table("truths", caption, columns, tuple(rows), frozenset({0, 1, 2, 3, 6, 7, 8}))


_LESION_ROWS: tuple[tuple[str, str], ...] = (
    ("Volume above 17 CEM43 (mm³)", "volume_17_mm3"),
    ("Volume above 100 CEM43 (mm³)", "volume_100_mm3"),
    ("Volume above 200 CEM43 (mm³)", "volume_200_mm3"),
    ("Volume above 240 CEM43 (mm³)", "volume_240_mm3"),
    ("Volume above 51 °C (mm³)", "volume_51_mm3"),
    ("Peak temperature (°C)", "peak_degc"),
)


def measured_lesion_table(story: Story) -> Table | None:
    """Return the lesion's sizes by thermometry; None where none was described."""
    found = story.lesion("measured")
    caption = "The lesion, by the thermal model that thermometry calibrates."
    return _lesion_table("lesion-measured", caption, [found[1]]) if found else None


def true_lesion_table(story: Story) -> Table | None:
    """Return the true lesion's sizes, beside the measured ones; None without a truth."""
    if story.lesion("truth") is None:
        return None
    found = [pair[1] for basis in ("measured", "truth") if (pair := story.lesion(basis))]
    caption = "The lesion: what thermometry and its model say, and what the simulation knows."
    return _lesion_table("lesion-true", caption, found)


def _lesion_table(identifier: str, caption: str, found: Sequence[doc.LesionDescribed]) -> Table:
    rows = [
        (label, *(words.plain(getattr(lesion, name), 1) for lesion in found))
        for label, name in _LESION_ROWS
    ]
    rows.append(("Peak dose (CEM43)", *(words.dose(a.peak_dose_cem43) for a in found)))
    rows.append(("Extent of the 240 CEM43 region, R × A × S (mm)", *map(_extent, found)))
    rows.append(("Diameters of its ellipsoid (mm)", *map(_diameters, found)))
    rows.append(("Long axis, R A S", *map(_axis, found)))
    rows.append(("Centre minus target (mm)", *(words.offset(a.centre_offset_m) for a in found)))
    rows.append(("Target inside", *("yes" if a.target_inside else "no" for a in found)))
    rows.append(("Definition of the dose", *(a.dose_variant for a in found)))
    heads = {"measured": "By thermometry and model", "truth": "True (known only in simulation)"}
    columns = ("Lesion", *(heads[a.basis] for a in found))
    numeric = frozenset(range(1, len(found) + 1))
    return Table(identifier, caption, columns, tuple(rows), numeric)


def _extent(lesion: doc.LesionDescribed) -> str:
    return " × ".join(words.plain(d * 1e3, 1) for d in lesion.diameters_m)


def _diameters(lesion: doc.LesionDescribed) -> str:
    found = lesion.principal_diameters_m
    return DASH if found is None else " × ".join(words.plain(d * 1e3, 1) for d in found)


def _axis(lesion: doc.LesionDescribed) -> str:
    axis = lesion.long_axis
    return DASH if axis is None else ", ".join(words.signed(a, 2) for a in axis)


def pairs_table(
    identifier: str, caption: str, pairs: Sequence[tuple[str, str]], head: tuple[str, str]
) -> Table:
    """Return a table of names and values."""
    return Table(identifier, caption, head, tuple(pairs))


def log_table(story: Story) -> Table:
    """Return the events in their order, without the routine readings."""
    told = [e for e in story.events if not isinstance(e.payload, ROUTINE)]
    rows = tuple(
        (
            str(e.sequence),
            words.clock(e.time_s),
            e.source.value,
            words.name(e.payload.kind),
            _said(e),
            DASH if e.cause is None else str(e.cause),
        )
        for e in told[:MOST_LOGGED]
    )
    counted = Counter(
        words.name(e.payload.kind) for e in story.events if isinstance(e.payload, ROUTINE)
    )
    routine = ", ".join(f"{count} × {kind}" for kind, count in sorted(counted.items()))
    caption = f"{len(rows)} of {words.plural(len(story.events), 'event')}."
    if routine:
        caption += f" Routine readings that are not listed: {routine}."
    columns = ("No.", "Time (min:s)", "From", "What", "Said", "Answers no.")
    return Table("log", caption, columns, rows, frozenset({0, 1, 5}))


def _exposure_words(p: doc.SonicationProposed | doc.SonicationEnded) -> str:
    watts, seconds = words.quantity(p.power_w, "W"), words.quantity(p.duration_s, "s")
    return f"sonication {p.sonication} ({p.stage}): {watts}, {seconds}"


_SAID: dict[str, Callable[[Any], str]] = {
    "temperature_frame": lambda p: (
        f"sonication {p.sonication}, frame {p.frame}: peak {words.quantity(p.peak_degc, 'degC')}"
    ),
    "power_set": lambda p: f"sonication {p.sonication}: {words.quantity(p.power_w, 'W')}",
    "state_changed": lambda p: f"{p.before} → {p.after}: {p.trigger}",
    "patient_report": patient_words,
    "operator_command": lambda p: f"{p.who}: {p.verb}{f', {p.why}' if p.why else ''}",
    "resteered": lambda p: f"by {words.offset(p.shift_m)} mm",
    "guard_refused": lambda p: f"{p.guard}: {p.why}",
    "command_refused": lambda p: f"{p.verb}: {p.why}",
    "alarm_acknowledged": lambda p: f"{p.guard}: {_HEARD[p.standing]}",
    "wait_set": lambda p: f"until {words.clock(p.until_s)}: {p.because}",
    "sonication_reviewed": lambda p: p.sentence,
    "session_closed": lambda p: p.sentence,
    "sonication_proposed": _exposure_words,
    "sonication_ended": lambda p: f"{_exposure_words(p)}, {p.end_reason}",
    "stream_noted": lambda p: f"{p.what}: {p.sentence}",
    "truth_observed": lambda p: f"true peak {words.quantity(p.peak_degc, 'degC')}",
    "lesion_described": lambda p: f"{p.basis}: {words.plain(p.volume_240_mm3, 1)} mm³",
}
"""How each kind of event is told in one line; the others are told by their reason."""


def _said(event: Event) -> str:
    tell = _SAID.get(event.payload.kind)
    return words.prose(event.reason if tell is None else tell(event.payload))
