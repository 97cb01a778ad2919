"""Thermometry against closed forms and against the truth of the virtual scanner.

Each measure takes its subject as an argument, so that a deliberately wrong one can be put in its
place and is seen to fail.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insonate.thermometry import (
    Protocol,
    SliceAnatomy,
    accumulate_dose,
    acquire,
    measure_focus,
    reconstruct,
)
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.baseline import Baseline, average_baselines
from insonate.thermometry.dose import DoseMap
from insonate.thermometry.focus import FocusMeasurement
from insonate.thermometry.geometry import Orientation
from insonate.thermometry.motion import STILL_PIXELS
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.regions import Regions
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.spot import off_resonance_map
from insonate.thermometry.susceptibility import dipole_field
from insonate.thermometry.thermogram import Thermogram
from insonate.verification.artefacts import structured
from insonate.verification.check import Check, at_most
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    air_sphere,
    centred_cube,
    dose_of_ramp,
    ellipse_anatomy,
    phase_of,
    small_protocol,
)

AREA = "thermometry"
Reconstruct = Callable[..., Thermogram]
Measure = Callable[..., FocusMeasurement]
Acquire = Callable[..., NDArray[np.complex64]]
Reading = Callable[[FocusMeasurement, Thermogram], float]
_USUAL = Reconstruction()
SERIES = 4


def regions_round(anatomy: SliceAnatomy) -> Regions:
    """Return the tissue of an ellipse, cold beyond 15 mm of the middle."""
    return regions_of(anatomy, CENTRE_M)


def unheated(
    anatomy: SliceAnatomy, protocol: Protocol, count: int, rng: np.random.Generator
) -> Baseline:
    """Take and average ``count`` references."""
    cold = np.zeros(anatomy.geometry.shape)
    images = [acquire(anatomy, protocol, cold, rng=rng) for _ in range(count)]
    return average_baselines(images, protocol)


def round_trip_error(sign: int, reconstruct: Reconstruct = reconstruct) -> float:
    """Return the largest error of phase → temperature → phase over the largest phase."""
    protocol = small_protocol(phase_sign=sign)
    anatomy = ellipse_anatomy(protocol)
    regions = regions_round(anatomy)
    kelvin = HotSpot(CENTRE_M).at(anatomy.geometry.points()[:, :, 0])
    kelvin[regions.cold] = 0.0
    phase = phase_of(kelvin, protocol)
    base = np.exp(1j * anatomy.receive_phase)
    found = reconstruct(
        base,
        base * np.exp(1j * phase),
        protocol,
        regions=regions,
        options=Reconstruction(drift_order=0),
    )
    back = phase_of(found.delta_t_k.astype(np.float64), protocol)
    return float(np.nanmax(np.abs(back - phase)) / np.abs(phase).max())


def published_kelvin_per_radian_error(protocol: Protocol | None = None) -> float:
    """Return the distance from 9.81 °C/rad: 3 T, TE 12.7 ms, 0.0100 ppm/°C."""
    subject = protocol or small_protocol(prf_ppm_per_k=-0.0100)
    return abs(abs(subject.kelvin_per_radian) - 9.81)


def published_displacement_error_m(acquire: Acquire = acquire) -> float:
    """Return how far 20 °C displace the image, against 0.64 mm (3 T, 44 Hz/px, 1.1 mm)."""
    protocol = small_protocol(prf_ppm_per_k=-0.0100, snr=10000.0)
    plain = ellipse_anatomy(protocol)
    u = np.linspace(-1, 1, plain.brain.shape[0])[:, None]
    v = np.linspace(-1, 1, plain.brain.shape[1])[None, :]
    blob = np.exp(-8.0 * (u**2 + v**2)).astype(np.float32)
    anatomy = replace(plain, brain=blob, water=np.zeros_like(blob))
    centre = []
    for kelvin in (0.0, 20.0):
        warm = np.full(anatomy.geometry.shape, kelvin)
        power = np.abs(acquire(anatomy, protocol, warm, rng=np.random.default_rng(1))) ** 2
        centre.append(float((power.sum(axis=1) * np.arange(len(power))).sum() / power.sum()))
    # The proton resonates lower when warm: towards the start of the readout axis.
    return abs((centre[0] - centre[1]) * protocol.pixel_m - 0.64e-3)


def noise_error(references: int, reconstruct: Reconstruct = reconstruct) -> float:
    """Return the relative error of the observed σ of ΔT against √(1 + 1/N) |K per rad| / SNR."""
    protocol = small_protocol()
    anatomy = ellipse_anatomy(protocol)
    regions = regions_round(anatomy)
    rng = np.random.default_rng(references)
    cold = np.zeros(anatomy.geometry.shape)
    squares = []
    for _ in range(30):
        base = unheated(anatomy, protocol, references, rng)
        image = acquire(anatomy, protocol, cold, rng=rng)
        found = reconstruct(base, image, protocol, regions=regions)
        squares.append(np.nanmean(found.delta_t_k[regions.cold].astype(np.float64) ** 2))
    k_per_rad = 1.0 / float(phase_of(np.array(1.0), protocol))
    expected = sqrt(1.0 + 1.0 / references) * abs(k_per_rad) / protocol.snr
    return abs(sqrt(float(np.mean(squares))) / expected - 1.0)


def calibration_error(reconstruct: Reconstruct = reconstruct) -> float:
    """Return |1 − spread of (error / stated σ)| where the SNR differs from voxel to voxel."""
    protocol = small_protocol()
    anatomy = ellipse_anatomy(protocol, texture=0.5)
    regions = regions_round(anatomy)
    rng = np.random.default_rng(5)
    base = unheated(anatomy, protocol, 4, rng)
    squares = []
    for n in range(10):
        drift = 0.02 * n
        image = acquire(
            anatomy, protocol, np.zeros(anatomy.geometry.shape), drift_ppm=drift, rng=rng
        )
        found = reconstruct(base, image, protocol, regions=regions)
        # Voxels of one series share their reference; what they share is part of the error.
        squares.append(np.nanmean((found.delta_t_k / found.sigma_k)[regions.cold] ** 2))
    return abs(sqrt(float(np.mean(squares))) - 1.0)


@dataclass(frozen=True, eq=False)
class Series:
    """A heated series under drift: bias at the focus (K) and RMS of cold tissue (K)."""

    focus_bias_k: float
    cold_rms_k: float


def drifting_series(
    options: Reconstruction = _USUAL, order_zero: float = 1.0, *, moving: bool = False
) -> Series:
    """Watch a spot for two minutes at SNR 40 while the field drifts by 0.1 ppm a minute.

    Four series, each with references of its own: what four references err by is common to all
    frames of a series, 0.1 K, and would be taken for a bias where there is but one.

    Parameters
    ----------
    options
        Of the reconstruction.
    order_zero
        Share of the drift that is the same everywhere; the rest of it is a gradient.
    moving
        Whether the head wanders by up to 1.6 mm and 1.1° meanwhile, past steep static phase.
    """
    bias, squares = [], []
    for seed in range(SERIES):
        for error, cold in _drifting(options, order_zero, seed, moving=moving):
            bias.append(error)
            squares.append(cold)
    return Series(abs(float(np.mean(bias))), sqrt(float(np.mean(squares))))


def _drifting(
    options: Reconstruction, order_zero: float, seed: int, *, moving: bool
) -> Iterator[tuple[float, float]]:
    """Yield the error at the peak and the mean square of cold tissue, every fourth frame."""
    protocol = small_protocol()
    anatomy = structured(protocol) if moving else ellipse_anatomy(protocol, texture=0.2)
    spot = HotSpot(CENTRE_M + np.array([0.8e-3, -0.5e-3, 0.0]), width_m=2.5e-3)
    regions, rng = regions_round(anatomy), np.random.default_rng(9 + seed)
    base, previous = unheated(anatomy, protocol, 4, rng), None
    for minutes in np.arange(0.0, 2.0, SERIES * protocol.frame_time_s / 60.0):
        drift = 0.1 * minutes * np.array([order_zero, 2.0, -1.0])
        part = np.sin(3.0 * minutes) * moving
        image = acquire(
            anatomy,
            protocol,
            spot.cells(anatomy.geometry),
            drift_ppm=drift,
            motion=HeadMotion((1.4e-3 * part, -0.8e-3 * part), 0.02 * part),
            rng=rng,
        )
        found = reconstruct(
            base, image, protocol, regions=regions, previous=previous, options=options
        )
        moved = np.array([1.4e-3 * part, -0.8e-3 * part]) / protocol.pixel_m
        left = moved if _alone(found) else moved - np.array(found.motion.shift)
        error = _error_at_peak(found, anatomy, protocol, (spot, left))
        yield error, float(np.nanmean(found.delta_t_k[regions.cold] ** 2))
        previous = found


def _alone(found: Thermogram) -> bool:
    """Return whether a motion was too small to be undone."""
    return found.motion.largest_shift((80, 72)) <= STILL_PIXELS


def _error_at_peak(
    found: Thermogram,
    anatomy: SliceAnatomy,
    protocol: Protocol,
    truth: tuple[HotSpot, NDArray[np.float64]],
) -> float:
    """Return measured minus true temperature of the hottest voxel, where its spins are.

    The truth is the spot and how far the head still lies from where the map says, voxels.
    """
    spot, left = truth
    geometry = anatomy.geometry
    focus = measure_focus(found, geometry, protocol, spot.centre_m)
    index = np.array(focus.peak_index, float) - left
    hz = protocol.hz_per_k * (focus.peak_k + found.drift_map_k[focus.peak_index])
    static_ppm = anatomy.voxel_mean(anatomy.off_resonance_ppm)[focus.peak_index]
    hz += protocol.larmor_hz * 1e-6 * static_ppm
    index[protocol.readout_axis] -= (
        protocol.readout_polarity * hz / protocol.bandwidth_hz_per_pixel
    )
    return focus.peak_k - spot.voxel_mean(geometry, index)


def side_error_m(measure: Measure = measure_focus) -> float:
    """Return the worst error of x (m) of a spot 20 mm to the right, over planes and readouts."""
    worst = 0.0
    for orientation in (Orientation.AXIAL, Orientation.CORONAL):
        for axis in (0, 1):
            protocol = small_protocol(readout_axis=axis)
            spot = HotSpot(CENTRE_M + np.array([20e-3, 0.0, 0.0]))
            focus = _observe(ellipse_anatomy(protocol, orientation), protocol, spot, measure)
            found = np.nan if focus.position_m is None else focus.position_m[0]
            worst = float(np.maximum(worst, abs(found - spot.centre_m[0])))
    return worst


def _observe(
    anatomy: SliceAnatomy,
    protocol: Protocol,
    spot: HotSpot,
    measure: Measure,
    seed: int = 2,
) -> FocusMeasurement:
    """Scan a spot after references and a field map of 5 ms between echoes, and measure it."""
    rng = np.random.default_rng(seed)
    regions = regions_of(anatomy, spot.centre_m)
    base = unheated(anatomy, protocol, 4, rng)
    image = acquire(anatomy, protocol, spot.cells(anatomy.geometry), drift_ppm=0.02, rng=rng)
    found = reconstruct(base, image, protocol, regions=regions)
    later = replace(protocol, echo_time_s=protocol.echo_time_s + 2.5e-3)
    cold = np.zeros(anatomy.geometry.shape)
    echoes = [acquire(anatomy, p, cold, rng=rng) for p in (protocol, later)]
    field = off_resonance_map(echoes[0], echoes[1], (protocol, later))
    return measure(found, anatomy.geometry, protocol, spot.centre_m, off_resonance_hz=field)


def position_error_m(measure: Measure = measure_focus) -> float:
    """Return the worst error in the plane (m) over six places, at SNR 40 and 60 Hz (1.5 mm)."""
    worst = 0.0
    for seed in range(6):
        protocol = small_protocol(readout_axis=seed % 2, readout_polarity=1 - 2 * (seed // 3))
        anatomy = ellipse_anatomy(protocol, off_resonance_hz=60.0)
        where = np.random.default_rng(seed).uniform(-2e-3, 2e-3, 3) * [1, 1, 0]
        spot = HotSpot(CENTRE_M + where)
        focus = _observe(anatomy, protocol, spot, measure, seed)
        found = spot.centre_m * np.nan if focus.position_m is None else focus.position_m
        worst = float(np.maximum(worst, np.linalg.norm(found - spot.centre_m)))
    return worst


def idle_bias_k(*readings: Reading) -> list[float]:
    """Return the mean of what each reading says where nothing is heated, K, at σ = 1 K."""
    protocol = small_protocol()
    protocol = replace(protocol, snr=protocol.snr * protocol.sigma_k(4))
    anatomy = ellipse_anatomy(protocol)
    regions, rng = regions_round(anatomy), np.random.default_rng(3)
    cold, read = np.zeros(anatomy.geometry.shape), []
    for _ in range(80):
        base = unheated(anatomy, protocol, 4, rng)
        image = acquire(anatomy, protocol, cold, rng=rng)
        found = reconstruct(base, image, protocol, regions=regions)
        focus = measure_focus(found, anatomy.geometry, protocol, CENTRE_M)
        read.append([reading(focus, found) for reading in readings])
    return [abs(float(bias)) for bias in np.mean(read, axis=0)]


def ramp_dose_error(accumulate: Callable[..., DoseMap] = accumulate_dose) -> float:
    """Return the relative error of the dose of one frame in which 37 °C rise to 57 °C."""
    protocol = small_protocol()
    anatomy = ellipse_anatomy(protocol)
    base = np.exp(1j * anatomy.receive_phase)
    image = base * np.exp(1j * phase_of(np.zeros(base.shape), protocol))
    found = reconstruct(base, image, protocol, regions=regions_round(anatomy))
    hot = replace(found, delta_t_k=np.full(base.shape, 20.0, np.float32))
    start = DoseMap.start(anatomy.geometry.shape, 37.0, 0.0, "sapareto")
    dose = accumulate(start, hot, baseline_degc=37.0, time_s=3.4)
    wanted = dose_of_ramp(37.0, 57.0, 3.4)
    return float(np.abs(dose.cem43[found.mask] / wanted - 1.0).max())


def air_sphere_error(field: Callable[..., NDArray[Any]] = dipole_field) -> float:
    """Return the relative L2 error outside an air sphere of 10 voxels radius, to 2.4 radii."""
    grid = centred_cube(48)
    points, radius, contrast = grid.points(), 10e-3, 9.41
    r = np.linalg.norm(points, axis=-1)
    # Shares of the voxels at the surface, from the distance to it.
    share = np.clip(0.5 - (r - radius) / 1e-3, 0.0, 1.0)
    found = field(contrast * share, grid.spacing_m)
    exact = air_sphere(points, radius, contrast)
    shell = (r > 1.2 * radius) & (r < 2.4 * radius)
    return float(np.linalg.norm((found - exact)[shell]) / np.linalg.norm(exact[shell]))


def checks() -> Iterator[Check]:
    """Yield every number that thermometry is verified by."""
    prf = "PRF phase s 2π γ α B₀ TE ΔT, Ishihara et al. 1995"
    for sign in (1, -1):
        error = round_trip_error(sign)
        name = f"phase to temperature to phase, phase sign {sign:+d}"
        yield at_most(AREA, name, error, 1e-6, "1", prf)
    yield at_most(
        AREA,
        "°C per radian at 3 T, 12.7 ms, 0.0100 ppm/°C against 9.81",
        published_kelvin_per_radian_error(),
        0.005,
        "K/rad",
        prf,
    )
    yield at_most(
        AREA,
        "readout displacement of 20 °C at 3 T, 44 Hz/px against 0.64 mm",
        published_displacement_error_m(),
        0.01e-3,
        "m",
        "offset frequency over bandwidth per pixel",
    )
    gudbjartsson = "√(1 + 1/N) |K/rad| / SNR, Gudbjartsson & Patz 1995"
    for references in (1, 4):
        name = f"σ of ΔT by Monte Carlo, N = {references}, relative error"
        yield at_most(AREA, name, noise_error(references), 0.03, "1", gudbjartsson)
    yield at_most(
        AREA,
        "stated against observed standard deviation",
        calibration_error(),
        0.10,
        "1",
        gudbjartsson,
    )
    yield from _scanner_checks()


def _scanner_checks() -> Iterator[Check]:
    truth = "truth of the virtual scanner"
    series = drifting_series()
    name = "drift 0.1 ppm/min over 2 min, SNR 40: "
    yield at_most(AREA, name + "bias at the focus", series.focus_bias_k, 0.3, "K", truth)
    yield at_most(AREA, name + "RMS of cold tissue", series.cold_rms_k, 0.5, "K", truth)
    series = drifting_series(moving=True)
    name = "drift 0.1 ppm/min and motion to 1.6 mm and 1.1°, SNR 40: "
    yield at_most(AREA, name + "bias at the focus", series.focus_bias_k, 0.3, "K", truth)
    yield at_most(AREA, name + "RMS of cold tissue", series.cold_rms_k, 0.5, "K", truth)
    name = "x of a spot 20 mm to the right, axial and coronal, both readouts"
    yield at_most(AREA, name, side_error_m(), 0.3e-3, "m", truth)
    name = "focus position at SNR 40 and 60 Hz, corrected, worst of 6"
    yield at_most(AREA, name, position_error_m(), 0.3e-3, "m", truth)
    biases = idle_bias_k(
        lambda focus, _: focus.peak_k,
        lambda focus, _: focus.mean_k,
        lambda focus, _: focus.off_target_k,
    )
    for what, bias in zip(("peak", "3×3 mean", "off-target"), biases, strict=True):
        name = f"bias of the {what} where nothing is heated, σ = 1 K"
        yield at_most(AREA, name, bias, 0.1, "K", truth)
    name = "dose of a frame rising from 37 to 57 °C, relative error"
    yield at_most(AREA, name, ramp_dose_error(), 1e-6, "1", "Sapareto & Dewey 1984, integrated")
    name = "field round an air sphere of 10 voxels, relative L2 error"
    reference = "magnetised sphere; Marques & Bowtell 2005 for the method"
    yield at_most(AREA, name, air_sphere_error(), 0.03, "1", reference)
