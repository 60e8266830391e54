"""Values of one series and of the periods before them, as they were known at some instant and as they are now.

Every function returns one row per observation t with `x0`, `x1`, ... (the value of t, of the period before, ...; NULL
where there is none, never the row before) and `at0`, `at1`, ... (when each became public; NULL without a row).
"""

import datetime as dt
from collections.abc import Mapping

import polars as pl

from pipeline.calendar import new_york_day
from pipeline.config import Series
from pipeline.settings import NEW_YORK
from pipeline.transforms.macro import STEP as INTERVAL
from pipeline.transforms.macro import UTC, available_at

STEP = {"daily": 1, "weekly": 7, "monthly": 1, "quarterly": 3, "annual": 12}  # days, days, months, months, months
LATE = pl.duration(days=45)  # a value received longer than this after its release may be a revision
NEXT_STEPS = 12  # periods in which the next release is looked for: a shutdown put seven weeks of claims into one report
ROW = pl.Schema({"observed_on": pl.Date(), "vintage": pl.String(), "value": pl.Float64(), "available_at": UTC})
NOTHING = pl.DataFrame(schema=ROW)
Held = Mapping[str, tuple[pl.DataFrame, Series]]  # by role: values as `of_series` gives them, and their series
END_OF_MONTH = dt.time(23, 59)  # New York clock of a capture of which only the month is told


def of_series(releases: pl.DataFrame, series: Series) -> pl.DataFrame:
    """Sort the releases of one series and add

    - `period`: number of the observation's month or day;
    - `known_at`: when the value was received, or the day of its vintage. By a release rule it was public before.
    """
    received = pl.col("captured_at")
    by_rule = (pl.col("seq") == 1) & (pl.col("availability") == "rule")
    return releases.sort("observed_on", "seq").with_columns(
        period=period(series),
        known_at=pl.when(by_rule).then(received).otherwise(pl.min_horizontal("available_at", received)),
    )


def period(series: Series) -> pl.Expr:
    """Number of the day of `observed_on`, of a series that is not daily or weekly of its month."""
    observed = pl.col("observed_on")
    is_by_day = series.frequency in ("daily", "weekly")
    return (observed.to_physical() if is_by_day else observed.dt.year() * 12 + observed.dt.month()).cast(pl.Int32)


def latest(values: pl.DataFrame, series: Series, count: int = 1) -> pl.DataFrame:
    """Newest value of every observation and of the `count` - 1 periods before it."""
    newest = values.unique("period", keep="last", maintain_order=True)
    back = _back(newest.select("observed_on", "period"), series, count)
    found = back.join(newest.select("period", "value", at="available_at"), on="period", how="left")
    return _wide(newest.select("observed_on"), found, count)


def realtime(firsts: pl.DataFrame, values: pl.DataFrame, series: Series, count: int = 1) -> pl.DataFrame:
    """First prints, with what was known of the `count` - 1 periods before when they became public, `available_at`."""
    at_first = firsts.with_columns(cut="available_at")
    return as_known(at_first, values.with_columns(known_at="available_at"), series, count)


def first_vintage(
    firsts: pl.DataFrame, values: pl.DataFrame, series: Series, count: int, public: pl.Series
) -> pl.DataFrame:
    """First prints, with the `count` - 1 periods before as the same vintage, or capture, had them.

    The statement that first gives t also revises the months before it. Of a vintage of which only the month is known
    the revisions count as public at the end of the month, so `available_at` is the first instant in `public` (all
    instants at which anything was published, sorted) at which the vintage was received: data cut at an earlier instant
    hold t's value without the revisions, and must give no row.
    """
    received = firsts.with_columns(cut="known_at", available_at=pl.max_horizontal("available_at", "known_at"))
    whole = received.with_columns(available_at=since(received["available_at"], public)).drop_nulls("available_at")
    return as_known(whole, values, series, count)


def since(instants: pl.Series, public: pl.Series) -> pl.Series:
    """Of each instant the first one in `public` (sorted) at or after it; NULL where there is none yet."""
    later = public.to_frame("later")
    return (
        instants.alias("instant")
        .to_frame()
        .with_row_index("row")
        .sort("instant")
        .join_asof(later, left_on="instant", right_on="later", strategy="forward", coalesce=False)
        .sort("row")["later"]
    )


