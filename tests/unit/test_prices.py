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
from pipeline.writing import checked

JANUARY, FEBRUARY, MARCH = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (1, 2, 3))
SILENT = {"dividend": None, "split_ratio": None}  # a copy without these columns


def instrument(symbol: str = "A", group: str = "size", *splits: tuple[dt.date, float]) -> Instrument:
    listed = tuple(Split(session_date=day, ratio=ratio) for day, ratio in splits)
    return Instrument(symbol=symbol, name=symbol, role="a", group=group, why="test", splits=listed)


def closes(*values: float | None) -> dict[dt.date, float]:
    return {session(i): value for i, value in enumerate(values) if value is not None}


def live(capture: pl.DataFrame) -> pl.DataFrame:
    return capture.with_columns(source=pl.lit("live"))


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


@pytest.mark.parametrize("reported", [True, False])
def test_an_older_copy_is_brought_across_a_known_split_without_overlap(reported: bool):
    # captured on the eve of the split of session 2; 100 and 104 were traded, which is 50 and 52 since
    eve = dt.datetime.combine(session(1), dt.time(22), dt.UTC)
    old = price_captures("A", closes(100, 104), captured_at=eve, dividend={session(1): 1.0})
    new = price_captures(
        "A", closes(None, None, 53, 54), captured_at=MARCH, split_ratio={session(2): 2.0} if reported else {}
    )
    one = instrument("A", "sector", *() if reported else ((session(2), 2.0),))
    table = build(old, new, configured=(one,))
    assert table["close"].to_list() == [50.0, 52.0, 53.0, 54.0]
    assert table["close_as_traded"].to_list() == [100.0, 104.0, 53.0, 54.0]
    assert table["flags"].to_list() == ["split_basis", "split_basis", None, None]
    # 52.5 / 50, then 53 / 52 and 54 / 53
    assert table["total_return_index"].to_list() == pytest.approx([1.0, 1.05, 1.05 * 53 / 52, 1.05 * 54 / 52])


@pytest.mark.parametrize("is_restated", [True, False])
def test_a_history_restated_on_the_eve_of_a_split_is_not_divided_again(is_restated: bool):
    # 110 and 111 were traded before the split of session 2, which is 55 and 55.5 since
    at = [dt.datetime.combine(session(i), dt.time(hour), dt.UTC) for i, hour in ((1, 21), (1, 22), (2, 22))]
    first = price_captures("A", closes(110, 111), captured_at=at[0])
    eve = price_captures("A", closes(55, 55.5), captured_at=at[1])
    day = price_captures("A", closes(None, None, 56), captured_at=at[2], split_ratio={session(2): 2.0})
    table = build(*(live(one) for one in ((first, eve, day) if is_restated else (first, day))))
    assert table["close"].to_list() == [55.0, 55.5, 56.0]
    assert table["close_as_traded"].to_list() == [110.0, 111.0, 56.0]
    assert table["volume"].to_list() == [1000.0 if is_restated else 2000.0] * 2 + [1000.0]


def test_two_glitched_bars_at_the_end_of_a_long_history_move_nothing():
    old = price_captures("A", closes(*[100] * 30), captured_at=JANUARY)
    glitched = price_captures("A", {session(28): 200.0, session(29): 200.0}, captured_at=FEBRUARY)
    table = build(old, glitched)
    assert table["close"].to_list() == [100.0] * 28 + [200.0] * 2
    assert table["flags"].to_list() == [None] * 28 + ["revised"] * 2


def test_a_bar_corrected_along_with_a_split_is_revised():
    old = price_captures("A", closes(*[100] * 11), captured_at=JANUARY)
    new = price_captures("A", closes(None, *[50] * 4, 47, *[50] * 5), captured_at=FEBRUARY)
    table = build(old, new)
    assert table["close"].to_list() == [50.0] * 5 + [47.0] + [50.0] * 5
    assert table["flags"].to_list() == ["split_basis"] + [None] * 4 + ["revised"] + [None] * 5


