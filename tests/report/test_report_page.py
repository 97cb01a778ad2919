"""The report as a whole: every section, every number, nothing from outside, nothing unsafe."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from insonate.core import InputError
from insonate.core.provenance import DISCLAIMER
from insonate.events import documents as doc
from insonate.report import render_report, summarise
from insonate.report.build import render_page
from insonate.report.words import DASH
from insonate.testing.records import (
    Exposure,
    MemoryRecord,
    TreatmentOptions,
    empty_record,
    stopped_record,
    treatment_record,
)
from insonate.verification import report as checks

SECTIONS = (
    "where", "array-section", "predicted", "seen", "course", "rows", "known", "made-of",
    "unknown", "events",
)  # fmt: skip


class Tables(HTMLParser):
    """All tables of a page, as rows of cell texts by the table's id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self._table = ""
        self._cell = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._table = dict(attrs)["id"]
            self.rows[self._table] = []
        if tag == "tr":
            self.rows[self._table].append([])
        self._cell = tag in {"td", "th"}
        if self._cell:
            self.rows[self._table][-1].append("")

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self._cell = False

    def handle_data(self, data):
        if self._cell:
            self.rows[self._table][-1][-1] += data

    def body(self, name: str) -> list[list[str]]:
        return self.rows[name][1:]


def number(cell: str) -> float:
    return float(cell.replace("−", "-").replace("+", ""))


def numbers(cell: str) -> list[float]:
    return [number(part[2:]) for part in cell.split(", ")]


@pytest.fixture(scope="module")
def record() -> MemoryRecord:
    return treatment_record()


@pytest.fixture(scope="module")
def page(record: MemoryRecord) -> str:
    return render_page(record)


@pytest.fixture(scope="module")
def tables(page: str) -> Tables:
    return Tables(page)


def payloads(record: MemoryRecord, kind: type) -> list:
    return [e.payload for e in record.events if isinstance(e.payload, kind)]


def test_every_section_is_there_in_order(page):
    places = [page.index(f'<section id="{name}"') for name in SECTIONS]
    assert places == sorted(places)
    assert checks.silent_sections(page) == 0
    assert page.count(DISCLAIMER) >= len(SECTIONS) + 2


def test_every_figure_is_there_with_words_for_who_cannot_see_it(page):
    wanted = ["planes", "array", "spreads", "peaks", "timeline", "sure", "truth", "lesion"]
    for name in [*wanted, *(f"maps-{k}" for k in range(1, 6))]:
        assert f'id="figure-{name}"' in page
    assert page.count("<img ") == page.count('alt="') == page.count("<figcaption>") == 13
    assert 'alt=""' not in page


def test_sonication_table_says_what_the_events_say(record, tables):
    ended = payloads(record, doc.SonicationEnded)
    reviewed = payloads(record, doc.SonicationReviewed)
    proposed = payloads(record, doc.SonicationProposed)
    rows = tables.body("sonications")
    assert len(rows) == len(ended)
    for row, e, r, p in zip(rows, ended, reviewed, proposed, strict=True):
        assert (int(row[0]), row[1]) == (e.sonication, e.stage)
        assert number(row[3]) == pytest.approx(e.power_w, abs=0.5)
        assert number(row[4]) == pytest.approx(e.duration_s, abs=0.05)
        assert number(row[5]) == pytest.approx(e.energy_j / 1e3, abs=0.005)
        assert number(row[6]) == pytest.approx(p.predicted_peak_degc, abs=0.05)
        assert number(row[7]) == pytest.approx(r.peak_degc, abs=0.05)
        assert number(row[9]) == pytest.approx(r.k_per_kj, abs=0.005)
        assert number(row[10]) == pytest.approx(r.dose_cem43, abs=0.5)
        assert row[11] == DASH  # nobody estimated between the frames of this record
        assert numbers(row[12]) == pytest.approx([v * 1e3 for v in r.focus_offset_m], abs=0.05)
        assert e.end_reason in row[13]


def test_sonications_start_when_their_power_was_set(record, tables):
    starts = [
        e.time_s
        for e in record.events
        if isinstance(e.payload, doc.PowerSet) and e.payload.power_w > 0
    ]
    for row, start in zip(tables.body("sonications"), starts, strict=True):
        minutes, seconds = row[2].split(":")
        assert int(minutes) * 60 + int(seconds) == int(start)


