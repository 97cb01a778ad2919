"""What the exposure of a field is held to: a plane wave that decays through bone and brain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid, Tissue
from insonate.core.units import TWO_PI
from insonate.field import Convergence, PressureField
from insonate.field.exposure import TissuePower, mechanical_index, power_by_tissue
from insonate.head import HeadModel, Landmarks
from insonate.verification.check import Check, at_most

AREA = "field"
FREQUENCY_HZ = 500e3
SPACING_M = 0.25e-3
AMPLITUDE_PA = 1e5
BONE_M = 6e-3
"""Thickness of the bone that the wave crosses before the brain."""
Power = Callable[[PressureField, HeadModel], dict[Tissue, TissuePower]]


@dataclass(frozen=True)
class Layer:
    """Density (kg/m³), sound speed (m/s), attenuation (Np/m) and what of it becomes heat."""

    density: float
    sound_speed: float
    attenuation: float
    absorbed_share: float


BONE = Layer(1850.0, 2800.0, 46.0, 0.28)
BRAIN = Layer(1040.0, 1560.0, 3.5, 1.0)


def layered(shape: tuple[int, int, int]) -> HeadModel:
    """Return a head of bone (``BONE_M`` thick) and brain along x."""
    grid = Grid.centred((0.0, 0.0, 0.0), SPACING_M, shape, Frame.CT)
    depth = np.broadcast_to(_depth(grid)[:, None, None], shape)
    bone = depth < BONE_M

    def of(name: str) -> NDArray[np.float32]:
        inside, behind = float(getattr(BONE, name)), float(getattr(BRAIN, name))
        return np.where(bone, np.float32(inside), np.float32(behind))

    ones = np.ones(shape, np.float32)
    up = np.array((0.0, 0.0, 1.0))
    half = np.array((0.0, 0.0125, 0.0))
    return HeadModel(
        grid=grid,
        labels=np.where(bone, int(Tissue.SKULL), int(Tissue.BRAIN)).astype(np.int8),
        hounsfield=40 * ones, density=of("density"), sound_speed=of("sound_speed"),
        attenuation=of("attenuation"), absorbed_share=of("absorbed_share"),
        heat_capacity=4000 * ones, conductivity=0.5 * ones, perfusion=0 * ones,
        frequency_hz=FREQUENCY_HZ, mapping="closed form",
        landmarks=Landmarks(half, -half, up, 0.0, "closed form"),
    )  # fmt: skip


def decaying_wave() -> tuple[PressureField, HeadModel, dict[Tissue, float]]:
    """Return a wave along x that decays in bone and brain, and the power (W) that each takes.

    |p| = p₀ e^{-αx} in each, as though nothing came back from the face between them: I loses
    I₀(1 - e^{-2αd}) over a thickness d.
    """
    shape = (64, 6, 5)
    head = layered(shape)
    depth = _depth(head.grid)
    in_bone = depth < BONE_M
    decay = np.where(in_bone, BONE.attenuation * depth, BRAIN.attenuation * (depth - BONE_M))
    wave = AMPLITUDE_PA * np.exp(-decay + 1j * TWO_PI * FREQUENCY_HZ / 1500.0 * depth)
    field = PressureField(
        np.broadcast_to(wave[:, None, None], shape), head.grid, FREQUENCY_HZ, "closed form",
        Convergence(converged=True, iterations=0, residual=0.0, sentence="Closed form."), 0.0,
    )  # fmt: skip
    area = shape[1] * shape[2] * SPACING_M**2
    thickness = {Tissue.SKULL: BONE_M, Tissue.BRAIN: shape[0] * SPACING_M - BONE_M}
    lost = {
        tissue: area * _loss(layer, thickness[tissue])
        for tissue, layer in ((Tissue.SKULL, BONE), (Tissue.BRAIN, BRAIN))
    }
    return field, head, lost


def _depth(grid: Grid) -> NDArray[np.float64]:
    """Return the depth of cell centres below the first face of the first cell."""
    return np.asarray((np.arange(grid.shape[0]) + 0.5) * SPACING_M, np.float64)


def _loss(layer: Layer, thickness: float) -> float:
    incident = AMPLITUDE_PA**2 / (2 * layer.density * layer.sound_speed)
    return float(incident * -np.expm1(-2 * layer.attenuation * thickness))


def power_error(power: Power = power_by_tissue) -> float:
    """Return the largest relative error of lost and absorbed power of bone and brain."""
    field, head, lost = decaying_wave()
    found = power(field, head)
    errors = [
        abs(value / (lost[tissue] * share) - 1)
        for tissue, layer in ((Tissue.SKULL, BONE), (Tissue.BRAIN, BRAIN))
        for value, share in (
            (found[tissue].lost_w, 1.0),
            (found[tissue].absorbed_w, layer.absorbed_share),
        )
    ]
    return max(errors)


def checks() -> Iterator[Check]:
    """Yield the quick checks."""
    yield at_most(
        AREA, "power lost and absorbed in bone and brain, plane wave", power_error(), 0.002, "1",
        "I₀(1 - exp(-2αd)), midpoint sum",
    )  # fmt: skip
    found = float(mechanical_index(1.9e6, 1e6))
    yield at_most(
        AREA, "mechanical index of 1.9 MPa at 1 MHz", abs(found - 1.9), 1e-9, "1",
        "p₋/√f (Apfel & Holland, Ultrasound Med. Biol. 17:179, 1991)",
    )  # fmt: skip
