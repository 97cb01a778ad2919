"""The CT mappings: published values, physical ranges, order, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insonate.core import SettingsError
from insonate.head import mappings
from insonate.head.mappings import MAPPINGS, mapping_named, robust_maximum


def acoustics(name, hu, *, frequency_hz=660e3, hounsfield_max=2000.0):
    return MAPPINGS[name].acoustics(
        hu, frequency_hz=frequency_hz, hounsfield_max=hounsfield_max
    )


@pytest.mark.parametrize(
    ("density", "speed", "attenuation"),
    [(1500, 2158, 260), (2000, 2860, 166), (2400, 3367, 186)],
)
def test_mcdannold_gives_its_published_values(density, speed, attenuation):
    hu = (density - 1013.67) / 1.01237
    rho, c, alpha = acoustics("mcdannold2019", [hu])
    assert rho[0] == pytest.approx(density, abs=1e-9)
    assert c[0] == pytest.approx(speed, abs=0.5)
    assert alpha[0] == pytest.approx(attenuation, abs=0.5)


def test_mcdannold_attenuation_is_held_where_there_is_no_bone():
    _, held = mappings.mcdannold_speed_and_attenuation([1000.0, 1300.0])
    assert held[0] == held[1] == pytest.approx(400.66, abs=0.01)


@pytest.mark.parametrize("name", MAPPINGS)
@given(
    hu=st.floats(-3000, 20000),
    frequency_hz=st.floats(200e3, 1000e3),
    hounsfield_max=st.floats(600, 4000),
)
def test_every_mapping_stays_physical(name, hu, frequency_hz, hounsfield_max):
    values = acoustics(name, [hu], frequency_hz=frequency_hz, hounsfield_max=hounsfield_max)
    ranges = (mappings.DENSITY_RANGE, mappings.SOUND_SPEED_RANGE, mappings.ATTENUATION_RANGE)
    for value, (low, high) in zip(values, ranges, strict=True):
        assert low <= value[0] <= high


@pytest.mark.parametrize("name", MAPPINGS)
def test_denser_bone_is_never_slower_nor_lighter(name):
    density, speed, _ = acoustics(name, np.linspace(-200, 3200, 400))
    assert (np.diff(density) >= 0).all()
    assert (np.diff(speed) >= 0).all()


@pytest.mark.parametrize(
    ("name", "exponent"), [("mcdannold2019", 1.0), ("aubry2003", 1.0), ("marsac2017", 1.0),
                           ("webb2018", 1.3), ("kplan", 1.0)],
)  # fmt: skip
def test_attenuation_follows_its_power_of_frequency(name, exponent):
    half = acoustics(name, [1200.0], frequency_hz=300e3)[2][0]
    whole = acoustics(name, [1200.0], frequency_hz=600e3)[2][0]
    assert whole / half == pytest.approx(2**exponent, rel=1e-12)


@pytest.mark.parametrize("name", ["mcdannold2019", "webb2018", "kplan"])
def test_absolute_mappings_do_not_depend_on_the_maximum(name):
    hu = np.linspace(0, 2500, 50)
    for a, b in zip(
        acoustics(name, hu), acoustics(name, hu, hounsfield_max=3000.0), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_mappings_disagree_by_hundreds_of_metres_per_second():
    speeds = [acoustics(name, [1000.0])[1][0] for name in MAPPINGS]
    assert max(speeds) - min(speeds) > 300


def test_robust_maximum_ignores_a_metal_filling():
    hu = np.linspace(300, 2000, 10_000)
    hu[:20] = 30_000
    assert robust_maximum(hu) < 2001


@pytest.mark.parametrize("frequency_hz", [199e3, 1001e3, float("nan"), -650e3])
def test_a_frequency_out_of_range_is_refused(frequency_hz):
    with pytest.raises(SettingsError, match="from 200 to 1000 kHz"):
        acoustics("kplan", [1000.0], frequency_hz=frequency_hz)


def test_an_unknown_name_lists_the_names():
    with pytest.raises(SettingsError, match=r"mcdannold2019, aubry2003, marsac2017"):
        mapping_named("nobody1999")


@pytest.mark.parametrize("maximum", [255.0, float("nan"), 1e6])
def test_a_maximum_that_is_no_bone_is_refused(maximum):
    with pytest.raises(SettingsError, match="bone reaches"):
        acoustics("aubry2003", [100.0], hounsfield_max=maximum)


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=list(MAPPINGS))
def test_every_mapping_has_a_source(mapping):
    assert len(mapping.source) > 20
