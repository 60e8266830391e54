"""Windows: a symbol's own sessions, gaps, zero denominators, percentiles. Definitions, section 0."""

import math

import polars as pl
import pytest
from builders import bars, column, session
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transforms.windows import (
    change,
    divided,
    expanding_percentile,
    guarded,
    in_deviations,
    levels,
    pair_levels,
)


def on(numbers: list[int], values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"session_no": numbers, "level": values})


def test_a_window_counts_the_symbols_own_bars():
    # bars on sessions 0, 1 and 4: two bars back from session 4 is session 0
    assert on([0, 1, 4], [100.0, 110.0, 121.0]).select(change(pl.col("level"), 2)).to_series().to_list() == [
        None,
        None,
        pytest.approx(0.21),
    ]


@pytest.mark.parametrize(("missing", "is_kept"), [(0, True), (1, True), (10, True), (11, False), (300, False)])
def test_more_than_ten_missing_sessions_inside_a_window_leave_no_value(missing: int, is_kept: bool):
    # from bar 0 to bar 1 `missing` sessions have no bar
    kept = on([0, missing + 1], [1.0, 2.0]).select(guarded(pl.col("level"), 1)).item(1, 0)
    assert kept == (2.0 if is_kept else None)


@pytest.mark.parametrize(("holes", "is_kept"), [((5, 5), True), ((5, 6), False)])
def test_missing_sessions_of_several_holes_add_up(holes: tuple[int, int], is_kept: bool):
    numbers = [0, holes[0] + 1, sum(holes) + 2]
    assert (on(numbers, [1.0] * 3).select(guarded(pl.col("level"), 2)).item(2, 0) is not None) == is_kept


def test_a_window_that_is_not_full_has_no_value():
    assert on([0, 1], [1.0, 2.0]).select(change(pl.col("level"), 2)).to_series().to_list() == [None, None]


def test_a_zero_denominator_gives_no_value():
    frame = pl.DataFrame({"a": [1.0, 0.0, 1.0, 3.0], "b": [0.0, 0.0, -0.0, 2.0]})
    assert frame.select(divided(pl.col("a"), pl.col("b"))).to_series().to_list() == [None, None, None, 1.5]


@pytest.mark.parametrize("constant", [0.1, 7.3, 1234.567])
def test_a_constant_stretch_has_no_deviation_even_after_wild_values(constant: float):
    wild = [abs(100 + 90 * math.sin(i * i)) for i in range(100)]
    values, x = pl.DataFrame({"x": wild + [constant] * 40}), pl.col("x")
    found = values.select(in_deviations(x, x.rolling_mean(20), x.rolling_std(20, ddof=0))).to_series()
    assert found[-20:].to_list() == [None] * 20


def test_the_percentile_is_the_average_rank_less_a_half_over_the_count():
    # 3: rank 1 of 1; 1: rank 1 of 2; 3: ranks 2 and 3 of 3, so 2.5; 5: rank 4 of 4
    frame = pl.DataFrame({"x": [3.0, 1.0, 3.0, 5.0]})
    assert frame.select(expanding_percentile(pl.col("x"))).to_series().to_list() == [0.5, 0.25, 2 / 3, 0.875]


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float)), max_size=40))
def test_the_percentile_equals_counting(values: list[float | None]):
    expected, seen = [], []
    for value in values:
        if value is None:
            expected.append(None)
            continue
        seen.append(value)
        below, same = sum(x < value for x in seen), sum(x == value for x in seen)
        expected.append((below + (same + 1) / 2 - 0.5) / len(seen))
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    assert frame.select(expanding_percentile(pl.col("x"))).to_series().to_list() == pytest.approx(expected)


def test_a_fund_has_two_bases_and_an_index_only_price():
    prices = pl.concat([bars("FUND", [10.0, 11.0]), bars("^INDEX", [10.0, 11.0], is_fund=False)])
    found = levels(prices).select("symbol", "basis").unique().sort("symbol", "basis").rows()
    assert found == [("FUND", "price"), ("FUND", "total"), ("^INDEX", "price")]


def test_a_pair_keeps_only_the_sessions_that_both_traded():
    prices = pl.concat([bars("A", [1.0, 2.0, None, 4.0]), bars("B", [None, 4.0, 6.0, 8.0])])
    pair = pair_levels(prices, [("A", "B")])
    assert column(pair, "session_date", basis="price") == [session(1), session(3)]
    assert column(pair, "level", basis="price") == [2.0, 4.0]
    assert column(pair, "benchmark_level", basis="price") == [4.0, 8.0]


def test_a_pair_has_a_total_basis_only_where_both_are_funds():
    prices = pl.concat([bars("A", [1.0, 2.0]), bars("B", [1.0, 2.0]), bars("^I", [1.0, 2.0], is_fund=False)])
    bases = {pair: set(column(pair_levels(prices, [pair]), "basis")) for pair in [("A", "B"), ("A", "^I"), ("^I", "A")]}
    assert bases == {("A", "B"): {"price", "total"}, ("A", "^I"): {"price"}, ("^I", "A"): {"price"}}


def test_a_pair_without_common_sessions_or_without_prices_has_no_rows():
    prices = pl.concat([bars("A", [1.0, None]), bars("B", [None, 1.0])])
    assert pair_levels(prices, [("A", "B"), ("A", "NONE"), ("NONE", "A")]).is_empty()
    assert pair_levels(prices.clear(), [("A", "B")]).is_empty()
    assert pair_levels(prices, []).is_empty()


def test_a_pair_listed_twice_counts_once():
    prices = pl.concat([bars("A", [1.0, 2.0]), bars("B", [1.0, 2.0])])
    assert pair_levels(prices, [("A", "B"), ("A", "B")]).height == 4  # two sessions on two bases
