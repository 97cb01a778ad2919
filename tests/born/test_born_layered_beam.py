"""The exact field behind layers, against another exact field and against O'Neil's axis."""

import numpy as np
import pytest

from insonate.verification import itrusst
from insonate.verification.layered import transmission
from insonate.verification.layered_beam import Bowl, field_behind, oblique_transmission

BOWL = Bowl(64e-3, 64e-3, itrusst.SURFACE_PRESSURE_PA)
F = itrusst.FREQUENCY_HZ
COLUMNS = slice(70, 141, 14)


@pytest.mark.parametrize("benchmark", [4])
def test_it_is_the_exact_field_of_the_intercomparison(benchmark):
    x, r = np.arange(80, 241, 20) * 0.5e-3, np.arange(0, 71, 14) * 0.5e-3
    exact = itrusst.exact(benchmark, 1)[80::20, COLUMNS]
    found = field_behind(BOWL, itrusst.FLAT[benchmark], F, (x, r))
    assert np.abs(found - exact).max() < 1e-6 * np.abs(exact).max()
    # the wrong subject: bone a tenth of a millimetre thicker
    fluids, interfaces = itrusst.FLAT[benchmark]
    thicker = (fluids, (*interfaces[:-1], interfaces[-1] + 0.1e-3))
    wrong = field_behind(BOWL, thicker, F, (x, r))
    assert np.abs(wrong - exact).max() > 1e-2 * np.abs(exact).max()


def test_without_contrast_it_is_oneil_on_the_axis():
    x = np.array((70e-3, 80e-3, 100e-3))
    water = ((itrusst.WATER, itrusst.WATER), (40e-3,))
    found = np.abs(field_behind(BOWL, water, F, (x, np.zeros(1))))[:, 0]
    k, depth = 2 * np.pi * F / 1500, 64e-3 - np.sqrt(64e-3**2 - 32e-3**2)
    rim = np.sqrt((x - depth) ** 2 + 32e-3**2)
    exact = np.abs(60e3 * 2 / (1 - x / 64e-3) * np.sin(k * (rim - x) / 2))
    assert np.allclose(found, exact, rtol=1e-6)


def test_at_normal_incidence_it_is_the_other_transfer_matrix():
    fluids, interfaces = itrusst.FLAT[4]
    plain = transmission(
        tuple(zip(fluids[1:-1], np.diff(interfaces), strict=True)), (fluids[0], fluids[-1]), F
    )
    oblique = oblique_transmission((fluids, interfaces), F, np.zeros(1, complex))[0]
    assert oblique == pytest.approx(plain, rel=1e-12)
