"""derived.seasonality and derived.seasonality_years: definitions, section 7."""

import datetime as dt
import random
import statistics

import numpy as np
import polars as pl
import pytest
from builders import bars, column
from polars.testing import assert_frame_equal

from pipeline import calendar
from pipeline.contracts.derived.studies import Seasonality, SeasonalityYears
from pipeline.transforms import bootstrap
from pipeline.transforms.seasonality import seasonal_windows, seasonality, seasonality_years
from pipeline.writing import checked

A_B = [("A", "B")]
SEED_OF_JANUARY = 0x4004F11F29492C5B  # printf 'A||price|month|01' | sha256sum
SEED_OF_PAIR = 0x3312B8254BBC44CD  # printf 'IWM|SPY|price|month|01' | sha256sum
SEED_OF_SYMBOL = 0x798F699EC2BFBA36  # printf 'IWM||total|turn_of_year|all' | sha256sum
TYPES = (
    "month",
    "turn_of_year",
    "tax_loss",
    "election_year_calendar",
    "election_252_before",
    "election_252_after",
)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def xnys(first: str, last: str) -> list[dt.date]:
    """XNYS sessions between two days."""
    between = pl.col("session_date").is_between(day(first), day(last))
    return calendar.sessions().filter(between)["session_date"].to_list()


def flat(symbol: str, first: str, last: str, close: float = 100.0, **at: float | None) -> pl.DataFrame:
    """Bars with one close but on the days named like d2020_01_31; None: no bar."""
    days = xnys(first, last)
    special = {day(name[1:].replace("_", "-")): value for name, value in at.items()}
    assert special.keys() <= set(days)
    return bars(symbol, [special.get(one, close) for one in days], days=days)


def years(prices: pl.DataFrame, bucket_type: str = "month", basis: str = "price", pairs=()) -> pl.DataFrame:
    return seasonality_years(prices, pairs).filter(
        pl.col("bucket_type") == bucket_type, pl.col("basis") == basis, pl.col("benchmark").is_null() != bool(pairs)
    )


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def windows() -> pl.DataFrame:
    return seasonal_windows(calendar.sessions())


def window(windows: pl.DataFrame, bucket_type: str, year: int, bucket: str = "all") -> tuple[str, str, str, int]:
    """Base, start and end of a window, and its sessions."""
    row = windows.row(by_predicate=_is(bucket_type, year, bucket), named=True)
    base = calendar.sessions()["session_date"][row["base"]]
    return f"{base}", f"{row['window_start']}", f"{row['window_end']}", row["last"] - row["base"]


def _is(bucket_type: str, year: int, bucket: str = "all") -> pl.Expr:
    return (pl.col("bucket_type") == bucket_type) & (pl.col("year") == year) & (pl.col("bucket") == bucket)


def test_months_run_from_the_last_session_of_the_month_before(windows: pl.DataFrame):
    # 2021-04-02 was Good Friday; May began on a Saturday, and Memorial Day was its last day
    assert window(windows, "month", 2021, "04") == ("2021-03-31", "2021-04-01", "2021-04-30", 21)
    assert window(windows, "month", 2021, "05") == ("2021-04-30", "2021-05-03", "2021-05-28", 20)


def test_the_turn_of_the_year_belongs_to_january(windows: pl.DataFrame):
    assert window(windows, "turn_of_year", 2021) == ("2020-12-30", "2020-12-31", "2021-01-07", 5)
    # 2022-12-30 was a Friday, 2023-01-02 a holiday: 3, 4, 5 and 6 January
    assert window(windows, "turn_of_year", 2023) == ("2022-12-29", "2022-12-30", "2023-01-06", 5)


def test_the_tax_loss_season_ends_on_the_sixth_last_session_of_december(windows: pl.DataFrame):
    # 2021: sessions on 31, 30, 29, 28, 27 and, the 24th being a holiday, 23 December. November has 21 sessions
    # (22 weekdays less Thanksgiving), 1 to 23 December 17
    assert window(windows, "tax_loss", 2021) == ("2021-10-29", "2021-11-01", "2021-12-23", 38)
    # 2023: 29, 28, 27, 26, 22, 21
    assert window(windows, "tax_loss", 2023)[2] == "2023-12-21"


