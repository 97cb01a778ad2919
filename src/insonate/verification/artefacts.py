"""What a scanner does to a temperature map: for each artefact a naive method that fails, and ours.

Both look at the same frames of the virtual scanner. A row holds our error against its limit, and a
second row that the naive error is several times that limit: an artefact that a naive method shrugs
off would prove nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from insonate.thermometry import Protocol, SliceAnatomy, acquire, measure_focus, reconstruct
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.bank import spot_bank
from insonate.thermometry.baseline import Baseline, average_baselines
from insonate.thermometry.between import Course, dose_interval, observe_frame
from insonate.thermometry.focus import FocusMeasurement, paired_focus
from insonate.thermometry.geometry import SliceGeometry
from insonate.thermometry.reconstruct import Reconstruction
from insonate.thermometry.regions import Regions
from insonate.thermometry.scanner import HeadMotion
from insonate.thermometry.spot import off_resonance_map
from insonate.thermometry.thermogram import Thermogram
from insonate.verification import frame_time
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

AREA = "thermometry"
BREATHS = (0.0, 0.25, 0.5, 0.75)
"""Phases of the breathing cycle at which references are taken, twice each."""
CHEST_PPM = np.array([0.012, 0.1, 0.25, 4.0, -3.0, 6.0])
"""Setting: change of the field by breathing in, ppm, ppm/m and ppm/m²: 1.5 Hz in the middle at 3 T,
more towards the neck (1-2 Hz at 3 T: van de Moortele et al., Magn. Reson. Med. 47:888, 2002)."""
NAIVE_FACTOR = 2.0
"""A naive error below this many of our limits would not be a failure that one sees."""


_USUAL = Reconstruction()


@dataclass(frozen=True)
class Artefact:
    """One artefact: what is measured, in which unit, our limit, and both errors."""

    name: str
    unit: str
    limit: float
    ours: float
    naive: float


def structured(protocol: Protocol) -> SliceAnatomy:
    """Return an ellipse with texture whose phase turns steeply beside an air cell and a vein."""
    plain = ellipse_anatomy(protocol, off_resonance_hz=20.0, texture=0.3)
    u, v = np.meshgrid(*(np.linspace(-1, 1, n) for n in plain.brain.shape), indexing="ij")
    # Fields of cylinders across the slice, a²(cos² − sin²)/r²: a sinus at the edge, a vein inside.
    ppm = (
        plain.off_resonance_ppm
        + _cylinder(u - 0.1, v - 1.05, 0.5)
        + _cylinder(u + 0.55, v, 0.8)
    )
    return replace(plain, off_resonance_ppm=ppm.astype(np.float32))


def _cylinder(
    u: NDArray[np.float64], v: NDArray[np.float64], ppm: float
) -> NDArray[np.float64]:
    r2 = u * u + v * v
    field: NDArray[np.float64] = ppm * 0.02 * (u * u - v * v) / (r2 + 0.02) ** 2
    return field


@dataclass(frozen=True, eq=False)
class Subject:
    """A slice with its masks, references and heat."""

    protocol: Protocol
    anatomy: SliceAnatomy
    regions: Regions
    base: Baseline
    kelvin: NDArray[np.float64]

    def see(self, seed: int, **more: object) -> NDArray[np.complex64]:
        """Take a frame of the heat."""
        rng = np.random.default_rng(seed)
        return acquire(self.anatomy, self.protocol, self.kelvin, rng=rng, **more)  # type: ignore[arg-type]


def subject(
    anatomy: Callable[[Protocol], SliceAnatomy] = structured, **changes: object
) -> Subject:
    """Prepare a slice with a spot of 18 K and eight references at rest."""
    protocol = small_protocol(**changes)
    slice_ = anatomy(protocol)
    rng, cold = np.random.default_rng(7), np.zeros(slice_.geometry.shape)
    base = [acquire(slice_, protocol, cold, rng=rng) for _ in range(8)]
    spot = HotSpot(CENTRE_M, 18.0)
    return Subject(
        protocol,
        slice_,
        regions_of(slice_, CENTRE_M),
        average_baselines(base, protocol),
        spot.cells(slice_.geometry),
    )


def cold_rms(found: Thermogram, where: Regions) -> float:
    """Return the RMS temperature of cold tissue, K; NaN where none of it is usable."""
    return float(np.sqrt(np.nanmean(found.delta_t_k[where.cold & found.mask] ** 2)))


def drift() -> Artefact:
    """Return what a field that drifts unevenly does; naive: the bare complex difference."""
    s = subject()
    image = s.see(1, drift_ppm=(0.1, 0.3, -0.2, 3.0, 2.0, -3.0))
    found = reconstruct(
        s.base, image, s.protocol, regions=s.regions, options=Reconstruction(drift_order=2)
    )
    bare = replace(found, delta_t_k=found.delta_t_k + found.drift_map_k)
    return Artefact("uneven drift, 0.1 ppm: RMS of cold tissue", "K", 0.5,
                    cold_rms(found, s.regions), cold_rms(bare, s.regions))  # fmt: skip


def motion() -> Artefact:
    """Return what a shift of 1.5 mm and a turn of 1.4° do; naive: voxel by voxel."""
    s = subject()
    image = s.see(2, motion=HeadMotion((1.3e-3, -0.8e-3), 0.025))
    ours, naive = (
        cold_rms(
            reconstruct(s.base, image, s.protocol, regions=s.regions, options=how), s.regions
        )
        for how in (Reconstruction(drift_order=2), Reconstruction(drift_order=2, motion=None))
    )
    return Artefact(
        "head moved 1.5 mm and turned 1.4°: RMS of cold tissue", "K", 0.5, ours, naive
    )


def breathing(method: str = "modes") -> Artefact:
    """Return what a breathing chest does; naive: the bare difference from one reference."""
    s, rng = subject(), np.random.default_rng(8)
    cold = np.zeros(s.anatomy.geometry.shape)
    images = [
        acquire(s.anatomy, s.protocol, cold, drift_ppm=CHEST_PPM * _chest(phase), rng=rng)
        for phase in (*BREATHS, *BREATHS)
    ]
    base = average_baselines(images, s.protocol)
    errors = []
    for n, phase in enumerate((0.1, 0.3, 0.6, 0.9)):
        image = s.see(20 + n, drift_ppm=CHEST_PPM * _chest(phase))
        how = Reconstruction(method=method)  # type: ignore[arg-type]
        found = reconstruct(base, image, s.protocol, regions=s.regions, options=how)
        first = reconstruct(images[0], image, s.protocol, regions=s.regions)
        bare = replace(first, delta_t_k=first.delta_t_k + first.drift_map_k)
        errors.append((cold_rms(found, s.regions), cold_rms(bare, s.regions)))
    ours, naive = (float(np.sqrt(np.mean(np.square(e)))) for e in zip(*errors, strict=True))
    return Artefact(
        f"breathing, references by {method}: RMS of cold tissue", "K", 0.5, ours, naive
    )


def _chest(phase: float) -> float:
    """Return how full the chest is, -1 to 1; deeper breaths than at rest now and then."""
    return float(np.sin(2 * np.pi * phase))


def water() -> Artefact:
    """Return what the bath pretends off target; naive: the hottest voxel of the whole picture."""
    s = subject()
    image = s.see(3)
    found = reconstruct(s.base, image, s.protocol, regions=s.regions)
    focus = measure_focus(found, s.anatomy.geometry, s.protocol, CENTRE_M)
    everywhere = np.angle(image * s.base.signal.conj()) * s.protocol.kelvin_per_radian
    far = s.anatomy.geometry.distance_m(CENTRE_M) > 15e-3
    return Artefact("water bath: hottest off target, truly 0", "K", 1.0,
                    abs(focus.off_target_k), float(everywhere[far].max()))  # fmt: skip


def wraps() -> Artefact:
    """Return the error at the hottest voxel of a spot of 45 K; naive: each frame by itself."""
    s = subject()
    last = s.see(0)
    previous = reconstruct(s.base, last, s.protocol, regions=s.regions)
    truth = float(s.kelvin.reshape(80, 2, 72, 2, 3).mean(axis=(1, 3, 4)).max()) / 18.0
    for peak in (12.0, 24.0, 36.0, 45.0):
        last = replace(s, kelvin=s.kelvin * peak / 18.0).see(int(peak))
        previous = reconstruct(s.base, last, s.protocol, regions=s.regions, previous=previous)
    alone = reconstruct(s.base, last, s.protocol, regions=s.regions)
    wanted, near = 45.0 * truth, s.anatomy.geometry.distance_m(CENTRE_M) < 3e-3
    ours, naive = (
        abs(float(np.nanmax(np.abs(m.delta_t_k[near]))) - wanted) for m in (previous, alone)
    )
    lowest = float(np.nanmin(alone.delta_t_k[near]))
    return Artefact("phase wraps at 45 K: error of the hottest voxel", "K", 1.5, ours,
                    max(naive, -lowest))  # fmt: skip


def coils() -> Artefact:
    """Return how much wider than its law the noise of eight coils is; naive: coils added up."""
    s = subject(coils=8)
    image = s.see(4)
    found = reconstruct(s.base, image, s.protocol, regions=s.regions)
    rng, cold = np.random.default_rng(5), np.zeros(s.anatomy.geometry.shape)
    images = [acquire(s.anatomy, s.protocol, cold, rng=rng).sum(axis=0) for _ in range(8)]
    single = replace(s.protocol, coils=1)
    summed = reconstruct(np.stack(images), image.sum(axis=0), single, regions=s.regions)
    law = s.protocol.sigma_k(8)
    where = s.regions.cold
    ours, naive = (
        float(np.sqrt(np.nanmean(m.delta_t_k[where & m.mask] ** 2))) / law
        for m in (found, summed)
    )
    return Artefact(
        "eight coils: RMS of cold tissue over one coil's law", "1", 1.5, ours, naive
    )


def displacement() -> Artefact:
    """Return the error of the focus at 60 Hz off resonance; naive: where the voxel is shown."""
    s = subject(lambda p: ellipse_anatomy(p, off_resonance_hz=60.0))
    found = reconstruct(s.base, s.see(6), s.protocol, regions=s.regions)
    field = _field_hz(s, np.random.default_rng(6))
    focus = measure_focus(
        found, s.anatomy.geometry, s.protocol, CENTRE_M, off_resonance_hz=field
    )
    shown = s.anatomy.geometry.grid.points_of([*focus.peak_index, 0.0])
    place = np.full(3, np.nan) if focus.position_m is None else focus.position_m
    return Artefact("susceptibility, 60 Hz: error of the focus", "m", 0.3e-3,
                    float(np.linalg.norm(place - CENTRE_M)),
                    float(np.linalg.norm(shown - CENTRE_M)))  # fmt: skip


HEADS_M = ((0.25e-3, -0.15e-3), (-0.5e-3, 0.2e-3), (0.9e-3, 0.6e-3), (-1.3e-3, 0.8e-3),
           (0.4e-3, 1.6e-3), (-0.2e-3, -0.3e-3))  # fmt: skip
"""How far heads have moved: some less than is undone (0.3 voxels, 0.33 mm), some far more."""


def moved_focus_errors_m(options: Reconstruction = _USUAL) -> list[float]:
    """Return the error of the focus in the head, m, in heads that have moved and turned."""
    errors = []
    for seed, shift_m in enumerate(HEADS_M):
        s = subject(readout_axis=seed % 2)
        rng = np.random.default_rng(seed)
        spot = HotSpot(CENTRE_M + rng.uniform(-2e-3, 2e-3, 3) * [1, 1, 0])
        s = replace(s, kelvin=spot.cells(s.anatomy.geometry))
        image = s.see(seed, drift_ppm=0.02, motion=HeadMotion(shift_m, 0.01 * (seed - 2.5)))
        found = reconstruct(s.base, image, s.protocol, regions=s.regions, options=options)
        field = _field_hz(s, rng)
        focus = measure_focus(
            found, s.anatomy.geometry, s.protocol, spot.centre_m, off_resonance_hz=field
        )
        place = np.full(3, np.nan) if focus.position_m is None else focus.position_m
        errors.append(float(np.linalg.norm(place - spot.centre_m)))
    return errors


def _field_hz(s: Subject, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the field map of a subject at rest, 2.5 ms between echoes, Hz."""
    later = replace(s.protocol, echo_time_s=s.protocol.echo_time_s + 2.5e-3)
    cold = np.zeros(s.anatomy.geometry.shape)
    echoes = [acquire(s.anatomy, p, cold, rng=rng) for p in (s.protocol, later)]
    return off_resonance_map(echoes[0], echoes[1], (s.protocol, later))


