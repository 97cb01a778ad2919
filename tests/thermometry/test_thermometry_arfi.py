"""MR-ARFI: the push is found, of either sign, and heat and drift are not taken for it."""

import numpy as np
import pytest

from insonate.core import ImageError, SettingsError
from insonate.thermometry import acquire
from insonate.thermometry.anatomy import regions_of
from insonate.thermometry.arfi import MotionEncoding, displacement_map, sigma_law_m
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

ENCODING = MotionEncoding(40e-3, 8e-3)


def four(protocol, peak_m, seed=0, heat_k=0.0):
    """Both polarities with and without sound; eddy currents turn each polarity its own way."""
    anatomy, rng = ellipse_anatomy(protocol, texture=0.2), np.random.default_rng(seed)
    push = HotSpot(CENTRE_M, 1.0, 2.0e-3).at(anatomy.geometry.points()[:, :, 0]) * peak_m
    half = protocol.phase_sign * ENCODING.radians_per_m / 2 * push
    u = np.linspace(-1, 1, 80)[:, None]
    heat = HotSpot(CENTRE_M, heat_k).cells(anatomy.geometry)
    images = [
        acquire(anatomy, protocol, k, drift_ppm=0.02 * n, rng=rng)
        * np.exp(1j * sign * (0.3 + 0.4 * u) + 1j * sign * part)
        for n, (k, sign, part) in enumerate(
            [
                (heat, 1, half),
                (heat, -1, half),
                (heat * 0, 1, 0 * half),
                (heat * 0, -1, 0 * half),
            ]
        )
    ]
    return images, anatomy


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("peak_m", [4e-6, -4e-6])
def test_a_push_of_micrometres_is_found_with_its_sign(sign, peak_m):
    protocol = small_protocol(phase_sign=sign, bandwidth_hz_per_pixel=500.0)
    images, anatomy = four(protocol, peak_m)
    where = regions_of(anatomy, CENTRE_M)
    found = displacement_map(tuple(images[:2]), tuple(images[2:]), protocol, ENCODING, where)
    near = found.metres[39:42, 35:38]
    assert near.mean() == pytest.approx(peak_m * 0.822, abs=0.2e-6)  # 3×3 of σ 2 mm
    cold = where.cold & found.mask
    law = sigma_law_m(ENCODING, protocol.snr)
    assert np.std(found.metres[cold]) == pytest.approx(law, rel=0.1)
    assert np.median(found.sigma_m[cold]) == pytest.approx(law, rel=0.1)


def test_heat_is_no_push():
    protocol = small_protocol(bandwidth_hz_per_pixel=500.0)
    images, anatomy = four(protocol, 0.0, heat_k=8.0)
    found = displacement_map(
        tuple(images[:2]), tuple(images[2:]), protocol, ENCODING, regions_of(anatomy, CENTRE_M)
    )
    assert abs(found.metres[39:42, 35:38].mean()) < 0.3e-6
    # One polarity alone would have taken the heat for a push.
    alone = np.angle(images[0] * images[2].conj())[40, 36] / (ENCODING.radians_per_m / 2)
    assert abs(alone) > 1e-6


@pytest.mark.parametrize("change", [(0.0, 8e-3), (40e-3, 1.0), (np.nan, 8e-3)])
def test_gradients_that_cannot_be(change):
    with pytest.raises(SettingsError, match="encode motion"):
        MotionEncoding(*change)


def test_a_magnitude_is_refused():
    protocol = small_protocol()
    images, anatomy = four(protocol, 1e-6)
    with pytest.raises(ImageError, match="resting negative image is real"):
        displacement_map(
            tuple(images[:2]),
            (images[2], np.abs(images[3])),
            protocol,
            ENCODING,
            regions_of(anatomy, CENTRE_M),
        )
