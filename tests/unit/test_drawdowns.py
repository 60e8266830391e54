"""derived.drawdowns: definitions, section 3."""

import datetime as dt
import random

import polars as pl
import pytest
from builders import bars, column, session
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.contracts.derived.drawdowns import Drawdowns
from pipeline.transforms.drawdowns import drawdowns
from pipeline.writing import checked

Closes = list[float | None]
DATES = ["peak_date", "trough_date", "confirmed_bear_on", "left_bear_territory_on", "new_bull_on", "recovered_on"]


def spells(closes: Closes) -> list[dict]:
    """Rows of one symbol; dates as session numbers."""
    number = {session(i): i for i in range(len(closes))} | {None: None}
    rows = drawdowns(bars("A", closes)).to_dicts()
    return [row | {name: number[row[name]] for name in DATES} for row in rows]


def dates(closes: Closes) -> list[tuple]:
    """Session numbers in the order of DATES."""
    return [tuple(row[name] for name in DATES) for row in spells(closes)]


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_bear_market_by_hand():
    # peak 100, bear level 80: reached at 80 (session 3); 84 is above it (4); lowest 60 (6), again at 60 (7), first
    # counts; 1.2 x 60 = 72 (9); recovered at 100 (11). Depth 60 / 100 - 1 = -0.4
    found = spells([90, 100, 95, 80, 84, 70, 60, 60, 71, 72, 99, 100, 101])
    assert found == [
        {
            "symbol": "A",
            "peak_date": 1,
            "peak_close": 100.0,
            "bear_level": 80.0,
            "trough_date": 6,
            "depth": pytest.approx(-0.4),
            "confirmed_bear_on": 3,
            "left_bear_territory_on": 4,
            "new_bull_on": 9,
            "recovered_on": 11,
            "is_open": False,
        }
    ]


def test_a_correction_has_no_bear_dates():
    # 85 / 100 - 1 = -0.15, above the bear level of 80
    found = spells([100, 85, 100])
    assert dates([100, 85, 100]) == [(0, 1, None, None, None, 2)]
    assert found[0]["depth"] == pytest.approx(-0.15)


def test_several_spells_and_no_row_for_inner_falls():
    # 100 -> 88 -> 100: one spell. 120 -> 90 -> 110 -> 95 -> 125: one spell with its low at 90; the fall from 110 to
    # 95 (-13.6 %) begins below the peak. 125 -> 120: -4 % is none. Bear level of 120 is 96: 90 confirms, 110 leaves,
    # and 110 >= 1.2 x 90 = 108
    closes = [100, 88, 100, 120, 90, 110, 95, 125, 120, 126]
    assert dates(closes) == [(0, 1, None, None, None, 2), (3, 4, 4, 5, 5, 7)]


@pytest.mark.parametrize(
    ("low", "is_published"), [(90.0, True), (90 * (1 + 5e-10), True), (90 * (1 + 2e-9), False), (90.1, False)]
)
def test_a_spell_reaches_ten_percent(low: float, is_published: bool):
    assert (len(spells([100, low, 100])) == 1) == is_published


@pytest.mark.parametrize(
    ("low", "is_bear"), [(80.0, True), (80 * (1 + 5e-10), True), (80 * (1 + 2e-9), False), (80.1, False)]
)
def test_the_bear_level_itself_confirms(low: float, is_bear: bool):
    # the close after it, 81, is above the level; 96 = 1.2 x 80
    low_then = (1, 2, 3, 4) if is_bear else (None, None, None, 4)
    confirmed, left, new_bull, recovered = low_then
    assert dates([100, low, 81, 97, 100]) == [(0, 1, confirmed, left, new_bull, recovered)]


def test_a_close_at_the_bear_level_has_not_left_the_territory():
    assert dates([100, 79, 80, 80 * (1 + 5e-10), 80.5, 100])[0][3] == 4


@pytest.mark.parametrize(("high", "new_bull"), [(72.0, 2), (72 * (1 - 5e-10), 2), (72 * (1 - 2e-9), 3), (71.9, 3)])
def test_a_fifth_above_the_low_is_a_new_bull(high: float, new_bull: int):
    # lowest 60: 72
    assert dates([100, 60, high, 90, 100])[0][4] == new_bull