@pytest.mark.parametrize(
    ("year", "last_before", "first_after"),
    [
        (2020, "2020-11-03", "2020-11-04"),
        (2016, "2016-11-08", "2016-11-09"),
        (2000, "2000-11-07", "2000-11-08"),
        (1984, "1984-11-06", "1984-11-07"),
        (1980, "1980-11-03", "1980-11-05"),  # closed on Election Day
        (1976, "1976-11-01", "1976-11-03"),
        (1972, "1972-11-06", "1972-11-08"),
    ],
)
def test_election_windows_meet_at_the_close_of_election_day(windows, year: int, last_before: str, first_after: str):
    before, after = window(windows, "election_252_before", year), window(windows, "election_252_after", year)
    assert (before[2], after[0], after[1]) == (last_before, last_before, first_after)
    assert (before[3], after[3]) == (252, 252)


def test_election_windows_of_2016_by_hand(windows: pl.DataFrame):
    # Tuesday 2015-11-10 to Tuesday 2016-11-08, and Wednesday to Wednesday a year on: 261 weekdays and 9 holidays each
    assert window(windows, "election_252_before", 2016) == ("2015-11-09", "2015-11-10", "2016-11-08", 252)
    assert window(windows, "election_252_after", 2016) == ("2016-11-08", "2016-11-09", "2017-11-08", 252)


def test_election_years_are_those_divisible_by_four(windows: pl.DataFrame):
    assert window(windows, "election_year_calendar", 2020)[:3] == ("2019-12-31", "2020-01-02", "2020-12-31")
    for bucket_type in TYPES[3:]:
        assert {year % 4 for year in column(windows, "year", bucket_type=bucket_type)} == {0}


def test_every_type_and_all_twelve_months(windows: pl.DataFrame):
    assert set(windows["bucket_type"]) == set(TYPES)
    assert set(column(windows, "bucket", bucket_type="month")) == {f"{month:02}" for month in range(1, 13)}


def test_a_calendar_that_ends_inside_a_month_or_before_election_day():
    to_july = calendar.sessions().filter(pl.col("session_date") <= day("2020-07-15"))
    cut = seasonal_windows(to_july)
    assert max(cut.filter(bucket_type="month").select("year", "bucket").rows()) == (2020, "06")
    assert cut.filter(_is("election_252_before", 2020)).is_empty()


# --- yearly values ---------------------------------------------------------------------------------------------------


def test_a_month_by_hand():
    # 50 on the last session of December, 60 on the last of January: +20 %; back to 100: 100/60 - 1
    found = years(flat("A", "2019-12-30", "2020-03-13", d2019_12_31=50.0, d2020_01_31=60.0))
    assert found.select("bucket", "year", "value", "window_start", "window_end", "sessions").rows() == [
        ("01", 2020, pytest.approx(0.2), day("2020-01-02"), day("2020-01-31"), 21),
        ("02", 2020, pytest.approx(100 / 60 - 1), day("2020-02-03"), day("2020-02-28"), 19),
    ]


def test_the_current_month_is_complete_only_with_its_last_session():
    prices = flat("A", "2019-12-31", "2020-01-31")
    assert years(prices)["bucket"].to_list() == ["01"]
    assert years(prices.head(-1)).is_empty()


def test_total_basis_counts_distributions():
    # 2 paid on the second session, price unchanged: +2 %
    days = xnys("2019-12-31", "2020-01-31")
    prices = bars("A", [100.0] * len(days), days=days, dividends={1: 2.0})
    assert years(prices, basis="total")["value"].to_list() == [pytest.approx(0.02)]
    assert years(prices)["value"].to_list() == [0]


def test_an_index_has_no_total_basis():
    days = xnys("2019-12-31", "2020-01-31")
    found = seasonality_years(bars("^A", [1.0] * len(days), days=days, is_fund=False), [])
    assert set(found["basis"]) == {"price"}


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("2019-12-31", []),  # the close before the window
        ("2020-01-31", []),  # its last session
        ("2020-01-02", [("01", 20)]),  # its first session takes no part in the return
        ("2020-01-15", [("01", 20)]),
    ],
)
def test_no_other_bar_stands_in_for_an_end_of_the_window(missing: str, expected: list):
    prices = flat("A", "2019-12-26", "2020-02-10").filter(pl.col("session_date") != day(missing))
    assert years(prices).select("bucket", "sessions").rows() == expected


@pytest.mark.parametrize(("missing", "expected"), [(10, [13]), (11, [])])
def test_more_than_ten_missing_sessions_leave_the_window_incomplete(missing: int, expected: list[int]):
    prices = flat("A", "2021-02-26", "2021-03-31")  # 23 sessions in March
    assert prices.height == 24
    left_out = prices["session_date"][3 : 3 + missing].implode()
    assert years(prices.filter(~pl.col("session_date").is_in(left_out)))["sessions"].to_list() == expected


