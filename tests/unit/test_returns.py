"""derived.returns: definitions, section 1."""

import datetime as dt
import math
import random

import polars as pl
import pytest
from builders import bars, column, session
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.contracts.derived.strength import Returns
from pipeline.transforms.returns import returns
from pipeline.writing import checked

WINDOWS = (1, 5, 6, 10, 21, 63, 126, 252)


def price_returns(closes: list[float | None], name: str = "ret_1d", **options) -> list[float | None]:
    return column(returns(bars("A", closes, **options)), name, basis="price")


def random_walk(n: int, seed: int = 1) -> list[float]:
    source, closes = random.Random(seed), [100.0]
    while len(closes) < n:
        closes.append(closes[-1] * (1 + source.gauss(0, 0.02)))
    return closes


def test_five_day_return_by_hand():
    # 105 / 100 - 1 = 0.05 on the sixth bar; 99 / 110 - 1 = -0.1 on the seventh
    found = price_returns([100.0, 110.0, 90.0, 95.0, 99.0, 105.0, 99.0], "ret_5d")
    assert found == [None] * 5 + [pytest.approx(0.05), pytest.approx(-0.1)]


@pytest.mark.parametrize("n", WINDOWS)
def test_every_window_reaches_its_number_of_bars_back(n: int):
    closes = [100.0 + i for i in range(n + 2)]  # the last bar over the one n before it: (101 + n) / 101
    found = price_returns(closes, f"ret_{n}d")
    assert found[:n] == [None] * n
    assert found[-1] == pytest.approx((101 + n) / 101 - 1, rel=1e-12)


def test_total_return_counts_the_distribution():
    # price 100 -> 98, 3 paid: total (98 + 3) / 100 - 1 = 0.01, price -0.02
    table = returns(bars("A", [100.0, 98.0], dividends={1: 3.0}))
    assert column(table, "ret_1d", basis="total")[1] == pytest.approx(0.01)
    assert column(table, "ret_1d", basis="price")[1] == pytest.approx(-0.02)


def test_an_index_has_no_total_basis():
    table = returns(bars("^I", [1.0, 2.0], is_fund=False))
    assert set(column(table, "basis")) == {"price"}


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_short_histories_have_rows_without_the_long_windows(rows: int):
    table = returns(bars("A", [100.0] * rows))
    assert table.height == 2 * rows
    assert column(table, "ret_10d") == [None] * 2 * rows
    assert column(table, "ret_ytd") == [None] * 2 * rows
    assert checked("derived.returns", table, Returns).height == 2 * rows


