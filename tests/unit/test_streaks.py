"""derived.streak_events: definitions, section 2."""

import random
from itertools import pairwise, product

import polars as pl
import pytest
from builders import bars, column, session
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import config
from pipeline.config import StreakRule
from pipeline.transforms.streaks import streak_events

RULES = config.load().rules.streak_rules
UP = StreakRule(rule="up", above=0)
DOWN = StreakRule(rule="down", below=0)
UP_1PCT = StreakRule(rule="up_1pct", above=0.01)
DOWN_1PCT = StreakRule(rule="down_1pct", below=-0.01)


def prices_of(moves: list[float], start: float = 100.0) -> pl.DataFrame:
    """Bars whose daily returns are these, after a first bar without one."""
    closes = [start]
    for move in moves:
        closes.append(closes[-1] * (1 + move))
    return bars("A", closes)


def streaks(moves: list[float], rule: StreakRule = UP, misses: int = 0) -> pl.DataFrame:
    table = streak_events(prices_of(moves), [rule])
    return table.filter((pl.col("basis") == "price") & (pl.col("allowed_misses") == misses))


def spans(pattern: str, misses: int) -> list[tuple[int, int]]:
    """First and last session of the streaks of a pattern such as HMHH; its first letter is session 1."""
    found = streaks([0.02 if letter == "H" else -0.02 for letter in pattern], misses=misses)
    number = {session(i): i for i in range(len(pattern) + 1)}
    return [(number[a], number[b]) for a, b in found.select("start_date", "end_date").iter_rows()]


def test_the_default_rules_are_the_four_of_the_definitions():
    assert RULES == (UP, DOWN, UP_1PCT, DOWN_1PCT)


def test_a_streak_by_hand():
    # closes 100, 99, 100.98 (+2 %), 104.0094 (+3 %), 102.969306 (-1 %): from 99 to 104.0094 is 1.02 x 1.03 - 1
    found = streaks([-0.01, 0.02, 0.03, -0.01]).to_dicts()
    assert len(found) == 1
    one = found[0]
    assert (one["start_date"], one["end_date"]) == (session(2), session(3))
    assert (one["hits"], one["sessions"]) == (2, 2)
    assert one["cum_return"] == pytest.approx(0.0506)
    assert (one["max_ret_1d"], one["min_ret_1d"]) == (pytest.approx(0.03), pytest.approx(0.02))
    assert (one["confirmed_on"], one["is_open"]) == (session(4), False)


def test_a_streak_with_a_miss_by_hand():
    # +2 %, -3 %, +4 %: 1.02 x .97 x 1.04 - 1 = .028976; the miss counts for sessions, return and the smallest return
    found = streaks([-0.01, 0.02, -0.03, 0.04, -0.01], misses=1).to_dicts()
    assert len(found) == 1
    one = found[0]
    assert (one["start_date"], one["end_date"]) == (session(2), session(4))
    assert (one["hits"], one["sessions"]) == (2, 3)
    assert one["cum_return"] == pytest.approx(0.028976)
    assert (one["max_ret_1d"], one["min_ret_1d"]) == (pytest.approx(0.04), pytest.approx(-0.03))
    assert one["confirmed_on"] == session(5)


def test_the_largest_return_may_be_a_miss_for_a_falling_rule():
    found = streaks([-0.02, 0.05, -0.03, 0.01, 0.01], DOWN, misses=1).to_dicts()
    assert (found[0]["max_ret_1d"], found[0]["min_ret_1d"]) == (pytest.approx(0.05), pytest.approx(-0.03))


@pytest.mark.parametrize(
    ("pattern", "without", "with_one"),
    [
        ("HMHMH", [], [(1, 3), (3, 5)]),  # two windows that overlap
        ("HHMMHH", [(1, 2), (5, 6)], [(1, 2), (5, 6)]),
        ("HHMHH", [(1, 2), (4, 5)], [(1, 5)]),
        ("HHMHMHH", [(1, 2), (6, 7)], [(1, 4), (4, 7)]),
        ("MHHHM", [(2, 4)], [(2, 4)]),
        ("HMMHMMH", [], []),  # one hit alone is no streak
        ("H", [], []),
        ("MMMM", [], []),
        ("HHHHHH", [(1, 6)], [(1, 6)]),
    ],
)
def test_windows(pattern: str, without: list, with_one: list):
    assert spans(pattern, 0) == without
    assert spans(pattern, 1) == with_one


