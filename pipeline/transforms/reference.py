"""Reference tables: sessions, instruments, series."""

import datetime as dt
from collections.abc import Iterable

import polars as pl

from pipeline import calendar
from pipeline.config import Instrument, Series
from pipeline.contracts import core

CLOSING_HOUR = 16  # New York; earlier is a half day


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


def series(latest: pl.DataFrame, configured: Iterable[Series], *, is_synthetic: bool) -> pl.DataFrame:
    """Compute core.series: every configured macro series with the range of its values."""
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
    return (
        listed.join(valued, on="series_id", how="left")
        .with_columns(is_synthetic=pl.lit(is_synthetic), observations=pl.col("observations").fill_null(0))
        .select(core.Series.column_names())
        .sort("series_id")
    )