def test_a_split_that_a_later_copy_takes_back_does_not_count():
    wrong = price_captures("A", closes(10, 10, 10), captured_at=JANUARY, split_ratio={session(2): 2.0})
    right = price_captures("A", closes(10, 10, 10), captured_at=FEBRUARY)
    for order in ((wrong, right), (right, wrong)):
        assert build(*order).select("split_ratio", "close_as_traded").rows() == [(1.0, 10.0)] * 3


def test_a_split_that_a_later_copy_dates_otherwise_counts_once():
    first = price_captures("A", closes(*[10] * 5), captured_at=JANUARY, split_ratio={session(2): 2.0})
    second = price_captures("A", closes(*[10] * 5), captured_at=FEBRUARY, split_ratio={session(3): 2.0})
    assert build(first, second)["close_as_traded"].to_list() == [20.0, 20.0, 20.0, 10.0, 10.0]


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
    silent = price_captures("A", closes(101, 100), captured_at=MARCH, **SILENT)
    table = build(first, second, silent)
    assert table["dividend"].to_list() == [0.0, 2.0]
    assert table["flags"].to_list() == ["revised", None]


def test_splits_that_the_newest_copy_does_not_say_come_from_the_newest_that_does():
    first = price_captures("A", closes(10, 10, 10), captured_at=JANUARY, split_ratio={session(1): 2.0})
    silent = price_captures("A", closes(10, 10, 11), captured_at=FEBRUARY, **SILENT)
    assert build(first, silent).select("split_ratio", "close_as_traded").rows() == [
        (1.0, 20.0),
        (2.0, 10.0),
        (1.0, 11.0),
    ]


def test_what_no_copy_says_is_null_and_not_none():
    table = build(price_captures("A", closes(100, 110, 120), **SILENT))
    assert table.select("dividend", "capital_gain", "split_ratio").rows() == [(None, 0.0, None)] * 3
    assert table["flags"].to_list() == ["no_dividends"] * 3
    # what the first bar paid, and how the last one was split, matters to no value of theirs
    assert table["total_return_index"].to_list() == [1.0, None, None]
    assert table["close_as_traded"].to_list() == [None, None, 120.0]
    checked("core.prices", table, core.Prices)


def test_the_total_return_ends_where_dividends_are_not_said():
    # session 1 is stated by the older copy, session 3 again by the newest: too late
    first = price_captures("A", closes(100, 102), captured_at=JANUARY, dividend={session(1): 1.0})
    silent = price_captures("A", closes(None, 103, 104), captured_at=FEBRUARY, dividend=None)
    last = price_captures("A", closes(None, None, None, 105), captured_at=MARCH)
    other = price_captures("B", closes(10, 11, 12, 13), captured_at=MARCH)
    table = build(first, silent, last, other)
    one = table.filter(pl.col("symbol") == "A")
    assert one["dividend"].to_list() == [0.0, 1.0, None, 0.0]
    assert one["total_return_index"].to_list() == [1.0, pytest.approx(1.04), None, None]
    assert one["flags"].to_list() == [None, "revised", "no_dividends", None]
    second = table.filter(pl.col("symbol") == "B")
    assert second["total_return_index"].to_list() == pytest.approx([1.0, 1.1, 1.2, 1.3])


def test_a_first_bar_that_does_not_say_its_dividend_costs_no_total_return():
    silent = price_captures("A", closes(100), dividend=None)
    table = build(silent, price_captures("A", closes(None, 110, 120), dividend={session(1): 2.0}))
    assert table["total_return_index"].to_list() == pytest.approx([1.0, 1.12, 1.12 * 120 / 110])
    assert table["flags"].to_list() == ["no_dividends", None, None]


