"""The lesion that a dose or a peak temperature predicts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import zoom

from insonate.core import Grid, SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.heat.model import ThermalModel, ThermalState

DOSE_CONTOURS_CEM43 = (17.0, 100.0, 200.0, 240.0)
"""17: lower threshold of damage in brain (McDannold et al. 2004; Yarmolenko et al. 2011). 100 and
200: the contours whose size matched day-1 T2 and T1 lesions (Huang et al. 2018, 232 sonications).
240: the classical threshold of coagulation (Sapareto & Dewey 1984)."""

PEAK_CONTOUR_DEGC = 51.0
"""°C; matched day-1 T2 lesions best over 63 lesions (Bond & Elias 2018)."""

_FINER = 2  # contours are drawn on a grid this many times finer than the fine cells


@dataclass(frozen=True, eq=False)
class Contour:
    """One isosurface in the brain round the focus.

    Parameters
    ----------
    name, threshold, unit
        "100 CEM43", 100.0, "CEM43".
    volume_m3
        Enclosed volume, m³.
    extent_m
        Width of the region along right, anterior, superior, shape (3,), m; 0 where empty.
    diameters_m
        Diameters of the ellipsoid with the region's second moments, longest first, shape (3,), m;
        0 where empty.
    axis
        Direction of the longest one, upwards, shape (3,), RAS; NaN where empty.
    centre_m
        Centroid, shape (3,), m, CT frame; NaN where empty.
    offset_m
        Centroid minus target, shape (3,), m; NaN where empty.
    target_inside
        Whether the target lies in the region.
    """

    name: str
    threshold: float
    unit: str
    volume_m3: float
    extent_m: NDArray[np.float64]
    diameters_m: NDArray[np.float64]
    axis: NDArray[np.float64]
    centre_m: NDArray[np.float64]
    offset_m: NDArray[np.float64]
    target_inside: bool


@dataclass(frozen=True, eq=False)
class Lesion:
    """The contours that matter, from the fine grid of one state."""

    contours: tuple[Contour, ...]

    def at(self, threshold: float, unit: str = "CEM43") -> Contour:
        """Return the contour of one threshold.

        Raises
        ------
        SettingsError
            When there is none.
        """
        for contour in self.contours:
            if contour.threshold == threshold and contour.unit == unit:
                return contour
        known = ", ".join(c.name for c in self.contours)
        raise SettingsError(f"There is no contour at {threshold:g} {unit}; there are {known}.")


def predict_lesion(
    model: ThermalModel, state: ThermalState, *, target_m: ArrayLike | None = None
) -> Lesion:
    """Draw the contours of dose and of peak temperature round the focus.

    Dose is interpolated in its logarithm, which is nearly as smooth as the temperature.

    Parameters
    ----------
    model, state
        The head.
    target_m
        Shape (3,), m, CT frame; by default the planned focus.

    Returns
    -------
    Lesion
    """
    target = model.focus_m if target_m is None else np.asarray(target_m, dtype=np.float64)
    brain = np.zeros(model.fine_grid.size, np.bool_)
    brain[model.cells[Tissue.BRAIN].fine] = True
    inside = brain.reshape(model.fine_grid.shape)
    grid = model.fine_grid
    log_dose = np.log2(np.maximum(state.fine_dose, 1e-12))
    contours = [
        _contour(
            grid, (log_dose, inside), float(np.log2(t)), (f"{t:g} CEM43", t, "CEM43"), target
        )
        for t in DOSE_CONTOURS_CEM43
    ]
    name = (f"{PEAK_CONTOUR_DEGC:g} °C peak", PEAK_CONTOUR_DEGC, "degC")
    peak = _contour(grid, (state.fine_peak_degc, inside), PEAK_CONTOUR_DEGC, name, target)
    return Lesion((*contours, peak))


def _contour(
    grid: Grid,
    fields: tuple[NDArray[np.float32], NDArray[np.bool_]],
    level: float,
    name: tuple[str, float, str],
    target: NDArray[np.float64],
) -> Contour:
    values, inside = fields
    hot = np.argwhere((values >= level) & inside)
    if hot.size == 0:
        return _nothing(name)
    low = np.maximum(hot.min(axis=0) - 1, 0)
    high = np.minimum(hot.max(axis=0) + 2, grid.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    region = _refined(values[box], level) & np.kron(inside[box], np.ones((_FINER,) * 3, bool))
    if not region.any():  # one cell just reaches the level, its surroundings pull it below
        return _nothing(name)
    index = low - 0.5 + (np.argwhere(region) + 0.5) / _FINER
    cell = grid.spacing_m / _FINER
    centre = grid.points_of(index.mean(axis=0))
    at_target = np.rint((grid.indices_of(target) - low + 0.5) * _FINER - 0.5).astype(int)
    within = bool((at_target >= 0).all() and (at_target < region.shape).all())
    return Contour(
        *name,
        float(len(index) * cell.prod()),
        frozen((index.max(axis=0) - index.min(axis=0) + 1 / _FINER) * grid.spacing_m),
        *_ellipsoid(grid.points_of(index), cell),
        frozen(centre),
        frozen(centre - target),
        target_inside=within and bool(region[tuple(at_target)]),
    )


def _nothing(name: tuple[str, float, str]) -> Contour:
    nowhere = frozen(np.full(3, np.nan))
    none = frozen(np.zeros(3))
    return Contour(*name, 0.0, none, none, nowhere, nowhere, nowhere, target_inside=False)


def _ellipsoid(
    points: NDArray[np.float64], cell_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the diameters, longest first, and the long axis of a region of cells.

    A ball of diameter d has the second moment d²/20 along each axis; a cell of width h adds
    h²/12 to that of its centre.
    """
    away = points - points.mean(axis=0)
    moments = away.T @ away / len(away) + np.diag(cell_m**2) / 12
    values, axes = np.linalg.eigh(moments)
    long = axes[:, -1]
    return frozen(np.sqrt(20 * values[::-1])), frozen(long * (1.0 if long[2] >= 0 else -1.0))


def _refined(values: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """Where linear interpolation to a finer grid of cells reaches ``level``."""
    finite = np.minimum(values, np.float32(1e6))  # the infinite dose of one variant
    finer = zoom(finite, _FINER, order=1, mode="nearest", grid_mode=True)
    return np.asarray(finer >= level)
