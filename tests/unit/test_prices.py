"""core.prices: split-adjusted bars, what was traded, and the forward total-return index. Definitions, section 0."""

import datetime as dt
import random

import polars as pl
import pytest
from builders import price_captures, session, sessions
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.config import Instrument, Split
from pipeline.contracts import core
from pipeline.transforms.prices import prices
from pipeline.warehouse import checked

JANUARY, FEBRUARY, MARCH = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (1, 2, 3))


def instrument(symbol: str = "A", group: str = "size", *splits: tuple[dt.date, float]) -> Instrument:
    listed = tuple(Split(session_date=day, ratio=ratio) for day, ratio in splits)
    return Instrument(symbol=symbol, name=symbol, role="a", group=group, why="test", splits=listed)


def closes(*values: float | None) -> dict[dt.date, float]:
    return {session(i): value for i, value in enumerate(values) if value is not None}


def build(*captures: pl.DataFrame, configured: tuple[Instrument, ...] = (), until: int = 400) -> pl.DataFrame:
    return prices(pl.concat(captures), sessions(until), configured).prices


# --- total return ---------------------------------------------------------------------------------------------------


def test_the_total_return_index_by_hand():
    # 1; (98 + 3) / 100 = 1.01; 1.01 x 99 / 98; that x (110 + 1) / 99
    table = build(price_captures("A", closes(100, 98, 99, 110), dividend={session(1): 3.0, session(3): 1.0}))
    second = 1.01 * 99 / 98
    assert table["total_return_index"].to_list() == pytest.approx([1.0, 1.01, second, second * 111 / 99])


def test_a_dividend_on_the_first_bar_does_not_count():
    table = build(price_captures("A", closes(100, 110), dividend={session(0): 3.0}))
    assert table["total_return_index"].to_list() == pytest.approx([1.0, 1.1])


def test_every_symbol_starts_at_one():
    table = build(price_captures("A", closes(100, 110)), price_captures("B", closes(None, 50, 60)))
    assert table.filter(pl.col("symbol") == "B")["total_return_index"].to_list() == pytest.approx([1.0, 1.2])


def test_capital_gains_are_part_of_the_distribution():
    table = build(price_captures("A", closes(100, 100), dividend={session(1): 1.0}, capital_gain={session(1): 2.0}))
    assert table.select("dividend", "capital_gain").rows()[1] == (3.0, 2.0)
    assert table["total_return_index"][1] == pytest.approx(1.03)


@pytest.mark.parametrize(
    ("symbol", "configured", "has_total"),
    [
        ("^I", (), False),  # unknown: a caret means an index
        ("A", (), True),
        ("^I", (instrument("^I", "index"),), False),
        ("VIX", (instrument("VIX", "volatility"),), False),
        ("A", (instrument("A", "bond"),), True),
    ],
)
def test_only_funds_have_a_total_basis(symbol: str, configured: tuple, has_total: bool):
    table = build(price_captures(symbol, closes(10, 11)), configured=configured)
    assert table["total_return_index"].is_not_null().all() == has_total


def random_closes(seed: int, n: int = 40) -> dict[dt.date, float]:
    source, level = random.Random(seed), 100.0
    found = {}
    for i in range(n):
        level *= 1 + source.gauss(0, 0.02)
        if source.random() < 0.9:
            found[session(i)] = level
    return found


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_without_distributions_the_index_is_the_price_over_the_first(seed: int):
    table = build(price_captures("A", random_closes(seed)))
    assert table["total_return_index"].to_list() == pytest.approx([x / table["close"][0] for x in table["close"]])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 30), st.floats(0.01, 5))
def test_adding_a_dividend_changes_no_earlier_row(seed: int, place: int, amount: float):
    bars = random_closes(seed)
    day = list(bars)[min(place, len(bars) - 1)]
    without = build(price_captures("A", bars, dividend={}))
    paid = build(price_captures("A", bars, dividend={day: amount}))
    earlier = pl.col("session_date") < day
    assert_frame_equal(without.filter(earlier), paid.filter(earlier), check_exact=True)
    factor = paid["total_return_index"] / without["total_return_index"]
    later = factor.filter(paid["session_date"] >= day).to_list()
    first = list(bars).index(day) == 0
    close = bars[day]
    assert later == pytest.approx([1.0 if first else (close + amount) / close] * len(later))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_the_index_equals_a_plain_loop(seed: int):
    bars = random_closes(seed)
    source = random.Random(seed)
    paid = {day: source.uniform(0, 2) for day in bars if source.random() < 0.2}
    index, before, expected = 1.0, None, []
    for day, close in bars.items():
        index = index if before is None else index * (close + paid.get(day, 0.0)) / before
        before = close
        expected.append(index)
    assert build(price_captures("A", bars, dividend=paid))["total_return_index"].to_list() == pytest.approx(expected)


