"""Records: "the best since". Definitions, section 2."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from pipeline.contracts.derived import RECORD_WINDOWS
from pipeline.transforms.ranks import percentiles_so_far
from pipeline.transforms.relative_strength import spread_pp
from pipeline.transforms.windows import (
    GROUP,
    MIN_RECORD_VALUES,
    RECORD_TOLERANCE,
    change,
    divided,
    levels,
    pair_levels,
)

KEY = ["symbol", "benchmark", "basis"]
MEASURES = pl.Enum(sorted([*(f"ret_{n}d" for n in RECORD_WINDOWS), *(f"spread_{n}d_pp" for n in RECORD_WINDOWS), "close", "ratio"]))
DIRECTIONS = pl.Enum(["high", "low"])
MIN_SESSIONS_BEYOND_WINDOW = 20  # a record must reach back at least this much further than its own window


def records(prices: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Compute derived.records from core.prices: measures of single symbols and of (symbol, benchmark) pairs.

    A move that is no record has no row.
    """
    single = levels(prices).with_columns(benchmark=pl.lit(None, pl.String))
    paired = pair_levels(prices, pairs).with_columns(ratio=pl.col("level") / pl.col("benchmark_level"))
    return pl.concat([_of(single, _single_measures()), _of(paired, _pair_measures())])


def _single_measures() -> dict[str, tuple[int, pl.Expr]]:
    windows = {f"ret_{n}d": (n, change(pl.col("level"), n)) for n in RECORD_WINDOWS}
    return {**windows, "close": (1, pl.col("level"))}


def _pair_measures() -> dict[str, tuple[int, pl.Expr]]:
    windows = {f"spread_{n}d_pp": (n, spread_pp(n)) for n in RECORD_WINDOWS}
    return {**windows, "ratio": (1, pl.col("ratio"))}


def _of(bars: pl.DataFrame, measures: dict[str, tuple[int, pl.Expr]]) -> pl.DataFrame:
    """Records of all measures of these series, sorted by series, measure, direction and session.

    Measures are independent and most of the work is NumPy's, on one core: hence the threads.
    """
    group = bars[GROUP].to_numpy()
    start = np.flatnonzero(np.diff(group, prepend=-1))[group]  # of each row: the first row of its series
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        tasks = [pool.submit(_of_measure, bars, start, name, *measures[name]) for name in measures]
        found = pl.concat([task.result() for task in tasks])
    found = found.sort(GROUP, "measure", "direction", "row")
    of_row = bars.select(*KEY, "session_date")[found["row"]]
    since_date = bars["session_date"].gather(found["since_row"])
    return pl.concat([of_row, found], how="horizontal").select(
        *KEY,
        pl.col("measure", "direction").cast(pl.String),
        "session_date",
        "value",
        pl.when(~pl.col("is_all_time")).then(since_date).alias("since_date"),
        pl.when(~pl.col("is_all_time")).then("sessions_since").alias("sessions_since"),
        "is_all_time",
        "history_start",
        "z_score",
        "percentile",
    )


def _of_measure(bars: pl.DataFrame, start: np.ndarray, name: str, window: int, measure: pl.Expr) -> pl.DataFrame:
    """Both directions of one measure: row and since_row in `bars`, and the figures of the row.

    Levels are equal within a relative, returns and spreads within an absolute 1e-9.
    """
    x = pl.col("x")
    values = bars.select(GROUP, "session_date", measure.over(GROUP).alias("x")).with_columns(
        value_no=x.is_not_null().cum_sum().cast(pl.Int64).over(GROUP),
        history_start=pl.col("session_date").filter(x.is_not_null()).first().over(GROUP),
        **_sums(x),
    )
    numbers = values["x"].to_numpy()
    tolerance = RECORD_TOLERANCE * (np.abs(numbers) if name in ("close", "ratio") else np.ones_like(numbers))
    rows, since = {}, {}
    is_candidate = np.zeros(len(numbers), bool)
    maxima = None
    for direction, sign in (("high", 1.0), ("low", -1.0)):
        signed = np.where(np.isnan(numbers), -np.inf, sign * numbers)
        maxima = running_maxima(signed, start, reuse=maxima)
        wanted = signed - tolerance
        candidates = _candidates(maxima, wanted, start, window)
        is_candidate[candidates] = True
        rows[direction] = candidates
        since[direction] = last_at_least(maxima, wanted[candidates], candidates - window, start[candidates])
    percentile = np.full(len(numbers), np.nan)
    percentile[is_candidate] = percentiles_so_far(numbers, start, np.flatnonzero(is_candidate))
    values = values.with_columns(percentile=pl.Series(percentile))
    return pl.concat(
        _published(values, rows[direction], since[direction], window).with_columns(
            measure=pl.lit(name, MEASURES), direction=pl.lit(direction, DIRECTIONS)
        )
        for direction in rows
    )


