"""polars-talib: TA-Lib as Polars expressions, over the symbol or pair."""

from collections.abc import Sequence

import polars as pl
import polars_talib as ta

from benchmarks.peers import series
from pipeline.contracts.derived.strength import RATIO_WINDOWS, RETURN_WINDOWS, SPREAD_WINDOWS

UNBROKEN_ONLY = True


def _change(x: pl.Expr, n: int) -> pl.Expr:
    return ta.rocp(x, timeperiod=n)


def _rotation() -> dict[str, pl.Expr]:
    ratio = pl.col("ratio")
    strength = 100 + (ratio - ta.sma(ratio, timeperiod=63)) / ta.stddev(ratio, timeperiod=63)
    change = _change(strength, 1)
    momentum = 100 + (change - ta.sma(change, timeperiod=63)) / ta.stddev(change, timeperiod=63)
    return {"rot_ratio": strength, "rot_momentum": momentum}


def _expressions() -> dict[str, dict[str, pl.Expr]]:
    close, level, other, ratio = (pl.col(name) for name in ("close", "level", "benchmark_level", "ratio"))
    bands = ta.bbands(close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    volatility = ta.stddev(close.log().diff(), timeperiod=21) * (252 * 21 / 20) ** 0.5
    return {
        "returns": {
            **{f"ret_{n}d": _change(close, n) for n in RETURN_WINDOWS},
            "realized_vol_21d": volatility,
        },
        "relative_strength": {
            **{f"spread_{n}d_pp": 100 * (_change(level, n) - _change(other, n)) for n in SPREAD_WINDOWS},
            **{f"ratio_change_{n}d": _change(ratio, n) for n in RATIO_WINDOWS},
            "mansfield_252": 100 * (ratio / ta.sma(ratio, timeperiod=252) - 1),
            **_rotation(),
            "beta_252": ta.beta(other, level, timeperiod=252),
            "corr_63": ta.correl(_change(level, 1), _change(other, 1), timeperiod=63),
        },
        "trend": {
            "sma_50": ta.sma(close, timeperiod=50),
            "sma_200": ta.sma(close, timeperiod=200),
            "ema_21": ta.ema(close, timeperiod=21),
            "rsi_14": ta.rsi(close, timeperiod=14),
            "atr_14": ta.atr(pl.col("high"), pl.col("low"), close, timeperiod=14),
            "bollinger_upper": bands.struct.field("upperband"),
            "bollinger_lower": bands.struct.field("lowerband"),
            "high_252_distance": close / ta.max(close, timeperiod=252) - 1,
        },
    }


FAMILIES = ("returns", "relative_strength", "trend")
prepared = series.prepared


def computed(data: series.Series, family: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Columns of a family; `columns`: these alone."""
    given = data[family]
    key = [name for name in given.keys.columns if name != "session_date"]
    chosen = {name: x for name, x in _expressions()[family].items() if columns is None or name in columns}
    return given.rows.select(**{name: x.over(key) for name, x in chosen.items()})


def frame(data: series.Series, family: str, found: pl.DataFrame) -> pl.DataFrame:
    """The columns beside their keys."""
    return pl.concat([data[family].keys, found.with_columns(pl.all().fill_nan(None))], how="horizontal")
