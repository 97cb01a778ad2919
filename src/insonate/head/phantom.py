"""A synthetic head: ellipsoidal shells with known labels and known landmarks.

The phantom is a CT like any other: it goes through the same segmentation and the same mappings.
It is the default subject of a bare installation and the ground truth of tests.

Sizes are those of an adult head: outer 156 × 194 mm, intracranial volume 1.4 L, a calvaria of
6.5 mm in three layers under 6 mm of scalp. They are settings inside the adult range, not one
person's; HU of the tables and the diploe are chosen so that diploe / table is near the clinical
mean of the skull density ratio (0.54).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from insonate.core import Frame, Grid, SettingsError, Tissue, Volume
from insonate.core.arrays import compiled, frozen
from insonate.core.frames import affine_from
from insonate.head.build import HeadOptions, build_head
from insonate.head.model import HeadModel, Landmarks

_DEFAULT_HEAD = HeadOptions()
_OUTSIDE_MARGIN_M = 8e-3  # free air round the head, so that its surface is closed
_AC_FROM_CENTRE_M = np.array([0.0, 12.5e-3, -4.0e-3])
_PC_FROM_CENTRE_M = np.array(
    [0.0, -12.5e-3, -4.0e-3]
)  # 25 mm between them, an adult's distance


class Feature(StrEnum):
    """What can be added to the plain shells."""

    RIGHT_MARKER = "a bony knob of 8 mm radius on the right parietal bone"
    AIR_CELL = "an air cell of 7 mm radius in the lower frontal bone"
    BONE_GAP = "a full-thickness gap of 26 mm in the left frontal bone"


_DIRECTIONS = {
    Feature.RIGHT_MARKER: (1.0, 0.0, 0.35),
    Feature.AIR_CELL: (0.0, 1.0, -0.15),
    Feature.BONE_GAP: (-0.6, 0.8, 0.35),
}
_RADII_M = {Feature.RIGHT_MARKER: 8e-3, Feature.AIR_CELL: 7e-3, Feature.BONE_GAP: 13e-3}
_PAINTED = (Feature.BONE_GAP, Feature.RIGHT_MARKER, Feature.AIR_CELL)
_AIR_CELL_WALL_M = 2e-3


@dataclass(frozen=True)
class PhantomOptions:
    """The synthetic head.

    Parameters
    ----------
    spacing_m
        Of the isotropic voxels, m; 0.5-2.5 mm.
    centre_m
        Centre of the ellipsoids in the CT frame, m; not the origin, so that a lost offset shows.
    brain_semi_axes_m
        Half axes of the inner table's inside along x, y, z, m.
    inner_table_m, diploe_m, outer_table_m, scalp_m
        Thickness of each shell along the axes, m.
    features
        What is added to the shells.
    lower_end_m
        The image ends this far below the centre, like a CT that ends at the teeth; by default
        (infinite) the whole ellipsoid is in the image.
    supersampling
        Points per voxel and axis that are averaged where a surface crosses a voxel.

    Raises
    ------
    SettingsError
        When an option is outside its range; all faults in one message.
    """

    spacing_m: float = 1e-3
    centre_m: tuple[float, float, float] = (4e-3, -10e-3, 20e-3)
    brain_semi_axes_m: tuple[float, float, float] = (65.5e-3, 84.5e-3, 62e-3)
    inner_table_m: float = 1.7e-3
    diploe_m: float = 2.8e-3
    outer_table_m: float = 2.0e-3
    scalp_m: float = 6e-3
    features: frozenset[Feature] = frozenset()
    lower_end_m: float = float("inf")
    supersampling: int = 3

    def __post_init__(self) -> None:
        faults = [
            f"The phantom's {name} is {value:g}; it must lie between {low:g} and {high:g}."
            for name, value, low, high in self._ranges()
            if not low <= value <= high
        ]
        if faults:
            raise SettingsError(" ".join(faults))

    def _ranges(self) -> list[tuple[str, float, float, float]]:
        axes = [("brain_semi_axes_m", a, 30e-3, 120e-3) for a in self.brain_semi_axes_m]
        return [
            ("spacing_m", self.spacing_m, 0.5e-3, 2.5e-3),
            *axes,
            ("inner_table_m", self.inner_table_m, 0.5e-3, 10e-3),
            ("diploe_m", self.diploe_m, 0.0, 15e-3),
            ("outer_table_m", self.outer_table_m, 0.5e-3, 10e-3),
            ("scalp_m", self.scalp_m, 2e-3, 20e-3),
            ("lower_end_m", self.lower_end_m, 20e-3, float("inf")),
            ("supersampling", self.supersampling, 1, 5),
        ]

    def semi_axes_m(self) -> NDArray[np.float64]:
        """Return half axes (m) of brain, inner table, diploe, outer table, scalp: (5, 3)."""
        shells = (0.0, self.inner_table_m, self.diploe_m, self.outer_table_m, self.scalp_m)
        axes: NDArray[np.float64] = (
            np.array(self.brain_semi_axes_m) + np.cumsum(shells)[:, None]
        )
        return axes

    def has(self, feature: Feature) -> bool:
        """Say whether the phantom has this feature."""
        return feature in self.features


_MATERIALS: tuple[tuple[Tissue, float], ...] = (
    (Tissue.BRAIN, 35.0),
    (Tissue.SKULL, 1500.0),  # inner table
    (Tissue.SKULL, 800.0),  # diploe
    (Tissue.SKULL, 1600.0),  # outer table
    (Tissue.SCALP, 30.0),
    (Tissue.WATER, -1000.0),  # free air on the CT, water during a treatment
    (Tissue.AIR, -1000.0),  # air cell
)
_DIPLOE, _OUTER, _SCALP = 2, 3, 4
_LABEL_OF = np.array([int(tissue) for tissue, _ in _MATERIALS], np.int8)
_HU_OF = np.array([hu for _, hu in _MATERIALS], np.float32)


def feature_centre_m(options: PhantomOptions, feature: Feature) -> NDArray[np.float64]:
    """Return where a feature sits on the skull (CT frame, m).

    The marker is centred on the outer table's surface, the gap and the air cell in the diploe.
    """
    shell = _OUTER if feature is Feature.RIGHT_MARKER else _DIPLOE
    axes = options.semi_axes_m()[shell]
    direction = np.array(_DIRECTIONS[feature])
    onto_surface = direction / np.sqrt(((direction / axes) ** 2).sum())
    centre: NDArray[np.float64] = np.array(options.centre_m) + onto_surface
    return centre


def phantom_grid(options: PhantomOptions = PhantomOptions()) -> Grid:
    """Return the grid of the phantom: the head and 8 mm of air, cut at its lower end."""
    outer = options.semi_axes_m()[_SCALP] + _OUTSIDE_MARGIN_M
    low, high = -outer, outer
    low[2] = max(low[2], -options.lower_end_m)
    counts = np.ceil((high - low) / options.spacing_m).astype(int) + 1
    affine = affine_from(np.eye(3) * options.spacing_m, np.array(options.centre_m) + low)
    return Grid((int(counts[0]), int(counts[1]), int(counts[2])), affine, Frame.CT)


def phantom_labels(options: PhantomOptions = PhantomOptions()) -> NDArray[np.int8]:
    """Return the true tissue at each voxel centre, shape of ``phantom_grid``."""
    grid = phantom_grid(options)
    materials = _materials(grid.shape, _geometry(options, grid), 0.0)
    return frozen(_LABEL_OF[materials], np.int8)


def phantom_ct(options: PhantomOptions = PhantomOptions()) -> Volume:
    """Return the phantom's CT: HU, averaged over each voxel (partial volume).

    Returns
    -------
    Volume
        float32, HU, frame ``ct``.
    """
    grid = phantom_grid(options)
    geometry = _geometry(options, grid)
    nx, ny, nz = grid.shape
    corners = _materials((nx + 1, ny + 1, nz + 1), geometry, -0.5)
    hounsfield = _average_voxels(corners, geometry, options.supersampling)
    return Volume(frozen(hounsfield, np.float32), grid, "HU")


def _geometry(options: PhantomOptions, grid: Grid) -> NDArray[np.float64]:
    """Return the shapes as rows of numbers, coordinates relative to the ellipsoids' centre.

    Row 0 voxel (0, 0, 0) and spacing; rows 1-5 half axes of the shells; rows 6-8 centre and
    radius of gap, marker and air cell, with radius 0 where there is none.
    """
    centre = np.array(options.centre_m)
    rows = np.zeros((9, 4))
    rows[0] = [*(grid.origin_m - centre), options.spacing_m]
    rows[1:6, :3] = options.semi_axes_m()
    for row, feature in enumerate(_PAINTED, start=6):
        if options.has(feature):
            rows[row] = [*(feature_centre_m(options, feature) - centre), _RADII_M[feature]]
    return rows


@compiled
def _in_ball(x: float, y: float, z: float, ball: NDArray[np.float64], wall: float) -> bool:
    dx, dy, dz = x - ball[0], y - ball[1], z - ball[2]
    inside: bool = ball[3] > 0 and dx * dx + dy * dy + dz * dz <= (ball[3] + wall) ** 2
    return inside


@compiled
def _shell(x: float, y: float, z: float, geometry: NDArray[np.float64]) -> int:
    """Return the innermost shell that holds the point, 5 outside all."""
    for shell in range(5):
        a, b, c = geometry[1 + shell, 0], geometry[1 + shell, 1], geometry[1 + shell, 2]
        if (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1:
            return shell
    return 5


@compiled
def _material(x: float, y: float, z: float, geometry: NDArray[np.float64]) -> int:
    """Return the material at a point: the shell, over-painted by gap, marker and air cell."""
    material = _shell(x, y, z, geometry)
    if 1 <= material <= 3 and _in_ball(x, y, z, geometry[6], 0.0):
        material = 4  # scalp falls into the gap
    if material >= 4 and _in_ball(x, y, z, geometry[7], 0.0):
        material = 3  # the knob is of the outer table's bone
    if _in_ball(x, y, z, geometry[8], 0.0):
        return 6
    if _in_ball(x, y, z, geometry[8], _AIR_CELL_WALL_M):
        return 3
    return material


@compiled
def _materials(
    shape: tuple[int, int, int], geometry: NDArray[np.float64], shift: float
) -> NDArray[np.int8]:
    """Return the material at the voxel centres, moved by ``shift`` voxels along each axis."""
    materials = np.empty(shape, np.int8)
    x0, y0, z0, h = geometry[0]
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                x, y, z = x0 + (i + shift) * h, y0 + (j + shift) * h, z0 + (k + shift) * h
                materials[i, j, k] = _material(x, y, z, geometry)
    return materials


@compiled
def _average(
    centre: tuple[float, float, float], geometry: NDArray[np.float64], n: int
) -> float:
    """Return the mean HU of n³ points of one voxel."""
    h = geometry[0, 3]
    total = 0.0
    for part in range(n * n * n):
        x = centre[0] + ((part // (n * n) + 0.5) / n - 0.5) * h
        y = centre[1] + ((part // n % n + 0.5) / n - 0.5) * h
        z = centre[2] + ((part % n + 0.5) / n - 0.5) * h
        total += _HU_OF[_material(x, y, z, geometry)]
    return total / n**3


@compiled
def _average_voxels(
    corners: NDArray[np.int8], geometry: NDArray[np.float64], n: int
) -> NDArray[np.float32]:
    """Return HU per voxel; only voxels whose eight corners differ are sampled within."""
    hounsfield = np.empty(
        (corners.shape[0] - 1, corners.shape[1] - 1, corners.shape[2] - 1), np.float32
    )
    x0, y0, z0, h = geometry[0]
    for i in range(hounsfield.shape[0]):
        for j in range(hounsfield.shape[1]):
            for k in range(hounsfield.shape[2]):
                around = corners[i : i + 2, j : j + 2, k : k + 2]
                if around.min() == around.max():
                    hounsfield[i, j, k] = _HU_OF[around[0, 0, 0]]
                else:
                    centre = (x0 + i * h, y0 + j * h, z0 + k * h)
                    hounsfield[i, j, k] = _average(centre, geometry, n)
    return hounsfield


def phantom_landmarks(options: PhantomOptions = PhantomOptions()) -> Landmarks:
    """Return the phantom's commissures, exact: 25 mm apart, 4 mm below the centre."""
    centre = np.array(options.centre_m)
    return Landmarks(
        centre + _AC_FROM_CENTRE_M,
        centre + _PC_FROM_CENTRE_M,
        np.array([0.0, 0.0, 1.0]),
        0.0,
        "analytic phantom",
    )


def phantom_head(
    options: PhantomOptions = PhantomOptions(), *, head_options: HeadOptions = _DEFAULT_HEAD
) -> HeadModel:
    """Return the phantom as a head model, through the same steps as a patient's CT."""
    note = "The head is a synthetic phantom of ellipsoidal shells, not a person."
    return build_head(
        phantom_ct(options),
        phantom_landmarks(options),
        options=head_options,
        notes=(note,),
        provenance={"subject": "synthetic phantom"},
    )
