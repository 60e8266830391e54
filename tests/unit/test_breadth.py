"""derived.breadth: definitions, section 7."""

import datetime as dt
import random
from statistics import fmean

import polars as pl
import pytest
from builders import bars, column, session
from polars.testing import assert_frame_equal

from pipeline.config import Universe
from pipeline.contracts.derived.breadth import Breadth
from pipeline.transforms.breadth import breadth
from pipeline.writing import checked

Closes = list[float | None]
Market = dict[str, Closes]
VERSION = dt.date(2026, 11, 21)


def universe(name: str, *symbols: str) -> Universe:
    return Universe(universe=name, version=VERSION, symbols=symbols)


def core_prices(market: Market) -> pl.DataFrame:
    return pl.concat(bars(symbol, market[symbol]) for symbol in sorted(market))


def of(market: Market, *symbols: str) -> pl.DataFrame:
    """Breadth of one universe (all symbols, unless named); the ratio is E over L where they have bars."""
    listed = symbols or tuple(sorted(market))
    return breadth(core_prices(market), [universe("u", *listed)], "E", "L")


def at(table: pl.DataFrame, number: int) -> dict:
    return table.row(by_predicate=pl.col("session_date") == session(number), named=True)


# --- members, averages, advancers ------------------------------------------------------------------------------------


def test_shares_by_hand():
    # the 200th close: A 110 against means of (49 x 100 + 110) / 50 = 100.2 and 100.05: above both;
    # B 90 against 99.8 and 99.95: below both; C 100, equal to both: above; D has 199 closes: no member
    flat: Closes = [100.0] * 199
    table = of({"A": [*flat, 110.0], "B": [*flat, 90.0], "C": [*flat, 100.0], "D": [None, *flat]})
    assert table.height == 1
    assert table.row(0, named=True) == {
        "universe": "u",
        "session_date": session(199),
        "universe_version": VERSION,
        "members": 3,
        "pct_above_sma50": pytest.approx(200 / 3),
        "pct_above_sma200": pytest.approx(200 / 3),
        "pct_at_high_252": None,
        "advancers": 1,
        "decliners": 1,
        "rsp_spy_change_20d": None,
        "is_broadening": None,
    }


def test_the_two_averages_differ():
    # 150 closes of 100, 49 of 50, then 60: SMA50 = (49 x 50 + 60) / 50 = 50.2 below it, SMA200 = 87.55 above it
    found = of({"A": [*[100.0] * 150, *[50.0] * 49, 60.0]}).row(0, named=True)
    assert (found["pct_above_sma50"], found["pct_above_sma200"]) == (100, 0)


@pytest.mark.parametrize(("move", "advances", "declines"), [(9e-7, 0, 0), (-9e-7, 0, 0), (2e-6, 1, 0), (-2e-6, 0, 1)])
def test_a_return_within_a_millionth_of_zero_is_neither(move: float, advances: int, declines: int):
    found = of({"A": [*[100.0] * 199, 100 * (1 + move)]}).row(0, named=True)
    assert (found["advancers"], found["decliners"]) == (advances, declines)


@pytest.mark.parametrize(("below", "share"), [(0.5e-9, 100), (2e-9, 0)])
def test_a_close_within_a_billionth_of_its_average_is_above(below: float, share: float):
    found = of({"A": [*[100.0] * 199, 100 * (1 - below)]}).row(0, named=True)
    assert (found["pct_above_sma50"], found["pct_above_sma200"]) == (share, share)


def test_only_symbols_with_a_bar_today_are_members():
    flat: Closes = [100.0] * 200
    table = of({"A": [*flat, None, 101.0], "B": [*flat, 100.0, 100.0]})
    assert column(table, "members") == [2, 1, 2]
    assert column(table, "advancers") == [0, 0, 1]


@pytest.mark.parametrize(("missing", "members"), [(10, 1), (11, 0)])
def test_a_broken_window_of_200_closes_is_no_member(missing: int, members: int):
    # 100 closes, a hole, 100 closes: the 200th is a member's only if no more than ten sessions are missing
    table = of({"A": [*[100.0] * 100, *[None] * missing, *[100.0] * 100]})
    assert table.height == members


def test_after_a_gap_of_a_year_a_symbol_is_a_member_again_with_its_200th_close():
    table = of({"A": [*[100.0] * 200, *[None] * 252, *[100.0] * 200]})
    assert table["session_date"].to_list() == [session(199), session(651)]


# --- highs -----------------------------------------------------------------------------------------------------------


def test_highs_count_among_the_members_with_252_closes():
    # A's 252nd close equals its highest (of session 0), B's is below it, C has 251 closes
    a: Closes = [120.0, *[100.0] * 250, 120.0]
    b: Closes = [121.0, *[100.0] * 250, 120.0]
    c: Closes = [None, *[100.0] * 250, 120.0]
    table = of({"A": a, "B": b, "C": c})
    assert at(table, 250)["pct_at_high_252"] is None
    assert (at(table, 251)["members"], at(table, 251)["pct_at_high_252"]) == (3, 50)


