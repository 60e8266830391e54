"""A symbol against a benchmark. Definitions, section 1."""

from collections.abc import Iterable

import polars as pl

from pipeline.contracts.derived.strength import RATIO_WINDOWS, SPREAD_WINDOWS
from pipeline.transforms.windows import (
    EQUAL,
    GROUP,
    RETURN_TOLERANCE,
    apart,
    change,
    divided,
    guarded,
    in_deviations,
    pair_levels,
)

KEY = ["symbol", "benchmark", "basis"]
ROTATION_WINDOW = REGIME_WINDOW = CORRELATION_WINDOW = 63
YEAR = 252
NO_VARIANCE = 1e-9  # a standard deviation of daily returns below this is rounding noise


def spread_pp(n: int) -> pl.Expr:
    """100 x (n-session return of the symbol less that of the benchmark): not a sum of daily spreads."""
    return 100 * (change(pl.col("level"), n) - change(pl.col("benchmark_level"), n))


def relative_strength(
    prices: pl.DataFrame, pairs: Iterable[tuple[str, str]], benchmarks: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Compute derived.relative_strength from core.prices for (symbol, benchmark) pairs.

    All windows trail: a z-score over the full sample, as some libraries take it, would repaint history.

    Args:
        prices, pairs, benchmarks: as `pair_levels` takes them.
    """
    level, other, ratio = pl.col("level"), pl.col("benchmark_level"), pl.col("ratio")
    return (
        apart(pair_levels(prices, pairs, benchmarks))
        .lazy()
        .with_columns(ratio=level / other)
        .with_columns(ret=change(level, 1), benchmark_ret=change(other, 1), rot_ratio=_rot_ratio())
        .with_columns(roc=change(pl.col("rot_ratio"), 1))
        .with_columns(rot_momentum=_momentum())
        .select(
            *KEY,
            "session_date",
            "ratio",
            (100 * ratio / ratio.first()).over(GROUP).alias("ratio_index"),
            *(spread_pp(n).alias(f"spread_{n}d_pp") for n in SPREAD_WINDOWS),
            *(change(ratio, n).alias(f"ratio_change_{n}d") for n in RATIO_WINDOWS),
            guarded(100 * (ratio / _mean(ratio, YEAR) - 1), YEAR - 1).alias("mansfield_252"),
            guarded(ratio >= ratio.rolling_max(YEAR) * (1 - EQUAL), YEAR - 1).alias("is_ratio_high_252"),
            "rot_ratio",
            "rot_momentum",
            _quadrant().alias("quadrant"),
            change(level, REGIME_WINDOW).alias("ret_63d"),
            _beta().alias("beta_252"),
            _correlation().alias("corr_63"),
        )
        .with_columns(regime_63d=_regime())
        .drop("ret_63d")
        .collect(engine="in-memory")  # the streaming engine has nothing to gain: every window needs whole series
    )


def _mean(x: pl.Expr, n: int) -> pl.Expr:
    return x.rolling_mean(n).over(GROUP)


def _variance(x: pl.Expr, n: int) -> pl.Expr:
    return x.rolling_var(n, ddof=1).over(GROUP)


def _covariance(x: pl.Expr, y: pl.Expr, n: int) -> pl.Expr:
    """Sample covariance of full windows; Polars' own also counts the values of each, which costs as much as a mean."""
    return (_mean(x * y, n) - _mean(x, n) * _mean(y, n)) * (n / (n - 1))


def _rot_ratio() -> pl.Expr:
    ratio, n = pl.col("ratio"), ROTATION_WINDOW
    return guarded(100 + in_deviations(ratio, _mean(ratio, n), ratio.rolling_std(n, ddof=0).over(GROUP)), n - 1)


def _momentum() -> pl.Expr:
    """100 + z-score of the daily change of rot_ratio, whose mean is near zero: only a zero SD is refused."""
    roc, n = pl.col("roc"), ROTATION_WINDOW
    z = divided(roc - _mean(roc, n), roc.rolling_std(n, ddof=0).over(GROUP), tiny=1e-12)
    return guarded(100 + z, n - 1)


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
    ret, other = pl.col("ret"), pl.col("benchmark_ret")
    return guarded(divided(_covariance(ret, other, YEAR), _variance(other, YEAR), tiny=NO_VARIANCE**2), YEAR)


def _correlation() -> pl.Expr:
    ret, other, n = pl.col("ret"), pl.col("benchmark_ret"), CORRELATION_WINDOW
    variance, other_variance = _variance(ret, n), _variance(other, n)
    moves = (variance > NO_VARIANCE**2) & (other_variance > NO_VARIANCE**2)
    return guarded(pl.when(moves).then(_covariance(ret, other, n) / (variance * other_variance).sqrt()), n)
