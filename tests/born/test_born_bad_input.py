"""Bad input to the wave engine: one sentence each, nothing broken left behind."""

import re
import signal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from insonate.core import Frame, GeometryError, Grid, InputError, SettingsError
from insonate.core.provenance import digest
from insonate.field.born import (
    WATER,
    BornOptions,
    Fluid,
    OutsideSource,
    point_source,
    room,
    solve_born,
)
from insonate.field.born.options import Absorber
from insonate.field.born.profiles import Layers, layered_medium, uniform_medium
from insonate.field.born.sources import PointsSource
from insonate.field.born.voxels import label_maps, voxel_medium

F, SPACING = 400e3, 0.625e-3
SMALL = BornOptions(tolerance=5e-3, absorber=Absorber(cells=12))


def grid(shape=(12, 11, 10), spacing=SPACING):
    return Grid.centred((0, 0, 0), spacing, shape, Frame.TRANSDUCER)


def is_sentence(error):
    """One or more whole sentences, without a bare number for an answer."""
    text = str(error)
    return bool(re.match(r"^[A-Z].*\.$", text, re.DOTALL)) and "Traceback" not in text


def used_or_refused(make):
    """Return what ``make`` returns, or None where it refuses; anything else is a fault."""
    refusal = None
    try:
        return make()
    except InputError as error:
        refusal = error
    assert is_sentence(refusal)
    return None


physical = st.builds(
    Fluid,
    st.floats(330.0, 6000.0),
    st.floats(1.0, 12000.0),
    st.floats(0.0, 500.0),
)
ways = st.builds(
    BornOptions,
    tolerance=st.floats(1e-4, 0.5),
    max_iterations=st.integers(1, 25),
    absorber=st.builds(Absorber, st.integers(8, 10), st.floats(0.05, 2.0)),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(physical, min_size=1, max_size=3),
    st.floats(-2e-3, 2e-3),
    st.floats(20e3, 1e6),
    ways,
)
def test_any_medium_and_option_gives_an_honest_field_or_a_sentence(fluids, at, frequency, way):
    layers = Layers(tuple(fluids), tuple(at + 0.7e-3 * i for i in range(len(fluids) - 1)))

    def solved():
        medium = layered_medium(layers, grid(), frequency)
        return solve_born(medium, point_source((0, 0, 0)), options=way)

    result = used_or_refused(solved)
    if result is None:
        return
    assert result.convergence.iterations <= way.max_iterations
    finite = bool(np.isfinite(result.pressure).all())
    assert finite or not result.convergence.converged
    said = result.convergence.sentence
    assert said.startswith("Not converged") != result.convergence.converged


anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(anything, anything, anything, anything)
@example(np.inf, 1000.0, 0.0, F)
@example(1500.0, np.inf, 0.0, F)
@example(1500.0, 1000.0, np.inf, F)
@example(1500.0, 1000.0, 0.0, 0.0)
@example(1500.0, 1000.0, 0.0, -F)
@example(1500.0, 1000.0, 0.0, np.nan)
@example(1e300, 1e300, 0.0, 1e300)
@example(1500.0, 1e-300, 0.0, F)
def test_any_number_for_a_fluid_or_frequency_is_used_or_refused(
    speed, density, loss, frequency
):
    medium = used_or_refused(
        lambda: uniform_medium(Fluid(speed, density, loss), grid((4, 3, 2)), frequency)
    )
    if medium is not None:
        assert np.isfinite(medium.potential).all()
        assert (medium.root_density > 0).all()


@settings(max_examples=60, deadline=None)
@given(anything, st.integers(-5, 5), st.integers(-2, 30), anything, st.integers(-3, 3))
def test_any_number_for_an_option_is_used_or_refused(tolerance, n, cells, strength, threads):
    options = used_or_refused(
        lambda: BornOptions(tolerance, n, Absorber(cells, strength), threads=threads)
    )
    if options is not None:
        assert 0 < options.tolerance < 1
        assert options.max_iterations >= 1
        assert options.threads >= 0