def test_a_high_looks_back_252_closes_and_no_further():
    # 130 on session 0 is the 253rd close back from session 252, where 110 is the highest of the rest
    table = of({"A": [130.0, *[100.0] * 251, 110.0]})
    assert [at(table, n)["pct_at_high_252"] for n in (250, 251, 252)] == [None, 0, 100]


@pytest.mark.parametrize(("missing", "share"), [(10, 100), (11, None)])
def test_a_broken_window_of_252_closes_counts_for_no_high(missing: int, share: float | None):
    # the hole lies after the 20th of 252 closes: the last 200 are unbroken
    found = of({"A": [*[100.0] * 20, *[None] * missing, *[100.0] * 232]}).tail(1).row(0, named=True)
    assert (found["members"], found["pct_at_high_252"]) == (1, share)


# --- broadening ------------------------------------------------------------------------------------------------------


def broadening(ratio: float, before: float, now: float) -> dict:
    """The 220th session: E/L has changed by `ratio` over 20 sessions; A closed at `before` then, at `now` today."""
    a: Closes = [*[100.0] * 199, before, *[100.0] * 19, now]
    e: Closes = [*[50.0] * 200, *[50.0 * (1 + ratio)] * 20]
    return at(of({"A": a, "E": e, "L": [200.0] * 220}, "A"), 219)


@pytest.mark.parametrize(
    ("ratio", "before", "now", "is_broadening"),
    [
        (0.02, 90.0, 110.0, True),  # from below its mean to above it
        (0.02, 110.0, 110.0, False),  # as many as before
        (0.02, 110.0, 90.0, False),
        (-0.02, 90.0, 110.0, False),
        (9e-7, 90.0, 110.0, False),  # noise is no rise
        (2e-6, 90.0, 110.0, True),
    ],
)
def test_broadening_by_hand(ratio: float, before: float, now: float, is_broadening: bool):
    found = broadening(ratio, before, now)
    assert found["rsp_spy_change_20d"] == pytest.approx(ratio, abs=1e-12)
    assert found["is_broadening"] is is_broadening


def test_the_ratio_is_that_of_prices_on_common_sessions():
    # E has no bar on session 230: 20 common sessions back from 240 is 219, 21 sessions; 99 / 200 over 100 / 200
    e: Closes = [*[100.0] * 230, None, *[99.0] * 10]
    l_closes: Closes = [200.0] * 241
    prices = pl.concat([bars("E", e, dividends={235: 50.0}), bars("L", l_closes)])
    table = breadth(prices, [universe("u", "L")], "E", "L")
    assert at(table, 230)["rsp_spy_change_20d"] is None
    assert at(table, 240)["rsp_spy_change_20d"] == pytest.approx(-0.01)
    e[219] = 90.0
    assert at(of({"E": e, "L": l_closes}, "L"), 240)["rsp_spy_change_20d"] == pytest.approx(0.1)


def test_nothing_known_of_either_leaves_broadening_unknown():
    flat: Closes = [100.0] * 240
    falling: Closes = [100.0 * 0.999**i for i in range(240)]
    # the ratio falls, which alone would say no; but before the 220th session nothing is known of 20 sessions earlier
    table = of({"A": flat, "E": falling, "L": flat}, "A")
    assert column(table, "is_broadening") == [None] * 20 + [False] * 21
    # the share does not rise, which alone would say no; but without E there is no ratio
    assert column(of({"A": flat, "L": flat}, "A"), "is_broadening") == [None] * 41


@pytest.mark.parametrize(("missing", "is_known"), [(10, True), (11, False)])
def test_twenty_sessions_earlier_is_under_the_gap_rule_of_the_universe(missing: int, is_known: bool):
    # A ends with session 219; B is a member from session 220 + missing, its 200th: between them the universe has no
    # row, and 20 rows back from B's first is session 200, when A was below its mean
    a: Closes = [*[100.0] * 200, *[90.0] * 20]
    b: Closes = [*[None] * (missing + 21), *[100.0] * 200]
    both: Closes = [100.0] * len(b)
    e: Closes = [50.0 * 1.001**i for i in range(len(b))]
    found = at(of({"A": a, "B": b, "E": e, "L": both}, "A", "B"), len(b) - 1)
    assert found["rsp_spy_change_20d"] == pytest.approx(1.001**20 - 1)
    assert found["is_broadening"] is (True if is_known else None)


# --- universes -------------------------------------------------------------------------------------------------------


def test_a_symbol_may_be_in_several_universes():
    flat: Closes = [100.0] * 199
    prices = core_prices({"A": [*flat, 110.0], "B": [*flat, 90.0], "X": [*flat, 95.0]})
    table = breadth(prices, [universe("two", "B", "A"), universe("one", "A"), universe("none", "Q")], "E", "L")
    assert table.select("universe", "members", "advancers").rows() == [("one", 1, 1), ("two", 2, 1)]


