"""The sample source: the same for everyone, stable in its past, plausible, and true to its planted events.

Expectations are recomputed here from the rows by plain arithmetic.
"""

import datetime as dt
import math
import statistics
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import calendar, config
from pipeline.contracts import raw
from pipeline.sources import Batch, sample

UNTIL = dt.date(2025, 6, 30)


def evening(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(21, 0), calendar.NEW_YORK).astimezone(dt.UTC)


def generate(until: dt.date, seed: int = sample.SEED) -> Batch:
    return sample.generate(until=until, captured_at=evening(until), seed=seed)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return generate(UNTIL)


@pytest.fixture(scope="module", params=[sample.SEED, 1, 2])
def any_seed(request: pytest.FixtureRequest) -> Batch:
    return generate(UNTIL, request.param)


@pytest.fixture(scope="module")
def sample_config() -> config.Config:
    return config.load(config.SAMPLE_DIR)


def bars(batch: Batch, symbol: str) -> list[dict]:
    return batch.prices.filter(pl.col("symbol") == symbol).sort("session_date").to_dicts()


def closes(batch: Batch, symbol: str) -> dict[dt.date, float]:
    return {bar["session_date"]: bar["close"] for bar in bars(batch, symbol)}


def daily_returns(batch: Batch, symbol: str) -> dict[dt.date, float]:
    rows = bars(batch, symbol)
    return {row["session_date"]: row["close"] / before["close"] - 1 for before, row in pairwise(rows)}


def values(batch: Batch, series_id: str) -> dict[dt.date, float]:
    """Newest value of every observation that has one."""
    rows = batch.macro.filter(pl.col("series_id") == series_id, pl.col("value").is_not_null())
    return dict(rows.sort("captured_at").select("observed_on", "value").iter_rows())


# --- shape and purity -----------------------------------------------------------------------------------------------


def test_rows_have_the_shape_of_captures(batch: Batch):
    raw.PriceCapture.validate(batch.prices)
    raw.MacroCapture.validate(batch.macro)
    raw.FuturesCapture.validate(batch.futures)
    raw.FomcCapture.validate(batch.fomc)
    assert batch.rejects.is_empty()


def test_every_row_says_that_it_is_synthetic(batch: Batch):
    for frame in (batch.prices, batch.macro, batch.futures, batch.fomc):
        assert frame["source"].unique().to_list() == ["sample"]
        assert frame["origin"].unique().to_list() == ["synthetic"]


def test_prices_are_captured_at_the_given_instant(batch: Batch):
    assert batch.prices["captured_at"].unique().to_list() == [evening(UNTIL)]
    undated = batch.macro.filter(~pl.col("is_vintage"))
    assert undated["captured_at"].unique().to_list() == [evening(UNTIL)]


def test_keys_are_unique(batch: Batch):
    assert not batch.prices.select("symbol", "session_date").is_duplicated().any()
    assert not batch.macro.select("series_id", "observed_on", "captured_at").is_duplicated().any()
    assert not batch.futures.select("contract", "session_date").is_duplicated().any()
    assert batch.fomc["decided_on"].is_unique().all()


def test_the_same_arguments_give_the_same_rows(batch: Batch):
    again = generate(UNTIL)
    assert_frame_equal(again.prices, batch.prices, check_exact=True)
    assert_frame_equal(again.macro, batch.macro, check_exact=True)
    assert_frame_equal(again.futures, batch.futures, check_exact=True)
    assert_frame_equal(again.fomc, batch.fomc, check_exact=True)


def test_another_seed_gives_other_prices(batch: Batch):
    other = generate(UNTIL, seed=1)
    assert closes(other, "XLRG")[UNTIL] != closes(batch, "XLRG")[UNTIL]


