"""TA-Lib: a loop over symbols, NumPy arrays in and out. It knows nothing of dates, so nothing of missing sessions."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import talib

from benchmarks.peers import series
from pipeline.contracts.derived.strength import RATIO_WINDOWS, RETURN_WINDOWS, SPREAD_WINDOWS

UNBROKEN_ONLY = True
Function = Callable[[dict[str, np.ndarray]], Sequence[np.ndarray]]


def _bands(x: dict[str, np.ndarray]) -> Sequence[np.ndarray]:
    upper, _, lower = talib.BBANDS(x["close"], 20, 2, 2)
    return upper, lower


def _rotation(x: dict[str, np.ndarray]) -> Sequence[np.ndarray]:
    ratio = x["ratio"]
    strength = 100 + (ratio - talib.SMA(ratio, 63)) / talib.STDDEV(ratio, 63)
    change = talib.ROCP(strength, 1)
    return strength, 100 + (change - talib.SMA(change, 63)) / talib.STDDEV(change, 63)


def _volatility(x: dict[str, np.ndarray]) -> np.ndarray:
    """TA-Lib has the population SD only."""
    moves = np.diff(np.log(x["close"]), prepend=np.nan)
    return talib.STDDEV(moves, 21) * (252 * 21 / 20) ** 0.5


def _return(x: dict[str, np.ndarray], n: int) -> Sequence[np.ndarray]:
    return [talib.ROCP(x["close"], n)]


def _spread(x: dict[str, np.ndarray], n: int) -> Sequence[np.ndarray]:
    return [100 * (talib.ROCP(x["level"], n) - talib.ROCP(x["benchmark_level"], n))]


def _ratio_change(x: dict[str, np.ndarray], n: int) -> Sequence[np.ndarray]:
    return [talib.ROCP(x["ratio"], n)]


FUNCTIONS: dict[str, dict[tuple[str, ...], Function]] = {
    "returns": {
        **{(f"ret_{n}d",): partial(_return, n=n) for n in RETURN_WINDOWS},
        ("realized_vol_21d",): lambda x: [_volatility(x)],
    },
    "relative_strength": {
        **{(f"spread_{n}d_pp",): partial(_spread, n=n) for n in SPREAD_WINDOWS},
        **{(f"ratio_change_{n}d",): partial(_ratio_change, n=n) for n in RATIO_WINDOWS},
        ("mansfield_252",): lambda x: [100 * (x["ratio"] / talib.SMA(x["ratio"], 252) - 1)],
        ("rot_ratio", "rot_momentum"): _rotation,
        ("beta_252",): lambda x: [talib.BETA(x["benchmark_level"], x["level"], 252)],
        ("corr_63",): lambda x: [talib.CORREL(talib.ROCP(x["level"], 1), talib.ROCP(x["benchmark_level"], 1), 63)],
    },
    "trend": {
        ("sma_50",): lambda x: [talib.SMA(x["close"], 50)],
        ("sma_200",): lambda x: [talib.SMA(x["close"], 200)],
        ("ema_21",): lambda x: [talib.EMA(x["close"], 21)],
        ("rsi_14",): lambda x: [talib.RSI(x["close"], 14)],
        ("atr_14",): lambda x: [talib.ATR(x["high"], x["low"], x["close"], 14)],
        ("bollinger_upper", "bollinger_lower"): _bands,
        ("high_252_distance",): lambda x: [x["close"] / talib.MAX(x["close"], 252) - 1],
    },
}


FAMILIES = tuple(FUNCTIONS)
prepared = series.prepared


def computed(data: series.Series, family: str, columns: Sequence[str] | None = None) -> series.Found:
    """Columns of a family, of every series in turn; `columns`: these alone."""
    return series.computed(data[family], FUNCTIONS[family], columns)


frame = series.frame
