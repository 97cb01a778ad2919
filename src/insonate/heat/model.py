"""The nouns of heat: the model of one head, where sound becomes heat, how warm everything is."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from insonate.core import GeometryError, Grid, SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.heat.lattice import Field, Lattice
from insonate.heat.ledger import Energy
from insonate.heat.options import ThermalOptions


@dataclass(frozen=True, eq=False)
class Cells:
    """Flat indices of the cells of one tissue: ``fine`` of the fine grid, ``coarse`` of the
    coarse grid outside the region that the fine one covers.
    """  # noqa: D205

    fine: NDArray[np.int64]
    coarse: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ThermalModel:
    """Pennes' equation on two grids of one head, in the CT frame.

    The coarse grid carries the heat of the whole head. The fine grid replaces whole coarse cells
    round the focus, each split into ``ratio**3``. What the coarse grid conducts through the
    faces between them enters the fine one, and the fine cells' mean is given back: no heat is
    lost or made where they meet.

    Parameters
    ----------
    fine, coarse
        The coefficients on each grid.
    corner, ratio
        First coarse cell of the fine region, and fine cells in a coarse one along an axis.
    cells
        Which cells are of which tissue: fine cells by their voxel's label, coarse cells where
        the tissue fills at least half.
    focus_m
        The planned focus, shape (3,), m.
    options
        The settings it was built with.
    """

    fine: Lattice
    coarse: Lattice
    corner: tuple[int, int, int]
    ratio: int
    cells: dict[Tissue, Cells]
    focus_m: NDArray[np.float64]
    options: ThermalOptions

    @property
    def fine_grid(self) -> Grid:
        """The grid round the focus."""
        return self.fine.grid

    @property
    def coarse_grid(self) -> Grid:
        """The grid of the whole head."""
        return self.coarse.grid

    @property
    def region(self) -> tuple[slice, slice, slice]:
        """The coarse cells that the fine grid covers."""
        x, y, z = (
            slice(c, c + n // self.ratio)
            for c, n in zip(self.corner, self.fine.grid.shape, strict=True)
        )
        return x, y, z

    @property
    def bounds(self) -> NDArray[np.int64]:
        """First and last + 1 of those coarse cells, along each axis, shape (6,)."""
        return np.array([end for part in self.region for end in (part.start, part.stop)])


@dataclass(frozen=True, eq=False)
class HeatSource:
    """Absorbed power density for each watt of acoustic power, W/m³/W, float32.

    Parameters
    ----------
    fine, coarse
        On the grids of the model; a coarse cell under the fine grid holds the mean of its fine
        cells, so both grids are given the same heat.

    Raises
    ------
    SettingsError
        When a value is negative or not finite.
    """

    fine: Field
    coarse: Field

    def __post_init__(self) -> None:
        for name in ("fine", "coarse"):
            value = frozen(np.ascontiguousarray(getattr(self, name)), np.float32)
            if not (np.isfinite(value).all() and (value >= 0).all()):
                raise SettingsError(
                    f"The {name} heat source holds values that are negative or not finite; "
                    "absorbed power must be a number of at least 0 everywhere, so check the field "
                    "and the absorption it was made from."
                )
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class ThermalState:
    """How warm everything is at one time, and what it has been through.

    Parameters
    ----------
    time_s
        Since the start of the session, s.
    fine_degc, coarse_degc
        Temperatures, float32, °C.
    fine_dose, coarse_dose
        Accumulated CEM43 (minutes) in the variant of the model's options, float32.
    fine_peak_degc, coarse_peak_degc
        The highest temperature so far, float32, °C.
    water_degc, power_w, step_s
        Of the last step: water, acoustic power, length of the steps of coarse and fine grid.
    energy
        Where the heat went since time 0.
    cooling_s
        For how long power has been off, s.
    folded
        Whether the fine cells are read from the coarse ones, which carry all (late in a wait).

    Raises
    ------
    GeometryError
        When the fields of one grid differ in shape.
    """

    time_s: float
    fine_degc: Field
    coarse_degc: Field
    fine_dose: Field
    coarse_dose: Field
    fine_peak_degc: Field
    coarse_peak_degc: Field
    water_degc: float
    power_w: float = 0.0
    step_s: tuple[float, float] = (0.0, 0.0)
    energy: Energy = field(default_factory=Energy)
    cooling_s: float = 0.0
    folded: bool = False

    def __post_init__(self) -> None:
        for level in ("fine", "coarse"):
            names = [f"{level}_{kind}" for kind in ("degc", "dose", "peak_degc")]
            for name in names:
                object.__setattr__(self, name, frozen(getattr(self, name), np.float32))
            shapes = {getattr(self, name).shape for name in names}
            if len(shapes) != 1:
                raise GeometryError(
                    f"The {level} fields of a thermal state have different shapes: {shapes}."
                )
