"""Macro captures to every value ever known, and when. Definitions, section 6."""

import datetime as dt
from collections.abc import Callable, Iterable
from functools import cache

import polars as pl

from pipeline.calendar import federal_holidays, new_york_instant
from pipeline.config import ReleaseRule, Series
from pipeline.transforms.policy_rate import with_announcements

KEY = ["series_id", "observed_on"]
UTC = pl.Datetime("us", "UTC")
STEP = {"weekly": "1w", "monthly": "1mo", "quarterly": "1q", "annual": "1y"}  # daily series have no fixed step
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def macro_releases(
    captures: pl.DataFrame,
    series: Iterable[Series],
    as_of: dt.datetime | None = None,
    meetings: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Compute core.macro_releases from raw.macro_captures, sorted by key.

    A value whose day the source told is available on that day, at the clock time of its series' releases. Without one
    the first value ever captured of an observation is available at its series' release rule, every different later
    value when it was captured. Values of series that are not configured are left out: without a release rule nobody
    can say when they were known.

    Args:
        captures: raw.macro_captures.
        series: the configured series.
        as_of: values that became public later are left out.
        meetings: core.fomc_meetings, from whose announcements a new target is known; without them by its release rule.
    """
    series = list(series)
    known = _with_first_available(_changes(_in_order(captures, series)), series)
    later, dated = pl.col("seq") > 1, pl.col("dated_at").is_not_null()
    releases = known.select(
        *KEY,
        # a revision cannot be known before the first value
        available_at=pl.when(later).then(pl.max_horizontal("known_at", "first_at")).otherwise("first_at"),
        seq="seq",
        value="value",
        availability=pl.when(dated | (later & pl.col("is_vintage"))).then(pl.lit("vintage")).otherwise(pl.lit("rule")),
        captured_at="captured_at",
    )
    if meetings is not None:
        releases = with_announcements(releases, meetings, series)
    return releases if as_of is None else releases.filter(pl.col("available_at") <= as_of)


def _in_order(captures: pl.DataFrame, series: list[Series]) -> pl.DataFrame:
    """Captures of the configured series in the order in which their values became known, and the periods skipped.

    Adds `dated_at`, the instant of the vintage where the source told its day, else NULL, and `known_at`: that instant,
    else the capture's. Plain captures of the day of a release sort before or after it as they were made.
    """
    columns = [*KEY, "value", "captured_at", "is_vintage", "decimals", "dated_at", "known_at"]
    pieces = [captures.clear().with_columns(decimals=pl.lit(None, pl.Int64), dated_at=pl.lit(None, UTC))]
    by_id = captures.partition_by("series_id", as_dict=True)
    for one in series:
        of_series = _dated(by_id.get((one.series_id,), captures.clear()), one)
        pieces += [of_series, _absent(of_series, one)]
    return (
        pl.concat(pieces, how="diagonal")
        .with_columns(known_at=pl.coalesce("dated_at", "captured_at"))
        .select(columns)
        .sort(*KEY, "known_at", maintain_order=True)
    )


def _dated(captures: pl.DataFrame, series: Series) -> pl.DataFrame:
    at = _in_force(series, lambda rule: new_york_instant(pl.col("vintage_on"), dt.time.fromisoformat(rule.at)))
    return captures.with_columns(decimals=pl.lit(series.decimals, pl.Int64), dated_at=at)


def _changes(captures: pl.DataFrame) -> pl.DataFrame:
    """The first value of every observation and each that differs from the one before it, numbered by `seq`.

    Values equal at the published precision are no change. NULLs before the first value are left out: the source had
    nothing yet. Rows are compared with their neighbours: windows over a hundred thousand observations take far longer.
    """
    values = pl.col("value").is_not_null().cum_sum()
    published = (pl.col("value") * 10.0 ** pl.col("decimals")).round()
    has_value_so_far = values > _at_first(values - pl.col("value").is_not_null())
    never_has_value = _at_last(values) == _at_first(values - pl.col("value").is_not_null())
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return (
        captures.with_columns(observation=pl.struct(KEY).rle_id(), published=published)
        .filter(has_value_so_far | never_has_value)
        .filter(_is_first() | ~pl.col("published").eq_missing(pl.col("published").shift(1)))
        .with_columns(seq=row - _at_first(row) + 1)
    )


def _is_first() -> pl.Expr:
    return (pl.col("observation") != pl.col("observation").shift(1)).fill_null(True)


def _at_first(x: pl.Expr) -> pl.Expr:
    """Value of x at the first row of the observation."""
    return pl.when(_is_first()).then(x).forward_fill()


def _at_last(x: pl.Expr) -> pl.Expr:
    """Value of x at the last row of the observation."""
    is_last = (pl.col("observation") != pl.col("observation").shift(-1)).fill_null(True)
    return pl.when(is_last).then(x).backward_fill()


def _with_first_available(known: pl.DataFrame, series: list[Series]) -> pl.DataFrame:
    """Add `first_at`: when the first value of each observation became public, as the source says, else by the rule.

    Rows stand in the order of series and observation, so the firsts are counted: a join takes far longer.
    """
    by_id = {one.series_id: one for one in series}
    is_first = known["seq"] == 1
    firsts = known.filter(is_first).partition_by("series_id", as_dict=True)
    at = [known.clear().select(first_at="dated_at")]
    at += [
        rows.select(first_at=pl.coalesce("dated_at", available_at(by_id[str(series_id)])))
        for (series_id,), rows in firsts.items()
    ]
    return known.with_columns(pl.concat(at)["first_at"].gather(is_first.cum_sum() - 1))


def macro_latest(releases: pl.DataFrame) -> pl.DataFrame:
    """Compute core.macro_latest: per observation the value of the newest capture."""
    return (
        releases.sort(*KEY, "seq")
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("value").last(),
            pl.col("available_at").last(),
            first_available_at=pl.col("available_at").first(),
            captured_at=pl.col("captured_at").last(),
        )
    )


def available_at(series: Series) -> pl.Expr:
    """UTC instant at which the release rule of `series` makes each `observed_on` public."""
    at = _in_force(series, lambda rule: new_york_instant(_release_day(rule), dt.time.fromisoformat(rule.at)))
    clock = dt.time.fromisoformat(max(series.release, key=_begins).at)
    for observed_on, released_on in series.shutdown_releases.items():
        late = new_york_instant(pl.lit(released_on, pl.Date), clock)
        at = pl.when(pl.col("observed_on") == observed_on).then(late).otherwise(at)
    return at


def _in_force(series: Series, instant: Callable[[ReleaseRule], pl.Expr]) -> pl.Expr:
    """What `instant` says of the rule that holds for each `observed_on`."""
    at = pl.lit(None, UTC)
    for rule in sorted(series.release, key=_begins):
        applies = pl.lit(True) if rule.since is None else pl.col("observed_on") >= rule.since
        at = pl.when(applies).then(instant(rule)).otherwise(at)
    return at


def _begins(rule: ReleaseRule) -> dt.date:
    return rule.since or dt.date.min


def _release_day(rule: ReleaseRule) -> pl.Expr:
    holidays = _holidays()
    observed = pl.col("observed_on")
    if rule.business_days is not None:
        return observed.dt.add_business_days(rule.business_days, holidays=holidays, roll="forward")
    if rule.days is not None:
        day = observed.dt.offset_by(f"{rule.days}d")
    elif rule.after_week_of is not None:
        day = _after_week_of(observed, rule)
    else:
        month = observed.dt.month_start().dt.offset_by(f"{rule.months}mo")
        if rule.day is not None:
            day = month.dt.offset_by(f"{(rule.day or 1) - 1}d")
        else:
            first = (_weekday_number(rule) - month.dt.weekday().cast(pl.Int64)) % 7
            day = month + pl.duration(days=first + 7 * ((rule.nth or 1) - 1))
    return day.dt.add_business_days(0, holidays=holidays, roll="forward")


@cache
def _holidays() -> pl.Series:
    """US federal holidays, made a column once: a hundred years of them are turned into one for every expression."""
    return pl.Series(federal_holidays())


def _weekday_number(rule: ReleaseRule) -> int:
    return WEEKDAYS.index(rule.weekday) + 1


def _after_week_of(observed: pl.Expr, rule: ReleaseRule) -> pl.Expr:
    """The nth weekday after the week, Sunday to Saturday, of a day in the observation's month.

    A day in the first three of January comes a week later: over the year's end the reports are delayed.
    """
    reference = observed.dt.month_start().dt.offset_by(f"{(rule.after_week_of or 1) - 1}d")
    saturday = reference + pl.duration(days=(6 - reference.dt.weekday().cast(pl.Int64)) % 7)
    day = saturday + pl.duration(days=_weekday_number(rule) + 1 + 7 * ((rule.nth or 1) - 1))
    early_january = (day.dt.month() == 1) & (day.dt.day() <= 3)
    return pl.when(early_january).then(day + pl.duration(days=7)).otherwise(day)


def _absent(captures: pl.DataFrame, series: Series) -> pl.DataFrame:
    """Periods that the source skipped between two it served: rows with NULL, as if it had written a full stop.

    October 2025 has no unemployment rate: some copies leave it blank, others leave the row out.
    """
    step = STEP.get(series.frequency)
    if step is None:
        return captures.clear()
    return (
        captures.group_by("observed_on")
        .agg(pl.col("captured_at").min(), pl.col("decimals").first())
        .sort("observed_on")
        .with_columns(previous=pl.col("observed_on").shift(1))
        # two whole steps apart: a fiscal year that moved by a quarter leaves no hole
        .filter(pl.col("previous").dt.offset_by(step).dt.offset_by(step) <= pl.col("observed_on").dt.offset_by("3d"))
        .with_columns(
            observed_on=pl.date_ranges(
                pl.col("previous").dt.offset_by(step), pl.col("observed_on").dt.offset_by("-3d"), step
            )
        )
        .explode("observed_on")
        .select(
            pl.lit(series.series_id).alias("series_id"),
            "observed_on",
            pl.lit(None, pl.Float64).alias("value"),
            "captured_at",
            pl.lit(False).alias("is_vintage"),
            "decimals",
        )
    )
