"""Checks of array, ray engine, Rayleigh summation and skull metrics against closed forms.

Each ``..._error`` takes the thing that it judges as an argument, so that a test can hand it a
wrong one and see it rejected.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import j1

from insonate.array import Array, Drive, ElementState, PlacedArray, hemisphere
from insonate.core import Frame, Grid
from insonate.field import Rays, mean_square_in_head, pressure_at, trace_rays
from insonate.field.rayleigh import piston_directivity
from insonate.head import HeadModel
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.layered_head import (
    BONE,
    BRAIN,
    BRAIN_LIKE_WATER,
    WATER,
    layered_head,
    sphere_depth,
)
from insonate.verification.oneil import ONEIL, bowl_axis_pressure, bowl_of_elements
from insonate.verification.shell_rays import SHELL, Shell, shell_ray
from insonate.verification.slab import TRANSFER_MATRIX, Layer, slab_transmission

Float64 = NDArray[np.float64]
Pressure = Callable[[Float64, PlacedArray, Drive], NDArray[np.complex128]]
Trace = Callable[[HeadModel, Float64, Float64], Rays]

FREQUENCY_HZ = 650e3
K_WATER = 2 * np.pi * FREQUENCY_HZ / 1500.0
SPHERE = Shell(60e-3, 53.5e-3, (1500.0, 2800.0, 1560.0))


def checks() -> Iterator[Check]:
    """Yield every check of this area, computed now."""
    yield at_most("field", "O'Neil's axial field of a bowl of 6000 elements, largest error over "
                  "the peak", oneil_error(), 0.01, "1", ONEIL)  # fmt: skip
    gain, phase = focus_errors()
    yield at_most("field", "focal gain of the 1024-element array against the Rayleigh integral "
                  "with every disc cut into 192 pieces", gain, 0.01, "1", "Rayleigh integral")  # fmt: skip
    yield at_most("field", "focal phase of the 1024-element array against the same", phase, 0.01,
                  "rad", "Rayleigh integral")  # fmt: skip
    yield at_most("field", "field within 8 mm of the focus against a plain sum over elements",
                  plain_sum_error(), 1e-4, "1", "direct summation")  # fmt: skip
    yield at_most("field", "directivity of a disc against 2 J1(x)/x", directivity_error(), 1e-6,
                  "1", "far field of a piston")  # fmt: skip
    yield from _shell_checks()
    yield from _slab_checks()
    yield from _balance_checks()


def _shell_checks() -> Iterator[Check]:
    errors = shell_errors()
    limits = {"travel time": (5e-4, "1"), "phase spread": (0.1, "rad"),
              "refracted points": (0.3e-3, "m"), "incidence angle": (0.02, "rad")}  # fmt: skip
    for name, (limit, unit) in limits.items():
        yield at_most("field", f"{name} of rays through a spherical shell on a 1 mm grid",
                      errors[name], limit, unit, SHELL)  # fmt: skip


def _slab_checks() -> Iterator[Check]:
    nominal, measured, thickness = slab_errors(46.0)
    yield at_most("field", "transmission of a uniform lossy plate (6.5 mm bone between voxels) at "
                  "normal incidence", nominal, 0.01, "1", TRANSFER_MATRIX)  # fmt: skip
    yield at_most("field", "thickness of the same plate on a 1 mm grid", thickness, 0.1e-3, "m",
                  "geometry")  # fmt: skip
    nominal, measured, _ = slab_errors(0.0)
    yield at_most("field", "transmission of a plate without loss, with the thickness that was "
                  "found", measured, 0.01, "1", TRANSFER_MATRIX)  # fmt: skip


def _balance_checks() -> Iterator[Check]:
    time, passes = reciprocity_errors()
    yield at_most("field", "reciprocity: travel time forth and back", time, 1e-5, "1",
                  "reciprocity of a fluid")  # fmt: skip
    yield at_most("field", "reciprocity: transmission forth and back, water on both sides",
                  passes, 0.01, "1", "reciprocity of a fluid")  # fmt: skip
    budget = energy_budget()
    yield at_most("field", "power absorbed in head over power radiated", budget, 1.0, "1",
                  "conservation of energy")  # fmt: skip
    yield at_least("field", "power absorbed in head over power radiated", budget, 0.2, "1",
                   "attenuation of 0.3 Np in bone takes 45 % of what enters")  # fmt: skip


def driven(array: Array, *, frequency_hz: float = FREQUENCY_HZ) -> tuple[PlacedArray, Drive]:
    """Return an array at the origin of the CT frame, upright, at surface pressure 1 Pa."""
    elements = PlacedArray(array.centres, array.normals, array.areas, np.zeros(3))
    pressure = np.ones(array.count, np.complex128)
    return elements, Drive(frequency_hz, pressure, (ElementState.ON,) * array.count)


def oneil_error(pressure: Pressure = pressure_at) -> float:
    """Return the largest error on the axis round the focus over the peak, 1.

    A bowl of 60 mm radius and 40 mm aperture radius, 20 mm before to 20 mm behind the focus;
    complex error, so amplitude and phase both count.
    """
    radius, aperture = 60e-3, 40e-3
    array = bowl_of_elements(6000, radius_m=radius, aperture_m=aperture)
    z = np.linspace(40e-3, 80e-3, 161)
    points = np.column_stack([0 * z, 0 * z, radius - z])
    found = pressure(points, *driven(array))
    true = bowl_axis_pressure(z, radius_m=radius, aperture_m=aperture, wavenumber=K_WATER)
    return float(np.abs(found - true).max() / np.abs(true).max())


def focus_errors(pressure: Pressure = pressure_at) -> tuple[float, float]:
    """Return the relative error of |p| and the error of its phase (rad) at the focus."""
    elements, drive = driven(hemisphere())
    found = complex(pressure(np.zeros((1, 3)), elements, drive)[0])
    true = 0j
    for centre, normal, area in zip(
        elements.centres, elements.normals, elements.areas, strict=True
    ):
        pieces = centre + _disc(normal, float(np.sqrt(area / np.pi)))
        r = np.linalg.norm(pieces, axis=1)
        true += area * (np.exp(1j * K_WATER * r) / r).mean() * K_WATER / (2j * np.pi)
    return float(abs(abs(found) / abs(true) - 1)), float(abs(np.angle(found / true)))


def _disc(normal: Float64, radius: float, rings: int = 12, spokes: int = 16) -> Float64:
    """Return equal-area points of a disc across ``normal`` about the origin."""
    helper = np.eye(3)[np.abs(normal).argmin()]
    e1 = np.cross(normal, helper)
    e1 = e1 / np.linalg.norm(e1)
    rho = radius * np.sqrt((np.arange(rings) + 0.5) / rings)
    phi = 2 * np.pi * np.arange(spokes) / spokes
    x, y = np.outer(rho, np.cos(phi)).ravel(), np.outer(rho, np.sin(phi)).ravel()
    points: Float64 = np.outer(x, e1) + np.outer(y, np.cross(normal, e1))
    return points


def plain_sum_error(pressure: Pressure = pressure_at) -> float:
    """Return the largest difference to a plain sum at random points by the focus over the peak."""
    elements, drive = driven(hemisphere())
    points = np.random.default_rng(0).uniform(-8e-3, 8e-3, (200, 3))
    points[0] = 0.0
    away = points[:, None] - elements.centres
    r = np.linalg.norm(away, axis=-1)
    cosine = (away * elements.normals).sum(axis=-1) / r
    x = K_WATER * np.sqrt(elements.areas / np.pi) * np.sqrt(np.maximum(0, 1 - cosine**2)) + 1e-9
    rim = K_WATER * elements.areas / (4 * np.pi * np.linalg.norm(elements.centres, axis=1))
    terms = elements.areas * np.exp(1j * (K_WATER * r + rim)) / r * 2 * j1(x) / x
    true = terms.sum(axis=1) * K_WATER / (2j * np.pi)
    found = pressure(points, elements, drive)
    return float(np.abs(found - true).max() / np.abs(true).max())


def directivity_error(directivity: Callable[[Float64], Float64] = piston_directivity) -> float:
    """Return the largest difference to the series Σ (-1)^m (x/2)^{2m} / (m! (m+1)!), |x| ≤ 10."""
    x = np.linspace(0.0, 10.0, 401)
    term, series = np.ones_like(x), np.zeros_like(x)
    for m in range(60):
        series += term
        term = -term * (x / 2) ** 2 / ((m + 1) * (m + 2))
    return float(np.abs(directivity(x) - series).max())


def shell_head(*, spacing_m: float = 1e-3) -> HeadModel:
    """Return a spherical skull of 6.5 mm in water, filled with brain, centred at (2, -3, 4) mm."""
    n = 2 * round(66e-3 / spacing_m) + 1
    grid = Grid.centred((2.2e-3, -3.1e-3, 4.3e-3), spacing_m, (n, n, n), Frame.CT)
    depth = sphere_depth(grid, SHELL_CENTRE, SPHERE.outer_m)
    faces = (0.0, SPHERE.outer_m - SPHERE.inner_m)
    return layered_head(grid, depth, faces, (WATER, BONE, BRAIN))


SHELL_CENTRE = np.array([2e-3, -3e-3, 4e-3])
SHELL_FOCUS = SHELL_CENTRE + np.array([11e-3, -7e-3, 5e-3])


def shell_errors(trace: Trace = trace_rays) -> dict[str, float]:
    """Compare rays through the spherical shell with exact geometry.

    Returns
    -------
    dict
        The largest relative error of the travel time; the spread (standard deviation) of the
        phase error over the rays, rad (what blurs a focus; a common error does not); the
        largest distance of the refracted points, m; the largest error of the angle, rad.
    """
    sources = SHELL_FOCUS + hemisphere(count=60).centres
    rays = trace(shell_head(), sources, SHELL_FOCUS)
    exact = [shell_ray(SPHERE, SHELL_CENTRE, s, SHELL_FOCUS) for s in sources]
    time = np.array([e.time_s for e in exact])
    angle = np.array([e.straight_angle_rad for e in exact])
    far = [np.linalg.norm(rays.outer_hits - [e.outer for e in exact], axis=1),
           np.linalg.norm(rays.inner_hits - [e.inner for e in exact], axis=1)]  # fmt: skip
    phase = 2 * np.pi * FREQUENCY_HZ * (rays.travel_time_s - time)
    return {
        "travel time": float(np.abs(rays.travel_time_s / time - 1).max()),
        "phase spread": float(phase.std()),
        "refracted points": float(np.max(far)),
        "incidence angle": float(np.abs(rays.incidence_angle_rad - angle).max()),
    }


def slab_errors(attenuation: float, trace: Trace = trace_rays) -> tuple[float, float, float]:
    """Return errors of a ray that goes straight through a uniform plate of 6.5 mm bone.

    Water before, brain without loss behind; both faces lie between voxel centres. The reference
    is the exact slab with every echo.

    Returns
    -------
    nominal, measured, thickness
        Relative error of |T| against the slab of 6.5 mm, against the slab as thick as the ray
        found it (without loss the echoes turn 0.03 mm at each face into 2 %), and the error of
        the thickness (m).
    """
    bone = replace(BONE, attenuation=attenuation)
    brain = replace(BRAIN, attenuation=0.0)
    grid = Grid.centred((0, 0, 0), 1e-3, (25, 25, 61), Frame.CT)
    depth = 20.3e-3 - grid.points()[..., 2]
    head = layered_head(grid, depth, (0.0, 6.5e-3), (WATER, bone, brain))
    rays = trace(head, np.array([[0.0, 0.0, 0.1]]), np.array([0.0, 0.0, -0.015]))
    found, thick = abs(complex(rays.transmission[0])), float(rays.thickness_m[0])
    errors = []
    for thickness in (6.5e-3, thick):
        layer = Layer(bone.density, bone.sound_speed, bone.attenuation, thickness)
        true = slab_transmission(
            Layer(WATER.density, WATER.sound_speed), [layer],
            Layer(brain.density, brain.sound_speed), 2 * np.pi * FREQUENCY_HZ,
        )  # fmt: skip
        errors.append(abs(found / abs(true) - 1))
    return errors[0], errors[1], abs(thick - 6.5e-3)


def reciprocity_errors(trace: Trace = trace_rays) -> tuple[float, float]:
    """Return the relative differences of travel time and |T| when source and focus change places.

    Through a spherical shell of bone with water on both sides, all inside one grid.
    """
    grid = Grid.centred((0, 0, 0), 0.8e-3, (111, 81, 81), Frame.CT)
    depth = sphere_depth(grid, (0, 0, 0), 28e-3)
    head = layered_head(grid, depth, (0.0, 6e-3), (WATER, BONE, BRAIN_LIKE_WATER))
    outside, inside = np.array([41e-3, 3e-3, 2e-3]), np.array([-4e-3, 1e-3, -2e-3])
    forth = trace(head, outside[None], inside)
    back = trace(head, inside[None], outside)
    time = float(forth.travel_time_s[0] / back.travel_time_s[0] - 1)
    passes = float(np.abs(forth.transmission[0]) / np.abs(back.transmission[0]) - 1)
    return abs(time), abs(passes)


def energy_budget(
    mean_square: Callable[..., Float64] = mean_square_in_head, *, spacing_m: float = 2e-3
) -> float:
    """Return the power absorbed in skull and brain over the power radiated, 1."""
    head = shell_head(spacing_m=spacing_m)
    array = hemisphere(count=256)
    elements, drive = driven(array)
    elements = PlacedArray(
        array.centres + SHELL_CENTRE, array.normals, array.areas, SHELL_CENTRE
    )
    square = mean_square(head.grid.points(), head, elements, drive)
    heat = head.attenuation * square / (head.density * head.sound_speed)
    absorbed = float(heat.sum()) * head.grid.voxel_volume_m3
    return absorbed / drive.acoustic_power_w(array)
