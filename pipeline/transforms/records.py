"""Records: "the best since". Definitions, section 2.

Polars computes the measures; what follows runs series by series in NumPy, because a series fits a processor's cache
and the whole table does not. Nothing loops over rows.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.contracts.derived.moves import RECORD_WINDOWS, Records
from pipeline.transforms.ranks import percentiles_so_far
from pipeline.transforms.relative_strength import spread_pp
from pipeline.transforms.windows import GROUP, MIN_RECORD_VALUES, RECORD_TOLERANCE, change, levels, pair_levels

KEY = ["symbol", "benchmark", "basis"]
DIRECTIONS = {"high": 1.0, "low": -1.0}
MIN_SESSIONS_BEYOND_WINDOW = 20  # a record must reach back at least this much further than its own window


class Measure(NamedTuple):
    """What is measured over how many sessions, and whether values are equal within a relative or an absolute 1e-9."""

    window: int
    value: pl.Expr
    is_level: bool


class Found(NamedTuple):
    """Records of one series in one direction: positions in the series, and figures, all of shape (r,)."""

    row: np.ndarray
    value: np.ndarray
    since: np.ndarray  # position, -1: never
    sessions_since: np.ndarray
    first: np.ndarray  # position of the first value
    z_score: np.ndarray
    percentile: np.ndarray


def records(
    prices: pl.DataFrame, pairs: Iterable[tuple[str, str]], windows: Iterable[int] = RECORD_WINDOWS
) -> pl.DataFrame:
    """Compute derived.records from core.prices: measures of single symbols and of (symbol, benchmark) pairs.

    A move that is no record has no row.

    Args:
        windows: sessions over which returns and spreads are measured.
    """
    windows = tuple(windows)
    level, ratio = pl.col("level"), pl.col("ratio")
    single = {f"ret_{n}d": Measure(n, change(level, n), is_level=False) for n in windows}
    paired = {f"spread_{n}d_pp": Measure(n, spread_pp(n), is_level=False) for n in windows}
    symbols = levels(prices).with_columns(benchmark=pl.lit(None, pl.String))
    ratios = pair_levels(prices, pairs).with_columns(ratio=level / pl.col("benchmark_level"))
    tables = (
        _records(symbols, {**single, "close": Measure(1, level, is_level=True)}),
        _records(ratios, {**paired, "ratio": Measure(1, ratio, is_level=True)}),
    )
    return pl.concat(table.select(Records.column_names()) for table in tables)


def _records(bars: pl.DataFrame, measures: dict[str, Measure]) -> pl.DataFrame:
    """Records of all measures of these series, sorted by series, measure, direction and session."""
    names = sorted(measures)
    values = bars.select(measures[name].value.over(GROUP).alias(name) for name in names)
    numbers = {name: values[name].to_numpy() for name in names}
    first = np.flatnonzero(np.diff(bars[GROUP].to_numpy(), prepend=-1))
    found: list[Found] = []
    labels: list[tuple[str, str]] = []
    for start, end in zip(first, np.append(first, bars.height)[1:], strict=True):
        for name in names:
            for direction, one in _of_series(numbers[name][start:end], measures[name]):
                since = np.where(one.since < 0, -1, one.since + start)
                labels.append((name, direction))
                found.append(one._replace(row=one.row + start, since=since, first=one.first + start))
    return _table(bars, labels, found)


def _table(bars: pl.DataFrame, labels: list[tuple[str, str]], found: list[Found]) -> pl.DataFrame:
    """Put the pieces together; positions become keys and dates."""
    if not found:
        return Records.create_empty()
    whole = Found(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    names = pl.DataFrame(labels, schema=["measure", "direction"], orient="row")
    names = names[np.repeat(np.arange(len(found)), [len(one.row) for one in found])]
    dates = bars["session_date"]
    is_all_time = pl.Series(whole.since < 0)
    return bars.select(*KEY, "session_date")[whole.row].with_columns(
        names["measure"],
        names["direction"],
        value=pl.Series(whole.value),
        since_date=pl.select(pl.when(~is_all_time).then(dates.gather(np.maximum(whole.since, 0)))).to_series(),
        sessions_since=pl.select(pl.when(~is_all_time).then(pl.Series(whole.sessions_since))).to_series(),
        is_all_time=is_all_time,
        history_start=dates.gather(whole.first),
        z_score=pl.Series(whole.z_score).fill_nan(None),
        percentile=pl.Series(whole.percentile),
    )


def _of_series(x: np.ndarray, measure: Measure) -> Iterator[tuple[str, Found]]:
    """Records of one series, whose missing values are NaN, in both directions."""
    valued = np.flatnonzero(~np.isnan(x))
    tolerance = RECORD_TOLERANCE * (np.abs(x) if measure.is_level else 1.0)
    rows, since = {}, {}
    for direction, sign in DIRECTIONS.items():
        maxima = running_maxima(np.where(np.isnan(x), -np.inf, sign * x))
        wanted = sign * x - tolerance
        rows[direction] = _candidates(maxima, wanted, measure.window)
        since[direction] = last_at_least(maxima, wanted[rows[direction]], rows[direction] - measure.window)
    # number of each value among the values: what sessions_since counts
    number = np.cumsum(~np.isnan(x)) - 1
    either = np.concatenate(list(rows.values()))
    percentile = percentiles_so_far(x[valued], number[either])
    z_score = _z_scores(x[valued], number[either])
    parts = np.cumsum([0, *(len(one) for one in rows.values())])
    for (direction, row), begin in zip(rows.items(), parts[:-1], strict=True):
        one = Found(
            row=row,
            value=x[row],
            since=since[direction],
            sessions_since=number[row] - number[since[direction]],
            first=np.full(len(row), valued[0] if len(valued) else 0),
            z_score=z_score[begin : begin + len(row)],
            percentile=percentile[begin : begin + len(row)],
        )
        is_all_time = one.since < 0
        far = ~is_all_time & (one.sessions_since >= measure.window + MIN_SESSIONS_BEYOND_WINDOW)
        kept = far | (is_all_time & (number[row] + 1 >= MIN_RECORD_VALUES))
        yield direction, Found(*(part[kept] for part in one))


def _z_scores(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(x less the mean of all x before it) over their sample SD, from the 253rd value; NaN where there is none.

    Sums are taken of x less its first value, so that a constant series has an SD of exactly zero.
    """
    centred = x - x[:1]
    here, n = centred[rows], rows.astype(float)
    total = np.cumsum(centred)[rows] - here
    squares = np.cumsum(centred**2)[rows] - here**2
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(np.maximum((squares - total**2 / n) / (n - 1), 0))
        z = (here - total / n) / deviation
    return np.where((rows + 1 >= MIN_RECORD_VALUES) & (deviation > 0), z, np.nan)


