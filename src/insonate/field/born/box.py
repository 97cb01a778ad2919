"""The periodic box that is computed in: the medium's grid and an absorbing layer round it."""

import os
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from insonate.core import SettingsError
from insonate.core.units import TWO_PI
from insonate.field.born.kernels import fill_potential
from insonate.field.born.medium import Medium, laplacian_symbol
from insonate.field.born.options import Absorber

BYTES_PER_CELL = 26
"""ψ, t and U in complex64, and what the transforms need beside them."""


@dataclass(frozen=True)
class Padding:
    """Shape of the periodic box and where the medium's grid begins in it."""

    shape: tuple[int, int, int]
    offset: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))


def padding_for(shape: tuple[int, int, int], cells: int) -> Padding:
    """Return the smallest box that transforms fast and has ``cells`` of absorber on every side."""
    padded = [scipy.fft.next_fast_len(n + 2 * cells) for n in shape]
    offset = [(m - n) // 2 for m, n in zip(padded, shape, strict=True)]
    return Padding((padded[0], padded[1], padded[2]), (offset[0], offset[1], offset[2]))


def memory_needed(padding: Padding) -> int:
    """Return the bytes that a solve allocates, estimated before anything is allocated."""
    return BYTES_PER_CELL * padding.size


def memory_free() -> int:
    """Return the bytes of memory that are free; a very large number where it is not told."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _cached()
    except (ValueError, OSError, AttributeError):
        return 2**62


def _cached() -> int:
    """Return what Linux keeps as file cache and gives back when asked."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - no file of ours
            rows = dict(line.split(":", 1) for line in lines)
        return int(rows["Cached"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0


def require_memory(medium: Medium, padding: Padding, limit_bytes: int) -> None:
    """Raise before anything is allocated when the solve does not fit."""
    needed = memory_needed(padding)
    limit = limit_bytes or memory_free()
    if needed > limit:
        shrink = (limit / needed) ** (1 / 3) * 0.98
        spacing = medium.spacing / shrink
        ppw = medium.points_per_wavelength * shrink
        fits = (
            f"A spacing of {spacing * 1e3:.3g} mm ({ppw:.1f} points per wavelength) would fit."
            if ppw >= 4
            else "Even 4 points per wavelength would not fit; crop the grid to the beam."
        )
        raise SettingsError(
            f"A box of {' × '.join(map(str, padding.shape))} cells needs about "
            f"{needed / 2**30:.1f} GiB, and {limit / 2**30:.1f} GiB are free. {fits}"
        )


def smooth_step(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 3t² - 2t³ on [0, 1], 0 before and 1 after."""
    s = np.clip(t, 0.0, 1.0)
    step: NDArray[np.float64] = s * s * (3 - 2 * s)
    return step


def ramps(
    padding: Padding, shape: tuple[int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return how far each cell lies in the absorber along each axis: 0 in the grid, to 1."""
    lines = []
    for padded, offset, n in zip(padding.shape, padding.offset, shape, strict=True):
        i = np.arange(padded)
        depth = np.maximum(offset - i, i - (offset + n - 1)) / max(offset, 1)
        lines.append(smooth_step(depth).astype(np.float32))
    return lines[0], lines[1], lines[2]


def fill_box(medium: Medium, padding: Padding, absorber: Absorber) -> NDArray[np.complex64]:
    """Return U in the whole box."""
    box = np.empty(padding.shape, np.complex64)
    top = absorber.strength * medium.background_wavenumber**2
    lines = ramps(padding, medium.grid.shape)
    fill_potential(box, medium.potential, np.array(padding.offset), lines, top)
    return box


def wavenumbers_squared(
    padding: Padding, spacing: float, points_per_wavelength: float, *, uniform: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return -∇² along each axis in wavenumbers, float32, 1/m²; see ``laplacian_symbol``.

    In a uniform medium nothing folds, and -∇² is k² everywhere: the near field of a source keeps
    its highest wavenumbers.
    """
    lines = [TWO_PI * np.fft.fftfreq(n, spacing) for n in padding.shape]
    x, y, z = (
        (k**2 if uniform else laplacian_symbol(k, spacing, points_per_wavelength)).astype(
            np.float32
        )
        for k in lines
    )
    return x, y, z
