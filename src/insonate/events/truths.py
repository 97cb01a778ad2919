"""What is known at the end, or in simulation only: truths, forecasts, the lesion, the outcome."""

from typing import Literal

from insonate.events.base import Document, Point, optional, unit


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
