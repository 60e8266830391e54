"""The events planted in the sample are found by the derived tables, on the dates that were planted."""

import datetime as dt

import polars as pl
import pytest

from pipeline import config
from pipeline.contracts.core import FundFacts
from pipeline.sources import sample
from pipeline.transforms import records, streaks, valuation_gap, yield_curve
from pipeline.transforms.macro import macro_releases
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions

UNTIL = dt.date(2025, 12, 31)
CAPTURED_AT = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
CONFIG = config.load(config.SAMPLE_DIR)


@pytest.fixture(scope="module")
def made() -> sample.Batch:
    return sample.generate(until=UNTIL, captured_at=CAPTURED_AT)


@pytest.fixture(scope="module")
def bars(made: sample.Batch) -> pl.DataFrame:
    wanted = made.prices.filter(pl.col("symbol").is_in(["XSML", "XGRW", "XSVA"]))
    return prices(wanted, sessions(CAPTURED_AT), CONFIG.instruments).prices


def only(table: pl.DataFrame, **wanted: object) -> dict:
    return table.filter(**wanted).row(0, named=True) if table.filter(**wanted).height == 1 else {}


def test_five_sessions_above_one_percent(bars: pl.DataFrame):
    streak = only(
        streaks.streak_events(bars, CONFIG.rules.streak_rules),
        symbol="XSML", basis="price", rule="up_1pct", allowed_misses=0, start_date=dt.date(2014, 5, 12),
    )  # fmt: skip
    assert (streak["end_date"], streak["hits"], streak["sessions"]) == (dt.date(2014, 5, 16), 5, 5)
    assert streak["confirmed_on"] == dt.date(2014, 5, 19) and streak["is_open"] is False
    # 1.014 x 1.019 x 1.012 x 1.026 x 1.015 - 1 = 0.08896; prices have four decimals
    assert streak["cum_return"] == pytest.approx(0.08896, abs=2e-5)
    assert streak["max_ret_1d"] == pytest.approx(0.026, abs=1e-5)


def test_the_best_five_days_ever(bars: pl.DataFrame):
    record = only(
        records.records(bars, []),
        symbol="XSML", basis="price", measure="ret_5d", direction="high", session_date=dt.date(2011, 11, 11),
    )  # fmt: skip
    assert record["is_all_time"] is True and record["since_date"] is None and record["sessions_since"] is None
    # the sixth session of the history, 2000-01-10, is the first with five sessions behind it
    assert record["history_start"] == dt.date(2000, 1, 10)


def test_growth_over_small_value_was_never_as_wide(bars: pl.DataFrame):
    pair = next(p for p in CONFIG.rules.valuation_pairs if (p.growth, p.value) == ("XGRW", "XSVA"))
    gap = only(
        valuation_gap.valuation_gap(bars, FundFacts.create_empty(), sessions(CAPTURED_AT), [pair]),
        session_date=dt.date(2019, 8, 13),
    )
    assert gap["widest_since"] is None
    # the highest of n values has the percentile (n - .5) / n
    n = bars.filter(pl.col("symbol") == "XGRW", pl.col("session_date") <= dt.date(2019, 8, 13)).height
    assert gap["percentile_expanding"] == pytest.approx((n - 0.5) / n)


def test_the_inversion_with_its_interruption_is_one_spell(made: sample.Batch):
    releases = macro_releases(made.macro, CONFIG.series)
    spells = yield_curve.yield_curve_inversions(releases, CONFIG.rules.curves)
    spell = only(spells, curve="10y2y", variant="sustained", start_date=dt.date(2006, 8, 8))
    assert (spell["end_date"], spell["uninverted_on"]) == (dt.date(2007, 5, 24), dt.date(2007, 5, 25))
    assert spell["confirmed_on"] == dt.date(2007, 6, 4)
    # the bridge ends the raw run: the next one starts after it
    assert only(spells, curve="10y2y", variant="raw", start_date=dt.date(2006, 11, 17))["end_date"] == dt.date(
        2007, 5, 24
    )
