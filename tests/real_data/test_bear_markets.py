"""Bear markets of the real SPY: dates that are public knowledge, and no look-ahead.

The files lie beside the repository and are not part of it; without them these tests are skipped.
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.sources.files import read_file
from pipeline.transforms.drawdowns import drawdowns
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions

FOLDER = Path(__file__).parents[2].parent / "shared" / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")

CONFIG = config.load()
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
KNOWN = {
    "2000-03-24": {"trough_date": "2002-10-09"},
    "2007-10-09": {
        "confirmed_bear_on": "2008-07-07",
        "left_bear_territory_on": "2008-07-08",
        "new_bull_on": "2008-12-08",
        "trough_date": "2009-03-09",
        "recovered_on": "2013-03-14",
    },
    "2020-02-19": {
        "confirmed_bear_on": "2020-03-12",
        "trough_date": "2020-03-23",
        "left_bear_territory_on": "2020-04-08",
        "new_bull_on": "2020-04-08",
        "recovered_on": "2020-08-18",
    },
    "2022-01-03": {"trough_date": "2022-10-12"},
}


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    path = FOLDER / "prices" / "SPY.csv"
    batch = read_file(path, origin=path.name, known_symbols=CONFIG.by_symbol.keys(), captured_at=RECEIVED)
    return prices(batch.prices, sessions(RECEIVED), CONFIG.instruments).prices


@pytest.fixture(scope="module")
def found(bars: pl.DataFrame) -> pl.DataFrame:
    return drawdowns(bars)


@pytest.mark.parametrize("peak", KNOWN)
def test_dates_of_the_bear_markets_of_spy(found: pl.DataFrame, peak: str):
    row = found.filter(pl.col("peak_date") == dt.date.fromisoformat(peak)).row(0, named=True)
    assert {name: str(row[name]) for name in KNOWN[peak]} == KNOWN[peak]
    assert row["confirmed_bear_on"] is not None and row["depth"] <= -0.2


def test_a_spell_known_that_day_is_in_every_later_build(bars: pl.DataFrame, found: pl.DataFrame):
    for cut in (dt.date(2003, 3, 11), dt.date(2008, 12, 31), dt.date(2020, 8, 17), dt.date(2020, 8, 18)):
        then = drawdowns(bars.filter(pl.col("session_date") <= cut))
        assert_frame_equal(
            then.filter(~pl.col("is_open")), found.filter(pl.col("recovered_on") <= cut), check_exact=True
        )


def test_the_new_bull_of_2008_was_known_before_the_lower_low_of_2009(bars: pl.DataFrame):
    then = drawdowns(bars.filter(pl.col("session_date") <= dt.date(2008, 12, 31))).filter("is_open")
    assert then.select("trough_date", "new_bull_on").rows() == [(dt.date(2008, 11, 20), dt.date(2008, 12, 8))]
