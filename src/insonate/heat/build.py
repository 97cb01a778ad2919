"""From a head to the two lattices of its thermal model."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import GeometryError, Grid, SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.core.frames import affine_from
from insonate.head.model import HeadModel
from insonate.heat.lattice import Lattice, Material, Surroundings, build_lattice
from insonate.heat.model import Cells, ThermalModel
from insonate.heat.options import ThermalOptions
from insonate.heat.scheme import require_stable
from insonate.heat.voxels import block_mean, split_voxels, voxels_in

AIR_DIFFUSIVITY = 0.7e-7
"""m²/s: half that of water. Air's own, 2.2e-5, would force steps a hundred times shorter; its heat
capacity is raised instead, to 10 % of a tissue's: it still insulates and stores next to nothing."""

_MAPS = ("labels", "conductivity", "density", "heat_capacity", "perfusion")
_READ_OUT = (Tissue.SCALP, Tissue.SKULL, Tissue.BRAIN)
_BOUNDS = {
    "density": (0.0, True),
    "sound_speed": (0.0, True),
    "attenuation": (0.0, False),
    "absorbed_share": (0.0, False),
    "heat_capacity": (0.0, True),
    "conductivity": (0.0, True),
    "perfusion": (0.0, False),
}


@dataclass(frozen=True)
class Layout:
    """How the grids lie on the head's voxels.

    ``block`` head voxels make a coarse cell, and ``split`` fine cells a head voxel, along each
    axis; ``start`` and ``stop`` are the coarse grid in blocks of the head's grid, ``low`` and
    ``high`` the fine region in the same count.
    """

    block: int
    split: int
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def build_thermal_model(
    head: HeadModel, focus_m: ArrayLike, *, options: ThermalOptions | None = None
) -> ThermalModel:
    """Make the thermal model of a head round a focus.

    Coarse cells hold the mean ρC and perfusion of their tissue voxels (water left out) and
    conduct as their voxels do in series and in parallel; a cell that is at least half water is
    water. Air cells conduct as air.

    Parameters
    ----------
    head
        The head, in the CT frame.
    focus_m
        Shape (3,), m, CT frame: the middle of the fine grid, to within half a coarse cell.
    options
        Spacings and surroundings.

    Returns
    -------
    ThermalModel

    Raises
    ------
    GeometryError
        When the focus or the fine grid leaves the head's grid.
    SettingsError
        When a property is missing, negative or NaN, or the longest time step cannot be taken.
    """
    settings = options or ThermalOptions()
    focus = np.asarray(focus_m, dtype=np.float64)
    _require_properties(head)
    layout = _layout(head, focus, settings)
    coarse, shares = _coarse(head, layout, settings)
    fine, labels = _fine(head, layout, settings)
    for lattice in (fine, coarse):
        require_stable(settings.cooling_step_s, lattice)
    corner = layout.low - layout.start
    ratio = layout.block * layout.split
    return ThermalModel(
        fine,
        coarse,
        (int(corner[0]), int(corner[1]), int(corner[2])),
        ratio,
        _tissue_cells(labels, shares, corner, ratio),
        frozen(focus),
        settings,
    )


def _require_properties(head: HeadModel) -> None:
    faults = []
    for name, (low, strict) in _BOUNDS.items():
        values = getattr(head, name)
        good = (values > low) if strict else (values >= low)
        bad = int(values.size - np.count_nonzero(good & np.isfinite(values)))
        if bad:
            wanted = "positive" if strict else "at least 0"
            faults.append(
                f"The map '{name}' of the head has {bad} voxels that are missing, NaN or not "
                f"{wanted}; give every voxel a value."
            )
    if (head.absorbed_share > 1).any():
        faults.append("The map 'absorbed_share' exceeds 1; it is the part of the attenuation.")
    if faults:
        raise SettingsError(" ".join(faults))


