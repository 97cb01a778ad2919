"""Acoustics: engines behind one interface, from a drive to a pressure field."""

from insonate.field.head_field import mean_square_in_head, outer_surface_pressure, ray_field
from insonate.field.model import Convergence, PressureField
from insonate.field.ray import RayOptions, prepare, trace_rays
from insonate.field.rayleigh import pressure_at
from insonate.field.rays import Rays

__all__ = [
    "Convergence",
    "PressureField",
    "RayOptions",
    "Rays",
    "mean_square_in_head",
    "outer_surface_pressure",
    "prepare",
    "pressure_at",
    "ray_field",
    "trace_rays",
]
