"""Records: "the best since". Definitions, section 2.

Polars computes the measures; what follows runs series by series in NumPy, because a series fits a processor's cache
and the whole table does not. Nothing loops over rows.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.contracts.derived.moves import RECORD_WINDOWS, Records
from pipeline.transforms.ranks import percentiles_so_far
from pipeline.transforms.relative_strength import spread_pp
from pipeline.transforms.searches import last_at_least, running_maxima
from pipeline.transforms.windows import EQUAL, GROUP, MIN_RECORD_VALUES, change, levels, pair_levels, starts

KEY = ["symbol", "benchmark", "basis"]
THREADS = min(2, pl.thread_pool_size())
MIN_SESSIONS_BEYOND_WINDOW = 20  # a record must reach back at least this much further than its own window


class Measure(NamedTuple):
    """What is measured over how many sessions, and whether values are equal within a relative or an absolute 1e-9."""

    window: int
    value: pl.Expr
    is_level: bool


class Found(NamedTuple):
    """Records of one series by measure, direction and session: positions in the series and figures, of shape (r,)."""

    measure: np.ndarray  # number in the order of names
    is_low: np.ndarray
    row: np.ndarray
    since: np.ndarray  # row, -1: never
    sessions_since: np.ndarray
    first: np.ndarray  # row of the measure's first value
    value: np.ndarray
    z_score: np.ndarray
    percentile: np.ndarray


def records(
    prices: pl.DataFrame,
    pairs: Iterable[tuple[str, str]],
    windows: Iterable[int] = RECORD_WINDOWS,
    benchmarks: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Compute derived.records from core.prices: measures of single symbols and of (symbol, benchmark) pairs.

    A move that is no record has no row.

    Args:
        prices, pairs, benchmarks: as `pair_levels` takes them.
        windows: sessions over which returns and spreads are measured.
    """
    windows = tuple(windows)
    level, ratio = pl.col("level"), pl.col("ratio")
    single = {f"ret_{n}d": Measure(n, change(level, n), is_level=False) for n in windows}
    paired = {f"spread_{n}d_pp": Measure(n, spread_pp(n), is_level=False) for n in windows}
    symbols = levels(prices).with_columns(benchmark=pl.lit(None, pl.String))
    ratios = pair_levels(prices, pairs, benchmarks).with_columns(ratio=level / pl.col("benchmark_level"))
    tables = (
        _records(symbols, {**single, "close": Measure(1, level, is_level=True)}),
        _records(ratios, {**paired, "ratio": Measure(1, ratio, is_level=True)}),
    )
    return pl.concat(table.select(Records.column_names()) for table in tables)


def _records(bars: pl.DataFrame, measures: dict[str, Measure]) -> pl.DataFrame:
    """Records of all measures of these series, sorted by series, measure, direction and session."""
    names = sorted(measures)
    ordered = [measures[name] for name in names]
    columns = bars.select(_within_series(measures[name]).fill_null(np.nan).alias(name) for name in names)
    values = [column.to_numpy() for column in columns]
    border = starts(bars[GROUP].to_numpy().astype(np.int64))

    def found(start: int, end: int) -> Found:
        return _of_series(np.array([x[start:end] for x in values]), ordered)

    with ThreadPoolExecutor(max_workers=THREADS) as pool:  # NumPy holds no lock of the interpreter while it computes
        series = list(pool.map(found, border[:-1], border[1:]))
    return _table(bars, names, border[:-1], series) if series else Records.create_empty()


def _within_series(measure: Measure) -> pl.Expr:
    """The measure where its window lies in one series: a comparison of rows is far cheaper than `over`."""
    group = pl.col(GROUP)
    return measure.value if measure.is_level else pl.when(group == group.shift(measure.window)).then(measure.value)


