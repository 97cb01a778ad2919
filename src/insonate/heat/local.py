"""The neighbourhood of the focus alone: what a sonication does there, quickly.

A cube cut out of the fine grid whose outermost faces conduct to body temperature. It knows
nothing of skull and scalp and forgets what is farther than its half width; within a sonication
and a few seconds after it, that is nothing (9 mm is diffused across in ten minutes).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core import Grid, SettingsError
from insonate.core.arrays import frozen
from insonate.core.frames import affine_from
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.dose import accumulate
from insonate.heat.lattice import Field, Lattice
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.options import ThermalOptions
from insonate.heat.scheme import Stepper
from insonate.heat.simulation import HOT_RISE_K, Pacer

COOL_S = 15.0
"""Setting: after so long hardly any dose is added."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A cube of fine cells round the focus.

    Parameters
    ----------
    lattice
        Its coefficients.
    box
        Which cells of the fine grid they are.
    heat
        Absorbed power for each watt, W/m³/W.
    degc, dose
        How warm it is at the start, and the dose so far.
    options
        Of the thermal model.
    """

    lattice: Lattice
    box: tuple[slice, slice, slice]
    heat: Field
    degc: Field
    dose: Field
    options: ThermalOptions


@dataclass(frozen=True, eq=False)
class LocalRun:
    """What one sonication did in a neighbourhood.

    ``end_degc``, ``peak_degc``, ``dose``: temperatures at power off, the highest ones, and CEM43
    when it has cooled, on the cells of the neighbourhood.
    """

    end_degc: Field
    peak_degc: Field
    dose: Field


def neighbourhood(
    model: ThermalModel, state: ThermalState, source: HeatSource, half_width_m: float = 9e-3
) -> Neighbourhood:
    """Cut out the cells within ``half_width_m`` of the focus, along each axis.

    Parameters
    ----------
    model, state, source
        The head, how warm it is, its heat for each watt.
    half_width_m
        Half the edge of the cube, m, at least 3 mm; at most what the fine grid has is taken.

    Returns
    -------
    Neighbourhood

    Raises
    ------
    SettingsError
        When the cube would be smaller than 3 mm to each side.
    """
    if not half_width_m >= 3e-3:
        raise SettingsError(
            f"The neighbourhood of the focus is {1e3 * half_width_m:g} mm wide to each side; it "
            "must be at least 3 mm, or it does not hold the hot spot."
        )
    grid = model.fine_grid
    centre = grid.indices_of(model.focus_m)
    cells = half_width_m / grid.spacing_m
    low = np.maximum(np.rint(centre - cells + 0.5), 0).astype(int)
    high = np.minimum(np.rint(centre + cells + 0.5), grid.shape).astype(int)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    box = (x, y, z)
    return Neighbourhood(
        _cut(model.fine, box),
        box,
        _whole(source.fine[box]),
        _whole(state.fine_degc[box]),
        _whole(state.fine_dose[box]),
        model.options,
    )


def changed(place: Neighbourhood, *, conductivity: float, perfusion: float) -> Neighbourhood:
    """Return the same cells with other conductivity and perfusion, as factors."""
    lattice = place.lattice
    x, y, z = (frozen(g * np.float32(conductivity)) for g in lattice.conductance)
    scale = np.array([conductivity] * 3 + [1.0, perfusion], np.float32)
    other = replace(
        lattice,
        conductance=(x, y, z),
        sink=frozen(lattice.sink * np.float32(perfusion)),
        bulk=frozen(lattice.bulk * scale),
        spectral_radius=lattice.spectral_radius * max(conductivity, perfusion),
    )
    return replace(place, lattice=other)


def sonicate(
    place: Neighbourhood, power_w: float, duration_s: float, *, cool_s: float = COOL_S
) -> LocalRun:
    """Run one sonication and let it cool.

    Parameters
    ----------
    place
        The cells.
    power_w, duration_s
        Acoustic power, W, and how long, s.
    cool_s
        How long it cools before the dose is read, s, at least 0.

    Returns
    -------
    LocalRun
    """
    options = place.options
    rise = place.degc - np.float32(BODY_TEMPERATURE_DEGC)
    stepper = Stepper(place.lattice, rise, place.heat, HOT_RISE_K)
    dose, peak = place.dose.copy(), place.degc.copy()
    ends: list[Field] = []
    for power, time, longest in (
        (power_w, duration_s, options.power_step_s),
        (0.0, cool_s, options.cooling_step_s),
    ):
        pacer = Pacer(options, longest, options.first_step_s)
        _carry(stepper, (power, time), pacer, (dose, peak))
        ends.append(stepper.rise[1:-1, 1:-1, 1:-1] + np.float32(BODY_TEMPERATURE_DEGC))
    return LocalRun(frozen(ends[0]), frozen(peak), frozen(dose))


def grid_of(model: ThermalModel, place: Neighbourhood) -> Grid:
    """Return the grid of a neighbourhood's cells."""
    fine = model.fine_grid
    origin = fine.points_of([part.start for part in place.box])
    x, y, z = place.heat.shape
    return Grid((x, y, z), affine_from(np.diag(fine.spacing_m), origin), fine.frame)


def _carry(
    stepper: Stepper,
    exposure: tuple[float, float],
    pacer: Pacer,
    totals: tuple[Field, Field],
) -> None:
    power, remaining = exposure
    lattice = stepper.lattice
    rule = ThermalOptions().dose_variant.rule
    stepper.evaluate(power)
    while remaining > 1e-9:
        step = pacer.next(remaining)
        ends = (stepper.step(step), stepper.rise)
        accumulate(*totals, ends, (step, BODY_TEMPERATURE_DEGC), rule, lattice.rows)
        pacer.step = step
        pacer.learn(stepper.judgement)
        remaining -= step


def _cut(lattice: Lattice, box: tuple[slice, slice, slice]) -> Lattice:
    faces = []
    for axis, g in enumerate(lattice.conductance):
        part = list(box)
        part[axis] = slice(box[axis].start, box[axis].stop + 1)
        faces.append(_whole(g[part[0], part[1], part[2]]))
    first, last = box[2].start, box[2].stop
    rows = np.clip(lattice.rows[box[0], box[1]], first, last) - first
    origin = lattice.grid.points_of([part.start for part in box])
    grid = Grid(
        lattice.held[box].shape,
        affine_from(np.diag(lattice.grid.spacing_m), origin),
        lattice.grid.frame,
    )
    nowhere: NDArray[np.int64] = np.empty(0, np.int64)
    return replace(
        lattice,
        grid=grid,
        conductance=(faces[0], faces[1], faces[2]),
        rows=frozen(rows.astype(np.int32)),
        wet=(nowhere, nowhere, nowhere),
        capacity=_whole(lattice.capacity[box]),
        inverse_capacity=_whole(lattice.inverse_capacity[box]),
        sink=_whole(lattice.sink[box]),
        held=_whole(lattice.held[box]),
    )


def _whole(part: NDArray[Any]) -> NDArray[Any]:
    """Return a part as an array of its own, which cannot be changed."""
    return frozen(np.ascontiguousarray(part))