def _sums(x: pl.Expr) -> dict[str, pl.Expr]:
    """Running sums of x less its first value (so that a constant series has an SD of exactly zero), and of squares."""
    centred = x - x.drop_nulls().first()
    return {
        "centred": centred.over(GROUP),
        "total": centred.cum_sum().over(GROUP),
        "squares": (centred**2).cum_sum().over(GROUP),
    }


def _z_score() -> pl.Expr:
    """(x less the mean of all x before it) over their sample SD, from the 253rd value."""
    n = pl.col("value_no").cast(pl.Float64) - 1
    total, squares = pl.col("total") - pl.col("centred"), pl.col("squares") - pl.col("centred") ** 2
    variance = (squares - total**2 / n) / (n - 1)
    z = divided(pl.col("centred") - total / n, variance.clip(0).sqrt())
    return pl.when(pl.col("value_no") >= MIN_RECORD_VALUES).then(z)


def _candidates(maxima: np.ndarray, wanted: np.ndarray, start: np.ndarray, window: int) -> np.ndarray:
    """Rows that exceed the 20 values before their own window: all that can be published, and few.

    A row whose 20 values would reach back beyond its own series has too short a history to be published.
    """
    level = MIN_SESSIONS_BEYOND_WINDOW.bit_length() - 1  # two stretches of 16 cover 20
    spare = MIN_SESSIONS_BEYOND_WINDOW - 2**level
    row = np.arange(len(wanted))
    newest = np.maximum(row - window, 0)
    barrier = np.maximum(maxima[level][newest], maxima[level][np.maximum(newest - spare, 0)])
    reaches = row - window - MIN_SESSIONS_BEYOND_WINDOW + 1 >= start
    return np.flatnonzero(reaches & (wanted > -np.inf) & (barrier < wanted))


def running_maxima(values: np.ndarray, start: np.ndarray, reuse: np.ndarray | None = None) -> np.ndarray:
    """Sparse table: level k holds at each position the maximum of the 2^k values that end there.

    Args:
        values: series, one after the other, float64, shape (n,). A stretch may reach into the series before its own;
            `last_at_least` never asks for such a one.
        start: of each position the first position of its series, shape (n,).
        reuse: a table of the same shape to overwrite: fresh memory costs as much as the maxima.

    Returns:
        shape (levels, n), with levels enough for the longest series.
    """
    longest = int(np.max(np.arange(len(values)) - start + 1, initial=2**4))
    table = np.empty((longest.bit_length(), len(values))) if reuse is None else reuse
    table[0] = values
    for k in range(1, len(table)):
        half = 2 ** (k - 1)
        table[k, :half] = table[k - 1, :half]
        np.maximum(table[k - 1, half:], table[k - 1, :-half], out=table[k, half:])
    return table


def last_at_least(maxima: np.ndarray, wanted: np.ndarray, upto: np.ndarray, start: np.ndarray) -> np.ndarray:
    """For each query the last position p with start <= p <= upto whose value is at least `wanted`, or -1.

    The table is walked from its widest level down, each step skipping a stretch that is wholly below `wanted`:
    log2(n) steps for all queries at once instead of a loop over rows.

    Args:
        maxima: of `running_maxima`, shape (levels, n).
        wanted, upto, start: per query, shape (q,).
    """
    position = upto.copy()
    for k in range(len(maxima) - 1, -1, -1):
        fits = position - 2**k + 1 >= start
        skips = fits & (maxima[k][np.where(fits, position, 0)] < wanted)
        position[skips] -= 2**k
    return np.where(position >= start, position, -1)


def _published(values: pl.DataFrame, rows: np.ndarray, since: np.ndarray, window: int) -> pl.DataFrame:
    numbers = values["value_no"]
    since_row = pl.Series(np.maximum(since, 0))
    return (
        values[rows]
        .with_columns(
            z_score=_z_score(),
            row=pl.Series(rows),
            since_row=since_row,
            is_all_time=pl.Series(since < 0),
            sessions_since=pl.col("value_no") - numbers.gather(since_row),
        )
        .filter(
            (~pl.col("is_all_time") & (pl.col("sessions_since") >= window + MIN_SESSIONS_BEYOND_WINDOW))
            | (pl.col("is_all_time") & (pl.col("value_no") >= MIN_RECORD_VALUES))
        )
        .select(
            GROUP, "row", "since_row", "is_all_time", "sessions_since", "history_start", "percentile", "z_score", value="x"
        )
    )
