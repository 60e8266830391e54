"""Windows over a symbol's own sessions, with the rules that hold for every table.

Every expression here is meant for one series: wrap it with `.over(GROUP)`. Rows are sorted by key and session;
`group` numbers the series, because a window over one number is several times faster than over three texts.
"""

from collections.abc import Iterable

import polars as pl

GROUP = "group"
MAX_MISSING_SESSIONS = 10  # more XNYS sessions than this missing inside a window make its value NULL
RETURN_TOLERANCE = 1e-6  # vendor noise: a return this near to zero is zero
RECORD_TOLERANCE = 1e-9
MIN_RECORD_VALUES = 253  # values needed before a z-score, or "never before", means something


def guarded(value: pl.Expr, n: int) -> pl.Expr:
    """NULL where the window from n rows back to this row misses more than ten XNYS sessions.

    Needs the column `session_no`.
    """
    session = pl.col("session_no")
    return pl.when(session - session.shift(n) <= n + MAX_MISSING_SESSIONS).then(value)


def change(level: pl.Expr, n: int) -> pl.Expr:
    """Return over n rows as a fraction, guarded against gaps."""
    return guarded(level / level.shift(n) - 1, n)


def divided(numerator: pl.Expr, denominator: pl.Expr, *, tiny: pl.Expr | float = 0.0) -> pl.Expr:
    """Quotient, NULL where the denominator is zero or no larger than `tiny` (rounding noise)."""
    return pl.when(denominator.abs() > tiny).then(numerator / denominator)


def deviation(x: pl.Expr, n: int) -> pl.Expr:
    """(x less its mean over n rows) in population SDs, NULL where the SD is zero.

    Rolling sums leave an SD of about 1e-8 of the mean on constant data, hence the threshold.
    """
    mean = x.rolling_mean(n)
    return divided(x - mean, x.rolling_std(n, ddof=0), tiny=mean.abs() * 1e-7)


def expanding_percentile(x: pl.Expr) -> pl.Expr:
    """(Average rank of x among all values so far, less 0.5) over their count: a fraction."""
    everything = 10**7
    rank = x.rolling_rank(window_size=everything, method="average", min_samples=1)
    return (rank - 0.5) / x.is_not_null().cum_sum()


def levels(prices: pl.DataFrame) -> pl.DataFrame:
    """Stack core.prices into one row per symbol, basis and session.

    Returns:
        symbol, basis (price: close; total: total-return index, funds only), session_date, session_no, level, group;
        sorted by key.
    """
    keys = [pl.col("session_date"), pl.col("session_no")]
    price = prices.select("symbol", pl.lit("price").alias("basis"), *keys, level="close")
    total = prices.filter(pl.col("total_return_index").is_not_null()).select(
        "symbol", pl.lit("total").alias("basis"), *keys, level="total_return_index"
    )
    return _grouped(pl.concat([price, total]), "symbol", "basis")


def pair_levels(prices: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Join two symbols of each pair on the sessions both traded; sessions with only one are dropped, never filled.

    Returns:
        symbol, benchmark, basis, session_date, session_no, level, benchmark_level, group; sorted by key. `total`
        exists only where both are funds.
    """
    listed = pl.DataFrame(list(pairs), schema={"symbol": pl.String, "benchmark": pl.String}, orient="row").unique()
    every = levels(prices)
    other = every.select(benchmark="symbol", basis="basis", session_date="session_date", benchmark_level="level")
    joined = (
        listed.join(every, on="symbol")
        .join(other, on=["benchmark", "basis", "session_date"])
        .select("symbol", "benchmark", "basis", "session_date", "session_no", "level", "benchmark_level")
    )
    return _grouped(joined, "symbol", "benchmark", "basis")


def _grouped(rows: pl.DataFrame, *key: str) -> pl.DataFrame:
    return rows.sort(*key, "session_date").with_columns(pl.struct(key).rle_id().alias(GROUP))
