"""What really happened, for the record: known only in simulation, read by nothing that decides."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.events import Source
from insonate.events.documents import (
    HarmObserved,
    LesionDescribed,
    Point,
    TruthCurve,
    TruthObserved,
)
from insonate.heat.readout import dose_at, peak_at, temperature_at
from insonate.plant import World
from insonate.record import Recorder
from insonate.session.measured import describe_lesion

OFF_TARGET_RADIUS_M = 10e-3  # as far as thermometry calls a voxel off target
PLANE_SPACING_M = 0.25e-3
PLANE_COUNT = 97


def observe_truth(world: World, recorder: Recorder, sonication: int) -> None:
    """Record what a sonication really did, at the end of its power."""
    twin, geometry = world.truth, world.scanner.geometry
    now = twin.warmth()
    arrays: dict[str, tuple[NDArray[Any], str]] = {}
    off_target = now.focus_degc
    if geometry is not None:
        points = geometry.points()[:, :, 0]
        temperature = temperature_at(twin.model, twin.state, points).astype(np.float32)
        dose = dose_at(twin.model, twin.state, points).astype(np.float32)
        arrays = {"temperature_peak": (temperature, "degC"), "dose": (dose, "CEM43")}
        far = np.linalg.norm(points - twin.model.focus_m, axis=-1) > OFF_TARGET_RADIUS_M
        off_target = float(temperature[far].max())
    recorder.append(
        TruthObserved(
            sonication=sonication,
            peak_degc=now.focus_degc,
            off_target_degc=off_target,
            skull_max_degc=now.skull_degc,
            scalp_max_degc=now.scalp_degc,
            peak_dose_cem43=float(twin.state.fine_dose.max()),
            focus_offset_m=_hottest_offset(world),
        ),
        time_s=world.time_s,
        source=Source.TRUTH,
        arrays=arrays,
    )


def _hottest_offset(world: World) -> Point:
    """Return where the hottest region lies, relative to the target: mean of its upper quarter."""
    twin = world.truth
    points = twin.model.fine_grid.points()
    near = np.linalg.norm(points - twin.model.focus_m, axis=-1) < OFF_TARGET_RADIUS_M
    degc = np.where(near, twin.state.fine_degc, -np.inf)
    top = float(degc.max())
    rest = float(np.median(twin.state.fine_degc[near]))
    weight = np.clip(degc - (rest + 0.75 * (top - rest)), 0.0, None)
    if weight.sum() <= 0:
        return (0.0, 0.0, 0.0)
    mean = (points * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    return _point(mean - twin.model.focus_m)


def record_curve(world: World, recorder: Recorder) -> None:
    """Record the temperatures of the whole session."""
    units = {"time": "s", "power": "W"}
    arrays = {
        name: (values, units.get(name, "degC")) for name, values in world.curve.arrays().items()
    }
    recorder.append(TruthCurve(), time_s=world.time_s, source=Source.TRUTH, arrays=arrays)


def record_harm(world: World, recorder: Recorder) -> None:
    """Record the vessel that bled, if one did."""
    if world.bled_s is None or world.scenario.vessel is None:
        return
    vessel = world.scenario.vessel
    sentence = (
        f"A vessel beside the target bled after {vessel.bleeds_after_s:g} s above "
        f"{vessel.bleeds_degc:g} °C with bubbles louder than {vessel.bleeds_db:g} dB (a caricature)."
    )
    harm = HarmObserved(
        harm="haemorrhage",
        sonication=world.sonication,
        at_s=world.bled_s,
        sentence=sentence,
    )
    recorder.append(harm, time_s=world.time_s, source=Source.TRUTH)


def record_true_lesion(world: World, recorder: Recorder) -> LesionDescribed:
    """Record the lesion that was really made."""
    nowhere = np.zeros(3)
    neighbours = world.scenario.neighbours
    document = describe_lesion(world.truth, "truth", nowhere, PLANE_SPACING_M, neighbours)
    recorder.append(document, time_s=world.time_s, source=Source.TRUTH, arrays=_planes(world))
    return document


def _point(vector: NDArray[np.float64]) -> Point:
    x, y, z = (float(v) for v in vector)
    return x, y, z


def _planes(world: World) -> dict[str, tuple[NDArray[Any], str]]:
    twin = world.truth
    half = (np.arange(PLANE_COUNT) - (PLANE_COUNT - 1) / 2) * PLANE_SPACING_M
    arrays: dict[str, tuple[NDArray[Any], str]] = {}
    for name, (first, second) in {
        "axial": (0, 1),
        "coronal": (0, 2),
        "sagittal": (1, 2),
    }.items():
        points = np.zeros((PLANE_COUNT, PLANE_COUNT, 3)) + twin.model.focus_m
        points[..., first] += half[:, None]
        points[..., second] += half[None, :]
        peak = peak_at(twin.model, twin.state, points).astype(np.float32)
        dose = dose_at(twin.model, twin.state, points).astype(np.float32)
        arrays[f"peak_{name}"] = (peak, "degC")
        arrays[f"dose_{name}"] = (dose, "CEM43")
    return arrays
