"""A synthetic treatment record: what a whole rehearsal writes, without its physics.

Every number is invented but plausible; the head is not symmetric (``verification.synthetic.pictures``).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.core.provenance import DISCLAIMER, versions
from insonate.events import Source
from insonate.events import documents as doc
from insonate.plan.model import Limits
from insonate.verification.synthetic import pictures
from insonate.verification.synthetic.pictures import PLANES, plane_points
from insonate.verification.synthetic.scribe import MemoryRecord, Scribe, TreatmentOptions
from insonate.verification.synthetic.sonications import course, sonicate

AC_M = (0.0, 0.0130, 0.0)
PC_M = (0.0, -0.0125, 0.0)
STATES = (
    "on",
    "no skull on the path (gap in the bone)",
    "incidence angle too large",
    "air on the path",
    "path crosses a no-pass region",
    "path leaves the image or misses the head",
)


def treatment_record(options: TreatmentOptions | None = None) -> MemoryRecord:
    """Build the record of a whole synthetic treatment."""
    options = options or TreatmentOptions()
    scribe = Scribe()
    _open(scribe, options)
    _describe_head(scribe, options)
    _describe_plan(scribe, options)
    for number, exposure in enumerate(options.exposures, start=1):
        sonicate(scribe, options, number, exposure)
    if options.closed:
        _close(scribe, options)
    return MemoryRecord(tuple(scribe.events), scribe.arrays, complete=options.closed)


def empty_record() -> MemoryRecord:
    """Build a record in which nothing was written."""
    return MemoryRecord((), {}, complete=False)


def stopped_record() -> MemoryRecord:
    """Build the record of a treatment that was stopped before any sonication."""
    return treatment_record(TreatmentOptions(exposures=(), outcome="stopped"))


def _open(scribe: Scribe, options: TreatmentOptions) -> None:
    scribe.add(
        doc.SessionOpened(
            case=options.case,
            simulated=True,
            disclaimer=DISCLAIMER,
            scenario="usual course",
            seed=7,
            versions=versions(),
            settings={"frequency_hz": "650000", "prf_coefficient_ppm_per_k": "-0.00909"},
        ),
        Source.SESSION,
    )


def _describe_head(scribe: Scribe, options: TreatmentOptions) -> None:
    arrays: dict[str, tuple[NDArray[Any], str]] = {}
    for name in PLANES:
        points = plane_points(name, np.asarray(options.target_m))
        arrays[f"ct_{name}"] = (pictures.hounsfield_of(points), "HU")
        arrays[f"labels_{name}"] = (pictures.labels_of(points), "1")
        if options.with_mr:
            arrays[f"mr_{name}"] = (pictures.magnitude_of(points), "1")
    x, y, z = (float(c) for c in pictures.ORIGIN_M)
    head = doc.HeadDescribed(
        name=options.case,
        mapping="mcdannold2019",
        shape=pictures.SHAPE,
        spacing_m=(pictures.SPACING_M,) * 3,
        plane_origin_m=(x, y, z),
        ac_m=AC_M,
        pc_m=PC_M,
        landmark_error_m=0.0015,
        landmark_source="analytic phantom",
        skull_volume_ml=612.4,
        brain_volume_ml=1807.9,
        notes=(
            "The vault is closed with 6 mm of margin.",
            "A gap of 4.1 cm² in the left frontal bone.",
        ),
        provenance={"source": "analytic ellipsoids", "sha256": "0" * 64},
    )
    scribe.add(head, Source.SESSION, arrays)


def _describe_plan(scribe: Scribe, options: TreatmentOptions) -> None:
    target = np.asarray(options.target_m)
    arrays = pictures.elements(target)
    for name, offsets in pictures.offset_planes(121, 0.5e-3).items():
        lobe = 4.1e4 * pictures.spot(offsets, (2.2e-3, 2.2e-3, 5.4e-3))
        side = 2.4e3 * pictures.spot(offsets - np.array((0.006, 0, 0.01)), (4e-3, 4e-3, 9e-3))
        arrays[f"intensity_{name}"] = ((lobe + side).astype(np.float32), "W/m² per W")
        points = plane_points(name, target)
        forbidden = np.linalg.norm(points - np.array((0.0, 0.083, 0.015)), axis=-1) < 0.014
        arrays[f"no_pass_{name}"] = (
            forbidden | (pictures.bone_gap(points) & (pictures.labels_of(points) > 0)),
            "1",
        )
    scribe.add(_plan(options, arrays["element_states"][0]), Source.SESSION, arrays)


def _plan(options: TreatmentOptions, states: NDArray[Any]) -> doc.PlanDescribed:
    return doc.PlanDescribed(
        target_name="cl-left",
        target_m=options.target_m,
        target_source="offsets from AC-PC, Moser et al. (2013)",
        target_error_m=0.0018,
        frequency_hz=650e3,
        engine="ray",
        array_name="hemisphere 1024",
        radius_of_curvature_m=0.15,
        state_names=STATES,
        state_counts=tuple(int((states == k).sum()) for k in range(len(STATES))),
        skull_metrics=(
            doc.SkullMetric(name="workstation", value=0.523, definition="25 parallel rays"),
            doc.SkullMetric(name="older", value=0.471, definition="along the refracted ray"),
        ),
        mean_angle_rad=0.224,
        mean_thickness_m=0.00652,
        clearance_m=0.0312,
        tilt_rad=0.0436,
        plane_spacing_m=0.5e-3,
        focal_pressure_pa_per_sqrt_w=3.5e5,
        focus_offset_m=(0.0002, -0.0003, 0.0004),
        predicted_k_per_kj=3.1,
        predicted_duration_s=10.0,
        transmission=0.31,
        sonications=tuple(
            doc.SonicationRow(stage=e.stage, power_w=e.power_w, duration_s=e.duration_s)
            for e in options.exposures
        ),
        limits=tuple(
            doc.LimitRow(name=name, value=q.value, unit=q.unit, source=q.source)
            for name, q in Limits().rows()
        ),
        notes=("Elements behind the frontal sinus are off.",),
    )


def _starts(scribe: Scribe) -> list[float]:
    return [
        e.time_s
        for e in scribe.events
        if isinstance(e.payload, doc.PowerSet) and e.payload.power_w > 0
    ]


def _curve(scribe: Scribe, options: TreatmentOptions) -> None:
    time = np.arange(0.0, scribe.clock_s, 0.5)
    focus, power = np.zeros(time.size), np.zeros(time.size)
    slow = np.zeros(time.size)
    for start, exposure in zip(_starts(scribe), options.exposures, strict=True):
        focus += 1.06 * np.where(time >= start, course(time - start, exposure), 0.0)
        power += np.where(
            (time >= start) & (time < start + exposure.duration_s), exposure.power_w, 0
        )
        after = (time - start - exposure.duration_s).clip(0)
        slow += (
            np.where(power > 0, 0, 0.3 * exposure.rise_k)
            * np.exp(-after / 60)
            * (time >= start)
        )
    arrays = {
        "time": (time, "s"),
        "focus": (37 + focus, "degC"),
        "skull": (36.5 + slow + 0.1 * focus, "degC"),
        "scalp": (32.5 + 0.7 * slow, "degC"),
        "water": (np.full(time.size, 15.2) + 0.01 * slow, "degC"),
        "power": (power, "W"),
        "model_skull": (36.5 + 1.1 * slow, "degC"),
        "model_scalp": (32.5 + 0.8 * slow, "degC"),
        "model_focus": (37 + 0.95 * focus, "degC"),
    }
    scribe.add(doc.TruthCurve(), Source.TRUTH, arrays)


def _forecast(options: TreatmentOptions) -> doc.HeatForecast:
    number = len(options.exposures)
    rise = options.exposures[-1].rise_k

    def band(low: float, middle: float, high: float) -> doc.Band:
        return doc.Band(low=low, middle=middle, high=high)

    return doc.HeatForecast(
        sonication=number,
        members=40,
        learnt_from=number - 1,
        peak_prior_degc=band(37 + 0.6 * rise, 37 + rise, 37 + 1.5 * rise),
        peak_posterior_degc=band(37 + 0.95 * rise, 37 + 1.03 * rise, 37 + 1.12 * rise),
        lesion_prior_mm3=band(0.0, 60.0, 190.0),
        lesion_posterior_mm3=band(41.0, 66.0, 92.0),
        skull_prior_degc=band(37.6, 39.9, 45.1),
        skull_posterior_degc=band(37.7, 40.0, 45.0),
        sensitivities={
            "brain_absorption": 0.86, "bone_share": 0.0, "perfusion": 0.08, "conductivity": 0.01,
            "skull_speed": 0.02, "shift_right_m": 0.0, "shift_anterior_m": 0.01,
            "shift_superior_m": 0.0,
        },
    )  # fmt: skip


def _lesion(basis: str, scale: float) -> doc.LesionDescribed:
    return doc.LesionDescribed.model_validate(
        {
            "basis": basis,
            "peak_degc": 37 + 20.6 * scale,
            "peak_dose_cem43": 2380.0 * scale,
            "volume_17_mm3": 142.0 * scale,
            "volume_100_mm3": 91.5 * scale,
            "volume_200_mm3": 72.3 * scale,
            "volume_240_mm3": 68.1 * scale,
            "volume_51_mm3": 77.7 * scale,
            "diameters_m": (0.0041 * scale, 0.0042 * scale, 0.0073 * scale),
            "principal_diameters_m": (0.0073 * scale, 0.0042 * scale, 0.0041 * scale),
            "long_axis": (0.07, -0.03, 0.997),
            "neighbours": (
                {
                    "name": "internal capsule, genu",
                    "distance_m": 0.0089,
                    "peak_degc": 40.6 * scale,
                    "dose_cem43": 0.4,
                },
                {
                    "name": "sensory relay, hand",
                    "distance_m": 0.0062,
                    "peak_degc": 43.9 * scale,
                    "dose_cem43": 19.0,
                },
            ),
            "centre_offset_m": (0.0003, -0.0001, 0.0005),
            "plane_spacing_m": 0.25e-3,
            "target_inside": True,
            "dose_variant": "sapareto",
        }
    )


def _close(scribe: Scribe, options: TreatmentOptions) -> None:
    made = bool(options.exposures) and options.outcome == "lesion made"
    if options.exposures:
        _curve(scribe, options)
        scribe.add(_forecast(options), Source.MODEL)
    if made:
        scribe.add(_lesion("measured", 1.0), Source.SESSION)
        arrays: dict[str, tuple[NDArray[Any], str]] = {}
        for name, offsets in pictures.offset_planes(97, 0.25e-3).items():
            rise = 21.8 * pictures.spot(offsets - np.array((3e-4, 0, 5e-4)), (5e-3, 5e-3, 9e-3))
            arrays[f"peak_{name}"] = ((37 + rise).astype(np.float32), "degC")
            arrays[f"dose_{name}"] = ((10 * 2.0 ** (rise - 14)).astype(np.float32), "CEM43")
        scribe.add(_lesion("truth", 1.12), Source.TRUTH, arrays)
    sentence = (
        "A lesion of 68 mm³ was made round the target."
        if made
        else "The treatment was stopped before any sonication: the patient asked for it."
    )
    worst = {"focal_temperature": 57.6, "skull_temperature": 44.9, "energy": 13260.0}
    kept = {name: name != "focus_offset" for name, _ in Limits().rows()[:-3]}
    scribe.add(
        doc.SessionClosed.model_validate(
            {
                "outcome": options.outcome,
                "sentence": sentence,
                "limits_kept": kept if made else {},
                "limits_worst": {**worst, "focus_offset": 0.00108} if made else {},
            }
        ),
        Source.SESSION,
    )
