"""Looking at a picture where its voxels have moved to, compiled."""

from math import cos, floor, pi, sin

import numpy as np
from numpy.typing import NDArray

from insonate.core.arrays import compiled


@compiled
def halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average over blocks of 2 × 2."""
    nx, ny = image.shape[0] // 2, image.shape[1] // 2
    result = np.empty((nx, ny), np.float32)
    for i in range(nx):
        for j in range(ny):
            top = image[2 * i, 2 * j] + image[2 * i, 2 * j + 1]
            low = image[2 * i + 1, 2 * j] + image[2 * i + 1, 2 * j + 1]
            result[i, j] = np.float32(0.25) * (top + low)
    return result


@compiled
def seen_at(
    image: NDArray[np.float32],
    at: NDArray[np.intp],
    motion: tuple[float, float, float],
    result: NDArray[np.float64],
) -> None:
    """Fill image(R(angle) (r − middle) + middle + d) at flat places r, bilinear, edges repeated."""
    di, dj, angle = motion
    nx, ny = image.shape
    c, s = cos(angle), sin(angle)
    mi, mj = 0.5 * (nx - 1), 0.5 * (ny - 1)
    for n in range(at.size):
        i, j = at[n] // ny - mi, at[n] % ny - mj
        x = min(max(c * i - s * j + mi + di, 0.0), nx - 1.000001)
        y = min(max(s * i + c * j + mj + dj, 0.0), ny - 1.000001)
        a, b = floor(x), floor(y)
        u, v = x - a, y - b
        top = (1 - v) * image[a, b] + v * image[a, b + 1]
        low = (1 - v) * image[a + 1, b] + v * image[a + 1, b + 1]
        result[n] = (1 - u) * top + u * low


@compiled
def _lanczos(part: float, weights: NDArray[np.float64]) -> None:
    """Fill the six weights of Lanczos' window of order 3 for a place between two samples."""
    total = 0.0
    for k in range(6):
        x = pi * (part + 2.0 - k)
        if abs(x) < 1e-9:
            weights[k] = 1.0
        else:
            weights[k] = 3.0 * sin(x) * sin(x / 3.0) / (x * x)
        total += weights[k]
    for k in range(6):
        weights[k] /= total


@compiled
def resampled(
    image: NDArray[np.complex64], motion: tuple[float, float, float]
) -> NDArray[np.complex64]:
    """Return image(R(angle) (r − middle) + middle + d) by Lanczos' window, edges repeated."""
    di, dj, angle = motion
    nx, ny = image.shape
    c, s = cos(angle), sin(angle)
    mi, mj = 0.5 * (nx - 1), 0.5 * (ny - 1)
    first, second = np.empty(6), np.empty(6)
    rows, columns = np.empty(6, np.intp), np.empty(6, np.intp)
    result = np.empty((nx, ny), np.complex64)
    for i in range(nx):
        for j in range(ny):
            x = c * (i - mi) - s * (j - mj) + mi + di
            y = s * (i - mi) + c * (j - mj) + mj + dj
            a, b = floor(x), floor(y)
            if angle != 0.0 or (i == 0 and j == 0):
                _lanczos(x - a, first)
                _lanczos(y - b, second)
            for k in range(6):
                rows[k] = min(max(a + k - 2, 0), nx - 1)
                columns[k] = min(max(b + k - 2, 0), ny - 1)
            real, imaginary = 0.0, 0.0
            for k in range(6):
                for m in range(6):
                    weight, value = first[k] * second[m], image[rows[k], columns[m]]
                    real += weight * value.real
                    imaginary += weight * value.imag
            result[i, j] = complex(real, imaginary)
    return result
