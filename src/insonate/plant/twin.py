"""A head that warms and cools as power is set: the true one, and the controller's model of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from insonate.core import Grid, Tissue
from insonate.core.frames import affine_from
from insonate.events.documents import Point
from insonate.heat.advance import Course
from insonate.heat.lattice import Field
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.prediction import UnitResponse
from insonate.heat.readout import hottest_near
from insonate.heat.water import (
    REFERENCE_FLOW_L_PER_MIN,
    WaterCircuit,
    at_flow,
    water_after,
)
from insonate.planner.heating import Heating

FOCUS_RADIUS_M = 5e-3  # the focal spot and its neighbourhood, as wide as thermometry looks
MARGIN_CELLS = 6  # of the fine grid round that: what the spline of a hottest point is made from


@dataclass(frozen=True)
class Warmth:
    """The hottest of each tissue now, °C, and the largest dose so far, CEM43."""

    focus_degc: float
    skull_degc: float
    scalp_degc: float
    skull_dose: float
    scalp_dose: float


@dataclass(frozen=True, eq=False)
class _Near:
    """The part of a model's fine grid in which its focus is looked for."""

    fine_grid: Grid
    focus_m: NDArray[np.float64]
    box: tuple[slice, slice, slice]

    @classmethod
    def of(cls, model: ThermalModel) -> "_Near":
        grid = model.fine_grid
        reach = np.ceil(FOCUS_RADIUS_M / grid.spacing_m).astype(int) + MARGIN_CELLS
        centre = np.rint(grid.indices_of(model.focus_m)).astype(int)
        low = np.maximum(centre - reach, 0)
        high = np.minimum(centre + reach + 1, grid.shape)
        x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        nx, ny, nz = (int(b - a) for a, b in zip(low, high, strict=True))
        affine = affine_from(grid.affine[:3, :3], grid.points_of(low))
        return cls(Grid((nx, ny, nz), affine, grid.frame), model.focus_m, (x, y, z))

    def hottest(self, fine_degc: Field) -> float:
        """Return the highest value near the focus, between the cells."""
        # Nothing of a model is looked at but its fine grid and focus.
        return hottest_near(cast("ThermalModel", self), fine_degc[self.box], FOCUS_RADIUS_M)[0]


class Twin:
    """A thermal model in motion. It is an object because time passes in it.

    Parameters
    ----------
    model
        The head.
    state
        How warm it is at the start.
    heating_at
        Gives the heating when the focus is steered by a vector (CT frame, m).
    """

    def __init__(
        self,
        model: ThermalModel,
        state: ThermalState,
        heating_at: Callable[[Point], Heating],
    ) -> None:
        self.model = model
        self.state = state
        self._heating_at = heating_at
        self._rest, self._near = state, _Near.of(model)
        self._course: Course | None = None
        self._warmth: tuple[ThermalState, Warmth] | None = None
        self.heating = heating_at((0.0, 0.0, 0.0))
        self.water_degc: float | None = None
        self._flow, self._flowing = REFERENCE_FLOW_L_PER_MIN, model

    @property
    def source(self) -> HeatSource:
        """Where one watt becomes heat now."""
        return self.heating.source

    def calibrate(self, factor: float) -> None:
        """Scale the heat round the focus; skull and scalp are not what thermometry measured."""
        source = self.heating.source
        coarse = source.coarse.copy()
        coarse[self.model.region] *= np.float32(factor)
        fine = source.fine * np.float32(factor)
        self.heating = replace(self.heating, source=HeatSource(fine, coarse))

    def steer(self, total_m: Point) -> None:
        """Move the focus to the planned one plus ``total_m``."""
        self.heating = self._heating_at(total_m)

    def run(
        self,
        duration_s: float,
        power_w: float,
        water_degc: float,
        flow_l_per_min: float | None = None,
    ) -> None:
        """Let time pass with constant power and water.

        Parameters
        ----------
        duration_s, power_w
            How long, s, and acoustic power, W.
        water_degc
            Of the water that flows in, °C.
        flow_l_per_min
            How much flows; where it is given, the water round the head warms by what the scalp
            gives to it, and stays warm when the flow stops.
        """
        model, water = self.model, water_degc
        if flow_l_per_min is not None:
            model = self._at_flow(flow_l_per_min)
            water = water_degc if self.water_degc is None else self.water_degc
        if duration_s == 0:
            return
        before = self.state.energy.water_j
        if self._course is None or self._course.model is not model:
            self._course = Course(model, self.state)
        self._course.run(self.source, power_w=power_w, duration_s=duration_s, water_degc=water)
        self.state = self._course.state()
        if flow_l_per_min is not None:
            heat = (self.state.energy.water_j - before) / duration_s
            self.water_degc = water_after(
                WaterCircuit(), water, water_degc, flow_l_per_min, heat, duration_s
            )

    def _at_flow(self, flow_l_per_min: float) -> ThermalModel:
        """Return the model under water of a flow; the last one is kept."""
        if self._flow != flow_l_per_min:
            self._flow, self._flowing = flow_l_per_min, at_flow(self.model, flow_l_per_min)
        return self._flowing

    def anew(self) -> "Twin":
        """Return the same model before anything happened, with its plan's heating."""
        return Twin(self.model, self._rest, self._heating_at)

    def focus_degc(self, state: ThermalState) -> float:
        """Return the highest temperature near the focus in one of the model's states, °C."""
        return self._near.hottest(state.fine_degc)

    def warmth(self) -> Warmth:
        """Return the hottest of each tissue now; looked for once in each state."""
        if self._warmth is None or self._warmth[0] is not self.state:
            found = Warmth(
                self.focus_degc(self.state),
                _highest(self, Tissue.SKULL, "degc"),
                _highest(self, Tissue.SCALP, "degc"),
                _highest(self, Tissue.SKULL, "dose"),
                _highest(self, Tissue.SCALP, "dose"),
            )
            self._warmth = (self.state, found)
        return self._warmth[1]


def _highest(twin: Twin, tissue: Tissue, what: str) -> float:
    cells = twin.model.cells[tissue]
    fine = getattr(twin.state, f"fine_{what}").ravel()[cells.fine]
    coarse = getattr(twin.state, f"coarse_{what}").ravel()[cells.coarse]
    return float(max(fine.max(initial=-np.inf), coarse.max(initial=-np.inf)))


def forecast_k_per_kj(
    twin: Twin, response: UnitResponse, tissue: Tissue, limit_degc: float
) -> float:
    """Return the rise of a tissue's maximum for each kilojoule, K/kJ, exact at its limit.

    The hottest cell now is seldom the one that a sonication heats most, so the rise of the
    maximum, max(T + E r) − max(T), is convex in the energy E. The straight line to the energy that
    takes the first cell to its limit bounds it from above for every smaller energy, and forbids
    every larger one.
    """
    cells, per_kj = _rises_per_kj(response, tissue)
    now = twin.state.coarse_degc.ravel()[cells]
    heated = per_kj > 0
    room = limit_degc - float(now.max())
    if not heated.any() or room <= 0:
        return float(per_kj.max(initial=0.0))
    energy_kj = float(((limit_degc - now[heated]) / per_kj[heated]).min())
    return room / energy_kj


@lru_cache(maxsize=8)
def _rises_per_kj(
    response: UnitResponse, tissue: Tissue
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the cells of a tissue, and how far a kilojoule warms each at most, K/kJ."""
    skull = tissue is Tissue.SKULL
    cells = response.skull_cells if skull else response.scalp_cells
    rises = (response.skull if skull else response.scalp).max(axis=0)
    return cells, (rises / np.float32(response.duration_s * 1e-3)).astype(np.float32)
