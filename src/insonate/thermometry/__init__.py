"""Complex images to temperature with its uncertainty, and the virtual scanner that makes them."""

from insonate.thermometry.anatomy import SliceAnatomy, slice_anatomy
from insonate.thermometry.dose import accumulate_dose
from insonate.thermometry.focus import measure_focus
from insonate.thermometry.frame import to_frame
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.protocol import CLINICAL_3T, Protocol
from insonate.thermometry.reconstruct import reconstruct
from insonate.thermometry.scanner import acquire

__all__ = [
    "CLINICAL_3T",
    "Protocol",
    "SliceAnatomy",
    "SliceGeometry",
    "accumulate_dose",
    "acquire",
    "measure_focus",
    "reconstruct",
    "slice_anatomy",
    "to_frame",
]
