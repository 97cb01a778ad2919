"""Images in and out: CT and MR from NIfTI or DICOM, the atlas, quality, registration.

The only package that touches pixels on disk. Everything that leaves it is in metres, RAS.
"""

from insonate.images.atlas import load_atlas
from insonate.images.case import load_case
from insonate.images.cropping import crop_to_head
from insonate.images.quality import inspect_ct
from insonate.images.reading import read_ct, read_mr
from insonate.images.registration import register
from insonate.images.resampling import resample_band_limited, resample_to
from insonate.images.writing import write_volume

__all__ = [
    "crop_to_head",
    "inspect_ct",
    "load_atlas",
    "load_case",
    "read_ct",
    "read_mr",
    "register",
    "resample_band_limited",
    "resample_to",
    "write_volume",
]
