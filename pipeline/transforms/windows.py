"""Windows over a symbol's own sessions, with the rules that hold for every table.

Every expression here is meant for one series: wrap it with `.over(GROUP)`. Rows are sorted by key and session;
`group` numbers the series, because a window over one number is several times faster than over three texts.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

GROUP = "group"
BAR_KEY = ("symbol", "session_date", "session_no")
MAX_MISSING_SESSIONS = 10  # more XNYS sessions than this missing inside a window make its value NULL
RETURN_TOLERANCE = 1e-6  # vendor noise: a return this near to zero is zero
EQUAL = 1e-9  # closes, averages, thresholds, records: within this is equal
BEAR_TERRITORY = 0.8  # of the highest close so far: a close here or lower is in it
CORRECTION = 0.9
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
    """(x less its mean over n rows) in population SDs, NULL where the SD is zero."""
    return in_deviations(x, x.rolling_mean(n), x.rolling_std(n, ddof=0))


def in_deviations(x: pl.Expr, mean: pl.Expr, sd: pl.Expr) -> pl.Expr:
    """(x less a rolling mean) in rolling SDs, NULL where the SD is zero.

    Rolling sums leave an SD of about 1e-8 of the mean on constant data, hence the threshold.
    """
    return divided(x - mean, sd, tiny=mean.abs() * 1e-7)


def at_least(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """a >= b, for prices and their averages: within 1e-9, relatively, is equal."""
    return a >= b * (1 - EQUAL)


def at_most(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """a <= b, for prices and their averages: within 1e-9, relatively, is equal."""
    return a <= b * (1 + EQUAL)


def moving_average(x: pl.Expr, n: int) -> pl.Expr:
    """Mean of the last n values, guarded against gaps."""
    return guarded(x.rolling_mean(n), n - 1)


def in_a_row(is_met: pl.Expr) -> pl.Expr:
    """Rows in a row, up to this one, on which the condition is met; NULL is not met."""
    row = pl.int_range(pl.len())
    return row - pl.when(is_met.fill_null(False)).then(None).otherwise(row).forward_fill().fill_null(-1)


def expanding_percentile(x: pl.Expr) -> pl.Expr:
    """(Average rank of x among all values so far, less 0.5) over their count: a fraction."""
    everything = 10**7
    rank = x.rolling_rank(window_size=everything, method="average", min_samples=1)
    return (rank - 0.5) / x.is_not_null().cum_sum()


def levels(prices: pl.DataFrame) -> pl.DataFrame:
    """Stack core.prices into one row per symbol, basis and session.

    Args:
        prices: core.prices, sorted by key.

    Returns:
        symbol, basis (price: close; total: total-return index, funds only), session_date, session_no, level, group;
        sorted by key.
    """
    numbered = prices.select(
        "symbol", "session_date", "session_no", "close", "total_return_index", series=pl.col("symbol").rle_id() * 2
    )
    price = numbered.select(*BAR_KEY, basis=pl.lit("price"), level="close", series="series")
    total = numbered.filter(pl.col("total_return_index").is_not_null()).select(
        *BAR_KEY, basis=pl.lit("total"), level="total_return_index", series=pl.col("series") + 1
    )
    return (
        pl.concat([price, total])
        .sort("series", maintain_order=True)
        .select("symbol", "basis", "session_date", "session_no", "level", pl.col("series").rle_id().alias(GROUP))
    )


def pair_levels(prices: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Join two symbols of each pair on the sessions both traded; sessions with only one are dropped, never filled.

    Returns:
        symbol, benchmark, basis, session_date, session_no, level, benchmark_level, group; sorted by key. `total`
        exists only where both are funds.
    """
    every = levels(prices)
    names = every.select("symbol", "basis", series=GROUP).unique(maintain_order=True)
    listed = (
        pl.DataFrame(list(pairs), schema={"symbol": pl.String, "benchmark": pl.String}, orient="row")
        .unique()
        .join(names, on="symbol")
        .join(names.rename({"symbol": "benchmark", "series": "other"}), on=["benchmark", "basis"])
        .sort("symbol", "benchmark", "basis")
    )
    pair, own, other = _common_rows(every, listed)
    return (
        listed.select("symbol", "benchmark", "basis")[pair]
        .with_columns(every.select("session_date", "session_no", "level")[own].get_columns())
        .with_columns(benchmark_level=every["level"][other], group=pl.Series(pair).rle_id())
    )


def _common_rows(every: pl.DataFrame, listed: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of the pair in `listed`, and rows in `every` of both legs, for each session that both have.

    Rows are sorted by series and session, so a search finds those of the benchmark; a join takes five times as long.
    """
    series, session = every[GROUP].to_numpy().astype(np.int64), every["session_no"].to_numpy()
    place = series << 32 | session
    first = np.append(np.flatnonzero(np.diff(series, prepend=-1)), every.height)
    rows = [np.arange(first[own], first[own + 1]) for own in listed["series"]]
    pair = np.repeat(np.arange(listed.height), [len(one) for one in rows])
    own = np.concatenate([*rows, np.empty(0, np.int64)])
    wanted = listed["other"].to_numpy().astype(np.int64)[pair] << 32 | session[own]
    other = np.searchsorted(place, wanted)
    is_common = np.append(place, -1)[other] == wanted
    return pair[is_common], own[is_common], other[is_common]
