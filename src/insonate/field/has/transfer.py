"""The engine's two uses: from the target to every element, and from a drive to its field."""

import time

import numpy as np
from numpy.typing import NDArray

from insonate.array import Drive, PlacedArray
from insonate.core import GeometryError, Grid
from insonate.core.provenance import versions
from insonate.field.born.options import Progress, silent
from insonate.field.born.sources import velocity_strength
from insonate.field.born.transfer import discs
from insonate.field.has.beams import (
    focal_pressure,
    inward_sweep,
    pressure_from_target,
    regular_harmonics,
)
from insonate.field.has.options import HasOptions
from insonate.field.has.shells import Shells
from insonate.field.model import Convergence, PressureField

ENGINE = "has"
DEFAULTS = HasOptions()
ERROR = 0.1
"""Relative error of |p| at the focus: the largest that was found against the wave engine on the
sample head and against exact layers up to 25° of incidence; decision 0011 has the figures."""


def has_transfer(
    shells: Shells,
    elements: PlacedArray,
    *,
    options: HasOptions = DEFAULTS,
    progress: Progress = silent,
) -> NDArray[np.complex128]:
    """Return each element's pressure at the target per pascal of its surface pressure.

    One wave goes out from the target through the head to all elements (reciprocity). The phase
    that focuses is the conjugate's, as with ``field.born.element_transfer``.

    Parameters
    ----------
    shells
        The head's shells round the target.
    elements
        N elements, CT frame, outside the shells.
    options
        Echoes, points on each disc.
    progress
        Told how far it is.

    Returns
    -------
    NDArray
        Shape (N,), 1.

    Raises
    ------
    GeometryError
        When an element lies inside the shells, or the frames differ.
    """
    _require_frame(shells, "ct")
    points, areas = discs(
        elements.centres, elements.normals, elements.areas, points=options.points
    )
    at = pressure_from_target(shells, points, echoes=options.echoes, progress=progress)
    per_area = velocity_strength(1.0, shells.frequency_hz, shells.outer.sound_speed)
    weighted = (at * areas).reshape(-1, options.points).sum(axis=1)
    transfer: NDArray[np.complex128] = (
        weighted * per_area * shells.inner.density / shells.outer.density
    )
    return transfer


def has_field(
    shells: Shells,
    elements: PlacedArray,
    drive: Drive,
    grid: Grid,
    *,
    options: HasOptions = DEFAULTS,
    progress: Progress = silent,
) -> PressureField:
    """Return the pressure that a drive makes round the target.

    Parameters
    ----------
    shells
        The head's shells round the target.
    elements, drive
        N elements in the CT frame, outside the shells, and their surface pressures.
    grid
        Axis-aligned, in the shells' frame, in the homogeneous ball inside the first shell; it
        need not be centred on the target.
    options
        Echoes, points on each disc.
    progress
        Told how far it is.

    Returns
    -------
    PressureField
        Pa on the grid; what bone sends back into the brain is not in it.

    Raises
    ------
    GeometryError
        When the grid leaves the ball, counts or frequencies differ, or an element lies inside
        the shells.
    """
    _require_frame(shells, grid.frame)
    _require_drive(shells, elements, drive)
    _require_ball(shells, grid)
    wall, processor = time.perf_counter(), time.process_time()
    on = drive.active
    points, areas = discs(
        elements.centres[on], elements.normals[on], elements.areas[on], points=options.points
    )
    per_area = velocity_strength(1.0, drive.frequency_hz, shells.outer.sound_speed)
    strengths = per_area * np.repeat(drive.pressure[on], options.points) * areas
    found = inward_sweep(shells, points, strengths, echoes=options.echoes, progress=progress)
    pressure = focal_pressure(shells, regular_harmonics(shells, found), grid.axes())
    seconds = (time.perf_counter() - wall, time.process_time() - processor)
    return PressureField(
        pressure=pressure,
        grid=grid,
        frequency_hz=drive.frequency_hz,
        engine=ENGINE,
        convergence=_convergence(options),
        error_estimate=ERROR,
        provenance={**versions(), **_provenance(shells, options, seconds)},
    )


def _require_frame(shells: Shells, frame: str) -> None:
    if shells.frustum.frame != frame:
        raise GeometryError(
            f"The shells are in the frame '{shells.frustum.frame}', what is asked of them in "
            f"'{frame}'; both must be in the same frame."
        )


def _require_drive(shells: Shells, elements: PlacedArray, drive: Drive) -> None:
    if len(elements.areas) != len(drive.states):
        raise GeometryError(
            f"There are {len(elements.areas)} elements and a drive of {len(drive.states)}; build "
            "both from one array."
        )
    if abs(shells.frequency_hz / drive.frequency_hz - 1) > 1e-6:
        raise GeometryError(
            f"The shells were made at {shells.frequency_hz / 1e3:g} kHz, the drive has "
            f"{drive.frequency_hz / 1e3:g} kHz; build the head model at the drive's frequency."
        )


def _require_ball(shells: Shells, grid: Grid) -> None:
    corners = np.array(np.meshgrid(*[(line[0], line[-1]) for line in grid.axes()]))
    away = corners.reshape(3, -1).T - shells.frustum.centre
    farthest = float(np.linalg.norm(away, axis=1).max())
    ball = float(shells.frustum.edges[0])
    if farthest > ball:
        raise GeometryError(
            f"The grid reaches {1e3 * farthest:.1f} mm from the target, but only the ball of "
            f"{1e3 * ball:.1f} mm in front of the bone can be computed by the one-way engine; make the "
            "grid smaller."
        )


def _convergence(options: HasOptions) -> Convergence:
    sentence = (
        f"Marched through the head once, with {options.echoes} round(s) of echoes inside the "
        "skull: nothing to converge. Sound that comes back across the head is left out."
    )
    return Convergence(
        converged=True, iterations=options.echoes, residual=0.0, sentence=sentence
    )


def _provenance(
    shells: Shells, options: HasOptions, seconds: tuple[float, float]
) -> dict[str, str]:
    frustum = shells.frustum
    return {
        "engine": "one way in spherical waves round the target, complex64",
        "shells": f"{len(frustum.radii)}, {1e3 * frustum.edges[0]:.1f} to "
        f"{1e3 * frustum.edges[-1]:.1f} mm",
        "harmonics": str(frustum.sphere.degree),
        "nodes": " × ".join(map(str, frustum.sphere.shape)),
        "echoes": str(options.echoes),
        "fft": "scipy",
        "wall_s": f"{seconds[0]:.2f}",
        "cpu_s": f"{seconds[1]:.2f}",
    }
