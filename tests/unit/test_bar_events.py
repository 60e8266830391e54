"""derived.bar_events: definitions, section 2."""

import random

import polars as pl
import pytest
from builders import bars, session
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.contracts.derived.bar_events import BarEvents
from pipeline.transforms.bar_events import bar_events
from pipeline.writing import checked

GAPS = ["is_gap_up", "is_gap_down", "is_partial_gap_up", "is_partial_gap_down"]
DAYS = ["is_outside_day", "is_negative_outside_day", "is_positive_outside_day", "is_inside_day"]
CALM = (100.5, 110.0, 90.0, 100.0)  # open, high, low, close: nothing happens after another of them, the open is its own
WARM_UP = [CALM] * 21  # so many until the opens are known to be reliable
Bar = tuple[float | None, float | None, float | None, float]


def priced(rows: list[Bar | None], symbol: str = "A") -> pl.DataFrame:
    """core.prices from (open, high, low, close); None is a session without a bar."""
    base = bars(symbol, [row and row[3] for row in rows])
    columns = zip(*(row[:3] for row in rows if row), strict=True)
    return base.with_columns(
        pl.Series(name, values, dtype=pl.Float64) for name, values in zip(("open", "high", "low"), columns, strict=True)
    )


def events(rows: list[Bar | None]) -> pl.DataFrame:
    return bar_events(priced(rows))


def flags(row: Bar, before: Bar = CALM) -> set[str]:
    """What is TRUE of a bar after another one, opens being reliable."""
    last = events([*WARM_UP, before, row]).row(-1, named=True)
    assert None not in [last[name] for name in (*GAPS, *DAYS)]
    return {name.removeprefix("is_") for name in (*GAPS, *DAYS) if last[name]}


# --- one bar against the one before ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((111.0, 112.0, 108.0, 109.0), {"gap_up"}),
        ((111.0, 112.0, 89.0, 109.0), {"gap_up", "outside_day", "positive_outside_day"}),
        ((89.0, 95.0, 88.0, 94.0), {"gap_down"}),
        ((105.0, 111.0, 95.0, 100.0), {"partial_gap_up"}),
        ((110.0, 111.0, 95.0, 100.0), {"partial_gap_up"}),  # at the prior high
        ((95.0, 111.0, 95.0, 100.0), {"partial_gap_down"}),
        ((90.0, 111.0, 90.0, 100.0), {"partial_gap_down"}),  # at the prior low
        ((100.0, 111.0, 89.0, 99.0), {"outside_day", "negative_outside_day"}),
        ((100.0, 111.0, 89.0, 101.0), {"outside_day", "positive_outside_day"}),
        ((100.0, 111.0, 89.0, 100.0), {"outside_day"}),  # an unchanged close
        ((100.0, 109.0, 91.0, 99.0), {"inside_day"}),
        ((100.0, 110.0, 91.0, 99.0), set()),  # an equal high
        ((100.0, 111.0, 90.0, 99.0), set()),  # an equal low
    ],
)
def test_flags_by_hand(row: Bar, expected: set[str]):
    assert flags(row) == expected


@pytest.mark.parametrize(("off", "is_equal"), [(9e-6, True), (1.1e-5, False)])
def test_within_a_hundred_thousandth_is_equal(off: float, is_equal: bool):
    up, down = 1 + off, 1 - off
    assert ("gap_up" in flags((110 * up, 112, 100, 111))) != is_equal
    assert ("partial_gap_up" in flags((110 * up, 112, 100, 111))) == is_equal
    assert ("gap_down" in flags((90 * down, 95, 80, 94))) != is_equal
    assert ("partial_gap_up" in flags((100 * up, 105, 95, 101))) != is_equal
    assert ("partial_gap_down" in flags((100 * down, 105, 95, 101))) != is_equal
    assert ("outside_day" in flags((100, 110 * up, 80, 99))) != is_equal
    assert ("outside_day" in flags((100, 120, 90 * down, 99))) != is_equal
    assert ("negative_outside_day" in flags((100, 120, 80, 100 * down))) != is_equal
    assert ("positive_outside_day" in flags((100, 120, 80, 100 * up))) != is_equal
    assert ("inside_day" in flags((100, 110 * down, 95, 99))) != is_equal
    assert ("inside_day" in flags((100, 105, 90 * up, 99))) != is_equal


def test_gap_size_by_hand():
    # 121 over the prior high of 110 is +10 %, 81 over the prior low of 90 is -10 %
    up, down = [*WARM_UP, (121.0, 122.0, 120.0, 121.0)], [*WARM_UP, (81.0, 82.0, 80.0, 81.0)]
    assert events(up)["gap_size"].to_list() == [None] * 21 + [pytest.approx(0.1)]
    assert events(down)["gap_size"].to_list() == [None] * 21 + [pytest.approx(-0.1)]


