"""The passes over memory of one iteration, fused.

An iteration is two Fourier transforms, one pass in wavenumbers (``propagate``) and one in space
(``advance``), which reads ψ, t and U once and writes ψ and t once.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import compiled, compiled_parallel

Box = NDArray[np.complex64]
Line = NDArray[np.float32]


@compiled_parallel
def fill_potential(
    box: Box,
    potential: Box,
    offset: NDArray[np.int64],
    ramps: tuple[Line, Line, Line],
    top: float,
) -> None:
    """Write U with its edges continued, and i·top·(1 - (1-a)(1-b)(1-c)) of the absorber."""
    n0, n1, n2 = potential.shape
    for i in numba.prange(box.shape[0]):
        a = min(max(i - offset[0], 0), n0 - 1)
        for j in range(box.shape[1]):
            b = min(max(j - offset[1], 0), n1 - 1)
            keep = (np.float32(1) - ramps[0][i]) * (np.float32(1) - ramps[1][j])
            for k in range(box.shape[2]):
                c = min(max(k - offset[2], 0), n2 - 1)
                u = potential[a, b, c]
                loss = np.float32(top) * (np.float32(1) - keep * (np.float32(1) - ramps[2][k]))
                box[i, j, k] = complex(u.real, max(u.imag, np.float32(0)) + loss)


@compiled_parallel
def propagate(
    box: Box, squares: tuple[Line, Line, Line], centre: Box, scale: np.float32
) -> None:
    """Multiply by G = 1/(|k|² - c - iε) and by ``scale``; ``centre`` holds the one value c + iε."""
    real, imag = centre[0, 0, 0].real, centre[0, 0, 0].imag
    for i in numba.prange(box.shape[0]):
        for j in range(box.shape[1]):
            row = box[i, j]
            start = squares[0][i] + squares[1][j] - real
            for k in range(row.size):
                d = start + squares[2][k]
                m = scale / (d * d + imag * imag)
                v = row[k]
                row[k] = complex(
                    (v.real * d - v.imag * imag) * m, (v.imag * d + v.real * imag) * m
                )


@compiled_parallel
def advance(
    psi: Box, t: Box, potential: Box, centre: Box, radius: tuple[np.float32, np.float32]
) -> tuple[float, float]:
    """Do ψ ← ψ + γ(t - ψ), then t ← Vψ; return |t - ψ|² and |ψ|² summed.

    γ = s/(1 - iv), v = (U - c)/ε; V = U - c - iε; ``radius`` is (ε, s).
    """
    epsilon, relaxation = radius
    real, imag = centre[0, 0, 0].real, centre[0, 0, 0].imag
    gain = relaxation * epsilon
    changed, total = np.float64(0), np.float64(0)
    for i in numba.prange(psi.shape[0]):
        for j in range(psi.shape[1]):
            p_row, t_row, u_row = psi[i, j], t[i, j], potential[i, j]
            row_changed, row_total = np.float32(0), np.float32(0)
            for k in range(p_row.size):
                u, p, q = u_row[k], p_row[k], t_row[k]
                x, y = u.real - real, u.imag - imag
                d = epsilon + y
                m = gain / (d * d + x * x)
                g_real, g_imag = d * m, x * m
                e_real, e_imag = q.real - p.real, q.imag - p.imag
                d_real = g_real * e_real - g_imag * e_imag
                d_imag = g_real * e_imag + g_imag * e_real
                row_changed += e_real * e_real + e_imag * e_imag
                p_real, p_imag = p.real + d_real, p.imag + d_imag
                row_total += p_real * p_real + p_imag * p_imag
                p_row[k] = complex(p_real, p_imag)
                y -= epsilon
                t_row[k] = complex(x * p_real - y * p_imag, x * p_imag + y * p_real)
            changed += row_changed
            total += row_total
    return changed, total


@compiled
def spread(
    block: Box,
    where: NDArray[np.float64],
    weights: NDArray[np.complex128],
    kernel: tuple[int, float],
) -> None:
    """Add points to a block as Kaiser-windowed sinc functions.

    ``where`` holds the points' positions in cells of the block, ``kernel`` the half-width in
    cells and the shape β of the window.
    """
    half, beta = kernel
    taps = np.empty((3, 2 * half + 1))
    first = np.empty(3, np.int64)
    for m in range(where.shape[0]):
        for axis in range(3):
            first[axis] = int(np.round(where[m, axis])) - half
            for tap in range(2 * half + 1):
                taps[axis, tap] = windowed_sinc(first[axis] + tap - where[m, axis], half, beta)
        for a in range(2 * half + 1):
            for b in range(2 * half + 1):
                ab = weights[m] * taps[0, a] * taps[1, b]
                row = block[first[0] + a, first[1] + b]
                for c in range(2 * half + 1):
                    row[first[2] + c] += ab * taps[2, c]


@compiled
def bessel_i0(x: float) -> float:
    """Return the modified Bessel function I0 by its power series (|x| ≲ 15)."""
    term, total, square = 1.0, 1.0, 0.25 * x * x
    for n in range(1, 40):
        term *= square / (n * n)
        total += term
    return total


@compiled
def windowed_sinc(distance: float, half: int, beta: float) -> float:
    """Return sinc(d) under a Kaiser window that ends half a cell beyond ``half``."""
    s = distance / (half + 0.5)
    if abs(s) >= 1:
        return 0.0
    window = bessel_i0(beta * np.sqrt(1 - s * s)) / bessel_i0(beta)
    if abs(distance) < 1e-12:
        return float(window)
    return float(window * np.sin(np.pi * distance) / (np.pi * distance))
