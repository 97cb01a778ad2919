"""Pooling: properties, a second opinion, and worked examples that reject wrong arithmetic."""

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.proportion import proportion_confint

from insonate.core import SettingsError
from insonate.evidence import (
    Between,
    binomial_normal,
    exact_interval,
    never_seen,
    pool,
    pool_proportions,
    rule_of_three,
)
from insonate.evidence.pooling import log_likelihood
from insonate.verification import evidence as worked

# floats that are no denormals: their squares must not vanish
numbers = st.floats(-100, 100).map(lambda x: round(x, 3))
spreads = st.floats(0.01, 25).map(lambda x: round(x, 3))
series = st.lists(st.tuples(numbers, spreads), min_size=2, max_size=12)


def failed(checks):
    return [check.check for check in checks if not check.passed]


def test_all_printed_digits_come_out():
    assert failed(worked.checks()) == []


def test_wrong_arithmetic_is_rejected():
    def no_restriction(y, v, between=Between.REML, **options):
        wrong = Between.MAXIMUM_LIKELIHOOD if between is Between.REML else between
        return pool(y, v, between=wrong, **options)

    def one_percent(y, v, **options):
        found = pool(y, v, **options)
        mean = dataclasses.replace(found.mean, low=found.mean.low * 1.01)
        return dataclasses.replace(found, mean=mean)

    def wider_by_normal(y, v, adjusted=True, **options):
        return pool(y, v, adjusted=False, **options)

    assert sum("REML" in name for name in failed(worked.means(no_restriction))) == 2
    assert len(failed(worked.means(one_percent))) == 3
    assert failed(worked.means(wider_by_normal)) == [
        "Hartung-Knapp, BCG odds ratio: value, interval, tau²"
    ]
    assert worked.off([float("nan")], [1.0]) == float("inf")


@settings(max_examples=25, deadline=None)
@given(series)
def test_the_second_opinion_agrees(rows):
    """statsmodels lets tau² fall below zero and then divides by it; above zero it is the same."""
    y, v = np.array(rows).T
    ours = pool(y, v, between=Between.DERSIMONIAN_LAIRD, never_narrower=False)
    assume(ours.tau2 > 0)
    other = combine_effects(y, v, method_re="dl")
    assert ours.q == pytest.approx(other.q, rel=1e-6, abs=1e-6)
    assert ours.tau2 == pytest.approx(other.tau2, rel=1e-6, abs=1e-6)
    assert ours.mean.value == pytest.approx(other.mean_effect_re, rel=1e-6, abs=1e-6)
    expected = np.sqrt(other.var_hksj_re)
    assert ours.mean.standard_error == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(series, st.sampled_from(Between))
def test_a_pool_lies_among_its_series_and_weights_are_shares(rows, between):
    y, v = np.array(rows).T
    found = pool(y, v, between=between)
    assert y.min() - 1e-9 <= found.mean.value <= y.max() + 1e-9
    assert sum(found.weights) == pytest.approx(1.0)
    assert found.tau2 >= 0
    assert 0 <= found.i2 <= 1
    assert found.mean.low <= found.mean.value <= found.mean.high


@settings(max_examples=25, deadline=None)
@given(series, st.floats(0.1, 50), numbers)
def test_units_do_not_matter(rows, factor, shift):
    y, v = np.array(rows).T
    here, there = pool(y, v), pool(y * factor + shift, v * factor**2)
    assert there.mean.value == pytest.approx(
        here.mean.value * factor + shift, rel=1e-4, abs=1e-3
    )
    assert there.i2 == pytest.approx(here.i2, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(series)
def test_no_other_variance_is_likelier(rows):
    y, v = np.array(rows).T
    best = pool(y, v).tau2
    top = log_likelihood(best, y, v, restricted=True)
    for other in (0.0, best * 0.5, best * 1.5, best + 1.0, float(np.var(y))):
        assert log_likelihood(other, y, v, restricted=True) <= top + 1e-6 * (1 + abs(top))


@settings(max_examples=25, deadline=None)
@given(series)
def test_the_adjusted_interval_is_never_narrower_than_students(rows):
    y, v = np.array(rows).T
    wide, narrow = pool(y, v), pool(y, v, adjusted=False)
    assert wide.mean.high - wide.mean.low >= narrow.mean.high - narrow.mean.low - 1e-9
    if wide.prediction is not None:
        assert wide.prediction[1] - wide.prediction[0] >= narrow.mean.high - narrow.mean.low


def test_below_three_series_nothing_is_predicted():
    assert pool([1.0, 2.0], [1.0, 1.0]).prediction is None
    assert pool([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]).prediction is not None


@pytest.mark.parametrize(
    ("means", "variances"),
    [
        ([1.0], [1.0]),
        ([1.0, 2.0], [1.0]),
        ([1.0, 2.0], [1.0, 0.0]),
        ([1.0, np.nan], [1.0, 1.0]),
    ],
)
def test_what_cannot_be_pooled_is_refused(means, variances):
    with pytest.raises(SettingsError):
        pool(means, variances)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_exact_intervals_are_those_of_the_second_opinion_and_mirror(count):
    events, of = count
    low, high = exact_interval(events, of)
    other = proportion_confint(events, of, method="beta")
    assert (low, high) == pytest.approx(other, abs=1e-9)
    assert exact_interval(of - events, of) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    assert low <= events / of <= high


def test_the_rule_of_three_is_close_from_thirty_on_and_too_high():
    for of in (30, 78, 1000):
        assert 0 < rule_of_three(of) - never_seen(of) < 0.05 * rule_of_three(of)
    assert never_seen(14) == pytest.approx(1 - 0.05 ** (1 / 14))
    assert rule_of_three(2) == 1.0


@pytest.mark.parametrize("count", [(1, 0), (-1, 5), (6, 5)])
def test_an_impossible_count_is_refused(count):
    with pytest.raises(SettingsError, match="is no count"):
        exact_interval(*count)


def test_nothing_is_pooled_from_zeros_alone():
    with pytest.raises(SettingsError, match="never_seen"):
        pool_proportions([0, 0], [10, 20])
    with pytest.raises(SettingsError, match="never_seen"):
        pool_proportions([10, 20], [10, 20])


def test_a_half_is_added_only_where_there_is_a_zero():
    assert pool_proportions([3, 4], [10, 20]).corrected == 0
    assert pool_proportions([0, 4, 5], [10, 20, 5]).corrected == 2


def test_like_series_give_their_share_by_both_models():
    found = pool_proportions([30, 60, 15], [100, 200, 50])
    assert found.proportion.value == pytest.approx(0.3, abs=1e-9)
    assert found.normal.tau2 == 0
    logit, tau2 = binomial_normal([30, 60, 15], [100, 200, 50])
    assert 1 / (1 + np.exp(-logit.value)) == pytest.approx(0.3, abs=1e-6)
    assert tau2 < 1e-6
    # without spread the information is n p (1 - p)
    assert logit.standard_error == pytest.approx((350 * 0.21) ** -0.5, rel=1e-4)


def test_a_wrong_number_of_nodes_moves_the_printed_digits():
    x, n = worked.CATHETERS[:, 2], worked.CATHETERS[:, 3]
    assert abs(binomial_normal(x, n)[1] - 0.8265) > 1e-3
