"""pandas-ta-classic in its own (not TA-Lib's) implementation: a loop over symbols, pandas Series in and out."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import pandas_ta_classic as ta
import polars as pl

from benchmarks.peers import series
from pipeline.config import StreakRule
from pipeline.contracts.derived.strength import RATIO_WINDOWS, RETURN_WINDOWS, SPREAD_WINDOWS

UNBROKEN_ONLY = True
Function = Callable[[dict[str, pd.Series]], Sequence[pd.Series]]


def _given(found: pd.Series | None, like: pd.Series) -> pd.Series:
    """The library gives nothing at all for a series shorter than the window."""
    return pd.Series(np.nan, like.index) if found is None else found


def _change(x: pd.Series, n: int) -> pd.Series:
    return _given(ta.percent_return(x, length=n), x)


def _mean(x: pd.Series, n: int) -> pd.Series:
    return _given(ta.sma(x, length=n), x)


def _sd(x: pd.Series, n: int, ddof: int) -> pd.Series:
    return _given(ta.stdev(x, length=n, ddof=ddof), x)


def _bands(x: dict[str, pd.Series]) -> Sequence[pd.Series]:
    bands = ta.bbands(x["close"], length=20, std=2, ddof=0)
    names = ("BBU_20_2.0", "BBL_20_2.0", "BBP_20_2.0")
    return [_given(None if bands is None else bands[name], x["close"]) for name in names]


def _rotation(x: dict[str, pd.Series]) -> Sequence[pd.Series]:
    ratio = x["ratio"]
    strength = 100 + (ratio - _mean(ratio, 63)) / _sd(ratio, 63, 0)
    change = _change(strength, 1)
    return strength, 100 + (change - _mean(change, 63)) / _sd(change, 63, 0)


def _wilder_range(x: dict[str, pd.Series]) -> pd.Series:
    return _given(ta.atr(x["high"], x["low"], x["close"], length=14), x["close"])


def _return(x: dict[str, pd.Series], n: int) -> Sequence[pd.Series]:
    return [_change(x["close"], n)]


def _spread(x: dict[str, pd.Series], n: int) -> Sequence[pd.Series]:
    return [100 * (_change(x["level"], n) - _change(x["benchmark_level"], n))]


def _ratio_change(x: dict[str, pd.Series], n: int) -> Sequence[pd.Series]:
    return [_change(x["ratio"], n)]


FUNCTIONS: dict[str, dict[tuple[str, ...], Function]] = {
    "returns": {
        **{(f"ret_{n}d",): partial(_return, n=n) for n in RETURN_WINDOWS},
        ("realized_vol_21d",): lambda x: [_sd(ta.log_return(x["close"], length=1), 21, 1) * 252**0.5],
    },
    "relative_strength": {
        **{(f"spread_{n}d_pp",): partial(_spread, n=n) for n in SPREAD_WINDOWS},
        **{(f"ratio_change_{n}d",): partial(_ratio_change, n=n) for n in RATIO_WINDOWS},
        ("mansfield_252",): lambda x: [100 * (x["ratio"] / _mean(x["ratio"], 252) - 1)],
        ("rot_ratio", "rot_momentum"): _rotation,
    },
    "trend": {
        ("sma_50",): lambda x: [_mean(x["close"], 50)],
        ("sma_200",): lambda x: [_mean(x["close"], 200)],
        ("ema_21",): lambda x: [_given(ta.ema(x["close"], length=21), x["close"])],
        ("rsi_14",): lambda x: [_given(ta.rsi(x["close"], length=14), x["close"])],
        ("atr_14",): lambda x: [_wilder_range(x)],
        ("bollinger_upper", "bollinger_lower", "bollinger_pct_b"): _bands,
        ("drawdown",): lambda x: [-ta.drawdown(x["close"])["DD_PCT"]],
    },
}


FAMILIES = tuple(FUNCTIONS)


def prepared(prices: pl.DataFrame, pairs: list[tuple[str, str]], rules: list[StreakRule]) -> series.Series:
    """Series of each symbol and pair."""
    given = series.prepared(prices, pairs, rules)
    return {
        family: one._replace(arrays=[{name: pd.Series(x) for name, x in arrays.items()} for arrays in one.arrays])
        for family, one in given.items()
    }


def computed(data: series.Series, family: str, columns: Sequence[str] | None = None) -> series.Found:
    """Columns of a family, of every series in turn; `columns`: these alone. A series too short has NaN."""
    return series.computed(data[family], FUNCTIONS[family], columns)


frame = series.frame