@pytest.mark.parametrize(
    ("tail", "confirmed", "confirmed_with_a_miss"),
    [
        ("", None, None),
        ("M", 3, None),  # without misses allowed the next session tells; with one, a hit could still follow
        ("MM", 3, 4),
        ("MMM", 3, 4),
    ],
)
def test_when_an_end_is_confirmed(tail: str, confirmed: int | None, confirmed_with_a_miss: int | None):
    moves = [0.02 if letter == "H" else -0.02 for letter in "HH" + tail]
    for misses, expected in ((0, confirmed), (1, confirmed_with_a_miss)):
        found = streaks(moves, misses=misses).row(0, named=True)
        assert found["confirmed_on"] == (session(expected) if expected else None)
        assert found["is_open"] == (expected is None)


def test_a_used_miss_confirms_with_the_next_session():
    # H M H then one miss: u = 1, so the first session after the end is enough
    found = streaks([0.02, -0.02, 0.02, -0.02], misses=1).row(0, named=True)
    assert found["confirmed_on"] == session(4)


@pytest.mark.parametrize(
    ("move", "is_up", "is_down"),
    [(5e-7, False, False), (-5e-7, False, False), (0.0, False, False), (2e-6, True, False), (-2e-6, False, True)],
)
def test_a_return_within_a_millionth_of_zero_is_zero(move: float, is_up: bool, is_down: bool):
    assert (streaks([move, move], UP).height == 1) == is_up
    assert (streaks([move, move], DOWN).height == 1) == is_down


def test_thresholds_are_strict():
    # a quarter is exact in binary, unlike 0.01
    exact = StreakRule(rule="exact", above=0.25)
    below = StreakRule(rule="below", below=-0.25)
    assert streaks([0.25, 0.25], exact).is_empty()
    assert streaks([0.25 + 1e-9, 0.25 + 1e-9], exact).height == 1
    assert streaks([-0.25, -0.25], below).is_empty()
    assert streaks([-0.25 - 1e-9, -0.25 - 1e-9], below).height == 1


@pytest.mark.parametrize(("move", "hits"), [(0.0099999, 0), (0.0100001, 2), (-0.0099999, 0), (-0.0100001, 2)])
def test_one_percent_is_compared_unrounded(move: float, hits: int):
    assert sum(streaks([move, move], UP_1PCT if move > 0 else DOWN_1PCT)["hits"]) == hits


def test_a_gap_is_a_miss():
    # from session 1 to session 13 eleven are missing: that return is NULL
    closes = [100.0, 102.0, *[None] * 11, 104.0, 106.0, 108.0]
    found = streak_events(bars("A", closes), [UP]).filter(
        (pl.col("basis") == "price") & (pl.col("allowed_misses") == 0)
    )
    assert found.select("start_date", "hits").rows() == [(session(14), 2)]


def test_ten_missing_sessions_break_no_streak():
    closes = [100.0, 102.0, *[None] * 10, 104.0, 106.0]
    found = streak_events(bars("A", closes), [UP]).filter(
        (pl.col("basis") == "price") & (pl.col("allowed_misses") == 0)
    )
    assert found.select("start_date", "end_date", "hits", "sessions").rows() == [(session(1), session(13), 3, 3)]


@pytest.mark.parametrize("closes", [[], [100.0], [100.0, 101.0], [7.3] * 10])
def test_no_streak_in_short_or_constant_prices(closes: list[float]):
    assert streak_events(bars("A", closes), RULES).is_empty()


def test_symbols_and_bases_are_kept_apart():
    # A pays 3 on session 2, where its price falls by 1: a hit on the total basis only
    a = bars("A", [100.0, 101.0, 100.0], dividends={2: 3.0})
    table = streak_events(pl.concat([a, bars("B", [1.0, 2.0, 3.0])]), [UP]).filter(pl.col("allowed_misses") == 0)
    assert table.select("symbol", "basis", "hits").rows() == [("A", "total", 2), ("B", "price", 2), ("B", "total", 2)]