def test_a_pair_has_the_difference_of_both_returns():
    # +20 % against +50 %: -30 points, not the change of the ratio, 1.2/1.5 - 1
    a = flat("A", "2019-12-31", "2020-01-31", d2019_12_31=50.0, d2020_01_31=60.0)
    b = flat("B", "2019-12-31", "2020-01-31", d2019_12_31=10.0, d2020_01_31=15.0)
    found = years(pl.concat([a, b]), pairs=A_B)
    assert found.select("symbol", "benchmark", "value").rows() == [("A", "B", pytest.approx(-0.3))]


def test_of_a_pair_both_need_the_ends_and_count_what_either_lacks():
    a = flat("A", "2021-02-26", "2021-03-31")
    b = flat("B", "2021-02-26", "2021-03-31")

    def without(prices: pl.DataFrame, rows: slice) -> pl.DataFrame:
        return prices.filter(~pl.col("session_date").is_in(prices["session_date"][rows].implode()))

    def sessions(a: pl.DataFrame, b: pl.DataFrame) -> list[int]:
        return years(pl.concat([a, b]), pairs=A_B)["sessions"].to_list()

    assert sessions(without(a, slice(2, 7)), without(b, slice(7, 12))) == [13]
    assert sessions(without(a, slice(2, 7)), without(b, slice(7, 13))) == []
    assert sessions(a, without(b, slice(0, 1))) == []
    assert sessions(a, without(b, slice(23, 24))) == []


def test_a_pair_with_a_symbol_that_has_no_bars_and_a_pair_listed_twice():
    prices = pl.concat([flat(symbol, "2019-12-31", "2020-01-31") for symbol in "AB"])
    found = seasonality_years(prices, [("A", "B"), ("A", "B"), ("A", "C")])
    assert set(found["benchmark"]) == {None, "B"}
    checked("derived.seasonality_years", found, SeasonalityYears)  # the key is unique


# --- against plain Python --------------------------------------------------------------------------------------------


def walk(symbol: str, days: list[dt.date], seed: int, missing: float = 0.0, **options) -> pl.DataFrame:
    source, close, closes = random.Random(seed), 100.0, []
    for _ in days:
        close *= 1 + source.gauss(0.0003, 0.01)
        closes.append(None if source.random() < missing else close)
    return bars(symbol, closes, days=days, **options)


@pytest.fixture(scope="module")
def random_prices() -> pl.DataFrame:
    """Three symbols, eleven years; one lacks every twelfth bar, one is an index and begins later."""
    days = xnys("2010-06-10", "2021-08-20")
    return pl.concat(
        [
            walk("A", days, 1, dividends={100: 1.0, 900: 2.0}),
            walk("B", days, 2, missing=0.08),
            walk("^C", days[700:], 3, missing=0.01, is_fund=False),
        ]
    )


def brute_windows(first: int, last: int) -> dict[tuple[str, str, int], tuple[int, int]]:
    """Position of the base and of the end of every window, found by walking through the calendar."""
    days = calendar.sessions()["session_date"].to_list()
    positions = {one: i for i, one in enumerate(days)}
    months: dict[tuple[int, int], list[int]] = {}
    for one, i in positions.items():
        months.setdefault((one.year, one.month), []).append(i)
    found = {}
    for year in range(first, last + 1):
        for month in range(1, 13):
            found["month", f"{month:02}", year] = (months[year, month][0] - 1, months[year, month][-1])
        found["turn_of_year", "all", year] = (months[year - 1, 12][-1] - 1, months[year, 1][3])
        found["tax_loss", "all", year] = (months[year, 11][0] - 1, months[year, 12][-6])
        if year % 4 == 0:
            found["election_year_calendar", "all", year] = (months[year, 1][0] - 1, months[year, 12][-1])
            monday = next(one for one in range(1, 8) if dt.date(year, 11, one).weekday() == 0)
            election = positions[dt.date(year, 11, monday + 1)]
            found["election_252_before", "all", year] = (election - 252, election)
            found["election_252_after", "all", year] = (election, election + 252)
    return found


