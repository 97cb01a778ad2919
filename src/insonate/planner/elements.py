"""Which elements are driven, and why the others are not."""

from dataclasses import dataclass
from math import degrees, radians

import numpy as np
from numpy.typing import NDArray

from insonate.array import ElementState
from insonate.core import SettingsError
from insonate.field import Rays
from insonate.planner.regions import NoPassRegions, crosses

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class ElementOptions:
    """When an element is switched off.

    Parameters
    ----------
    angle_limit_rad
        Largest incidence angle at the outer surface, radians, up to 60°. Default 25°, a cut-off
        in clinical use; correction quality is known to fall from 20° on, and above the
        critical angle (about 30°) nothing passes as a compressional wave.
    least_thickness_m
        Thinner bone counts as a gap, m. Setting.
    faulty, off_by_hand
        Indices of elements that are out of order, or that somebody switched off.
    """

    angle_limit_rad: float = radians(25.0)
    least_thickness_m: float = 1e-3
    faulty: frozenset[int] = frozenset()
    off_by_hand: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not 0 < self.angle_limit_rad <= radians(60.0):
            raise SettingsError(
                f"An incidence limit of {degrees(self.angle_limit_rad):.1f}° cannot be used; "
                "allowed are angles above 0° and up to 60°."
            )
        if not 0 <= self.least_thickness_m <= 10e-3:
            raise SettingsError(
                f"A least thickness of {1e3 * self.least_thickness_m:g} mm cannot be used; "
                "allowed are 0-10 mm."
            )


def select_elements(
    rays: Rays,
    regions: NoPassRegions | None = None,
    *,
    options: ElementOptions = ElementOptions(),
    air: Bool | None = None,
) -> tuple[ElementState, ...]:
    """Decide for each element whether it is on, or why not.

    Where several reasons hold, the first of fault, by hand, geometry, air, no skull, no-pass
    region, angle is given.

    Parameters
    ----------
    rays
        N rays.
    regions
        No-pass regions, or None for none.
    options
        Limits, faults.
    air
        Shape (N,): elements with air found by another look at the skull (the skull density
        ratio's samples), or None.

    Raises
    ------
    SettingsError
        When a faulty element or one switched off by hand does not exist.
    """
    n = rays.count
    by_reason = {
        ElementState.ANGLE: _too_steep(rays, options),
        ElementState.NO_PASS: crosses(regions, rays) if regions else np.zeros(n, np.bool_),
        ElementState.NO_SKULL: ~rays.hits_skull
        | (rays.thickness_m < options.least_thickness_m),
        ElementState.AIR: rays.crosses_air if air is None else rays.crosses_air | air,
        ElementState.GEOMETRY: rays.leaves_grid,
        ElementState.BY_HAND: _listed(options.off_by_hand, n),
        ElementState.FAULT: _listed(options.faulty, n),
    }
    states = [ElementState.ON] * n
    for reason, applies in by_reason.items():  # the last that applies wins
        for i in np.flatnonzero(applies):
            states[i] = reason
    return tuple(states)


def _too_steep(rays: Rays, options: ElementOptions) -> Bool:
    angle = np.nan_to_num(rays.incidence_angle_rad, nan=0.0)
    beyond = (angle > options.angle_limit_rad) | (angle >= rays.critical_angle_rad)
    steep: Bool = beyond | (np.abs(rays.transmission) == 0)
    return steep


def _listed(indices: frozenset[int], count: int) -> Bool:
    if indices and not (min(indices) >= 0 and max(indices) < count):
        raise SettingsError(
            f"Elements {sorted(indices)} are named, but the array has elements 0 to {count - 1}; "
            "correct the list."
        )
    mask = np.zeros(count, np.bool_)
    mask[list(indices)] = True
    return mask
