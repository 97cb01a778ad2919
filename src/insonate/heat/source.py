"""From pressure to absorbed power: q = α_abs |p|²/(ρc)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import GeometryError, Grid, SettingsError
from insonate.core.frames import require_frame
from insonate.field.model import PressureField
from insonate.head.model import HeadModel
from insonate.heat.model import HeatSource, ThermalModel
from insonate.heat.voxels import block_mean, split_voxels, voxels_in


def absorbed_power_density(
    pressure_square: ArrayLike,
    attenuation: ArrayLike,
    absorbed_share: ArrayLike,
    density: ArrayLike,
    sound_speed: ArrayLike,
) -> NDArray[np.float64]:
    """Return the power that becomes heat, q = share · α |p|²/(ρc).

    A plane wave of peak amplitude |p| carries I = |p|²/(2ρc) and loses 2α I on its way, with α
    the attenuation of the amplitude; the two factors of 2 cancel (Nyborg, Phys. Med. Biol.
    26:785, 1981).

    Parameters
    ----------
    pressure_square
        |p|², p the peak (not effective) complex amplitude, Pa².
    attenuation
        α, Np/m.
    absorbed_share
        The part of α that becomes heat, 0-1.
    density, sound_speed
        ρ in kg/m³ and c in m/s, positive.

    Returns
    -------
    NDArray
        W/m³, in the broadcast shape.

    Raises
    ------
    SettingsError
        When something is negative or NaN, the share exceeds 1, or ρ or c are not positive.
    """
    p2, alpha, share, rho, c = (
        np.asarray(v, dtype=np.float64)
        for v in (pressure_square, attenuation, absorbed_share, density, sound_speed)
    )
    fine = (p2 >= 0).all() and (alpha >= 0).all() and (share >= 0).all() and (share <= 1).all()
    if not (fine and (rho > 0).all() and (c > 0).all()):
        raise SettingsError(
            "Absorbed power needs |p|² and attenuation of at least 0, an absorbed share between "
            "0 and 1 and positive density and sound speed, without NaN; check the field and the maps."
        )
    return share * alpha * p2 / (rho * c)


def heat_source(
    model: ThermalModel,
    head: HeadModel,
    fine_field: PressureField,
    coarse_mean_square: NDArray[np.floating],
    *,
    field_power_w: float = 1.0,
) -> HeatSource:
    """Turn a field into heat on both grids of the model, for each watt of acoustic power.

    On the fine grid |p|² is the mean of the field over each cell: by its second difference where
    the field was taken at the cells' centres, else by the overlap of the voxels of both grids,
    which widens a narrow spot by up to a cell; both keep the integral. Cells that the field does
    not reach take ``coarse_mean_square``. Coarse cells under the fine grid are given the mean heat of their fine
    cells, all others their voxels' mean of share · α/(ρc) times ``coarse_mean_square``.

    Parameters
    ----------
    model
        The thermal model.
    head
        The head it was built from.
    fine_field
        Round the focus, on an axis-aligned grid of the CT frame.
    coarse_mean_square
        Shape ``model.coarse_grid.shape``: |p|² averaged over each coarse cell, p the peak
        amplitude, Pa²; of the same acoustic power as ``fine_field``.
    field_power_w
        The acoustic power that both were computed for, W.

    Returns
    -------
    HeatSource

    Raises
    ------
    GeometryError
        When the field is in another frame or oblique, or the shapes do not fit.
    SettingsError
        When a pressure is NaN or the power is not positive.
    """
    require_frame(fine_field.grid.frame, model.coarse_grid.frame, "The field round the focus")
    square = np.asarray(coarse_mean_square, dtype=np.float64)
    if square.shape != model.coarse_grid.shape:
        raise GeometryError(
            f"The mean square pressure has shape {square.shape}, the coarse thermal grid "
            f"{model.coarse_grid.shape}; compute it at the cells of model.coarse_grid."
        )
    if not field_power_w > 0:
        raise SettingsError(
            f"The field was computed for {field_power_w} W; it must be a positive power."
        )
    fine = _fine_heat(model, head, fine_field, square)
    coarse = block_mean(
        _absorption(head, model.coarse_grid), _voxels_across(head, model.coarse_grid)
    )
    coarse = coarse * absorbed_power_density(square, 1.0, 1.0, 1.0, 1.0)
    coarse[model.region] = block_mean(fine, model.ratio)
    fine, coarse = fine / field_power_w, coarse / field_power_w
    return HeatSource(fine.astype(np.float32), coarse.astype(np.float32))


def _absorption(head: HeadModel, cells: Grid) -> NDArray[np.float64]:
    """Return share · α/(ρc) of the voxels within ``cells``."""
    share, alpha, density, speed = (
        voxels_in(head.grid, getattr(head, name), cells)
        for name in ("absorbed_share", "attenuation", "density", "sound_speed")
    )
    return absorbed_power_density(1.0, alpha, share, density, speed)


def _voxels_across(head: HeadModel, cells: Grid) -> int:
    return round(float(cells.spacing_m[0] / head.grid.spacing_m[0]))


def _fine_heat(
    model: ThermalModel, head: HeadModel, field: PressureField, square: NDArray[np.float64]
) -> NDArray[np.float64]:
    grid = model.fine_grid
    absorption = _absorption(head, grid)
    split = grid.shape[0] // absorption.shape[0]
    power = np.abs(field.pressure).astype(np.float64) ** 2
    if not np.isfinite(power).all():
        raise SettingsError(
            "The pressure field round the focus holds NaN or infinite values; compute it again."
        )
    if _samples_cells(field.grid, grid):
        power = _cell_means(power)
    mean, covered = _overlap_mean(field.grid, power, grid)
    around = split_voxels(square[model.region], model.ratio)
    mean_square = mean + (1.0 - covered) * around
    return split_voxels(absorption, split) * absorbed_power_density(
        mean_square, 1.0, 1.0, 1.0, 1.0
    )


def _samples_cells(field: Grid, cells: Grid) -> bool:
    """Say whether the field was taken at the centres of cells."""
    index = cells.indices_of(field.origin_m)
    same = np.allclose(field.spacing_m, cells.spacing_m, rtol=1e-6, atol=0.0)
    return bool(same and np.allclose(index, np.rint(index), atol=1e-4))


def _cell_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn values at the centres of cells into their means: q + h²/24 ∇²q, of fourth order.

    The second difference is that of values that go on beyond the edge; the sum is kept.
    """
    padded = np.pad(values, 1, mode="edge")
    mean = values * (1.0 - 6.0 / 24.0)
    for axis in range(3):
        for begin in (0, 2):
            part = [slice(1, -1)] * 3
            part[axis] = slice(begin, begin + values.shape[axis])
            mean = mean + padded[tuple(part)] / 24.0
    return mean


def _overlap_mean(
    source: Grid, values: NDArray[np.float64], cells: Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Integrate voxels over cells, per cell volume; also the part of each cell that they fill."""
    if not source.is_axis_aligned:
        raise GeometryError(
            "The field round the focus lies on an oblique grid; sample it on axes of the CT frame."
        )
    x, y, z = (_overlaps(source.axes()[a], cells.axes()[a]) for a in range(3))
    mean = np.einsum("ia,abc->ibc", x, values, optimize=True)
    mean = np.einsum("jb,ibc->ijc", y, mean, optimize=True)
    mean = np.einsum("kc,ijc->ijk", z, mean, optimize=True)
    filled = x.sum(axis=1)[:, None, None] * y.sum(axis=1)[:, None] * z.sum(axis=1)
    return mean, np.minimum(filled, 1.0)


def _overlaps(source: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of each cell (row) that each voxel (column) covers, from their centres."""
    h = source[1] - source[0] if source.size > 1 else cells[1] - cells[0]
    width = cells[1] - cells[0]
    low = np.maximum(source - h / 2, cells[:, None] - width / 2)
    high = np.minimum(source + h / 2, cells[:, None] + width / 2)
    part: NDArray[np.float64] = np.maximum(high - low, 0.0) / width
    return part