def test_yearly_values_equal_a_plain_loop(random_prices: pl.DataFrame):
    days = calendar.sessions()["session_date"].to_list()
    levels = {}
    for symbol, when, close, total in random_prices.select(
        "symbol", "session_date", "close", "total_return_index"
    ).iter_rows():
        levels.setdefault((symbol, "price"), {})[when] = close
        if total is not None:
            levels.setdefault((symbol, "total"), {})[when] = total
    series = [(symbol, None, basis) for symbol, basis in levels]
    series += [("A", "B", "price"), ("A", "B", "total"), ("A", "^C", "price")]
    expected = {}
    for symbol, benchmark, basis in series:
        legs = [levels[one, basis] for one in (symbol, benchmark) if one]
        for key, (base, end) in brute_windows(2010, 2021).items():
            inside = [one for one in days[base + 1 : end + 1] if all(one in leg for leg in legs)]
            ends = all(days[i] in leg for i in (base, end) for leg in legs)
            if ends and end - base - len(inside) <= 10:
                moves = [leg[days[end]] / leg[days[base]] - 1 for leg in legs]
                value = moves[0] - (moves[1] if benchmark else 0)
                expected[symbol, benchmark, basis, *key] = (value, days[base + 1], days[end], len(inside))
    found = seasonality_years(random_prices, [("A", "^C"), *A_B])
    got = {tuple(row[:6]): row[6:] for row in found.iter_rows()}
    assert got == expected
    assert len(got) == found.height > 1000
    windows = sum(len(brute_windows(2010, 2021)) for _ in series)
    assert found.height < 0.9 * windows  # some are incomplete


def test_rows_are_sorted_by_key(random_prices: pl.DataFrame):
    found = seasonality_years(random_prices, A_B)
    keys = ["symbol", "benchmark", "basis", "bucket_type", "bucket", "year"]
    assert_frame_equal(found, found.sort(keys))


def test_summaries_equal_a_plain_loop(random_prices: pl.DataFrame):
    rows = seasonality_years(random_prices, A_B)
    grouped: dict[tuple, list[float]] = {}
    for *key, _, value in rows.select(*Seasonality.column_names()[:5], "year", "value").iter_rows():
        grouped.setdefault(tuple(key), []).append(value)
    table = seasonality(random_prices, A_B)
    assert table.select(Seasonality.column_names()[:5]).rows() == list(grouped)
    for row in table.iter_rows(named=True):
        values = grouped[tuple(row[name] for name in Seasonality.column_names()[:5])]
        assert row["n"] == len(values)
        assert row["mean"] == pytest.approx(statistics.fmean(values), abs=1e-15)
        assert row["median"] == pytest.approx(statistics.median(values), abs=1e-15)
        assert row["hit_rate"] == sum(value > 1e-6 for value in values) / len(values)
    assert set(table["n"]) >= {2, 3, 10, 11}


# --- summaries -------------------------------------------------------------------------------------------------------


def januaries(moves: list[float]) -> pl.DataFrame:
    """Bars of a symbol whose Januaries from 2001 on made these returns; all other months none."""
    days = xnys("2000-12-01", f"{2000 + len(moves)}-02-15")
    close, closes = 100.0, []
    for i, one in enumerate(days):
        if one.month == 1 and days[i + 1].month == 2:
            close *= 1 + moves[one.year - 2001]
        closes.append(close)
    return bars("A", closes, days=days, is_fund=False)


def january(moves: list[float]) -> dict:
    table = seasonality(januaries(moves), [])
    return table.row(by_predicate=(pl.col("bucket_type") == "month") & (pl.col("bucket") == "01"), named=True)


def test_a_summary_by_hand():
    # four Januaries: mean (10 - 5 + 2 + 1)/4 = 2 %, median (1 + 2)/2 = 1.5 %, three of four up; no interval under five
    assert january([0.10, -0.05, 0.02, 0.01]) == {
        "symbol": "A", "benchmark": None, "basis": "price", "bucket_type": "month", "bucket": "01",
        "n": 4, "mean": pytest.approx(0.02), "median": pytest.approx(0.015), "hit_rate": 0.75,
        "ci_low": None, "ci_high": None,
    }  # fmt: skip


def test_a_return_within_the_tolerance_is_no_hit():
    assert january([5e-7, 2e-6, -0.01, 0.0])["hit_rate"] == 0.25


def test_the_interval_is_reproduced_in_the_plainest_way():
    moves = [0.03, -0.02, 0.05, 0.01, -0.04, 0.02]
    generator = np.random.Generator(np.random.PCG64(SEED_OF_JANUARY))
    draws = generator.integers(0, 6, size=(2000, 6), dtype=np.uint16)
    means = sorted(statistics.fmean(moves[i] for i in draw) for draw in draws.tolist())
    # position 0.025 x 1999 = 49.975 from below, and as far from above
    low = means[49] + 0.975 * (means[50] - means[49])
    high = means[1949] + 0.025 * (means[1950] - means[1949])
    row = january(moves)
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))
    assert low < row["mean"] < high