def _layout(head: HeadModel, focus: NDArray[np.float64], options: ThermalOptions) -> Layout:
    if focus.shape != (3,) or not head.grid.contains(focus, -0.5).all():
        raise GeometryError(
            f"The focus {np.round(focus * 1e3, 1).tolist()} mm lies outside the grid of the head; "
            "give a point inside it, in metres of the CT frame."
        )
    if not head.grid.is_axis_aligned:
        raise GeometryError("The grid of the head must be axis-aligned; resample it first.")
    spacing = head.grid.spacing_m
    block = max(1, round(options.coarse_spacing_m / float(spacing.max())))
    split = ceil(float(spacing.max()) / options.fine_spacing_m - 1e-6)
    count = np.maximum(1, np.rint(2 * options.fine_half_width_m / (spacing * block)))
    low = np.rint((head.grid.indices_of(focus) + 0.5) / block - count / 2).astype(np.int64)
    high = low + count.astype(np.int64)
    blocks = -(-np.array(head.grid.shape) // block)
    if (low < 1).any() or (high > blocks - 1).any():
        raise GeometryError(
            f"The fine grid of {2e3 * options.fine_half_width_m:g} mm round the focus "
            f"{np.round(focus * 1e3, 1).tolist()} mm leaves the image; make fine_half_width_m "
            "smaller or use an image that covers more."
        )
    start, stop = _bounding_blocks(head, block)
    start, stop = np.minimum(start, low) - 1, np.maximum(stop, high) + 1
    return Layout(block, split, np.maximum(start, 0), np.minimum(stop, blocks), low, high)


def _bounding_blocks(
    head: HeadModel, block: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tissue = head.labels != int(Tissue.WATER)
    if not tissue.any():
        raise GeometryError("The head holds no tissue: every voxel is water.")
    start, stop = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        found = np.flatnonzero(tissue.any(axis=others))
        start[axis], stop[axis] = found[0] // block, found[-1] // block + 1
    return start, stop


def _material(head: HeadModel, grid: Grid, split: int) -> Material:
    maps = {n: voxels_in(head.grid, getattr(head, n), grid) for n in _MAPS}
    conductivity = maps["conductivity"]
    capacity = maps["density"] * maps["heat_capacity"]
    air = maps["labels"] == int(Tissue.AIR)
    capacity[air] = np.maximum(capacity[air], conductivity[air] / AIR_DIFFUSIVITY)
    water = maps["labels"] == int(Tissue.WATER)
    fields = (conductivity, capacity, maps["perfusion"], water)
    return Material(*(split_voxels(f, split) for f in fields))


def _coarse(
    head: HeadModel, layout: Layout, options: ThermalOptions
) -> tuple[Lattice, dict[Tissue, NDArray[np.bool_]]]:
    grid = _grid(
        head.grid, layout.start * layout.block, layout.stop - layout.start, layout.block
    )
    edge = "body" if options.cut_at_body_temperature else "insulated"
    material = _material(head, grid, 1)
    lattice = build_lattice(grid, material, Surroundings(options.water_exchange, edge))
    labels = voxels_in(head.grid, head.labels, grid)
    shares = {
        tissue: (block_mean(labels == int(tissue), layout.block) >= 0.5) & ~lattice.held
        for tissue in _READ_OUT
    }
    return lattice, shares


def _fine(
    head: HeadModel, layout: Layout, options: ThermalOptions
) -> tuple[Lattice, NDArray[np.int8]]:
    shape = (layout.high - layout.low) * layout.block * layout.split
    grid = _grid(head.grid, layout.low * layout.block, shape, 1.0 / layout.split)
    material = _material(head, grid, layout.split)
    lattice = build_lattice(grid, material, Surroundings(options.water_exchange, "insulated"))
    labels = split_voxels(voxels_in(head.grid, head.labels, grid), layout.split)
    return lattice, labels


def _grid(
    head: Grid, first: NDArray[np.int64], shape: NDArray[np.int64], voxels: float
) -> Grid:
    """Return a grid of cells ``voxels`` wide whose lower corner is that of voxel ``first``."""
    spacing = head.spacing_m * voxels
    origin = head.points_of(first - 0.5) + spacing / 2
    x, y, z = (int(n) for n in shape)
    return Grid((x, y, z), affine_from(np.diag(spacing), origin), head.frame)


def _tissue_cells(
    labels: NDArray[np.int8],
    shares: dict[Tissue, NDArray[np.bool_]],
    corner: NDArray[np.int64],
    ratio: int,
) -> dict[Tissue, Cells]:
    stop = corner + np.array(labels.shape) // ratio
    covered = tuple(slice(int(a), int(b)) for a, b in zip(corner, stop, strict=True))
    cells = {}
    for tissue, share in shares.items():
        outside = share.copy()
        outside[covered] = False
        fine = np.flatnonzero(labels == int(tissue))
        cells[tissue] = Cells(frozen(fine), frozen(np.flatnonzero(outside)))
    return cells