# --- splits ---------------------------------------------------------------------------------------------------------


def test_the_close_as_traded_undoes_all_later_splits():
    # split-adjusted closes; 2 for 1 on session 2 and 3 for 1 on session 4: before both 6 times the close
    splits = {session(2): 2.0, session(4): 3.0}
    table = build(price_captures("A", closes(10, 10, 10, 10, 10, 10), split_ratio=splits))
    assert table["close_as_traded"].to_list() == [60.0, 60.0, 30.0, 30.0, 10.0, 10.0]
    assert table["close"].to_list() == [10.0] * 6
    assert table["split_ratio"].to_list() == [1.0, 1.0, 2.0, 1.0, 3.0, 1.0]


def test_a_replay_has_the_splits_since():
    # as of session 1 the close is on today's split basis, and what was traded is still twice that
    table = build(price_captures("A", closes(10, 10, 10, 10), split_ratio={session(3): 2.0}), until=2)
    assert table.select("close", "close_as_traded").rows() == [(10.0, 20.0)] * 2


def test_a_configured_split_that_the_source_lacks():
    one = instrument("A", "sector", (session(2), 2.0))
    table = build(price_captures("A", closes(10, 10, 10, 10)), configured=(one,))
    assert table["close_as_traded"].to_list() == [20.0, 20.0, 10.0, 10.0]


@pytest.mark.parametrize("reported_on", [1, 2, 5])
def test_a_configured_split_that_the_source_reports_counts_once(reported_on: int):
    one = instrument("A", "sector", (session(2), 2.0))
    capture = price_captures("A", closes(*[10] * 8), split_ratio={session(reported_on): 2.0})
    assert build(capture, configured=(one,))["close_as_traded"][0] == 20.0


def test_a_configured_split_after_the_newest_copy_does_not_count_yet():
    one = instrument("A", "sector", (dt.date(2026, 2, 1), 2.0))
    before = price_captures("A", closes(10, 10), captured_at=JANUARY)
    after = price_captures("A", closes(10, 10), captured_at=MARCH)
    assert build(before, configured=(one,))["close_as_traded"].to_list() == [10.0, 10.0]
    assert build(after, configured=(one,))["close_as_traded"].to_list() == [20.0, 20.0]


def test_an_older_copy_is_brought_to_the_newest_split_basis():
    # the copy of February is on half the basis; the bar that only January has is halved, its dividend too
    old = price_captures("A", closes(100, 102, 104), captured_at=JANUARY, dividend={session(0): 2.0})
    new = price_captures("A", closes(None, 51, 52, 53), captured_at=FEBRUARY)
    table = build(old, new)
    assert table["close"].to_list() == [50.0, 51.0, 52.0, 53.0]
    assert table.select("dividend", "volume", "flags").rows()[0] == (1.0, 2000.0, "split_basis")
    assert table["flags"].to_list()[1:] == [None] * 3


def test_returns_do_not_see_a_split():
    adjusted = build(price_captures("A", closes(50, 51, 52), split_ratio={session(2): 2.0}))
    plain = build(price_captures("A", closes(50, 51, 52)))
    assert_frame_equal(adjusted.select("close", "total_return_index"), plain.select("close", "total_return_index"))


# --- which capture is used ------------------------------------------------------------------------------------------


def test_the_newest_capture_of_a_bar_wins_and_a_revision_is_flagged():
    old = price_captures("A", closes(100, 101, 102), captured_at=JANUARY)
    new = price_captures("A", closes(None, 101.5), captured_at=FEBRUARY)
    for order in ((old, new), (new, old)):
        table = build(*order)
        assert table["close"].to_list() == [100.0, 101.5, 102.0]
        assert table["flags"].to_list() == [None, "revised", None]
        assert table["captured_at"].to_list() == [JANUARY, FEBRUARY, JANUARY]


def test_a_hundredth_of_a_percent_is_no_revision():
    old = price_captures("A", closes(100.0), captured_at=JANUARY)
    assert build(old, price_captures("A", closes(100.009), captured_at=FEBRUARY))["flags"].to_list() == [None]
    assert build(old, price_captures("A", closes(100.011), captured_at=FEBRUARY))["flags"].to_list() == ["revised"]


