"""A cohort's file: refused when it is wrong, and every patient follows from it."""

import re
import tomllib

import numpy as np
import pytest

from insonate.cohort import Cohort, Draw, load_cohort, schema, tasks, treating
from insonate.cohort.design import Head, Plan, Task
from insonate.cohort.treating import scenario_text, varied_ct, varied_phantom
from insonate.core import DataError, Frame, Grid, SettingsError, Volume
from insonate.core.frames import affine_from
from insonate.head import PhantomOptions
from insonate.heat.options import ThermalOptions
from insonate.plant import SCENARIOS
from insonate.plant.scenario import read_scenario

TEXT = """
name: small
seed: 7
patients: 40
heads:
  - {name: phantom, spacing_mm: 2.0, thickness: [0.8, 1.2], size: [0.95, 1.05]}
targets: [cl-left, cl-right]
faults: {pump-stops: 0.2, bleed: 0.1}
draws:
  brain_absorption: {kind: lognormal, spread: 0.15, source: a test}
  signal_to_noise: {kind: uniform, low: 20, high: 40, source: a test}
  registration_m: {kind: normal, centre: 0, spread: 0.0005, low: -0.002, high: 0.002, source: a test}
"""


def cohort(tmp_path, text=TEXT):
    (tmp_path / "c.yaml").write_text(text, "utf-8")
    return load_cohort(tmp_path / "c.yaml")


def test_a_patient_follows_from_the_seed_and_the_number_alone(tmp_path):
    few, more = cohort(tmp_path), cohort(tmp_path, TEXT.replace("patients: 40", "patients: 60"))
    assert tasks(few) == tasks(more)[:40]
    other = cohort(tmp_path, TEXT.replace("seed: 7", "seed: 8"))
    assert tasks(other) != tasks(few)
    assert len({task.digest for task in tasks(few)}) == 40


def test_everything_that_is_varied_varies(tmp_path):
    found = tasks(cohort(tmp_path))
    assert {t.variant.thickness for t in found} == {0.8, 1.2}
    assert {t.variant.size for t in found} == {0.95, 1.05}
    assert {t.target for t in found} == {"cl-left", "cl-right"}
    assert {t.scenario for t in found} == {"cooperative", "pump-stops", "bleed"}
    assert all(20 <= t.drawn["signal_to_noise"] <= 40 for t in found)
    assert all(abs(e) <= 0.002 for t in found for e in t.registration_m)
    assert np.std([t.drawn["brain_absorption"] for t in found]) > 0.05


def test_faults_come_as_often_as_they_should(tmp_path):
    many = tasks(cohort(tmp_path, TEXT.replace("patients: 40", "patients: 2000")))
    share = sum(t.scenario == "pump-stops" for t in many) / len(many)
    assert share == pytest.approx(0.2, abs=0.03)


