"""Methods without one baseline: many coils, many references, none; and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from insonate.core import ImageError, SettingsError
from insonate.thermometry import acquire, reconstruct
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.background import Method
from insonate.thermometry.baseline import average_baselines, nearest, phase_modes
from insonate.thermometry.coils import image_of, virtual_coil, whitening
from insonate.thermometry.harmonic import smooth_background
from insonate.thermometry.reconstruct import Reconstruction, reconstruct_slices
from insonate.thermometry.regions import Regions
from insonate.thermometry.scanner import acquire_kspace, coil_sensitivities
from insonate.thermometry.spot import off_resonance_map
from insonate.thermometry.thermogram import Reason
from insonate.verification.artefacts import CHEST_PPM
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    phase_of,
    small_protocol,
)

PROTOCOL = small_protocol()
EIGHT = replace(PROTOCOL, coils=8)
ANATOMY = ellipse_anatomy(PROTOCOL, texture=0.2)
REGIONS = regions_of(ANATOMY, CENTRE_M)
SPOT = HotSpot(CENTRE_M, 16.0)
COLD = np.zeros(ANATOMY.geometry.shape)
CELLS = SPOT.cells(ANATOMY.geometry)
TRUE_PEAK = SPOT.voxel_mean(ANATOMY.geometry, np.array([40.0, 36.0]))


def references(protocol=PROTOCOL, count=8, seed=0, drifts=(0.0,)):
    rng = np.random.default_rng(seed)
    return average_baselines(
        [
            acquire(ANATOMY, protocol, COLD, drift_ppm=drifts[n % len(drifts)], rng=rng)
            for n in range(count)
        ],
        protocol,
    )


BASE = references()


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("sign", [1, -1])
def test_every_method_reads_a_spot_on_cold_tissue(method, sign):
    protocol = small_protocol(phase_sign=sign)
    base = BASE if sign == 1 else references(protocol)
    rng = np.random.default_rng(3)
    image = acquire(ANATOMY, protocol, CELLS, drift_ppm=(0.02, 0.1, -0.1), rng=rng)
    found = reconstruct(
        base, image, protocol, regions=REGIONS, options=Reconstruction(method=method)
    )
    assert np.nanmax(found.delta_t_k[REGIONS.hot]) == pytest.approx(TRUE_PEAK, abs=1.6)
    cold = REGIONS.cold & found.mask
    assert abs(np.nanmean(found.delta_t_k[cold])) < 0.06
    score = found.delta_t_k[cold] / found.sigma_k[cold]
    assert np.sqrt((score**2).mean()) == pytest.approx(1.0, abs=0.12)


def test_beyond_the_ring_a_method_without_references_says_so():
    image = acquire(ANATOMY, PROTOCOL, CELLS, rng=np.random.default_rng(1))
    found = reconstruct(
        BASE, image, PROTOCOL, regions=REGIONS, options=Reconstruction(method="referenceless")
    )
    far = REGIONS.cold & ~found.mask
    assert far.any()
    assert (found.reasons[far] == Reason.NO_BACKGROUND).all()
    assert np.isnan(found.sigma_k[far]).all()


def test_a_heat_without_a_ring_is_refused():
    nowhere = Regions(REGIONS.tissue, REGIONS.cold, np.zeros_like(REGIONS.tissue))
    hot = np.zeros_like(REGIONS.tissue)
    hot[38:42, 34:38] = True
    apart = Regions(REGIONS.tissue, REGIONS.cold & (np.arange(72) < 20), hot)
    image = acquire(ANATOMY, PROTOCOL, CELLS, rng=np.random.default_rng(1))
    how = Reconstruction(method="referenceless")
    for where in (nowhere, apart):
        with pytest.raises(ImageError, match="ring the heat"):
            reconstruct(BASE, image, PROTOCOL, regions=where, options=how)


def test_the_nearest_of_a_library_is_the_one_of_the_same_breath():
    drifts = [CHEST_PPM * p for p in (-1.0, 0.0, 1.0)]
    base = references(count=3, drifts=drifts)
    for n, drift in enumerate(drifts):
        image = acquire(ANATOMY, PROTOCOL, CELLS, drift_ppm=drift, rng=np.random.default_rng(n))
        chosen = nearest(base, image, REGIONS.voxels[REGIONS.cold_voxels])
        assert np.shares_memory(chosen, base.library[n])


def test_noise_has_no_modes_and_breathing_has_one():
    assert len(phase_modes(BASE, REGIONS.voxels, 3)) == 0
    base = references(drifts=[CHEST_PPM * p for p in (-1.0, -0.5, 0.5, 1.0)])
    modes = phase_modes(base, REGIONS.voxels, 3)
    assert len(modes) == 1
    assert np.sqrt((modes**2).mean()) == pytest.approx(1.0, rel=1e-4)


def test_the_hybrid_needs_no_cold_mask_and_leaves_heat_alone():
    base = references(drifts=[CHEST_PPM * p for p in (-1.0, 0.0, 1.0)])
    drift = 0.6 * CHEST_PPM
    image = acquire(ANATOMY, PROTOCOL, CELLS, drift_ppm=drift, rng=np.random.default_rng(1))
    # Cold is claimed where the heat is.
    lying = Regions(REGIONS.tissue, REGIONS.tissue)
    found = reconstruct(
        base, image, PROTOCOL, regions=lying, options=Reconstruction(method="hybrid")
    )
    assert found.delta_t_k[40, 36] == pytest.approx(TRUE_PEAK, abs=1.5)
    assert np.sqrt(np.nanmean(found.delta_t_k[REGIONS.cold] ** 2)) < 0.4


def test_the_harmonic_factors_are_kept_between_frames():
    first = smooth_background(REGIONS, BASE)
    assert smooth_background(REGIONS, BASE) is first
    plane = REGIONS.voxels // 72 * 0.01 - 0.3
    z = first.nodes(plane[first.at].astype(np.float32))
    # A plane bends nowhere: it is continued exactly.
    assert first.rows @ z == pytest.approx(plane, abs=1e-3)


def test_a_field_that_is_harmonic_is_continued_into_the_heat():
    x, y = (REGIONS.voxels // 72 - 40) / 40, (REGIONS.voxels % 72 - 36) / 36
    phase = (0.8 * (x * x - y * y) + 0.5 * x * y).astype(np.float32)
    solver = smooth_background(REGIONS, BASE)
    found = solver.rows @ solver.nodes(phase[solver.at])
    inside = REGIONS.hot.ravel()[REGIONS.voxels]
    assert np.abs(found - phase)[inside].max() < 0.04
    flat = np.abs(phase[inside] - phase[solver.at].mean()).max()
    assert flat > 0.1  # a constant would not have done


@pytest.mark.parametrize("protocol", [PROTOCOL, EIGHT])
def test_many_coils_obey_the_law_of_one(protocol):
    base = references(protocol, count=4)
    squares = []
    for seed in range(6):
        image = acquire(ANATOMY, protocol, COLD, rng=np.random.default_rng(seed))
        found = reconstruct(base, image, protocol, regions=REGIONS)
        squares.append((found.delta_t_k[REGIONS.cold] / found.sigma_k[REGIONS.cold]) ** 2)
    assert np.sqrt(np.mean(squares)) == pytest.approx(1.0, abs=0.06)


def test_a_virtual_coil_of_the_references_is_their_root_sum_of_squares():
    maps = coil_sensitivities(EIGHT)
    assert np.abs(np.diff(np.unwrap(np.angle(maps), axis=1), axis=1)).max() < 0.5
    combined = virtual_coil(maps, maps)
    assert combined.imag == pytest.approx(0.0, abs=1e-6)
    assert combined.real == pytest.approx(np.sqrt((np.abs(maps) ** 2).sum(axis=0)), rel=1e-5)
    with pytest.raises(ImageError, match="of one series"):
        virtual_coil(maps, maps[:4])


def test_a_field_map_of_many_coils_is_that_of_one():
    maps = []
    for protocol in (PROTOCOL, EIGHT):
        later = replace(protocol, echo_time_s=protocol.echo_time_s + 2.5e-3)
        field = ellipse_anatomy(protocol, off_resonance_hz=60.0)
        echoes = [
            acquire(field, p, COLD, rng=np.random.default_rng(n))
            for n, p in enumerate((protocol, later))
        ]
        maps.append(off_resonance_map(*echoes, (protocol, later)))
    assert maps[1].shape == (80, 72)
    # Both have noise of √2/SNR over 2π 2.5 ms, 2.3 Hz.
    assert np.std((maps[1] - maps[0])[REGIONS.cold]) < 5.0
    assert np.median(maps[1][REGIONS.cold]) > 40.0


def test_a_series_of_one_coil_refuses_several():
    image = acquire(ANATOMY, EIGHT, COLD, rng=np.random.default_rng(0))
    with pytest.raises(ImageError, match="one coil"):
        reconstruct(BASE, image, EIGHT, regions=REGIONS)
    with pytest.raises(ImageError, match="a matrix of"):
        reconstruct(BASE, image, PROTOCOL, regions=REGIONS)


@pytest.mark.parametrize("matrix", [(80, 72), (81, 72), (80, 71)])
def test_kspace_becomes_the_image_that_it_was_of(matrix):
    protocol = small_protocol(matrix=matrix, coils=2) if matrix != (80, 72) else EIGHT
    anatomy = ellipse_anatomy(protocol)
    cold = np.zeros(matrix)
    image = acquire(anatomy, protocol, cold, rng=np.random.default_rng(0))
    raw = acquire_kspace(anatomy, protocol, cold, rng=np.random.default_rng(0))
    assert image_of(raw) == pytest.approx(image, abs=2e-5)
    assert np.abs(raw[0]).argmax() == np.ravel_multi_index(
        np.unravel_index(np.abs(raw[0]).argmax(), matrix), matrix
    )
    with pytest.raises(ImageError, match="k-space is complex"):
        image_of(np.abs(raw))


def test_whitened_channels_are_equal_and_independent():
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4))
    noise = mixing @ (rng.standard_normal((4, 4000)) + 1j * rng.standard_normal((4, 4000)))
    white = whitening(noise) @ noise
    covariance = white @ white.conj().T / 4000
    assert covariance / covariance[0, 0] == pytest.approx(np.eye(4), abs=1e-3)
    dead = noise.copy()
    dead[2] = 0
    for bad, sentence in ((dead, "dead"), (noise[:, :20], "ten samples")):
        with pytest.raises(ImageError, match=sentence):
            whitening(bad)


def test_slices_are_made_one_by_one_and_must_match():
    rng = np.random.default_rng(5)
    images = np.stack([acquire(ANATOMY, PROTOCOL, CELLS, rng=rng) for _ in range(3)])
    maps = reconstruct_slices([BASE] * 3, images, PROTOCOL, regions=[REGIONS] * 3)
    again = reconstruct_slices(
        [BASE] * 3, images, PROTOCOL, regions=[REGIONS] * 3, previous=maps
    )
    alone = reconstruct(BASE, images[1], PROTOCOL, regions=REGIONS)
    assert np.array_equal(maps[1].delta_t_k, alone.delta_t_k, equal_nan=True)
    assert np.array_equal(again[1].mask, alone.mask)
    with pytest.raises(ImageError, match="one of each"):
        reconstruct_slices([BASE] * 2, images, PROTOCOL, regions=[REGIONS] * 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"method": "magic"}, "no method 'magic'"), ({"modes": 0}, "modes"), ({"referenceless_order": 9}, "order")],
)  # fmt: skip
def test_methods_that_cannot_be(change, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Reconstruction(**change)


def test_noise_free_images_are_read_exactly_by_the_hybrid():
    base = np.exp(1j * ANATOMY.receive_phase)
    kelvin = HotSpot(CENTRE_M, 12.0).at(ANATOMY.geometry.points()[:, :, 0])
    image = base * np.exp(1j * phase_of(kelvin, PROTOCOL))
    found = reconstruct(
        base, image, PROTOCOL, regions=REGIONS, options=Reconstruction(method="hybrid")
    )
    assert np.nanmax(np.abs(found.delta_t_k - kelvin)) < 0.01
