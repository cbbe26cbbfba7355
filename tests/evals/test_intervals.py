"""Intervals: known values, and properties that hold for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.evals.intervals import average, paired_difference, paired_ratio, proportion


@pytest.mark.parametrize(
    ("right", "total", "low", "high"), [(8, 10, 0.490, 0.943), (0, 20, 0.0, 0.161), (50, 100, 0.404, 0.596)]
)
def test_wilson_matches_published_values(right: int, total: int, low: float, high: float) -> None:
    metric = proportion(right, total)
    assert (metric.low, metric.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_in_its_interval(a: int, b: int) -> None:
    metric = proportion(min(a, b), max(a, b))
    assert 0 <= metric.low <= metric.mean <= metric.high <= 1


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=50))
def test_a_mean_lies_in_its_interval_and_repeats(values: list[float]) -> None:
    metric = average(values)
    assert metric.low - 1e-9 <= metric.mean <= metric.high + 1e-9
    assert metric == average(values)


def test_a_paired_difference_of_equal_lists_is_nothing() -> None:
    metric = paired_difference([1.0, 0.0, 1.0], [1.0, 0.0, 1.0])
    assert (metric.mean, metric.low, metric.high, metric.n) == (0, 0, 0, 3)


def test_wilson_intervals() -> None:
    found = proportion(90, 100)
    share, low, high = found.mean, found.low, found.high
    assert (share, round(low, 4), round(high, 4)) == (0.9, 0.8256, 0.9448)
    assert proportion(0, 10).low == 0.0


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=30), st.floats(0.01, 10))
def test_the_ratio_to_a_multiple_is_the_factor_in_every_resample(before: list[float], factor: float) -> None:
    found = paired_ratio([factor * value for value in before], before)
    assert (found.mean, found.low, found.high) == (pytest.approx(factor),) * 3
    assert found.n == len(before)


def test_the_ratio_to_nought_is_nought() -> None:
    assert paired_ratio([1.0, 2.0], [0.0, 0.0]).mean == 0
    assert paired_ratio([], []).n == 0
    found = paired_ratio([1.0, 1.0, 1.0], [0.0, 2.0, 1.0])
    assert found.low <= found.mean == 1 <= found.high
