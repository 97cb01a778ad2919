"""Images to a HeadModel: tissue and skull maps, property mappings, landmarks."""

from insonate.head.build import HeadOptions, build_head
from insonate.head.landmarks import acpc_to_ct, landmarks_from
from insonate.head.model import HeadModel, Landmarks
from insonate.head.phantom import PhantomOptions, phantom_ct, phantom_head
from insonate.head.segmentation import segment

__all__ = [
    "HeadModel",
    "HeadOptions",
    "Landmarks",
    "PhantomOptions",
    "acpc_to_ct",
    "build_head",
    "landmarks_from",
    "phantom_ct",
    "phantom_head",
    "segment",
]