@settings(max_examples=12, deadline=None)
@given(st.integers(min_value=0, max_value=6410))
def test_a_later_end_adds_rows_and_changes_none(number: int):
    every = calendar.sessions().filter(pl.col("session_date").is_between(sample.FIRST_SESSION, UNTIL))
    until = every["session_date"][number]
    early, late = generate(until), generate(UNTIL)

    expected = late.prices.filter(pl.col("session_date") <= until).drop("captured_at")
    assert_frame_equal(early.prices.drop("captured_at"), expected, check_exact=True)

    for part, column in (("futures", "session_date"), ("fomc", "decided_on")):
        expected = getattr(late, part).filter(pl.col(column) <= until).drop("captured_at")
        assert_frame_equal(getattr(early, part).drop("captured_at"), expected, check_exact=True)

    key = ["series_id", "observed_on", "is_vintage"]
    dated = early.macro.filter("is_vintage")
    assert_frame_equal(
        dated, late.macro.filter("is_vintage", pl.col("captured_at") <= evening(until)), check_exact=True
    )
    undated = early.macro.filter(~pl.col("is_vintage")).drop("captured_at")
    assert_frame_equal(late.macro.drop("captured_at").join(undated, on=key, how="semi").filter(
        ~pl.col("is_vintage")), undated, check_exact=True)  # fmt: skip


@pytest.mark.parametrize("planted", ["GAP_FILLED_ON", "RECORD_ON", "VALUATION_PEAK_ON", "GAP_BARS_FROM"])
def test_an_end_inside_a_planted_event_changes_nothing(batch: Batch, planted: str):
    until = calendar.sessions().filter(pl.col("session_date") < getattr(sample, planted))["session_date"].max()
    early = generate(until)
    expected = batch.prices.filter(pl.col("session_date") <= until).drop("captured_at")
    assert_frame_equal(early.prices.drop("captured_at"), expected, check_exact=True)


def test_a_capture_instant_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        sample.generate(until=UNTIL, captured_at=dt.datetime(2025, 7, 1))


def test_an_end_before_the_first_session_is_refused():
    with pytest.raises(ValueError, match="2000-01-03"):
        generate(dt.date(1999, 12, 31))


# --- config ---------------------------------------------------------------------------------------------------------


def test_symbols_are_those_of_the_sample_config(batch: Batch, sample_config: config.Config):
    assert set(batch.prices["symbol"]) == set(sample_config.by_symbol)


def test_series_are_those_of_the_sample_config(batch: Batch, sample_config: config.Config):
    assert set(batch.macro["series_id"]) == set(sample_config.by_series_id)
    assert len(sample_config.series) == 20


def test_nothing_can_be_taken_for_the_real_thing(sample_config: config.Config):
    real = config.load()
    assert not set(sample_config.by_symbol) & set(real.by_symbol)
    assert not set(sample_config.by_series_id) & set(real.by_series_id)
    assert all("SYNTHETIC" in instrument.name for instrument in sample_config.instruments)
    assert all("SYNTHETIC" in series.title and series.licence == "synthetic" for series in sample_config.series)
    assert all(series.series_id.startswith("SYN_") for series in sample_config.series)


def test_roles_mean_what_they_mean_in_the_real_config(sample_config: config.Config):
    real = config.load()
    groups = {instrument.role: instrument.group for instrument in real.instruments}
    assert {i.role: i.group for i in sample_config.instruments}.items() <= groups.items()
    shape = {s.role: (s.unit, s.frequency, s.decimals, s.seasonal_adjustment) for s in real.series}
    for series in sample_config.series:
        unit, *rest = shape[series.role]
        assert [series.frequency, series.decimals, series.seasonal_adjustment] == rest
        assert series.unit.split()[0] == unit.split()[0]


def test_every_size_style_and_sector_fund_is_measured_against_the_large_fund(sample_config: config.Config):
    against = {pair.symbol for pair in sample_config.pairs if pair.benchmark == "XLRG"}
    funds = {i.symbol for i in sample_config.instruments if i.group in ("size", "style", "sector")}
    assert funds - {"XLRG"} <= against


def test_values_carry_no_more_decimals_than_the_config_says(batch: Batch, sample_config: config.Config):
    for series_id, series in sample_config.by_series_id.items():
        values_ = batch.macro.filter(pl.col("series_id") == series_id)["value"].drop_nulls()
        assert (values_ - values_.round(series.decimals)).abs().max() < 1e-9, series_id


