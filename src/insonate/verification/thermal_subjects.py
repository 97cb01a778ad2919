"""Small heads made by hand, for the checks of heat."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from insonate.core import TISSUES, Frame, Grid, Tissue, TissueProperties
from insonate.core.units import perfusion_per_s
from insonate.head.model import HeadModel, Landmarks
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.voxels import block_mean
from insonate.verification.bioheat import GaussianSource, Medium

FREQUENCY_HZ = 650e3
Maps = dict[str, NDArray[np.float32]]


def hand_made_head(labels: ArrayLike, spacing_m: float = 1e-3) -> HeadModel:
    """Make a head from labels and the tissue table; its middle is at the origin.

    Parameters
    ----------
    labels
        Shape (nx, ny, nz), values of ``Tissue``.
    spacing_m
        Edge of a voxel, m.
    """
    marks = np.asarray(labels, dtype=np.int8)
    shape = (marks.shape[0], marks.shape[1], marks.shape[2])
    maps = _maps(marks)
    landmarks = Landmarks(
        np.array([0.0, 0.012, 0.0]), np.array([0.0, -0.012, 0.0]), np.array([0.0, 0.0, 1.0]),
        0.0, "analytic phantom",
    )  # fmt: skip
    return HeadModel(
        Grid.centred(np.zeros(3), spacing_m, shape, Frame.CT),
        marks,
        np.zeros(shape, np.float32),
        frequency_hz=FREQUENCY_HZ,
        mapping="tissue table",
        landmarks=landmarks,
        density=maps["density"],
        sound_speed=maps["sound_speed"],
        attenuation=maps["attenuation"],
        absorbed_share=maps["absorbed_share"],
        heat_capacity=maps["heat_capacity"],
        conductivity=maps["conductivity"],
        perfusion=maps["perfusion"],
    )


def tissue_medium(tissue: Tissue) -> Medium:
    """Return one tissue of the table as a homogeneous medium, perfusion included."""
    properties = TISSUES[tissue]
    capacity = properties.density.value * properties.heat_capacity.value
    return Medium(properties.conductivity.value, capacity, _blood_sink(properties) / capacity)


def uniform_state(model: ThermalModel, degc: float, water_degc: float = 37.0) -> ThermalState:
    """Return the state in which everything has one temperature, without dose."""
    fine = np.full(model.fine_grid.shape, degc, np.float32)
    coarse = np.full(model.coarse_grid.shape, degc, np.float32)
    doses = (np.zeros_like(fine), np.zeros_like(coarse))
    return ThermalState(0.0, fine, coarse, *doses, fine, coarse, water_degc)


def nested_ball(diameter: int = 56, margin: int = 6) -> NDArray[np.int8]:
    """Return labels of a ball of brain in 4 voxels of bone and 4 of scalp, in water."""
    n = diameter + 2 * margin
    axis = np.arange(n) - (n - 1) / 2
    r = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    labels = np.zeros((n, n, n), np.int8)
    for radius, tissue in (
        (diameter / 2, Tissue.SCALP),
        (diameter / 2 - 4, Tissue.SKULL),
        (diameter / 2 - 8, Tissue.BRAIN),
    ):
        labels[r < radius] = int(tissue)
    return labels


def _blood_sink(properties: TissueProperties) -> float:
    """Return w ρ_b C_b, W/(m³ K), with blood 1050 kg/m³ and 3617 J/(kg K) (IT'IS 4.1)."""
    perfusion = perfusion_per_s(properties.perfusion.value, properties.density.value)
    return perfusion * 1050.0 * 3617.0


def _maps(labels: NDArray[np.int8]) -> Maps:
    rows = {int(tissue): _row(properties) for tissue, properties in TISSUES.items()}
    names = next(iter(rows.values())).keys()
    maps: Maps = {}
    for name in names:
        table = np.array([rows[int(t)][name] for t in Tissue], np.float32)
        maps[name] = table[labels]
    return maps


def _row(properties: TissueProperties) -> dict[str, float]:
    exponent = properties.attenuation_exponent.value
    return {
        "density": properties.density.value,
        "sound_speed": properties.sound_speed.value,
        "attenuation": properties.attenuation.value * (FREQUENCY_HZ * 1e-6) ** exponent,
        "absorbed_share": properties.absorbed_share.value,
        "heat_capacity": properties.heat_capacity.value,
        "conductivity": properties.conductivity.value,
        "perfusion": perfusion_per_s(properties.perfusion.value, properties.density.value),
    }


def gaussian_heat(
    model: ThermalModel, source: GaussianSource, centre_m: NDArray[np.float64]
) -> HeatSource:
    """Average a Gaussian source over the cells of both grids, exactly."""
    fine = _cell_means(model.fine_grid, source, centre_m)
    coarse = _cell_means(model.coarse_grid, source, centre_m)
    coarse[model.region] = block_mean(fine, model.ratio)
    return HeatSource(fine.astype(np.float32), coarse.astype(np.float32))


def _cell_means(
    grid: Grid, source: GaussianSource, centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    root = np.sqrt(2.0) * source.width_m
    means = []
    for axis, middle, h in zip(grid.axes(), centre, grid.spacing_m, strict=True):
        edges = np.append(axis - h / 2, axis[-1] + h / 2) - middle
        means.append(np.sqrt(np.pi) / 2 * root / h * np.diff(erf(edges / root)))
    x, y, z = means
    product: NDArray[np.float64] = source.peak * x[:, None, None] * y[:, None] * z
    return product


def brain_block(voxels: int, spacing_m: float = 1e-3) -> HeadModel:
    """Return a cube of brain."""
    labels = np.full((voxels,) * 3, int(Tissue.BRAIN), np.int8)
    return hand_made_head(labels, spacing_m)