def test_only_the_first_leaving_counts():
    # below 80 at 1, above at 2, below again at 3 with a lower low, above at 4: the first leaving stays
    assert dates([100, 78, 82, 75, 85, 100]) == [(0, 3, 1, 2, 5, 5)]


def test_a_rise_of_a_fifth_before_the_confirmation_is_none():
    # the low of 80.5 is followed by 97 (1.205 times) before a close of 80 or less; then 70: 84 is 1.2 times
    assert dates([100, 80.5, 97, 70, 83, 84, 100]) == [(0, 3, 3, 4, 5, 6)]


def test_a_new_bull_may_come_before_a_lower_low():
    # 60 -> 72 is a new bull (2); the lower low of 50 (3) belongs to the same spell
    assert dates([100, 60, 72, 50, 100]) == [(0, 3, 1, 4, 2, 4)]


def test_the_recovery_itself_leaves_the_territory_and_starts_the_bull():
    # nothing between 70 and 100: the first close above 80, and above 84, is the recovery
    assert dates([100, 70, 100]) == [(0, 1, 1, 2, 2, 2)]


@pytest.mark.parametrize(("high", "peak"), [(100.0, 3), (100 * (1 - 5e-10), 3), (100 * (1 - 2e-9), 0), (99.0, 0)])
def test_a_close_equal_to_the_peak_recovers_it(high: float, peak: int):
    found = dates([100, 95, 97, high, 85])
    assert found == [(peak, 4, None, None, None, None)]


def test_equality_ends_one_spell_and_starts_the_next():
    assert dates([100, 88, 100, 87, 100]) == [(0, 1, None, None, None, 2), (2, 3, None, None, None, 4)]


def test_the_peak_is_the_running_maximum_and_does_not_drift():
    # two closes, each 0.6e-9 below the one before: the second is 1.2e-9 below the maximum and no longer at it
    once, twice = 100 * (1 - 6e-10), 100 * (1 - 12e-10)
    found = spells([100, once, twice, 85])
    assert (found[0]["peak_date"], found[0]["peak_close"]) == (1, 100.0)


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([100, 85], (0, 1, None, None, None, None)),
        ([100, 79], (0, 1, 1, None, None, None)),
        ([100, 79, 81], (0, 1, 1, 2, None, None)),
        ([100, 79, 81, 78, 95], (0, 3, 1, 2, 4, None)),
        ([100, 79, 81, 78, 95, 60], (0, 5, 1, 2, 4, None)),
    ],
)
def test_an_open_spell_shows_the_state_so_far(closes: list[float], expected: tuple):
    assert dates(closes) == [expected]
    found = spells(closes)[0]
    assert found["is_open"] is True and found["depth"] == pytest.approx(min(closes) / 100 - 1)


# --- edges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closes", [[], [100.0], [100.0 + i for i in range(10)], [7.3] * 300])
def test_no_fall_has_no_row(closes: Closes):
    table = drawdowns(bars("A", closes))
    assert table.is_empty()
    checked("derived.drawdowns", table, Drawdowns)


def test_a_year_without_bars_changes_nothing():
    gap: Closes = [None] * 252
    closes: Closes = [100, 79, *gap, 81, 97, *gap, 100]
    assert dates(closes) == [(0, 1, 1, 254, 255, 508)]


def test_symbols_are_kept_apart():
    # B begins below the last close of A and above its open spell's peak: neither recovers the other
    table = drawdowns(pl.concat([bars("A", [100, 50]), bars("B", [200, 150, 210]), bars("C", [10, 9])]))
    assert table.select("symbol", "peak_close", "is_open").rows() == [
        ("A", 100.0, True),
        ("B", 200.0, False),
        ("C", 10.0, True),
    ]
    assert column(table, "left_bear_territory_on", symbol="A") == [None]


# --- properties -----------------------------------------------------------------------------------------------------


