"""Windows over a symbol's own sessions, with the rules that hold for every table.

Every expression here is meant for one series. Rows are sorted by key and session; `group` numbers the series, because
a window over one number is several times faster than over three texts. What is `guarded` needs no window at all once
the series are `apart`; rolling sums do, `.over(GROUP)`: they would carry the rounding noise of the series before.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

GROUP = "group"
BAR_KEY = ("symbol", "session_date", "session_no")
MAX_MISSING_SESSIONS = 10  # more XNYS sessions than this missing inside a window make its value NULL
RETURN_TOLERANCE = 1e-6  # vendor noise: a return this near to zero is zero
APART = 10**6  # more than there are sessions
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


def apart(bars: pl.DataFrame) -> pl.DataFrame:
    """Renumber sessions so that those of different series lie far apart: `guarded` windows then end at the border.

    A comparison of rows is several times cheaper than `over`, which cuts the columns into series and puts them
    together again.
    """
    return bars.with_columns(session_no=pl.col(GROUP).cast(pl.Int64) * APART + pl.col("session_no"))


def change(level: pl.Expr, n: int) -> pl.Expr:
    """Return over n rows as a fraction, guarded against gaps."""
    return guarded(level / level.shift(n) - 1, n)


def divided(numerator: pl.Expr, denominator: pl.Expr, *, tiny: pl.Expr | float = 0.0) -> pl.Expr:
    """Quotient, NULL where the denominator is zero or no larger than `tiny` (rounding noise)."""
    return pl.when(denominator.abs() > tiny).then(numerator / denominator)


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


def starts(group: np.ndarray) -> np.ndarray:
    """First row of each group of equal numbers, and the number of rows."""
    return np.append(np.flatnonzero(np.diff(group, prepend=-1)), len(group))


def series_of(bars: pl.DataFrame) -> pl.DataFrame:
    """Symbol, basis and group of each series of `levels`."""
    return bars.select("symbol", "basis", GROUP)[starts(bars[GROUP].to_numpy().astype(np.int64))[:-1]]


def pair_levels(
    prices: pl.DataFrame, pairs: Iterable[tuple[str, str]], benchmarks: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Join two symbols of each pair on the sessions both traded; sessions with only one are dropped, never filled.

    Args:
        prices: core.prices, or one shard of its symbols, sorted by key. Pairs whose symbol is not in it are left out.
        pairs: (symbol, benchmark).
        benchmarks: core.prices of the benchmarks, sorted by key; None: `prices` holds them.

    Returns:
        symbol, benchmark, basis, session_date, session_no, level, benchmark_level, group; sorted by key. `total`
        exists only where both are funds.
    """
    every = levels(prices)
    others = every if benchmarks is None else levels(benchmarks)
    names = series_of(every).rename({GROUP: "series"})
    other_names = series_of(others).rename({GROUP: "other", "symbol": "benchmark"})
    listed = (
        pl.DataFrame(list(pairs), schema={"symbol": pl.String, "benchmark": pl.String}, orient="row")
        .unique()
        .join(names, on="symbol")
        .join(other_names, on=["benchmark", "basis"])
        .sort("symbol", "benchmark", "basis")
    )
    pair, own, other = _common_rows(every, others, listed)
    return (
        listed.select("symbol", "benchmark", "basis")[pair]
        .with_columns(every.select("session_date", "session_no", "level")[own].get_columns())
        .with_columns(benchmark_level=others["level"][other], group=pl.Series(pair).rle_id())
    )


def _common_rows(
    every: pl.DataFrame, others: pl.DataFrame, listed: pl.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of the pair in `listed`, and rows in `every` and `others` of its legs, for each session that both have.

    A table of the benchmark's rows by session finds them; a join takes ten times as long.
    """
    session, number = every["session_no"].to_numpy(), others["session_no"].to_numpy()
    start, other_start = (starts(bars[GROUP].to_numpy().astype(np.int64)) for bars in (every, others))
    parts = [(np.empty(0, np.int64),) * 3]
    for pair, (series, other) in enumerate(zip(listed["series"], listed["other"], strict=True)):
        own = np.arange(start[series], start[series + 1])
        found = _rows_by_session(number[other_start[other] : other_start[other + 1]])
        row = found.take(session[own], mode="clip")
        common = np.flatnonzero(row >= 0)
        parts.append((np.full(len(common), pair), own[common], other_start[other] + row[common]))
    pairs, rows, other_rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    return pairs, rows, other_rows


def _rows_by_session(session: np.ndarray) -> np.ndarray:
    """Row of each session number from 0 to one after the last, -1 where it is none of these."""
    rows = np.full(session.max(initial=-1) + 2, -1)
    rows[session] = np.arange(len(session))
    return rows
