"""What is read from a thermal state: maxima per tissue, and values at points."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates, spline_filter1d

from insonate.core import Grid, SettingsError, Tissue, Volume, sample
from insonate.core.arrays import frozen
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.heat.lattice import Field
from insonate.heat.ledger import Losses
from insonate.heat.model import Cells, ThermalModel, ThermalState

_AROUND = 5  # cells round the hottest one that the spline is made from
_BETWEEN = np.arange(-4, 5) / 8.0  # of a cell: where the spline is read round the hottest one


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
    """Return the extremes within ``radius_m`` of the focus, between the fine cells.

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
    degc, point = hottest_near(model, state.fine_degc, radius_m, centre_m=centre_m)
    peak, _ = hottest_near(model, state.fine_peak_degc, radius_m, centre_m=centre_m)
    log_dose = np.log2(np.clip(state.fine_dose, 1e-12, 1e30))
    dose, _ = hottest_near(model, log_dose, radius_m, centre_m=centre_m)
    infinite = bool(np.isinf(state.fine_dose).any())
    return Extremes(degc, frozen(point), peak, float("inf") if infinite else float(2.0**dose))


def hottest_near(
    model: ThermalModel, values: Field, radius_m: float, *, centre_m: ArrayLike | None = None
) -> tuple[float, NDArray[np.float64]]:
    """Return the highest value between the fine cells near the focus, and where it is.

    Read from a cubic spline within half a cell of the hottest cell, every eighth of a cell. Read
    from the cells alone, a spot of 1.5 mm is up to a tenth lower where it falls between cells of
    0.5 mm.

    Parameters
    ----------
    model
        The head.
    values
        Shape ``model.fine_grid.shape``.
    radius_m, centre_m
        As in ``focus_peak``.

    Returns
    -------
    float, NDArray
        The value, and the point, shape (3,), m.
    """
    centre = model.focus_m if centre_m is None else np.asarray(centre_m, dtype=np.float64)
    near = np.flatnonzero(_square_distance(model.fine_grid, centre) <= _square(radius_m))
    if near.size == 0:
        raise SettingsError(
            f"No cell of the fine grid lies within {radius_m * 1e3:g} mm of "
            f"{np.round(centre * 1e3, 1).tolist()} mm; give a larger radius or a nearer centre."
        )
    top = np.unravel_index(int(near[values.ravel()[near].argmax()]), model.fine_grid.shape)
    boxes: list[slice] = []
    for axis, i in enumerate(top):
        begin, end = max(int(i) - _AROUND, 0), min(int(i) + _AROUND + 1, values.shape[axis])
        boxes.append(slice(begin, end))
    fine = values[tuple(boxes)].astype(np.float64)
    for i, box in zip(top, boxes, strict=True):
        spline = _spline_between(box.stop - box.start, int(i) - box.start)
        fine = np.tensordot(
            fine, spline, axes=(0, 1)
        )  # each turn moves the next axis to the front
    best = np.unravel_index(int(fine.argmax()), fine.shape)
    index = [int(i) + _BETWEEN[b] for i, b in zip(top, best, strict=True)]
    index = [min(max(i, 0.0), n - 1.0) for i, n in zip(index, values.shape, strict=True)]
    return float(fine[best]), model.fine_grid.points_of(index)


@lru_cache(maxsize=64)
def _spline_between(count: int, top: int) -> NDArray[np.float64]:
    """Return what a cubic spline through ``count`` cells makes of each of them round cell ``top``.

    Shape (9, count): at every eighth of a cell from half a cell before to half a cell behind it, but
    not beyond the first and the last cell.
    """
    spline = spline_filter1d(np.eye(count), order=3, axis=0, mode="mirror")
    at = np.clip(top + _BETWEEN, 0, count - 1)
    rows = [
        map_coordinates(column, at[None], order=3, mode="mirror", prefilter=False)
        for column in spline.T
    ]
    return frozen(np.stack(rows, axis=1), np.float64)


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


def mean_temperature_at(
    model: ThermalModel, frame: Sequence[tuple[ThermalState, float]], points_m: ArrayLike
) -> NDArray[np.float64]:
    """Average the temperature at points over a frame: what a slice shows that takes a while.

    Parameters
    ----------
    model
        The head.
    frame
        States within the frame, each with the time (s) that it stands for.
    points_m
        Shape (..., 3), m, CT frame: of any slice, oblique ones too.

    Returns
    -------
    NDArray
        Shape (...), °C.

    Raises
    ------
    SettingsError
        When the frame holds no time.
    """
    total = sum(weight for _, weight in frame)
    if not total > 0:
        raise SettingsError("A frame must last longer than 0 s to have a mean temperature.")
    parts = [temperature_at(model, state, points_m) * (w / total) for state, w in frame]
    mean: NDArray[np.float64] = np.sum(parts, axis=0)
    return mean


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
    """Where the heat of both grids is, and where it goes.

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
    stored, flows = 0.0, np.zeros(3)
    for losses, degc in (
        (Losses(model.coarse, model.bounds), state.coarse_degc),
        (Losses(model.fine), state.fine_degc),
    ):
        rise = np.pad(degc - np.float32(BODY_TEMPERATURE_DEGC), 1)
        stored += losses.stored_j(rise)
        flows += losses.flows(rise, state.water_degc - BODY_TEMPERATURE_DEGC)
    blood, water, cut = (float(v) for v in flows)
    return HeatFlows(stored, blood, water, cut)


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
