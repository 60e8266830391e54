"""Averages, bands, RSI and ATR of every real symbol against TA-Lib, which others wrote and many use.

The real files lie beside the repository and are not part of it; without them, or without the library, this is skipped.
Both start a Wilder mean from the plain mean of the first 14 moves, and a true range needs the close before it, so
that even the first values agree. Where the two differ:

- TA-Lib gives an RSI of 0 where nothing has moved since the first bar; the definition says 50.
- TA-Lib writes NaN before the first value, and its means are NaN for ever after one inside the input; here a window
  that is not full is NULL, and a bar without high or low is passed over.
- TA-Lib knows no calendar: it runs on over a gap of any length. No real symbol has one; the test says so.
- TA-Lib's SD is the root of the mean square less the squared mean, which loses digits: its bands are up to 6e-13 of the
  price off, the other figures up to 1e-14.
"""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline import config
from pipeline.sources.files import read_file
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions
from pipeline.transforms.trend import trend

FOLDER = Path(__file__).parents[2].parent / "shared" / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")
talib = pytest.importorskip("talib", reason="TA-Lib is not installed: pip install -e '.[dev]'")

CONFIG = config.load()
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
TOLERANCE = 1e-11  # of the close, of RSI its range


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    captured = [
        read_file(path, origin=path.name, known_symbols=CONFIG.by_symbol.keys(), captured_at=RECEIVED).prices
        for path in sorted((FOLDER / "prices").glob("*.csv"))
    ]
    return prices(pl.concat(captured), sessions(RECEIVED), CONFIG.instruments).prices


@pytest.fixture(scope="module")
def found(bars: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([bars.select("high", "low", "close"), trend(bars, "SPY")], how="horizontal")


def of_talib(bars: pl.DataFrame) -> dict[str, np.ndarray]:
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    upper, _, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2, nbdevdn=2)
    return {
        "sma_50": talib.SMA(close, 50),
        "sma_200": talib.SMA(close, 200),
        "ema_21": talib.EMA(close, 21),
        "rsi_14": talib.RSI(close, 14),
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "atr_14": talib.ATR(high, low, close, 14),
    }


def test_there_are_73_symbols_without_gaps_and_with_whole_bars(bars: pl.DataFrame):
    assert bars["symbol"].n_unique() == 73
    steps = bars.select(pl.col("session_no").diff().over("symbol")).to_series()
    assert steps.max() == 1
    assert bars.select(pl.col("high", "low", "close").null_count()).row(0) == (0, 0, 0)


@pytest.mark.parametrize(
    "name", ["sma_50", "sma_200", "ema_21", "rsi_14", "bollinger_upper", "bollinger_lower", "atr_14"]
)
def test_every_value_of_every_symbol(found: pl.DataFrame, name: str):
    for (symbol,), one in found.group_by(["symbol"], maintain_order=True):
        ours = one[name].fill_null(float("nan")).to_numpy()
        theirs = of_talib(one)[name]
        scale = 100.0 if name == "rsi_14" else one["close"].to_numpy()
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), symbol
        worst = np.nanmax(np.abs(ours - theirs) / scale, initial=0)
        assert worst <= TOLERANCE, (symbol, worst)


def test_without_moves_only_the_definition_says_50(bars: pl.DataFrame):
    still = bars.filter(pl.col("symbol") == "IWM").head(30).with_columns(close=pl.lit(10.0))
    assert trend(still, "SPY")["rsi_14"].to_list()[14:] == [50.0] * 16
    assert talib.RSI(np.full(30, 10.0), 14)[14:].tolist() == [0.0] * 16
