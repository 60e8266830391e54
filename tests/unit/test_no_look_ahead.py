"""No row looks ahead: a build on data up to T is the full build, cut at T. Definitions, section 0, "known date"."""

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from builders import fact_captures
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.sources import Batch, sample
from pipeline.transforms import records, relative_strength, returns, streaks, valuation_gap, yield_curve
from pipeline.transforms.facts import fund_facts
from pipeline.transforms.macro import macro_releases
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions

UNTIL = dt.date(2010, 6, 30)
SYMBOLS = ["XSML", "XLRG", "XTEC", "XGRW", "XSVA", "^XSML", "^XLRG"]  # XTEC splits in 2005, indexes pay nothing
PAIRS = [("XSML", "XLRG"), ("XTEC", "XLRG"), ("^XSML", "^XLRG"), ("XSML", "^XLRG")]
CONFIG = config.load(config.SAMPLE_DIR)
GAPS = [pair for pair in CONFIG.rules.valuation_pairs if {pair.growth, pair.value} <= set(SYMBOLS)]
CURVES = CONFIG.rules.curves
# in the first year, at the split of XTEC, inside and after the planted inversion, on its last days, and at random
CUTS = [
    dt.date(2000, 12, 29), dt.date(2005, 3, 18), dt.date(2005, 3, 21), dt.date(2006, 11, 14), dt.date(2007, 5, 29),
    dt.date(2007, 6, 4), dt.date(2008, 10, 13), dt.date(2010, 6, 29),
]  # fmt: skip

# a snapshot of each fund every ninth day, in turn before the close of its day and after it, the second missing a P/E
FACTS = fact_captures(
    (
        symbol,
        None if i == 1 else 10.0 + i,
        dt.datetime(2000, 6, 1, 15 + 8 * (i % 2), tzinfo=dt.UTC) + i * dt.timedelta(9),
    )
    for symbol in ("XGRW", "XSVA")
    for i in range(400)
)

# by name; of bars up to a day, and everything else that was known in its evening
DERIVED: dict[str, Callable[[pl.DataFrame, dt.date], pl.DataFrame]] = {
    "returns": lambda bars, _: returns.returns(bars),
    "relative_strength": lambda bars, _: relative_strength.relative_strength(bars, PAIRS),
    "records": lambda bars, _: records.records(bars, PAIRS),
    "valuation_gap": lambda bars, cut: valuation_gap.valuation_gap(
        bars, fund_facts(FACTS, evening(cut)), sessions(evening(cut)), GAPS
    ),
}


def evening(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(23, 59, 59), ZoneInfo("America/New_York")).astimezone(dt.UTC)


@pytest.fixture(scope="module")
def batch() -> Batch:
    made = sample.generate(until=UNTIL, captured_at=evening(UNTIL))
    thinned = made.prices.filter(pl.col("symbol").is_in(SYMBOLS)).filter(
        # one leg lacks single sessions, and once a long stretch: gaps take part in the comparison
        ~((pl.col("symbol") == "XLRG") & (pl.col("session_date").dt.ordinal_day() % 97 == 5)),
        ~((pl.col("symbol") == "XGRW") & pl.col("session_date").is_between(dt.date(2004, 2, 2), dt.date(2004, 2, 27))),
    )
    return Batch.of(prices=[thinned], macro=[made.macro])


def bars_as_of(batch: Batch, day: dt.date) -> pl.DataFrame:
    return prices(batch.prices, sessions(evening(day)), CONFIG.instruments).prices


@pytest.fixture(scope="module")
def bars(batch: Batch) -> pl.DataFrame:
    return bars_as_of(batch, UNTIL)


