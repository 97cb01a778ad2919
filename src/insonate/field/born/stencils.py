"""Finite differences of tenth order: the density term of voxel media, and normal derivatives."""

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import compiled_parallel
from insonate.field.born.medium import require_positive_density

HALO = 5
"""Points on each side that the stencils reach."""

SECOND = np.array((-5269 / 1800, 5 / 3, -5 / 21, 5 / 126, -5 / 1008, 1 / 3150), np.float32)
"""Second derivative at distance 0-5, tenth order (Fornberg, Math. Comp. 51:699, 1988)."""
FIRST = np.array((0.0, 5 / 6, -5 / 21, 5 / 84, -5 / 504, 1 / 1260))
"""First derivative, odd, at distance 0-5, tenth order (same)."""
FIRST_32 = FIRST.astype(np.float32)


@compiled_parallel
def _potential(
    root: NDArray[np.float32],
    density: NDArray[np.float32],
    kappa: NDArray[np.complex64],
    out: NDArray[np.complex64],
    scales: tuple[np.float32, np.float32, np.float32],
) -> None:
    first, second = FIRST_32, SECOND
    for i in numba.prange(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                a, b, c = i + 5, j + 5, k + 5
                here = root[a, b, c]
                total = np.float32(3) * second[0] * here
                x, y, z = np.float32(0), np.float32(0), np.float32(0)
                for m in range(1, 6):
                    x += first[m] * (root[a + m, b, c] - root[a - m, b, c])
                    y += first[m] * (root[a, b + m, c] - root[a, b - m, c])
                    z += first[m] * (root[a, b, c + m] - root[a, b, c - m])
                    total += second[m] * (
                        root[a + m, b, c] + root[a - m, b, c]
                        + root[a, b + m, c] + root[a, b - m, c]
                        + root[a, b, c + m] + root[a, b, c - m]
                    )  # fmt: skip
                u = scales[0] * density[a, b, c] * kappa[a, b, c]
                steep = (x * x + y * y + z * z) / here  # |∇ln ρ|² = 4|∇σ|²/σ², σ = ρ^-½
                term = (total - scales[2] * steep) * scales[1] / here
                out[i, j, k] = complex(u.real - term, max(u.imag, np.float32(0)))


def potential_from(
    density: NDArray[np.float32],
    kappa: NDArray[np.complex64],
    scale: np.float32,
    step: np.float32,
    excess: float = 0.0,
) -> NDArray[np.complex64]:
    """Return U = scale·ρκ - ρ^½∇²ρ^-½ + b|∇ln ρ|² on the points that are ``HALO`` from the edge.

    Parameters
    ----------
    density
        ρ, kg/m³.
    kappa
        Compressibility over the real part of the background's.
    scale
        ω² times the real part of the background's compressibility.
    step
        Spacing, m.
    excess
        b; see ``interface_excess``.
    """
    shape = tuple(n - 2 * HALO for n in density.shape)
    out = np.empty(shape, np.complex64)
    require_positive_density(density)
    root = (1 / np.sqrt(density)).astype(np.float32)
    _potential(
        root, density, kappa, out, (scale, np.float32(1 / step**2), np.float32(4 * excess))
    )
    return out


def apply_bands(
    values: NDArray[np.float32], axis: int, first: NDArray[np.int64], taps: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return Σ_m taps[i, m] values[first[i] + m] along one axis; what is beyond counts as 0.

    Parameters
    ----------
    values
        Any shape, contiguous.
    axis
        Which axis the bands run along; it has ``len(first)`` points in the result.
    first, taps
        Shapes (n,) and (n, m).
    """
    shape = list(values.shape)
    shape[axis] = len(first)
    outer = int(np.prod(shape[:axis], dtype=int))
    out = np.empty((outer, len(first), int(np.prod(shape[axis + 1 :], dtype=int))), np.float32)
    lines = values.reshape(outer, values.shape[axis], -1)
    if out.shape[2] == 1:
        _bands_along_rows(out[..., 0], lines[..., 0], first, taps)
    else:
        _bands_across_rows(out, lines, first, taps)
    return out.reshape(shape)


@compiled_parallel
def _bands_across_rows(
    out: NDArray[np.float32],
    values: NDArray[np.float32],
    first: NDArray[np.int64],
    taps: NDArray[np.float32],
) -> None:
    rows = out.shape[1]
    for n in numba.prange(out.shape[0] * rows):
        a, i = n // rows, n % rows
        line = out[a, i]
        line[:] = np.float32(0)
        for m in range(taps.shape[1]):
            row = first[i] + m
            if 0 <= row < values.shape[1]:
                for j in range(line.size):
                    line[j] += taps[i, m] * values[a, row, j]


@compiled_parallel
def _bands_along_rows(
    out: NDArray[np.float32],
    values: NDArray[np.float32],
    first: NDArray[np.int64],
    taps: NDArray[np.float32],
) -> None:
    for a in numba.prange(out.shape[0]):
        for i in range(out.shape[1]):
            low, high = max(-first[i], 0), min(values.shape[1] - first[i], taps.shape[1])
            total = np.float32(0)
            for m in range(low, high):
                total += taps[i, m] * values[a, first[i] + m]
            out[a, i] = total
