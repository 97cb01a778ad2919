"""Planes turned the way a radiologist reads them, with marks that say which side is which.

Radiological convention: one looks from the patient's feet (axial) or face (coronal), so the
patient's left is on the right-hand side of the picture; in sagittal pictures the face is on the
left. The letters are placed from the drawn axes themselves, so they cannot disagree with them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from insonate.core.arrays import FloatArray, frozen
from insonate.core.errors import GeometryError

PLANES: dict[str, tuple[int, int]] = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}
"""RAS axes (0 right, 1 anterior, 2 superior) across and up each plane."""

LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
"""What lies at the low and the high end of each RAS axis."""


@dataclass(frozen=True, eq=False)
class View:
    """A plane of values, in millimetres from the target.

    Parameters
    ----------
    values
        Shape (n, m): first axis across (towards right or anterior), second up (towards
        anterior or superior).
    across, up
        RAS axis of each, 0-2; ``across < up``.
    directions
        Shape (2, 3): unit vectors across and up, CT frame.
    first_mm
        Across and up position of the centre of ``values[0, 0]``, relative to the target.
    spacing_mm
        Pixel size across and up.
    """

    values: NDArray[Any]
    across: int
    up: int
    directions: NDArray[np.float64]
    first_mm: tuple[float, float]
    spacing_mm: tuple[float, float]

    def __post_init__(self) -> None:
        if np.ndim(self.values) != 2 or not self.across < self.up:
            raise GeometryError(
                f"A view needs a plane of values and two axes in RAS order, not shape "
                f"{np.shape(self.values)} and axes {self.across}, {self.up}."
            )
        object.__setattr__(self, "values", frozen(self.values))

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """Outer edges of the pixels: low and high across, low and high up."""
        low = [f - s / 2 for f, s in zip(self.first_mm, self.spacing_mm, strict=True)]
        size = [n * s for n, s in zip(self.values.shape, self.spacing_mm, strict=True)]
        return low[0], low[0] + size[0], low[1], low[1] + size[1]

    def axes_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the pixel centres across and up, mm from the target."""
        across, up = (
            f + s * np.arange(n)
            for f, s, n in zip(self.first_mm, self.spacing_mm, self.values.shape, strict=True)
        )
        return across, up

    def project(self, offset_m: ArrayLike) -> tuple[float, float, float]:
        """Return (across, up, out of plane) in mm of a displacement from the target (m)."""
        offset = np.asarray(offset_m, dtype=np.float64) * 1e3
        across, up = self.directions @ offset
        normal = float(np.cross(*self.directions) @ offset)
        return float(across), float(up), normal

    def like(self, values: NDArray[Any]) -> "View":
        """Return another array of the same plane, already turned like this one."""
        return View(
            values, self.across, self.up, self.directions, self.first_mm, self.spacing_mm
        )


def plane_view(
    values: NDArray[Any], name: str, first_offset_m: ArrayLike, spacing_m: ArrayLike
) -> View:
    """Return a named plane as a view.

    Parameters
    ----------
    values
        Shape (n, m), along the RAS axes of ``PLANES[name]``.
    name
        "axial", "coronal" or "sagittal".
    first_offset_m
        Centre of voxel 0 minus target, shape (3,), m.
    spacing_m
        Voxel size along R, A, S, shape (3,), m.
    """
    across, up = PLANES[name]
    first, spacing = np.asarray(first_offset_m) * 1e3, np.asarray(spacing_m) * 1e3
    return View(
        values,
        across,
        up,
        np.eye(3)[[across, up]],
        (float(first[across]), float(first[up])),
        (float(spacing[across]), float(spacing[up])),
    )


def centred_view(values: NDArray[Any], name: str, spacing_m: float) -> View:
    """Return a plane whose middle, index (n-1)/2, is the target."""
    first = np.zeros(3)
    first[list(PLANES[name])] = -(np.asarray(values.shape) - 1) / 2 * spacing_m
    return plane_view(values, name, first, (spacing_m,) * 3)