FACTORS = {"°C": 1, "mm": 1e-3, "kJ": 1e3, "min": 60}


def test_limit_table_says_what_the_events_say(record, tables):
    (plan,), (closed,) = (
        payloads(record, doc.PlanDescribed),
        payloads(record, doc.SessionClosed),
    )
    rows = tables.body("limits")
    assert len(rows) == len(plan.limits)
    for row, limit in zip(rows, plan.limits, strict=True):
        factor = FACTORS.get(row[3], 1)
        assert row[0] == limit.name.replace("_", " ")
        assert number(row[1]) * factor == pytest.approx(limit.value, rel=1e-3)
        worst = closed.limits_worst.get(limit.name)
        assert row[2] == "–" if worst is None else True
        if worst is not None:
            assert number(row[2]) * factor == pytest.approx(worst, rel=2e-3)
        words = {True: "✓ kept", False: "✗ not kept", None: "– not judged"}
        assert row[4] == words[closed.limits_kept.get(limit.name)]
        assert row[5] == limit.source


def test_truth_and_lesion_tables_say_what_the_events_say(record, tables):
    reviewed = payloads(record, doc.SonicationReviewed)
    for row, t, r in zip(
        tables.body("truths"), payloads(record, doc.TruthObserved), reviewed, strict=True
    ):
        assert number(row[1]) == pytest.approx(r.peak_degc, abs=0.05)
        assert number(row[2]) == pytest.approx(t.peak_degc, abs=0.05)
        assert number(row[3]) == pytest.approx(r.peak_degc - t.peak_degc, abs=0.05)
        assert numbers(row[5]) == pytest.approx([v * 1e3 for v in t.focus_offset_m], abs=0.05)
        assert number(row[6]) == pytest.approx(t.skull_max_degc, abs=0.05)
        assert number(row[7]) == pytest.approx(t.scalp_max_degc, abs=0.05)
    rows = {row[0]: row[1:] for row in tables.body("lesion-true")}
    for column, lesion in enumerate(payloads(record, doc.LesionDescribed)):
        for level in (17, 100, 200, 240):
            seen = number(rows[f"Volume above {level} CEM43 (mm³)"][column])
            assert seen == pytest.approx(getattr(lesion, f"volume_{level}_mm3"), abs=0.05)
        seen = number(rows["Volume above 51 °C (mm³)"][column])
        assert seen == pytest.approx(lesion.volume_51_mm3, abs=0.05)
        assert rows["Target inside"][column] == ("yes" if lesion.target_inside else "no")


def test_refusals_and_reports_are_told(record, tables):
    refused = payloads(record, doc.GuardRefused) + payloads(record, doc.CommandRefused)
    cells = [row[3] for row in tables.body("refusals")]
    assert sorted(cells) == sorted(p.why for p in refused)
    (report,) = payloads(record, doc.PatientReport)
    (row,) = tables.body("patient")
    assert report.symptom in row[1]
    assert number(row[2]) == report.pain_nrs


def test_log_tells_every_event_that_is_no_routine_reading(record, tables):
    routine = (doc.CoolingReading, doc.ModelEstimate)
    told = [e.sequence for e in record.events if not isinstance(e.payload, routine)]
    assert [int(row[0]) for row in tables.body("log")] == told


def test_summary_says_what_the_events_say(record):
    summary = summarise(record)
    (closed,) = payloads(record, doc.SessionClosed)
    assert summary.outcome == closed.outcome
    assert summary.sentence == closed.sentence
    assert summary.energy_j == sum(p.energy_j for p in payloads(record, doc.SonicationEnded))
    peaks = [p.peak_degc for p in payloads(record, doc.SonicationReviewed)]
    assert summary.peak_degc == max(peaks)
    models = payloads(record, doc.ModelEstimate)
    assert summary.skull_max_degc == max(p.skull_max_degc for p in models)
    assert summary.limits_broken == ("focus_offset",)
    assert summary.limits_judged == len(closed.limits_kept)
    assert summary.disclaimer == DISCLAIMER


