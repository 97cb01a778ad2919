"""The same patient treated twice: what differs is told and drawn, from two records alone."""

from dataclasses import replace

import pytest

from insonate.events import Source
from insonate.events import documents as doc
from insonate.report.beside import beside_picture, beside_sentence, beside_table
from insonate.report.build import render_page
from insonate.report.story import Story
from insonate.testing.records import empty_record, treatment_record

HARM = doc.HarmObserved(harm="haemorrhage", sonication=2, at_s=90.0, sentence="A vessel bled.")


def changed(record, **updates):
    """Return a record with payloads of a kind changed: ``session_opened={"scenario": "x"}``."""
    events = tuple(
        e.model_copy(update={"payload": e.payload.model_copy(update=updates.get(e.payload.kind, {}))})
        for e in record.events
    )  # fmt: skip
    return replace(record, events=events)


def with_event(record, payload, source=Source.TRUTH):
    """Return a record with one more event before its last."""
    last = record.events[-1]
    told = last.model_copy(update={"payload": payload, "source": source})
    return replace(record, events=(*record.events[:-1], told, last))


@pytest.fixture(scope="module")
def pair():
    mine = changed(treatment_record(), session_opened={"scenario": "designed"})
    limits = tuple(
        row.model_copy(update={"value": 65.0}) if row.name == "focal_temperature" else row
        for row in next(e.payload for e in mine.events if e.payload.kind == "plan_described").limits
    )  # fmt: skip
    theirs = changed(
        mine, session_opened={"scenario": "as-before"}, plan_described={"limits": limits}
    )
    return Story(mine), Story(with_event(theirs, HARM))


def row(table, name):
    (found,) = [r for r in table.rows if r[0] == name]
    return found[1:]


def test_only_limits_that_differ_are_told_with_both_values(pair):
    table = beside_table(*pair)
    assert row(table, "Limit: focal temperature") == ("60.0 °C", "65.0 °C")
    assert sum(r[0].startswith("Limit") for r in table.rows) == 1
    assert table.columns[1:] == ("designed (this record)", "as-before (beside it)")


def test_harm_is_told_of_the_one_who_was_harmed(pair):
    assert row(beside_table(*pair), "Harm, known only in simulation") == (
        "✓ none",
        "✗ A vessel bled. (1:30)",
    )
    said = beside_sentence(*pair)
    assert said.startswith("designed: unharmed, lesion made, true focus up to ")
    assert "as-before: harmed, lesion made" in said


def test_the_numbers_are_those_of_the_records(pair):
    mine, theirs = pair
    table = beside_table(mine, theirs)
    hottest = max(e.truth.peak_degc for e in mine.exposures)
    assert row(table, "Hottest true focus") == (f"{hottest:.1f} °C",) * 2
    seen = max(e.peak_degc for e in mine.exposures)
    assert row(table, "Hottest measured focus") == (f"{seen:.1f} °C",) * 2
    assert row(table, "Sonications")[0].count(";") == len(mine.exposures) - 1


def test_cavitation_counts_only_while_power_is_on():
    loud = doc.CavitationReading(subharmonic_db=1.0, ultraharmonic_db=9.0, broadband_db=2.0)
    louder = loud.model_copy(update={"broadband_db": 50.0})
    record = empty_record()
    first = treatment_record().events[0]
    events = [
        first.model_copy(update={"payload": p, "sequence": n})
        for n, p in enumerate(
            (
                louder,
                doc.PowerSet(sonication=1, power_w=1.0, off_at_s=1.0),
                loud,
                doc.PowerSet(sonication=1, power_w=0.0),
                louder,
            )
        )
    ]
    heard = Story(replace(record, events=tuple(events)))
    assert row(beside_table(heard, heard), "Loudest cavitation under power") == ("9.0 dB",) * 2


def test_what_was_never_recorded_is_a_dash_and_no_picture():
    empty = Story(empty_record())
    table = beside_table(empty, empty)
    assert row(table, "Hottest true focus") == ("–", "–")
    assert row(table, "Outcome") == ("not finished", "not finished")
    assert table.columns[1] == "not named (this record)"
    assert beside_picture(empty, empty) is None


def test_the_picture_says_in_words_what_it_shows(pair):
    picture = beside_picture(*pair)
    assert picture.uri.startswith("data:image/svg+xml;base64,")
    assert picture.alt == beside_sentence(*pair)


def test_a_report_has_the_page_only_where_another_record_is_given():
    record = treatment_record()
    assert 'id="beside-section"' not in render_page(record)
    page = render_page(record, with_event(record, HARM))
    assert 'id="beside-section"' in page
    assert "9. Another practice, the same patient" in page
    assert "12. Words and log of events" in page
    assert "A vessel bled." in page
