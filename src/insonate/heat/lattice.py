"""The bioheat equation on one grid: finite volumes with conductances through their faces.

Pennes (J. Appl. Physiol. 1:93, 1948) for the rise U = T − T_a over arterial blood,

    ρC ∂U/∂t = ∇·(κ∇U) − w ρ_b C_b U + q,

integrated over each cell. Heat flows between two cells by the temperature difference over the
resistances in between, so what leaves one cell enters the next and heat is conserved to
rounding. A resistance sums layers in series along the way and averages columns in parallel:
for cells as large as the voxels this is the harmonic mean of κ, for larger ones it keeps thin
layers such as the scalp in front of the bone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from insonate.core import Grid, SettingsError
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
    rows
        Of each row along z at (x, y) the first cell that is not held, the longest run of cells
        that are all alike (begin, end), and the end of what is not held; int32, (nx, ny, 4).
    bulk
        What those cells have in common: three conductances, 1/ρC, sink; float32, (5,).
    wet
        For each axis the flat indices of the faces between water and tissue.
    exchange
        Coefficient with which ``conductance`` was made there, W/(m² K).
    spectral_radius
        Bound on the fastest decay rate, 1/s (Gershgorin's circles).
    """

    grid: Grid
    conductance: tuple[Field, Field, Field]
    capacity: Field
    inverse_capacity: Field
    sink: Field
    held: NDArray[np.bool_]
    rows: NDArray[np.int32]
    bulk: Field
    wet: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    exchange: float
    spectral_radius: float


@dataclass(frozen=True)
class Surroundings:
    """What a lattice borders on: exchange with water, W/(m² K), and its outermost faces.

    ``edge`` is "insulated" (no heat crosses it by itself) or "body" (the face has body
    temperature).
    """

    exchange: float
    edge: str


def build_lattice(grid: Grid, material: Material, around: Surroundings) -> Lattice:
    """Make the coefficients of one grid from the voxels in its cells.

    Parameters
    ----------
    grid
        The cells; each holds ``block``³ voxels of ``material``.
    material
        The voxels.
    around
        What surrounds the grid.

    Returns
    -------
    Lattice
    """
    block = material.water.shape[0] // grid.shape[0]
    held = block_mean(material.water.astype(np.float32), block) >= 0.5
    tissue = 1.0 - material.water.astype(np.float32)
    share = np.maximum(block_mean(tissue, block), 1e-6)
    capacity = block_mean(material.capacity * tissue, block) / share
    perfusion = block_mean(material.perfusion * tissue, block) / share
    capacity[held] = block_mean(material.capacity, block)[held]
    inverse = np.where(held, 0.0, 1.0 / capacity).astype(np.float32, order="C")
    sink = np.where(held, 0.0, BLOOD_CAPACITY * perfusion * inverse).astype(
        np.float32, order="C"
    )
    conductance = _conductances(grid, material.conductivity, held, around)
    bulk, alike = _bulk(conductance, inverse, sink)
    return Lattice(
        grid,
        conductance,
        frozen(capacity, np.float32),
        frozen(inverse),
        frozen(sink),
        frozen(held),
        frozen(_rows(~held, alike)),
        frozen(bulk),
        _wet_faces(held),
        around.exchange,
        _spectral_radius(conductance, inverse, sink),
    )


def with_exchange(lattice: Lattice, exchange: float) -> Lattice:
    """Return the same cells under water that exchanges ``exchange`` W/(m² K) with them.

    A wet face conducts 1/(1/h + R) with R the resistance of the half cell behind it; R follows
    from the conductance at the old h, exactly where a face is one voxel, and else for the mean
    of its columns.

    Raises
    ------
    SettingsError
        When either coefficient is not positive.
    """
    if not (exchange > 0 and lattice.exchange > 0):
        raise SettingsError(
            f"The exchange with the water cannot go from {lattice.exchange} to {exchange} "
            "W/(m² K): both must be positive; still water has 50 or more."
        )
    changed = []
    for axis, (g, wet) in enumerate(zip(lattice.conductance, lattice.wet, strict=True)):
        h = float(lattice.grid.spacing_m[axis])
        new = g.copy()
        resistance = 1.0 / (g.ravel()[wet].astype(np.float64) * h) - 1.0 / lattice.exchange
        new.ravel()[wet] = 1.0 / (h * (np.maximum(resistance, 0.0) + 1.0 / exchange))
        changed.append(frozen(new))
    x, y, z = changed
    radius = _spectral_radius((x, y, z), lattice.inverse_capacity, lattice.sink)
    return replace(lattice, conductance=(x, y, z), exchange=exchange, spectral_radius=radius)