@pytest.fixture(scope="module")
def full(bars: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {name: compute(bars, UNTIL) for name, compute in DERIVED.items()}


def same(cut_build: pl.DataFrame, cut_rows: pl.DataFrame) -> None:
    assert cut_rows.height > 0
    assert_frame_equal(cut_build, cut_rows, check_exact=True)


def test_the_sample_has_what_the_comparison_needs(bars: pl.DataFrame):
    assert (bars["dividend"] > 0).sum() > 100
    assert (bars["split_ratio"] != 1).sum() == 1
    assert bars["total_return_index"].null_count() > 0


def test_some_snapshots_are_known_only_on_the_day_after(full: dict[str, pl.DataFrame]):
    gap = full["valuation_gap"].join(sessions(evening(UNTIL)), on="session_date")
    of_day = gap.join(
        fund_facts(FACTS).filter(pl.col("symbol") == "XGRW"), left_on="session_date", right_on="quoted_on"
    ).filter(pl.col("trailing_pe").is_not_null())
    late = pl.col("available_at") > pl.col("close_at")
    assert of_day.filter(late).height > 50 and of_day.filter(~late).height > 50
    assert of_day.filter(~late).select((pl.col("growth_pe") == pl.col("trailing_pe")).all()).item()
    assert of_day.filter(late).select((pl.col("growth_pe") < pl.col("trailing_pe")).all()).item()


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_prices(batch: Batch, bars: pl.DataFrame, cut: dt.date):
    same(bars_as_of(batch, cut), bars.filter(pl.col("session_date") <= cut))


@pytest.mark.parametrize("name", list(DERIVED))
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_daily_tables(bars: pl.DataFrame, full: dict[str, pl.DataFrame], cut: dt.date, name: str):
    cut_build = DERIVED[name](bars.filter(pl.col("session_date") <= cut), cut)
    same(cut_build, full[name].filter(pl.col("session_date") <= cut))


def test_daily_tables_know_nothing_of_tomorrow(bars: pl.DataFrame, full: dict[str, pl.DataFrame]):
    """The last row of the cut build is there too: nothing waits for a later session."""
    cut = dt.date(2008, 10, 13)
    for name, compute in DERIVED.items():
        if name != "records":  # a move that is no record has no row
            assert compute(bars.filter(pl.col("session_date") <= cut), cut)["session_date"].max() == cut


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_streaks(bars: pl.DataFrame, cut: dt.date):
    every = streaks.streak_events(bars, CONFIG.rules.streak_rules)
    cut_build = streaks.streak_events(bars.filter(pl.col("session_date") <= cut), CONFIG.rules.streak_rules)
    same(cut_build.filter(~pl.col("is_open")), every.filter(pl.col("confirmed_on") <= cut))
    assert (cut_build.filter("is_open")["confirmed_on"].null_count()) == cut_build.filter("is_open").height


@pytest.fixture(scope="module")
def releases(batch: Batch) -> pl.DataFrame:
    return macro_releases(batch.macro, CONFIG.series)


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_macro_releases(batch: Batch, releases: pl.DataFrame, cut: dt.date):
    cut_build = macro_releases(batch.macro, CONFIG.series, evening(cut))
    same(cut_build, releases.filter(pl.col("available_at") <= evening(cut)))


def test_a_value_that_the_source_dates_is_not_known_before_that_date(batch: Batch, releases: pl.DataFrame):
    """Cut the dated captures themselves: what was captured after T cannot have been known at T."""
    dated = batch.macro.filter("is_vintage")
    names = dated["series_id"].unique().to_list()
    for cut in CUTS:
        then = macro_releases(dated.filter(pl.col("captured_at") <= evening(cut)), CONFIG.series, evening(cut))
        same(then, releases.filter(pl.col("series_id").is_in(names), pl.col("available_at") <= evening(cut)))


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_yield_curve_status(releases: pl.DataFrame, cut: dt.date):
    every = yield_curve.yield_curve_status(releases, CURVES)
    cut_build = yield_curve.yield_curve_status(releases.filter(pl.col("available_at") <= evening(cut)), CURVES)
    same(cut_build, every.filter(pl.col("available_at") <= evening(cut)))


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_yield_curve_inversions(releases: pl.DataFrame, cut: dt.date):
    """An end is known once the observation that confirms it is public: until 2019-06-21 a business day later."""
    columns = [
        "curve", "variant", "start_date", "sustained_on", "observations", "min_spread_pp", "min_date", "end_date",
        "uninverted_on", "confirmed_on", "is_open",
    ]  # fmt: skip
    public = yield_curve.yield_curve_status(releases, CURVES).select(
        "curve", "available_at", confirmed_on="observed_on"
    )
    every = yield_curve.yield_curve_inversions(releases, CURVES).join(public, on=["curve", "confirmed_on"], how="left")
    cut_build = yield_curve.yield_curve_inversions(releases.filter(pl.col("available_at") <= evening(cut)), CURVES)
    expected = every.filter(pl.col("available_at") <= evening(cut)).select(columns)
    assert_frame_equal(cut_build.filter(~pl.col("is_open")).select(columns), expected, check_exact=True)
    still_open = cut_build.filter("is_open")
    assert (
        still_open.select("end_date", "uninverted_on", "confirmed_on").null_count().row(0) == (still_open.height,) * 3
    )
