"""The full-wave engine: steady pressure in a heterogeneous, absorbing fluid with density.

Media are made by ``profiles`` (layers, shells) and ``voxels`` (heads, masks), sources by ``sources``
(points, bowls, discs inside the grid) and ``outside`` (elements round it); ``transfer`` takes one
solve from the target to every element, ``energy`` adds up power.
"""

from insonate.field.born.fluid import WATER, Fluid
from insonate.field.born.helmet import ArraySource
from insonate.field.born.medium import Medium
from insonate.field.born.options import BornOptions
from insonate.field.born.outside import OutsideSource
from insonate.field.born.profiles import layered_medium
from insonate.field.born.solve import solve_born
from insonate.field.born.sources import point_source
from insonate.field.born.transfer import element_transfer
from insonate.field.born.voxels import head_medium

__all__ = [
    "WATER",
    "ArraySource",
    "BornOptions",
    "Fluid",
    "Medium",
    "OutsideSource",
    "element_transfer",
    "head_medium",
    "layered_medium",
    "point_source",
    "solve_born",
]
