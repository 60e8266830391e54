"""Percentiles at chosen rows: against a count by hand, a plain loop, and Polars' own expanding rank."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transforms.ranks import BLOCK, percentiles_so_far
from pipeline.transforms.windows import expanding_percentile


def test_a_count_by_hand():
    # 3: alone, (1 - .5) / 1; 5: 2nd of 2, 1.5 / 2; 3 again: ranks 1 and 2 of three share 1.5, 1 / 3;
    # 4: 3rd of 4, 2.5 / 4
    found = percentiles_so_far(np.array([3.0, 5.0, 3.0, 4.0]), np.arange(4))
    assert found.tolist() == pytest.approx([0.5, 0.75, 1 / 3, 0.625])


def test_no_rows_and_no_values():
    assert percentiles_so_far(np.array([1.0, 2.0]), np.empty(0, int)).tolist() == []
    assert percentiles_so_far(np.empty(0), np.empty(0, int)).tolist() == []


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 4 * BLOCK + 3), st.integers(1, 12))
def test_equals_a_plain_loop(seed: int, n: int, distinct: int):
    source = random.Random(seed)
    x = [source.randrange(distinct) / 7 for _ in range(n)]
    rows = sorted(source.sample(range(n), source.randint(1, n)))
    expected = [
        (sum(v < x[t] for v in x[: t + 1]) + (sum(v == x[t] for v in x[: t + 1]) + 1) / 2 - 0.5) / (t + 1) for t in rows
    ]
    assert percentiles_so_far(np.array(x), np.array(rows)).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [3_000, 17_000, 70_000])
def test_equals_the_expanding_rank_of_polars_on_a_long_series(n: int):
    # 266 blocks of 64 at 17,000: their numbers need 16 bits; at 70,000 the ranks need 32
    x = np.random.default_rng(7).normal(size=n).round(3)
    polars = pl.DataFrame({"x": x}).select(expanding_percentile(pl.col("x"))).to_series().to_numpy()
    assert np.array_equal(percentiles_so_far(x, np.arange(n)), polars)


def test_infinities_are_the_largest_and_the_smallest():
    # 2: (1 - .5) / 1; inf: 2nd of 2; -inf: 1st of 3; inf: shares ranks 3 and 4 of 4
    found = percentiles_so_far(np.array([2.0, np.inf, -np.inf, np.inf]), np.arange(4))
    assert found.tolist() == pytest.approx([0.5, 1.5 / 2, 0.5 / 3, 3 / 4])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 3 * BLOCK))
def test_zeros_are_equal_and_neighbouring_floats_are_not(seed: int, n: int):
    source = random.Random(seed)
    near_one = [np.nextafter(1, 0), 1.0, np.nextafter(1, 2), np.nextafter(np.nextafter(1, 2), 2)]
    values = [-0.0, 0.0, 5e-324, -5e-324, *near_one, *(-v for v in near_one)]
    x = [float(source.choice(values)) for _ in range(n)]
    expected = [
        (sum(v < x[t] for v in x[: t + 1]) + sum(v == x[t] for v in x[: t + 1]) / 2) / (t + 1) for t in range(n)
    ]
    assert percentiles_so_far(np.array(x), np.arange(n)).tolist() == pytest.approx(expected, rel=1e-12)
