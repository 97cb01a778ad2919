"""Write the report: one self-contained HTML file, made from the record alone."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from insonate.core.errors import InputError
from insonate.core.provenance import DISCLAIMER
from insonate.events import documents as doc
from insonate.report import (
    anatomy,
    beside,
    between,
    elements,
    heat_page,
    maps,
    particulars,
    tables,
    temperatures,
    timeline,
    truth,
    words,
)
from insonate.report.canvas import Picture
from insonate.report.story import RecordLike, Story
from insonate.report.summary import Summary, summary_of

FILE_NAME = "report.html"


def render_report(
    record: RecordLike, path: Path | str, other: RecordLike | None = None
) -> Path:
    """Write the report of a record; nothing half-written is ever found at ``path``.

    Parameters
    ----------
    record
        Events and arrays; nothing else is read.
    path
        Where the file goes; in a folder that exists, it is called ``report.html``.
    other
        Another treatment of the same patient, told of beside this one.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    wanted = Path(path)
    place = wanted / FILE_NAME if wanted.is_dir() else wanted
    page = render_page(record, other)
    try:
        _write_atomically(place, page)
    except OSError as error:
        raise InputError(
            f"The report cannot be written to {place}: {error.strerror}. Choose a path in a "
            "folder that can be written to."
        ) from error
    return place


def render_page(record: RecordLike, other: RecordLike | None = None) -> str:
    """Return the report as HTML text; with another treatment of the same patient beside it."""
    story = Story(record)
    second = None if other is None else Story(other)
    environment = Environment(
        loader=PackageLoader("insonate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = _pictures(story) | _beside(story, second)
    summary = summary_of(story)
    page = environment.get_template("report.html.j2").render(
        disclaimer=DISCLAIMER,
        story=story,
        summary=summary,
        cards=_cards(summary),
        limits_sentence=_limits_sentence(summary),
        truth_sentence=_truth_sentence(summary, story),
        pictures=pictures,
        maps=[p for p in pictures.values() if p.identifier.startswith("maps-")],
        tables=_tables(story, summary, second),
        beside_sentence=beside.beside_sentence(story, second) if second is not None else "",
        heat_verdict=heat_page.verdict(story),
        heat_sure=heat_page.sure_sentence(story),
        words=words,
    )
    return page.lstrip() + "\n"


def figures_of(record: RecordLike) -> tuple[Picture, ...]:
    """Return the pictures of a record's report, in their order."""
    return tuple(_pictures(Story(record)).values())


def _pictures(story: Story) -> dict[str, Picture]:
    drawn: list[Picture | None] = [anatomy.planes_picture(story)]
    array = elements.elements_of(story)
    if array is not None:
        drawn.append(elements.array_picture(story, array))
        drawn.append(elements.histogram_picture(story, array))
    drawn.append(temperatures.temperatures_picture(story))
    drawn.append(between.between_picture(story))
    drawn.extend(maps.map_pictures(story))
    drawn.append(timeline.timeline_picture(story))
    drawn.append(heat_page.sure_picture(story))
    drawn.extend((truth.truth_picture(story), truth.lesion_picture(story)))
    return {picture.identifier: picture for picture in drawn if picture is not None}


def _beside(story: Story, second: Story | None) -> dict[str, Picture]:
    picture = None if second is None else beside.beside_picture(story, second)
    return {} if picture is None else {picture.identifier: picture}


def _tables(story: Story, summary: Summary, second: Story | None) -> dict[str, tables.Table]:
    made: list[tables.Table | None] = [
        tables.sonication_table(story),
        tables.limit_table(story, summary),
        heat_page.heat_table(story),
        heat_page.size_table(story),
        heat_page.neighbour_table(story),
        heat_page.wait_table(story),
        tables.refusal_table(story),
        tables.patient_table(story),
        tables.truth_table(story),
        tables.measured_lesion_table(story),
        tables.true_lesion_table(story),
        tables.log_table(story),
        particulars.head_table(story),
        particulars.plan_table(story),
        particulars.correction_table(story),
        particulars.metric_table(story),
        particulars.software_table(story),
        None if second is None else beside.beside_table(story, second),
    ]
    return {table.identifier: table for table in made if table is not None and table.rows}


def _cards(summary: Summary) -> list[tuple[str, str, str]]:
    """Return the key numbers: label, value, and what it is by."""
    lesion = words.plain(summary.lesion_volume_mm3, 1)
    volume = lesion if lesion == words.DASH else f"{lesion} mm³"
    return [
        ("Peak at the focus", words.quantity(summary.peak_degc, "degC"), "by MR thermometry"),
        ("Lesion", volume, "above 240 CEM43, by the model that thermometry calibrates"),
        ("Skull maximum", words.quantity(summary.skull_max_degc, "degC"), "by thermal model"),
        ("Scalp maximum", words.quantity(summary.scalp_max_degc, "degC"), "by thermal model"),
        ("Energy", words.quantity(summary.energy_j, "J"), _sonications(summary)),
        ("Session", words.minutes(summary.duration_s), _clock_words(summary)),
    ]


def _sonications(summary: Summary) -> str:
    return f"in {words.plural(len(summary.sonications), 'sonication')}"


def _clock_words(summary: Summary) -> str:
    return "simulated time" if summary.simulated else "by the session's clock"


def _limits_sentence(summary: Summary) -> str:
    if not summary.limits_judged:
        return "The record gives no verdict on limits."
    broken = summary.limits_broken
    if not broken:
        return f"✓ All {summary.limits_judged} limits that were judged were kept, by what was measured and modelled."
    names = ", ".join(words.name(n) for n in broken)
    verb = "was" if len(broken) == 1 else "were"
    return f"✗ {len(broken)} of {summary.limits_judged} limits {verb} not kept: {names}."


def _truth_sentence(summary: Summary, story: Story) -> str:
    """Say what harm was done and which limits the simulated truth crossed, unseen by anybody."""
    harms = " ".join(f"{harm.sentence} " for _, harm in story.having(doc.HarmObserved))
    crossed = [
        f"{words.name(t.name)} {words.quantity(t.worst, t.unit)} (limit {words.quantity(t.value, t.unit)})"
        for t in summary.truth
        if t.kept is False
    ]
    if not crossed:
        return f"Known only in simulation: {harms}".rstrip() if harms else ""
    return (
        f"{harms}Known only in simulation: in truth, limits were crossed: {', '.join(crossed)}."
    )


def _write_atomically(place: Path, page: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    temporary: Any = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


__all__ = ["RecordLike", "figures_of", "render_page", "render_report"]
