"""Seasonality: returns over the same part of every year. Definitions, section 7.

Windows come from the calendar and not from the bars, in which the current month would look complete.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

from pipeline import calendar
from pipeline.contracts.derived.studies import SEASON, SeasonalityYears
from pipeline.transforms.bootstrap import intervals_of_means
from pipeline.transforms.windows import GROUP, MAX_MISSING_SESSIONS, RETURN_TOLERANCE, levels, series_of

SERIES = ["symbol", "benchmark", "basis"]
WINDOW = ["bucket_type", "bucket", "year"]
ONLY = "all"  # the bucket of a type that has just one
JANUARY, NOVEMBER, DECEMBER = 1, 11, 12
ELECTION_SESSIONS = 252


def seasonality(
    prices: pl.DataFrame, pairs: Iterable[tuple[str, str]], benchmarks: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Compute derived.seasonality from core.prices, for every symbol and every (symbol, benchmark) pair.

    Args:
        prices, pairs, benchmarks: as `windows.pair_levels` takes them.
    """
    years = seasonality_years(prices, pairs, benchmarks)
    summed = (
        years.group_by(SEASON, maintain_order=True)
        .agg("value", hits=(pl.col("value") > RETURN_TOLERANCE).sum())
        .with_columns(n=pl.col("value").list.len().cast(pl.Int64))
    )
    keys = summed.select(pl.concat_str([pl.col(name).fill_null("") for name in SEASON], separator="|")).to_series()
    values = np.split(years["value"].to_numpy(), summed["n"].cum_sum()[:-1].to_numpy())
    intervals = intervals_of_means(keys.to_list(), values)
    return summed.select(
        *SEASON,
        "n",
        mean=pl.col("value").list.mean(),
        median=pl.col("value").list.median(),
        hit_rate=pl.col("hits") / pl.col("n"),
        ci_low=pl.Series(intervals[:, 0]).fill_nan(None),
        ci_high=pl.Series(intervals[:, 1]).fill_nan(None),
    )


