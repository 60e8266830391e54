"""Phases of derived.trend: definitions, section 3."""

import random
from itertools import pairwise

import polars as pl
import pytest
from builders import bars, session
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.transforms.phases import phases, with_phases
from pipeline.transforms.trend import trend

COLUMNS = ["phase_raw", "phase", "days_in_phase", "is_phase_confirmed"]
# close, SMA50, SMA200
ORDERINGS = {
    "bullish": (3.0, 2.0, 1.0),
    "warning": (2.0, 3.0, 1.0),
    "distribution": (1.0, 3.0, 2.0),
    "bearish": (1.0, 2.0, 3.0),
    "recovery": (2.0, 1.0, 3.0),
    "accumulation": (3.0, 1.0, 2.0),
}
BY_LETTER = {name[0]: name for name in ORDERINGS} | {"b": "bullish", "x": "bearish"}


def found(rows: list[tuple], groups: list[int] | None = None) -> pl.DataFrame:
    """Phases of one symbol from (close, SMA50, SMA200) of each session."""
    columns = ["close", "sma_50", "sma_200"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.Float64), orient="row")
    return with_phases(frame.with_columns(group=pl.Series(groups or [0] * len(rows), dtype=pl.UInt32)))


def path(letters: str, groups: list[int] | None = None) -> dict[str, list]:
    """Phases along orderings given by letter (b bullish, x bearish, else the first one); "." has no averages."""
    none = (1.0, None, None)
    rows = [none if letter == "." else ORDERINGS[BY_LETTER[letter]] for letter in letters]
    return found(rows, groups).select(COLUMNS).to_dict(as_series=False)


# --- orderings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORDERINGS)
def test_the_six_orderings(name: str):
    assert found([ORDERINGS[name]])["phase_raw"].to_list() == [name]


@pytest.mark.parametrize(
    ("close", "sma_50", "sma_200", "expected"),
    [
        (1, 1, 1, "bullish"),  # all equal
        (2, 2, 1, "bullish"),  # C = 50
        (2, 1, 1, "bullish"),  # 50 = 200
        (1, 2, 1, "warning"),  # C = 200
        (1, 2, 2, "distribution"),  # 50 = 200
        (1, 1, 2, "recovery"),  # C = 50
        (2, 1, 2, "accumulation"),  # C = 200
    ],
)
def test_a_tie_counts_as_above(close: float, sma_50: float, sma_200: float, expected: str):
    for below in (0, 5e-10):
        assert found([(close * (1 - below), sma_50, sma_200)])["phase_raw"].to_list() == [expected]
        assert found([(close, sma_50 * (1 - below), sma_200)])["phase_raw"].to_list() == [expected]


def test_two_billionths_below_is_below():
    below = 1 - 2e-9
    assert found([(2 * below, 2, 1)])["phase_raw"].to_list() == ["warning"]
    assert found([(2, 1 * below, 1)])["phase_raw"].to_list() == ["accumulation"]
    assert found([(1 * below, 2, 1)])["phase_raw"].to_list() == ["distribution"]


def test_ties_that_do_not_carry_over_are_bullish():
    # close equals SMA50 and SMA50 equals SMA200, while the close is 1.6e-9 below SMA200
    assert found([(1 - 1.6e-9, 1 - 0.8e-9, 1)])["phase_raw"].to_list() == ["bullish"]


@pytest.mark.parametrize("averages", [(None, None), (1.0, None), (None, 1.0)])
def test_without_both_averages_there_is_no_phase(averages: tuple):
    assert found([(1.0, *averages)] * 3).select(COLUMNS).rows() == [(None, None, None, None)] * 3


# --- the settled phase ----------------------------------------------------------------------------------------------


def names(letters: str) -> list[str | None]:
    return [None if letter == "." else BY_LETTER[letter] for letter in letters]


@pytest.mark.parametrize(
    ("raw", "settled", "days"),
    [
        ("b", ".", [None]),
        ("bb", ".b", [None, 1]),
        ("bbb", ".bb", [None, 1, 2]),
        ("bwbw", "....", [None] * 4),  # never two in a row
        ("bbwbwwb", ".bbbbww", [None, 1, 2, 3, 4, 1, 2]),
        ("bbwdd", ".bbbd", [None, 1, 2, 3, 1]),  # two closes below, but in different phases
        ("bbwwbb", ".bbwwb", [None, 1, 2, 1, 2, 1]),
        ("bbwbbb", ".bbbbb", [None, 1, 2, 3, 4, 5]),  # back in the phase it had: no new start
        ("xxrraabb", ".xxrraab", [None, 1, 2, 1, 2, 1, 2, 1]),
    ],
)
def test_a_phase_starts_and_changes_on_the_second_close(raw: str, settled: str, days: list):
    one = path(raw)
    assert one["phase_raw"] == names(raw)
    assert one["phase"] == names(settled)
    assert one["days_in_phase"] == days
    expected = [None if b == "." else a == b for a, b in zip(raw, settled, strict=True)]
    assert one["is_phase_confirmed"] == expected


