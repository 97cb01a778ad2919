"""Complex images to temperature with its uncertainty and dose, and the virtual scanner that makes them."""

from insonate.thermometry.anatomy import SliceAnatomy, slice_anatomy
from insonate.thermometry.arfi import MotionEncoding, displacement_map
from insonate.thermometry.bank import PowerPiece, spot_bank
from insonate.thermometry.baseline import average_baselines
from insonate.thermometry.between import Course, dose_interval, observe_frame, rise_at
from insonate.thermometry.dose import accumulate_dose
from insonate.thermometry.focus import credible_peak, measure_focus, paired_focus
from insonate.thermometry.frame import to_frame
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.header import protocol_from
from insonate.thermometry.protocol import CLINICAL_3T, Protocol
from insonate.thermometry.push import measure_push
from insonate.thermometry.reconstruct import Reconstruction, reconstruct, reconstruct_slices
from insonate.thermometry.scanner import acquire, acquire_kspace
from insonate.thermometry.series import Series, SeriesOptions, follow

__all__ = [
    "CLINICAL_3T",
    "Course",
    "MotionEncoding",
    "PowerPiece",
    "Protocol",
    "Reconstruction",
    "Series",
    "SeriesOptions",
    "SliceAnatomy",
    "SliceGeometry",
    "accumulate_dose",
    "acquire",
    "acquire_kspace",
    "average_baselines",
    "credible_peak",
    "displacement_map",
    "dose_interval",
    "follow",
    "measure_focus",
    "measure_push",
    "observe_frame",
    "paired_focus",
    "protocol_from",
    "reconstruct",
    "reconstruct_slices",
    "rise_at",
    "slice_anatomy",
    "spot_bank",
    "to_frame",
]
