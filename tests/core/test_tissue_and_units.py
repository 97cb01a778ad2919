"""Every constant has a unit and a source; unit conversions are exact."""

import math
from dataclasses import fields

import numpy as np
import pytest

from insonate.core import TISSUES, Quantity, SettingsError, Tissue
from insonate.core.provenance import DISCLAIMER, digest, versions
from insonate.core.units import NEPER_IN_DB, db_per_cm_to_np_per_m, perfusion_per_s
from insonate.plan import Limits


def test_decibels_are_not_rounded():
    assert pytest.approx(8.685889638065036, rel=1e-15) == NEPER_IN_DB
    assert db_per_cm_to_np_per_m(1.0) == pytest.approx(100 / (20 / math.log(10)), rel=1e-15)


def test_perfusion_of_the_brain():
    assert perfusion_per_s(559, 1046) == pytest.approx(559e-6 / 60 * 1046)


@pytest.mark.parametrize("tissue", list(Tissue))
def test_every_property_has_unit_source_and_a_range_round_it(tissue):
    for field in fields(TISSUES[tissue]):
        quantity = getattr(TISSUES[tissue], field.name)
        assert quantity.unit
        assert len(quantity.source) > 3
        assert quantity.low <= quantity.value <= quantity.high


def test_every_limit_has_unit_and_source():
    rows = Limits().rows()
    assert len(rows) >= 14
    assert all(q.unit and q.source for _, q in rows)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Quantity(1.0, "m", " "),
        lambda: Quantity(1.0, "", "paper"),
        lambda: Quantity(1.0, "m", "paper", low=2.0, high=3.0),
        lambda: Quantity(float("nan"), "m", "paper"),
    ],
)
def test_a_constant_without_unit_or_source_is_refused(wrong):
    with pytest.raises(SettingsError):
        wrong()


def test_brain_absorption_at_660_khz_is_the_published_one():
    brain = TISSUES[Tissue.BRAIN]
    alpha = brain.attenuation.value * 0.66**brain.attenuation_exponent.value
    assert alpha == pytest.approx(4.1, abs=0.05)


def test_digest_sees_dtype_shape_and_values():
    a = np.arange(6, dtype=np.float32)
    others = [a.astype(np.float64), a.reshape(2, 3), a + 1]
    assert len({digest(x) for x in [a, *others]}) == 4
    assert digest(a) == digest(a.copy())


def test_versions_and_disclaimer():
    assert {"python", "numpy", "insonate"} <= versions().keys()
    assert "Not a medical device" in DISCLAIMER