def moved_focus() -> Artefact:
    """Return the worst error of the focus in a head that has moved; naive: where it is shown."""
    ours = max(moved_focus_errors_m())
    naive = max(moved_focus_errors_m(Reconstruction(motion=None)))
    return Artefact(
        "head moved by 0.3 to 1.6 mm: error of the focus in it", "m", 0.3e-3, ours, naive
    )


Pair = Callable[[FocusMeasurement, FocusMeasurement, SliceGeometry], NDArray[np.float64]]


def paired_error_m(pair: Pair) -> float:
    """Return the worst error (m) over four places at 60 Hz of two images with swapped readout."""
    errors = []
    for seed in range(4):
        where = np.random.default_rng(seed).uniform(-2e-3, 2e-3, 3) * [1, 1, 0]
        spot, both = HotSpot(CENTRE_M + where), []
        for axis in (0, 1):
            s = subject(lambda p: ellipse_anatomy(p, off_resonance_hz=60.0), readout_axis=axis)
            s = replace(s, kelvin=spot.cells(s.anatomy.geometry))
            found = reconstruct(s.base, s.see(10 + seed), s.protocol, regions=s.regions)
            both.append(measure_focus(found, s.anatomy.geometry, s.protocol, spot.centre_m))
        place = pair(both[0], both[1], s.anatomy.geometry)
        errors.append(float(np.linalg.norm(place - spot.centre_m)))
    return float(np.max(errors))


