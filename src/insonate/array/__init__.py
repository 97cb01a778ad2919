"""Transducer geometry, element drive and faults."""

from insonate.array.hemisphere import hemisphere
from insonate.array.model import Array, Drive, ElementState
from insonate.array.placement import PlacedArray, Placement, clearance, placed
from insonate.array.table import format_element_table, parse_element_table

__all__ = [
    "Array",
    "Drive",
    "ElementState",
    "PlacedArray",
    "Placement",
    "clearance",
    "format_element_table",
    "hemisphere",
    "parse_element_table",
    "placed",
]