def test_a_stretch_without_averages_ends_the_phase():
    one = path("bbb..bbb")
    assert one["phase"] == names(".bb...bb")
    assert one["days_in_phase"] == [None, 1, 2, None, None, None, 1, 2]
    assert one["is_phase_confirmed"] == [None, True, True, None, None, None, True, True]


def test_symbols_are_kept_apart():
    one = path("bbbb", [0, 0, 1, 1])
    assert one["phase"] == names(".b.b")
    assert one["days_in_phase"] == [None, 1, None, 1]


# --- from closes ----------------------------------------------------------------------------------------------------


def random_closes(seed: int, n: int = 560) -> list[float | None]:
    """Steps of 1 % around a level, so that averages stay near the close; now and then holes, the last a long one."""
    source, closes = random.Random(seed), [100.0]
    while len(closes) < n:
        closes.append(closes[-1] * (1 + source.choice([-0.01, 0, 0, 0.01])))
    holes: list[float | None] = list(closes)
    for size in (2, 7):
        start = source.randrange(n)
        holes[start:start] = [None] * size
    return holes if seed % 2 else [*holes[:260], *[None] * 11, *holes[260:]]


def expected_phases(closes: list[float | None]) -> list[tuple]:
    numbers = [i for i, close in enumerate(closes) if close is not None]
    known = [close for close in closes if close is not None]
    rows: list[tuple] = []
    phase, days, raws = None, None, [None]
    for t, close in enumerate(known):
        whole = t >= 199 and numbers[t] - numbers[t - 199] - 199 <= 10
        raw = None
        if whole:
            sma_50, sma_200 = sum(known[t - 49 : t + 1]) / 50, sum(known[t - 199 : t + 1]) / 200
            ranked = sorted(
                # of equal figures the close counts as highest, then SMA50
                [(-round(close, 9), 0, "C"), (-round(sma_50, 9), 1, "50"), (-round(sma_200, 9), 2, "200")]
            )
            raw = {
                "C 50 200": "bullish",
                "50 C 200": "warning",
                "50 200 C": "distribution",
                "200 50 C": "bearish",
                "200 C 50": "recovery",
                "C 200 50": "accumulation",
            }[" ".join(name for *_, name in ranked)]
        if raw is None:
            phase, days = None, None
        elif raw == raws[-1] and raw != phase:
            phase, days = raw, 1
        elif phase is not None:
            days += 1
        raws.append(raw)
        rows.append((raw, phase, days, None if phase is None else raw == phase))
    return rows


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9))
def test_phases_equal_plain_python(seed: int):
    closes = random_closes(seed)
    assert phases(bars("A", closes)).select(COLUMNS).rows() == expected_phases(closes)


def test_the_comparison_sees_every_phase_and_a_start_over():
    rows = [row for seed in range(6) for row in expected_phases(random_closes(seed))]
    assert {raw for raw, *_ in rows} == {None, *ORDERINGS}
    assert {phase for _, phase, *_ in rows} == {None, *ORDERINGS}
    assert any(one[0] and not two[0] for one, two in pairwise(expected_phases(random_closes(2))))


def test_trend_carries_the_same_phases():
    prices = pl.concat(bars(name, random_closes(seed)) for name, seed in (("A", 1), ("B", 2)))
    keys = ["symbol", "session_date", *COLUMNS]
    assert_frame_equal(phases(prices).select(keys), trend(prices, "SPY").select(keys))


@pytest.mark.parametrize("rows", [0, 1, 10, 200])
def test_short_histories_have_no_phase(rows: int):
    table = phases(bars("A", [10.0] * rows))
    assert table.columns == ["symbol", "session_date", *COLUMNS]
    assert table.schema["days_in_phase"] == pl.Int64
    assert table["phase"].null_count() == rows
    assert table["phase_raw"].to_list()[199:] == ["bullish"] * max(rows - 199, 0)


@pytest.mark.parametrize("cut", [0, 205, 213, 275, 480, 558])
def test_no_phase_looks_ahead(cut: int):
    prices = pl.concat(bars(name, random_closes(seed)) for name, seed in (("A", 3), ("B", 4)))
    known = pl.col("session_date") <= session(cut)
    assert_frame_equal(phases(prices.filter(known)), phases(prices).filter(known), check_exact=True)