@pytest.mark.parametrize(
    ("symbol", "configured", "flags"),
    [
        ("^I", (), None),
        ("^I", (instrument("^I", "index"),), None),
        ("VIX", (instrument("VIX", "volatility"),), None),
        ("A", (), "no_dividends"),
        ("A", (instrument("A", "bond"),), "no_dividends"),
    ],
)
def test_only_funds_lack_dividends(symbol: str, configured: tuple, flags: str | None):
    table = build(price_captures(symbol, closes(10, 11), **SILENT), configured=configured)
    assert table.select("dividend", "flags").rows() == [(None, flags)] * 2


def test_no_dividends_is_said_beside_other_flags():
    table = build(price_captures("A", closes(10), dividend=None, flags="open_filled"))
    assert table["flags"].to_list() == ["open_filled no_dividends"]


@pytest.mark.parametrize(
    ("unsaid", "expected"),
    [
        (
            0,
            [20.0, 20.0, 10.0, 10.0],
        ),  # a bar's own split does not matter for itself, and nothing lies before the first
        (1, [None, 20.0, 10.0, 10.0]),
        (3, [None, None, None, 10.0]),
    ],
)
def test_what_was_traded_is_not_known_before_a_bar_that_does_not_say_its_split(unsaid: int, expected: list):
    said = price_captures("A", closes(*(None if i == unsaid else 10 for i in range(4))), split_ratio={session(2): 2.0})
    silent = price_captures("A", {session(unsaid): 10.0}, split_ratio=None)
    other = price_captures("B", closes(10, 10, 10, 10))
    table = build(said, silent, other)
    assert table.filter(pl.col("symbol") == "A")["close_as_traded"].to_list() == expected
    assert table.filter(pl.col("symbol") == "A")["total_return_index"].to_list() == [1.0] * 4
    assert table.filter(pl.col("symbol") == "B")["close_as_traded"].to_list() == [10.0] * 4


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_of_two_copies_of_one_instant_the_one_received_later_wins(names: str):
    first, second = (
        price_captures("A", {session(0): close}, origin=name, dividend={session(0): paid})
        for name, close, paid in zip(names, (100.0, 103.0), (1.0, 2.0), strict=True)
    )
    assert build(first, second).select("close", "dividend").rows() == [(103.0, 2.0)]
    assert build(second, first).select("close", "dividend").rows() == [(100.0, 1.0)]


ADJUSTED = "closes are or may be dividend-adjusted, and a copy that is not has these bars"


@pytest.mark.parametrize("flag", ["dividend_adjusted", "maybe_dividend_adjusted", "open_filled dividend_adjusted"])
@pytest.mark.parametrize("is_newer", [True, False])
def test_a_copy_that_says_it_is_adjusted_gives_way_where_another_is_not(flag: str, is_newer: bool):
    plain = price_captures("A", closes(None, 100, 102), captured_at=FEBRUARY)
    at = MARCH if is_newer else JANUARY
    adjusted = price_captures("A", closes(80, 90, 100, 104), captured_at=at, flags=flag, origin="adj.csv")
    found = prices(pl.concat([plain, adjusted]), sessions(9), [])
    assert found.prices["close"].to_list() == [80.0, 100.0, 102.0, 104.0]
    assert found.prices["flags"].to_list() == [flag, None, None, flag]
    assert found.rejects.select("origin", "reason", "excerpt", "captured_at").rows() == [
        ("adj.csv", ADJUSTED, f"A: 2 bars from {session(1)} to {session(2)}", at)
    ]


def partly_adjusted(at: dt.datetime, origin: str = "adj.csv") -> pl.DataFrame:
    """A copy that is adjusted up to its last distribution, as its flags say; nothing was paid since."""
    before = price_captures("A", closes(90, 95), captured_at=at, flags="dividend_adjusted", origin=origin)
    return pl.concat([before, price_captures("A", closes(None, None, 100, 101), captured_at=at, origin=origin)])