# --- prices ---------------------------------------------------------------------------------------------------------


def test_every_symbol_trades_on_every_session_from_its_first(batch: Batch):
    every = calendar.sessions().filter(pl.col("session_date").is_between(sample.FIRST_SESSION, UNTIL))["session_date"]
    for (symbol,), rows in batch.prices.group_by("symbol"):
        first = sample.FUNDS[symbol].first if symbol in sample.FUNDS else sample.FIRST_SESSION
        assert rows["session_date"].sort().to_list() == every.filter(every >= first).to_list(), symbol
        assert first in every, symbol


def test_bars_are_consistent(any_seed: Batch):
    wrong = any_seed.prices.filter(
        ~(
            (pl.col("low") > 0)
            & (pl.col("low") <= pl.min_horizontal("open", "close"))
            & (pl.col("high") >= pl.max_horizontal("open", "close"))
            & (pl.col("volume") >= 0)
        )
    )
    assert wrong.is_empty()


def test_prices_are_finite_and_have_four_decimals(any_seed: Batch):
    for name in ("open", "high", "low", "close"):
        column = any_seed.prices[name]
        assert column.is_finite().all()
        assert (column - column.round(4)).abs().max() < 1e-9


def test_prices_stay_plausible(any_seed: Batch):
    funds = any_seed.prices.filter(~pl.col("symbol").str.starts_with("^"))
    assert funds["close"].min() > 1
    assert funds["close"].max() < 5_000
    assert any_seed.prices.filter(pl.col("symbol") == "^XVIX")["close"].is_between(8, 90).all()


def test_small_and_large_caps_move_together(any_seed: Batch):
    small, large = daily_returns(any_seed, "XSML"), daily_returns(any_seed, "XLRG")
    assert 0.8 < statistics.correlation([small[day] for day in large], list(large.values())) < 0.97


def test_small_caps_move_more_than_large_caps(any_seed: Batch):
    small, large = daily_returns(any_seed, "XSML"), daily_returns(any_seed, "XLRG")
    assert 1.05 < statistics.stdev(small.values()) / statistics.stdev(large.values()) < 1.6


def test_an_index_moves_with_its_fund_and_bonds_do_not(batch: Batch):
    fund, index, bond = (daily_returns(batch, symbol) for symbol in ("XSML", "^XSML", "XT10"))
    assert statistics.correlation([index[day] for day in fund], list(fund.values())) > 0.99
    assert abs(statistics.correlation([fund[day] for day in bond], list(bond.values()))) < 0.2


def test_returns_have_fat_tails(any_seed: Batch):
    for symbol in ("XSML", "XLRG", "XTEC", "XENY"):
        returns = list(daily_returns(any_seed, symbol).values())
        mean, sd = statistics.fmean(returns), statistics.pstdev(returns)
        assert statistics.fmean(((r - mean) / sd) ** 4 for r in returns) > 4


def test_volatility_comes_in_clusters(any_seed: Batch):
    sizes = [abs(r) for r in daily_returns(any_seed, "XLRG").values()]
    assert statistics.correlation(sizes[5:], sizes[:-5]) > 0.15


def test_volatility_rises_when_the_market_falls(any_seed: Batch):
    market, volatility = daily_returns(any_seed, "XLRG"), daily_returns(any_seed, "^XVIX")
    assert statistics.correlation([volatility[day] for day in market], list(market.values())) < -0.3


def test_there_are_gaps_but_not_every_day(batch: Batch):
    rows = bars(batch, "XSML")
    gaps = [row["open"] > before["high"] for before, row in pairwise(rows)]
    assert 0.02 < sum(gaps) / len(gaps) < 0.3


def test_the_small_index_has_stale_opens_before_2008_only(batch: Batch):
    rows = bars(batch, "^XSML")
    stale = {row["session_date"]: row["open"] == before["close"] for before, row in pairwise(rows)}
    assert all(same for day, same in stale.items() if day.year < 2008)
    assert sum(same for day, same in stale.items() if day.year > 2008) < 10


