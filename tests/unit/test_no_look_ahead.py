"""No row looks ahead, on the made-up market: with gaps, splits, short histories and snapshots of the evening."""

import dataclasses
import datetime as dt

import polars as pl
import pytest
from builders import fact_captures
from look_ahead import COMPARED, Tables, assert_no_look_ahead, built, evening
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.sources import Batch, sample
from pipeline.transforms.macro import macro_releases

UNTIL = dt.date(2010, 6, 30)
SYMBOLS = ["XSML", "XLRG", "XTEC", "XEQW", "XGRW", "XSVA", "^XSML", "^XLRG"]  # XTEC splits in 2005, indexes pay nothing
CONFIG = config.load(config.SAMPLE_DIR)
# in the first year, at the split of XTEC, inside and after the planted inversion, on its last days, and at random
CUTS = [
    dt.date(2000, 12, 29), dt.date(2005, 3, 18), dt.date(2005, 3, 21), dt.date(2006, 11, 14), dt.date(2007, 5, 29),
    dt.date(2007, 6, 4), dt.date(2008, 10, 13), dt.date(2010, 6, 29),
]  # fmt: skip

FROM_2022 = ("core.fed_funds_futures", "derived.fomc_odds")  # the sample's futures begin later

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


@pytest.fixture(scope="module")
def batch() -> Batch:
    made = sample.generate(until=UNTIL, captured_at=evening(UNTIL))
    thinned = made.prices.filter(pl.col("symbol").is_in(SYMBOLS)).filter(
        # one leg lacks single sessions, and once a long stretch: gaps take part in the comparison
        ~((pl.col("symbol") == "XLRG") & (pl.col("session_date").dt.ordinal_day() % 97 == 5)),
        ~((pl.col("symbol") == "XGRW") & pl.col("session_date").is_between(dt.date(2004, 2, 2), dt.date(2004, 2, 27))),
    )
    return dataclasses.replace(made, prices=thinned, facts=FACTS)


@pytest.fixture(scope="module")
def full(batch: Batch) -> Tables:
    return built(batch, CONFIG, evening(UNTIL))


def test_the_sample_has_what_the_comparison_needs(full: Tables):
    bars = full["core.prices"]
    assert (bars["dividend"] > 0).sum() > 100
    assert (bars["split_ratio"] != 1).sum() == 1
    assert bars["total_return_index"].null_count() > 0


def test_some_snapshots_are_known_only_on_the_day_after(full: Tables):
    gap = full["derived.valuation_gap"].join(full["core.sessions"], on="session_date")
    growth = full["core.fund_facts"].filter(pl.col("symbol") == "XGRW")
    of_day = gap.filter(pl.col("growth") == "XGRW", pl.col("value") == "XSVA").join(
        growth, left_on="session_date", right_on="quoted_on"
    )
    of_day = of_day.filter(pl.col("trailing_pe").is_not_null())
    late = pl.col("available_at") > pl.col("close_at")
    assert of_day.filter(late).height > 50 and of_day.filter(~late).height > 50
    assert of_day.filter(~late).select((pl.col("growth_pe") == pl.col("trailing_pe")).all()).item()
    assert of_day.filter(late).select((pl.col("growth_pe") < pl.col("trailing_pe")).all()).item()


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_a_build_on_data_up_to_a_day_is_the_full_build_cut_there(batch: Batch, full: Tables, cut: dt.date):
    may_be_empty = COMPARED if cut == CUTS[0] else FROM_2022
    assert_no_look_ahead(full, built(batch, CONFIG, evening(cut)), cut, may_be_empty=may_be_empty)


def test_daily_tables_know_nothing_of_tomorrow(batch: Batch):
    """The last row of the cut build is there too: nothing waits for a later session."""
    cut = dt.date(2008, 10, 13)
    tables = built(batch, CONFIG, evening(cut))
    for name in ("returns", "relative_strength", "valuation_gap"):
        assert tables[f"derived.{name}"]["session_date"].max() == cut


def test_a_value_that_the_source_dates_is_not_known_before_that_date(batch: Batch, full: Tables):
    """Cut the dated captures themselves: what was captured after T cannot have been known at T."""
    dated = batch.macro.filter("is_vintage")
    names = dated["series_id"].unique().to_list()
    releases = full["core.macro_releases"].filter(pl.col("series_id").is_in(names))
    for cut in CUTS:
        then = macro_releases(dated.filter(pl.col("captured_at") <= evening(cut)), CONFIG.series, evening(cut))
        known = releases.filter(pl.col("available_at") <= evening(cut))
        assert known.height
        assert_frame_equal(then, known, check_exact=True)