def test_page_needs_nothing_from_outside(page):
    assert checks.outside_references(page) == []
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    "planted",
    [
        '<img src="https://example.org/a.png">',
        '<a href="http://example.org">x</a>',
        '<link rel="stylesheet">',
        "<style>p { background: url(a.png) }</style>",
        "<style>@import 'a.css';</style>",
        "<script>x</script>",
    ],
)
def test_planted_references_to_outside_are_found(planted):
    assert checks.outside_references(f"<html>{planted}</html>")


def test_planted_silence_and_nan_are_found():
    assert checks.silent_sections("<section>nothing</section>") == 1
    assert checks.silent_sections("<p>no section</p>") == 1
    assert checks.nan_words("<td>nan °C</td><td>inf</td><td>None</td>") == 3
    assert checks.nan_words("<td>nanometre, information</td>") == 0


def test_page_holds_no_nan_and_is_small(page):
    assert checks.nan_words(page) == 0
    assert len(page.encode()) < 8e6


def test_same_record_gives_the_same_page_byte_for_byte(record, page):
    assert render_page(record) == page


@pytest.mark.parametrize("build", [empty_record, stopped_record])
def test_records_without_sonications_say_so(build):
    page = render_page(build())
    assert "No sonication took place" in page
    assert 'id="figure-peaks"' not in page
    assert checks.silent_sections(page) == 0
    assert checks.nan_words(page) == 0
    assert len(Tables(page).rows) >= 1


def test_unfinished_record_says_that_it_is_not_complete():
    record = treatment_record(
        TreatmentOptions(
            exposures=(Exposure("align", 180.0, 10.0, 5.9),), closed=False, with_mr=False
        )
    )
    record = replace(record, missing=("The record breaks off after event 40.",))
    page = render_page(record)
    assert "This record is not complete" in page
    assert "The record breaks off after event 40." in page
    assert summarise(record).outcome == "not finished"


def test_lost_arrays_leave_their_figures_out_and_are_told(record):
    page = render_page(MemoryRecord(record.events, {}))
    assert "arrays of the record could not be read" in page
    assert 'id="figure-planes"' not in page
    assert 'id="figure-peaks"' in page
    assert checks.silent_sections(page) == 0


def test_events_cut_off_anywhere_can_be_reported(record):
    for end in (1, 2, 9):
        page = render_page(MemoryRecord(record.events[:end], record.arrays, complete=False))
        assert checks.nan_words(page) == 0


HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>\"'&"


def test_hostile_case_names_are_text():
    record = treatment_record(TreatmentOptions(case=HOSTILE, exposures=()))
    page = render_page(MemoryRecord(record.events, {}))
    assert "<script" not in page
    assert "<img src=http" not in page
    assert checks.outside_references(page) == []
    assert "&lt;script&gt;" in page


def test_report_goes_into_a_folder_or_a_file_and_leaves_nothing_else(tmp_path):
    record = empty_record()
    assert render_report(record, tmp_path) == tmp_path / "report.html"
    assert render_report(record, tmp_path / "new" / "a.html").is_file()
    names = {p.name for p in tmp_path.rglob("*")}
    assert names == {"report.html", "new", "a.html"}


def test_failed_writing_leaves_the_old_report_and_no_rest(tmp_path, monkeypatch):
    place = tmp_path / "report.html"
    place.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("insonate.report.build.os.fsync", fail)
    with pytest.raises(InputError, match="No space left"):
        render_report(empty_record(), place)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert place.read_text() == "old"


def test_path_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        render_report(empty_record(), tmp_path / "file" / "report.html")


def test_limits_that_only_the_truth_crossed_are_told():
    hot = Exposure("treat", 900.0, 16.0, 22.5)
    record = treatment_record(TreatmentOptions(exposures=(hot,)))
    record = MemoryRecord(record.events, {})
    crossed = [t.name for t in summarise(record).truth if t.kept is False]
    assert crossed == ["focal_temperature"]
    assert "in truth, limits were crossed: focal temperature 60.9 °C" in render_page(record)


def test_limits_that_the_truth_kept_are_not_told(record, page):
    assert all(t.kept for t in summarise(record).truth)
    assert "limits were crossed" not in page


def test_measured_lesion_stands_outside_the_box_of_truth(page):
    assert page.index('id="lesion-measured"') < page.index('<section id="known"')
    assert page.index('id="lesion-true"') > page.index('<section id="known"')