def seasonality_years(
    prices: pl.DataFrame, pairs: Iterable[tuple[str, str]], benchmarks: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Compute derived.seasonality_years from core.prices: one row per series, window and complete year.

    Series by series on whole calendars: only the ends of the windows matter, and joining all bars of each pair takes
    ten times as long.

    Args:
        prices, pairs, benchmarks: as `windows.pair_levels` takes them.
    """
    sessions = calendar.sessions()
    windows = seasonal_windows(sessions)
    bars = levels(prices)
    others = bars if benchmarks is None else levels(benchmarks)
    series = _series(bars, others, pairs)
    level = _matrix(bars, sessions)
    other_level = level if benchmarks is None else _matrix(others, sessions)
    values, counts = np.full((2, series.height, windows.height), np.nan)
    for row, (own, other) in enumerate(zip(series["own"].to_list(), series["other"].to_list(), strict=True)):
        both = [level[own]] if other is None else [level[own], other_level[other]]
        values[row], counts[row] = _returns(both, windows)
    which, window = np.nonzero(~np.isnan(values))
    return (
        pl.concat([series[which], windows[window]], how="horizontal")
        .with_columns(value=pl.Series(values[which, window]), sessions=pl.Series(counts[which, window]).cast(pl.Int64))
        .select(SeasonalityYears.column_names())
    )


def _series(bars: pl.DataFrame, others: pl.DataFrame, pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Symbols and pairs, sorted: symbol, benchmark, basis, own and other.

    The last two are groups of `bars` and of `others`; NULL: no benchmark.
    """
    names = series_of(bars).rename({GROUP: "own"})
    other_names = series_of(others).rename({GROUP: "other", "symbol": "benchmark"})
    listed = pl.DataFrame(list(pairs), schema={"symbol": pl.String, "benchmark": pl.String}, orient="row").unique()
    paired = listed.join(names, on="symbol").join(other_names, on=["benchmark", "basis"])
    return pl.concat([names, paired], how="diagonal").sort(SERIES)


def _matrix(bars: pl.DataFrame, sessions: pl.DataFrame) -> np.ndarray:
    """Level of every group on every session of the calendar, NaN without a bar: shape (groups, sessions)."""
    placed = bars.select(GROUP, "session_date", "level").join(
        sessions.select("session_date").with_row_index("position"), on="session_date"
    )
    level = np.full((bars[GROUP].n_unique(), sessions.height), np.nan)
    level[placed[GROUP].to_numpy(), placed["position"].to_numpy()] = placed["level"].to_numpy()
    return level


def _returns(levels: list[np.ndarray], windows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return of the symbol, less that of its benchmark, and common bars, in every window; NaN: not complete.

    Complete: bars on the session before the window and on its last one, at most ten sessions missing between.
    """
    base, last = windows["base"].to_numpy(), windows["last"].to_numpy()
    bars = np.cumsum(np.logical_and.reduce([~np.isnan(level) for level in levels]))
    count = bars[last] - bars[base]
    own, *benchmark = (level[last] / level[base] - 1 for level in levels)  # NaN without a bar at either end
    return np.where(last - base - count <= MAX_MISSING_SESSIONS, own - sum(benchmark), np.nan), count


def seasonal_windows(sessions: pl.DataFrame) -> pl.DataFrame:
    """Windows of every year, sorted.

    Args:
        sessions: session_date of all XNYS sessions of some years.

    Returns:
        bucket_type, bucket, year, base (row in `sessions` before the window: its close is the base), last (row),
        window_start, window_end.
    """
    dates = sessions["session_date"]
    numbered = sessions.select("session_date").with_columns(row=pl.int_range(pl.len()))
    windows = (
        pl.concat([*_calendar_windows(numbered), *_election_windows(numbered)])
        .filter((pl.col("first") > 0) & (pl.col("last") < sessions.height))
        .sort(WINDOW)
    )
    return windows.select(
        *WINDOW,
        "last",
        base=pl.col("first") - 1,
        window_start=dates.gather(windows["first"]),
        window_end=dates.gather(windows["last"]),
    )


def _calendar_windows(sessions: pl.DataFrame) -> list[pl.DataFrame]:
    """Months, turns of the year, tax-loss seasons and election years."""
    months = (
        sessions.group_by(month=pl.col("session_date").dt.month_start())
        .agg(first=pl.col("row").min(), last=pl.col("row").max())
        .sort("month")
        .filter(pl.col("month") < pl.col("month").max())  # the calendar may end inside its last month
        .with_columns(year=pl.col("month").dt.year().cast(pl.Int64))
        .with_columns(december_before=pl.col("last").shift(1), november=pl.col("first").shift(1))
        .with_columns(january=pl.col("first").shift(DECEMBER - JANUARY))
    )
    number = pl.col("month").dt.month()
    january, december = months.filter(number == JANUARY), months.filter(number == DECEMBER)
    first, last = pl.col("first"), pl.col("last")
    return [
        _windows("month", months, first, last, bucket=pl.col("month").dt.strftime("%m")),
        _windows("turn_of_year", january, pl.col("december_before"), first + 3),
        _windows("tax_loss", december, pl.col("november"), last - 5),
        _windows("election_year_calendar", december.filter(_is_election_year()), pl.col("january"), last),
    ]


def _election_windows(sessions: pl.DataFrame) -> list[pl.DataFrame]:
    """The sessions up to, and after, the close of Election Day, the Tuesday after the first Monday of November.

    The exchange was closed on that day until 1980: then the session before it.
    """
    weekday = pl.date(pl.col("year"), NOVEMBER, 1).dt.weekday().cast(pl.Int64)  # Monday is 1
    first_monday = 1 + (8 - weekday) % 7
    elections = (
        sessions.select(year=pl.col("session_date").dt.year().cast(pl.Int64))
        .unique()
        .filter(_is_election_year())
        .with_columns(election_day=pl.date(pl.col("year"), NOVEMBER, first_monday + 1))
        .filter(pl.col("election_day") <= sessions["session_date"].max())
        .sort("election_day")
        .join_asof(sessions, left_on="election_day", right_on="session_date")
    )
    row = pl.col("row")
    return [
        _windows("election_252_before", elections, row - ELECTION_SESSIONS + 1, row),
        _windows("election_252_after", elections, row + 1, row + ELECTION_SESSIONS),
    ]


def _is_election_year() -> pl.Expr:
    return pl.col("year") % 4 == 0


def _windows(
    bucket_type: str, years: pl.DataFrame, first: pl.Expr, last: pl.Expr, bucket: pl.Expr | None = None
) -> pl.DataFrame:
    """One window a row of `years`, by the rows of its first and last session."""
    return years.select(
        bucket_type=pl.lit(bucket_type),
        bucket=pl.lit(ONLY) if bucket is None else bucket,
        year="year",
        first=first,
        last=last,
    )
