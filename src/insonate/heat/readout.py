"""What is read from a thermal state: maxima per tissue, and values at points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import Grid, SettingsError, Tissue, Volume, sample
from insonate.core.arrays import frozen
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.lattice import Field
from insonate.heat.model import Cells, ThermalModel, ThermalState


@dataclass(frozen=True, eq=False)
class Extremes:
    """The hottest and the most dosed of a set of cells.

    Parameters
    ----------
    temperature_degc
        Highest temperature now, °C; NaN where the set is empty.
    point_m
        Where that is, shape (3,), m, CT frame; NaN where the set is empty.
    peak_degc
        Highest temperature so far, °C.
    dose_cem43
        Highest dose so far, minutes.
    """

    temperature_degc: float
    point_m: NDArray[np.float64]
    peak_degc: float
    dose_cem43: float


def skull_max(model: ThermalModel, state: ThermalState) -> Extremes:
    """Return the extremes of the bone; fine cells where the fine grid reaches it."""
    return _extremes(model, state, model.cells[Tissue.SKULL])


def scalp_max(model: ThermalModel, state: ThermalState) -> Extremes:
    """Return the extremes of the scalp; fine cells where the fine grid reaches it."""
    return _extremes(model, state, model.cells[Tissue.SCALP])


def focus_peak(
    model: ThermalModel,
    state: ThermalState,
    radius_m: float,
    *,
    centre_m: ArrayLike | None = None,
) -> Extremes:
    """Return the extremes of the fine cells within ``radius_m`` of the focus.

    Parameters
    ----------
    model, state
        The head.
    radius_m
        Radius, m, positive.
    centre_m
        Shape (3,), m; by default the planned focus.

    Raises
    ------
    SettingsError
        When the radius is not positive, or no fine cell lies within it.
    """
    centre = model.focus_m if centre_m is None else np.asarray(centre_m, dtype=np.float64)
    near = np.flatnonzero(_square_distance(model.fine_grid, centre) <= _square(radius_m))
    if near.size == 0:
        raise SettingsError(
            f"No cell of the fine grid lies within {radius_m * 1e3:g} mm of "
            f"{np.round(centre * 1e3, 1).tolist()} mm; give a larger radius or a nearer centre."
        )
    return _extremes(model, state, Cells(near, np.empty(0, np.int64)))


def off_target_max(
    model: ThermalModel,
    state: ThermalState,
    radius_m: float,
    *,
    centre_m: ArrayLike | None = None,
) -> Extremes:
    """Return the extremes of the brain farther than ``radius_m`` from the focus.

    Parameters and errors are those of ``focus_peak``; an empty set gives NaN.
    """
    centre = model.focus_m if centre_m is None else np.asarray(centre_m, dtype=np.float64)
    square, brain = _square(radius_m), model.cells[Tissue.BRAIN]
    fine = _square_distance(model.fine_grid, centre).ravel()[brain.fine] > square
    coarse = _square_distance(model.coarse_grid, centre).ravel()[brain.coarse] > square
    return _extremes(model, state, Cells(brain.fine[fine], brain.coarse[coarse]))


def temperature_at(
    model: ThermalModel, state: ThermalState, points_m: ArrayLike
) -> NDArray[np.float64]:
    """Interpolate the temperature linearly: the fine grid where it reaches, else the coarse one.

    Parameters
    ----------
    model, state
        The head.
    points_m
        Shape (..., 3), m, CT frame.

    Returns
    -------
    NDArray
        Shape (...), °C; beyond the coarse grid that of the water.
    """
    return _at(model, (state.fine_degc, state.coarse_degc), points_m, state.water_degc)


def dose_at(
    model: ThermalModel, state: ThermalState, points_m: ArrayLike
) -> NDArray[np.float64]:
    """Interpolate the dose linearly; parameters as in ``temperature_at``, result in CEM43."""
    return _at(model, (state.fine_dose, state.coarse_dose), points_m, 0.0)


def peak_at(
    model: ThermalModel, state: ThermalState, points_m: ArrayLike
) -> NDArray[np.float64]:
    """Interpolate the highest temperature so far; parameters as in ``temperature_at``, °C."""
    return _at(
        model, (state.fine_peak_degc, state.coarse_peak_degc), points_m, state.water_degc
    )


@dataclass(frozen=True)
class HeatFlows:
    """Where the heat of the coarse grid is, and where it goes.

    ``stored_j`` is the heat above body temperature (J); ``blood_w`` and ``water_w`` are what
    perfusion and the circulating water carry off, ``cut_w`` what leaves through cut faces (W).
    """

    stored_j: float
    blood_w: float
    water_w: float
    cut_w: float

    @property
    def carried_off_w(self) -> float:
        """All that leaves, W."""
        return self.blood_w + self.water_w + self.cut_w


def heat_flows(model: ThermalModel, state: ThermalState) -> HeatFlows:
    """Return the heat content and the losses of the whole head at one time."""
    lattice = model.coarse
    volume = lattice.grid.voxel_volume_m3
    rise = state.coarse_degc.astype(np.float64) - BODY_TEMPERATURE_DEGC
    live = ~lattice.held
    stored = float((lattice.capacity * rise)[live].sum()) * volume
    blood = float((lattice.sink * lattice.capacity * rise)[live].sum()) * volume
    water, cut = 0.0, 0.0
    for axis, conductance in enumerate(lattice.conductance):
        g, u = np.moveaxis(conductance, axis, 0), np.moveaxis(rise, axis, 0)
        held = np.moveaxis(lattice.held, axis, 0)
        down = g[1:-1] * (u[:-1] - u[1:])
        water += float(down[~held[:-1] & held[1:]].sum() - down[held[:-1] & ~held[1:]].sum())
        cut += float((g[0] * u[0])[~held[0]].sum() + (g[-1] * u[-1])[~held[-1]].sum())
    return HeatFlows(stored, blood, water * volume, cut * volume)


def _square(radius_m: float) -> float:
    if not radius_m > 0:
        raise SettingsError(f"The radius is {radius_m} m; it must be positive.")
    return radius_m**2


def _square_distance(grid: Grid, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = (axis - c for axis, c in zip(grid.axes(), centre, strict=True))
    total: NDArray[np.float64] = (x**2)[:, None, None] + (y**2)[:, None] + z**2
    return total


def _extremes(model: ThermalModel, state: ThermalState, cells: Cells) -> Extremes:
    levels = (
        (model.fine_grid, cells.fine, state.fine_degc, state.fine_peak_degc, state.fine_dose),
        (
            model.coarse_grid,
            cells.coarse,
            state.coarse_degc,
            state.coarse_peak_degc,
            state.coarse_dose,
        ),
    )
    found = [_hottest(*level) for level in levels if level[1].size]
    if not found:
        return Extremes(float("nan"), frozen(np.full(3, np.nan)), float("nan"), float("nan"))
    hottest = max(found, key=lambda e: e.temperature_degc)
    return Extremes(
        hottest.temperature_degc,
        hottest.point_m,
        max(e.peak_degc for e in found),
        max(e.dose_cem43 for e in found),
    )


def _hottest(
    grid: Grid, cells: NDArray[np.int64], degc: Field, peak: Field, dose: Field
) -> Extremes:
    values = degc.ravel()[cells]
    index = np.unravel_index(int(cells[values.argmax()]), grid.shape)
    return Extremes(
        float(values.max()),
        frozen(grid.points_of(index)),
        float(peak.ravel()[cells].max()),
        float(dose.ravel()[cells].max()),
    )


def _at(
    model: ThermalModel, fields: tuple[Field, Field], points_m: ArrayLike, outside: float
) -> NDArray[np.float64]:
    points = np.asarray(points_m, dtype=np.float64)
    fine, coarse = fields
    values = np.asarray(sample(Volume(coarse, model.coarse_grid, "1"), points, outside=outside))
    within = model.fine_grid.contains(points)
    if within.any():
        values[within] = sample(Volume(fine, model.fine_grid, "1"), points[within])
    return values