def test_the_digest_holds_all_but_the_number(tmp_path):
    task = tasks(cohort(tmp_path))[0]
    assert task.model_copy(update={"patient": 99}).digest == task.digest
    moved = task.variant.model_copy(update={"case": "elsewhere"})
    assert task.model_copy(update={"variant": moved}).digest == task.digest
    for field in sorted(set(Task.model_fields) - {"patient"}):
        part = task.model_dump()[field]
        changed = {
            "seed": 1, "target": "vim-left", "scenario": "drift", "practice": "2012", "guards_off": ("motion",),
            "drawn": {"bone_share": 1.1}, "registration_m": (1e-3, 0.0, 0.0),
        }.get(field)  # fmt: skip
        if field == "plan":
            changed = task.plan.model_copy(update={"element_count": 512})
        if field == "variant":
            changed = task.variant.model_copy(update={"ct_sha256": "0"})
        assert changed is not None, field
        assert changed != part
        assert task.model_copy(update={field: changed}).digest != task.digest, field


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("targets: [cl-left, cl-right]", "targets: [heart]", "no target 'heart'"),
        ("bleed: 0.1", "flood: 0.1", "no scenario 'flood'"),
        ("bleed: 0.1", "bleed: 0.9", "more than always"),
        ("brain_absorption:", "brain_size:", "no draw 'brain_size'"),
        ("spread: 0.15, source: a test", "spread: 0.15", "draws.brain_absorption.source"),
        ("low: 20, high: 40", "low: 20", "needs low and high"),
        ("low: 20, high: 40", "low: 50, high: 40", "low 50 lies above high 40"),
        ("thickness: [0.8, 1.2]", "marrow: [0.8]", "marrow is varied in CTs"),
        ("thickness: [0.8, 1.2]", "thickness: [9]", "less than or equal to 2"),
        ("patients: 40", "patients: 0", "greater than or equal to 1"),
        ("patients: 40", "patients: 40\nhope: 1", "hope"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, before, after, said):
    assert before in TEXT
    with pytest.raises(DataError, match=re.escape(said)):
        cohort(tmp_path, TEXT.replace(before, after))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_cohort(tmp_path / "none.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        cohort(tmp_path, "a: [")


def test_draws_that_never_fit_are_an_error():
    draw = Draw(kind="normal", centre=0.0, spread=0.1, low=5.0, high=6.0, source="a test")
    with pytest.raises(SettingsError, match="A thousand draws"):
        draw.draw(np.random.default_rng(1))


def test_the_schema_requires_a_source():
    assert "source" in schema()["$defs"]["Draw"]["required"]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_shipped_scenario_survives_being_written(tmp_path, name):
    task = tasks(cohort(tmp_path))[0].model_copy(update={"scenario": name})
    text = scenario_text(task)
    made, shipped = read_scenario(text, name), SCENARIOS[name]
    assert made.brain_absorption == task.drawn["brain_absorption"]
    assert made.registration_offset_m == task.registration_m
    assert (made.registration_sigma_m, made.brain_absorption_sigma) == (0.0, 0.0)
    assert made.bone_share_sigma == shipped.bone_share_sigma
    assert (made.script, made.incidents, made.neighbours, made.vessel, made.mistakes) == (
        shipped.script, shipped.incidents, shipped.neighbours, shipped.vessel, shipped.mistakes,
    )  # fmt: skip
    assert tomllib.loads(text)["description"] == shipped.description


def ct():
    rng = np.random.default_rng(3)
    array = rng.uniform(-1000, 2000, (8, 9, 10)).astype(np.float32)
    grid = Grid(
        array.shape, affine_from(np.eye(3) * 1e-3, np.array([0.01, 0.02, 0.03])), Frame.CT
    )
    return Volume(array, grid, "HU")


def test_a_ct_is_left_alone_by_factors_of_one():
    before = ct()
    after = varied_ct(before, marrow=1.0, size=1.0)
    assert np.array_equal(after.array, before.array)
    assert np.allclose(after.grid.affine, before.grid.affine)


def test_deeper_marrow_lowers_bone_alone_and_not_its_densest():
    before = ct()
    after = varied_ct(before, marrow=1.5, size=1.0)
    bone = before.array > 300
    assert np.array_equal(after.array[~bone], before.array[~bone])
    top = np.percentile(before.array[bone], 99)
    densest = before.array >= top
    assert np.array_equal(after.array[densest], before.array[densest])
    assert (after.array[bone] <= before.array[bone] + 1e-3).all()
    assert after.array[bone].min() >= 300


def test_a_larger_head_has_larger_voxels():
    after = varied_ct(ct(), marrow=1.0, size=1.1)
    assert after.grid.spacing_m == pytest.approx(np.full(3, 1.1e-3))
    assert after.grid.origin_m == pytest.approx([0.011, 0.022, 0.033])


def test_the_phantom_is_scaled_layer_by_layer(tmp_path):
    variant = tasks(cohort(tmp_path))[0].variant.model_copy(
        update={"thickness": 1.2, "size": 0.9}
    )
    made, plain = varied_phantom(variant), PhantomOptions()
    assert made.diploe_m == pytest.approx(1.2 * 0.9 * plain.diploe_m)
    assert made.scalp_m == pytest.approx(0.9 * plain.scalp_m)
    assert made.brain_semi_axes_m[1] == pytest.approx(0.9 * plain.brain_semi_axes_m[1])


def test_a_cohort_from_code_needs_no_file():
    made = Cohort(name="x", seed=0, patients=2, heads=[{"name": "phantom"}])
    assert [t.scenario for t in tasks(made)] == ["cooperative", "cooperative"]


def test_the_plan_says_how_finely_it_is_heated():
    usual = treating._heat(Plan())
    assert (usual.fine_half_width_m, usual.coarse_spacing_m) == (10e-3, 3e-3)
    finer = treating._heat(Plan(fine_half_width_mm=20.0, coarse_spacing_mm=2.0))
    assert (finer.fine_half_width_m, finer.coarse_spacing_m) == (20e-3, 2e-3)
    assert finer.fine_spacing_m == ThermalOptions().fine_spacing_m
    assert treating._heat(Plan(coarse=True)).coarse_spacing_m == 4e-3


def test_a_guard_that_is_not_known_is_refused_and_one_left_out_is_other_work():
    plain = Cohort(name="x", seed=1, patients=1, heads=[{"name": "phantom"}])
    with pytest.raises(ValueError, match="there is no guard 'hearing'"):
        Cohort(
            name="x", seed=1, patients=1, heads=[{"name": "phantom"}], guards_off=["hearing"]
        )
    deaf = plain.model_copy(update={"guards_off": ("cavitation",)})
    assert tasks(deaf)[0].digest != tasks(plain)[0].digest
    assert tomllib.loads(scenario_text(tasks(deaf)[0]))["guards_off"] == ["cavitation"]


def test_the_mapping_of_a_head_is_other_work_and_leaves_earlier_results_valid():
    plain = Cohort(
        name="x", seed=1, patients=40, heads=[{"name": "phantom", "size": [0.9, 1.1]}]
    )
    mapped = {"name": "phantom", "size": [0.9, 1.1], "mapping": ["mcdannold2019", "kplan"]}
    both = tasks(plain.model_copy(update={"heads": (Head(**mapped),)}))
    assert {task.variant.mapping for task in both} == {"mcdannold2019", "kplan"}
    one = tasks(plain)[0]
    other = one.model_copy(
        update={"variant": one.variant.model_copy(update={"mapping": "kplan"})}
    )
    assert other.digest != one.digest
    with pytest.raises(ValueError, match="no CT mapping 'guess'; choose among"):
        Head(name="phantom", mapping=["guess"])
