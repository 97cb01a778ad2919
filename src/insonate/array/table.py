"""The element table: a text file with one line for each element.

::

    NUM_OF_X_CHANNELS = 2
    XCH1 = 10.000000 0.000000 0.333704 85.500000
    XCH2 = -10.000000 0.000000 0.333704 85.500000

x, y, z in mm and the area in mm². The origin is the bottom (vertex) of the dish and z points
to its opening. The transducer frame has its origin at the focus and z pointing the other way,
so the two differ by half a turn about x and a shift: (x, y, z) = (x', -y', R - z'). A half
turn is a proper rotation: an array never becomes its mirror image.
"""

import re

import numpy as np
from numpy.typing import NDArray

from insonate.array.model import Array
from insonate.core import InputError
from insonate.core.units import MM

_COUNT = re.compile(r"NUM_OF_X_CHANNELS\s*=\s*(\d+)\s*")
_ELEMENT = re.compile(r"XCH(\d+)\s*=\s*(.*)")
_HALF_TURN = np.array([1.0, -1.0, -1.0])
_SPHERE_TOLERANCE_M = 1e-3
_MAX_CHANNELS = 20_000


def format_element_table(array: Array) -> str:
    """Write an array as an element table (mm and mm², six decimals)."""
    centres = (array.centres * _HALF_TURN + (0, 0, array.radius_of_curvature_m)) / MM
    rows = np.column_stack([centres, array.areas / MM**2]) + 0.0
    lines = [f"NUM_OF_X_CHANNELS = {array.count}"]
    for i, row in enumerate(rows, start=1):
        lines.append(f"XCH{i} = " + " ".join(_number(value) for value in row))
    return "\n".join(lines) + "\n"


def parse_element_table(text: str) -> Array:
    """Read an element table.

    The radius of curvature is the sphere through the vertex that fits the elements best;
    all elements look at its centre.

    Raises
    ------
    InputError
        One sentence that names the line, what was found there and what is allowed.
    """
    rows: dict[int, NDArray[np.float64]] = {}
    count = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if count is None:
            count = _parse_count(line, number)
            continue
        channel, row = _parse_element(line, number)
        if channel in rows or not 1 <= channel <= count:
            raise _fault(number, line, f"each of the channels 1 to {count} once")
        rows[channel] = row
    if count is None or len(rows) != count:
        raise InputError(
            f"The element table announces {count or 'no'} channels, but ends after "
            f"{len(rows)} of them; it needs 'NUM_OF_X_CHANNELS = N' and then N lines 'XCHn = x "
            "y z area'."
        )
    return _build(np.array([rows[i] for i in range(1, count + 1)]))


def _number(value: float) -> str:
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text


def _fault(number: int, line: str, allowed: str) -> InputError:
    return InputError(
        f"Line {number} of the element table is '{line[:60]}', but must hold {allowed}; "
        "correct this line."
    )


def _parse_count(line: str, number: int) -> int:
    match = _COUNT.fullmatch(line)
    if not match or not 1 <= int(match[1][:9]) <= _MAX_CHANNELS:
        raise _fault(number, line, f"'NUM_OF_X_CHANNELS = N' with N from 1 to {_MAX_CHANNELS}")
    return int(match[1])


def _parse_element(line: str, number: int) -> tuple[int, NDArray[np.float64]]:
    match = _ELEMENT.fullmatch(line)
    if not match or len(match[1]) > 9:
        raise _fault(number, line, "'XCHn = x y z area'")
    try:
        row = np.array([float(word) for word in match[2].split()])
    except ValueError:
        raise _fault(number, line, "four numbers after the equals sign") from None
    if row.shape != (4,) or not np.isfinite(row).all() or not 0 < row[3] < 1e6:
        raise _fault(number, line, "four finite numbers, the last one (area, mm²) above 0")
    if np.abs(row[:3]).max() > 2000.0:
        raise _fault(number, line, "coordinates within 2000 mm")
    return int(match[1]), row


def _build(rows: NDArray[np.float64]) -> Array:
    points, areas = rows[:, :3] * MM, rows[:, 3] * MM**2
    radius = _sphere_radius(points)
    centres = (points - (0, 0, radius)) * _HALF_TURN
    distance = np.linalg.norm(centres, axis=1)
    worst = int(np.abs(distance - radius).argmax())
    if abs(distance[worst] - radius) > _SPHERE_TOLERANCE_M:
        raise InputError(
            f"Channel XCH{worst + 1} of the element table lies "
            f"{1e3 * abs(distance[worst] - radius):.2f} mm off the sphere of "
            f"{1e3 * radius:.1f} mm through the vertex that fits the others; at most 1 mm is "
            "allowed: check that the origin is the bottom of the dish and z points to its "
            "opening."
        )
    name = f"{len(rows)} elements from a table, radius of curvature {1e3 * radius:.2f} mm"
    return Array(name, centres, -centres / distance[:, None], areas, radius)


def _sphere_radius(points: NDArray[np.float64]) -> float:
    """Fit x² + y² + z² = 2 R z by least squares in R."""
    z = points[:, 2]
    if not (z**2).sum() > 1e-12:
        raise InputError(
            "All elements of the table have z = 0; a focused array needs elements above the "
            "bottom of its dish (z > 0), so check the third column."
        )
    radius = float((z * (points**2).sum(axis=1)).sum() / (2 * (z**2).sum()))
    if not 1e-3 <= radius <= 2.0:
        raise InputError(
            f"The elements of the table lie on a sphere of {1e3 * radius:.1f} mm radius; "
            "allowed are 1-2000 mm: check the units (mm) and the sign of z."
        )
    return radius