def test_funds_pay_and_indexes_do_not(batch: Batch):
    paid = batch.prices.group_by("symbol").agg(pl.col("dividend").sum())
    indexes = pl.col("symbol").str.starts_with("^")
    assert (paid.filter(indexes)["dividend"] == 0).all()
    assert paid.filter(~indexes, pl.col("dividend") == 0)["symbol"].to_list() == ["XBUL"]  # bullion earns nothing


@pytest.mark.parametrize(("symbol", "payments"), [("XSML", 4), ("XT10", 12), ("XEMG", 2), ("XGRW", 4)])
def test_a_year_has_its_number_of_payments(batch: Batch, symbol: str, payments: int):
    for year in range(2010, 2025):
        dates = [b["session_date"] for b in bars(batch, symbol) if b["dividend"] > 0 and b["session_date"].year == year]
        assert len(dates) == payments


def test_value_yields_more_than_growth(batch: Batch):
    def yield_2024(symbol: str) -> float:
        rows = [row for row in bars(batch, symbol) if row["session_date"].year == 2024]
        return sum(row["dividend"] for row in rows) / rows[-1]["close"]

    assert 0.015 < yield_2024("XSVA") < 0.026
    assert 0.005 < yield_2024("XGRW") < 0.013


def test_splits_are_reported_and_leave_no_jump(batch: Batch):
    split = batch.prices.filter(pl.col("split_ratio") != 1).select("symbol", "session_date", "split_ratio").rows()
    assert sorted(split) == [("XSEM", dt.date(2021, 6, 14), 3.0), ("XTEC", dt.date(2005, 3, 21), 2.0)]
    for symbol, day, _ in split:
        assert abs(daily_returns(batch, symbol)[day]) < 0.1


# --- planted events -------------------------------------------------------------------------------------------------


def test_the_streak(any_seed: Batch):
    returns = daily_returns(any_seed, "XSML")
    days = list(returns)
    start = days.index(dt.date(2014, 5, 12))
    streak = days[start : start + 5]
    assert tuple(streak) == sample.STREAK_DATES
    assert streak[-1] == dt.date(2014, 5, 16)
    assert all(returns[day] > 0.0101 for day in streak)
    assert all(returns[day] < 0.0099 for day in (*days[start - 2 : start], *days[start + 5 : start + 7]))
    assert max(returns[day] for day in streak) == returns[dt.date(2014, 5, 15)]
    before = closes(any_seed, "XSML")[dt.date(2014, 5, 9)]
    gain = 1.014 * 1.019 * 1.012 * 1.026 * 1.015 - 1
    assert closes(any_seed, "XSML")[dt.date(2014, 5, 16)] / before - 1 == pytest.approx(gain, abs=1e-5)


def test_the_gap_and_its_fill(any_seed: Batch):
    rows = {row["session_date"]: row for row in bars(any_seed, "XTEC")}
    left_behind = rows[dt.date(2018, 4, 9)]["high"]
    assert rows[sample.GAP_UP_ON]["open"] > left_behind * 1.001
    window = [row for day, row in rows.items() if sample.GAP_UP_ON <= day <= sample.GAP_FILLED_ON]
    assert len(window) == 11
    assert all(row["low"] > left_behind * 1.001 for row in window[:-1])
    assert window[-1]["low"] < left_behind * 0.999
    assert window[-1]["session_date"] == dt.date(2018, 4, 24)


def five_day(levels: list[float]) -> list[float]:
    return [now / then - 1 for then, now in zip(levels, levels[5:], strict=False)]


def test_the_record_five_day_return(batch: Batch):
    rows = bars(batch, "XSML")
    days = [row["session_date"] for row in rows][5:]
    price = five_day([row["close"] for row in rows])
    index = [1.0]
    for before, row in pairwise(rows):
        index.append(index[-1] * (row["close"] + row["dividend"]) / before["close"])
    total = five_day(index)
    at = days.index(sample.RECORD_ON)
    for returns in (price, total):
        assert returns[at] > max(returns[:at]) + 0.02
        assert returns[at] == pytest.approx(1.036**5 - 1, abs=1e-4)


