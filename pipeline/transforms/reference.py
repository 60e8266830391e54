"""Reference tables: sessions, instruments, series."""

import datetime as dt
from collections.abc import Iterable

import polars as pl

from pipeline import calendar
from pipeline.config import Instrument, Series
from pipeline.contracts import core

CLOSING_HOUR = 16  # New York; earlier is a half day
STATED_AS = {  # how FRED says what macro.yaml says
    "seasonally adjusted annual rate": "annual rate, seasonally adjusted",
    "smoothed seasonally adjusted": "seasonally adjusted",
}


def sessions(until: dt.datetime) -> pl.DataFrame:
    """Compute core.sessions: every XNYS session since 1970 that had closed at the UTC instant `until`."""
    local = pl.col("close_at").dt.convert_time_zone("America/New_York")
    return (
        calendar.sessions()
        .filter(pl.col("close_at") <= until)
        .with_columns(is_half_day=local.dt.hour() < CLOSING_HOUR)
        .select(core.Sessions.column_names())
    )


def instruments(prices: pl.DataFrame, configured: Iterable[Instrument], *, is_synthetic: bool) -> pl.DataFrame:
    """Compute core.instruments: configured symbols and every other symbol that has prices."""
    listed = pl.DataFrame(
        [(one.symbol, one.name, one.role, one.group, one.is_fund, True, one.why) for one in configured],
        schema={
            "symbol": pl.String,
            "name": pl.String,
            "role": pl.String,
            "group_name": pl.String,
            "is_fund": pl.Boolean,
            "is_configured": pl.Boolean,
            "why": pl.String,
        },
        orient="row",
    )
    priced = prices.group_by("symbol").agg(
        first_session=pl.col("session_date").min(),
        last_session=pl.col("session_date").max(),
        bars=pl.len().cast(pl.Int64),
        has_total=pl.col("total_return_index").is_not_null().any(),
    )
    return (
        listed.join(priced, on="symbol", how="full", coalesce=True)
        .with_columns(
            is_fund=pl.coalesce("is_fund", "has_total"),
            is_configured=pl.col("is_configured").fill_null(False),
            is_synthetic=pl.lit(is_synthetic),
            bars=pl.col("bars").fill_null(0),
        )
        .select(core.Instruments.column_names())
        .sort("symbol")
    )


def series(
    latest: pl.DataFrame, status: pl.DataFrame, configured: Iterable[Series], *, is_synthetic: bool
) -> pl.DataFrame:
    """Compute core.series from core.macro_latest and core.source_status: every configured series and its range."""
    fields = ["series_id", "role", "title", "unit", "frequency", "seasonal_adjustment", "licence", "why"]
    listed = pl.DataFrame(
        [{**{name: getattr(one, name) for name in fields}, "is_revised": one.is_revised} for one in configured],
        schema={**dict.fromkeys(fields, pl.String), "is_revised": pl.Boolean},
    )
    valued = (
        latest.filter(pl.col("value").is_not_null())
        .group_by("series_id")
        .agg(
            first_observed_on=pl.col("observed_on").min(),
            last_observed_on=pl.col("observed_on").max(),
            observations=pl.len().cast(pl.Int64),
        )
    )
    told = status.filter(pl.col("dataset") == "macro").select("served_from", series_id="id")
    return (
        listed.join(valued, on="series_id", how="left")
        .join(told, on="series_id", how="left")
        .with_columns(is_synthetic=pl.lit(is_synthetic), observations=pl.col("observations").fill_null(0))
        .select(core.Series.column_names())
        .sort("series_id")
    )


def withdrawn(series: pl.DataFrame) -> pl.DataFrame:
    """Series of core.series of which the source serves less than was captured: series_id, reason."""
    return series.filter(pl.col("served_from") > pl.col("first_observed_on")).select(
        "series_id", reason=pl.format("served from {}, captured from {}", "served_from", "first_observed_on")
    )


def contradictions(series: pl.DataFrame, captures: pl.DataFrame, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Series whose frequency or seasonal adjustment the source states otherwise than macro.yaml: series_id, reason.

    Args:
        series: core.series.
        captures: raw.series_captures, of which the newest of each series counts.
    """
    known = captures if as_of is None else captures.filter(pl.col("captured_at") <= as_of)
    newest = known.sort("captured_at", maintain_order=True).unique("series_id", keep="last", maintain_order=True)
    both = series.join(newest, on="series_id", suffix="_stated").sort("series_id")
    frequency = pl.col("frequency_stated").str.to_lowercase().str.extract(r"^(\w+)")  # "Weekly, Ending Saturday"
    adjustment = pl.col("seasonal_adjustment_stated").str.to_lowercase().replace(STATED_AS)
    return pl.concat(
        both.filter(pl.col(field) != stated).select(
            "series_id", reason=pl.format(f"{field} is {{}}, {{}} at the source", field, f"{field}_stated")
        )
        for field, stated in (("frequency", frequency), ("seasonal_adjustment", adjustment))
    )
