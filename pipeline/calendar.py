"""The XNYS trading calendar: sessions, their closing instants, and when a bar is final."""

import datetime as dt
from functools import cache
from typing import Any

import polars as pl

from pipeline.settings import NEW_YORK

FIRST_DAY = dt.date(1970, 1, 1)
FINAL_AT = dt.time(20, 0)  # New York; vendors correct the last bar for some hours after the close
SATURDAY = 5  # of date.weekday()


@cache
def _xnys() -> Any:
    """XNYS of exchange_calendars, whose default calendar would begin only 20 years ago."""
    import exchange_calendars  # 1.5 s: only builds need it

    return exchange_calendars.get_calendar("XNYS", start=FIRST_DAY.isoformat())


@cache
def sessions() -> pl.DataFrame:
    """Return all XNYS sessions since 1970 and one year ahead: session_date, close_at (UTC), session_no."""
    calendar = _xnys()
    return (
        pl.DataFrame(
            {
                "session_date": pl.Series(calendar.closes.index.values).cast(pl.Date),
                "close_at": pl.Series(calendar.closes.dt.tz_convert(None).to_numpy())
                .cast(pl.Datetime("us"))
                .dt.replace_time_zone("UTC"),
            }
        )
        .with_row_index("session_no")
        .cast({"session_no": pl.Int64})
    )


def final_at() -> pl.Expr:
    """Instant from which the bar of `session_date` is final: 20:00 New York on that day."""
    return new_york_instant(pl.col("session_date"), FINAL_AT)


def last_final_session(now: dt.datetime) -> dt.date:
    """Newest session whose bar is final at the instant `now`."""
    day: dt.date = sessions().filter(final_at() <= now)["session_date"].max()  # type: ignore[assignment]
    return day


def market_closing(day: dt.date) -> str | None:
    """Why XNYS has no session on a day, in a word; None where it has one."""
    if sessions()["session_date"].is_in([day]).any():
        return None
    if day.weekday() >= SATURDAY:
        return "weekend"
    return next(iter(_xnys().regular_holidays.holidays(day, day, return_name=True)), "special closing")


def federal_closing(day: dt.date) -> str | None:
    """Why no government series is released on a day, in a word; None where they are."""
    from pandas.tseries.holiday import USFederalHolidayCalendar

    if day.weekday() >= SATURDAY:
        return "weekend"
    return next(iter(USFederalHolidayCalendar().holidays(day, day, return_name=True)), None)


@cache
def federal_holidays() -> tuple[dt.date, ...]:
    """Return US federal holidays as observed since 1930, on which no government series is released.

    Source: pandas' rules. Without the holidays a rule would name days on which nothing is published.
    """
    from pandas.tseries.holiday import USFederalHolidayCalendar

    days = USFederalHolidayCalendar().holidays(dt.datetime(1930, 1, 1), sessions()["session_date"].max())
    return tuple(days.date)


def new_york_instant(day: pl.Expr, clock: dt.time) -> pl.Expr:
    """UTC instant of a New York clock time on each day of `day`."""
    return day.dt.combine(clock).dt.replace_time_zone(NEW_YORK.key).dt.convert_time_zone("UTC")


def new_york_day(instant: pl.Expr) -> pl.Expr:
    """Day in New York at a UTC instant: in the evening UTC has the next day already."""
    return instant.dt.convert_time_zone(NEW_YORK.key).dt.date()
