"""The room: scanner, water, detector, patient, and power that goes off by itself."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from insonate.core import SettingsError
from insonate.heat.advance import initial_state
from insonate.plant import SCENARIOS, ScannerSettings, VirtualScanner, scenario_named
from insonate.plant.periphery import (
    CAVITATION_NOISE_DB,
    Exposure,
    ask,
    due,
    listen,
    read_array,
    read_cooling,
    voice,
    water_temperature,
)
from insonate.plant.sight import Expected, Sight
from insonate.plant.twin import Twin
from insonate.plant.world import CALIBRATION_RANGE
from insonate.session.world import build_world
from insonate.thermometry import CLINICAL_3T
from insonate.thermometry.order import Stamp
from insonate.thermometry.port import Direct, FramePort

pytestmark = pytest.mark.usefixtures("one_thread")

COOPERATIVE = SCENARIOS["cooperative"]
PROTOCOL = replace(CLINICAL_3T, matrix=(128, 128))
REFERENCES = 4


# --- scanner -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rest(coarse):
    return initial_state(coarse.case.thermal, water_degc=15.0)


def scanner_of(case, drift=0.0, seed=3, **more):
    return VirtualScanner(
        case.head,
        None,
        case.target.point,
        PROTOCOL,
        ScannerSettings(drift_ppm_per_min=drift, **more),
        np.random.default_rng(seed),
    )


def warmed(case, rest, shift_m, peak_k=20.0, width_m=2e-3):
    square = ((case.thermal.fine_grid.points() - case.target.point - shift_m) ** 2).sum(axis=-1)
    rise = peak_k * np.exp(-square / (2 * width_m**2))
    return replace(rest, fine_degc=(rest.fine_degc + rise).astype(np.float32))


class Room:
    """A scanner, the port that its images arrive at, and what the controller sees of them."""

    def __init__(self, case, rest, scanner):
        self.case, self.scanner, self.time_s = case, scanner, rest.time_s
        self.port = FramePort(PROTOCOL.frame_time_s, lambda: self.time_s)
        belief = Twin(case.thermal, rest, lambda _: case.heating)
        self.sight = Sight(self.port, belief, case.target.point, Expected(0.05, 10.0))
        self.receiver = Direct(scanner.series, self.port)

    def begin(self, rest, sonication=1):
        scanned = self.scanner.begin(
            sonication, self.case.thermal, rest, 37.0, self.receiver.take
        )
        self.sight.begin(scanned, self.time_s, 37.0, None)

    def watch(self, state, length_s):
        self.scanner.watch(self.case.thermal, state, length_s)

    def frame(self, length_s=3.4):
        start, self.time_s = self.time_s, self.time_s + length_s
        scan = self.scanner.image(start, self.time_s)
        if scan is not None:
            self.receiver.take(scan)
        frames = self.sight.frames()
        return frames[0] if frames else None


def frame_of(scanner, case, rest, state, sonication=1, length_s=3.4):
    room = Room(case, rest, scanner)
    room.begin(rest, sonication)
    room.watch(state, length_s)
    return room.frame(length_s)


def test_a_restless_breathing_head_is_seen_no_worse(coarse, rest):
    # Breath 0.01 ppm (1.3 Hz), 0.4 mm a minute, as in `restless`: without drift fit and motion it would read degrees off.
    offset = np.array([0.5e-3, 0.0, 0.0])
    state = warmed(coarse.case, rest, offset)
    still, restless = (
        frame_of(scanner_of(coarse.case, **more), coarse.case, rest, state)[0]
        for more in ({}, {"breathing_ppm": 0.01, "motion_m": 0.4e-3, "rotation_rad": 2e-3})
    )
    assert restless.peak_degc == pytest.approx(still.peak_degc, abs=1.5)
    assert restless.off_target_degc == pytest.approx(still.off_target_degc, abs=1.0)


def test_frames_go_missing_as_often_as_said_and_the_series_goes_on(coarse, rest):
    room, seen = Room(coarse.case, rest, scanner_of(coarse.case, missing=0.3, late=0.2)), []
    room.begin(rest)
    for _ in range(40):
        room.watch(rest, 3.4)
        seen.append(room.frame())
    found = [f for f in seen if f is not None]
    assert 10 <= len(found) <= 30
    assert [f[0].frame for f in found] == list(range(len(found)))
    with pytest.raises(SettingsError, match="shares lie between"):
        ScannerSettings(missing=1.5)


@pytest.mark.parametrize(
    ("sonication", "shift_m"),
    [(1, (2.5e-3, -1.5e-3, 0.0)), (2, (-2.0e-3, 0.0, 1.5e-3)), (3, (0.0, 2.5e-3, -1.0e-3))],
)
def test_a_shifted_spot_is_seen_on_its_own_side(coarse, rest, sonication, shift_m):
    case = coarse.case
    state = warmed(case, rest, np.array(shift_m))
    frame, _ = frame_of(scanner_of(case), case, rest, state, sonication)
    assert frame.orientation == ("axial", "coronal", "sagittal")[sonication - 1]
    assert frame.focus_offset_m == pytest.approx(shift_m, abs=0.4e-3)
    mirrored = [-v for v in shift_m]
    assert frame.focus_offset_m != pytest.approx(mirrored, abs=1e-3)


def test_noise_of_a_frame_is_what_the_protocol_says(coarse, rest):
    case = coarse.case
    frame, arrays = frame_of(scanner_of(case), case, rest, rest)
    sigma = PROTOCOL.sigma_k(REFERENCES)
    inside = arrays["mask"]
    assert inside.sum() > 2000
    seen = arrays["delta_t"][inside] / arrays["sigma"][inside]
    assert np.std(seen) == pytest.approx(1.0, abs=0.05)
    assert np.median(arrays["sigma"][inside]) == pytest.approx(sigma, rel=0.15)
    assert np.isfinite(frame.peak_degc)


def test_references_are_tuned_anew_so_an_old_session_drifts_no_more_than_a_young_one(
    coarse, rest
):
    """An hour at 0.2 ppm a minute is 12 ppm: without tuning the image would be pixels away."""
    case = coarse.case
    late = replace(rest, time_s=3600.0)
    state = warmed(case, late, np.array([2.5e-3, -1.5e-3, 0.0]))
    frame, _ = frame_of(scanner_of(case, drift=0.2), case, late, state)
    assert frame.focus_offset_m == pytest.approx((2.5e-3, -1.5e-3, 0.0), abs=0.4e-3)
    assert frame.usable_share > 0.5
    per_kelvin = abs(PROTOCOL.prf_ppm_per_k)
    assert abs(frame.drift_k) == pytest.approx(0.2 / 60 * 3.4 / per_kelvin, rel=0.3)


def test_without_a_series_there_is_no_frame(coarse):
    scanner = scanner_of(coarse.case)
    assert scanner.image(0.0, 3.4) is None
    assert scanner.geometry is None
    with pytest.raises(SettingsError, match="measurement 2 is running"):
        scanner.series(Stamp(2, 0, 0))


def test_a_frame_averages_what_it_watched_by_time(coarse, rest):
    case = coarse.case
    hot = warmed(case, rest, np.zeros(3), 24.0)
    room = Room(case, rest, scanner_of(case))
    room.begin(rest)
    room.watch(rest, 2.55)
    room.watch(hot, 0.85)
    mixed, _ = room.frame()
    whole, _ = frame_of(scanner_of(case), case, rest, hot)
    share = (mixed.peak_degc - 37.0) / (whole.peak_degc - 37.0)
    assert share == pytest.approx(0.25, abs=0.08)


# --- the world in time -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(coarse):
    return build_world(coarse.case, COOPERATIVE, 4, protocol=PROTOCOL)[0]


def test_power_goes_off_by_itself_and_the_world_goes_on(world):
    start = world.time_s
    world.set_power(1, 100.0, start + 5.0)
    for _ in range(9):  # a world that stood still at power off would never come so far
        world.tick()
    assert world.time_s > start + 6.0
    assert world.power_w == 0.0
    curve = world.curve.arrays()
    on = curve["time"][curve["power"] > 0]
    assert on.max() < start + 5.0
    assert start + 5.0 in curve["time"]  # exactly: energy is power times time


def test_a_world_that_was_left_gives_its_memory_back_at_once(coarse):
    one = build_world(coarse.case, COOPERATIVE, 4, protocol=PROTOCOL)[0]
    one.set_power(1, 100.0, one.time_s + 1.0)  # a series of the scanner is begun
    one.tick()
    gone = weakref.ref(one)
    gc.disable()  # a hundred patients in one worker pile up before the collector looks
    try:
        del one
        assert gone() is None
    finally:
        gc.enable()


def test_waiting_goes_no_further_than_asked_and_a_minute_at_most(world):
    before = world.time_s
    world.wait(before + 7.0)
    assert world.time_s == pytest.approx(before + 7.0)
    world.wait(before + 1000.0)
    assert world.time_s == pytest.approx(before + 67.0)
    world.wait(before)
    assert world.time_s == pytest.approx(before + 67.0)


def test_calibrations_together_stay_in_the_range_in_which_sources_differ(world):
    planned = float(world.forecast.response.focus_k_per_kj)
    assert planned > 0
    before = float(world.belief.source.fine.max())
    for seen in [(20.0, 10.0)] * 4:
        world.sight.seen = seen
        world.calibrate()
    assert float(world.belief.source.fine.max()) / before == pytest.approx(
        CALIBRATION_RANGE[1], rel=1e-3
    )
    world.calibrate()  # nothing was seen since: nothing changes
    assert float(world.belief.source.fine.max()) / before == pytest.approx(3.0, rel=1e-3)
    for seen in [(1.0, 10.0)] * 4:
        world.sight.seen = seen
        world.calibrate()
    assert float(world.belief.source.fine.max()) / before == pytest.approx(0.3, rel=1e-3)


# --- what stands round -------------------------------------------------------------------------


def test_the_cooling_unit_reads_the_water_with_its_noise():
    rng = np.random.default_rng(1)
    read = [read_cooling(COOPERATIVE, 0.0, rng) for _ in range(2000)]
    water = np.array([r.water_degc for r in read])
    assert water.mean() == pytest.approx(COOPERATIVE.water_degc, abs=0.01)
    assert water.std() == pytest.approx(0.05, rel=0.08)
    flow = np.array([r.flow_l_per_min for r in read])
    assert flow.mean() == pytest.approx(COOPERATIVE.water_flow_l_per_min, abs=0.01)


def test_a_failing_chiller_warms_the_water_up_to_the_body_and_no_further():
    warms = SCENARIOS["water-warms"]
    assert water_temperature(warms, 60.0) == warms.water_degc + warms.water_drift_k_per_min
    assert water_temperature(warms, 36_000.0) == 37.0


def test_the_detector_hears_bubbles_above_the_threshold_only():
    rng = np.random.default_rng(2)

    def heard(pressure_pa):
        exposure = Exposure(1, 500.0, 3.0, pressure_pa)
        return [listen(COOPERATIVE, exposure, rng).subharmonic_db for _ in range(1000)]

    threshold = COOPERATIVE.cavitation_pressure_pa
    quiet, loud = np.array(heard(0.9 * threshold)), np.array(heard(1.2 * threshold))
    assert abs(quiet.mean()) < 0.1
    assert quiet.std() == pytest.approx(CAVITATION_NOISE_DB, rel=0.1)
    assert loud.mean() == pytest.approx(6.0, abs=0.15)


def test_the_array_reports_its_power_within_a_percent_or_two():
    rng = np.random.default_rng(3)
    power = [read_array(Exposure(1, 700.0, 1.0, 1e6), rng).power_w for _ in range(500)]
    assert np.mean(power) == pytest.approx(700.0, rel=2e-3)
    assert read_array(Exposure(1, 0.0, 0.0, 0.0), rng).power_w == 0.0


def test_the_patient_follows_the_script_once():
    stops = SCENARIOS["patient-stops"]
    (behaviour,) = stops.script
    early = Exposure(behaviour.sonication, 500.0, behaviour.after_s - 0.1, 1e6)
    late = replace(early, on_s=behaviour.after_s)
    assert due(stops, early, frozenset()) is None
    assert due(stops, late, frozenset()) == behaviour
    assert due(stops, late, frozenset({behaviour})) is None
    assert due(stops, replace(late, power_w=0.0), frozenset()) is None
    assert due(stops, replace(late, sonication=1), frozenset()) is None
    assert voice(behaviour).stop_pressed
    assert ask(stops).can_communicate
    assert not ask(stops).stop_pressed


def test_an_unknown_scenario_is_told_with_those_there_are():
    with pytest.raises(SettingsError, match="cavitation, cooperative"):
        scenario_named("sunny")