# --- brute force ----------------------------------------------------------------------------------------------------


def brute_force(closes: list[float | None], rule: str, allowed: int) -> list[dict]:
    """Every window that starts and ends on a hit with few enough misses, less those inside a larger one."""
    present = [(number, close) for number, close in enumerate(closes) if close is not None]
    rets: list[float | None] = [None]
    for (n0, c0), (n1, c1) in pairwise(present):
        rets.append(None if n1 - n0 > 11 else c1 / c0 - 1)
    test = {
        "up": lambda r: r > 1e-6,
        "down": lambda r: r < -1e-6,
        "up_1pct": lambda r: r > 0.01,
        "down_1pct": lambda r: r < -0.01,
    }[rule]
    hits = [r is not None and test(r) for r in rets]
    windows = [
        (i, j)
        for i in range(len(hits))
        for j in range(i, len(hits))
        if hits[i] and hits[j] and (j - i + 1) - sum(hits[i : j + 1]) <= allowed
    ]
    rows = []
    for i, j in windows:
        inside_larger = any(a <= i and j <= b and (a, b) != (i, j) for a, b in windows)
        count = sum(hits[i : j + 1])
        if inside_larger or count < 2:
            continue
        used = (j - i + 1) - count
        confirmed = j + allowed - used + 1
        known = [r for r in rets[i : j + 1] if r is not None]
        missing = present[j][0] - present[i - 1][0] - (j - i + 1)
        rows.append(
            {
                "start_date": session(present[i][0]),
                "end_date": session(present[j][0]),
                "hits": count,
                "sessions": j - i + 1,
                "cum_return": pytest.approx(present[j][1] / present[i - 1][1] - 1, abs=1e-12)
                if missing <= 10
                else None,
                "max_ret_1d": pytest.approx(max(known), abs=1e-12),
                "min_ret_1d": pytest.approx(min(known), abs=1e-12),
                "confirmed_on": session(present[confirmed][0]) if confirmed < len(present) else None,
                "is_open": confirmed >= len(present),
            }
        )
    return rows


def random_series(seed: int) -> list[float | None]:
    """Coarse steps, so that ties and exact misses are common, and holes of 1 to 12 sessions."""
    source = random.Random(seed)
    closes: list[float | None] = [100.0]
    last = 100.0
    for _ in range(source.randint(1, 60)):
        if source.random() < 0.06:
            closes.extend([None] * source.choice([1, 2, 10, 11, 12]))
        last *= 1 + source.choice([-0.02, -0.005, -5e-7, 0.0, 0.0, 5e-7, 0.005, 0.01, 0.02, 0.02])
        closes.append(last)
    return closes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_streaks_equal_brute_force(seed: int):
    series = {"A": random_series(seed), "B": random_series(seed + 1)}
    table = streak_events(pl.concat(bars(*one) for one in series.items()), RULES).filter(pl.col("basis") == "price")
    for (symbol, closes), rule, misses in product(series.items(), RULES, (0, 1)):
        found = table.filter(
            pl.col("symbol") == symbol, pl.col("rule") == rule.rule, pl.col("allowed_misses") == misses
        )
        expected = brute_force(closes, rule.rule, misses)
        assert found.select(*expected[0]).to_dicts() == expected if expected else found.is_empty()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9), st.floats(0.1, 100))
def test_scaling_a_price_series_changes_no_streak(seed: int, factor: float):
    source = random.Random(seed)
    moves = [source.gauss(0, 0.02) for _ in range(60)]
    keys = ["rule", "allowed_misses", "start_date", "end_date", "hits", "confirmed_on"]
    one, other = (streak_events(prices_of(moves, start), RULES).select(keys) for start in (100.0, 100.0 * factor))
    assert one.rows() == other.rows()


def test_the_rows_are_sorted_by_key_and_the_key_is_unique():
    source = random.Random(3)
    table = streak_events(prices_of([source.gauss(0, 0.02) for _ in range(200)]), RULES)
    key = table.select("symbol", "basis", "rule", "allowed_misses", "start_date", "end_date")
    assert key.rows() == sorted(key.rows())
    assert not key.is_duplicated().any()
    assert column(table, "hits") != []
