"""The payloads of the record: typed, with the unit of each number in the schema.

Observations are what the controller sees; decisions are what it answers; statements describe
the head, the plan and the outcome for whoever reads the record; truths are known only in
simulation.
"""

from typing import Annotated, Literal

from pydantic import Field

from insonate.events.base import Document, optional, preset, unit
from insonate.events.presence import Finding, MotionReading, OperatorPresent, Sedation
from insonate.events.states import EndReason, Priority, State, Verb

StageName = Literal["align", "verify", "treat"]
Point = tuple[float, float, float]

# --- statements: the session describes itself ------------------------------------------------


class SessionOpened(Document):
    """The first event of every record."""

    kind: Literal["session_opened"] = "session_opened"
    case: str
    simulated: bool
    disclaimer: str
    scenario: str
    seed: int
    versions: dict[str, str]
    settings: dict[str, str]
    control: str = ""
    """All settings of the controller as JSON: with them a replay decides as it did."""


class HeadDescribed(Document):
    """The head model. Arrays: ``ct_axial ct_coronal ct_sagittal`` (HU, through the target),
    ``labels_axial labels_coronal labels_sagittal``, ``mr_axial mr_coronal mr_sagittal``;
    each plane [i, j] with the first axis of its name's pair along RAS x (axial, coronal) or
    y (sagittal) and the second along y (axial) or z. Plane affines below.
    """  # noqa: D205

    kind: Literal["head_described"] = "head_described"
    name: str
    mapping: str
    shape: tuple[int, int, int]
    spacing_m: Point = unit("m")
    plane_origin_m: Point = unit("m")
    """CT-frame point of voxel (0, 0, 0) of the grid that the planes are cut from."""
    ac_m: Point = unit("m")
    pc_m: Point = unit("m")
    landmark_error_m: float = unit("m")
    landmark_source: str
    skull_volume_ml: float = unit("mL")
    brain_volume_ml: float = unit("mL")
    notes: tuple[str, ...]
    provenance: dict[str, str]


class LimitRow(Document):
    """One cap or threshold of the plan."""

    name: str
    value: float
    unit: str
    source: str


class SkullMetric(Document):
    """One named definition of skull density ratio over the active elements."""

    name: str
    value: float = unit("1")
    definition: str


class SonicationRow(Document):
    """One intended sonication."""

    stage: StageName
    power_w: float = unit("W")
    duration_s: float = unit("s")


class CorrectionRow(Document):
    """The focus at 1 W with one way of setting the phases."""

    correction: str
    judged_by: str
    target_pa: float = unit("Pa")
    peak_pa: float = unit("Pa")
    offset_m: Point = unit("m")
    side_lobe: float = unit("1")
    skull_share: float | None = optional("1")
    """Part of the absorbed power that the skull takes; None where no field of the head is known."""


class PlanDescribed(Document):
    """The plan. Arrays: ``element_positions`` (N, 3) m in the CT frame, ``element_states``
    (N,) index into ``state_names``, ``element_sdr`` (N,) 1, ``element_angle`` (N,) rad,
    ``element_thickness`` (N,) m, ``element_phase`` (N,) rad, ``element_amplitude`` (N,) 1;
    ``intensity_axial intensity_coronal intensity_sagittal`` W/m² per W on planes through the
    target with spacing ``plane_spacing_m``, centred on the target; ``no_pass_axial
    no_pass_coronal no_pass_sagittal`` bool on the head's planes.
    """  # noqa: D205

    kind: Literal["plan_described"] = "plan_described"
    target_name: str
    target_m: Point = unit("m")
    target_source: str
    target_error_m: float = unit("m")
    frequency_hz: float = unit("Hz")
    engine: str
    array_name: str
    radius_of_curvature_m: float = unit("m")
    state_names: tuple[str, ...]
    state_counts: tuple[int, ...]
    skull_metrics: tuple[SkullMetric, ...]
    mean_angle_rad: float = unit("rad")
    mean_thickness_m: float = unit("m")
    clearance_m: float = unit("m")
    tilt_rad: float = unit("rad")
    plane_spacing_m: float = unit("m")
    focal_pressure_pa_per_sqrt_w: float = unit("Pa/sqrt(W)")
    focus_offset_m: Point = unit("m")
    predicted_k_per_kj: float = unit("K/kJ")
    """Peak temperature rise per kilojoule for a sonication of ``predicted_duration_s``."""
    predicted_duration_s: float = unit("s")
    transmission: float = unit("1")
    corrections: tuple[CorrectionRow, ...] = ()
    engine_provenance: dict[str, str] = Field(default_factory=dict)
    sonications: tuple[SonicationRow, ...]
    limits: tuple[LimitRow, ...]
    notes: tuple[str, ...]


