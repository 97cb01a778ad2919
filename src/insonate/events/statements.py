"""What the session says of itself, the head and the plan, for whoever reads the record."""

from typing import Literal

from pydantic import Field

from insonate.events.base import Document, Point, StageName, optional, unit


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
