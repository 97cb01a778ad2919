"""Partial volume: what a voxel shows of a Gaussian spot, against the integral over the voxel."""

from collections.abc import Iterator
from dataclasses import replace
from math import erf, pi, sqrt

import numpy as np

from insonate.core import Tissue
from insonate.heat.build import build_thermal_model
from insonate.heat.options import ThermalOptions
from insonate.thermometry import CLINICAL_3T, SliceGeometry
from insonate.thermometry.partial_volume import dilution
from insonate.verification.check import Check, at_most
from insonate.verification.thermal_subjects import hand_made_head, uniform_state

FOCUS = np.array([1.25e-3, -0.75e-3, 0.25e-3])  # a fine cell's centre
WIDTHS_M = (1.2e-3, 2.0e-3)
_PROTOCOL = replace(CLINICAL_3T, matrix=(48, 48))


def closed_form(width_m: float) -> float:
    """Return peak over mean of a Gaussian of standard deviation ``width_m`` centred in a voxel.

    Along each side a the mean is √(π/2) w (erf(a/(2√2 w)) − erf(−a/(2√2 w))) / a.
    """
    found = 1.0
    for a in (_PROTOCOL.pixel_m, _PROTOCOL.pixel_m, _PROTOCOL.slice_thickness_m):
        found *= a / (sqrt(pi / 2) * width_m * 2 * erf(a / (2 * sqrt(2) * width_m)))
    return found


def factor_error(width_m: float, *, believed_m: float | None = None) -> float:
    """Return the relative error of the factor; ``believed_m`` gives the model a wrong width."""
    labels = np.full((40, 40, 40), int(Tissue.BRAIN))
    options = ThermalOptions(fine_half_width_m=12e-3, fine_spacing_m=0.5e-3)
    model = build_thermal_model(hand_made_head(labels), FOCUS, options=options)
    rest = uniform_state(model, 37.0)
    square = ((model.fine_grid.points() - FOCUS) ** 2).sum(axis=-1)
    rise = 20.0 * np.exp(-square / (2 * (believed_m or width_m) ** 2))
    hot = replace(rest, fine_degc=(37.0 + rise).astype(np.float32))
    geometry = SliceGeometry.through(FOCUS, "axial", _PROTOCOL)
    found = dilution(model, [(hot, 1.0)], rest, geometry).factor
    return abs(found / closed_form(width_m) - 1.0)


def checks() -> Iterator[Check]:
    """Yield the checks of the partial-volume factor, computed now."""
    for width in WIDTHS_M:
        yield at_most(
            "thermometry",
            f"partial-volume factor of a Gaussian spot of σ {1e3 * width:g} mm",
            factor_error(width),
            0.03,
            "1",
            "the Gaussian's integral over the voxel",
        )