def test_five_years_have_an_interval():
    row = january([0.03, -0.02, 0.05, 0.01, -0.04])
    assert row["ci_low"] < row["mean"] < row["ci_high"]


def test_equal_years_have_an_interval_without_width():
    row = january([0.02] * 6)
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(0.02), pytest.approx(0.02))


def test_seeds_by_sha256sum():
    assert bootstrap.seed("IWM|SPY|price|month|01") == SEED_OF_PAIR
    assert bootstrap.seed("IWM||total|turn_of_year|all") == SEED_OF_SYMBOL


def test_intervals_do_not_depend_on_the_rows_around_them():
    source = np.random.default_rng(5)
    rows = [source.normal(0, 0.05, n) for n in (5, 12, 4, 57, 5, 33)] * 25  # more than one block
    keys = [f"key {i}" for i in range(len(rows))]
    together = bootstrap.intervals_of_means(keys, rows)
    alone = [bootstrap.intervals_of_means([key], [one])[0] for key, one in zip(keys, rows, strict=True)]
    np.testing.assert_array_equal(together, np.array(alone))
    assert np.isnan(together[:, 0]).tolist() == [len(one) < 5 for one in rows]


def test_keys_of_pairs_and_bases_seed_their_own_rows(random_prices: pl.DataFrame):
    table = seasonality(random_prices, A_B)
    rows = seasonality_years(random_prices, A_B)
    for symbol, benchmark, basis, bucket in (("A", "B", "total", "03"), ("B", None, "price", "11")):
        key = f"{symbol}|{benchmark or ''}|{basis}|month|{bucket}"
        where = {"symbol": symbol, "benchmark": benchmark, "basis": basis, "bucket_type": "month", "bucket": bucket}
        values = np.array(column(rows, "value", **where))
        draws = np.random.Generator(np.random.PCG64(bootstrap.seed(key))).integers(
            0, len(values), size=(2000, len(values)), dtype=np.uint16
        )
        low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
        assert column(table, "ci_low", **where) == [pytest.approx(low, abs=1e-12)]
        assert column(table, "ci_high", **where) == [pytest.approx(high, abs=1e-12)]


# --- edges -----------------------------------------------------------------------------------------------------------


def test_contracts(random_prices: pl.DataFrame):
    assert checked("derived.seasonality", seasonality(random_prices, A_B), Seasonality).height > 100
    assert checked("derived.seasonality_years", seasonality_years(random_prices, A_B), SeasonalityYears).height > 900


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_little_or_nothing_gives_empty_tables_of_the_right_types(rows: int):
    prices = flat("A", "2021-03-01", "2021-03-31").head(rows)
    for compute, contract in ((seasonality, Seasonality), (seasonality_years, SeasonalityYears)):
        table = compute(prices, A_B)
        assert table.is_empty()
        assert table.schema == contract.create_empty().schema


def test_a_constant_price_has_zero_everywhere():
    table = seasonality(flat("A", "2009-12-31", "2020-12-31"), [])
    assert table.select("mean", "median", "hit_rate").unique().rows() == [(0, 0, 0)]
    assert set(table["ci_low"]) == set(table["ci_high"]) == {0, None}


def test_a_gap_of_a_year_leaves_only_its_windows_out():
    prices = flat("A", "2012-12-31", "2018-12-31")
    found = years(prices.filter(pl.col("session_date").dt.year() != 2015))
    # December 2014 ends before the gap; January 2016 lacks its base
    assert found.filter(pl.col("year") == 2015).is_empty()
    assert column(found, "bucket", year=2016) == [f"{month:02}" for month in range(2, 13)]
    assert len(column(found, "bucket", year=2014)) == 12


# --- no look-ahead ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cut", ["2012-11-06", "2013-01-07", "2016-12-22", "2016-12-30", "2017-01-31", "2019-05-15", "2020-12-31"]
)
def test_rows_are_those_of_a_build_on_data_up_to_then(random_prices: pl.DataFrame, cut: str):
    then = seasonality_years(random_prices.filter(pl.col("session_date") <= day(cut)), A_B)
    full = seasonality_years(random_prices, A_B)
    assert then.height > 0
    assert_frame_equal(then, full.filter(pl.col("window_end") <= day(cut)), check_exact=True)