def test_a_missing_high_or_low_or_open_leaves_what_it_decides():
    def last(row: Bar, before: Bar = CALM) -> dict:
        return events([*WARM_UP, before, row]).row(-1, named=True)

    no_high = last((105.0, 108.0, 95.0, 100.0), (100.5, None, 90.0, 100.0))
    assert (no_high["is_gap_up"], no_high["is_partial_gap_up"], no_high["is_gap_down"]) == (None, None, False)
    assert (no_high["is_outside_day"], no_high["gap_size"]) == (False, None)  # its low is higher
    no_low = last((105.0, 108.0, None, 100.0))
    assert (no_low["is_inside_day"], no_low["is_outside_day"], no_low["is_partial_gap_up"]) == (None, False, True)
    no_open = last((None, 111.0, 89.0, 99.0))
    assert [no_open[name] for name in GAPS] == [None] * 4
    assert no_open["is_negative_outside_day"] is True


@pytest.mark.parametrize(("missing", "is_kept"), [(10, True), (11, False)])
def test_bars_apart_are_not_compared(missing: int, is_kept: bool):
    row = events([*WARM_UP, *[None] * missing, (121.0, 122.0, 80.0, 99.0)]).row(-1, named=True)
    assert row["is_gap_up"] is (True if is_kept else None)
    assert row["is_negative_outside_day"] is (True if is_kept else None)
    assert (row["gap_size"] is not None, row["gap_filled_on"] is not None) == (is_kept, is_kept)
    assert row["is_ex_dividend"] is False


def test_all_flags_are_null_on_the_first_bar():
    row = events([CALM]).row(0, named=True)
    assert {name for name, value in row.items() if value is not None} == {"symbol", "session_date"}


def test_ex_dividend():
    prices = bars("A", [10.0] * 4, dividends={0: 1.0, 1: 1.0}).with_columns(
        dividend=pl.when(pl.col("session_no") < 3).then("dividend")
    )
    assert bar_events(prices)["is_ex_dividend"].to_list() == [None, True, False, None]


# --- when a gap is filled -------------------------------------------------------------------------------------------


def filled(*after: Bar) -> list:
    """Sessions on which the gaps of these bars, which follow the warm-up, are filled: 0 is the first of them."""
    number = {session(21 + i): i for i in range(len(after))}
    return [date and number[date] for date in events([*WARM_UP, *after])["gap_filled_on"].to_list()[21:]]


def test_a_gap_up_is_filled_when_a_low_comes_back_to_the_prior_high():
    gap, stays = (121.0, 122.0, 120.0, 121.0), (121.5, 122.0, 111.0, 121.0)
    assert filled(gap) == [None]
    assert filled(gap, stays) == [None, None]
    assert filled(gap, stays, (121.5, 122.0, 110.0, 121.0)) == [2, None, None]  # equality fills
    assert filled((121.0, 122.0, 109.0, 121.0), stays) == [0, None]  # on the same session
    assert filled(gap, (130.0, 131.0, 129.0, 130.0), (125.0, 126.0, 122.0, 125.0))[:2] == [None, 2]


def test_a_gap_down_is_filled_when_a_high_comes_back_to_the_prior_low():
    gap, stays = (81.0, 82.0, 80.0, 81.0), (81.5, 89.0, 80.0, 81.0)
    assert filled(gap, stays) == [None, None]
    assert filled(gap, stays, (81.5, 90.0, 80.0, 81.0)) == [2, None, None]
    assert filled((81.0, 91.0, 80.0, 81.0)) == [0]


@pytest.mark.parametrize(("off", "fills"), [(9e-6, True), (1.1e-5, False)])
def test_a_fill_within_a_hundred_thousandth(off: float, fills: bool):
    expected = 1 if fills else None
    assert filled((121.0, 122.0, 120.0, 121.0), (121.5, 122.0, 110 * (1 + off), 121.0))[0] == expected
    assert filled((81.0, 82.0, 80.0, 81.0), (81.5, 90 * (1 - off), 80.0, 81.0))[0] == expected


def test_a_fill_may_come_after_missing_sessions_and_lows():
    rows = [*WARM_UP, (121.0, 122.0, 120.0, 121.0), (121.5, 122.0, None, 121.0), *[None] * 50, CALM]
    assert events(rows)["gap_filled_on"][21] == session(73)


def test_another_symbol_fills_no_gap():
    gap = [*WARM_UP, (121.0, 122.0, 120.0, 121.0)]
    table = bar_events(pl.concat([priced(gap, "A"), priced([CALM], "B")]))
    assert table["gap_filled_on"].null_count() == 23


# --- opens that are copies of the close before ----------------------------------------------------------------------


