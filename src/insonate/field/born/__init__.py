"""The full-wave engine: steady pressure in a heterogeneous, absorbing fluid with density."""

from insonate.field.born.fluid import WATER, Fluid
from insonate.field.born.medium import Medium
from insonate.field.born.options import Absorber, BornOptions
from insonate.field.born.solve import solve_born

__all__ = ["WATER", "Absorber", "BornOptions", "Fluid", "Medium", "solve_born"]
