"""What one file cannot show, a second copy of the symbol does: defects 08, 11, 12 and 13."""

import datetime as dt
import shutil
from pathlib import Path

import polars as pl
import pytest

from pipeline import config
from pipeline.sources.files import read_file
from pipeline.transforms.captures import price_edits
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions

MARKET_DATA = Path(__file__).parents[2].parent / "shared" / "market-data"
CONFIG = config.load()
GOOD_AT = dt.datetime(2025, 12, 10, 12, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

pytestmark = pytest.mark.skipif(not MARKET_DATA.is_dir(), reason="../shared/market-data is not here")

# number, symbol: kinds of change of the close, how many closes differ, copies left out, whether the good close stays
OUTCOMES = {
    ("08", "QQQ"): ({"adjusted"}, 6, 1, True),
    ("11", "MDY"): ({"revised"}, 1, 0, False),  # the newer copy wins, and the row says `revised`
    ("12", "IWM"): ({"adjusted"}, 3, 1, True),
    ("13", "IWM"): ({"revised"}, 1, 0, False),
}


def copies(number: str, symbol: str, folder: Path) -> pl.DataFrame:
    defect = next((MARKET_DATA / "defects").glob(f"{number}_*"))
    shutil.copyfile(defect, folder / f"{symbol}.csv")
    read = {"known_symbols": CONFIG.by_symbol.keys()}
    good = read_file(MARKET_DATA / "prices" / f"{symbol}.csv", origin="good", captured_at=GOOD_AT, **read).prices
    bad = read_file(folder / f"{symbol}.csv", origin="bad", captured_at=LATER, **read).prices
    return pl.concat([good, bad])


@pytest.mark.parametrize(("number", "symbol"), OUTCOMES)
def test_a_wrong_copy_is_caught_beside_a_right_one(number: str, symbol: str, tmp_path: Path):
    captures = copies(number, symbol, tmp_path)
    kinds, differing, left_out, keeps_good = OUTCOMES[number, symbol]
    closes = price_edits(captures).filter(pl.col("column_name") == "close")
    assert set(closes["kind"]) == kinds and closes.height == differing
    found = prices(captures, sessions(LATER), CONFIG.instruments)
    assert found.rejects.height == left_out
    days = closes["observed_on"].to_list()
    rows = found.prices.filter(pl.col("session_date").is_in(days))
    if keeps_good:
        assert set(rows["captured_at"]) == {GOOD_AT}
    else:
        assert all("revised" in flags for flags in rows["flags"])