# --- observations: everything the controller sees --------------------------------------------


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
)

# --- decisions: everything the controller answers --------------------------------------------


class StateChanged(Document):
    """The controller went from one state to another."""

    kind: Literal["state_changed"] = "state_changed"
    before: State
    after: State
    trigger: str


class SonicationProposed(Document):
    """The next sonication, with what it is expected to do."""

    kind: Literal["sonication_proposed"] = "sonication_proposed"
    sonication: int
    stage: StageName
    power_w: float = unit("W")
    duration_s: float = unit("s")
    predicted_peak_degc: float = unit("degC")
    predicted_low_degc: float = unit("degC")
    predicted_high_degc: float = unit("degC")
    k_per_kj: float = unit("K/kJ")
    limited_by: str = ""
    """The limit that made it smaller than the goal asks for; empty where none did."""


class PowerSet(Document):
    """The drive is set; 0 is off."""

    kind: Literal["power_set"] = "power_set"
    sonication: int
    power_w: float = unit("W")
    off_at_s: float | None = optional("s")
    """The drive goes off by itself at this time, whatever becomes of the controller; with power 0
    there is none."""


class SonicationEnded(Document):
    """Power went off."""

    kind: Literal["sonication_ended"] = "sonication_ended"
    sonication: int
    stage: StageName
    power_w: float = unit("W")
    duration_s: float = unit("s")
    energy_j: float = unit("J")
    end_reason: EndReason
    guard: str = ""


class SonicationReviewed(Document):
    """What the sonication did, by what was seen."""

    kind: Literal["sonication_reviewed"] = "sonication_reviewed"
    sonication: int
    stage: StageName
    peak_degc: float = unit("degC")
    rise_k: float = unit("K")
    k_per_kj: float | None = optional("K/kJ")
    dose_cem43: float = unit("CEM43")
    focus_offset_m: Point | None = optional("m")
    stage_done: bool
    sentence: str


class Resteered(Document):
    """The focus was moved electronically by ``shift_m`` (CT frame)."""

    kind: Literal["resteered"] = "resteered"
    shift_m: Point = unit("m")
    total_m: Point = unit("m")


class GuardRefused(Document):
    """A guard says no: which, why, and what clears it."""

    kind: Literal["guard_refused"] = "guard_refused"
    guard: str
    why: str
    clears: str
    priority: Priority = Priority.MEDIUM
    """Of the alarm, in the words of IEC 60601-1-8; no claim of conformity."""
    latching: bool = False
    """Whether it stays until the operator has given a reason, though its cause is gone."""


class CommandRefused(Document):
    """A command did not fit the state; the state is unchanged."""

    kind: Literal["command_refused"] = "command_refused"
    verb: Verb
    why: str


class WaitSet(Document):
    """No power before this time: everything must cool first."""

    kind: Literal["wait_set"] = "wait_set"
    until_s: float = unit("s")
    because: str


Decision = (
    StateChanged
    | SonicationProposed
    | PowerSet
    | SonicationEnded
    | SonicationReviewed
    | Resteered
    | GuardRefused
    | CommandRefused
    | WaitSet
)

# --- truths and outcome ----------------------------------------------------------------------


class TruthObserved(Document):
    """What really happened in a sonication; known only in simulation.

    Arrays: ``temperature_peak`` (°C, on the thermometry slice at its own voxels, at the end of
    power), ``dose`` (CEM43 on the same slice).
    """

    kind: Literal["truth_observed"] = "truth_observed"
    sonication: int
    peak_degc: float = unit("degC")
    off_target_degc: float = unit("degC")
    skull_max_degc: float = unit("degC")
    scalp_max_degc: float = unit("degC")
    peak_dose_cem43: float = unit("CEM43")
    focus_offset_m: Point = unit("m")