@pytest.mark.parametrize("what", ["fft", "device"])
def test_an_unknown_library_or_device_is_refused_when_it_is_named(what):
    with pytest.raises(SettingsError, match="abacus") as caught:
        BornOptions(**{what: "abacus"})
    assert is_sentence(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_sources_that_are_not_finite_are_refused(bad):
    point, strength = np.zeros((1, 3)), np.array([bad + 0j])
    for kind in (PointsSource, OutsideSource):
        for points, strengths in ((point, strength), (point + bad, np.ones(1))):
            with pytest.raises(GeometryError, match="finite") as caught:
                kind(points, strengths, "bad")
            assert is_sentence(caught.value)


def test_a_source_outside_every_region_is_refused():
    """Neither in the grid nor so far outside it that the shell keeps clear: no engine has it."""
    medium = uniform_medium(WATER, grid((48, 48, 48)), F)
    near = (np.array([[24.5 * SPACING, 0, 0]]), np.ones(1))
    for source, words in (
        (PointsSource(*near, "near"), "lie outside the grid"),
        (OutsideSource(*near, "near"), "closer than"),
    ):
        with pytest.raises(GeometryError, match=words):
            solve_born(medium, source, options=SMALL)


@pytest.fixture
def interruptible():
    """SIGINT as a person's terminal has it: what runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_nothing_broken():
    """A real SIGINT in the middle: the medium is as it was, and the next solve is whole."""
    medium = uniform_medium(WATER, grid((20, 18, 16)), F)
    source = point_source((0.2e-3, 0, 0))
    before = digest(medium.potential), digest(medium.root_density)
    whole = solve_born(medium, source, options=SMALL)
    looks = []

    def interrupt(*_):
        looks.append(1)
        if len(looks) == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        solve_born(medium, source, options=SMALL, progress=interrupt)
    assert (digest(medium.potential), digest(medium.root_density)) == before
    again = solve_born(medium, source, options=SMALL)
    assert digest(again.pressure) == digest(whole.pressure)


def test_a_source_may_be_faint_or_strong_but_must_fit_single_precision():
    """The field is linear in the source: 1e-30 and 1e20 are solved alike, 1e38 is refused."""
    medium = uniform_medium(WATER, grid(), F)
    one = solve_born(medium, point_source((0, 0, 0)), options=SMALL)
    for strength in (1e-30, 1e20):
        source = point_source((0, 0, 0), strength=strength)
        field = solve_born(medium, source, options=SMALL)
        assert field.convergence.iterations == one.convergence.iterations
        assert np.allclose(field.pressure, strength * one.pressure, rtol=1e-4)
    with pytest.raises(GeometryError, match="scale it down"):
        solve_born(medium, point_source((0, 0, 0), strength=1e38), options=SMALL)


def test_a_jump_of_density_that_rings_below_zero_is_refused():
    with pytest.raises(InputError, match="up to about tenfold"):
        layered_medium(Layers((WATER, Fluid(1500.0, 60.0)), (0.0,)), grid(), F)
    labels = np.zeros((24, 20, 20), int)
    labels[12:] = 1
    on = grid(labels.shape)
    with pytest.raises(InputError, match="up to about tenfold"):
        voxel_medium(label_maps(labels, on, {0: WATER, 1: Fluid(1500.0, 100.0)}), on, F)


def test_a_medium_that_does_not_fit_is_refused_before_it_is_made(monkeypatch):
    maps = label_maps(np.zeros((4, 4, 4), int), grid((4, 4, 4)), {0: WATER})
    with pytest.raises(SettingsError, match="crop the grid to the beam") as caught:
        voxel_medium(maps, grid((9000, 9000, 9000)), F)
    assert is_sentence(caught.value)
    monkeypatch.setattr(room, "memory_free", lambda: 2 * 10**6)
    with pytest.raises(SettingsError, match=r"A spacing of .* would fit"):
        voxel_medium(maps, grid((32, 32, 32), SPACING / 3), F)