def test_the_valuation_extreme(batch: Batch):
    growth, value = closes(batch, "XGRW"), closes(batch, "XSVA")
    ratio = {day: math.log(growth[day] / value[day]) for day in value}
    peak = ratio[sample.VALUATION_PEAK_ON]
    assert max(ratio, key=ratio.__getitem__) == sample.VALUATION_PEAK_ON
    assert peak > max(r for day, r in ratio.items() if day < sample.VALUATION_PEAK_ON) + 0.005
    assert peak > max(r for day, r in ratio.items() if day > sample.VALUATION_PEAK_ON) + 0.003


def test_the_inversion(any_seed: Batch):
    spread = values(any_seed, "SYN_T10Y2Y")
    days = list(spread)
    around = [day for day in days if dt.date(2005, 8, 8) <= day < dt.date(2008, 11, 24)]
    inverted = [day for day in around if spread[day] < 0]
    assert (inverted[0], inverted[-1]) == (sample.INVERSION_START, sample.INVERSION_END)
    assert (inverted[0], inverted[-1]) == (dt.date(2006, 8, 8), dt.date(2007, 5, 24))

    interrupted = [day for day in around if inverted[0] < day < inverted[-1] and spread[day] >= 0]
    assert interrupted == [dt.date(2006, 11, day) for day in (13, 14, 15, 16)]
    assert spread[sample.INVERSION_ZERO_ON] == 0
    assert len(inverted) >= 20

    after = [day for day in around if day > sample.INVERSION_END]
    assert after[0] == sample.UNINVERTED_ON == dt.date(2007, 5, 25)
    assert after[5] == sample.INVERSION_CONFIRMED_ON == dt.date(2007, 6, 4)


def test_the_revision(any_seed: Batch):
    rows = any_seed.macro.filter(
        pl.col("series_id") == "SYN_UNRATE", pl.col("observed_on") == dt.date(2018, 5, 1)
    ).sort("captured_at")
    assert rows["is_vintage"].to_list() == [True, True]
    first, revised = rows["captured_at"].to_list()
    assert first == dt.datetime(2018, 6, 8, 12, 30, tzinfo=dt.UTC)  # the second Friday, 08:30 New York
    assert revised == sample.REVISED_AT
    assert rows["value"][1] - rows["value"][0] == pytest.approx(0.1)


def test_the_revision_is_unknown_before_it_is_made():
    before = generate(dt.date(2019, 1, 10)).macro
    of_may = before.filter(pl.col("series_id") == "SYN_UNRATE", pl.col("observed_on") == dt.date(2018, 5, 1))
    assert of_may.height == 1


# --- macro ----------------------------------------------------------------------------------------------------------


def test_the_spread_is_the_difference_of_its_legs(any_seed: Batch):
    spread, long, short = (values(any_seed, s) for s in ("SYN_T10Y2Y", "SYN_DGS10", "SYN_DGS2"))
    assert spread.keys() == long.keys() == short.keys()
    assert all(round(100 * spread[day]) == round(100 * long[day]) - round(100 * short[day]) for day in spread)


def test_yields_are_blank_on_holidays_and_only_there(batch: Batch):
    rows = dict(batch.macro.filter(pl.col("series_id") == "SYN_DGS10").select("observed_on", "value").iter_rows())
    assert rows[dt.date(2024, 10, 14)] is None  # Columbus Day: stocks traded, bonds did not
    assert rows[dt.date(2024, 7, 4)] is None
    assert rows[dt.date(2024, 3, 29)] is not None  # Good Friday is no federal holiday
    holidays = set(calendar.federal_holidays())
    assert all((value is None) == (day in holidays) for day, value in rows.items())
    assert all(day.weekday() < 5 for day in rows)


def test_the_volatility_series_is_the_index(batch: Batch):
    index, series = closes(batch, "^XVIX"), values(batch, "SYN_VIXCLS")
    assert len(series) == len(index) - 1  # that of the last session is published the next morning
    assert all(abs(series[day] - index[day]) < 0.00501 for day in series)


