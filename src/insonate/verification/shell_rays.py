"""The refracted ray through a spherical shell, from Snell's law in its own plane."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

Float64 = NDArray[np.float64]

SHELL = "Snell's law on two concentric spheres, solved to 1e-12 in the plane of the ray"


@dataclass(frozen=True)
class Shell:
    """Concentric spheres: radii (outer, inner; m) and sound speeds outside, in, inside (m/s)."""

    outer_m: float
    inner_m: float
    speeds: tuple[float, float, float]


@dataclass(frozen=True)
class ShellRay:
    """Travel time (s), incidence angle of the straight line (rad), and where it is refracted."""

    time_s: float
    straight_angle_rad: float
    outer: Float64
    inner: Float64


def shell_ray(shell: Shell, centre: Float64, source: Float64, focus: Float64) -> ShellRay:
    """Find the refracted ray from a source outside the shell to a point inside.

    In the plane of source, focus and centre both points are angles on circles; Snell's law at
    each is one equation.
    """
    s, f = source - centre, focus - centre
    e1 = s / np.linalg.norm(s)
    e2 = f - (f @ e1) * e1
    e2 = e2 / np.linalg.norm(e2) if np.linalg.norm(e2) > 1e-12 else _any_normal(e1)
    a0 = _entry(s, f, shell.outer_m)
    b0 = _entry(s, f, shell.inner_m)

    def point(radius: float, angle: float) -> Float64:
        on: Float64 = radius * (np.cos(angle) * e1 + np.sin(angle) * e2)
        return on

    def along(start: Float64, end: Float64, angle: float) -> float:
        d = (end - start) / np.linalg.norm(end - start)
        return float(d @ (-np.sin(angle) * e1 + np.cos(angle) * e2))

    def snell(angles: Float64) -> list[float]:
        a, b = point(shell.outer_m, angles[0]), point(shell.inner_m, angles[1])
        c1, c2, c3 = shell.speeds
        first = along(s, a, angles[0]) / c1 - along(a, b, angles[0]) / c2
        second = along(a, b, angles[1]) / c2 - along(b, f, angles[1]) / c3
        return [1e3 * first, 1e3 * second]

    guess = [np.arctan2(p @ e2, p @ e1) for p in (a0, b0)]
    angles = root(snell, guess, tol=1e-13).x
    a, b = point(shell.outer_m, angles[0]), point(shell.inner_m, angles[1])
    lengths = [float(np.linalg.norm(v)) for v in (a - s, b - a, f - b)]
    time = sum(n / c for n, c in zip(lengths, shell.speeds, strict=True))
    straight = (f - s) / np.linalg.norm(f - s)
    cosine = abs(float(straight @ a0) / shell.outer_m)
    return ShellRay(time, float(np.arccos(min(1.0, cosine))), a + centre, b + centre)


def _entry(s: Float64, f: Float64, radius: float) -> Float64:
    """Return where the line from s to f enters a sphere about the origin."""
    d = (f - s) / np.linalg.norm(f - s)
    along = -float(s @ d)
    reach = along - np.sqrt(radius**2 - float(s @ s) + along**2)
    entry: Float64 = s + reach * d
    return entry


def _any_normal(e1: Float64) -> Float64:
    helper = np.eye(3)[np.abs(e1).argmin()]
    normal: Float64 = np.cross(e1, helper)
    return normal / np.linalg.norm(normal)
