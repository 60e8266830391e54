"""derived.valuation_gap: definitions, section 5."""

import datetime as dt
import math
import random
import statistics

import polars as pl
import pytest
from builders import bars, column, facts, session, sessions
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ValuationPair
from pipeline.contracts.derived.valuation import ValuationGap
from pipeline.transforms.valuation_gap import valuation_gap
from pipeline.writing import checked

PAIR = ValuationPair(growth="G", value="V")
Closes = list[float | None]


def computed(prices: pl.DataFrame, pairs: list[ValuationPair], known: tuple[tuple, ...] = ()) -> pl.DataFrame:
    """The table of some prices, on the first 400 sessions, with facts from (symbol, trailing_pe, available_at)."""
    return valuation_gap(prices, facts(known), sessions(400), pairs)


def gap(growth: Closes, value: Closes, *, known: tuple[tuple, ...] = (), **growth_options: dict) -> pl.DataFrame:
    return computed(pl.concat([bars("G", growth, **growth_options), bars("V", value)]), [PAIR], known)


def walk(n: int, seed: int, step: float = 0.02) -> list[float]:
    source, closes = random.Random(seed), [100.0]
    while len(closes) < n:
        closes.append(closes[-1] * (1 + source.gauss(0, step)))
    return closes


# --- divergence -----------------------------------------------------------------------------------------------------


def test_log_ratios_by_hand():
    # 120 / 60 = 2; the growth fund paid 5 on session 1: (115 + 5) / 100 against 60 / 50 gives a ratio of 1
    found = gap([100.0, 115.0], [50.0, 60.0], dividends={1: 5.0}).row(1, named=True)
    assert found["log_price_ratio"] == pytest.approx(math.log(115 / 60))
    assert found["log_total_ratio"] == pytest.approx(0.0, abs=1e-12)


def test_only_common_sessions_count():
    found = gap([1.0, None, 3.0, 4.0], [1.0, 2.0, None, 4.0])
    assert found["session_date"].to_list() == [session(0), session(3)]
    assert found["history_start"].to_list() == [session(0)] * 2


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_short_histories_keep_the_contract(rows: int):
    table = checked("derived.valuation_gap", gap(walk(rows, 1)[:rows], walk(rows, 2)[:rows]), ValuationGap)
    assert table.height == rows
    for name in ("z_expanding", "percentile_expanding", "trend_residual", "yield_gap", "growth_pe", "value_pe"):
        assert table[name].null_count() == rows


def test_a_pair_without_prices_or_common_sessions_has_no_rows():
    assert gap([1.0, None], [None, 1.0]).is_empty()
    assert computed(bars("G", [1.0]), [PAIR]).is_empty()
    assert computed(bars("G", [1.0]), []).is_empty()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_expanding_columns_equal_plain_loops(seed: int):
    growth, value = walk(270, seed), walk(270, seed + 1)
    table = gap(growth, value)
    x = [math.log(g / v) for g, v in zip(growth, value, strict=True)]
    for name in ("z_expanding", "percentile_expanding", "trend_residual"):
        assert table[name].is_null().to_list() == [t < 252 for t in range(270)]
    for t in (252, 260, 269):
        so_far = x[: t + 1]
        z = (x[t] - statistics.fmean(so_far)) / statistics.stdev(so_far)
        line = statistics.linear_regression(range(1, t + 2), so_far)
        rank = sum(one < x[t] for one in so_far) + 1
        assert table["z_expanding"][t] == pytest.approx(z, rel=1e-7, abs=1e-9)
        assert table["trend_residual"][t] == pytest.approx(x[t] - line.slope * (t + 1) - line.intercept, abs=1e-9)
        assert table["percentile_expanding"][t] == pytest.approx((rank - 0.5) / (t + 1))


def test_a_line_has_no_residual():
    growth = [100 * math.exp(0.001 * t) for t in range(300)]
    assert gap(growth, [50.0] * 300)["trend_residual"][252:].to_list() == pytest.approx([0.0] * 48, abs=1e-12)


def test_a_ratio_that_never_moves_has_no_z():
    assert gap([7.3] * 300, [2.1] * 300)["z_expanding"].null_count() == 300
    value = walk(300, 1)  # both legs move, by the same: what is left is rounding noise
    table = gap([3 * close for close in value], value)
    assert table["z_expanding"].null_count() == 300


