"""Checks of the skull metrics: known layers, and a skull that is thicker on the right."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from insonate.array import hemisphere
from insonate.core import Frame, Grid
from insonate.field import Rays, trace_rays
from insonate.head import HeadModel
from insonate.planner.sdr import SkullDensityRatios, skull_density_ratios
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.layered_head import (
    BONE,
    BRAIN,
    WATER,
    Material,
    layered_head,
    sphere_depth,
)

Float64 = NDArray[np.float64]
Ratios = Callable[[HeadModel, Rays], SkullDensityRatios]
Trace = Callable[[HeadModel, Float64, Float64], Rays]

OUTER_HU, DIPLOE_HU, INNER_HU = 1400.0, 900.0, 1800.0
EXACT_RATIOS = {
    "workstation": DIPLOE_HU / OUTER_HU,
    "older": DIPLOE_HU / (0.5 * (OUTER_HU + INNER_HU)),
    "skullgan": DIPLOE_HU / INNER_HU,
}
"""Of the three-layer skull; chosen so that no two definitions agree."""

LAYERS = "definition, with the HU of the layers"


def skull_checks() -> Iterator[Check]:
    """Yield the checks of this file."""
    for name, error in sdr_errors().items():
        yield at_most("planner", f"skull density ratio '{name}' of a three-layer phantom", error,
                      0.02, "1", LAYERS)  # fmt: skip
    yield at_least("planner", "extra thickness seen by elements on the right of a skull that is "
                   "thicker on the right", thicker_on_the_right(), 1.0e-3, "m",
                   "geometry: spheres shifted by 1.5 mm to the right")  # fmt: skip


def three_layer_head() -> HeadModel:
    """Return a sphere with tables of 3 mm round a diploe of 4 mm on a 0.75 mm grid."""
    bone = [
        Material(BONE.tissue, hu, BONE.density, BONE.sound_speed, BONE.attenuation)
        for hu in (OUTER_HU, DIPLOE_HU, INNER_HU)
    ]
    grid = Grid.centred((0, 0, 0.02), 0.75e-3, (141, 141, 89), Frame.CT)
    depth = sphere_depth(grid, (0, 0, 0), 50e-3)
    return layered_head(grid, depth, (0, 3e-3, 7e-3, 10e-3), (WATER, *bone, BRAIN))


def sdr_errors(ratios: Ratios = skull_density_ratios) -> dict[str, float]:
    """Return for each definition the largest error over 40 elements, 1."""
    head = three_layer_head()
    centres = hemisphere(count=40).centres
    focus = np.array([0.0, 0.0, 2e-3])
    found = ratios(head, trace_rays(head, centres[centres[:, 2] > 0.02] + focus, focus))
    return {
        name: float(np.abs(getattr(found, name) - exact).max())
        for name, exact in EXACT_RATIOS.items()
    }


def lopsided_head() -> HeadModel:
    """Return a skull whose outer sphere is shifted 1.5 mm to the right: thick at +x."""
    grid = Grid.centred((0, 0, 0.015), 1e-3, (119, 115, 85), Frame.CT)
    outer = sphere_depth(grid, (1.5e-3, 0, 0), 52e-3)
    inner = sphere_depth(grid, (0, 0, 0), 46e-3)
    bone = layered_head(grid, outer, (0.0,), (WATER, BONE))
    whole = layered_head(grid, inner, (0.0,), (BONE, BRAIN))
    inside = inner > -3e-3  # between the faces both heads are pure bone
    maps = {
        name: np.where(inside, getattr(whole, name), getattr(bone, name))
        for name in ("labels", "hounsfield", "density", "sound_speed", "attenuation")
    }
    same = {
        name: getattr(whole, name)
        for name in (
            "absorbed_share",
            "heat_capacity",
            "conductivity",
            "perfusion",
            "landmarks",
        )
    }
    return HeadModel(grid=grid, **maps, **same, frequency_hz=650e3, mapping="closed form")


def thicker_on_the_right(trace: Trace = trace_rays) -> float:
    """Return the mean thickness of elements at +x less that of elements at -x, m.

    Bone is faster than water, so these elements are also the early ones; both must agree, or
    NaN is returned.
    """
    centres = hemisphere(count=200).centres
    rays = trace(lopsided_head(), centres, np.array([0.0, 0.0, 1e-3]))
    right, left = centres[:, 0] > 0.05, centres[:, 0] < -0.05
    earlier = rays.travel_time_s[right].mean() < rays.travel_time_s[left].mean()
    difference = float(rays.thickness_m[right].mean() - rays.thickness_m[left].mean())
    return difference if earlier == (difference > 0) else float("nan")