def brute_force(closes: Closes) -> list[tuple]:
    """One session after the other, as one would keep a diary: (*DATES, peak, depth)."""
    rows: list[tuple] = []
    present = [(i, close) for i, close in enumerate(closes) if close is not None]
    if not present:
        return rows
    peak_at, peak = present[0]
    low_at = confirmed = left = bull = None
    low = peak
    for i, close in present[1:]:
        recovers = close >= peak * (1 - 1e-9)
        if close < low:
            low_at, low = i, close
        if confirmed is None and close <= 0.8 * peak * (1 + 1e-9):
            confirmed = i
        elif confirmed is not None:
            if left is None and close > 0.8 * peak * (1 + 1e-9):
                left = i
            if bull is None and close >= 1.2 * low * (1 - 1e-9):
                bull = i
        if recovers:
            if low <= 0.9 * peak * (1 + 1e-9):
                rows.append((peak_at, low_at, confirmed, left, bull, i, peak, low / peak - 1))
            peak_at, peak = i, max(peak, close)
            low_at = confirmed = left = bull = None
            low = peak
    if low <= 0.9 * peak * (1 + 1e-9):
        rows.append((peak_at, low_at, confirmed, left, bull, None, peak, low / peak - 1))
    return rows


def random_series(seed: int) -> Closes:
    """Whole numbers around 100, so that levels are often met exactly, with noise around 1e-9 and holes."""
    source = random.Random(seed)
    closes: Closes = []
    level = 100
    for _ in range(source.randint(1, 120)):
        if source.random() < 0.05:
            closes.extend([None] * source.choice([1, 12, 60]))
        level = max(20, level + source.choice([-20, -10, -5, 0, 0, 4, 5, 10, 16]))
        closes.append(level * (1 + source.choice([0, 0, 0, 4e-10, -4e-10, 3e-9, -3e-9])))
    return closes


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_drawdowns_equal_brute_force(seed: int):
    closes = random_series(seed)
    found = [(*(row[name] for name in DATES), row["peak_close"], row["depth"]) for row in spells(closes)]
    assert found == brute_force(closes)
    assert all(row["is_open"] == (row["recovered_on"] is None) for row in spells(closes))


def test_random_series_have_every_kind_of_spell():
    every = [row for seed in range(100) for row in brute_force(random_series(seed))]
    assert sum(row[5] is None for row in every) > 20  # open
    assert sum(row[2] is None for row in every) > 20  # no bear
    assert sum(None not in row and row[3] < row[4] < row[5] for row in every) > 20


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9), st.floats(0.1, 100))
def test_scaling_changes_no_date(seed: int, factor: float):
    source = random.Random(seed)
    closes: Closes = [100.0]
    for _ in range(200):
        closes.append(closes[-1] * (1 + source.gauss(0, 0.03)))
    assert dates([x * factor for x in closes]) == dates(closes)


@pytest.mark.parametrize("seed", range(5))
def test_a_build_up_to_a_day_is_the_full_build_up_to_it(seed: int):
    prices = pl.concat(bars(name, random_series(10 * seed + i)) for i, name in enumerate("ABC"))
    full = drawdowns(prices)
    for day in sorted(set(prices["session_date"].to_list()))[::7]:
        then = drawdowns(prices.filter(pl.col("session_date") <= day))
        assert_frame_equal(
            then.filter(~pl.col("is_open")), full.filter(pl.col("recovered_on") <= day), check_exact=True
        )
        assert_frame_equal(then.filter("is_open"), open_at(full, day, then), check_exact=True)


def open_at(full: pl.DataFrame, day: dt.date, then: pl.DataFrame) -> pl.DataFrame:
    """The full build's spells that were open that day, dates after it unknown; low and depth are those of `then`."""
    later = [pl.when(pl.col(name) <= day).then(pl.col(name)) for name in DATES[2:]]
    was_open = pl.col("recovered_on").is_null() | (pl.col("recovered_on") > day)
    low = then.select("symbol", "peak_date", "trough_date", "depth")
    return (
        full.filter(was_open)
        .with_columns(*later, is_open=pl.lit(True))
        .drop("trough_date", "depth")
        .join(low, on=["symbol", "peak_date"], maintain_order="left")
        .select(then.columns)
    )


def test_the_table_meets_its_contract():
    table = drawdowns(pl.concat(bars(name, random_series(i)) for i, name in enumerate("ABCDEFGH")))
    checked("derived.drawdowns", table, Drawdowns)
    key = table.select("symbol", "peak_date")
    assert key.rows() == sorted(key.rows())
    assert table.columns == list(Drawdowns.column_names())
