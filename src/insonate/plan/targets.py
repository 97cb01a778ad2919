"""Targets: named ones from AC-PC offsets, points given by hand, and whether they can be treated.

The offsets are data with a source for every number, in ``plan/data/targets.toml``.
"""

import tomllib
from functools import cache
from importlib import resources
from math import hypot

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import Frame, PlanError, Quantity, SettingsError, Tissue
from insonate.core.units import MM
from insonate.head import HeadModel, Landmarks, acpc_to_ct
from insonate.plan.model import Target

_SIDES = {"left": -1.0, "right": 1.0}
_NUCLEI = ("cl", "vim")
_NUMBERS = ("border", "lateral", "anterior", "superior")

TARGET_NAMES: tuple[str, ...] = tuple(f"{n}-{side}" for n in _NUCLEI for side in _SIDES)
"""The targets that have a name: cl-left, cl-right, vim-left, vim-right."""

SKULL_CLEARANCE = Quantity(
    15e-3,
    "m",
    "Setting: heat near bone runs away before a target reaches its dose; thalamic targets lie more "
    "than 40 mm from the vault",
)
BORDER_RANGE_M = (0.0, 12e-3)
"""Allowed distance of the thalamo-ventricular border from the midline (m): collapsed to very wide."""


@cache
def target_offsets(nucleus: str) -> dict[str, Quantity]:
    """Return the numbers of a nucleus: border, lateral, anterior, superior, in m, with sources.

    Parameters
    ----------
    nucleus
        "cl" or "vim".

    Returns
    -------
    dict
        ``low`` and ``high`` of each quantity are one standard deviation either side.
    """
    text = resources.files("insonate.plan").joinpath("data/targets.toml").read_text("utf-8")
    rows = tomllib.loads(text)[nucleus]
    return {name: _quantity(rows[name]) for name in _NUMBERS}


def _quantity(row: dict[str, float | str]) -> Quantity:
    value, spread = float(row["value_mm"]) * MM, float(row["spread_mm"]) * MM
    return Quantity(value, "m", str(row["source"]), value - spread, value + spread)


def named_target(name: str, landmarks: Landmarks, *, border_m: float | None = None) -> Target:
    """Return a named target in the CT frame.

    lateral = border + offset from the border, to the named side; the error is the root of the
    squares of the landmarks' error and of the spread of every number.

    Parameters
    ----------
    name
        One of ``TARGET_NAMES``.
    landmarks
        AC, PC and midline in the CT frame.
    border_m
        Distance of the thalamo-ventricular border from the midline as measured on this
        patient's MR, m; without it the table's value with its spread.

    Raises
    ------
    SettingsError
        When the name is unknown, or the border is out of range or of no use to this target.
    """
    nucleus, sign = _parsed(name)
    offsets = dict(target_offsets(nucleus))
    if border_m is not None:
        offsets["border"] = _measured_border(name, border_m)
    to_ct = acpc_to_ct(landmarks)
    lateral = sign * (offsets["border"].value + offsets["lateral"].value)
    point = to_ct.apply([lateral, offsets["anterior"].value, offsets["superior"].value])
    spreads = [quantity.high - quantity.value for quantity in offsets.values()]
    sources = (f"{key}: {quantity.source}" for key, quantity in offsets.items())
    return Target(name, point, Frame.CT, hypot(to_ct.error_m, *spreads), "; ".join(sources))


def _parsed(name: str) -> tuple[str, float]:
    if name not in TARGET_NAMES:
        raise SettingsError(
            f"There is no target '{name}'; there are {', '.join(TARGET_NAMES)}. Choose one, or "
            "give a point by hand."
        )
    nucleus, side = name.split("-")
    return nucleus, _SIDES[side]