def test_widest_since_by_hand():
    # ratios 3, 1, 2, 2, 1.5, 3, 4 over a constant: a tie counts, and the first and the highest have none
    found = gap([3.0, 1.0, 2.0, 2.0, 1.5, 3.0, 4.0], [1.0] * 7)["widest_since"].to_list()
    expected = [None, 0, 0, 2, 3, 0, None]
    assert found == [None if i is None else session(i) for i in expected]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=50))
def test_widest_since_equals_a_scan(ratios: list[int]):
    found = gap([float(x) for x in ratios], [1.0] * len(ratios))["widest_since"].to_list()
    for t, since in enumerate(found):
        earlier = [s for s in range(t) if ratios[s] >= ratios[t]]
        assert since == (session(earlier[-1]) if earlier else None)


def test_pairs_are_kept_apart():
    prices = pl.concat([bars("G", [5.0, 1.0]), bars("V", [1.0, 1.0]), bars("W", [None, 2.0])])
    table = computed(prices, [PAIR, ValuationPair(growth="G", value="W"), ValuationPair(growth="V", value="W")])
    assert column(table, "widest_since", growth="G", value="V") == [None, session(0)]
    assert column(table, "widest_since", growth="G", value="W") == [None]
    assert column(table, "history_start", growth="V", value="W") == [session(1)]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_scaling_a_leg_shifts_the_ratio_and_changes_nothing_else(seed: int, factor: float):
    growth, value = walk(260, seed), walk(260, seed + 1)
    one, other = gap(growth, value), gap([factor * close for close in growth], value)
    for name in ("z_expanding", "trend_residual"):
        assert one[name][252:].to_list() == pytest.approx(other[name][252:].to_list(), abs=1e-6)
    shift = [b - a for a, b in zip(one["log_price_ratio"], other["log_price_ratio"], strict=True)]
    assert shift == pytest.approx([math.log(factor)] * 260)


# --- yields ---------------------------------------------------------------------------------------------------------
# Session 261 is 2002-01-01, 365 days after the first bar, 2001-01-01: the first with yields.

QUARTERS = (60, 125, 190, 255)


def yields(growth: dict[int, float], value: dict[int, float] | None = None, *, n: int = 300, gains: dict | None = None):
    prices = [
        bars("G", [100.0] * n, dividends=growth, capital_gains=gains),
        bars("V", [50.0] * n, dividends=growth if value is None else value),
    ]
    return computed(pl.concat(prices), [PAIR])


def test_yields_by_hand():
    # growth 4 x 0.25 = 1 on 100: 1 %; value 4 x 0.5 = 2 on 50: 4 %; the gap is ln 4
    found = yields(dict.fromkeys(QUARTERS, 0.25), dict.fromkeys(QUARTERS, 0.5)).row(261, named=True)
    assert found["growth_distribution_yield"] == pytest.approx(0.01)
    assert found["value_distribution_yield"] == pytest.approx(0.04)
    assert (found["growth_distributions_n"], found["value_distributions_n"]) == (4, 4)
    assert found["yield_gap"] == pytest.approx(math.log(4))


def test_yields_start_365_days_after_the_first_bar():
    table = yields(dict.fromkeys(QUARTERS, 0.25))
    for name in ("growth_distribution_yield", "value_distribution_yield", "growth_distributions_n"):
        assert table[name].is_null().to_list() == [t < 261 for t in range(300)]


def test_each_fund_has_its_own_first_bar():
    n = 300
    prices = [bars("G", [100.0] * n, dividends=dict.fromkeys(QUARTERS, 0.25)), bars("V", [*[None] * 50, *[50.0] * 250])]
    table = computed(pl.concat(prices), [PAIR])
    assert table["growth_distribution_yield"].is_not_null().sum() == n - 261
    assert table["value_distribution_yield"].null_count() == 250


def test_the_window_is_open_at_its_start_and_closed_at_its_end():
    # on 2002-01-01 the window is (2001-01-01, 2002-01-01]: session 0 is out, sessions 1 and 261 are in
    table = yields({0: 1.0, 1: 1.0, 261: 1.0}).row(261, named=True)
    assert table["growth_distributions_n"] == 2
    assert table["growth_distribution_yield"] == pytest.approx(0.02)
    assert yields({0: 1.0, 1: 1.0, 261: 1.0})["growth_distributions_n"][262] == 1


