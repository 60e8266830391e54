"""Trend, momentum, phases and distance from extremes of every symbol. Definitions, section 3."""

import polars as pl

from pipeline.contracts.derived.trend import Trend
from pipeline.transforms.phases import with_phases
from pipeline.transforms.windows import (
    BEAR_TERRITORY,
    CORRECTION,
    GROUP,
    MAX_MISSING_SESSIONS,
    apart,
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


def trend(prices: pl.DataFrame, benchmark: str, benchmarks: pl.DataFrame | None = None) -> pl.DataFrame:
    """Compute derived.trend from core.prices.

    Args:
        prices: core.prices, or one shard of its symbols, sorted by key.
        benchmark: what leadership is measured against, SPY; its own leadership is NULL.
        benchmarks: core.prices of the benchmark; None: `prices` holds it.
    """
    other = (prices if benchmarks is None else benchmarks).filter(pl.col("symbol") == benchmark)
    price = ("high", "low", "close", "volume")
    return (
        prices.select("symbol", "session_date", "session_no", *price, pl.col("symbol").rle_id().alias(GROUP))
        .pipe(_with_ratio, benchmark, other.select("session_no", other="close"))
        .pipe(apart)
        .lazy()
        .with_columns(_run().alias(RUN))
        .with_columns(**_averages(), **_moves(), peak=pl.col("close").cum_max().over(GROUP))
        .with_columns(**_wilder_means(), **_distances(), **_slopes(), **_volume(), **_extremes())
        .with_columns(**_oscillators(), **_of_momentum(), **_of_leadership())
        .with_columns(**_bands())
        .collect(engine="in-memory")
        .pipe(with_phases)
        .select(Trend.column_names())
    )


def _with_ratio(bars: pl.DataFrame, benchmark: str, other: pl.DataFrame) -> pl.DataFrame:
    """Add the ratio to the benchmark, NULL without one, and what keeps its windows to the common sessions."""
    is_benchmark = pl.col("symbol") == benchmark
    return (
        bars.join(other, on="session_no", how="left", maintain_order="left")
        .with_columns(ratio=pl.when(~is_benchmark).then(pl.col("close") / pl.col("other")))
        .with_columns((2 * pl.col(GROUP) + pl.col("ratio").is_null()).alias(COMMON))
    )


def _run() -> pl.Expr:
    session = pl.col("session_no")
    follows = session - session.shift(1) <= 1 + MAX_MISSING_SESSIONS
    return (~follows.fill_null(False)).cum_sum()


def _averages() -> dict[str, pl.Expr]:
    close, ratio = pl.col("close"), pl.col("ratio")
    means = {f"sma_{n}": guarded(close.rolling_mean(n).over(GROUP), n - 1) for n in (BOLLINGER, 50, 200)}
    return means | {
        "sd_20": close.rolling_std(BOLLINGER, ddof=0).over(GROUP),
        "sd_50": close.rolling_std(50, ddof=0).over(GROUP),
        "ema_21": guarded(_smoothed(close, EMA, 2 / (EMA + 1)).over(RUN), EMA - 1),
        "leadership": (100 * (ratio / moving_average(ratio, 50) - 1)).over(COMMON),
    }


def _smoothed(x: pl.Expr, n: int, alpha: float) -> pl.Expr:
    """Exponential mean whose seed, on the n-th value, is the mean of the first n; NULL before.

    Where x is NULL so is the mean; the next value goes on from the mean before.
    """
    values = x.is_not_null().cum_sum()
    seeded = pl.when(values == n).then(x.cum_sum() / n).when(values > n).then(x)
    return seeded.ewm_mean(alpha=alpha, adjust=False, ignore_nulls=True)


def _moves() -> dict[str, pl.Expr]:
    """Rise, fall and true range of each bar since the one before it in its run; the first bar has none."""
    close, high, low = pl.col("close"), pl.col("high"), pl.col("low")
    before = pl.when(pl.col(RUN) == pl.col(RUN).shift(1)).then(close.shift(1))
    is_whole = high.is_not_null() & low.is_not_null() & before.is_not_null()
    true_range = pl.max_horizontal(high, before) - pl.min_horizontal(low, before)
    return {
        "gain": (close - before).clip(lower_bound=0),
        "loss": (before - close).clip(lower_bound=0),
        "true_range": pl.when(is_whole).then(true_range),
    }


def _wilder_means() -> dict[str, pl.Expr]:
    """Mean gain, loss and true range, (13 x the mean before + x) / 14: J. W. Wilder, 1978."""
    return {name: _smoothed(pl.col(name), WILDER, 1 / WILDER).over(RUN) for name in ("gain", "loss", "true_range")}


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
    atr = guarded(pl.col("true_range"), WILDER)
    return {"rsi_14": guarded(rsi, WILDER), "atr_14": atr, "atr_14_pct": 100 * atr / close}


def _slopes() -> dict[str, pl.Expr]:
    sma_50 = pl.col("sma_50")
    above = in_a_row(at_least(pl.col("close"), sma_50)).over(GROUP)
    return {
        "sma_50_slope_20": change(sma_50, 20),
        "sma_200_slope_20": change(pl.col("sma_200"), 20),
        "closes_above_sma50": pl.when(sma_50.is_not_null()).then(above),
    }


def _volume() -> dict[str, pl.Expr]:
    volume = pl.col("volume")
    # rolling sums may leave noise where nothing was traded for 50 sessions
    relative = divided(volume, volume.shift(1).rolling_mean(50).over(GROUP), tiny=volume * 1e-9)
    return {"relative_volume_50": guarded(pl.when(volume > 0).then(relative), 50)}


def _extremes() -> dict[str, pl.Expr]:
    """Distance from extreme closes; the running maximum is no window, so no gap breaks it."""
    close, peak = pl.col("close"), pl.col("peak")
    highest, lowest = close.rolling_max(YEAR), close.rolling_min(YEAR)
    return {
        "high_252_distance": guarded(close / highest - 1, YEAR - 1),
        "is_high_252": guarded(at_least(close, highest), YEAR - 1),
        "is_low_252": guarded(at_most(close, lowest), YEAR - 1),
        "drawdown": close / peak - 1,
        "is_bear_territory": at_most(close, BEAR_TERRITORY * peak),
        "is_correction": at_most(close, CORRECTION * peak),
    }


def _of_momentum() -> dict[str, pl.Expr]:
    momentum = pl.col("momentum_200")
    return {
        "momentum_200_sma50": guarded(momentum.rolling_mean(50).over(GROUP), 49),
        "momentum_200_sma200": guarded(momentum.rolling_mean(200).over(GROUP), 199),
        "momentum_200_sd": momentum.rolling_std(50, ddof=0).over(GROUP),
    }


def _of_leadership() -> dict[str, pl.Expr]:
    leadership = pl.col("leadership")
    return {
        "leadership_mean": moving_average(leadership, BOLLINGER).over(COMMON),
        "leadership_sd": leadership.rolling_std(BOLLINGER, ddof=0).over(COMMON),
    }


def _bands() -> dict[str, pl.Expr]:
    """Two SDs around a mean."""
    centres = {"momentum_200": "momentum_200_sma50", "leadership": "leadership_mean"}
    return {
        f"{name}_{side}": pl.col(centre) + factor * pl.col(f"{name}_sd")
        for name, centre in centres.items()
        for side, factor in (("upper", 2), ("lower", -2))
    }