def _measured_border(name: str, border_m: float) -> Quantity:
    low, high = BORDER_RANGE_M
    if not name.startswith("cl"):
        raise SettingsError(
            f"The target '{name}' is counted from the midline; a thalamo-ventricular border is "
            "only used for cl-left and cl-right. Leave it out."
        )
    if not low <= border_m <= high:
        raise SettingsError(
            f"The thalamo-ventricular border is given {border_m * 1e3:g} mm from the midline; it "
            f"must lie between {low * 1e3:g} and {high * 1e3:g} mm. Measure half the width of the "
            "third ventricle."
        )
    return Quantity(border_m, "m", "Measured on the patient's MR")


def target_at(point_m: ArrayLike, *, name: str = "by hand", error_m: float = 0.0) -> Target:
    """Return a target at a point given by hand.

    Parameters
    ----------
    point_m
        Shape (3,), m, RAS, frame ``ct``.
    name
        For reports.
    error_m
        One standard deviation of its position, m.

    Raises
    ------
    SettingsError
        When the error is negative or not finite.
    """
    if not 0 <= error_m < np.inf:
        raise SettingsError(
            f"The error of a target is {error_m:g} m; it must be 0 or more, and finite."
        )
    return Target(name, np.asarray(point_m, float), Frame.CT, error_m, "given by hand")


def require_target_inside(
    head: HeadModel, target: Target, *, clearance_m: float = SKULL_CLEARANCE.value
) -> None:
    """Raise a ``PlanError`` with every reason why the target cannot lie in this brain.

    Parameters
    ----------
    head
        The head.
    target
        In the CT frame.
    clearance_m
        The least distance from skull and from air, m.
    """
    faults = target_faults(head, target, clearance_m=clearance_m)
    if faults:
        raise PlanError(faults)


def target_faults(head: HeadModel, target: Target, *, clearance_m: float) -> list[str]:
    """Return one sentence for each reason against the target; empty when there is none."""
    where = f"The target {target.name} at {_in_mm(target.point)} mm (RAS)"
    if target.frame != Frame.CT:
        frame = f"The target {target.name} is in the frame '{target.frame}', not in 'ct'."
        return [f"{frame} Map it with a Transform first."]
    if not head.grid.contains(target.point):
        return [f"{where} lies outside the CT. Choose a point inside the brain."]
    faults = _tissue_faults(head, target.point, where)
    distance = distance_to_tissue_m(
        head, target.point, (Tissue.SKULL, Tissue.AIR), within_m=clearance_m
    )
    if distance < clearance_m:
        faults.append(
            f"{where} lies {distance * 1e3:.1f} mm from skull or air; it must be at least "
            f"{clearance_m * 1e3:g} mm away. Choose a deeper point."
        )
    return faults


def _tissue_faults(head: HeadModel, point: NDArray[np.float64], where: str) -> list[str]:
    i, j, k = np.rint(head.grid.indices_of(point)).astype(int)
    tissue = Tissue(int(head.labels[i, j, k]))
    if tissue is Tissue.BRAIN:
        return []
    return [f"{where} lies in {tissue.name.lower()}, not in the brain. Choose another point."]


def distance_to_tissue_m(
    head: HeadModel,
    point: NDArray[np.float64],
    tissues: tuple[Tissue, ...],
    *,
    within_m: float,
) -> float:
    """Return the distance from a point to the nearest voxel centre of some tissues, m.

    Only a box of ``within_m`` round the point is searched; infinite when it holds none.
    """
    reach = np.ceil(within_m / head.grid.spacing_m) + 1
    centre = np.rint(head.grid.indices_of(point))
    low = np.maximum(centre - reach, 0).astype(int)
    high = np.minimum(centre + reach + 1, head.grid.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    index = np.argwhere(np.isin(head.labels[box], [int(t) for t in tissues])) + low
    if len(index) == 0:
        return float("inf")
    return float(np.linalg.norm(head.grid.points_of(index) - point, axis=1).min())


def _in_mm(point: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{1e3 * value:.1f}" for value in point) + ")"