class TruthCurve(Document):
    """True temperatures over the whole session; known only in simulation.

    Arrays: ``time`` s, ``focus`` °C, ``skull`` °C, ``scalp`` °C, ``water`` °C, ``power`` W and
    ``model_skull`` ``model_scalp`` ``model_focus`` °C: what the controller's model believed.
    """

    kind: Literal["truth_curve"] = "truth_curve"


class HarmObserved(Document):
    """A harm that really happened; known only in simulation."""

    kind: Literal["harm_observed"] = "harm_observed"
    harm: Literal["haemorrhage"]
    sonication: int
    at_s: float = unit("s")
    sentence: str


class NeighbourHeated(Document):
    """What a structure beside the target was given; its place is a textbook's, not the person's."""

    name: str
    distance_m: float = unit("m")
    """From the target."""
    peak_degc: float = unit("degC")
    dose_cem43: float = unit("CEM43")


class LesionDescribed(Document):
    """The lesion at the end, by ``basis``: "measured" (thermometry) or "truth" (simulation).

    Arrays (truth only): ``dose_axial dose_coronal dose_sagittal`` CEM43 and
    ``peak_axial peak_coronal peak_sagittal`` °C on planes through the target, with spacing
    ``plane_spacing_m``, centred on the target.
    """

    kind: Literal["lesion_described"] = "lesion_described"
    basis: Literal["measured", "truth"]
    peak_degc: float = unit("degC")
    peak_dose_cem43: float = unit("CEM43")
    volume_17_mm3: float = unit("mm³")
    volume_100_mm3: float = unit("mm³")
    volume_200_mm3: float = unit("mm³")
    volume_240_mm3: float = unit("mm³")
    volume_51_mm3: float = unit("mm³")
    diameters_m: Point = unit("m")
    """Extent of the 240 CEM43 region along R, A, S; zeros where there is none."""
    principal_diameters_m: Point | None = optional("m")
    """Of the ellipsoid with its second moments, longest first."""
    long_axis: Point | None = None
    """Direction of the longest one, RAS, upwards."""
    neighbours: tuple[NeighbourHeated, ...] = ()
    centre_offset_m: Point | None = optional("m")
    plane_spacing_m: float = unit("m")
    target_inside: bool
    dose_variant: str


class Band(Document):
    """The 5th, 50th and 95th percentile of what an ensemble predicts."""

    low: float
    middle: float
    high: float


class HeatForecast(Document):
    """How sure the model was of one sonication, before and after others were measured.

    Bands over members whose properties differ as the sources do; ``prior`` is the plan's,
    ``posterior`` has learnt from the ``learnt_from`` sonications before this one.
    """

    kind: Literal["heat_forecast"] = "heat_forecast"
    sonication: int
    members: int
    learnt_from: int
    peak_prior_degc: Band
    peak_posterior_degc: Band
    lesion_prior_mm3: Band
    lesion_posterior_mm3: Band
    """Above 240 CEM43."""
    skull_prior_degc: Band
    skull_posterior_degc: Band
    sensitivities: dict[str, float]
    """First-order share of the prior variance of the peak that each property explains."""


class SessionClosed(Document):
    """The last event of a finished record."""

    kind: Literal["session_closed"] = "session_closed"
    outcome: Literal["lesion made", "no lesion", "stopped", "faulted", "aborted"]
    sentence: str
    limits_kept: dict[str, bool]
    limits_worst: dict[str, float]


Payload = Annotated[
    SessionOpened
    | HeadDescribed
    | PlanDescribed
    | TemperatureFrame
    | CoolingReading
    | CavitationReading
    | ModelEstimate
    | PatientReport
    | OperatorCommand
    | ClockTick
    | ArrayReading
    | OperatorPresent
    | MotionReading
    | StateChanged
    | SonicationProposed
    | PowerSet
    | SonicationEnded
    | SonicationReviewed
    | Resteered
    | GuardRefused
    | CommandRefused
    | WaitSet
    | TruthObserved
    | TruthCurve
    | HarmObserved
    | LesionDescribed
    | HeatForecast
    | SessionClosed,
    Field(discriminator="kind"),
]
