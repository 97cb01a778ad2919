"""From what the array does to where heat arises, and to what a sonication will do."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.array import Drive
from insonate.array.placement import PlacedArray
from insonate.core import Frame, Grid, Tissue, Volume, sample
from insonate.core.arrays import frozen
from insonate.field import PressureField
from insonate.field.head_field import mean_square_in_head, ray_field
from insonate.field.rays import Rays
from insonate.head import HeadModel
from insonate.heat.model import HeatSource, ThermalModel
from insonate.heat.source import heat_source

FOCAL_SPACING_M = 0.5e-3  # a quarter of a wavelength in brain at 780 kHz
FOCAL_HALF_WIDTH_M = 12e-3  # the focal lobe and its neighbours; beyond, fringes average out


@dataclass(frozen=True, eq=False)
class Beam:
    """What makes the sound: placed elements, their drive (1 W), and each one's ray.

    Parameters
    ----------
    elements, drive, rays
        All of one array.
    transmission
        A factor on the pressure behind the skull: 1 for the plan's own belief.
    """

    elements: PlacedArray
    drive: Drive
    rays: Rays
    transmission: float = 1.0


@dataclass(frozen=True, eq=False)
class Heating:
    """Where one watt of acoustic power becomes heat.

    Parameters
    ----------
    source
        On the grids of the thermal model, W/m³/W.
    field
        Pressure round the focus at 1 W.
    peak_pressure_pa
        Highest |p| of the field at 1 W, Pa (grows with the root of the power).
    peak_m
        Where that is, shape (3,), CT frame, m.
    coarse_square
        |p|² at 1 W on the coarse thermal grid, Pa², 0 in water; the same for every steering.
    """

    source: HeatSource
    field: PressureField
    peak_pressure_pa: float
    peak_m: NDArray[np.float64]
    coarse_square: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "peak_m", frozen(self.peak_m, np.float64))
        object.__setattr__(self, "coarse_square", frozen(self.coarse_square, np.float64))


def focal_grid(model: ThermalModel, centre_m: ArrayLike) -> Grid:
    """Return the grid of the focal field: ±12 mm, on the cells of the thermal model.

    Cells of 0.5 mm are sampled at their centres, larger ones at centres of equal parts of at most
    0.5 mm. So the spot's heat does not depend on where it falls between two grids.

    Parameters
    ----------
    model
        Whose fine cells are sampled.
    centre_m
        Shape (3,), CT frame, m: the middle, to within half a cell.
    """
    cell = float(model.fine_grid.spacing_m[0])
    parts = max(1, ceil(cell / FOCAL_SPACING_M - 1e-6))
    half = round(FOCAL_HALF_WIDTH_M / cell)
    nearest = model.fine_grid.points_of(np.rint(model.fine_grid.indices_of(centre_m)))
    count = (2 * half + 1) * parts
    return Grid.centred(nearest, cell / parts, (count, count, count), Frame.CT)


def heating(
    head: HeadModel,
    model: ThermalModel,
    beam: Beam,
    *,
    centre_m: ArrayLike | None = None,
    coarse_square: NDArray[np.float64] | None = None,
) -> Heating:  # fmt: skip
    """Compute where the drive's sound becomes heat.

    Parameters
    ----------
    head, model
        The head, and the thermal model that was built from it.
    beam
        What makes the sound.
    centre_m
        Middle of the focal grid; the rays' focus when left out.
    coarse_square
        ``Heating.coarse_square`` of the same drive before steering, to save time.

    Raises
    ------
    GeometryError
        When the grids do not fit together.
    """
    elements, drive, rays = beam.elements, beam.drive, beam.rays
    centre = rays.focus if centre_m is None else centre_m
    field = _scaled(
        ray_field(elements, drive, rays, focal_grid(model, centre)), beam.transmission
    )
    if coarse_square is None:
        coarse_square = _coarse_square(head, model, beam)
    source = heat_source(model, head, field, coarse_square)
    magnitude = np.abs(field.pressure)
    index = np.unravel_index(int(magnitude.argmax()), magnitude.shape)
    return Heating(
        source,
        field,
        float(magnitude.max()),
        field.grid.points_of(index),
        coarse_square,
    )


def _coarse_square(head: HeadModel, model: ThermalModel, beam: Beam) -> NDArray[np.float64]:
    """Return |p|² on the coarse grid where tissue can be heated; 0 in water."""
    tissue = ~model.coarse.held
    points = model.coarse_grid.points()[tissue]
    square = mean_square_in_head(points, head, beam.elements, beam.drive)
    square[_in_brain(head, points)] *= beam.transmission**2
    everywhere = np.zeros(model.coarse_grid.shape)
    everywhere[tissue] = square
    return everywhere


def _in_brain(head: HeadModel, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which points lie in the brain: there alone sound has passed the skull."""
    brain = Volume(head.mask(Tissue.BRAIN).astype(np.uint8), head.grid, "1")
    return np.asarray(sample(brain, points, order=0) > 0.5)


def _scaled(field: PressureField, factor: float) -> PressureField:
    if factor == 1.0:
        return field
    return PressureField(
        frozen(field.pressure * np.float32(factor)),
        field.grid,
        field.frequency_hz,
        field.engine,
        field.convergence,
        field.error_estimate,
        field.provenance,
    )
