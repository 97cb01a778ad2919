"""The page on heat says what the record says."""

import numpy as np
import pytest

from insonate.events import documents as doc
from insonate.report import heat_page
from insonate.report.story import Story
from insonate.testing.records import TreatmentOptions, treatment_record


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(treatment_record())


def test_a_course_is_hot_for_as_long_as_its_lines_are() -> None:
    time, degc = np.array([0.0, 10.0, 20.0, 30.0]), np.array([40.0, 50.0, 50.0, 40.0])
    assert heat_page.seconds_above(time, degc, 45.0) == pytest.approx(20.0)
    assert heat_page.seconds_above(time, degc, 50.5) == 0.0
    assert heat_page.seconds_above(time, degc, 39.0) == pytest.approx(30.0)


def test_the_table_shows_the_models_maxima_and_the_room_to_the_limits(story: Story) -> None:
    table = heat_page.heat_table(story)
    assert [row[0] for row in table.rows] == ["Focus", "Skull", "Scalp"]
    for row, name in zip(table.rows, ("focus", "skull", "scalp"), strict=True):
        _, degc = heat_page.model_curve(story, name)
        assert float(row[1]) == pytest.approx(float(degc.max()), abs=0.06)
        room = float(row[5].replace("−", "-"))
        assert room == pytest.approx(float(row[4]) - float(row[1]), abs=0.11)
    assert "K below its limit" in heat_page.verdict(story)


def test_the_size_of_the_next_day_stands_beside_published_ones(story: Story) -> None:
    table = heat_page.size_table(story)
    _, lesion = story.lesion("measured")
    assert table.rows[0][:2] == ("Day-1 T2", "100")
    assert float(table.rows[0][2]) == pytest.approx((6 * lesion.volume_100_mm3 / np.pi) ** (1 / 3), abs=0.06)  # fmt: skip
    assert table.rows[0][3] == "6.2 ± 1.3"
    assert heat_page.ball_diameter(4 / 3 * np.pi * 27.0) == pytest.approx(6.0)


def test_structures_to_avoid_are_read_by_their_dose(story: Story) -> None:
    table = heat_page.neighbour_table(story)
    _, lesion = story.lesion("measured")
    assert [row[0] for row in table.rows] == [n.name for n in lesion.neighbours]
    assert [row[-1] for row in table.rows] == ["spared", "at risk"]
    assert table.rows[0][1] == "8.90"
    assert "not those of this person" in table.caption


def test_waits_stand_beside_the_rule_of_thumb(story: Story) -> None:
    table = heat_page.wait_table(story)
    assert len(table.rows) == len(story.exposures)
    assert heat_page.rule_of_thumb_s(10e3) == 300.0
    assert heat_page.rule_of_thumb_s(100.0) == 60.0


def test_how_sure_is_said_in_a_sentence_and_drawn(story: Story) -> None:
    forecast = story.last(doc.HeatForecast)
    sentence = heat_page.sure_sentence(story)
    assert (
        f"{forecast.peak_prior_degc.low:.0f}-{forecast.peak_prior_degc.high:.0f} °C" in sentence
    )
    assert f"{forecast.learnt_from} measured sonication" in sentence
    picture = heat_page.sure_picture(story)
    assert picture.uri.startswith("data:image/svg+xml;base64,")
    assert f"{forecast.peak_posterior_degc.low:.1f}" in picture.alt


def test_a_record_without_heat_has_no_page_of_it() -> None:
    empty = Story(treatment_record(TreatmentOptions(exposures=(), outcome="aborted")))
    assert heat_page.heat_table(empty).rows == ()
    assert heat_page.size_table(empty).rows == ()
    assert heat_page.neighbour_table(empty).rows == ()
    assert heat_page.sure_picture(empty) is None
    assert heat_page.sure_sentence(empty) == ""
    assert heat_page.verdict(empty) == "–"