def as_known(firsts: pl.DataFrame, values: pl.DataFrame, series: Series, count: int = 1) -> pl.DataFrame:
    """Per row of `firsts` (observed_on, period, available_at, cut) the newest values known at `cut`.

    Args:
        values: period, known_at, available_at, value, sorted by period and seq; a value is known from `known_at` on,
            and not used before it is public by the row's `available_at`.
    """
    back = _back(firsts.select("observed_on", "period", "cut", "available_at"), series, count)
    known = values.select("period", "known_at", "value", at="available_at").sort("known_at", maintain_order=True)
    found = (
        back.sort("cut")
        .join_asof(known, left_on="cut", right_on="known_at", by="period", check_sortedness=False)
        .with_columns(pl.when(pl.col("at") <= pl.col("available_at")).then(pl.col(name)) for name in ("value", "at"))
    )
    return _wide(firsts.select("observed_on", "available_at"), found, count)


def first_prints(values: pl.DataFrame, series: Series) -> pl.DataFrame:
    """First value of every observation for which it is what the source first published.

    Always for a series that is not revised. Else the first value that we hold may be a later revision: an archive's
    first vintage holds the whole history. A vintage of which only the month is known has to be of the month in which
    the release rule makes the observation public; anything else has to be received within 45 days of that instant, or,
    where the source tells the day, by that instant, unless it is the newest observation of its day. What has no day
    also has to be received before the next release, by the rule, which revises it.
    """
    firsts = values.filter(pl.col("seq") == 1)
    if not series.is_revised:
        return firsts
    received, released = pl.col("captured_at"), pl.col("released_at")
    local = received.dt.convert_time_zone(NEW_YORK.key)
    is_month = (local.dt.time() == END_OF_MONTH) & (local.dt.date() == local.dt.date().dt.month_end())
    is_newest = pl.col("observed_on") == pl.col("observed_on").max().over("available_at")
    late = pl.col("available_at") - released
    is_dated = pl.col("availability") == "vintage"
    # computed once: the rule is by far the longest of these expressions
    in_time = firsts.with_columns(released_at=available_at(series)).filter(
        pl.when(is_dated)
        .then((late <= pl.duration(days=0)) | (is_newest & (late <= LATE)))
        .when(is_month)
        .then(new_york_day(received).dt.month_start() <= new_york_day(released).dt.month_start())
        .otherwise(received - released <= LATE)
    )
    return in_time.filter(is_dated | (received < _next_release(in_time, series))).drop("released_at")


def _next_release(rows: pl.DataFrame, series: Series) -> pl.Series:
    """Of each row the first instant after its own release at which the rule makes a later observation public.

    Its own is `released_at`. By the rule alone: data cut before the next release do not hold it. A late report may hold
    several observations.
    """
    unit = INTERVAL.get(series.frequency, "1d")[1:]
    observed = pl.col("observed_on")
    after = rows.select("observed_on", row=pl.int_range(pl.len()), own="released_at").with_columns(
        observed_on=pl.date_ranges(
            observed.dt.offset_by(f"1{unit}"), observed.dt.offset_by(f"{NEXT_STEPS}{unit}"), f"1{unit}"
        )
    )
    releases = after.explode("observed_on").with_columns(next=available_at(series))
    later = pl.col("next").filter(pl.col("next") > pl.col("own"))
    return releases.group_by("row", maintain_order=True).agg(later.min())["next"]


def _back(rows: pl.DataFrame, series: Series, count: int) -> pl.DataFrame:
    """Each row `count` times: `row` and `back` number them, `period` is so many periods before."""
    steps = pl.DataFrame({"back": pl.int_range(count, dtype=pl.Int32, eager=True)})
    before = pl.col("period") - pl.col("back") * STEP[series.frequency]
    return rows.with_row_index("row").join(steps, how="cross").with_columns(period=before.cast(pl.Int32))


def _wide(rows: pl.DataFrame, found: pl.DataFrame, count: int) -> pl.DataFrame:
    """The values found, `count` a row, beside the rows."""
    found = found.sort("row", "back")
    shape = (rows.height, count)
    names = {"x": "value", "at": "at"}
    arrays = rows.with_columns(found[name].reshape(shape).alias(short) for short, name in names.items())
    structs = (pl.col(short).arr.to_struct([f"{short}{back}" for back in range(count)]) for short in names)
    return arrays.with_columns(structs).unnest(*names)
