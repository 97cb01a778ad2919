"""What goes wrong in a room, what a patient feels, when a vessel bleeds; scenarios as data."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insonate.core import SettingsError
from insonate.events import Finding
from insonate.plant import SCENARIOS, scenario_named
from insonate.plant.incidents import (
    ElementsDie,
    FramesFail,
    HeadMoves,
    OperatorLeaves,
    PumpStops,
    Room,
    arrive,
    befall,
)
from insonate.plant.periphery import (
    Exposure,
    cavitation_level_db,
    incident_due,
    read_array,
    read_cooling,
    read_motion,
)
from insonate.plant.scenario import load_scenario, read_scenario
from insonate.plant.symptoms import NEIGHBOURS, Neighbour, felt, mirrored, severity_at
from insonate.plant.vessel import Vessel, strained_s

RNG = np.random.default_rng(5)
WHEN = {"sonication": 2, "after_s": 3.0}
COOPERATIVE = SCENARIOS["cooperative"]


def arrived(how, count, failing):
    """Return which of some images arrive, by number; the second and so many more fail."""
    room, first = arrive(Room(), 1, spoil)
    room = befall(room, FramesFail(what="frames fail", how=how, count=failing, **WHEN))
    found = [first]
    for image in range(2, count + 1):
        room, next_one = arrive(room, image, spoil)
        found.append(next_one)
    return found


def spoil(image):
    return -image


@pytest.mark.parametrize(("how", "failing", "numbers"), [
    ("lost", 1, [1, None, 3, 4]), ("lost", 2, [1, None, None, 4]), ("repeated", 2, [1, 1, 1, 4]),
    ("late", 1, [1, None, 3, 4]), ("late", 3, [1, None, 2, 3]), ("corrupt", 1, [1, -2, 3, 4]),
])  # fmt: skip
def test_frames_fail_as_they_are_told_to(how, failing, numbers):
    assert arrived(how, 4, failing) == numbers


def test_incidents_add_up_and_readings_show_them():
    room = Room()
    for incident in (
        PumpStops(what="pump stops", **WHEN),
        ElementsDie(what="elements die", count=40, **WHEN),
        ElementsDie(what="elements die", count=24, **WHEN),
        HeadMoves(what="head moves", by_m=(3e-3, 0.0, 0.0), **WHEN),
        HeadMoves(what="head moves", by_m=(0.0, 4e-3, 0.0), **WHEN),
        OperatorLeaves(what="operator leaves", **WHEN),
    ):
        room = befall(room, incident)
    assert room.displacement_m == pytest.approx(5e-3)
    assert replace(room, reference_m=room.moved_m).displacement_m == 0.0
    assert room.left_in == 2
    on = Exposure(2, 512.0, 4.0, 1e6)
    assert read_cooling(COOPERATIVE, 0.0, RNG, room).flow_l_per_min < 0.3
    array = read_array(on, RNG, room)
    assert array.faulty_elements == 64
    assert array.power_w == pytest.approx(512.0 * 15 / 16, rel=0.03)
    assert read_motion(room.displacement_m, RNG).displacement_m == pytest.approx(5e-3, abs=3e-4)
    assert cavitation_level_db(COOPERATIVE, on) == 0.0


def test_an_incident_happens_once_in_its_time():
    scenario = SCENARIOS["pump-stops"]
    (incident,) = scenario.incidents
    early, late = Exposure(2, 100.0, 2.9, 1e6), Exposure(2, 100.0, 3.0, 1e6)
    assert incident_due(scenario, early, frozenset()) is None
    assert incident_due(scenario, late, frozenset()) == incident
    assert incident_due(scenario, late, frozenset({incident})) is None
    assert incident_due(scenario, replace(late, sonication=1), frozenset()) is None
    assert incident_due(scenario, replace(late, power_w=0.0), frozenset()) is None


# --- symptoms ----------------------------------------------------------------------------------


@given(st.floats(30.0, 70.0), st.floats(30.0, 70.0))
def test_hotter_is_never_less_severe(first, second):
    order = ["none", "mild", "moderate", "severe"]
    low, high = sorted((first, second))
    assert order.index(severity_at(low, 41.0)) <= order.index(severity_at(high, 41.0))


def test_the_patient_speaks_of_what_is_hot_and_again_only_when_it_is_worse():
    degc = tuple(42.0 if n.where == "hand" else 37.0 for n in NEIGHBOURS)
    report, told = felt(NEIGHBOURS, degc, {})
    assert (report.finding, report.where, report.severity) == (
        Finding.PARAESTHESIA,
        "hand",
        "mild",
    )
    assert felt(NEIGHBOURS, degc, told) == (None, told)
    worse, _ = felt(NEIGHBOURS, tuple(d + 5.5 if d > 40 else d for d in degc), told)
    assert worse.severity == "severe"
    assert felt(NEIGHBOURS, (37.0,) * len(NEIGHBOURS), {})[0] is None


def test_relief_is_no_symptom():
    relief = Neighbour("target", 0.0, 0.0, 0.0, Finding.PAIN_RELIEF, "less pain")
    report, _ = felt((relief,), (45.0,), {})
    assert report.severity == "none"


def test_lateral_is_the_other_way_on_the_left_and_the_capsule_is_lateral():
    capsule = NEIGHBOURS[0]
    assert "capsule" in capsule.name
    assert capsule.offset_m[0] > 0.0
    assert mirrored(NEIGHBOURS)[0].offset_m[0] == -capsule.offset_m[0]
    assert mirrored(NEIGHBOURS)[0].offset_m[1:] == capsule.offset_m[1:]


def test_a_vessel_is_strained_by_bubbles_and_heat_together_only():
    vessel = Vessel((0.0, 0.0, 0.0), 12.0, 50.0, 2.0)
    assert strained_s(vessel, 51.0, 13.0, 0.5) == 0.5
    assert strained_s(vessel, 49.0, 13.0, 0.5) == 0.0
    assert strained_s(vessel, 51.0, 11.0, 0.5) == 0.0


# --- files -------------------------------------------------------------------------------------


def test_every_scenario_says_how_it_must_end():
    assert len(SCENARIOS) >= 20
    for name, scenario in SCENARIOS.items():
        assert scenario.name == name
        assert scenario.description.endswith(".")
        assert scenario.expect is not None
        assert scenario.expect.sentence.endswith(".")


def test_the_bleed_differs_from_its_practice_of_2012_in_the_practice_alone():
    ours, theirs = SCENARIOS["bleed"], SCENARIOS["bleed-2012"]
    same = {
        "name": "same",
        "description": "",
        "expect": None,
        "practice": "designed",
        "beside": "",
    }
    assert replace(ours, **same) == replace(theirs, **same)
    assert (ours.practice, theirs.practice) == ("designed", "2012")
    assert (ours.expect.bleeds, theirs.expect.bleeds) == (False, True)


GOOD = 'name = "a"\ndescription = "b."\n'


@pytest.mark.parametrize(("text", "word"), [
    ("luck = 3", "'luck'"), ("water_degc = 99", "water_degc"), ("bone_share = -1", "bone_share"),
    ("[[script]]\nsonication = 0\nafter_s = 1", "script.0.sonication"),
    ("[[incidents]]\nwhat = 'rain'\nsonication = 1\nafter_s = 1", "incidents"),
    ("[[incidents]]\nwhat = 'elements die'\nsonication = 1\nafter_s = 1\ncount = 2000", "count"),
    ("[expect]\nsentence = 's'\noutcome = ['bliss']", "outcome"),
    ("practice = '1912'", "practice"), ("signal_to_noise = nan", "signal_to_noise"),
    ("name = ", "not TOML"), ("pain_nrs = 11", "pain_nrs"),
])  # fmt: skip
def test_unknown_fields_and_impossible_values_are_told_in_a_sentence(text, word):
    with pytest.raises(SettingsError, match="The scenario x") as told:
        read_scenario(GOOD + text, "x")
    assert word in str(told.value)
    assert str(told.value).endswith(".")


def test_a_name_is_none_of_a_person_or_a_path():
    for name in ("Jane Doe", "/data/jane", "", "a" * 65):
        with pytest.raises(SettingsError, match="'name'"):
            read_scenario(f'name = "{name}"\ndescription = "b."', "x")


def test_all_faults_of_a_file_are_told_at_once():
    with pytest.raises(SettingsError) as told:
        read_scenario("water_degc = 99\nluck = 1", "x")
    assert all(
        word in str(told.value) for word in ("name", "description", "water_degc", "luck")
    )


def test_a_file_of_one_s_own_is_a_scenario(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert scenario_named(str(path)).description == "b."
    for wrong in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read"):
            load_scenario(wrong)