@pytest.mark.parametrize(
    ("series_id", "low", "high"),
    [
        ("SYN_DGS10", 0.1, 9.0),
        ("SYN_DGS2", 0.05, 8.0),
        ("SYN_T10Y3M", -3.0, 5.0),
        ("SYN_BAMLH0A0HYM2", 1.5, 20.0),
        ("SYN_BAA10Y", 0.8, 8.0),
        ("SYN_UNRATE", 3.0, 15.0),
        ("SYN_PAYEMS", 100_000, 200_000),
        ("SYN_ICSA", 100_000, 900_000),
        ("SYN_CPIAUCSL", 150, 400),
        ("SYN_DFEDTARU", 0.25, 6.0),
        ("SYN_HOUST", 400, 2_500),
        ("SYN_USREC", 0, 1),
    ],
)
def test_macro_values_are_plausible(any_seed: Batch, series_id: str, low: float, high: float):
    assert all(low <= value <= high for value in values(any_seed, series_id).values())


def released_on(rule: config.ReleaseRule, day: dt.date) -> dt.datetime:
    """The release rule in plain steps."""

    def is_business(d: dt.date) -> bool:
        return d.weekday() < 5 and d not in calendar.federal_holidays()

    steps = rule.business_days or 0
    if rule.days is not None:
        day += dt.timedelta(days=rule.days)
    elif rule.months is not None:
        month = day.year * 12 + day.month - 1 + rule.months
        day = dt.date(month // 12, month % 12 + 1, rule.day or 1)
        if rule.weekday is not None:
            names = ["monday", "tuesday", "wednesday", "thursday", "friday"]
            matches = [d for n in range(31) if (d := day + dt.timedelta(days=n)).weekday() == names.index(rule.weekday)]
            day = matches[(rule.nth or 1) - 1]
    while not is_business(day):
        day += dt.timedelta(days=1)
    for _ in range(steps):
        day += dt.timedelta(days=1)
        while not is_business(day):
            day += dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time.fromisoformat(rule.at), calendar.NEW_YORK)


