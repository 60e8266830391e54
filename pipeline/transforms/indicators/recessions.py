"""Which months an announcement of the NBER settles, and from when. Definitions, section 6."""

import datetime as dt
from collections.abc import Iterable

import polars as pl

from pipeline.calendar import new_york_instant
from pipeline.config import Recession

END_OF_DAY = dt.time(23, 59)  # New York; the hour of most announcements is not recorded


def turning_points(recessions: Iterable[Recession]) -> pl.DataFrame:
    """Peaks and troughs in order: month (its first day), is_trough, announced_at (UTC instant)."""
    points = [
        (month, is_trough, announced_on)
        for one in recessions
        for month, is_trough, announced_on in (
            (one.peak, False, one.peak_announced_on),
            (one.trough, True, one.trough_announced_on),
        )
        if month is not None
    ]
    schema = {"month": pl.Date, "is_trough": pl.Boolean, "announced_on": pl.Date}
    return (
        pl.DataFrame(points, schema=schema, orient="row")
        .sort("month")
        .select("month", "is_trough", announced_at=new_york_instant(pl.col("announced_on"), END_OF_DAY))
    )


def settled(months: pl.DataFrame, recessions: Iterable[Recession]) -> pl.DataFrame:
    """Add to rows with `observed_on`: `announced_at`, from when it was certain whether the month was a recession's,
    and `is_recession`; both NULL where nothing is announced yet, `is_recession` also before the first peak. And
    `state_announced_at`: announcement of the turning point that began the month's state, NULL before the first.

    An announcement settles every month up to the one after the turning point, which begins the other state. It says
    nothing of the months after that, which may hold the next turning point.
    """
    points = turning_points(recessions)
    settling = points.select(
        until=pl.col("month").dt.offset_by("1mo"),
        # a later announcement may have come first for a month before an earlier point
        announced_at=pl.col("announced_at").cum_min(reverse=True),
    )
    state = points.select(since="month", is_recession=~pl.col("is_trough"), state_announced_at="announced_at")
    return (
        months.sort("observed_on")
        .join_asof(settling, left_on="observed_on", right_on="until", strategy="forward", coalesce=False)
        # the turning point's own month belongs to the state before it
        .with_columns(before=pl.col("observed_on").dt.offset_by("-1d"))
        .join_asof(state, left_on="before", right_on="since", coalesce=False)
        .with_columns(is_recession=pl.when(pl.col("announced_at").is_not_null()).then("is_recession"))
        .drop("until", "before", "since")
    )