def test_universes_do_not_touch_each_other():
    prices = core_prices(random_market())
    lists = [universe("a", "A", "D"), universe("b", "B", "C", "D"), universe("c", "C")]
    together = breadth(prices, lists, "E", "L")
    assert_frame_equal(together, pl.concat(breadth(prices, [one], "E", "L") for one in lists), check_exact=True)


def test_empty_input_gives_an_empty_table():
    some = core_prices({"A": [100.0] * 250})
    full = of({"A": [100.0] * 250})
    for prices, universes in ((some.clear(), [universe("u", "A")]), (some, []), (some.clear(), [])):
        table = breadth(prices, universes, "E", "L")
        assert table.is_empty()
        assert table.schema == full.schema


@pytest.mark.parametrize("rows", [1, 10, 199])
def test_short_histories_have_no_rows(rows: int):
    assert checked("derived.breadth", of({"A": [100.0] * rows}), Breadth).is_empty()


# --- against plain Python -------------------------------------------------------------------------------------------


def walk(source: random.Random, n: int, start: int, holes: set[int]) -> Closes:
    level, closes = 100.0, []
    for number in range(n):
        level *= 1 + source.gauss(0, 0.01)
        closes.append(None if number < start or number in holes else round(level, 2))
    return closes


def random_market() -> Market:
    source, n = random.Random(7), 620
    market = {name: walk(source, n, 0, {source.randrange(n) for _ in range(5)}) for name in "ABEL"}
    market["C"] = walk(source, n, 120, set())
    market["D"] = walk(source, n, 0, set(range(300, 315)))  # broken by fifteen sessions
    return market


def window(closes: Closes, t: int, n: int) -> list[float] | None:
    """The last n closes up to session t where there is a bar, unless more than ten sessions are missing."""
    numbers = [i for i in range(t + 1) if closes[i] is not None][-n:]
    if closes[t] is None or len(numbers) < n or numbers[-1] - numbers[0] > n - 1 + 10:
        return None
    return [closes[i] for i in numbers]


def brute_row(market: Market, symbols: str, t: int) -> dict | None:
    members = [market[name] for name in symbols if window(market[name], t, 200)]
    if not members:
        return None
    above = {n: [closes[t] >= fmean(window(closes, t, n)) * (1 - 1e-9) for closes in members] for n in (50, 200)}
    years = [year for closes in members if (year := window(closes, t, 252))]
    moves = [pair[1] / pair[0] - 1 for closes in members if (pair := window(closes, t, 2))]
    legs = zip(market["E"], market["L"], strict=True)
    ratio = window([None if e is None or b is None else e / b for e, b in legs], t, 21)
    return {
        "universe": "u",
        "session_date": session(t),
        "universe_version": VERSION,
        "members": len(members),
        "pct_above_sma50": 100 * sum(above[50]) / len(members),
        "pct_above_sma200": 100 * sum(above[200]) / len(members),
        "pct_at_high_252": 100 * sum(year[-1] == max(year) for year in years) / len(years) if years else None,
        "advancers": sum(move > 1e-6 for move in moves),
        "decliners": sum(move < -1e-6 for move in moves),
        "rsp_spy_change_20d": ratio[-1] / ratio[0] - 1 if ratio else None,
    }


def brute(market: Market, symbols: str) -> list[dict]:
    rows = [row for t in range(len(market["A"])) if (row := brute_row(market, symbols, t))]
    for i, row in enumerate(rows):
        change, earlier = row["rsp_spy_change_20d"], rows[i - 20]["pct_above_sma50"] if i >= 20 else None
        known = change is not None and earlier is not None
        row["is_broadening"] = (change > 1e-6 and row["pct_above_sma50"] > earlier) if known else None
    return rows


def test_random_series_equal_a_plain_loop():
    market = random_market()
    expected, table = brute(market, "ABCDEL"), of(market)
    assert len(expected) == table.height > 400
    for row, one in zip(table.iter_rows(named=True), expected, strict=True):
        assert row == {name: pytest.approx(v, rel=1e-9) if isinstance(v, float) else v for name, v in one.items()}
    assert {*column(table, "is_broadening")} == {None, True, False}
    assert table["members"].n_unique() > 3
    assert table["pct_at_high_252"].n_unique() > 3


@pytest.mark.parametrize("cut", [199, 200, 251, 299, 314, 330, 480, 618])
def test_a_build_on_data_up_to_a_session_is_the_full_build_cut_there(cut: int):
    market = random_market()
    full = of(market).filter(pl.col("session_date") <= session(cut))
    known = {name: closes[: cut + 1] for name, closes in market.items()}
    assert_frame_equal(of(known), full, check_exact=True)


def test_a_split_changes_nothing():
    market = random_market()
    halved = {**market, "A": [None if close is None else close / 2 for close in market["A"]]}
    assert_frame_equal(of(halved), of(market), check_exact=True)


def test_the_table_keeps_its_contract():
    table = checked("derived.breadth", of(random_market()), Breadth)
    assert table.columns == Breadth.column_names()
    assert not any((spec.metadata or {}).get("repaints") for spec in Breadth.columns().values())