def without_blood(lattice: Lattice, stopped: NDArray[np.bool_]) -> Lattice:
    """Return the same cells with no perfusion where ``stopped``."""
    return _with_sink(lattice, np.where(stopped, np.float32(0.0), lattice.sink), stopped)


def with_blood_of(
    coarse: Lattice, fine: Lattice, region: tuple[slice, slice, slice], ratio: int
) -> Lattice:
    """Return coarse cells with the mean perfusion of the fine cells that lie in them."""
    sink = coarse.sink.copy()
    carried = block_mean(fine.sink * fine.capacity, ratio)
    sink[region] = carried * coarse.inverse_capacity[region]
    other = ~np.isclose(sink, coarse.sink, rtol=1e-6, atol=0.0)
    return _with_sink(coarse, sink, other)


def _with_sink(lattice: Lattice, sink: Field, other: NDArray[np.bool_]) -> Lattice:
    begin, end = lattice.rows[..., 1:2], lattice.rows[..., 2:3]
    along = np.arange(sink.shape[2])
    alike = (along >= begin) & (along < end) & ~other
    return replace(lattice, sink=frozen(sink), rows=frozen(_rows(~lattice.held, alike)))


def _wet_faces(
    held: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    found = []
    for axis in range(3):
        line = np.moveaxis(held, axis, 0)
        wet = np.zeros((line.shape[0] + 1, *line.shape[1:]), np.bool_)
        wet[1:-1] = line[:-1] != line[1:]
        found.append(frozen(np.flatnonzero(np.moveaxis(wet, 0, axis))))
    x, y, z = found
    return x, y, z


def _bulk(
    conductance: tuple[Field, Field, Field], inverse: Field, sink: Field
) -> tuple[Field, NDArray[np.bool_]]:
    """Find the commonest kind of cell, and which cells are of it, all six faces included."""
    live = inverse > 0
    values, counts = np.unique(
        inverse[live][:: max(1, live.size // 100_000)], return_counts=True
    )
    if not values.size:
        return np.zeros(5, np.float32), live
    common = values[counts.argmax()]
    alike = inverse == common
    kinds = np.empty(5, np.float32)
    kinds[3], kinds[4] = common, np.median(sink[alike])
    alike &= np.isclose(sink, kinds[4], rtol=1e-6, atol=0.0)
    for axis, g in enumerate(conductance):
        line, kept = np.moveaxis(g, axis, 0), np.moveaxis(alike, axis, 0)
        kinds[axis] = np.median(line[1:][kept][::7]) if kept.any() else 0.0
        close = np.isclose(line, kinds[axis], rtol=1e-6, atol=0.0)
        kept &= close[1:] & close[:-1]
    return kinds, alike


def _rows(live: NDArray[np.bool_], alike: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return (first live, run begin, run end, live end) of each row along z."""
    nx, ny, nz = live.shape
    rows = np.zeros((nx, ny, 4), np.int32)
    some = live.any(axis=2)
    rows[..., 0] = np.where(some, live.argmax(axis=2), 0)
    rows[..., 3] = np.where(some, nz - live[:, :, ::-1].argmax(axis=2), 0)
    begin, end = _longest_runs(alike)
    rows[..., 1] = np.where(end > begin, begin, rows[..., 0])
    rows[..., 2] = np.where(end > begin, end, rows[..., 0])
    return rows


def _longest_runs(marks: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return begin and end of the longest run of True along the last axis."""
    begin = np.zeros(marks.shape[:2], np.int32)
    end, length = begin.copy(), begin.copy()
    for k in range(marks.shape[2]):
        length = np.where(marks[:, :, k], length + 1, 0)
        longer = length > end - begin
        begin = np.where(longer, k + 1 - length, begin)
        end = np.where(longer, k + 1, end)
    return begin, end


def _conductances(
    grid: Grid, conductivity: Field, water: NDArray[np.bool_], around: Surroundings
) -> tuple[Field, Field, Field]:
    x, y, z = (
        np.ascontiguousarray(
            _faces(axis, float(grid.spacing_m[axis]), conductivity, water, around), np.float32
        )
        for axis in range(3)
    )
    return frozen(x), frozen(y), frozen(z)


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
    outer = 1.0 if around.edge == "body" else 0.0
    inner = np.concatenate((outer / low[:1], inner, outer / high[-1:]))
    inner = inner.reshape(inner.shape[0], held.shape[1], block, held.shape[2], block)
    faces: NDArray[np.float64] = np.moveaxis(inner.mean(axis=(2, 4)), 0, axis) / spacing
    return faces


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
