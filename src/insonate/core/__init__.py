"""What every stage shares: units, frames, grids, volumes, tissue data, errors, provenance."""

from insonate.core.errors import (
    CheckFailedError,
    DataError,
    GeometryError,
    ImageError,
    InputError,
    InsonateError,
    PlanError,
    RecordError,
    RefusedError,
    SettingsError,
)
from insonate.core.frames import Frame, Transform
from insonate.core.grid import Grid
from insonate.core.quantity import Quantity
from insonate.core.tissue import TISSUES, Tissue, TissueProperties
from insonate.core.volume import Volume, sample

__all__ = [
    "TISSUES",
    "CheckFailedError",
    "DataError",
    "Frame",
    "GeometryError",
    "Grid",
    "ImageError",
    "InputError",
    "InsonateError",
    "PlanError",
    "Quantity",
    "RecordError",
    "RefusedError",
    "SettingsError",
    "Tissue",
    "TissueProperties",
    "Transform",
    "Volume",
    "sample",
]
