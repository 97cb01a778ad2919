"""What the controller sees: everything that it decides upon, and nothing else."""

from typing import Literal

from pydantic import Field

from insonate.events.base import Document, Point, optional, preset, unit
from insonate.events.presence import Finding, MotionReading, OperatorPresent, Sedation
from insonate.events.sight import FocusEstimate
from insonate.events.states import Verb


class TemperatureFrame(Document):
    """One MR thermometry frame, as the scanner showed it.

    Arrays: ``delta_t`` (K, float32, NaN where masked), ``sigma`` (K), ``mask`` (bool),
    ``magnitude`` (1), ``dose`` (CEM43 accumulated since the sonication began), all [i, j] with
    ``slice_affine`` (4×4 row-major: index (i, j, 0, 1) to CT-frame metres).
    """

    kind: Literal["temperature_frame"] = "temperature_frame"
    sonication: int
    frame: int
    start_s: float = unit("s")
    end_s: float = unit("s")
    orientation: str
    readout_axis: Literal[0, 1]
    slice_affine: tuple[float, ...] = Field(min_length=16, max_length=16)
    baseline_degc: float = unit("degC")
    peak_degc: float = unit("degC")
    """Hottest credible voxel near the target, baseline + ΔT · ``partial_volume_factor``."""
    partial_volume_factor: float = preset(1.0, "1")
    """From the hottest voxel's rise to the peak's, by the model's shape of the spot; 1: the voxel
    as it is. ``sigma_k`` carries it too; maps and ``mean_degc`` do not."""
    mean_degc: float = unit("degC")
    """Mean of the 3×3 voxels round the peak."""
    sigma_k: float = unit("K")
    """Standard deviation of ΔT at the peak."""
    off_target_degc: float = unit("degC")
    """Hottest 3×3 mean farther than the off-target radius from the target."""
    peak_dose_cem43: float = unit("CEM43")
    off_target_dose_cem43: float = unit("CEM43")
    focus_offset_m: Point | None = optional("m")
    """Measured focus minus target, CT frame, displacement-corrected; None where no spot is seen."""
    focus_sigma_m: float | None = optional("m")
    readout_displacement_m: float = preset(0.0, "m")
    """How far along +readout the spot appears from where it is: what the offset was corrected by."""
    usable_share: float = unit("1")
    """Part of the brain voxels in the slice that are usable."""
    drift_k: float = unit("K")


class CoolingReading(Document):
    """The water round the scalp."""

    kind: Literal["cooling_reading"] = "cooling_reading"
    water_degc: float = unit("degC")
    flow_l_per_min: float = unit("L/min")
    dissolved_oxygen_ppm: float = unit("ppm")


class CavitationReading(Document):
    """The passive cavitation detector, over this channel's own baseline."""

    kind: Literal["cavitation_reading"] = "cavitation_reading"
    subharmonic_db: float = unit("dB")
    ultraharmonic_db: float = unit("dB")
    broadband_db: float = unit("dB")


class ModelEstimate(Document):
    """Skull and scalp, which MR cannot see, from the thermal model driven by the real power."""

    kind: Literal["model_estimate"] = "model_estimate"
    skull_max_degc: float = unit("degC")
    scalp_max_degc: float = unit("degC")
    skull_dose_cem43: float = unit("CEM43")
    scalp_dose_cem43: float = unit("CEM43")
    skull_rise_k_per_kj: float = unit("K/kJ")
    """Further rise of the skull maximum that a sonication brings, per kilojoule."""
    scalp_rise_k_per_kj: float = unit("K/kJ")
    focus_degc: float = unit("degC")
    """Model temperature at the focus now: shows whether it has cooled."""
    calibration: float = preset(1.0, "1")
    """Factor on the model's heat at the focus that thermometry has asked for so far."""


class PatientReport(Document):
    """What the awake patient says or does."""

    kind: Literal["patient_report"] = "patient_report"
    stop_pressed: bool = False
    pain_nrs: int | None = Field(default=None, ge=0, le=10, json_schema_extra={"unit": "NRS"})
    symptom: str = ""
    severity: Literal["none", "mild", "moderate", "severe"] = "none"
    can_communicate: bool = True
    finding: Finding | None = None
    """What the symptom is, where it is one that has a name; ``symptom`` is in the patient's words."""
    where: str = ""
    """Where in the body it is felt."""
    sedation: Sedation = Sedation.NONE


class OperatorCommand(Document):
    """What the operator asks for."""

    kind: Literal["operator_command"] = "operator_command"
    verb: Verb
    who: str
    why: str = ""
    power_w: float | None = optional("W")
    duration_s: float | None = optional("s")


class ClockTick(Document):
    """Time passes: guards are looked at again."""

    kind: Literal["clock_tick"] = "clock_tick"


class ArrayReading(Document):
    """What the array's electronics report."""

    kind: Literal["array_reading"] = "array_reading"
    power_w: float = unit("W")
    faulty_elements: int
    reflected_share: float = unit("1")


Observation = (
    TemperatureFrame
    | CoolingReading
    | CavitationReading
    | ModelEstimate
    | PatientReport
    | OperatorCommand
    | ClockTick
    | ArrayReading
    | OperatorPresent
    | MotionReading
    | FocusEstimate
)
