"""A symbol against a benchmark. Definitions, section 1."""

from collections.abc import Iterable

import polars as pl

from pipeline.contracts.derived.strength import RATIO_WINDOWS, SPREAD_WINDOWS
from pipeline.transforms.windows import (
    EQUAL,
    GROUP,
    RETURN_TOLERANCE,
    change,
    deviation,
    divided,
    guarded,
    pair_levels,
)

KEY = ["symbol", "benchmark", "basis"]
ROTATION_WINDOW = 63
YEAR = 252
NO_VARIANCE = 1e-9  # a standard deviation of daily returns below this is rounding noise


def spread_pp(n: int) -> pl.Expr:
    """100 x (n-session return of the symbol less that of the benchmark): not a sum of daily spreads."""
    return 100 * (change(pl.col("level"), n) - change(pl.col("benchmark_level"), n))


def relative_strength(prices: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Compute derived.relative_strength from core.prices for (symbol, benchmark) pairs.

    All windows trail: a z-score over the full sample, as some libraries take it, would repaint history.
    """
    ratio = pl.col("ratio")
    return (
        pair_levels(prices, pairs)
        .with_columns(ratio=pl.col("level") / pl.col("benchmark_level"))
        .with_columns(
            ret=change(pl.col("level"), 1).over(GROUP),
            benchmark_ret=change(pl.col("benchmark_level"), 1).over(GROUP),
            ret_63d=change(pl.col("level"), 63).over(GROUP),
            rot_ratio=(100 + guarded(deviation(ratio, ROTATION_WINDOW), ROTATION_WINDOW - 1)).over(GROUP),
        )
        .with_columns(roc=change(pl.col("rot_ratio"), 1).over(GROUP))
        .with_columns(rot_momentum=_momentum().over(GROUP))
        .select(
            *KEY,
            "session_date",
            "ratio",
            (100 * ratio / ratio.first()).over(GROUP).alias("ratio_index"),
            *(spread_pp(n).over(GROUP).alias(f"spread_{n}d_pp") for n in SPREAD_WINDOWS),
            *(change(ratio, n).over(GROUP).alias(f"ratio_change_{n}d") for n in RATIO_WINDOWS),
            guarded(100 * (ratio / ratio.rolling_mean(YEAR) - 1), YEAR - 1).over(GROUP).alias("mansfield_252"),
            guarded(ratio >= ratio.rolling_max(YEAR) * (1 - EQUAL), YEAR - 1).over(GROUP).alias("is_ratio_high_252"),
            "rot_ratio",
            "rot_momentum",
            _quadrant().alias("quadrant"),
            pl.col("ret_63d"),
            _beta().over(GROUP).alias("beta_252"),
            _correlation().over(GROUP).alias("corr_63"),
        )
        .with_columns(regime_63d=_regime())
        .drop("ret_63d")
    )


def _momentum() -> pl.Expr:
    """100 + z-score of the daily change of rot_ratio, whose mean is near zero: only a zero SD is refused."""
    roc = pl.col("roc")
    z = divided(roc - roc.rolling_mean(ROTATION_WINDOW), roc.rolling_std(ROTATION_WINDOW, ddof=0), tiny=1e-12)
    return guarded(100 + z, ROTATION_WINDOW - 1)


def _quadrant() -> pl.Expr:
    strong, rising = pl.col("rot_ratio") > 100, pl.col("rot_momentum") > 100
    return (
        pl.when(strong & rising)
        .then(pl.lit("leading"))
        .when(strong & ~rising)
        .then(pl.lit("weakening"))
        .when(~strong & ~rising)
        .then(pl.lit("lagging"))
        .when(~strong & rising)
        .then(pl.lit("improving"))
    )


def _regime() -> pl.Expr:
    up = pl.col("ret_63d") > RETURN_TOLERANCE
    leading = pl.col("spread_63d_pp") > 100 * RETURN_TOLERANCE  # a difference of returns carries their noise
    return (
        pl.when(up & leading)
        .then(pl.lit("up_leading"))
        .when(up & ~leading)
        .then(pl.lit("up_lagging"))
        .when(~up & leading)
        .then(pl.lit("down_leading"))
        .when(~up & ~leading)
        .then(pl.lit("down_lagging"))
    )


def _beta() -> pl.Expr:
    covariance = pl.rolling_cov(pl.col("ret"), pl.col("benchmark_ret"), window_size=YEAR, ddof=1)
    variance = pl.col("benchmark_ret").rolling_var(YEAR, ddof=1)
    return guarded(divided(covariance, variance, tiny=NO_VARIANCE**2), YEAR)


def _correlation() -> pl.Expr:
    ret, other = pl.col("ret"), pl.col("benchmark_ret")
    moves = (ret.rolling_std(63) > NO_VARIANCE) & (other.rolling_std(63) > NO_VARIANCE)
    return guarded(pl.when(moves).then(pl.rolling_corr(ret, other, window_size=63)), 63)