def test_a_constant_price_has_returns_and_volatility_of_zero():
    found = returns(bars("A", [7.3] * 30)).row(29, named=True)
    assert (found["ret_1d"], found["ret_21d"], found["realized_vol_21d"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("missing", "expected"), [(10, pytest.approx(0.1)), (11, None)])
def test_a_gap_of_more_than_ten_sessions_breaks_the_window_over_it(missing: int, expected: float | None):
    found = price_returns([100.0, *[None] * missing, 110.0, 110.0])
    assert found == [None, expected, 0.0]


def test_returns_do_not_reach_into_another_symbol():
    table = returns(pl.concat([bars("A", [100.0, 110.0]), bars("B", [50.0, 60.0])]))
    assert column(table, "ret_1d", symbol="B", basis="price") == [None, pytest.approx(0.2)]


def test_volatility_by_hand():
    # closes 100, 101, 100, 101, ...: the 21 log returns are eleven times +l and ten times -l, l = ln 1.01.
    # mean l/21, sum of squares 21 l^2 - 21 (l/21)^2 = l^2 (21 - 1/21), over 20, times 252
    closes = [100.0 + i % 2 for i in range(22)]
    expected = math.log(1.01) * math.sqrt((21 - 1 / 21) / 20) * math.sqrt(252)
    found = price_returns(closes, "realized_vol_21d")
    assert found[:21] == [None] * 21
    assert found[21] == pytest.approx(expected, rel=1e-12)


def test_volatility_needs_22_closes_without_a_long_gap():
    walk = random_walk(60)
    with_gap = [*walk[:25], *[None] * 11, *walk[25:]]
    found = price_returns(with_gap, "realized_vol_21d")
    # bars 25 to 45 have the gap inside their 22 closes
    assert [i for i, value in enumerate(found) if value is None] == [*range(21), *range(25, 46)]


@pytest.mark.parametrize(("last_hole", "is_kept"), [(4, True), (5, False)])
def test_volatility_counts_what_is_missing_between_all_22_closes(last_hole: int, is_kept: bool):
    # six sessions are missing after the first close, a few more before the last
    walk = random_walk(22)
    found = price_returns([walk[0], *[None] * 6, *walk[1:21], *[None] * last_hole, walk[21]], "realized_vol_21d")
    assert (found[21] is not None) == is_kept


def year_to_date(days_and_closes: list[tuple[str, float, int]]) -> list[float | None]:
    """Year-to-date returns of (day, close, session number) bars."""
    prices = pl.concat(
        bars("A", [close], days=[dt.date.fromisoformat(day)]).with_columns(session_no=pl.lit(number, pl.Int64))
        for day, close, number in days_and_closes
    )
    return column(returns(prices), "ret_ytd", basis="price")


def test_year_to_date_is_against_the_last_bar_of_the_previous_year():
    # 2001: base 100 (not the first bar 105 of the year): .05 and .2; 2002: base 120: -.1
    found = year_to_date(
        [("2000-12-29", 100, 0), ("2001-01-02", 105, 1), ("2001-12-31", 120, 2), ("2002-01-02", 108, 3)]
    )
    assert found == [None, pytest.approx(0.05), pytest.approx(0.2), pytest.approx(-0.1)]


def test_year_to_date_needs_a_bar_in_the_year_before():
    assert year_to_date([("2001-03-01", 100, 0), ("2001-03-02", 101, 1)]) == [None, None]
    # no bar in 2001: the bars of 2002 have no base, although one of 2000 exists; those of 2003 have
    found = year_to_date([("2000-12-29", 100, 0), ("2002-01-02", 105, 1), ("2003-01-02", 110, 2)])
    assert found == [None, None, pytest.approx(110 / 105 - 1)]
    # nor is the base of 2000 carried on
    found = year_to_date([("1999-12-31", 100, 0), ("2000-12-29", 110, 1), ("2002-01-02", 105, 2)])
    assert found == [None, pytest.approx(0.1), None]


@pytest.mark.parametrize(("missing", "expected"), [(10, pytest.approx(0.1)), (11, None)])
def test_year_to_date_with_a_long_gap_has_no_value(missing: int, expected: float | None):
    days = [("2000-12-29", 100.0, 0), ("2001-01-02", 105.0, 1), ("2001-03-01", 110.0, 2 + missing)]
    assert year_to_date(days)[-1] == expected


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 1000))
def test_scaling_a_price_series_leaves_every_return_as_it_is(seed: int, factor: float):
    closes = random_walk(280, seed)
    table = returns(bars("A", closes))
    scaled = returns(bars("A", [factor * close for close in closes]))
    assert_frame_equal(table, scaled, check_exact=False, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_without_distributions_total_equals_price(seed: int):
    table = returns(bars("A", random_walk(280, seed)))
    by_basis = [table.filter(pl.col("basis") == basis).drop("basis") for basis in ("price", "total")]
    assert_frame_equal(*by_basis, check_exact=False, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(1, 100)), min_size=1, max_size=60))
def test_returns_equal_a_plain_loop(closes: list[float | None]):
    present = [(number, close) for number, close in enumerate(closes) if close is not None]
    table = returns(bars("A", closes)).filter(pl.col("basis") == "price")
    for n in (1, 5, 21):
        expected = []
        for i, (number, close) in enumerate(present):
            far = i >= n and number - present[i - n][0] - n > 10
            expected.append(None if i < n or far else pytest.approx(close / present[i - n][1] - 1))
        assert table[f"ret_{n}d"].to_list() == expected
    assert table["session_date"].to_list() == [session(number) for number, _ in present]
