"""Macro captures to every value ever known, and when. Definitions, section 6."""

import datetime as dt
from collections.abc import Iterable

import polars as pl

from pipeline.calendar import federal_holidays, new_york_instant
from pipeline.config import ReleaseRule, Series
from pipeline.contracts import core

KEY = ["series_id", "observed_on"]
STEP = {"weekly": "1w", "monthly": "1mo", "quarterly": "1q", "annual": "1y"}  # daily series have no fixed step
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def macro_releases(captures: pl.DataFrame, series: Iterable[Series], as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Compute core.macro_releases from raw.macro_captures.

    The first value ever captured of an observation is available at its series' release rule, every different later
    value when it was captured. Values of series that are not configured are left out: without a release rule nobody
    can say when they were known.
    """
    pieces = [_releases_of(captures.filter(pl.col("series_id") == one.series_id), one) for one in series]
    releases = pl.concat([core.MacroReleases.create_empty(), *pieces])
    return releases if as_of is None else releases.filter(pl.col("available_at") <= as_of)


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
    at = pl.lit(None, pl.Datetime("us", "UTC"))
    rules = sorted(series.release, key=lambda rule: rule.since or dt.date.min)
    for rule in rules:
        applies = pl.lit(True) if rule.since is None else pl.col("observed_on") >= rule.since
        at = pl.when(applies).then(new_york_instant(_release_day(rule), dt.time.fromisoformat(rule.at))).otherwise(at)
    clock = dt.time.fromisoformat(rules[-1].at)
    for observed_on, released_on in series.shutdown_releases.items():
        late = new_york_instant(pl.lit(released_on, pl.Date), clock)
        at = pl.when(pl.col("observed_on") == observed_on).then(late).otherwise(at)
    return at


def _release_day(rule: ReleaseRule) -> pl.Expr:
    holidays = federal_holidays()
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
            day = month.dt.offset_by(f"{rule.day - 1}d")
        else:
            first = (_weekday_number(rule) - month.dt.weekday().cast(pl.Int64)) % 7
            day = month + pl.duration(days=first + 7 * (rule.nth - 1))
    return day.dt.add_business_days(0, holidays=holidays, roll="forward")


def _weekday_number(rule: ReleaseRule) -> int:
    return WEEKDAYS.index(rule.weekday) + 1


def _after_week_of(observed: pl.Expr, rule: ReleaseRule) -> pl.Expr:
    """The nth weekday after the week, Sunday to Saturday, of a day in the observation's month.

    A day in the first three of January comes a week later: over the year's end the reports are delayed.
    """
    reference = observed.dt.month_start().dt.offset_by(f"{rule.after_week_of - 1}d")
    saturday = reference + pl.duration(days=(6 - reference.dt.weekday().cast(pl.Int64)) % 7)
    day = saturday + pl.duration(days=_weekday_number(rule) + 1 + 7 * (rule.nth - 1))
    early_january = (day.dt.month() == 1) & (day.dt.day() <= 3)
    return pl.when(early_january).then(day + pl.duration(days=7)).otherwise(day)


def _releases_of(captures: pl.DataFrame, series: Series) -> pl.DataFrame:
    """All values of one series. Values equal at the published precision are no change."""
    ordered = captures.sort("observed_on", "captured_at", "is_vintage", "origin")
    known = (
        pl.concat([ordered.select("observed_on", "value", "captured_at", "is_vintage"), _absent(ordered, series)])
        .sort("observed_on", "captured_at", maintain_order=True)
        .with_columns(published=pl.col("value").round(series.decimals), first_value=pl.col("value").is_not_null())
        # the source had nothing yet: not a value that was later revised
        .filter(
            pl.col("first_value").cum_max().over("observed_on") | ~pl.col("first_value").any().over("observed_on")
        )
        .filter(
            ~pl.col("published").eq_missing(pl.col("published").shift(1)).over("observed_on")
            | (pl.int_range(pl.len()) == 0).over("observed_on")
        )
    )
    return (
        known.with_columns(
            series_id=pl.lit(series.series_id),
            seq=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("observed_on"),
            by_rule=available_at(series),
        )
        .with_columns(
            # a revision cannot be known before the first value
            available_at=pl.when(pl.col("seq") == 1)
            .then("by_rule")
            .otherwise(pl.max_horizontal("captured_at", "by_rule")),
            availability=pl.when((pl.col("seq") > 1) & pl.col("is_vintage"))
            .then(pl.lit("vintage"))
            .otherwise(pl.lit("rule")),
        )
        .select(core.MacroReleases.column_names())
    )


def _absent(captures: pl.DataFrame, series: Series) -> pl.DataFrame:
    """Periods that the source skipped between two it served: rows with NULL, as if it had written a full stop.

    October 2025 has no unemployment rate: some copies leave it blank, others leave the row out.
    """
    empty = captures.select("observed_on", "value", "captured_at", "is_vintage").clear()
    step = STEP.get(series.frequency)
    served = captures.group_by("observed_on").agg(pl.col("captured_at").min()).sort("observed_on")
    if step is None or served.height < 2:
        return empty
    gaps = (
        served.with_columns(previous=pl.col("observed_on").shift(1))
        # two whole steps apart: a fiscal year that moved by a quarter leaves no hole
        .filter(pl.col("previous").dt.offset_by(step).dt.offset_by(step) <= pl.col("observed_on").dt.offset_by("3d"))
        .with_columns(
            observed_on=pl.date_ranges(
                pl.col("previous").dt.offset_by(step), pl.col("observed_on").dt.offset_by("-3d"), step
            )
        )
        .explode("observed_on")
    )
    return gaps.select(
        "observed_on", pl.lit(None, pl.Float64).alias("value"), "captured_at", pl.lit(False).alias("is_vintage")
    )
