from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.array import format_element_table, hemisphere, parse_element_table
from insonate.array.model import Array
from insonate.core import InputError


@given(count=st.integers(2, 300), radius=st.floats(0.05, 0.3))
@settings(max_examples=25, deadline=None)
def test_round_trip_is_exact_to_the_printed_digits(count, radius):
    array = hemisphere(count=count, radius_m=radius)
    text = format_element_table(array)
    again = parse_element_table(text)
    assert format_element_table(again) == text
    assert np.allclose(again.centres, array.centres, atol=2e-9)
    assert np.allclose(again.areas, array.areas, atol=1e-12)
    assert np.allclose(again.normals, array.normals, atol=1e-6)


def one_sided() -> Array:
    array = hemisphere(count=200)
    keep = (array.centres[:, 0] > 0.03) & (array.centres[:, 1] > 0.01)
    return Array("one", array.centres[keep], array.normals[keep], array.areas[keep], 0.150)


def test_an_array_does_not_become_its_mirror_image():
    array = one_sided()
    again = parse_element_table(format_element_table(array))
    assert np.allclose(again.centres, array.centres, atol=1e-8)
    first = format_element_table(array).splitlines()[1].split()
    x, y, z = (float(v) for v in first[2:5])
    assert (x, y) == pytest.approx(
        (1e3 * array.centres[0, 0], -1e3 * array.centres[0, 1]), abs=1e-5
    )
    assert z == pytest.approx(150 - 1e3 * array.centres[0, 2], abs=1e-5)


def test_the_map_between_table_and_transducer_frame_is_a_proper_rotation():
    array = one_sided()
    rows = [line.split("=")[1].split() for line in format_element_table(array).splitlines()[1:]]
    table = np.array(rows, float)[:, :3] * 1e-3 - [0, 0, 0.150]
    triple = [0, len(table) // 2, -1]
    assert np.linalg.det(table[triple]) == pytest.approx(
        np.linalg.det(array.centres[triple]), rel=1e-4
    )


def test_comments_and_blank_lines_are_allowed():
    text = format_element_table(hemisphere(count=5))
    assert parse_element_table("# mine\n\n" + text.replace("XCH2", "\n  XCH2")).count == 5


GOOD = format_element_table(hemisphere(count=3)).splitlines()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no channels"),
        (GOOD[:3], "ends after 2"),
        (["hello", *GOOD[1:]], "Line 1"),
        (["NUM_OF_X_CHANNELS = 0"], "Line 1"),
        ([GOOD[0], "XCH1 = 1 2 3", *GOOD[2:]], "Line 2"),
        ([GOOD[0], "XCH1 = 1 2 nan 4", *GOOD[2:]], "Line 2"),
        ([GOOD[0], "XCH1 = 1 2 x 4", *GOOD[2:]], "Line 2"),
        ([GOOD[0], "XCH1 = 1 2 3 -4", *GOOD[2:]], "Line 2"),
        ([GOOD[0], "XCH1 = 1 2 99999 4", *GOOD[2:]], "Line 2"),
        ([*GOOD[:3], GOOD[2]], "Line 4"),
        ([*GOOD[:3], "XCH9 = 1 2 3 4"], "Line 4"),
        (["NUM_OF_X_CHANNELS = 1", "XCH1 = 1 2 0 4"], "z = 0"),
        (["NUM_OF_X_CHANNELS = 1", "XCH1 = 0 0 -50 4"], "sign of z"),
        ([*GOOD[:3], "XCH3 = 10 10 10 50"], "off the sphere"),
    ],
)
def test_bad_tables_are_named_by_line(lines, words):
    with pytest.raises(InputError, match=words) as error:
        parse_element_table("\n".join(lines))
    assert str(error.value).endswith(".")


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_refused(text):
    for candidate in (text, "NUM_OF_X_CHANNELS = 2\n" + text):
        with suppress(InputError):
            assert parse_element_table(candidate).count > 0
