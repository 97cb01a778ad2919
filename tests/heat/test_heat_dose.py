"""CEM43: exact on linear pieces, in three variants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insonate.core import SettingsError
from insonate.heat.dose import DoseVariant, cem43, cem43_history, cem43_step

temperatures = st.floats(30.0, 62.0)
variants = st.sampled_from(list(DoseVariant))
finite_variants = st.sampled_from([DoseVariant.SAPARETO, DoseVariant.FLOOR37])


def brute_force(time: np.ndarray, curve: np.ndarray, floor: float, *, remembers: bool) -> float:
    """The definition, by the midpoint rule on a very fine grid."""
    t = np.linspace(time[0], time[-1], 400_001)
    middle = np.interp((t[1:] + t[:-1]) / 2, time, curve)
    hot = np.maximum.accumulate(middle) >= 43.0 if remembers else middle >= 43.0
    rate = np.where(hot, 0.5, 0.25) ** (43.0 - middle)
    return float((rate * (middle >= floor) * np.diff(t)).sum() / 60.0)


@pytest.mark.parametrize("variant", list(DoseVariant))
def test_matches_its_definition(variant: DoseVariant) -> None:
    time = np.array([0.0, 3.0, 5.0, 9.0, 14.0, 20.0])
    curve = np.array([36.0, 41.0, 46.5, 42.0, 44.0, 35.0])
    wanted = brute_force(
        time, curve, variant.floor_degc, remembers=variant is DoseVariant.ISO39
    )
    assert cem43(time, curve, variant) == pytest.approx(wanted, rel=2e-5)


def test_the_variants_disagree() -> None:
    time, curve = [0.0, 60.0, 120.0, 180.0], [36.0, 38.0, 44.0, 40.0]
    low, floor, iso = (float(cem43(time, curve, v)) for v in DoseVariant)
    assert low > floor > 0
    assert iso > floor


@given(temperatures, temperatures, st.floats(0.05, 0.95), finite_variants)
def test_splitting_a_linear_piece_changes_nothing(
    start: float, end: float, part: float, variant: DoseVariant
) -> None:
    middle = start + part * (end - start)
    whole = cem43([0.0, 7.0], [start, end], variant)
    split = cem43([0.0, 7.0 * part, 7.0], [start, middle, end], variant)
    assert split == pytest.approx(float(whole), rel=1e-9, abs=1e-15)


@given(temperatures, temperatures, st.floats(0.0, 5.0), variants)
def test_warmer_never_gives_less(
    start: float, end: float, more: float, variant: DoseVariant
) -> None:
    cool = cem43([0.0, 5.0], [start, end], variant)
    warm = cem43([0.0, 5.0], [start + more, end + more], variant)
    assert warm >= cool * (1 - 1e-12)


@given(temperatures, st.floats(-1e-6, 1e-6), variants)
def test_a_nearly_level_piece_has_no_cancellation(
    start: float, change: float, variant: DoseVariant
) -> None:
    thresholds = np.array([variant.floor_degc, variant.ceiling_degc, 43.0])
    if np.abs(thresholds - start).min() < 1e-5:
        start += 1e-3
    level = float(cem43([0.0, 9.0], [start, start], variant))
    tilted = float(cem43([0.0, 9.0], [start, start + change], variant))
    assert tilted == pytest.approx(level, rel=1e-5)


@settings(deadline=None)  # the first example compiles
@given(temperatures, temperatures, variants)
def test_fields_and_curves_agree(start: float, end: float, variant: DoseVariant) -> None:
    before = np.full((1, 1, 2), start, np.float32)
    after = np.full((1, 1, 2), end, np.float32)
    stepped = cem43_step(before, after, 3.0, variant)
    curve = cem43([0.0, 3.0], [float(before[0, 0, 0]), float(after[0, 0, 0])], variant)
    assert stepped[0, 0, 1] == pytest.approx(float(curve), rel=1e-5, abs=4e-9)


def test_one_variant_is_infinite_from_57_on_and_stays_so() -> None:
    curve = [[37.0, 37.0], [56.9, 57.0], [37.0, 37.0]]
    history = cem43_history([0.0, 5.0, 10.0], curve, "iso39")
    assert np.isfinite(history[:, 0]).all()
    assert np.isinf(history[1:, 1]).all()
    field = cem43_step(np.full((2, 2, 2), 40.0), np.full((2, 2, 2), 58.0), 1.0, "iso39")
    assert np.isinf(field).all()


def test_the_field_remembers_that_43_was_passed() -> None:
    level = np.full((1, 1, 1), 41.0, np.float32)
    fresh = cem43_step(level, level, 60.0, "iso39")
    after = cem43_step(level, level, 60.0, "iso39", peak_degc=np.full((1, 1, 1), 44.0))
    assert fresh[0, 0, 0] == pytest.approx(1 / 16, rel=1e-6)
    assert after[0, 0, 0] == pytest.approx(1 / 4, rel=1e-6)


def test_trailing_axes_are_curves() -> None:
    curves = np.linspace(40.0, 50.0, 24).reshape(4, 2, 3)
    dose = cem43([0.0, 1.0, 2.0, 4.0], curves, "sapareto")
    alone = cem43([0.0, 1.0, 2.0, 4.0], curves[:, 1, 2], "sapareto")
    assert dose.shape == (2, 3)
    assert dose[1, 2] == pytest.approx(float(alone))


@pytest.mark.parametrize(
    ("time", "curve"),
    [
        ([0.0, 1.0], [40.0, 41.0, 42.0]),
        ([1.0, 0.0], [40.0, 41.0]),
        ([0.0, np.nan], [40.0, 41.0]),
        ([0.0, 1.0], [40.0, np.nan]),
        ([], []),
    ],
)
def test_bad_curves_are_refused(time: list[float], curve: list[float]) -> None:
    with pytest.raises(SettingsError, match=r"^A dose needs .*\.$"):
        cem43(time, curve, "sapareto")


def test_bad_steps_are_refused() -> None:
    level = np.full((2, 2, 2), 40.0)
    with pytest.raises(SettingsError, match="two fields"):
        cem43_step(level, level[:1], 1.0, "sapareto")
    with pytest.raises(SettingsError, match="at least 0 s"):
        cem43_step(level, level, -1.0, "sapareto")


def test_a_row_of_cool_cells_counts_like_each_of_them() -> None:
    """Rows below 43 °C take a path without branches; it must say the same."""
    before = np.linspace(33.0, 42.4, 64, dtype=np.float32).reshape(1, 1, 64)
    after = before + np.float32(0.5)
    row = cem43_step(before, after, 20.0, "sapareto")
    exact = [
        float(cem43([0.0, 20.0], [float(a), float(b)], "sapareto"))
        for a, b in zip(before[0, 0], after[0, 0], strict=True)
    ]
    assert np.allclose(row[0, 0], exact, rtol=2e-5)