def slice_view(values: NDArray[Any], affine: ArrayLike, target_m: ArrayLike) -> View:
    """Turn a scanner's slice, at whatever orientation, into a view.

    Parameters
    ----------
    values
        Shape (n, m).
    affine
        Shape (4, 4) or (16,): index (i, j, 0, 1) to CT-frame metres.
    target_m
        Shape (3,), m.

    Raises
    ------
    GeometryError
        When both slice axes point along the same RAS axis.
    """
    matrix = np.asarray(affine, dtype=np.float64).reshape(4, 4)
    spacing = np.linalg.norm(matrix[:3, :2], axis=0)
    directions = (matrix[:3, :2] / spacing).T
    first = directions @ (matrix[:3, 3] - np.asarray(target_m))
    main = np.abs(directions).argmax(axis=1)
    if main[0] == main[1]:
        raise GeometryError("Both axes of a slice point along the same axis of the head.")
    for k in range(2):
        if directions[k, main[k]] < 0:
            values = np.flip(values, axis=k)
            last = first[k] + (values.shape[k] - 1) * spacing[k]
            directions[k], first[k] = -directions[k], -last
    order = [0, 1] if main[0] < main[1] else [1, 0]
    return View(
        values if order == [0, 1] else values.T,
        int(main[order[0]]),
        int(main[order[1]]),
        directions[order],
        (float(first[order[0]]) * 1e3, float(first[order[1]]) * 1e3),
        (float(spacing[order[0]]) * 1e3, float(spacing[order[1]]) * 1e3),
    )


def readout_direction(view: View, affine: ArrayLike, axis: int) -> tuple[float, float]:
    """Return the readout direction of a slice, (across, up), as a unit vector of the view."""
    column = np.asarray(affine, dtype=np.float64).reshape(4, 4)[:3, axis]
    across, up = view.directions @ (column / np.linalg.norm(column))
    return float(across), float(up)


def show(ax: Axes, view: View, **options: Any) -> AxesImage:
    """Draw a view in the radiological convention, with its sides marked."""
    low, high, bottom, top = view.extent_mm
    image = ax.imshow(view.values.T, origin="lower", extent=(low, high, bottom, top), **options)
    window(ax, (low, high), (bottom, top))
    mark_sides(ax, view.across, view.up)
    ax.set_xticks([])
    ax.set_yticks([])
    return image


def window(ax: Axes, across_mm: tuple[float, float], up_mm: tuple[float, float]) -> None:
    """Set what is seen; across runs from high (right or anterior) to low, as on a light box."""
    ax.set_xlim(max(across_mm), min(across_mm))
    ax.set_ylim(min(up_mm), max(up_mm))


def square_window(ax: Axes, view: View, side_mm: float) -> None:
    """Show a square of ``side_mm`` round the middle of the view, or more if it is larger."""
    low, high, bottom, top = view.extent_mm
    half = max(side_mm, high - low, top - bottom) / 2
    across, up = (low + high) / 2, (bottom + top) / 2
    window(ax, (across - half, across + half), (up - half, up + half))


def mark_sides(ax: Axes, across: int, up: int, colour: str = "white") -> None:
    """Write the letters of the four sides where the axes, as drawn, really have them."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    places = {
        LETTERS[across][int(x0 > x1)]: (0.03, 0.5, "left", "center"),
        LETTERS[across][int(x0 < x1)]: (0.97, 0.5, "right", "center"),
        LETTERS[up][int(y0 > y1)]: (0.5, 0.03, "center", "bottom"),
        LETTERS[up][int(y0 < y1)]: (0.5, 0.97, "center", "top"),
    }
    halo = "black" if colour == "white" else "white"
    for letter, (x, y, horizontal, vertical) in places.items():
        ax.text(
            x, y, letter, transform=ax.transAxes, ha=horizontal, va=vertical, color=colour,
            fontsize=11, fontweight="bold", gid=f"side-{letter}",
            path_effects=[withStroke(linewidth=2, foreground=halo)],
        )  # fmt: skip


def scale_bar(ax: Axes, length_mm: float, colour: str = "white") -> None:
    """Draw a bar of known length in the lower right corner."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    end, height = x1 + 0.05 * (x0 - x1), y0 + 0.05 * (y1 - y0)
    start = end + np.sign(x0 - x1) * length_mm
    halo = [withStroke(linewidth=4, foreground="black" if colour == "white" else "white")]
    ax.plot([start, end], [height] * 2, color=colour, lw=2.5, path_effects=halo)
    ax.text(
        (start + end) / 2, height + 0.02 * (y1 - y0), f"{length_mm:g} mm", color=colour,
        ha="center", va="bottom", fontsize=8, path_effects=halo,
    )  # fmt: skip


def contours(ax: Axes, view: View, levels: dict[float, str], style: str = "-") -> None:
    """Draw the levels (value: colour) that the values of a view reach."""
    values = np.ma.masked_invalid(view.values.T)
    reached = [v for v in levels if values.count() and values.min() < v < values.max()]
    if reached:
        ax.contour(
            *view.axes_mm(), values, reached, colors=[levels[v] for v in reached],
            linewidths=1.3, linestyles=style,
        )  # fmt: skip


def target_cross(ax: Axes) -> None:
    """Mark the target, the origin of every view."""
    stroke = [withStroke(linewidth=3, foreground="black")]
    ax.plot(0, 0, "+", color="white", ms=10, mew=1.2, path_effects=stroke)
