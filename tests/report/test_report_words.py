"""Numbers as text: rounded to what is shown, never NaN."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insonate.report import words


@given(st.floats(-1e6, 1e6), st.integers(0, 3))
def test_plain_text_is_the_rounded_number(value, digits):
    text = words.plain(value, digits).replace("−", "-")
    assert float(text) == pytest.approx(value, abs=0.5001 * 10**-digits)
    assert text != "-0"


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_dash(value):
    assert words.plain(value, 1) == words.DASH
    assert words.quantity(value, "degC") == words.DASH
    assert words.signed(value, 1) == words.DASH
    assert words.dose(value) == words.DASH
    assert words.clock(value) == words.DASH


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (57.24, "degC", "57.2 °C"),
        (0.0011, "m", "1.10 mm"),
        (13260.0, "J", "13.26 kJ"),
        (640.0, "W", "640 W"),
        (1.5, "furlong", "1.50 furlong"),
        (0.5, "1", "0.500"),
    ],
)
def test_quantities_are_shown_in_the_readers_unit(value, unit, text):
    assert words.quantity(value, unit) == text


def test_offsets_name_their_axes():
    assert words.offset((0.0002, -0.0003, 0.0)) == "R\u00a0+0.2, A\u00a0−0.3, S\u00a00.0"
    assert words.offset(None) == words.DASH


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7260, "2 h 1 min")]
)
def test_lengths_of_time_are_plain_words(seconds, text):
    assert words.minutes(seconds) == text


def test_small_words():
    assert words.clock(125.4) == "2:05"
    assert words.dose(99.94) == "99.9"
    assert words.dose(1234.5) == "1234"
    assert words.dose(1_079_590.0) == "1.1 × 10⁶"
    assert words.prose("It is 61.08 degC now.") == "It is 61.08 °C now."
    assert words.plural(1, "array") == "1 array"
    assert words.plural(2, "array") == "2 arrays"
