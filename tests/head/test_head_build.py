"""From CT to maps: every label gets its tissue's numbers, bone those of its mapping."""

import numpy as np
import pytest

from insonate.core import TISSUES, SettingsError, Tissue
from insonate.core.units import db_per_cm_to_np_per_m
from insonate.head import HeadOptions, build_head
from insonate.head.build import bone_heat_capacity
from insonate.head.mappings import MAPPINGS, robust_maximum
from insonate.head.phantom import phantom_landmarks


@pytest.fixture(scope="module")
def head(featured):
    return build_head(
        featured.ct,
        phantom_landmarks(featured.options),
        options=HeadOptions(frequency_hz=500e3, absorbed_share=0.5),
        notes=("A note.",),
        provenance={"file": "made here"},
    )


@pytest.mark.parametrize("tissue", [Tissue.WATER, Tissue.AIR, Tissue.SCALP, Tissue.BRAIN])
def test_soft_tissue_has_the_tables_values(head, tissue):
    where, row = head.mask(tissue), TISSUES[tissue]
    assert where.any()
    for name in ("density", "sound_speed", "heat_capacity", "conductivity"):
        values = getattr(head, name)[where]
        np.testing.assert_allclose(values, getattr(row, name).value, rtol=1e-6)


def test_attenuation_is_scaled_to_the_frequency(head):
    # 0.59 dB/cm/MHz^1.2 in brain, 0.4 dB/cm/MHz in scalp, at 0.5 MHz
    brain = db_per_cm_to_np_per_m(0.59) * 0.5**1.2
    scalp = db_per_cm_to_np_per_m(0.4) * 0.5
    np.testing.assert_allclose(head.attenuation[head.mask(Tissue.BRAIN)], brain, rtol=1e-6)
    np.testing.assert_allclose(head.attenuation[head.mask(Tissue.SCALP)], scalp, rtol=1e-6)
    assert head.frequency_hz == 500e3


def test_perfusion_is_per_volume_and_second(head):
    # 559 mL/min/kg · 1046 kg/m³ = 9.745e-3 1/s
    expected = 559e-6 / 60 * 1046
    np.testing.assert_allclose(head.perfusion[head.mask(Tissue.BRAIN)], expected, rtol=1e-6)
    assert (head.perfusion[head.mask(Tissue.WATER)] == 0).all()


@pytest.mark.parametrize("name", MAPPINGS)
def test_bone_has_its_mappings_values(featured, name):
    options = HeadOptions(mapping=name, frequency_hz=300e3)
    head = build_head(featured.ct, phantom_landmarks(featured.options), options=options)
    bone = head.mask(Tissue.SKULL)
    expected = MAPPINGS[name].acoustics(
        head.hounsfield[bone],
        frequency_hz=300e3,
        hounsfield_max=robust_maximum(head.hounsfield[bone]),
    )
    found = (head.density[bone], head.sound_speed[bone], head.attenuation[bone])
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-6)
    assert head.mapping == name


def test_absorbed_share_is_the_setting_in_bone_and_whole_elsewhere(head):
    bone = head.mask(Tissue.SKULL)
    assert (head.absorbed_share[bone] == np.float32(0.5)).all()
    assert (head.absorbed_share[~bone] == 1).all()


def test_notes_provenance_and_digest_are_kept(head):
    assert head.notes == ("A note.",)
    assert head.provenance["file"] == "made here"
    assert len(head.provenance["ct_digest"]) == 64
    assert "McDannold" in head.provenance["mapping_source"]


def test_hounsfield_is_the_ct(head, featured):
    np.testing.assert_array_equal(head.hounsfield, featured.ct.array)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"mapping": "best"}, "There is no CT mapping 'best'"),
        ({"frequency_hz": 1.2e6}, "1200 kHz"),
        ({"absorbed_share": 0.1}, "between 0.15 and 1"),
        ({"absorbed_share": float("nan")}, "absorbed share"),
    ],
)
def test_wrong_options_are_refused(wrong, sentence):
    with pytest.raises(SettingsError, match=sentence):
        HeadOptions(**wrong)


def test_the_heat_capacity_of_bone_follows_its_density():
    density = np.array([1000.0, 1178.0, 1543.0, 1908.0, 2400.0])
    found = bone_heat_capacity(density)
    assert found == pytest.approx([2274.0, 2274.0, 1793.5, 1313.0, 1313.0])
    volumetric = found[1:4] * density[1:4]
    assert volumetric.max() < 1.15 * volumetric.min()
