"""MR-ARFI against the truth of the virtual scanner: how far, how sure, where.

Four images: both polarities of the motion-encoding gradient, with sound and without. Eddy currents
turn each polarity its own way, the field drifts from image to image, and the sound has warmed the
spot a little. A single polarity takes all of that for a push: it must fail.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insonate.thermometry import (
    MotionEncoding,
    Protocol,
    SliceAnatomy,
    acquire,
    displacement_map,
)
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.arfi import Displacement, sigma_law_m
from insonate.thermometry.push import Push, measure_push
from insonate.thermometry.regions import Regions
from insonate.thermometry.spot import off_resonance_map
from insonate.verification.artefacts import NAIVE_FACTOR
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

AREA = "thermometry"
ENCODING = MotionEncoding(40e-3, 8e-3)
"""A whole-body gradient and a lobe of 8 ms (McDannold & Maier, Med. Phys. 35:3748, 2008)."""
PUSH_M = 4e-6
WARMED_K = 1.0
"""What a few milliseconds of sound, repeated, leave behind."""
PLACES = 6

Find = Callable[..., Displacement]
Measure = Callable[..., Push | None]


@dataclass(frozen=True, eq=False)
class Pushed:
    """Four images of a push (m) round a point, and what is known of them."""

    images: tuple[NDArray[np.complex64], ...]
    field_hz: NDArray[np.float32]
    anatomy: SliceAnatomy
    protocol: Protocol
    regions: Regions
    centre_m: NDArray[np.float64]

    def found(self, find: Find = displacement_map) -> Displacement:
        """Return the displacement map."""
        plus, minus, plus0, minus0 = self.images
        return find((plus, minus), (plus0, minus0), self.protocol, ENCODING, self.regions)

    def push(
        self, find: Find = displacement_map, measure: Measure = measure_push
    ) -> Push | None:
        """Return the push as it is measured."""
        return measure(
            self.found(find),
            self.anatomy.geometry,
            self.protocol,
            CENTRE_M,
            off_resonance_hz=self.field_hz,
        )


def pushed(seed: int, push_m: float = PUSH_M, *, heat_k: float = WARMED_K) -> Pushed:
    """Return four images at SNR 40 and up to 60 Hz, the spot within 2 mm of the target."""
    protocol = small_protocol(
        readout_axis=seed % 2, phase_sign=1 - 2 * (seed // 2 % 2), bandwidth_hz_per_pixel=150.0
    )
    anatomy = ellipse_anatomy(protocol, off_resonance_hz=60.0, texture=0.2)
    rng = np.random.default_rng(seed)
    centre = CENTRE_M + rng.uniform(-2e-3, 2e-3, 3) * [1, 1, 0]
    points = anatomy.geometry.points()[:, :, 0].copy()
    points[..., protocol.readout_axis] -= _shown_m(anatomy, protocol)
    spot = HotSpot(centre, 1.0).at(points)
    half = 0.5 * protocol.phase_sign * ENCODING.radians_per_m * push_m * spot
    u = np.linspace(-1, 1, protocol.matrix[0])[:, None]
    heat = HotSpot(centre, heat_k).cells(anatomy.geometry)
    images = tuple(
        (
            acquire(anatomy, protocol, kelvin, drift_ppm=0.02 * n, rng=rng)
            * np.exp(1j * sign * (0.3 + 0.4 * u + part))
        ).astype(np.complex64)
        for n, (kelvin, sign, part) in enumerate(
            [
                (heat, 1, half),
                (heat, -1, half),
                (0 * heat, 1, 0 * half),
                (0 * heat, -1, 0 * half),
            ]
        )
    )
    field = _field_hz(anatomy, protocol, rng)
    return Pushed(images, field, anatomy, protocol, regions_of(anatomy, CENTRE_M), centre)


def _shown_m(anatomy: SliceAnatomy, protocol: Protocol) -> NDArray[np.float64]:
    """Return how far along the readout the spins of each shown voxel lie from where they are, m."""
    hz = anatomy.voxel_mean(anatomy.off_resonance_ppm) * (protocol.larmor_hz * 1e-6)
    shown: NDArray[np.float64] = hz * protocol.pixels_per_hz * protocol.pixel_m
    return shown


def _field_hz(
    anatomy: SliceAnatomy, protocol: Protocol, rng: np.random.Generator
) -> NDArray[np.float32]:
    later = small_protocol(
        readout_axis=protocol.readout_axis,
        phase_sign=protocol.phase_sign,
        bandwidth_hz_per_pixel=protocol.bandwidth_hz_per_pixel,
        echo_time_s=protocol.echo_time_s + 2.5e-3,
    )
    cold = np.zeros(anatomy.geometry.shape)
    echoes = [acquire(anatomy, p, cold, rng=rng) for p in (protocol, later)]
    return off_resonance_map(echoes[0], echoes[1], (protocol, later))


def pushes(
    find: Find = displacement_map, measure: Measure = measure_push
) -> Iterator[tuple[Pushed, Push | None]]:
    """Yield pushes at several places, of either readout and sign of the phase, as measured."""
    for seed in range(PLACES):
        subject = pushed(seed, PUSH_M * (1 - 2 * (seed // 3)))
        yield subject, subject.push(find, measure)


def height_error(find: Find = displacement_map) -> float:
    """Return the relative error of the mean measured push over all places, signs kept."""
    heights = []
    for seed, (_, push) in enumerate(pushes(find)):
        wanted = PUSH_M * (1 - 2 * (seed // 3))
        heights.append(np.nan if push is None else push.metres / wanted)
    return abs(float(np.mean(heights)) - 1.0)


def place_error_m(find: Find = displacement_map, measure: Measure = measure_push) -> float:
    """Return the worst error of the focus in the plane, m; NaN where none was seen."""
    errors = [
        np.nan if push is None else float(np.linalg.norm(push.position_m - subject.centre_m))
        for subject, push in pushes(find, measure)
    ]
    return float(np.max(errors))


def sigma_errors(find: Find = displacement_map) -> tuple[float, float]:
    """Return the observed spread of still tissue over its law, and over what is stated, less 1."""
    law, stated = [], []
    for seed in range(PLACES):
        subject = pushed(seed)
        found = subject.found(find)
        still = subject.regions.cold & found.mask
        law.append(found.metres[still] / sigma_law_m(ENCODING, subject.protocol.snr))
        stated.append(found.metres[still] / found.sigma_m[still])
    by_law, by_stated = (float(np.std(np.concatenate(parts))) - 1.0 for parts in (law, stated))
    return by_law, by_stated


def false_push_m(find: Find = displacement_map) -> float:
    """Return what is taken for a push where nothing moved but the spot is 8 K warmer, m."""
    subject = pushed(0, 0.0, heat_k=8.0)
    found = subject.found(find)
    i, j = (int(v) for v in np.rint(subject.anatomy.geometry.index_of(subject.centre_m)))
    return abs(float(np.nanmean(found.metres[i - 1 : i + 2, j - 1 : j + 2])))


def one_polarity(
    images: tuple[NDArray[np.complex64], ...],
    rest: tuple[NDArray[np.complex64], ...],
    protocol: Protocol,
    encoding: MotionEncoding,
    regions: Regions,
) -> Displacement:
    """Take one polarity before and after for the push: the naive method."""
    phase = np.angle(images[0] * rest[0].conj())
    phase = phase - np.median(phase[regions.cold])
    metres = (phase / (0.5 * protocol.phase_sign * encoding.radians_per_m)).astype(np.float32)
    law = np.full(metres.shape, sigma_law_m(encoding, protocol.snr), np.float32)
    return Displacement(metres, law, regions.tissue)


def checks() -> Iterator[Check]:
    """Yield what MR-ARFI is verified by."""
    truth = "truth of the virtual scanner"
    case = "MR-ARFI, push of 4 µm, SNR 40, 60 Hz, drift, eddy currents"
    yield at_most(AREA, f"{case}: relative error of the push", height_error(), 0.05, "1", truth)
    yield at_most(AREA, f"{case}: focus, worst of 6", place_error_m(), 0.3e-3, "m", truth)
    law, stated = sigma_errors()
    name = f"{case}: observed σ against 2/SNR/(rad per m)"
    yield at_most(AREA, name, abs(law), 0.05, "1", "four images of independent noise")
    yield at_most(AREA, f"{case}: stated against observed σ", abs(stated), 0.1, "1", truth)
    name = "MR-ARFI: 8 K of heat taken for a push"
    yield at_most(AREA, name, false_push_m(), 0.2e-6, "m", truth)
    naive = false_push_m(one_polarity)
    yield at_least(
        AREA, f"{name} (one polarity, must fail)", naive, NAIVE_FACTOR * 0.2e-6, "m", truth
    )
