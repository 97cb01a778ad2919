"""A series as it comes: references, maps, dose; a bad image leaves it as it was."""

import numpy as np
import pytest

from insonate.core import ImageError, SettingsError
from insonate.thermometry import Series, SeriesOptions, acquire, credible_peak, follow
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.regions import regions_from_references
from insonate.thermometry.scanner import HeadMotion
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

PROTOCOL = small_protocol()
ANATOMY = ellipse_anatomy(PROTOCOL, texture=0.2)
COLD = np.zeros(ANATOMY.geometry.shape)
HEAT = HotSpot(CENTRE_M, 18.0).cells(ANATOMY.geometry)


def image(kelvin, seed, **more):
    return acquire(ANATOMY, PROTOCOL, kelvin, rng=np.random.default_rng(seed), **more)


@pytest.fixture(scope="module")
def ready():
    series = Series(PROTOCOL)
    for n in range(4):
        assert series.baseline is None
        series, reading = follow(series, image(COLD, n), (n * 3.4, n * 3.4 + 3.4))
        assert reading is None
    return series


def test_water_is_left_out_without_any_mask(ready):
    brain = ANATOMY.voxel_mean(ANATOMY.brain)
    tissue = ready.regions.tissue
    assert tissue[brain < 0.5].mean() < 0.005
    assert tissue[brain > 0.99].mean() > 0.85


def test_fewer_than_three_references_are_judged_by_brightness(ready):
    two = regions_from_references(ready.baseline.library[:2])
    assert two.tissue.sum() > ready.regions.tissue.sum()


def test_heat_after_the_references_is_read_and_adds_dose(ready):
    series, first = follow(ready, image(HEAT, 10), (13.6, 17.0))
    series, second = follow(series, image(HEAT, 11), (17.0, 20.4))
    assert (first.frame, second.frame, series.frames) == (0, 1, 2)
    assert 14 < credible_peak(second.thermogram).value < 19
    assert second.dose.cem43.max() > first.dose.cem43.max() > 0


def test_where_nothing_is_hot_nothing_is_claimed(ready):
    _, reading = follow(ready, image(COLD, 12), (13.6, 17.0))
    peak = credible_peak(reading.thermogram)
    assert np.isnan([peak.value, peak.sigma]).all()
    assert peak.index == (-1, -1)


def test_a_refused_frame_adds_no_dose_and_is_not_continued_from(ready):
    series, hot = follow(ready, image(HEAT, 13), (13.6, 17.0))
    far = image(HEAT, 14, motion=HeadMotion((8e-3, 0.0)))
    after, reading = follow(series, far, (17.0, 20.4))
    assert reading.thermogram.refused
    assert np.array_equal(reading.dose.cem43, hot.dose.cem43)
    assert after.previous is series.previous
    assert after.frames == series.frames + 1


@pytest.mark.parametrize(
    ("picture", "window", "error", "sentence"),
    [
        (image(COLD, 1), (3.0, 3.0), SettingsError, "cannot end"),
        (np.abs(image(COLD, 1)), (13.6, 17.0), ImageError, "without its phase"),
        (image(COLD, 1)[:-1], (13.6, 17.0), ImageError, "another geometry"),
        (image(COLD, 1), (-20.0, -10.0), SettingsError, "in order"),
    ],
)
def test_what_is_no_image_of_the_series(ready, picture, window, error, sentence):
    before = vars(ready).copy()
    with pytest.raises(error, match=sentence):
        follow(ready, picture, window)
    assert vars(ready) == before


def test_a_reference_is_checked_too():
    with pytest.raises(ImageError, match="reference image"):
        follow(Series(PROTOCOL), np.abs(image(COLD, 1)), (0.0, 3.4))


@pytest.mark.parametrize(
    "change", [{"references": 0}, {"references": 65}, {"baseline_degc": 90}]
)
def test_series_that_cannot_be(change):
    with pytest.raises(SettingsError, match="A series begins with"):
        SeriesOptions(**change)
    assert SeriesOptions(how=Reconstruction(drift_order=2)).how.drift_order == 2