def _candidates(maxima: list[np.ndarray], wanted: np.ndarray, window: int) -> np.ndarray:
    """Rows that exceed the 20 values before their own window: all that can be published, and few.

    A row without so many values before it has too short a history to be published.
    """
    reach = window + MIN_SESSIONS_BEYOND_WINDOW - 1
    if len(wanted) <= reach:
        return np.empty(0, np.int64)
    level = MIN_SESSIONS_BEYOND_WINDOW.bit_length() - 1  # two stretches of 16 cover 20
    spare = MIN_SESSIONS_BEYOND_WINDOW - 2**level
    newest = np.arange(reach, len(wanted)) - window
    barrier = np.maximum(maxima[level][newest], maxima[level][newest - spare])
    return np.flatnonzero(barrier < wanted[reach:]) + reach


def running_maxima(x: np.ndarray) -> list[np.ndarray]:
    """Sparse table: level k holds at each position the maximum of the 2^k values that end there (at most all)."""
    table = [x]
    for k in range(len(x).bit_length()):
        half = 2**k
        wider = table[-1].copy()
        np.maximum(table[-1][half:], table[-1][:-half], out=wider[half:])
        table.append(wider)
    return table


def last_at_least(maxima: list[np.ndarray], wanted: np.ndarray, upto: np.ndarray) -> np.ndarray:
    """For each query the last position p <= upto whose value is at least `wanted`, or -1.

    The table is walked from its widest level down, each step skipping a stretch that is wholly below `wanted`:
    log2(n) steps for all queries at once instead of a loop over rows.

    Args:
        maxima: of `running_maxima`, each of shape (n,).
        wanted, upto: per query, shape (q,).
    """
    position = upto.copy()
    for k in range(len(maxima) - 1, -1, -1):
        fits = position - 2**k + 1 >= 0
        position -= (fits & (maxima[k][position] < wanted)) * 2**k
    return position