def next_period(day: dt.date, frequency: str) -> dt.date:
    if frequency in ("monthly", "quarterly"):
        month = day.year * 12 + day.month - 1 + (1 if frequency == "monthly" else 3)
        return dt.date(month // 12, month % 12 + 1, 1)
    return day + dt.timedelta(days=7 if frequency == "weekly" else 3 if day.weekday() == 4 else 1)


@pytest.mark.parametrize("until", [dt.date(2018, 11, 21), dt.date(2024, 2, 16), dt.date(2025, 6, 30)])
def test_what_is_public_by_the_capture_is_there_and_nothing_else(until: dt.date, sample_config: config.Config):
    macro = generate(until).macro
    for series in sample_config.series:
        rows = macro.filter(pl.col("series_id") == series.series_id)
        last = rows["observed_on"].max()
        rule = max(
            (r for r in series.release if r.since is None or r.since <= last), key=lambda r: r.since or dt.date.min
        )
        assert released_on(rule, last) <= evening(until), series.series_id
        if series.series_id != "SYN_DFEDTARU":  # also has weekends
            following = next_period(last, series.frequency)
            assert released_on(rule, following) > evening(until), series.series_id
        assert last <= until


def test_dated_rows_are_dated_by_their_release(batch: Batch, sample_config: config.Config):
    first_prints = (
        batch.macro.filter("is_vintage").sort("captured_at").unique(["series_id", "observed_on"], keep="first")
    )
    assert set(first_prints["series_id"]) == {"SYN_UNRATE", "SYN_PAYEMS", "SYN_CPIAUCSL", "SYN_CPILFESL"}
    for row in first_prints.iter_rows(named=True):
        (rule,) = sample_config.by_series_id[row["series_id"]].release
        assert row["captured_at"] == released_on(rule, row["observed_on"])


def test_a_report_on_jobs_revises_the_month_before(batch: Batch):
    jobs = batch.macro.filter(pl.col("series_id") == "SYN_PAYEMS").sort("observed_on", "captured_at")
    march = jobs.filter(pl.col("observed_on") == dt.date(2024, 3, 1))
    april = jobs.filter(pl.col("observed_on") == dt.date(2024, 4, 1))
    assert march["captured_at"][1] == april["captured_at"][0]


# --- policy rate ----------------------------------------------------------------------------------------------------


def test_decisions_are_the_changes_of_the_policy_rate(batch: Batch):
    """Each is made on the day before the series has it; what comes after the end is not there."""
    rate = values(batch, "SYN_DFEDTARU")
    changes = [(before, rate[day], rate[before]) for before, day in pairwise(rate) if rate[day] != rate[before]]
    assert batch.fomc.select("decided_on", "target_pct", "previous_target_pct").rows() == changes
    assert len(changes) > 60


@pytest.mark.parametrize("planned", [dt.date(2022, 3, 30), dt.date(2024, 10, 2)])
def test_a_decision_is_known_on_its_own_evening_and_not_before(planned: dt.date):
    """That of the next day is not: its session is not over."""
    assert generate(planned).fomc["decided_on"].max() == planned
    assert generate(planned - dt.timedelta(days=1)).fomc["decided_on"].max() < planned


def test_decisions_since_2022_are_in_the_calendar_of_the_sample(batch: Batch, sample_config: config.Config):
    late = batch.fomc.filter(pl.col("decided_on") >= dt.date(2022, 1, 1))["decided_on"].to_list()
    assert len(late) == 16
    assert set(late) <= set(sample_config.fomc.scheduled)
    assert set(sample_config.fomc.unscheduled) <= set(batch.fomc["decided_on"])
    assert max(sample_config.fomc.scheduled) > dt.date(2031, 1, 1)


def test_thirteen_contracts_a_day_since_2022(batch: Batch):
    sessions = calendar.sessions().filter(pl.col("session_date").is_between(dt.date(2022, 1, 3), UNTIL))
    assert batch.futures["session_date"].unique().sort().to_list() == sessions["session_date"].to_list()
    of_day = batch.futures.filter(pl.col("session_date") == dt.date(2024, 11, 19))["contract"].to_list()
    assert sorted(of_day, key=lambda c: (c[3:], "FGHJKMNQUVXZ".index(c[2]))) == [
        "ZQX24", "ZQZ24", "ZQF25", "ZQG25", "ZQH25", "ZQJ25", "ZQK25", "ZQM25", "ZQN25", "ZQQ25", "ZQU25", "ZQV25",
        "ZQX25",
    ]  # fmt: skip


def test_a_sample_that_ends_before_there_are_quotes():
    assert generate(dt.date(2021, 12, 31)).futures.is_empty()


def test_settlements_see_the_next_change_coming(any_seed: Batch):
    """2024-09-30: the target falls from 5.25 to 5.00 on 2 October, to 4.75 on 20 November; 0.17 below it is paid.

    October: 2 days at 5.08, 29 that are seen with 0.92^2 = 0.8464: 5.08 - 0.25 x 0.8464 x 29 / 31 = 4.882. Expected of
    every month besides: a tilt of some hundredths a month. Settlements are in steps of 0.005.
    """
    of_day = any_seed.futures.filter(pl.col("session_date") == dt.date(2024, 9, 30))
    rate = {contract: 100 - close for contract, close in of_day.select("contract", "close").rows()}
    assert rate["ZQU24"] == pytest.approx(5.08, abs=0.003)
    assert rate["ZQV24"] == pytest.approx(4.882, abs=0.05)
    # 29 November 2024: 20 days at 5.00 and 9 at 4.75 are over, one is known: (20 x 5 + 10 x 4.75) / 30 - 0.17
    (last,) = any_seed.futures.filter(pl.col("session_date") == dt.date(2024, 11, 29), pl.col("contract") == "ZQX24")[
        "close"
    ]
    assert 100 - last == pytest.approx(4.7467, abs=0.0026)
    assert all(abs(close / 0.005 - round(close / 0.005)) < 1e-6 for close in of_day["close"])
    assert any_seed.futures["close"].is_between(90, 100).all()