@pytest.mark.parametrize("dates", [QUARTERS[:3], (*QUARTERS, 258)])
def test_three_or_five_ex_dates_have_no_gap(dates: tuple[int, ...]):
    found = yields(dict.fromkeys(dates, 0.25), dict.fromkeys(QUARTERS, 0.5)).row(261, named=True)
    assert found["growth_distributions_n"] == len(dates)
    assert found["yield_gap"] is None
    assert found["growth_distribution_yield"] == pytest.approx(0.0025 * len(dates))


def test_capital_gains_are_no_yield():
    # 0.25 each quarter, and 3 more of capital gains with the last: the yield stays 1 %
    paid = {**dict.fromkeys(QUARTERS, 0.25), 255: 3.25}
    found = yields(paid, dict.fromkeys(QUARTERS, 0.5), gains={255: 3.0}).row(261, named=True)
    assert found["growth_distribution_yield"] == pytest.approx(0.01)
    assert found["growth_distributions_n"] == 4


def test_a_fund_that_pays_nothing_has_a_yield_of_zero_and_no_gap():
    found = yields({}, dict.fromkeys(QUARTERS, 0.5)).row(261, named=True)
    assert (found["growth_distribution_yield"], found["growth_distributions_n"], found["yield_gap"]) == (0, 0, None)


# --- price over earnings --------------------------------------------------------------------------------------------
# Session i closes at 21:00 UTC; sessions 0 to 4 are Monday 2001-01-01 to Friday, session 5 is the Monday after.


def at(number: int, clock: str) -> dt.datetime:
    return dt.datetime.combine(session(number), dt.time.fromisoformat(clock), dt.UTC)


def test_the_newest_snapshot_received_by_the_close_counts():
    known = (
        ("G", 30.0, at(0, "15:00")),
        ("G", 31.0, at(2, "21:00")),  # at the very close: known
        ("G", 32.0, at(3, "21:01")),  # a minute after it: not on that day
        ("V", 15.0, at(1, "12:00")),
    )
    found = gap([1.0] * 6, [1.0] * 6, known=known)
    assert found["growth_pe"].to_list() == [30.0, 30.0, 31.0, 31.0, 32.0, 32.0]
    assert found["value_pe"].to_list() == [None, 15.0, 15.0, 15.0, 15.0, 15.0]


def test_a_snapshot_taken_in_the_evening_is_not_known_at_the_close_of_its_day():
    """quoted_on is the day itself: a join by date would look ahead."""
    found = gap([1.0] * 3, [1.0] * 3, known=(("G", 30.0, at(1, "23:30")),))
    assert found["growth_pe"].to_list() == [None, None, 30.0]


def test_a_snapshot_of_thirty_days_is_the_oldest():
    # received at the close of session 0, Monday 1 January: session 22, Wednesday the 31st, closes 30 days later
    found = gap([1.0] * 25, [1.0] * 25, known=(("G", 30.0, at(0, "21:00")),))["growth_pe"].to_list()
    assert session(22) == dt.date(2001, 1, 31)
    assert found == [30.0] * 23 + [None] * 2


def test_a_snapshot_without_a_pe_leaves_the_one_before():
    found = gap([1.0] * 3, [1.0] * 3, known=(("G", 30.0, at(0, "12:00")), ("G", None, at(1, "12:00"))))
    assert found["growth_pe"].to_list() == [30.0] * 3


def test_every_fund_has_its_own_snapshots_in_every_pair():
    prices = pl.concat(bars(symbol, [1.0] * 2) for symbol in "GVW")
    pairs = [PAIR, ValuationPair(growth="V", value="W")]
    table = computed(
        prices, pairs, (("V", 15.0, at(0, "12:00")), ("W", 12.0, at(1, "12:00")), ("X", 9.0, at(0, "01:00")))
    )
    assert column(table, "value_pe", growth="G") == column(table, "growth_pe", growth="V") == [15.0, 15.0]
    assert column(table, "value_pe", growth="V") == [None, 12.0]