def reliable(copied: list[bool]) -> list:
    """opens_are_reliable along sessions of which some open at the prior close."""
    return events([(100.0 if copy else 100.5, 110.0, 90.0, 100.0) for copy in copied])["opens_are_reliable"].to_list()


def test_opens_are_judged_from_the_21st_session():
    assert reliable([False] * 22) == [None] * 20 + [True] * 2
    # 3 of 21 are 14.3 %, 4 of 21 are 19.0 %; the first bar has no prior close
    assert reliable([True] * 4 + [False] * 17)[20] is True
    assert reliable([True] * 5 + [False] * 16)[20] is False


def test_more_than_fifteen_percent_is_too_many():
    # 6 of 40 are exactly 15 %, 6 of 39 more
    assert reliable([False] * 21 + [True] * 6 + [False] * 13)[38:] == [False, True]


def test_only_the_last_252_sessions_count():
    # 37 of 252 are 14.7 %, 38 of 252 15.08 %: of 60 copies in a row so many are left
    found = reliable([False] * 30 + [True] * 60 + [False] * 260)
    first_true = found.index(True, 100)
    assert first_true - 251 == 30 + 60 - 37


def test_an_open_within_a_hundred_thousandth_of_the_prior_close_is_a_copy():
    for off, expected in ((9e-6, False), (1.1e-5, True)):
        found = events([(100 * (1 + off), 110.0, 90.0, 100.0)] * 30)
        assert found["opens_are_reliable"][29] is expected


def test_gap_columns_are_null_without_reliable_opens():
    rows = [(100.0, 110.0, 90.0, 100.0)] * 30 + [(121.0, 122.0, 80.0, 99.0)]
    row = events(rows).row(-1, named=True)
    assert row["opens_are_reliable"] is False
    assert [row[name] for name in (*GAPS, "gap_size", "gap_filled_on")] == [None] * 6
    assert row["is_negative_outside_day"] is True


def test_bars_without_an_open_are_not_counted():
    found = events([(None, 110.0, 90.0, 100.0)] * 30 + [CALM] * 22)["opens_are_reliable"].to_list()
    assert found == [None] * 50 + [True] * 2


@pytest.mark.parametrize(("missing", "is_known"), [(10, True), (11, False)])
def test_a_long_gap_among_the_sessions_leaves_it_open(missing: int, is_known: bool):
    rows: list[Bar | None] = [*[CALM] * 30, *[None] * missing, *[CALM] * 260]
    found = events(rows)["opens_are_reliable"].to_list()
    assert found[20:30] == [True] * 10
    # bar 30 is the first after the gap; bar 280 is the last whose 252 bars reach back to bar 29
    assert found[30:281] == [True if is_known else None] * 251
    assert found[281:] == [True] * 9


# --- plain Python ---------------------------------------------------------------------------------------------------


def random_rows(seed: int, n: int) -> list[Bar | None]:
    """Prices of 1 % steps, so that ties are common, with holes, missing figures and opens copied in stretches."""
    source = random.Random(seed)
    rows: list[Bar | None] = []
    last, copies = 100, 0.1
    absent = source.choice([0, 0.02])
    for _ in range(n):
        if source.random() < 0.004:
            rows.extend([None] * source.choice([1, 5, 6, 10, 11, 40]))
        if source.random() < 0.01:
            copies = source.choice([0.05, 0.1, 0.5])
        close = max(last + source.randint(-4, 4), 5)
        start = last if source.random() < copies else max(last + source.choice([-7, -2, -1, 1, 2, 7]), 5)
        high, low = max(close, start) + source.randint(0, 2), min(close, start) - source.randint(0, 2)
        noisy = [x * (1 + source.choice([0, 0, 5e-6, -5e-6])) for x in (start, high, low)]
        told = [None if source.random() < absent else x for x in noisy]
        rows.append((told[0], told[1], told[2], float(close)))
        last = close
    return rows


def off(a: float | None, b: float | None) -> float | None:
    """a / b - 1, 0 within 1e-5."""
    if a is None or b is None:
        return None
    return 0 if abs(a / b - 1) <= 1e-5 else a / b - 1


def both(one: bool | None, two: bool | None) -> bool | None:
    """AND as SQL has it."""
    return False if False in (one, two) else None if None in (one, two) else True


def above(a: float | None, b: float | None) -> bool | None:
    return None if off(a, b) is None else off(a, b) > 0


def below(a: float | None, b: float | None) -> bool | None:
    return None if off(a, b) is None else off(a, b) < 0


def opposite(a: bool | None) -> bool | None:
    return None if a is None else not a