def test_bars_without_a_flag_of_an_adjusted_copy_give_way_too():
    plain = price_captures("A", closes(98, 99, 100.5), captured_at=JANUARY)
    found = prices(pl.concat([plain, partly_adjusted(FEBRUARY)]), sessions(9), [])
    assert found.prices["close"].to_list() == [98.0, 99.0, 100.5, 101.0]
    assert found.prices["flags"].to_list() == [None] * 4
    assert found.rejects.select("reason", "excerpt").rows() == [
        (ADJUSTED, f"A: 3 bars from {session(0)} to {session(2)}")
    ]


def test_an_adjusted_copy_alone_keeps_everything_though_its_last_bars_have_no_flag():
    found = prices(partly_adjusted(JANUARY), sessions(9), [])
    assert found.prices["close"].to_list() == [90.0, 95.0, 100.0, 101.0]
    assert found.prices["flags"].to_list() == ["dividend_adjusted"] * 2 + [None] * 2
    assert found.rejects.is_empty()


def test_every_adjusted_copy_is_reported_once():
    plain = price_captures("A", closes(98, 99, 100, 101), captured_at=JANUARY)
    of_b = price_captures("B", closes(1, 2, 3, 4), captured_at=JANUARY)
    copies = [plain, of_b, partly_adjusted(FEBRUARY, "b.csv"), partly_adjusted(FEBRUARY, "a.csv")]
    found = prices(pl.concat(copies), sessions(9), [])
    assert found.prices["close"].to_list() == [98.0, 99.0, 100.0, 101.0, 1.0, 2.0, 3.0, 4.0]
    assert sorted(found.rejects["origin"]) == ["a.csv", "b.csv"]


def test_a_clean_copy_of_one_symbol_does_not_replace_an_adjusted_one_of_another():
    found = prices(pl.concat([price_captures("B", closes(1, 2)), partly_adjusted(JANUARY)]), sessions(9), [])
    assert found.prices["close"].to_list() == [90.0, 95.0, 100.0, 101.0, 1.0, 2.0]
    assert found.rejects.is_empty()


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


def test_bars_that_the_live_source_corrects_downwards_are_used():
    # a copy holds what is new: sessions 3 and 5 one and a half percent lower, and 4, which January has not
    old = live(price_captures("A", closes(*[100] * 3, 100, None, *[100] * 5), captured_at=JANUARY))
    corrected = live(price_captures("A", closes(*[None] * 3, 99, 99.2, 99.5), captured_at=FEBRUARY))
    found = prices(pl.concat([old, corrected]), sessions(20), [])
    assert found.prices["close"].to_list() == [*[100.0] * 3, 99.0, 99.2, 99.5, *[100.0] * 4]
    assert found.rejects.is_empty()


@pytest.mark.parametrize("is_newer", [True, False])
def test_the_live_source_beside_an_adjusted_file(is_newer: bool):
    # whichever is newer: of the file only what live says too is left out, and what it alone has from then on is used
    plain = live(price_captures("A", closes(100, 100, 100, 100), captured_at=FEBRUARY))
    at = MARCH if is_newer else JANUARY
    adjusted = price_captures("A", closes(90, 95, 100, 100, 101), captured_at=at, origin="adj.csv")
    found = prices(pl.concat([plain, adjusted]), sessions(9), [])
    assert found.prices["close"].to_list() == [100.0] * 4 + [101.0]
    assert found.rejects["excerpt"].to_list() == [f"A: 2 bars from {session(0)} to {session(1)}"]


@pytest.mark.parametrize("is_newer", [True, False])
def test_the_live_source_below_a_file_is_used(is_newer: bool):
    # session 0 only live has; of the others the newer copy counts
    file = price_captures("A", closes(None, 100, 100, 100), captured_at=FEBRUARY)
    below = live(price_captures("A", closes(90, 90, 95, 100), captured_at=MARCH if is_newer else JANUARY))
    found = prices(pl.concat([file, below]), sessions(9), [])
    assert found.prices["close"].to_list() == ([90.0, 90.0, 95.0, 100.0] if is_newer else [90.0, 100.0, 100.0, 100.0])
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
