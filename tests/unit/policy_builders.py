"""Meetings and futures in the shape of core, for tests: plain Python in, polars out. Nothing here is under test."""

import datetime as dt
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.config import ReleaseRule, Series

NEW_YORK = ZoneInfo("America/New_York")
CAPTURED_AT = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.UTC)
UTC = pl.Datetime("us", "UTC")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.datetime:
    """UTC instant of a New York day and clock time."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)


def rates(**roles: str) -> list[Series]:
    """Configured daily series: role=series_id."""
    return [
        Series(
            series_id=series_id,
            role=role,
            title="Test",
            unit="percent",
            frequency="daily",
            decimals=2,
            seasonal_adjustment="not seasonally adjusted",
            is_revised=False,
            release=(ReleaseRule(business_days=0, at="00:00"),),
            licence="none",
            why="test",
        )
        for role, series_id in roles.items()
    ]


def meetings(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """core.fomc_meetings; a row says `decided_on`, and what differs from a scheduled meeting at 14:00, not captured.

    `at` is the clock time of the announcement, `target` (after, before) of a captured decision, `scheduled_on` the day
    from which it was planned (2000-01-01: always).
    """
    full = []
    for row in rows:
        decided_on = day(str(row["decided_on"]))
        is_scheduled = row.get("is_scheduled", True)
        after, before = row.get("target", (None, None))
        cancelled_on = row.get("cancelled_on")
        full.append(
            (
                decided_on,
                is_scheduled,
                day(str(row.get("scheduled_on", "2000-01-01"))) if is_scheduled else None,
                None if cancelled_on is None else day(str(cancelled_on)),
                at(f"{decided_on} {row.get('at', '14:00')}"),
                after,
                before,
                None if after is None else CAPTURED_AT,
            )
        )
    schema = {
        "decided_on": pl.Date,
        "is_scheduled": pl.Boolean,
        "scheduled_on": pl.Date,
        "cancelled_on": pl.Date,
        "decided_at": UTC,
        "target_pct": pl.Float64,
        "previous_target_pct": pl.Float64,
        "captured_at": UTC,
    }
    return pl.DataFrame(full, schema=schema, orient="row").sort("decided_on")


def settlements(quotes: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """core.fed_funds_futures from {quoted on: {month such as 2015-09: settlement}}."""
    rows = [
        (f"ZQ{month}", day(quoted_on), day(f"{month}-01"), settlement, 100 - settlement, 1.0, 1.0, CAPTURED_AT)
        for quoted_on, of_month in quotes.items()
        for month, settlement in of_month.items()
    ]
    schema = {
        "contract": pl.String,
        "session_date": pl.Date,
        "contract_month": pl.Date,
        "settlement": pl.Float64,
        "implied_rate_pct": pl.Float64,
        "volume": pl.Float64,
        "open_interest": pl.Float64,
        "captured_at": UTC,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
