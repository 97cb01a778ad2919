"""The bioheat equation on one grid: finite volumes with conductances through their faces.

Pennes (J. Appl. Physiol. 1:93, 1948) for the rise U = T − T_a over arterial blood,

    ρC ∂U/∂t = ∇·(κ∇U) − w ρ_b C_b U + q,

integrated over each cell. Heat flows between two cells by the temperature difference over the
resistances in between, so what leaves one cell enters the next and heat is conserved to
rounding. A resistance sums layers in series along the way and averages columns in parallel:
for cells as large as the voxels this is the harmonic mean of κ, for larger ones it keeps thin
layers such as the scalp in front of the bone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import Grid
from insonate.core.arrays import frozen
from insonate.core.tissue import BLOOD_DENSITY, BLOOD_HEAT_CAPACITY
from insonate.heat.voxels import block_mean

Field = NDArray[np.float32]

BLOOD_CAPACITY = BLOOD_DENSITY.value * BLOOD_HEAT_CAPACITY.value
"""ρ_b C_b, J/(m³ K)."""


@dataclass(frozen=True, eq=False)
class Material:
    """Voxels that cells are made of, (n·block) of them along each axis.

    ``conductivity`` W/(m K), ``capacity`` ρC in J/(m³ K), ``perfusion`` 1/s, float32;
    ``water`` bool: voxels of the circulating water.
    """

    conductivity: Field
    capacity: Field
    perfusion: Field
    water: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The coefficients of the bioheat equation on one grid.

    Parameters
    ----------
    grid
        The cells.
    conductance
        For each axis the flow through the faces per volume of a cell and kelvin, W/(m³ K), with
        one more face than cells along that axis; float32.
    capacity
        ρC, shape ``grid.shape``, J/(m³ K).
    inverse_capacity
        1/ρC, and 0 in cells that are held at the temperature of the water.
    sink
        w ρ_b C_b/ρC, 1/s.
    held
        Cells of water, at a prescribed temperature.
    live_rows
        Whether any cell of the row along z at (x, y) is not held; shape (nx, ny).
    spectral_radius
        Bound on the fastest decay rate, 1/s (Gershgorin's circles).
    """

    grid: Grid
    conductance: tuple[Field, Field, Field]
    capacity: Field
    inverse_capacity: Field
    sink: Field
    held: NDArray[np.bool_]
    live_rows: NDArray[np.bool_]
    spectral_radius: float


@dataclass(frozen=True)
class Surroundings:
    """What a lattice borders on: exchange with water, W/(m² K), and its outermost faces.

    ``edge`` is "insulated", "fixed" (the ghost layer has a prescribed temperature at the centre
    of a ghost cell made of the margin) or "body" (the face itself has the ghost's temperature).
    """

    exchange: float
    edge: str


def build_lattice(grid: Grid, material: Material, around: Surroundings) -> Lattice:
    """Make the coefficients of one grid from the voxels in its cells.

    Parameters
    ----------
    grid
        The cells; each holds ``block``³ voxels of ``material``. With ``around.edge`` "fixed" the
        material has a margin of one cell (of one voxel) more on every side.
    material
        The voxels.
    around
        What surrounds the grid.

    Returns
    -------
    Lattice
    """
    margin = 1 if around.edge == "fixed" else 0
    block = (material.water.shape[0] - 2 * margin) // grid.shape[0]
    water = block_mean(material.water.astype(np.float32), block) >= 0.5
    inner = (slice(margin, -margin or None),) * 3
    tissue = 1.0 - material.water.astype(np.float32)
    share = np.maximum(block_mean(tissue, block)[inner], 1e-6)
    capacity = _tissue_mean(material.capacity, tissue, block)[inner] / share
    perfusion = _tissue_mean(material.perfusion, tissue, block)[inner] / share
    held = water[inner]
    capacity[held] = block_mean(material.capacity, block)[inner][held]
    inverse = np.where(held, 0.0, 1.0 / capacity).astype(np.float32)
    sink = np.where(held, 0.0, BLOOD_CAPACITY * perfusion * inverse).astype(np.float32)
    conductance = _conductances(grid, material.conductivity, water, around)
    return Lattice(
        grid,
        conductance,
        frozen(capacity, np.float32),
        frozen(inverse),
        frozen(sink),
        frozen(held),
        frozen((~held).any(axis=2)),
        _spectral_radius(conductance, inverse, sink),
    )


def _tissue_mean(values: Field, tissue: Field, block: int) -> NDArray[np.float64]:
    return block_mean(values * tissue, block)


def _conductances(
    grid: Grid, conductivity: Field, water: NDArray[np.bool_], around: Surroundings
) -> tuple[Field, Field, Field]:
    x, y, z = (
        frozen(
            _faces(axis, float(grid.spacing_m[axis]), conductivity, water, around), np.float32
        )
        for axis in range(3)
    )
    return x, y, z


def _faces(
    axis: int,
    spacing: float,
    conductivity: Field,
    water: NDArray[np.bool_],
    around: Surroundings,
) -> NDArray[np.float64]:
    """Conductances through the faces across one axis, W/(m³ K), outermost faces included."""
    kappa = np.moveaxis(conductivity, axis, 0)
    held = np.moveaxis(water, axis, 0)
    block = kappa.shape[0] // held.shape[0]
    low, high = _half_resistances(kappa, block, spacing)
    columns = np.repeat(np.repeat(held, block, axis=1), block, axis=2)
    with np.errstate(divide="ignore"):
        film = np.float64(1.0) / around.exchange
    wet = columns[:-1] != columns[1:]
    into = np.where(columns[:-1] & wet, film, high[:-1])
    out_of = np.where(columns[1:] & wet, film, low[1:])
    inner = 1.0 / (into + out_of)
    if around.edge == "fixed":
        inner = inner[:, 1:-1, 1:-1]
    else:
        outer = 1.0 if around.edge == "body" else 0.0
        inner = np.concatenate((outer / low[:1], inner, outer / high[-1:]))
        inner = inner.reshape(inner.shape[0], held.shape[1], block, held.shape[2], block)
        inner = inner.mean(axis=(2, 4))
    return np.moveaxis(inner, 0, axis) / spacing


def _half_resistances(
    kappa: Field, block: int, spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Resistance (m² K/W) from each cell's lower face to its centre, and on to its upper face."""
    layers = spacing / block / kappa.astype(np.float64)
    layers = layers.reshape(-1, block, *kappa.shape[1:])
    half = block // 2
    low, high = layers[:, :half].sum(axis=1), layers[:, block - half :].sum(axis=1)
    if block % 2:
        low, high = low + layers[:, half] / 2, high + layers[:, half] / 2
    return low, high


def _spectral_radius(
    conductance: tuple[Field, Field, Field], inverse: Field, sink: Field
) -> float:
    x, y, z = conductance
    total = x[1:] + x[:-1] + y[:, 1:] + y[:, :-1] + z[:, :, 1:] + z[:, :, :-1]
    return float((2.0 * total * inverse + sink).max())