def test_what_the_newest_copy_does_not_say_comes_from_the_newest_that_does():
    first = price_captures("A", closes(100, 100), captured_at=JANUARY, dividend={session(1): 1.0})
    second = price_captures("A", closes(100, 100), captured_at=FEBRUARY, dividend={session(1): 2.0})
    silent = price_captures("A", closes(101, 100), captured_at=MARCH)
    assert build(first, second, silent)["dividend"].to_list() == [0.0, 2.0]


def test_what_no_copy_says_is_none():
    row = build(price_captures("A", closes(100))).row(0, named=True)
    assert (row["dividend"], row["capital_gain"], row["split_ratio"]) == (0.0, 0.0, 1.0)


def test_a_copy_that_says_it_is_adjusted_gives_way_to_one_that_is_not():
    plain = price_captures("A", closes(100, 102), captured_at=JANUARY)
    adjusted = price_captures("A", closes(90, 100), captured_at=FEBRUARY, flags="dividend_adjusted", origin="adj.csv")
    found = prices(pl.concat([plain, adjusted]), sessions(9), [])
    assert found.prices["close"].to_list() == [100.0, 102.0]
    assert found.rejects.select("origin", "reason").rows() == [
        ("adj.csv", "closes are dividend-adjusted, and a copy that is not is at hand")
    ]


def test_an_adjusted_copy_is_kept_where_nothing_else_is_there():
    found = prices(price_captures("A", closes(90, 100), flags="dividend_adjusted"), sessions(9), [])
    assert found.prices["close"].to_list() == [90.0, 100.0]
    assert found.prices["flags"].to_list() == ["dividend_adjusted"] * 2
    assert found.rejects.is_empty()


def test_an_adjusted_copy_is_known_by_another_copy():
    # 10 % lower at first, then 5 %, then equal: dividends between; its newer bars are as good as any
    plain = price_captures("A", closes(100, 100, 100, 100, 100, 100), captured_at=JANUARY)
    adjusted = price_captures("A", closes(90, 90, 95, 95, 100, 100, 101), captured_at=FEBRUARY, origin="adj.csv")
    found = prices(pl.concat([plain, adjusted]), sessions(9), [])
    assert found.prices["close"].to_list() == [100.0] * 6 + [101.0]
    assert found.rejects["excerpt"].to_list() == [f"A: 4 bars from {session(0)} to {session(3)}"]


def test_an_adjusted_file_beside_a_plain_one_of_the_same_instant():
    plain = price_captures("A", closes(100, 100, 100, 100), origin="a.csv")
    adjusted = price_captures("A", closes(90, 90, 95, 100), origin="b.csv")
    found = prices(pl.concat([plain, adjusted]), sessions(9), [])
    assert found.prices["close"].to_list() == [100.0] * 4
    assert found.rejects["origin"].to_list() == ["b.csv"]


def test_two_corrected_bars_do_not_cost_the_history_before_them():
    # only what changed is captured again; both closes are higher than before, as those of a plain copy would be
    old = price_captures("A", closes(*[100] * 10), captured_at=JANUARY)
    corrected = price_captures("A", closes(*[None] * 5, 100.1, 100.1), captured_at=FEBRUARY)
    found = prices(pl.concat([old, corrected]), sessions(20), [])
    assert found.prices["close"].to_list() == [*[100.0] * 5, 100.1, 100.1, *[100.0] * 3]
    assert found.rejects.is_empty()


def test_bars_of_sessions_that_have_not_closed_are_left_out():
    table = build(price_captures("A", closes(1, 2, 3, 4)), until=2)
    assert table.select("session_date", "session_no").rows() == [(session(0), 0), (session(1), 1)]


def test_bars_on_days_without_a_session_are_left_out():
    sunday = session(0) - dt.timedelta(days=1)
    assert build(price_captures("A", {sunday: 1.0, **closes(2)}))["close"].to_list() == [2.0]


def test_the_table_is_sorted_and_keeps_its_contract():
    table = build(price_captures("B", closes(1, 2)), price_captures("A", closes(3, 4)), price_captures("^C", closes(5)))
    assert table.select("symbol", "session_date").rows() == [
        ("A", session(0)), ("A", session(1)), ("B", session(0)), ("B", session(1)), ("^C", session(0))
    ]  # fmt: skip
    checked("core.prices", table, core.Prices)
    checked("core.prices", build(price_captures("A", {})), core.Prices)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.randoms())
def test_the_order_in_which_captures_lie_does_not_matter(seed: int, shuffler: random.Random):
    copies = [
        price_captures("A", random_closes(seed + i), captured_at=at) for i, at in enumerate((JANUARY, FEBRUARY, MARCH))
    ]
    rows = pl.concat(copies)
    order = list(range(rows.height))
    shuffler.shuffle(order)
    assert_frame_equal(build(rows), build(rows[order]), check_exact=True)