def _table(bars: pl.DataFrame, names: list[str], first: np.ndarray, found: list[Found]) -> pl.DataFrame:
    """Put the series together; positions become keys and dates.

    Args:
        first: row of each series in `bars`.
    """
    whole = Found(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    series = np.repeat(np.arange(len(found)), [len(one.row) for one in found])
    start = first.take(series)
    dates = bars["session_date"].rechunk()
    is_all_time = pl.Series(whole.since < 0)
    return bars.select(KEY)[first][series].with_columns(
        session_date=dates.gather(start + whole.row),
        measure=pl.Series(names).gather(whole.measure),
        direction=pl.Series(["high", "low"]).gather(whole.is_low.astype(np.int64)),
        value=pl.Series(whole.value),
        since_date=pl.select(pl.when(~is_all_time).then(dates.gather(start + np.maximum(whole.since, 0)))).to_series(),
        sessions_since=pl.select(pl.when(~is_all_time).then(pl.Series(whole.sessions_since))).to_series(),
        is_all_time=is_all_time,
        history_start=dates.gather(start + whole.first),
        z_score=pl.Series(whole.z_score).fill_nan(None),
        percentile=pl.Series(whole.percentile),
    )


def _of_series(x: np.ndarray, measures: list[Measure]) -> Found:
    """Records of one series.

    Args:
        x: values of each measure, NaN where there is none; shape (m, n).
    """
    measure, is_low, row, since = _candidates(x, measures)
    is_valued = ~np.isnan(x)
    number = is_valued.cumsum(1) - 1  # of each value among the values: what sessions_since counts
    begin = measure * x.shape[1]
    nth = number.take(begin + row)
    sessions_since = nth - number.take(begin + np.maximum(since, 0))
    far = MIN_SESSIONS_BEYOND_WINDOW + np.array([one.window for one in measures])
    kept = np.flatnonzero(np.where(since < 0, nth + 1 >= MIN_RECORD_VALUES, sessions_since >= far.take(measure)))
    measure, row, nth = measure.take(kept), row.take(kept), nth.take(kept)
    at = begin.take(kept) + row
    return Found(
        measure=measure,
        is_low=is_low.take(kept),
        row=row,
        since=since.take(kept),
        sessions_since=sessions_since.take(kept),
        first=is_valued.argmax(1).take(measure),
        value=x.take(at),
        z_score=_z_scores(x, is_valued, at, nth),
        percentile=_percentiles(x, is_valued, measure, nth),
    )


def _percentiles(x: np.ndarray, is_valued: np.ndarray, measure: np.ndarray, nth: np.ndarray) -> np.ndarray:
    """Percentiles of the nth values of measures, given in the order of measures."""
    parts = np.split(nth, np.searchsorted(measure, range(1, len(x))))
    series = zip(x, is_valued, parts, strict=True)
    return np.concatenate([percentiles_so_far(one.compress(valued), rows) for one, valued, rows in series])


def _z_scores(x: np.ndarray, is_valued: np.ndarray, at: np.ndarray, nth: np.ndarray) -> np.ndarray:
    """(x less the mean of all x before it) over their sample SD, from the 253rd value; NaN where there is none.

    Sums are taken of x less its first value, so that a constant series has an SD of exactly zero.

    Args:
        x, is_valued: shape (m, n).
        at, nth: positions in x laid end to end, and numbers among the values of their measure.
    """
    first = np.take_along_axis(x, is_valued.argmax(1)[:, None], 1)
    centred = np.where(is_valued, x - first, 0.0)
    here, n = centred.take(at), nth.astype(float)
    total = centred.cumsum(1).take(at) - here
    squares = (centred**2).cumsum(1).take(at) - here**2
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(np.maximum((squares - total**2 / n) / (n - 1), 0))
        z = (here - total / n) / deviation
    return np.where((nth + 1 >= MIN_RECORD_VALUES) & (deviation > 0), z, np.nan)


def _candidates(x: np.ndarray, measures: list[Measure]) -> tuple[np.ndarray, ...]:
    """Rows that exceed the 20 values before their own window: all that can be published, and few.

    A row without so many values before it has too short a history to be published.

    Example: closes (window 1) of 9 on row 0, 7 on rows 1 to 30, 8 on rows 31 and 32. The 20 values before the window
    of row 31 are those of rows 11 to 30: its 8 exceeds their 7s, so it is a candidate for highs. Where it was last as
    high is left to `_last_as_high` to find among rows 10 and earlier: row 0. Row 32 is none, as row 31 is as high; row
    20 is none, as 7 exceeds no 7. Upside down, for lows, there is none: -8 exceeds no -7.

    Returns:
        measure, is_low, row and since (-1: never) of each.
    """
    heights = _heights(x)
    stretches = _maxima_of_stretches(heights)
    wanted = heights[..., 1:].copy()
    exceeds = np.zeros(wanted.shape, bool)
    for i, measure in enumerate(measures):
        wanted[i] -= EQUAL * (np.abs(x[i]) if measure.is_level else 1.0)
        reach = measure.window + MIN_SESSIONS_BEYOND_WINDOW - 1
        np.greater(wanted[i, :, reach:], stretches[i, :, 1 : -measure.window], out=exceeds[i, :, reach:])
    found = np.flatnonzero(exceeds)
    part = found // x.shape[1]  # measure and direction
    row = found - part * x.shape[1]
    window = np.array([measure.window for measure in measures]).take(part // 2)
    wall = part * heights.shape[-1]
    upto = wall + 1 + row - window - MIN_SESSIONS_BEYOND_WINDOW
    since = _last_as_high(heights, stretches, wanted.take(found), upto) - wall - 1
    return part // 2, part % 2 == 1, row, since


def _heights(x: np.ndarray) -> np.ndarray:
    """Values as they are and upside down, each behind a wall higher than all at which every search ends.

    Returns:
        Shape (m, 2, n + 1); missing values lie lower than all.
    """
    heights = np.empty((len(x), 2, x.shape[1] + 1))
    heights[..., 0] = np.inf
    heights[:, 0, 1:] = x
    heights[:, 1, 1:] = -x
    np.copyto(heights[..., 1:], -np.inf, where=np.isnan(x)[:, None])
    return heights


def _maxima_of_stretches(heights: np.ndarray) -> np.ndarray:
    """Maximum of the 20 values from each position on."""
    width = 1
    while width < MIN_SESSIONS_BEYOND_WINDOW:
        step = min(width, MIN_SESSIONS_BEYOND_WINDOW - width)
        heights = np.maximum(heights[..., step:], heights[..., :-step])
        width += step
    return heights


def _last_as_high(heights: np.ndarray, stretches: np.ndarray, wanted: np.ndarray, upto: np.ndarray) -> np.ndarray:
    """For each query the last position up to `upto` that is at least `wanted` high: at the latest the wall.

    The 20 values after `upto` are known to be lower than `wanted`, so only peaks come into question: positions higher
    than each of the 20 that follow, one in twenty. They alone are searched.

    Example, that of `_candidates`: heights are the wall, 9, 7 (30 times), 8, 8. Peaks are positions 0, the wall, and
    1, the 9: no 7 is higher than the 7s after it, and the last 20 positions are followed by too few values. Row 31
    asks for 8 from position 11 (row 10) backwards: position 1, row 0. For 10 it would be position 0: never.
    """
    is_peak = np.zeros(heights.shape, bool)
    followed = np.s_[..., :-MIN_SESSIONS_BEYOND_WINDOW]
    np.greater(heights[followed], stretches[..., 1:], out=is_peak[followed])
    peaks = np.flatnonzero(is_peak)
    newest = np.cumsum(is_peak).take(upto) - 1
    return peaks.take(last_at_least(running_maxima(heights.ravel().take(peaks)), wanted, newest))
