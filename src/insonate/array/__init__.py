"""Transducer geometry, element drive and faults."""

from insonate.array.model import Array, Drive, ElementState

__all__ = ["Array", "Drive", "ElementState"]