def expected_reliable(known: list[tuple[int, Bar]], t: int) -> bool | None:
    first = max(t - 251, 0)
    window = [i for i in range(first, t + 1) if known[i][1][0] is not None]
    if len(window) < 21 or known[t][0] - known[first][0] - (t - first) > 10:
        return None
    copies = sum(1 for i in window if i > 0 and off(known[i][1][0], known[i - 1][1][3]) == 0)
    return copies / len(window) <= 0.15 + 1e-12


def expected_fill(known: list[tuple[int, Bar]], t: int, edge: float, *, is_up: bool) -> object:
    for number, (_, high, low, _) in known[t:]:
        back = off(low, edge) if is_up else off(high, edge)
        if back is not None and (back <= 0 if is_up else back >= 0):
            return session(number)
    return None


def expected_row(known: list[tuple[int, Bar]], t: int) -> dict:
    number, (start, high, low, close) = known[t]
    row = dict.fromkeys(BarEvents.column_names()[2:])
    row["opens_are_reliable"] = expected_reliable(known, t)
    row["is_ex_dividend"] = False if t else None
    if t == 0 or number - known[t - 1][0] > 11:
        return row
    _, prior_high, prior_low, prior_close = known[t - 1][1]
    outside = both(above(high, prior_high), below(low, prior_low))
    row["is_outside_day"] = outside
    row["is_negative_outside_day"] = outside and below(close, prior_close)  # not known to be outside: NULL too
    row["is_positive_outside_day"] = outside and above(close, prior_close)
    row["is_inside_day"] = both(below(high, prior_high), above(low, prior_low))
    if not row["opens_are_reliable"]:
        return row
    up, down = above(start, prior_high), below(start, prior_low)
    row["is_gap_up"], row["is_gap_down"] = up, down
    row["is_partial_gap_up"] = both(above(start, prior_close), opposite(up))
    row["is_partial_gap_down"] = both(below(start, prior_close), opposite(down))
    if up or down:
        edge = prior_high if up else prior_low
        row["gap_size"] = pytest.approx(start / edge - 1)
        row["gap_filled_on"] = expected_fill(known, t, edge, is_up=bool(up))
    return row


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**9))
def test_everything_equals_plain_python(seed: int):
    series = {"A": random_rows(seed, 330), "B": random_rows(seed + 1, 60)}
    table = bar_events(pl.concat(priced(rows, symbol) for symbol, rows in series.items()))
    for symbol, rows in series.items():
        known = [(number, row) for number, row in enumerate(rows) if row is not None]
        expected = [expected_row(known, t) for t in range(len(known))]
        assert table.filter(pl.col("symbol") == symbol).drop("symbol", "session_date").to_dicts() == expected


def test_the_comparison_sees_everything():
    table = pl.concat(bar_events(priced(random_rows(seed, 330))) for seed in range(6))
    flags_seen = {name: set(table[name]) for name in (*GAPS, *DAYS, "opens_are_reliable")}
    assert all(seen == {None, True, False} for seen in flags_seen.values())
    late = (table["gap_filled_on"] > table["session_date"]).sum()
    assert 50 < late < table["gap_size"].count() < table.height / 2


# --- properties -----------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1 / 3, 0.25, 10.0, 1 / 7]))
def test_a_split_changes_nothing(seed: int, factor: float):
    prices = priced(random_rows(seed, 300))
    restated = prices.with_columns(pl.col("open", "high", "low", "close") * factor)
    assert_frame_equal(bar_events(prices), bar_events(restated), check_exact=False, rel_tol=1e-9, abs_tol=1e-12)


def test_only_the_fill_is_filled_in_later():
    metadata = {name: column.metadata or {} for name, column in BarEvents.columns().items()}
    assert [name for name, said in metadata.items() if said.get("repaints")] == ["gap_filled_on"]


@pytest.mark.parametrize("cut", [0, 20, 60, 150, 280, 330])
def test_no_row_looks_ahead(cut: int):
    prices = pl.concat(priced(random_rows(seed, 330), name) for name, seed in (("A", 3), ("B", 4)))
    known = pl.col("session_date") <= session(cut)
    fill = pl.col("gap_filled_on")
    full = bar_events(prices).filter(known).with_columns(pl.when(fill <= session(cut)).then(fill))
    assert_frame_equal(bar_events(prices.filter(known)), full, check_exact=True)


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_short_histories_keep_the_contract(rows: int):
    table = checked("derived.bar_events", bar_events(bars("A", [10.0] * rows)), BarEvents)
    assert table.height == rows
    assert table.select(GAPS).null_count().row(0) == (rows,) * 4


def test_constant_prices_do_nothing():
    table = bar_events(bars("A", [7.3] * 300))
    assert table.select(DAYS)[1:].sum().row(0) == (0,) * 4
    assert table["opens_are_reliable"].to_list() == [None] * 20 + [False] * 280  # every open is the prior close
