"""Trend, momentum, phases and distance from extremes of every symbol. Definitions, section 3."""

import polars as pl

from pipeline.contracts.derived.trend import Trend
from pipeline.transforms.phases import with_phases
from pipeline.transforms.windows import (
    BEAR_TERRITORY,
    CORRECTION,
    GROUP,
    MAX_MISSING_SESSIONS,
    at_least,
    at_most,
    change,
    divided,
    guarded,
    in_a_row,
    in_deviations,
    moving_average,
)

COMMON = "common"  # numbers a symbol's sessions with the benchmark apart from those without
RUN = "run"  # numbers the stretches of a symbol's bars that no long gap breaks
EMA = 21
WILDER = 14  # sessions of RSI and ATR
BOLLINGER = 20
YEAR = 252
NO_MOVES = 1e-12  # mean move over close: less is rounding noise


def trend(prices: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    """Compute derived.trend from core.prices.

    Args:
        prices: core.prices, sorted by key.
        benchmark: what leadership is measured against, SPY; its own leadership is NULL.
    """
    price = ("high", "low", "close", "volume")
    return (
        prices.select("symbol", "session_date", "session_no", *price, pl.col("symbol").rle_id().alias(GROUP))
        .pipe(_with_ratio, benchmark)
        .with_columns(_run().alias(RUN))
        .with_columns(**_averages(), **_wilder_means(), peak=pl.col("close").cum_max().over(GROUP))
        .with_columns(**_distances(), **_oscillators(), **_slopes(), **_volume(), **_extremes())
        .with_columns(**_of_momentum(), **_of_leadership())
        .pipe(with_phases)
        .select(Trend.column_names())
    )


def _with_ratio(bars: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    """Add the ratio to the benchmark, NULL without one, and what keeps its windows to the common sessions."""
    is_benchmark = pl.col("symbol") == benchmark
    other = bars.filter(is_benchmark).select("session_no", other="close")
    return (
        bars.join(other, on="session_no", how="left", maintain_order="left")
        .with_columns(ratio=pl.when(~is_benchmark).then(pl.col("close") / pl.col("other")))
        .with_columns((2 * pl.col(GROUP) + pl.col("ratio").is_null()).alias(COMMON))
    )


def _run() -> pl.Expr:
    session = pl.col("session_no")
    follows = session - session.shift(1) <= 1 + MAX_MISSING_SESSIONS
    return (~follows.over(GROUP).fill_null(False)).cum_sum()


def _averages() -> dict[str, pl.Expr]:
    close, ratio = pl.col("close"), pl.col("ratio")
    return {
        "sma_20": moving_average(close, BOLLINGER).over(GROUP),
        "sma_50": moving_average(close, 50).over(GROUP),
        "sma_200": moving_average(close, 200).over(GROUP),
        "sd_20": close.rolling_std(BOLLINGER, ddof=0).over(GROUP),
        "sd_50": close.rolling_std(50, ddof=0).over(GROUP),
        "ema_21": guarded(_smoothed(close, EMA, 2 / (EMA + 1)).over(RUN), EMA - 1).over(GROUP),
        "leadership": (100 * (ratio / moving_average(ratio, 50) - 1)).over(COMMON),
    }


def _smoothed(x: pl.Expr, n: int, alpha: float) -> pl.Expr:
    """Exponential mean whose seed, on the n-th value, is the mean of the first n; NULL before.

    Where x is NULL so is the mean; the next value goes on from the mean before.
    """
    values = x.is_not_null().cum_sum()
    seeded = pl.when(values == n).then(x.cum_sum() / n).when(values > n).then(x)
    return seeded.ewm_mean(alpha=alpha, adjust=False, ignore_nulls=True)


def _wilder_means() -> dict[str, pl.Expr]:
    """Mean gain, loss and true range, (13 x the mean before + x) / 14: J. W. Wilder, 1978.

    A true range needs the close before it, so the first bar has none.
    """
    close, high, low = pl.col("close"), pl.col("high"), pl.col("low")
    move, before = close.diff(), close.shift(1)
    is_whole = high.is_not_null() & low.is_not_null() & before.is_not_null()
    true_range = pl.max_horizontal(high, before) - pl.min_horizontal(low, before)
    values = {
        "gain": move.clip(lower_bound=0),
        "loss": (-move).clip(lower_bound=0),
        "true_range": pl.when(is_whole).then(true_range),
    }
    return {name: _smoothed(x, WILDER, 1 / WILDER).over(RUN) for name, x in values.items()}


def _distances() -> dict[str, pl.Expr]:
    close, sma_20, width = pl.col("close"), pl.col("sma_20"), 2 * pl.col("sd_20")
    return {
        "bollinger_upper": sma_20 + width,
        "bollinger_lower": sma_20 - width,
        # (C - lower) / (upper - lower), the bands being 2 SD off the mean
        "bollinger_pct_b": 0.5 + in_deviations(close, sma_20, pl.col("sd_20")) / 4,
        "distance_sma50_sd": in_deviations(close, pl.col("sma_50"), pl.col("sd_50")),
        "momentum_200": 100 * (close / pl.col("sma_200") - 1),
    }


def _oscillators() -> dict[str, pl.Expr]:
    close, gain = pl.col("close"), pl.col("gain")
    moves = gain + pl.col("loss")
    rsi = pl.when(moves > NO_MOVES * close).then(100 * gain / moves).when(moves.is_not_null()).then(50.0)
    atr = guarded(pl.col("true_range"), WILDER).over(GROUP)
    return {"rsi_14": guarded(rsi, WILDER).over(GROUP), "atr_14": atr, "atr_14_pct": 100 * atr / close}


def _slopes() -> dict[str, pl.Expr]:
    sma_50 = pl.col("sma_50")
    above = in_a_row(at_least(pl.col("close"), sma_50)).over(GROUP)
    return {
        "sma_50_slope_20": change(sma_50, 20).over(GROUP),
        "sma_200_slope_20": change(pl.col("sma_200"), 20).over(GROUP),
        "closes_above_sma50": pl.when(sma_50.is_not_null()).then(above),
    }


def _volume() -> dict[str, pl.Expr]:
    volume = pl.col("volume")
    # rolling sums may leave noise where nothing was traded for 50 sessions
    relative = divided(volume, volume.shift(1).rolling_mean(50), tiny=volume * 1e-9)
    return {"relative_volume_50": guarded(pl.when(volume > 0).then(relative), 50).over(GROUP)}


def _extremes() -> dict[str, pl.Expr]:
    """Distance from extreme closes; the running maximum is no window, so no gap breaks it."""
    close, peak = pl.col("close"), pl.col("peak")
    highest, lowest = close.rolling_max(YEAR), close.rolling_min(YEAR)
    return {
        "high_252_distance": guarded(close / highest - 1, YEAR - 1).over(GROUP),
        "is_high_252": guarded(at_least(close, highest), YEAR - 1).over(GROUP),
        "is_low_252": guarded(at_most(close, lowest), YEAR - 1).over(GROUP),
        "drawdown": close / peak - 1,
        "is_bear_territory": at_most(close, BEAR_TERRITORY * peak),
        "is_correction": at_most(close, CORRECTION * peak),
    }


def _of_momentum() -> dict[str, pl.Expr]:
    momentum = pl.col("momentum_200")
    mean, width = moving_average(momentum, 50), 2 * momentum.rolling_std(50, ddof=0)
    return {
        "momentum_200_sma50": mean.over(GROUP),
        "momentum_200_sma200": moving_average(momentum, 200).over(GROUP),
        "momentum_200_upper": (mean + width).over(GROUP),
        "momentum_200_lower": (mean - width).over(GROUP),
    }


def _of_leadership() -> dict[str, pl.Expr]:
    leadership = pl.col("leadership")
    mean, width = moving_average(leadership, BOLLINGER), 2 * leadership.rolling_std(BOLLINGER, ddof=0)
    return {"leadership_upper": (mean + width).over(COMMON), "leadership_lower": (mean - width).over(COMMON)}
