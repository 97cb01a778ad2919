"""The page that puts a cohort beside published series says how far they agree."""

import importlib.util
from pathlib import Path

import pytest

from insonate.core.provenance import DISCLAIMER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location(
        "cohort_page", ROOT / "scripts/make_cohort_page.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(patient, **fields):
    plain = {
        "patient": patient, "seed": patient, "head": "a", "marrow": 1.0, "size": 1.0, "thickness": 1.0, "sdr": 0.5,
        "largest_energy_kj": 10.0 * patient, "sonications": 7, "true_volume_100_mm3": 4.1887902,
        "true_volume_200_mm3": 0.5235988, "true_lesion_mm3": 6.85, "energy_per_k_growth": 1.05,
        "targeting_error_mm": 0.495, "true_skull_degc": 40.0 + patient, "reached": True,
        "within_limits": True, "registration_mm": 0.5,
    }  # fmt: skip
    return plain | fields


ROWS = [row(number) for number in range(1, 6)]


def test_the_page_compares_every_row(script):
    text = script.page([*ROWS, {"patient": 6, "refused": "no"}], "c.yaml")
    assert DISCLAIMER in text
    assert "6 virtual patients, 1 of whom" in text
    assert "5 of 6, 83 %" in text
    assert "10.0 to 50.0, median 30.0 | 3 of 5 inside the published range" in text
    assert "2.0 ± 0.0 mm | 68% smaller" in text
    assert "1.0 ± 0.0 mm | 81% smaller" in text
    assert "10.0% of the published mean" in text
    assert "50% of the published mean" in text
    assert "5.0 ± 0.0 % | less than published" in text
    assert "rank correlation +1.00" in text
    assert text.count("\n| ") == len(script.SERIES) + 1


def test_every_published_number_has_a_source(script):
    assert all(len(c.source) > 5 and c.published and c.why for c in script.SERIES)


def test_guards_and_mappings_are_set_beside_each_other(script):
    plain = {
        "bled": False,
        "limits_broken": "",
        "guards_spoke": "cavitation",
        "true_peak_degc": 56.0,
    }
    rows = [
        r
        | plain
        | {"mapping": "kplan" if r["patient"] > 2 else "webb2018", "predicted_k_per_kj": 2.0}
        for r in ROWS
    ]
    without = [rows[0] | {"guards_off": "cavitation", "bled": True, "true_peak_degc": 57.5, "within_limits": False,
                          "limits_broken": "true power"}]  # fmt: skip
    text = script.guarded(rows, without)
    assert "| cavitation | 1 | 0, 1 | 0, 1 | 1, 1 | true power (1) | 1.5 | 0.0 |" in text
    assert "cavitation" not in text.split("Never spoke")[1]
    mapped = script.mapped(rows)
    assert "| kplan | 3 | 3 of 3, 100 % (29 % to 100 %) | 2 | 40 | 56 | 44 |" in mapped
    assert mapped.index("| kplan") < mapped.index("| webb2018 | 2 ")
