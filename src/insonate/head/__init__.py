"""Images to a HeadModel: tissue and skull maps, property mappings, landmarks."""

from insonate.head.model import HeadModel, Landmarks

__all__ = ["HeadModel", "Landmarks"]