def place_of_pair(
    first: FocusMeasurement, second: FocusMeasurement, geometry: SliceGeometry
) -> NDArray[np.float64]:
    """Return where a pair sees the focus, m; NaN where it sees none."""
    focus = paired_focus(first, second, geometry)
    return np.full(3, np.nan) if focus is None else focus.position_m


def place_of_first(first: FocusMeasurement, *_: object) -> NDArray[np.float64]:
    """Return where the first image alone sees it, m."""
    return np.full(3, np.nan) if first.position_m is None else first.position_m


def swapped_readout() -> Artefact:
    """Return the error of the focus of a pair without a field map; naive: one image alone."""
    ours, naive = paired_error_m(place_of_pair), paired_error_m(place_of_first)
    return Artefact(
        "60 Hz, swapped readout, no field map: error of the focus", "m", 0.3e-3, ours, naive
    )


def missing_frames() -> Artefact:
    """Return the error of the dose when every second frame is lost; naive: the last one holds."""
    true, course = frame_time.true_dose(), Course.begin(spot_bank(), 1)
    held, last, frame_s = 0.0, 0.0, 3.4
    for n in range(10):
        window = (n * frame_s, (n + 1) * frame_s)
        if n % 2 == 0:
            last = frame_time.frame_mean(*window)
            course = observe_frame(course, [last], [0.3], window, frame_time.POWER)
        held += frame_s / 60.0 * 2.0 ** (frame_time.BASE_DEGC + last - 43.0)
    found = dose_interval(course, frame_time.POWER, frame_time.END_S, baseline_degc=37.0)
    ours = abs(float(found.middle[0]) / true - 1.0)
    return Artefact(
        "every second frame lost: error of the dose", "1", 0.2, ours, abs(held / true - 1.0)
    )


ARTEFACTS: tuple[Callable[[], Artefact], ...] = (
    drift,
    motion,
    breathing,
    lambda: breathing("hybrid"),
    water,
    wraps,
    coils,
    displacement,
    moved_focus,
    swapped_readout,
    missing_frames,
)


def artefact_checks() -> Iterator[Check]:
    """Yield two checks for each artefact: ours keeps its limit, the naive method does not."""
    truth = "truth of the virtual scanner"
    for artefact in (make() for make in ARTEFACTS):
        yield at_most(AREA, artefact.name, artefact.ours, artefact.limit, artefact.unit, truth)
        name = f"{artefact.name} (naive method, must fail)"
        limit = NAIVE_FACTOR * artefact.limit
        yield at_least(AREA, name, artefact.naive, limit, artefact.unit, truth)
